//! The token by which a route's upstream, a Kubernetes API server, knows Doorward.
//!
//! Refuses a public route, where strangers would be given it, and headers that would speak in its place. No message
//! holds anything of the token.

use doorward_authorize::Policy;
use doorward_hygiene::headers::is_impersonation;
use http::HeaderValue;
use http::header::AUTHORIZATION;

use super::Compiler;
use super::tokens::is_safe_from_readers;
use crate::domain::route::Target;
use crate::problem::Place;
use crate::raw::route::RawRoute;

const KEY: &str = "kubernetes_service_account_token";
const FILE_KEY: &str = "kubernetes_service_account_token_file";

impl Compiler<'_> {
    /// The `Authorization` that the upstream gets.
    pub(super) fn kubernetes(&mut self, raw: &RawRoute) -> Option<HeaderValue> {
        let place = raw.kubernetes.place()?.clone();
        self.kubernetes_headers(raw);
        let (token, _) = self.secret_text(&raw.kubernetes, KEY, FILE_KEY)?;
        let token = token.trim_ascii();
        let written = token.iter().all(u8::is_ascii_graphic);
        let value =
            HeaderValue::from_bytes(&[b"Bearer ", token].concat()).ok().filter(|_| written && !token.is_empty());
        let Some(mut value) = value else {
            self.problems.error(
                &place,
                format!("`{KEY}` is no token: it has spaces or characters that no token has"),
                "Give the token of a service account alone, as `kubectl create token` prints it.",
            );
            return None;
        };
        value.set_sensitive(true);
        Some(value)
    }

    fn kubernetes_headers(&mut self, raw: &RawRoute) {
        for (name, _) in raw.set_request_headers.iter().flat_map(|pairs| &pairs.value) {
            let Ok(header) = name.value.parse() else { continue };
            if header == AUTHORIZATION || is_impersonation(&header) {
                self.problems.error(
                    &name.place,
                    format!("`{header}` in `set_request_headers` is what `{KEY}` sets"),
                    "Remove it: the API server is told of the visitor's address and groups.",
                );
            }
        }
    }

    /// What can only be told of the whole route.
    pub(super) fn kubernetes_is_for_somebody(&mut self, place: Option<&Place>, policy: &Policy, target: &Target) {
        let Some(place) = place else { return };
        if policy.is_public() {
            self.problems.error(
                place,
                format!("`{KEY}` stands on a public route, so strangers would have what its service account may do"),
                "Say who may pass, or remove it.",
            );
        }
        let Target::Upstream(upstream) = target else { return };
        if let Some(address) = upstream.addresses.iter().find(|address| !is_safe_from_readers(address)) {
            self.problems.warning(
                place,
                format!(
                    "the service account's token goes to {address} in the clear: who reads it on the way can use it"
                ),
                "Give `to` an https address.",
            );
        }
    }
}
