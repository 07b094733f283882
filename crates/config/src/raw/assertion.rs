//! What applications are told of their visitors.

use super::{At, RawSecret, Reading, Section};
use crate::yaml::{Content, Node};

#[derive(Debug)]
pub(crate) struct RawAssertion {
    pub(crate) signing_key: RawSecret,
    pub(crate) claim_headers: Vec<RawClaimHeader>,
    pub(crate) pomerium_compatibility: Option<At<bool>>,
    pub(crate) of_routes: RawRouteAssertion,
}

/// What a route may say otherwise than the top of the file.
#[derive(Debug)]
pub(crate) struct RawRouteAssertion {
    pub(crate) groups_filter: Option<At<Vec<At<String>>>>,
    pub(crate) issuer_format: Option<At<String>>,
}

/// A claim, and the header it is to have if it is to be another than the usual.
#[derive(Debug)]
pub(crate) struct RawClaimHeader {
    pub(crate) header: Option<At<String>>,
    pub(crate) claim: At<String>,
}

impl RawAssertion {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        let claims = section.tree("jwt_claims_headers", reading);
        Self {
            signing_key: section.secret("signing_key", "signing_key_file", reading),
            claim_headers: claims.map(|node| claim_headers(&node, reading)).unwrap_or_default(),
            pomerium_compatibility: section.flag("pomerium_compatibility", reading),
            of_routes: RawRouteAssertion::read(section, reading),
        }
    }
}

impl RawRouteAssertion {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            groups_filter: section.texts("jwt_groups_filter", reading),
            issuer_format: section.text("jwt_issuer_format", reading),
        }
    }
}

/// A list of claims; one text of them, separated by commas or spaces; or headers with a claim each.
fn claim_headers(node: &Node, reading: &mut Reading<'_>) -> Vec<RawClaimHeader> {
    let key = "jwt_claims_headers";
    let alone = |claim| RawClaimHeader { header: None, claim };
    match &node.content {
        Content::Null => Vec::new(),
        Content::Map(_) => {
            let pairs = reading.pairs(key, node).map(|pairs| pairs.value).unwrap_or_default();
            pairs.into_iter().map(|(header, claim)| RawClaimHeader { header: Some(header), claim }).collect()
        }
        Content::List(_) => {
            let claims = reading.texts(key, node).map(|claims| claims.value).unwrap_or_default();
            claims.into_iter().map(alone).collect()
        }
        Content::Scalar(_) => {
            let Some(text) = reading.text(key, node) else { return Vec::new() };
            let words = text.value.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
            words.map(|word| alone(At::new(word.to_owned(), &text.place))).collect()
        }
    }
}
