//! Which route a request is for.
//!
//! Refuses a path that could be read as another route's: if cutting `;parameters` and merging slashes, as some
//! upstreams do, or taking `%2F` for a slash leads to another route, nobody can say which one the visitor meant. Refuses too what falls off a
//! host of its own: a wildcard that covers it is not asked for the paths it has no route for.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use doorward_config::{PathRule, Route};
use doorward_hygiene::{HostPattern, Hostname, NormalPath};
use regex::Regex;

use crate::by_host::ByHost;
use crate::by_text::ByText;

/// The port of an https URL that names none.
const HTTPS: u16 = 443;

/// A route, or something that holds one.
pub trait Routed {
    /// The route as configured.
    fn route(&self) -> &Route;
}

impl Routed for Route {
    fn route(&self) -> &Route {
        self
    }
}

/// Every route, found by host and path in a time that does not depend on how many there are.
///
/// The usual host has one route, for all of its paths: it is found by the host alone, and what the table has of it is a
/// few dozen bytes. What more there is to a host is kept apart.
#[derive(Debug)]
pub struct RouteTable<R> {
    hosts: ByHost<HostRoutes<R>>,
}

/// Why no route was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotFound {
    /// No route has this host.
    Host,
    /// None of the host's routes has this path.
    Path,
    /// Two readings of the path lead to two routes.
    Ambiguous,
}

impl<R: Routed> RouteTable<R> {
    /// A table of these routes; where two are for the same, the first wins. `own` are hosts that no wildcard may take
    /// though no route names them: the sign-in host's, whose pages no application may stand beside.
    pub fn new(routes: impl IntoIterator<Item = Arc<R>>, own: impl IntoIterator<Item = Hostname>) -> Self {
        let mut hosts: HashMap<HostPattern, Vec<(u16, Arc<R>)>> = HashMap::new();
        for route in routes {
            let from = &route.route().from;
            hosts.entry(from.host.clone()).or_default().push((from.port, route));
        }
        for host in own {
            let _nothing = hosts.entry(HostPattern::Exact(host)).or_default();
        }
        let hosts: HashMap<_, _> = hosts.into_iter().map(|(host, routes)| (host, HostRoutes::new(&routes))).collect();
        Self { hosts: hosts.into() }
    }

    /// Whether this host is one of the table's, by its name or by a wildcard.
    pub fn has_host(&self, host: &Hostname) -> bool {
        self.hosts.get(host).is_some()
    }

    /// The route for a request: of the routes that name its host, or only if none does, of those whose wildcard covers
    /// it, an exact path before a regex, regexes by their priority and then in the order of the file, and last the longest
    /// prefix that ends at a segment's border.
    ///
    /// The port of the request chooses between routes that differ by port; where none has it, it does not matter:
    /// Doorward may be reached by another port than the one in `from` (a container's, a balancer's).
    pub fn find(&self, host: &Hostname, port: Option<u16>, path: &NormalPath) -> Result<&Arc<R>, NotFound> {
        let paths = match self.hosts.get(host).ok_or(NotFound::Host)? {
            HostRoutes::Only(route) => return Ok(route),
            HostRoutes::Several(ports) => ports.at(port.unwrap_or(HTTPS)),
        };
        let mut readings = path.readings().map(|reading| paths.find(reading));
        let found = readings.next().flatten();
        if readings.any(|other| found.map(Arc::as_ptr) != other.map(Arc::as_ptr)) {
            return Err(NotFound::Ambiguous);
        }
        found.ok_or(NotFound::Path)
    }
}

/// The routes of one host.
#[derive(Debug)]
enum HostRoutes<R> {
    /// One, for all paths.
    Only(Arc<R>),
    Several(Box<Ports<R>>),
}

impl<R: Routed> HostRoutes<R> {
    fn new(routes: &[(u16, Arc<R>)]) -> Self {
        if let [(_, route)] = routes
            && matches!(&route.route().path, PathRule::Prefix(prefix) if prefix == "/")
        {
            return Self::Only(Arc::clone(route));
        }
        Self::Several(Box::new(Ports::new(routes)))
    }
}

/// Routes told apart by their ports.
#[derive(Debug)]
struct Ports<R> {
    /// Each port's own; empty where there is only one port, and nothing needs to be told apart.
    own: Vec<(u16, PathTable<R>)>,
    /// Of all ports together.
    any: PathTable<R>,
}

impl<R: Routed> Ports<R> {
    fn new(routes: &[(u16, Arc<R>)]) -> Self {
        let mut ports: Vec<u16> = Vec::new();
        for (port, _) in routes {
            if !ports.contains(port) {
                ports.push(*port);
            }
        }
        if ports.len() == 1 {
            ports.clear();
        }
        let at = |port: u16| routes.iter().filter(move |(own, _)| *own == port).map(|(_, route)| route);
        Self {
            own: ports.into_iter().map(|port| (port, PathTable::new(at(port)))).collect(),
            any: PathTable::new(routes.iter().map(|(_, route)| route)),
        }
    }

    fn at(&self, port: u16) -> &PathTable<R> {
        self.own.iter().find(|(known, _)| *known == port).map_or(&self.any, |(_, table)| table)
    }
}

/// Routes told apart by their paths.
#[derive(Debug)]
struct PathTable<R> {
    exact: ByText<Arc<R>>,
    regexes: Vec<(Regex, Arc<R>)>,
    prefixes: ByText<Arc<R>>,
    longest_prefix: usize,
}

impl<R: Routed> PathTable<R> {
    fn new<'a>(routes: impl Iterator<Item = &'a Arc<R>>) -> Self
    where
        R: 'a,
    {
        let (mut exact, mut regexes, mut prefixes) = (HashMap::new(), Vec::<(_, Arc<R>)>::new(), HashMap::new());
        for route in routes {
            let own = Arc::clone(route);
            match &route.route().path {
                PathRule::Exact(path) => {
                    exact.entry(path.as_str()).or_insert(own);
                }
                PathRule::Regex(regex) => regexes.push((regex.clone(), own)),
                PathRule::Prefix(prefix) => {
                    prefixes.entry(prefix.as_str()).or_insert(own);
                }
            }
        }
        // Stable: those of one priority stay in the order of the file.
        regexes.sort_by_key(|(_, route)| Reverse(route.route().regex_priority));
        let longest_prefix = prefixes.keys().map(|prefix| prefix.len()).max().unwrap_or_default();
        Self { exact: exact.into(), regexes, prefixes: prefixes.into(), longest_prefix }
    }

    fn find(&self, path: &str) -> Option<&Arc<R>> {
        self.exact
            .get(path)
            .or_else(|| self.regexes.iter().find(|(regex, _)| regex.is_match(path)).map(|(_, route)| route))
            .or_else(|| self.longest_prefix_of(path))
    }

    /// Looks up every prefix of the path that could be one of ours, the longest first: the whole path, and at each
    /// slash the path up to it and including it. Paths longer than our longest prefix cost nothing more.
    fn longest_prefix_of(&self, path: &str) -> Option<&Arc<R>> {
        let whole = Some(path).filter(|path| path.len() <= self.longest_prefix);
        if let Some(route) = whole.and_then(|path| self.prefixes.get(path)) {
            return Some(route);
        }
        let reach = path.len().min(self.longest_prefix + 1);
        let slashes = path.as_bytes().get(..reach)?.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
        for (at, _) in slashes {
            let with_slash = path.get(..=at).and_then(|prefix| self.prefixes.get(prefix));
            if let Some(route) = with_slash.or_else(|| path.get(..at).and_then(|prefix| self.prefixes.get(prefix))) {
                return Some(route);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
