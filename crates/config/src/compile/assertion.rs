//! What applications are told of their visitors.
//!
//! Refuses: a signing key that is not for ES256, claims that say something of the statement and not of the visitor, and
//! headers that are not for telling anybody's identity.

use std::sync::Arc;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use doorward_authorize::Criterion;
use http::HeaderName;
use rustls_pki_types::PrivateKeyDer;

use super::Compiler;
use crate::Secret;
use crate::domain::assertion::{Assertion, ClaimHeader, IssuerFormat};
use crate::domain::route::Route;
use crate::raw::assertion::{RawAssertion, RawClaimHeader, RawRouteAssertion};
use crate::raw::{At, RawSecret};
use crate::yaml::shown;

/// What our own claim headers begin with.
const OURS: &str = "x-doorward-claim-";
const POMERIUMS: &str = "x-pomerium-claim-";
/// More headers than this nobody reads, and an application may not take them.
const MOST_CLAIMS: usize = 64;
const LONGEST_CLAIM: usize = 256;
/// Claims about the statement itself (RFC 7519 §4.1), which has its own.
const OF_THE_STATEMENT: [&str; 6] = ["aud", "exp", "iat", "iss", "jti", "nbf"];
/// Headers that mean something else to every application, and that visitors have to be able to send.
const NOT_FOR_CLAIMS: [&str; 8] =
    ["accept", "authorization", "content-type", "cookie", "host", "origin", "range", "referer"];

const HOW_TO_MAKE_ONE: &str = "Make one with `openssl ecparam -name prime256v1 -genkey -noout -out signing.pem`, \
                               or leave the key out: Doorward then makes and renews its own.";

/// What the groups and the issuer are, unless a route says otherwise.
#[derive(Default)]
pub(super) struct OfRoutes {
    groups: Option<Vec<String>>,
    issuer: IssuerFormat,
}

