//! Visitors' certificates: `downstream_mtls`.

use super::unsupported::NONE;
use super::{At, RawSecret, Reading, Section};
use crate::domain::client_certificates::NameKind;
use crate::problem::Place;

const KEY: &str = "downstream_mtls";

/// The kinds of names by their keys, as Pomerium has them.
const KINDS: [(&str, NameKind); 5] = [
    ("dns", NameKind::Dns),
    ("email", NameKind::Email),
    ("ip_address", NameKind::IpAddress),
    ("uri", NameKind::Uri),
    ("user_principal_name", NameKind::UserPrincipalName),
];

#[derive(Debug)]
pub(crate) struct RawClientCertificates {
    pub(crate) place: Place,
    /// Given even when empty.
    pub(crate) authorities: RawSecret,
    /// Given even when empty.
    pub(crate) revoked: RawSecret,
    pub(crate) enforcement: Option<At<String>>,
    pub(crate) names: Vec<RawNameMatch>,
    pub(crate) max_verify_depth: Option<At<u16>>,
}

/// One item of `match_subject_alt_names`.
#[derive(Debug)]
pub(crate) struct RawNameMatch {
    pub(crate) place: Place,
    /// Any number of them, though one is right.
    pub(crate) patterns: Vec<(NameKind, At<String>)>,
}

impl RawClientCertificates {
    pub(super) fn read(top: &mut Section, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = top.block(KEY, reading)?;
        let names = section.blocks("match_subject_alt_names", reading).map(|items| items.value);
        let raw = Self {
            place: section.place.clone(),
            authorities: section.secret_or_empty("ca", "ca_file", reading),
            revoked: section.secret_or_empty("crl", "crl_file", reading),
            enforcement: section.text("enforcement", reading),
            names: names.iter().flatten().filter_map(|item| RawNameMatch::read(item, reading)).collect(),
            max_verify_depth: section.number("max_verify_depth", reading),
        };
        section.close("`downstream_mtls`", NONE, reading);
        let any = section.written
            || raw.authorities.place().is_some()
            || raw.revoked.place().is_some()
            || raw.enforcement.is_some()
            || names.is_some()
            || raw.max_verify_depth.is_some();
        any.then_some(raw)
    }
}

impl RawNameMatch {
    fn read(item: &crate::yaml::Node, reading: &mut Reading<'_>) -> Option<Self> {
        let what = "an item of `match_subject_alt_names`";
        let mut section = Section::of(item, what, reading)?;
        let patterns =
            KINDS.iter().filter_map(|&(key, kind)| Some((kind, section.text(key, reading)?))).collect::<Vec<_>>();
        section.close(what, NONE, reading);
        Some(Self { place: section.place.clone(), patterns })
    }
}
