//! Which route a request is for.
//!
//! Refuses a path that could be read as another route's: if cutting `;parameters` and merging slashes, as some
//! upstreams do, leads to another route, nobody can say which one the visitor meant. Refuses too what falls off a
//! host of its own: a wildcard that covers it is not asked for the paths it has no route for.

use std::collections::HashMap;
use std::sync::Arc;

use doorward_config::{PathRule, Route};
use doorward_hygiene::{HostPattern, Hostname, NormalPath};
use regex::Regex;

use crate::by_host::ByHost;

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
        let mut table = Self { hosts: ByHost::default() };
        for route in routes {
            let from = &route.route().from;
            table.hosts.entry(&from.host).add(from.port, &route);
        }
        for host in own {
            let _nothing = table.hosts.entry(&HostPattern::Exact(host));
        }
        table.hosts.values_mut().for_each(HostRoutes::settle);
        table
    }

    /// Whether this host is one of the table's, by its name or by a wildcard.
    pub fn has_host(&self, host: &Hostname) -> bool {
        self.hosts.get(host).is_some()
    }

    /// The route for a request: of the routes that name its host, or only if none does, of those whose wildcard covers
    /// it, an exact path before a regex, regexes in the order of the file, then the longest
    /// prefix that ends at a segment's border.
    ///
    /// The port of the request chooses between routes that differ by port; where none has it, it does not matter:
    /// Doorward may be reached by another port than the one in `from` (a container's, a balancer's).
    pub fn find(&self, host: &Hostname, port: Option<u16>, path: &NormalPath) -> Result<&Arc<R>, NotFound> {
        let paths = self.hosts.get(host).ok_or(NotFound::Host)?.at(port.unwrap_or(HTTPS));
        let found = paths.find(path.decoded());
        if let Some(loose) = path.loose() {
            let other = paths.find(loose);
            if found.map(Arc::as_ptr) != other.map(Arc::as_ptr) {
                return Err(NotFound::Ambiguous);
            }
        }
        found.ok_or(NotFound::Path)
    }
}

#[derive(Debug)]
struct HostRoutes<R> {
    by_port: Vec<(u16, PathTable<R>)>,
    /// Of all ports together.
    any: PathTable<R>,
}

// By hand, since the derived one would ask it of `R` too.
impl<R> Default for HostRoutes<R> {
    fn default() -> Self {
        Self { by_port: Vec::new(), any: PathTable::default() }
    }
}

impl<R: Routed> HostRoutes<R> {
    fn add(&mut self, port: u16, route: &Arc<R>) {
        self.any.add(route);
        if let Some((_, table)) = self.by_port.iter_mut().find(|(known, _)| *known == port) {
            table.add(route);
        } else {
            let mut table = PathTable::default();
            table.add(route);
            self.by_port.push((port, table));
        }
    }

    /// With one port only, all routes are in `any` and nothing needs to be told apart.
    fn settle(&mut self) {
        if self.by_port.len() == 1 {
            self.by_port.clear();
        }
    }

    fn at(&self, port: u16) -> &PathTable<R> {
        self.by_port.iter().find(|(known, _)| *known == port).map_or(&self.any, |(_, table)| table)
    }
}

#[derive(Debug)]
struct PathTable<R> {
    exact: HashMap<Box<str>, Arc<R>>,
    regexes: Vec<(Regex, Arc<R>)>,
    prefixes: HashMap<Box<str>, Arc<R>>,
    longest_prefix: usize,
}

impl<R> Default for PathTable<R> {
    fn default() -> Self {
        Self { exact: HashMap::new(), regexes: Vec::new(), prefixes: HashMap::new(), longest_prefix: 0 }
    }
}

impl<R: Routed> PathTable<R> {
    fn add(&mut self, route: &Arc<R>) {
        let route = Arc::clone(route);
        match &route.route().path {
            PathRule::Exact(path) => {
                self.exact.entry(path.as_str().into()).or_insert(route);
            }
            PathRule::Regex(regex) => self.regexes.push((regex.clone(), route)),
            PathRule::Prefix(prefix) => {
                self.longest_prefix = self.longest_prefix.max(prefix.len());
                self.prefixes.entry(prefix.as_str().into()).or_insert(route);
            }
        }
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
        if let Some(route) = self.prefixes.get(path) {
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