impl Compiler<'_> {
    pub(super) fn assertion(&mut self, raw: &RawAssertion) -> Assertion {
        Assertion {
            signing_key: self.signing_key(&raw.signing_key),
            claim_headers: self.claim_headers(&raw.claim_headers),
            pomerium_compatibility: raw.pomerium_compatibility.as_ref().is_some_and(|flag| flag.value),
        }
    }

    pub(super) fn assertion_of_routes(&mut self, raw: &RawRouteAssertion) -> OfRoutes {
        OfRoutes {
            groups: self.groups_filter(raw.groups_filter.as_ref()),
            issuer: self.issuer_format(raw.issuer_format.as_ref()).unwrap_or_default(),
        }
    }

    /// A route's filter lets through what it names and what the global one names, as Pomerium has it.
    pub(super) fn assertion_of_route(
        &mut self,
        raw: &RawRouteAssertion,
        global: &OfRoutes,
    ) -> (Option<Arc<[String]>>, IssuerFormat) {
        let own = self.groups_filter(raw.groups_filter.as_ref());
        let groups = (own.is_some() || global.groups.is_some()).then(|| {
            let mut groups: Vec<String> = own.into_iter().chain(global.groups.clone()).flatten().collect();
            groups.sort_unstable();
            groups.dedup();
            groups.into()
        });
        (groups, self.issuer_format(raw.issuer_format.as_ref()).unwrap_or(global.issuer))
    }

    /// A policy that looks at a claim's header would look at what the visitor says there, which the application never
    /// sees.
    pub(super) fn claims_are_not_asked_of_visitors(
        &mut self,
        raw: &RawAssertion,
        assertion: &Assertion,
        routes: &[Route],
    ) {
        let Some(first) = raw.claim_headers.first() else { return };
        let policies = routes.iter().flat_map(|route| {
            std::iter::once(&route.policy).chain(route.policy_shadow.iter().map(doorward_authorize::Shadow::policy))
        });
        let mut asked: Vec<&HeaderName> = policies
            .flat_map(doorward_authorize::Policy::criteria)
            .filter_map(|criterion| match criterion {
                Criterion::HttpHeader { name, .. } => Some(name),
                _ => None,
            })
            .filter(|name| assertion.claim_headers.iter().any(|told| plain(&told.header) == plain(name)))
            .collect();
        asked.sort_unstable_by_key(|name| name.as_str());
        asked.dedup();
        for name in asked {
            self.problems.error(
                &first.claim.place,
                format!("a policy asks for the header `{name}`, which `jwt_claims_headers` takes from visitors"),
                "Ask for the claim itself: `claim/NAME: {is: VALUE}`.",
            );
        }
    }

    fn groups_filter(&mut self, given: Option<&At<Vec<At<String>>>>) -> Option<Vec<String>> {
        let given = given?;
        if given.value.is_empty() {
            self.problems.warning(
                &given.place,
                "`jwt_groups_filter` names no group, which filters nothing: applications hear of all",
                "Remove it, or name the groups that applications may hear of.",
            );
            return None;
        }
        Some(given.value.iter().map(|group| group.value.clone()).collect())
    }

    fn issuer_format(&mut self, given: Option<&At<String>>) -> Option<IssuerFormat> {
        let text = given?;
        match text.value.to_ascii_lowercase().as_str() {
            "issuerhostonly" => Some(IssuerFormat::HostOnly),
            "issueruri" => Some(IssuerFormat::Uri),
            _ => {
                self.problems.error(
                    &text.place,
                    "`jwt_issuer_format` is none that there is",
                    "It is `IssuerHostOnly` (`app.example.com`) or `IssuerURI` (`https://app.example.com/`).",
                );
                None
            }
        }
    }

    fn signing_key(&mut self, raw: &RawSecret) -> Option<Secret> {
        let text = self.pem(raw, "signing_key", "signing_key_file")?;
        let key = self.private_key(&text)?;
        let der = match &key {
            PrivateKeyDer::Sec1(der) => Some(der.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(der) => Some(der.secret_pkcs8_der()),
            // PKCS#1 is for RSA alone.
            _ => None,
        };
        let is_p256 = |der: &&[u8]| EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, der).is_ok();
        if let Some(der) = der.filter(is_p256) {
            return Some(Secret::new(der));
        }
        let is_rsa = der.is_none_or(|der| RsaKeyPair::from_pkcs8(der).is_ok());
        let what = if is_rsa {
            format!("{} holds an RSA key, and Doorward signs with ES256 alone", text.given)
        } else {
            format!("{} holds no key for ES256, which is one on the curve P-256", text.given)
        };
        self.problems.error(&text.place, what, HOW_TO_MAKE_ONE);
        None
    }

    fn claim_headers(&mut self, raw: &[RawClaimHeader]) -> Vec<ClaimHeader> {
        if let Some(over) = raw.get(MOST_CLAIMS) {
            self.problems.error(
                &over.claim.place,
                format!("`jwt_claims_headers` names {} claims", raw.len()),
                format!("Give at most {MOST_CLAIMS}. An application that needs more can ask the identity provider."),
            );
            return Vec::new();
        }
        let mut headers: Vec<ClaimHeader> = Vec::with_capacity(raw.len());
        for raw in raw {
            let Some(told) = self.claim_header(raw) else { continue };
            if headers.iter().any(|other| other.header == told.header) {
                let place = raw.header.as_ref().map_or(&raw.claim.place, |header| &header.place);
                self.problems.error(
                    place,
                    format!("two claims in `jwt_claims_headers` are told in the header `{}`", told.header),
                    "Keep one, or give them headers of their own: `jwt_claims_headers: {X-One: one, X-Two: two}`.",
                );
                continue;
            }
            headers.push(told);
        }
        headers
    }

    fn claim_header(&mut self, raw: &RawClaimHeader) -> Option<ClaimHeader> {
        let key = "jwt_claims_headers";
        let claim = &raw.claim;
        if claim.value.is_empty() || claim.value.len() > LONGEST_CLAIM || claim.value.contains(char::is_control) {
            self.problems.error(
                &claim.place,
                format!("`{key}` has a claim without a name, or one that no claim has"),
                "Write names of claims, as `email` or `realm_access.roles`.",
            );
            return None;
        }
        if OF_THE_STATEMENT.contains(&claim.value.as_str()) {
            self.problems.error(
                &claim.place,
                format!("`{}` in `{key}` says something of a token, and nothing of a visitor", shown(&claim.value)),
                "Remove it. The signed statement has a claim of this name that is its own.",
            );
            return None;
        }
        let header = match &raw.header {
            Some(name) => self.header_for_claims(key, name)?,
            None => self.usual_header(key, claim)?,
        };
        Some(ClaimHeader { header, claim: claim.value.clone() })
    }

    fn usual_header(&mut self, key: &str, claim: &At<String>) -> Option<HeaderName> {
        let words = claim.value.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let name = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().join("-");
        let header = HeaderName::try_from(format!("{OURS}{name}")).ok().filter(|_| !name.is_empty());
        if header.is_none() {
            self.problems.error(
                &claim.place,
                format!("no name for a header can be made of a claim in `{key}`"),
                "Give it one: `jwt_claims_headers: {X-NAME: CLAIM}`.",
            );
        }
        header
    }

    fn header_for_claims(&mut self, key: &str, name: &At<String>) -> Option<HeaderName> {
        let header = self.header_name(key, name)?;
        let plain = plain(&header);
        let ours = plain.starts_with("x-doorward-") || plain.starts_with("x-pomerium-");
        let of_claims = header.as_str().starts_with(OURS) || header.as_str().starts_with(POMERIUMS);
        if NOT_FOR_CLAIMS.contains(&plain.as_str()) || super::headers::is_set_by_us(&header) && !(ours && of_claims) {
            self.problems.error(
                &name.place,
                format!("`{}` in `{key}` is a header that means something else", shown(&name.value)),
                "Choose another name, as `X-Email` or `Remote-User`. It is taken from visitors on every route.",
            );
            return None;
        }
        Some(header)
    }
}

/// As an application sees a name that cannot tell `_` and `.` from `-`.
fn plain(header: &HeaderName) -> String {
    header.as_str().replace(['_', '.'], "-")
}
