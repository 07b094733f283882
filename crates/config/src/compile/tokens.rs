//! Headers that hold the identity provider's tokens: whoever has one can use it there as the visitor.
//!
//! Refuses nothing; warns of tokens that others can read on their way, and of ones that there are none of.

use std::net::IpAddr;

use super::Compiler;
use crate::domain::route::{HeaderPart, Target};
use crate::domain::sign_in::{Provider, SignIn};
use crate::domain::upstream::UpstreamUrl;
use crate::raw::route::RawRoute;
use crate::raw::{At, Given, HeaderPairs};
use crate::yaml::shown;

impl Compiler<'_> {
    /// A token that leaves this machine over plain HTTP.
    pub(super) fn tokens_in_the_clear(&mut self, given: Option<&At<HeaderPairs>>, target: Option<&Target>) {
        let Some(Target::Upstream(upstream)) = target else { return };
        let Some(address) = upstream.addresses.iter().find(|address| !is_safe_from_readers(address)) else { return };
        for (name, token) in given.into_iter().flat_map(tokens) {
            self.problems.warning(
                &name.place,
                format!(
                    "`{}` holds the visitor's {token} token, and goes to {address} in the clear: who reads it on the \
                     way can use it at the identity provider",
                    shown(&name.value)
                ),
                "Give `to` an https address.",
            );
        }
    }

    /// A token where nobody issues any.
    pub(super) fn tokens_of_nobody(&mut self, routes: &Given<Vec<RawRoute>>, sign_in: Option<&SignIn>) {
        let built_in = sign_in.is_some_and(|sign_in| matches!(sign_in.provider, Provider::BuiltIn(_)));
        for route in routes.value().into_iter().flatten().filter(|_| built_in) {
            for (name, token) in route.set_request_headers.iter().flat_map(tokens) {
                self.problems.warning(
                    &name.place,
                    format!(
                        "`{}` holds the visitor's {token} token, but built-in accounts have none: it is never sent",
                        shown(&name.value)
                    ),
                    "Name an identity provider with `idp_provider`, or use `${doorward.jwt}`, which Doorward signs itself.",
                );
            }
        }
    }
}

/// The headers that hold a token, with what it is called.
fn tokens(pairs: &At<HeaderPairs>) -> impl Iterator<Item = (&At<String>, &'static str)> {
    pairs.value.iter().filter_map(|(name, value)| {
        let token = value.value.iter().find_map(|part| match part {
            HeaderPart::AccessToken => Some("access"),
            HeaderPart::IdToken => Some("ID"),
            _ => None,
        });
        Some((name, token?))
    })
}

/// Whether nobody but this machine can read what goes there.
fn is_safe_from_readers(address: &UpstreamUrl) -> bool {
    if address.scheme.is_tls() || address.scheme.is_unix() {
        return true;
    }
    match address.host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => address.host.eq_ignore_ascii_case("localhost"),
    }
}
