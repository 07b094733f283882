//! The plain headers, for upstreams that trust their network, and the names that are theirs alone.
//!
//! Refuses a visitor's own header of any such name, however it is spelled.

use doorward_config::{Assertion, ClaimHeader};
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::claims::Told;

/// What our claim headers begin with, and Pomerium's in their place.
const OURS: &str = "x-doorward-claim-";
const POMERIUMS: &str = "x-pomerium-claim-";
/// Told of every visitor, whatever is configured.
const ALWAYS: [(HeaderName, &str); 4] = [
    (HeaderName::from_static("x-doorward-claim-sub"), "sub"),
    (HeaderName::from_static("x-doorward-claim-email"), "email"),
    (HeaderName::from_static("x-doorward-claim-name"), "name"),
    (HeaderName::from_static("x-doorward-claim-groups"), "groups"),
];

/// Which claim is told in which headers.
#[derive(Debug)]
pub(crate) struct ClaimHeaders {
    told: Vec<(String, Vec<HeaderName>)>,
    /// Names outside the families that are ours anyway, `_` and `.` written as `-`; sorted.
    taken: Vec<String>,
}

impl ClaimHeaders {
    pub(crate) fn new(settings: &Assertion) -> Self {
        let mut told: Vec<(String, Vec<HeaderName>)> = Vec::new();
        let always = ALWAYS.map(|(header, claim)| ClaimHeader { header, claim: claim.to_owned() });
        // What is configured comes first: it may give one of the usual headers another claim.
        for ClaimHeader { header, claim } in settings.claim_headers.iter().chain(&always) {
            let twin = header.as_str().strip_prefix(OURS).filter(|_| settings.pomerium_compatibility);
            let twin = twin.and_then(|rest| HeaderName::try_from(format!("{POMERIUMS}{rest}")).ok());
            for name in [Some(header.clone()), twin].into_iter().flatten() {
                if told.iter().any(|(_, names)| names.contains(&name)) {
                    continue;
                }
                match told.iter_mut().find(|(known, _)| known == claim) {
                    Some((_, names)) => names.push(name),
                    None => told.push((claim.clone(), vec![name])),
                }
            }
        }
        let mut taken: Vec<String> = told.iter().flat_map(|(_, names)| names.iter().map(plain)).collect();
        taken.retain(|name| !name.starts_with("x-doorward-") && !name.starts_with("x-pomerium-"));
        taken.sort_unstable();
        Self { told, taken }
    }

    /// The headers for one visitor.
    pub(crate) fn of(&self, told: &Told<'_>) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = Vec::new();
        for (claim, names) in &self.told {
            let Some(value) = told.text(claim).and_then(|text| HeaderValue::try_from(text).ok()) else { continue };
            headers.extend(names.iter().map(|name| (name.clone(), value.clone())));
        }
        headers
    }

    /// The claims that are told besides the usual.
    pub(crate) fn claims(&self) -> impl Iterator<Item = &str> {
        self.told.iter().map(|(claim, _)| claim.as_str())
    }

    /// Takes a visitor's own headers of these names away. Names that begin with `X-Doorward-` or `X-Pomerium-` are
    /// reserved anyway, and whoever cleans a request takes them all.
    pub(crate) fn strip(&self, headers: &mut HeaderMap) {
        if self.taken.is_empty() {
            return;
        }
        let is_taken = |name: &&HeaderName| self.taken.binary_search(&plain(name)).is_ok();
        let forged: Vec<HeaderName> = headers.keys().filter(is_taken).cloned().collect();
        for name in forged {
            headers.remove(name);
        }
    }
}

/// As an upstream sees a name that cannot tell `_` and `.` from `-`.
fn plain(name: &HeaderName) -> String {
    name.as_str().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests;
