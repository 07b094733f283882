//! Routes against each other: those that collide, those that nothing can reach, those that lead back to us.
//!
//! On one host, an exact path comes before a regex, regexes come by `regex_priority_order` and then in the order of the
//! file, and last the longest prefix. So a route is out of reach when another is the same, or when an expression that comes
//! before it matches every path. A host that has routes of its own comes before a wildcard that covers it, for
//! all its paths: nothing of it falls through to the wildcard.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use doorward_hygiene::{HostPattern, Hostname, OriginPattern, Scheme, parent_of};

use super::Compiler;
use super::route::written;
use crate::domain::route::{PathRule, Route, Target};
use crate::problem::Place;

/// Expressions that match every path. Others may too; these are what people write.
const EVERYTHING: [&str; 12] =
    [".*", "^.*$", "/.*", "^/.*$", "^/.*", "/.*$", ".+", "^.+$", "^.*", ".*$", "(.*)", "/(.*)"];

impl Compiler<'_> {
    /// `places` are those of the routes, in the same order.
    pub(super) fn table(&mut self, routes: &[Route], places: &[Place]) {
        let mut seen: HashMap<&str, &Place> = HashMap::new();
        let mut swallowing: HashMap<String, (i64, &Place)> = HashMap::new();
        for (route, place) in routes.iter().zip(places) {
            if let Some(first) = seen.get(route.id.as_str()) {
                self.problems.error(
                    place,
                    format!("this route has the same `from` and {} as the one at {first}", described(&route.path)),
                    "Make it one route, or give one of them another `prefix`, `path` or `regex`.",
                );
                continue;
            }
            seen.insert(route.id.as_str(), place);
            if matches!(&route.path, PathRule::Regex(regex) if EVERYTHING.contains(&written(regex))) {
                let first = swallowing.entry(route.from.authority()).or_insert((route.regex_priority, place));
                if first.0 < route.regex_priority {
                    *first = (route.regex_priority, place);
                }
            }
        }
        let own: HashSet<&OriginPattern> = routes.iter().map(|route| &route.from).collect();
        for (route, place) in routes.iter().zip(places) {
            self.shadowed(route, place, &swallowing);
            self.circular(route, place, &own);
        }
        self.without_the_rest(routes, places);
    }

    /// A host of its own under a wildcard, without a route for all its paths: somebody may expect the wildcard's.
    fn without_the_rest(&mut self, routes: &[Route], places: &[Place]) {
        let mut wildcards: HashMap<&str, &Place> = HashMap::new();
        let mut complete: HashSet<&Hostname> = HashSet::new();
        for (route, place) in routes.iter().zip(places) {
            match &route.from.host {
                HostPattern::Below(parent) => {
                    wildcards.entry(parent.as_str()).or_insert(place);
                }
                HostPattern::Exact(host) => {
                    let is_whole = match &route.path {
                        PathRule::Prefix(prefix) => prefix == "/",
                        PathRule::Regex(regex) => EVERYTHING.contains(&written(regex)),
                        PathRule::Exact(_) => false,
                    };
                    if is_whole {
                        complete.insert(host);
                    }
                }
            }
        }
        for (route, place) in routes.iter().zip(places) {
            let Some(host) = route.from.host.exact() else { continue };
            // Told once a host.
            let Some(wildcard) =
                parent_of(host).and_then(|parent| wildcards.get(parent)).filter(|_| complete.insert(host))
            else {
                continue;
            };
            self.problems.hint(
                place,
                format!("`{host}` has routes of its own, so none of its paths falls to the wildcard at {wildcard}"),
                "If its other paths should be served too, add a route for them: the same `from`, without `prefix`, \
                 `path` and `regex`.",
            );
        }
    }

    fn shadowed(&mut self, route: &Route, place: &Place, swallowing: &HashMap<String, (i64, &Place)>) {
        let Some(&(priority, first)) = swallowing.get(&route.from.authority()) else { return };
        let behind = match route.path {
            PathRule::Exact(_) => false,
            PathRule::Regex(_) => (Reverse(priority), first) < (Reverse(route.regex_priority), place),
            PathRule::Prefix(_) => true,
        };
        if behind {
            self.problems.error(
                place,
                format!("nothing can reach this route: the `regex` of the one at {first} matches every path before it"),
                "Narrow that expression. For all paths that nothing else is for, leave `regex` out.",
            );
        }
    }

    fn circular(&mut self, route: &Route, place: &Place, own: &HashSet<&OriginPattern>) {
        let Target::Upstream(upstream) = &route.target else { return };
        let leads_back = upstream.addresses.iter().any(|address| {
            Hostname::parse(&address.host)
                .is_ok_and(|host| patterns_of(&host, address.port).iter().any(|at| own.contains(at)))
        });
        if leads_back {
            self.problems.warning(
                place,
                "`to` is the public address of a route, so its requests may come back to Doorward without end",
                "Give the application's own address, as in `http://127.0.0.1:8080`.",
            );
        }
    }
}

/// The two ways in which a route may be for a host: by its name, and by the wildcard one label up.
fn patterns_of(host: &Hostname, port: u16) -> Vec<OriginPattern> {
    let below = parent_of(host).and_then(|parent| Hostname::parse(parent).ok()).map(HostPattern::Below);
    let hosts = [HostPattern::Exact(host.clone())].into_iter().chain(below);
    hosts.map(|host| OriginPattern { scheme: Scheme::Https, host, port }).collect()
}

fn described(path: &PathRule) -> String {
    match path {
        PathRule::Prefix(prefix) => format!("prefix `{prefix}`"),
        PathRule::Exact(path) => format!("path `{path}`"),
        PathRule::Regex(_) => "regex".into(),
    }
}
