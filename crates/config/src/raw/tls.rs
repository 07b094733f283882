//! Certificates and authorities.

use super::unsupported::NONE;
use super::{At, RawSecret, Reading, Section};
use crate::problem::Place;

#[derive(Debug)]
pub(crate) struct RawTls {
    pub(crate) certificates: Vec<RawPair>,
    pub(crate) certificate_file: Option<At<String>>,
    pub(crate) certificate_key_file: Option<At<String>>,
    /// Base64 of PEM, or a file of PEM. No secret, but it has a `_file` twin as secrets have.
    pub(crate) certificate_authority: RawSecret,
}

/// One item of `certificates`.
#[derive(Debug)]
pub(crate) struct RawPair {
    pub(crate) place: Place,
    pub(crate) cert: Option<At<String>>,
    pub(crate) key: Option<At<String>>,
}

impl RawTls {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        let items = section.blocks("certificates", reading).map(|items| items.value).unwrap_or_default();
        let certificates = items
            .iter()
            .filter_map(|item| {
                let mut pair = Section::of(item, "an item of `certificates`", reading)?;
                let raw = RawPair {
                    place: pair.place.clone(),
                    cert: pair.text("cert", reading),
                    key: pair.text("key", reading),
                };
                pair.close("an item of `certificates`", NONE, reading);
                Some(raw)
            })
            .collect();
        Self {
            certificates,
            certificate_file: section.text("certificate_file", reading),
            certificate_key_file: section.text("certificate_key_file", reading),
            certificate_authority: section.secret("certificate_authority", "certificate_authority_file", reading),
        }
    }
}
