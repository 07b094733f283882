//! Routes against each other: those that collide, those that nothing can reach, those that lead back to us.
//!
//! On one host, an exact path comes before a regex, regexes come in the order of the file, and then the
//! longest prefix. So a route is out of reach when another is the same, or when an expression that comes
//! before it matches every path.

use std::collections::{HashMap, HashSet};

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
        let mut swallowing: HashMap<String, &Place> = HashMap::new();
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
                swallowing.entry(route.from.authority()).or_insert(place);
            }
        }
        let own = routes
            .iter()
            .map(|route| (route.from.host.as_str().trim_matches(['[', ']']), route.from.port))
            .collect::<HashSet<_>>();
        for (route, place) in routes.iter().zip(places) {
            self.shadowed(route, place, &swallowing);
            self.circular(route, place, &own);
        }
    }

    fn shadowed(&mut self, route: &Route, place: &Place, swallowing: &HashMap<String, &Place>) {
        let Some(&first) = swallowing.get(&route.from.authority()) else { return };
        let behind = match route.path {
            PathRule::Exact(_) => false,
            PathRule::Regex(_) => first < place,
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

    fn circular(&mut self, route: &Route, place: &Place, own: &HashSet<(&str, u16)>) {
        let Target::Upstream(upstream) = &route.target else { return };
        if upstream.addresses.iter().any(|address| own.contains(&(address.host.as_str(), address.port))) {
            self.problems.warning(
                place,
                "`to` is the public address of a route, so its requests may come back to Doorward without end",
                "Give the application's own address, as in `http://127.0.0.1:8080`.",
            );
        }
    }
}

fn described(path: &PathRule) -> String {
    match path {
        PathRule::Prefix(prefix) => format!("prefix `{prefix}`"),
        PathRule::Exact(path) => format!("path `{path}`"),
        PathRule::Regex(_) => "regex".into(),
    }
}
