//! Which routes somebody may open, by the true policy of each.

use std::net::IpAddr;
use std::time::SystemTime;

use doorward_authorize::{Decision, Facts, Visitor};
use doorward_config::{PathRule, Route};
use doorward_hygiene::headers::{strip_hop_by_hop, strip_reserved};
use doorward_hygiene::{HostPattern, NormalPath};
use doorward_identity::{Identity, Presented};
use doorward_pages::{RouteAddress, RouteCard};
use http::{HeaderMap, Method};

/// The routes that have an address one can open, or a wildcard of such.
#[derive(Debug)]
pub(crate) struct Portal {
    entrances: Vec<(NormalPath, Route)>,
}

impl Portal {
    /// The portal of these routes. A route for a pattern of paths has no one address, so it is not shown.
    pub(crate) fn new(routes: &[Route]) -> Self {
        let entrances = routes.iter().filter_map(|route| {
            let path = match &route.path {
                PathRule::Prefix(path) | PathRule::Exact(path) => path,
                PathRule::Regex(_) => return None,
            };
            Some((NormalPath::parse(path).ok()?, route.clone()))
        });
        Self { entrances: entrances.collect() }
    }

    /// The routes whose front page this identity may get from where they are, with the browser they have. Whoever may
    /// get it only with a client certificate is not shown it: the portal's own host may not have asked for one.
    pub(crate) fn open_to(
        &self,
        identity: &Identity,
        client: IpAddr,
        headers: &HeaderMap,
        now: SystemTime,
    ) -> Vec<RouteCard> {
        // Policies see what would be passed on.
        let mut headers = headers.clone();
        strip_hop_by_hop(&mut headers);
        strip_reserved(&mut headers);
        let open = self.entrances.iter().filter(|(path, route)| {
            // No criterion asks for the host; of a wildcard's, the name behind it stands for all.
            let (HostPattern::Exact(host) | HostPattern::Below(host)) = &route.from.host;
            let facts = Facts {
                method: &Method::GET,
                host,
                path,
                query: None,
                headers: &headers,
                source_ip: client,
                client_certificate: &Presented::Nothing,
                websocket: false,
                now,
            };
            matches!(route.policy.decide(&facts, Visitor::Known(identity)), Decision::Allow(_))
        });
        open.map(|(path, route)| RouteCard {
            name: route.name.clone(),
            description: route.description.clone(),
            address: address(route, path),
        })
        .collect()
    }
}

/// A wildcard route is no one address, so nothing leads there, but who has a host below it wants to know.
fn address(route: &Route, path: &NormalPath) -> RouteAddress {
    let text = format!("{}{}", route.from, path.raw());
    if route.from.host.exact().is_some() { RouteAddress::Url(text) } else { RouteAddress::Pattern(text) }
}
