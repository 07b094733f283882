//! Which routes somebody may open, by the true policy of each.

use std::net::IpAddr;
use std::time::SystemTime;

use doorward_authorize::{Decision, Facts, Visitor};
use doorward_config::{PathRule, Route};
use doorward_hygiene::{HostPattern, NormalPath};
use doorward_identity::{Identity, Presented};
use doorward_pages::{RouteAddress, RouteCard};
use doorward_proxy::passed_on;
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
            // Who may open it once signed in again may open it.
            let policy = route.policy.clone().with_max_age(None);
            Some((NormalPath::parse(path).ok()?, Route { policy, ..route.clone() }))
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
        let headers = passed_on(headers);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use doorward_authorize::{
        Action, Case, Criterion, Networks, Operator, Origin, Policy, RouteId, Rule, StringMatcher, StringTest,
    };
    use doorward_config::{HostHeader, Limit, StaticResponse, Target, Upgrades};
    use doorward_hygiene::OriginPattern;
    use doorward_identity::{Claims, Groups, Subject, VerifiedEmail};
    use http::{HeaderValue, StatusCode};

    use super::*;

    fn route(name: &str, criterion: Criterion) -> Route {
        let rule = Rule {
            action: Action::Allow,
            operator: Operator::Or,
            criteria: vec![criterion],
            origin: Origin::Route,
            line: 1,
        };
        Route {
            id: RouteId::new(name),
            name: name.into(),
            description: String::new(),
            from: OriginPattern::parse(&format!("https://{name}.test")).unwrap(),
            path: PathRule::Prefix("/".into()),
            policy: Policy::new(RouteId::new(name), vec![rule]),
            policy_shadow: None,
            show_error_details: false,
            authentication_max_age: None,
            target: Target::Response(StaticResponse { status: StatusCode::OK, body: String::new() }),
            upgrades: Upgrades::default(),
            host_header: HostHeader::OfUpstream,
            prefix_rewrite: None,
            set_request_headers: Vec::new(),
            remove_request_headers: Vec::new(),
            set_response_headers: Vec::new(),
            pass_identity_headers: false,
            jwt_groups_filter: None,
            jwt_issuer_format: doorward_config::IssuerFormat::HostOnly,
            timeout: Limit::Never,
            idle_timeout: None,
            line: 1,
        }
    }

    #[test]
    fn it_shows_what_is_open_from_here_and_with_this_browser() {
        let is = |text: &str| StringMatcher::new(vec![StringTest::Is(text.into())], Case::Sensitive);
        let office = Networks::new(vec![Networks::parse_one("10.0.0.0/8").unwrap()]);
        // Signed in too long ago for it, but who has done so again may open it.
        let recent = |mut route: Route| {
            route.policy = route.policy.with_max_age(Some(Duration::from_secs(60)));
            route
        };
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(3600);
        let routes = [
            recent(route("office", Criterion::SourceIp(office))),
            route("editor", Criterion::UserAgent(is("editor"))),
            route("forged", Criterion::HttpHeader { name: "x-real-ip".parse().unwrap(), matcher: is("10.0.0.1") }),
        ];
        let identity = Identity {
            subject: Subject { issuer: "https://idp.test".into(), id: "u-1".into() },
            email: VerifiedEmail::Absent,
            name: None,
            groups: Groups::default(),
            claims: Claims::default(),
            authenticated_at: SystemTime::UNIX_EPOCH,
        };
        let open = |client: [u8; 4], agent: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("user-agent", HeaderValue::from_static(agent));
            headers.insert("x-real-ip", HeaderValue::from_static("10.0.0.1"));
            let cards = Portal::new(&routes).open_to(&identity, client.into(), &headers, later);
            cards.into_iter().map(|card| card.name).collect::<Vec<_>>()
        };
        assert_eq!(open([10, 0, 0, 1], "browser"), ["office"]);
        assert_eq!(open([192, 0, 2, 1], "editor"), ["editor"]);
        assert!(open([0, 0, 0, 0], "browser").is_empty());
    }
}
