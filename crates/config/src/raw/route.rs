//! One route.

use super::assertion::RawRouteAssertion;
use super::duration::Span;
use super::policy::RawPolicy;
use super::unsupported::{NONE, ROUTE};
use super::upgrades::RawUpgrades;
use super::{At, Given, HeaderPairs, Pairs, RawSecret, Reading, Section};
use crate::Limit;
use crate::problem::Place;
use crate::yaml::Node;

#[derive(Debug)]
pub(crate) struct RawRoute {
    pub(crate) place: Place,
    pub(crate) name: Option<At<String>>,
    pub(crate) description: Option<At<String>>,
    /// Perhaps empty.
    pub(crate) from: Given<At<String>>,
    pub(crate) to: Given<At<Vec<At<String>>>>,
    pub(crate) redirect: Option<RawRedirect>,
    pub(crate) response: Option<RawResponse>,
    pub(crate) prefix: Option<At<String>>,
    pub(crate) path: Option<At<String>>,
    pub(crate) regex: Option<At<String>>,
    pub(crate) prefix_rewrite: Option<At<String>>,
    pub(crate) host_rewrite: Option<At<String>>,
    pub(crate) preserve_host_header: Option<At<bool>>,
    pub(crate) allow_websockets: Option<At<bool>>,
    pub(crate) upgrades: RawUpgrades,
    pub(crate) set_request_headers: Option<At<HeaderPairs>>,
    pub(crate) remove_request_headers: Option<At<Vec<At<String>>>>,
    pub(crate) set_response_headers: Option<At<Pairs>>,
    pub(crate) pass_identity_headers: Option<At<bool>>,
    pub(crate) assertion: RawRouteAssertion,
    pub(crate) timeout: Option<At<Limit>>,
    pub(crate) idle_timeout: Option<At<Limit>>,
    pub(crate) tls: RawUpstreamTls,
    /// The authorities whose certificates visitors of this host show; given even when empty.
    pub(crate) client_authorities: RawSecret,
    pub(crate) policy: RawPolicy,
    pub(crate) show_error_details: Option<At<bool>>,
    pub(crate) authentication_max_age: Option<At<Span>>,
}

/// What a route says of its upstream's TLS.
#[derive(Debug)]
pub(crate) struct RawUpstreamTls {
    pub(crate) skip_verify: Option<At<bool>>,
    pub(crate) server_name: Option<At<String>>,
    pub(crate) custom_ca: RawSecret,
    pub(crate) upstream_server_name: Option<At<String>>,
    pub(crate) client_cert: RawSecret,
    pub(crate) client_key: RawSecret,
}

#[derive(Debug)]
pub(crate) struct RawRedirect {
    pub(crate) place: Place,
    pub(crate) https_redirect: Option<At<bool>>,
    pub(crate) scheme_redirect: Option<At<String>>,
    pub(crate) host_redirect: Option<At<String>>,
    pub(crate) port_redirect: Option<At<u16>>,
    pub(crate) path_redirect: Option<At<String>>,
    pub(crate) prefix_rewrite: Option<At<String>>,
    pub(crate) response_code: Option<At<u16>>,
    pub(crate) strip_query: Option<At<bool>>,
}

#[derive(Debug)]
pub(crate) struct RawResponse {
    pub(crate) place: Place,
    pub(crate) status: Option<At<u16>>,
    pub(crate) body: Option<At<String>>,
}

impl RawRoute {
    pub(super) fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = Section::of(node, "a route", reading)?;
        let raw = Self {
            place: section.place.clone(),
            name: section.text("name", reading),
            description: section.text("description", reading),
            from: Given::read(reading, |reading| section.text_or_empty("from", reading)),
            to: Given::read(reading, |reading| section.texts("to", reading)),
            redirect: RawRedirect::read(&mut section, reading),
            response: RawResponse::read(&mut section, reading),
            prefix: section.text("prefix", reading),
            path: section.text("path", reading),
            regex: section.text("regex", reading),
            prefix_rewrite: section.text("prefix_rewrite", reading),
            host_rewrite: section.text("host_rewrite", reading),
            preserve_host_header: section.flag("preserve_host_header", reading),
            allow_websockets: section.flag("allow_websockets", reading),
            upgrades: RawUpgrades::read(&mut section, reading),
            set_request_headers: section.header_pairs("set_request_headers", reading),
            remove_request_headers: section.texts("remove_request_headers", reading),
            set_response_headers: section.pairs("set_response_headers", reading),
            pass_identity_headers: section.flag("pass_identity_headers", reading),
            assertion: RawRouteAssertion::read(&mut section, reading),
            timeout: section.limit("timeout", reading),
            idle_timeout: section.limit("idle_timeout", reading),
            tls: RawUpstreamTls {
                skip_verify: section.flag("tls_skip_verify", reading),
                server_name: section.text("tls_server_name", reading),
                custom_ca: section.secret("tls_custom_ca", "tls_custom_ca_file", reading),
                upstream_server_name: section.text("tls_upstream_server_name", reading),
                client_cert: section.secret("tls_client_cert", "tls_client_cert_file", reading),
                client_key: section.secret("tls_client_key", "tls_client_key_file", reading),
            },
            client_authorities: section.secret_or_empty(
                "tls_downstream_client_ca",
                "tls_downstream_client_ca_file",
                reading,
            ),
            policy: RawPolicy::read(&mut section, reading),
            show_error_details: section.flag("show_error_details", reading),
            authentication_max_age: section.span("authentication_max_age", reading),
        };
        section.close("a route", ROUTE, reading);
        Some(raw)
    }
}

impl RawRedirect {
    fn read(route: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let node = route.node("redirect")?;
        let mut section = Section::of(&node, "`redirect`", reading)?;
        let raw = Self {
            place: section.place.clone(),
            https_redirect: section.flag("https_redirect", reading),
            scheme_redirect: section.text("scheme_redirect", reading),
            host_redirect: section.text("host_redirect", reading),
            port_redirect: section.number("port_redirect", reading),
            path_redirect: section.text("path_redirect", reading),
            prefix_rewrite: section.text("prefix_rewrite", reading),
            response_code: section.number("response_code", reading),
            strip_query: section.flag("strip_query", reading),
        };
        section.close("`redirect`", NONE, reading);
        Some(raw)
    }
}

impl RawResponse {
    fn read(route: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let node = route.node("response")?;
        let mut section = Section::of(&node, "`response`", reading)?;
        let raw = Self {
            place: section.place.clone(),
            status: section.number("status", reading),
            body: section.text_or_empty("body", reading),
        };
        section.close("`response`", NONE, reading);
        Some(raw)
    }
}
