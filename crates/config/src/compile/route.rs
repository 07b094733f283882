//! Routes, one by one.

use std::time::Duration;

use doorward_authorize::{RouteId, Rule, Shadow};
use doorward_hygiene::{NormalPath, OriginPattern};
use http::HeaderValue;
use rustls_pki_types::CertificateDer;

use super::Compiler;
use super::assertion::OfRoutes;
use super::client_certificates::OfHost;
use super::headers::ResponseHeaders;
use super::policy_warnings::LookedAt;
use super::ppl::PlacedRule;
use crate::domain::dns::LookupFamily;
use crate::domain::route::{HostHeader, PathRule, Route};
use crate::domain::timeouts::Limit;
use crate::domain::upgrades::Upgrades;
use crate::problem::Place;
use crate::raw::duration::Span;
use crate::raw::route::RawRoute;
use crate::raw::{At, Given};

const SHORTEST_MAX_AGE: Duration = Duration::from_secs(60);

/// What routes take from the top of the file.
pub(super) struct Defaults<'a> {
    pub(super) timeout: Limit,
    pub(super) lookup: LookupFamily,
    pub(super) authorities: &'a [CertificateDer<'static>],
    pub(super) response_headers: &'a ResponseHeaders,
    pub(super) pass_identity_headers: bool,
    pub(super) assertion: OfRoutes,
    pub(super) upgrades: Upgrades,
}

/// The routes that could be made out.
#[derive(Default)]
pub(super) struct Routes {
    pub(super) list: Vec<Route>,
    /// Those that want no headers set by default.
    pub(super) bare: Vec<RouteId>,
    /// The authorities that routes name for their hosts.
    pub(super) client_authorities: Vec<OfHost>,
}

impl Compiler<'_> {
    pub(super) fn routes(&mut self, raw: &Given<Vec<RawRoute>>, defaults: &Defaults<'_>, whole: &Place) -> Routes {
        let Some(raw) = raw.value().filter(|raw| !raw.is_empty()) else {
            if !matches!(raw, Given::Unreadable) {
                self.problems.error(
                    whole,
                    "there are no `routes`, so there is nothing to serve",
                    "Add at least one:\nroutes:\n  - from: https://code.example.com\n    to: http://127.0.0.1:8080\n    \
                     policy:\n      - allow: {or: [{email: {is: you@example.com}}]}",
                );
            }
            return Routes::default();
        };
        let mut routes = Routes::default();
        let mut places = Vec::new();
        let mut looked_at = LookedAt::default();
        for raw in raw {
            let own = self.client_authorities_of(raw);
            if let Some((route, bare)) = self.route(raw, defaults, &mut looked_at) {
                if let Some((authorities, place)) = own {
                    let host = route.from.host.clone();
                    routes.client_authorities.push(OfHost { host, authorities, place });
                }
                if bare {
                    routes.bare.push(route.id.clone());
                }
                routes.list.push(route);
                places.push(raw.place.clone());
            }
        }
        self.table(&routes.list, &places);
        routes
    }

    /// The authorities a route names for its host, and where.
    fn client_authorities_of(&mut self, raw: &RawRoute) -> Option<(Vec<CertificateDer<'static>>, Place)> {
        let place = raw.client_authorities.place()?.clone();
        let authorities =
            self.authorities(&raw.client_authorities, "tls_downstream_client_ca", "tls_downstream_client_ca_file");
        self.expired_authorities(&authorities, &place);
        (!authorities.is_empty()).then_some((authorities, place))
    }

    /// The route, and whether it wants no headers set by default.
    fn route(&mut self, raw: &RawRoute, defaults: &Defaults<'_>, looked_at: &mut LookedAt) -> Option<(Route, bool)> {
        if raw.from.is_absent() {
            self.problems.error(&raw.place, "this route has no `from`", "Add `from: https://HOST`.");
        }
        let from = raw.from.value().and_then(|text| self.from(text));
        let path = self.path_rule(raw);
        let (target, base_path) =
            self.target(raw, defaults).map_or((None, None), |(target, base)| (Some(target), base));
        let prefix_rewrite = self.prefix_rewrite(raw, path.as_ref(), base_path);
        let host_header = self.host_header(raw);
        let upgrades = self.upgrades_of_route(raw, &defaults.upgrades);
        self.blank_editor(raw, host_header.as_ref(), upgrades.websocket);
        let response_headers = self.route_headers(raw.set_response_headers.as_ref(), defaults.response_headers);
        let set_request_headers = self.request_headers(raw.set_request_headers.as_ref());
        self.tokens_in_the_clear(raw.set_request_headers.as_ref(), target.as_ref());
        let (jwt_groups_filter, jwt_issuer_format) = self.assertion_of_route(&raw.assertion, &defaults.assertion);
        let remove_request_headers = self.removed_headers(raw.remove_request_headers.as_ref());
        let before = self.problems.count(crate::Severity::Error);
        let placed = self.policy(&raw.policy, &raw.place);
        self.policy_warnings(&placed, raw, before, looked_at);
        let rules = rules_of(placed);
        let before = self.problems.count(crate::Severity::Error);
        let shadow = self.policy_shadow(&raw.policy);
        if let Some(placed) = &shadow {
            self.policy_warnings(placed, raw, before, looked_at);
        }
        let authentication_max_age = self.authentication_max_age(raw);
        self.unused_without_upstream(raw);

        let (from, path, target) = (from?, path?, target?);
        let id = route_id(&from, &path);
        let route = Route {
            policy: self.shared.policies.of(&id, rules).with_max_age(authentication_max_age),
            policy_shadow: shadow.map(|placed| {
                let policy = self.shared.policies.of(&id, rules_of(placed));
                // Of the age alone there is nothing to try.
                Shadow::new(policy.with_max_age(authentication_max_age))
            }),
            show_error_details: raw.show_error_details.as_ref().is_some_and(|flag| flag.value),
            authentication_max_age,
            name: raw.name.as_ref().map_or_else(|| default_name(&from, &path), |name| name.value.clone()),
            description: raw.description.as_ref().map(|text| text.value.clone()).unwrap_or_default(),
            upgrades,
            host_header: host_header.unwrap_or(HostHeader::OfUpstream),
            prefix_rewrite,
            set_request_headers,
            remove_request_headers,
            set_response_headers: response_headers.set,
            pass_identity_headers: raw
                .pass_identity_headers
                .as_ref()
                .map_or(defaults.pass_identity_headers, |flag| flag.value),
            jwt_groups_filter,
            jwt_issuer_format,
            timeout: raw.timeout.as_ref().map_or(defaults.timeout, |limit| limit.value),
            idle_timeout: raw.idle_timeout.as_ref().map(|limit| limit.value),
            line: raw.place.line(),
            id,
            from,
            path,
            target,
        };
        Some((route, response_headers.disabled))
    }

    fn authentication_max_age(&mut self, raw: &RawRoute) -> Option<Duration> {
        let At { value, place } = raw.authentication_max_age.as_ref()?;
        let Span::Lasts(age) = value else { return None };
        if *age < SHORTEST_MAX_AGE {
            self.problems.error(
                place,
                "`authentication_max_age` is below a minute, so people would hardly arrive before they had to sign in again",
                "Write `1m` at least; leave it out where a sign-in is good for as long as `cookie_expire` says.",
            );
            return None;
        }
        if raw.policy.allow_public_unauthenticated_access.as_ref().is_some_and(|flag| flag.value) {
            self.problems.error(
                place,
                "`authentication_max_age` stands on a public route, where nobody signs in",
                "Remove it, or say who may pass.",
            );
            return None;
        }
        Some(*age)
    }

    fn prefix_rewrite(
        &mut self,
        raw: &RawRoute,
        path: Option<&PathRule>,
        base_path: Option<At<String>>,
    ) -> Option<String> {
        let (key, text) = match (&raw.prefix_rewrite, base_path) {
            (Some(text), _) => ("prefix_rewrite", text.clone()),
            (None, Some(base)) => ("to", base),
            (None, None) => return None,
        };
        if matches!(path, Some(PathRule::Regex(_))) {
            let what = if key == "to" { "`to` has a path" } else { "`prefix_rewrite` is given" };
            self.problems.error(
                &text.place,
                format!("{what}, but with `regex` there is no prefix that it could replace"),
                "Remove it, or use `prefix` or `path` instead of `regex`.",
            );
            return None;
        }
        // It is sent as it stands here, so it has to be such as a request may have.
        if NormalPath::parse(&text.value).is_ok() {
            return Some(text.value);
        }
        self.problems.error(
            &text.place,
            "`prefix_rewrite` is no path that can be sent",
            "Begin it with `/`, percent-encode what is not visible ASCII, and leave out `.` and `..` segments.",
        );
        None
    }

    fn host_header(&mut self, raw: &RawRoute) -> Option<HostHeader> {
        let preserve = raw.preserve_host_header.as_ref().is_some_and(|flag| flag.value);
        match &raw.host_rewrite {
            None if preserve => Some(HostHeader::Preserve),
            None => Some(HostHeader::OfUpstream),
            Some(text) if preserve => {
                self.problems.error(
                    &text.place,
                    "`host_rewrite` and `preserve_host_header: true` contradict each other",
                    "Remove one of the two.",
                );
                None
            }
            Some(text) => match doorward_hygiene::Authority::parse(&text.value) {
                Ok(authority) => HeaderValue::from_str(&authority.to_string()).ok().map(HostHeader::Fixed),
                Err(error) => {
                    let reason = match error {
                        _ if text.value.contains(['/', '@']) => "this is a URL".into(),
                        _ if text.value.contains('*') => "this is a wildcard".into(),
                        error => error.to_string(),
                    };
                    self.problems.error(
                        &text.place,
                        format!("`host_rewrite` is a host, but {reason}"),
                        "Write a name such as `app.internal`, with `:PORT` if need be, without scheme or path. \
                         `preserve_host_header: true` passes on the visitor's.",
                    );
                    None
                }
            },
        }
    }

    /// The mistake people make most often with code-server.
    fn blank_editor(&mut self, raw: &RawRoute, host_header: Option<&HostHeader>, websockets: bool) {
        let Some(flag) = &raw.allow_websockets else { return };
        if websockets && raw.to.value().is_some() && host_header == Some(&HostHeader::OfUpstream) {
            self.problems.hint(
                &flag.place,
                "`allow_websockets` is given without `preserve_host_header`; code-server then shows a blank editor",
                "Add `preserve_host_header: true`, unless the application expects its own name in `Host`.",
            );
        }
    }

    fn unused_without_upstream(&mut self, raw: &RawRoute) {
        if !raw.to.is_absent() || (raw.redirect.is_none() && raw.response.is_none()) {
            return;
        }
        let unused = [
            ("allow_websockets", raw.allow_websockets.as_ref().map(|at| &at.place)),
            ("allow_spdy", raw.upgrades.spdy.as_ref().map(|at| &at.place)),
            ("allow_upgrades", raw.upgrades.list.as_ref().map(|at| &at.place)),
            ("preserve_host_header", raw.preserve_host_header.as_ref().map(|at| &at.place)),
            ("host_rewrite", raw.host_rewrite.as_ref().map(|at| &at.place)),
            ("prefix_rewrite", raw.prefix_rewrite.as_ref().map(|at| &at.place)),
            ("set_request_headers", raw.set_request_headers.as_ref().map(|at| &at.place)),
            ("remove_request_headers", raw.remove_request_headers.as_ref().map(|at| &at.place)),
            ("jwt_groups_filter", raw.assertion.groups_filter.as_ref().map(|at| &at.place)),
            ("jwt_issuer_format", raw.assertion.issuer_format.as_ref().map(|at| &at.place)),
            ("pass_identity_headers", raw.pass_identity_headers.as_ref().map(|at| &at.place)),
            ("timeout", raw.timeout.as_ref().map(|at| &at.place)),
            ("idle_timeout", raw.idle_timeout.as_ref().map(|at| &at.place)),
            ("tls_skip_verify", raw.tls.skip_verify.as_ref().map(|at| &at.place)),
            ("tls_server_name", raw.tls.server_name.as_ref().map(|at| &at.place)),
            ("tls_upstream_server_name", raw.tls.upstream_server_name.as_ref().map(|at| &at.place)),
            ("tls_client_cert", raw.tls.client_cert.place()),
            ("tls_client_key", raw.tls.client_key.place()),
        ];
        for (key, place) in unused {
            if let Some(place) = place {
                self.problems.hint(place, format!("`{key}` has no effect without `to`"), "Remove it.");
            }
        }
    }
}

fn rules_of(placed: Vec<PlacedRule>) -> Vec<Rule> {
    placed.into_iter().map(|placed| placed.rule).collect()
}

/// The name of a route in logs: its host, and how its paths are told.
fn route_id(from: &OriginPattern, path: &PathRule) -> RouteId {
    let authority = from.authority();
    RouteId::new(&match path {
        PathRule::Prefix(prefix) => format!("{authority}{prefix}"),
        PathRule::Exact(path) => format!("{authority}={path}"),
        PathRule::Regex(regex) => format!("{authority}~{}", written(regex)),
    })
}

fn default_name(from: &OriginPattern, path: &PathRule) -> String {
    match path {
        PathRule::Exact(path) | PathRule::Prefix(path) if path != "/" => format!("{}{path}", from.authority()),
        _ => from.authority(),
    }
}

/// A regex as it stands in the file, without the anchors put around it.
pub(super) fn written(regex: &regex::Regex) -> &str {
    let text = regex.as_str();
    text.strip_prefix(r"\A(?:").and_then(|rest| rest.strip_suffix(r")\z")).unwrap_or(text)
}
