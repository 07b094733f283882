//! The authority, our account with it, and where all of that is kept.
//!
//! Refuses: a directory that is not https, half an external account, and stores that are no folder.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use doorward_identity::Email;
use url::Url;
use zeroize::Zeroizing;

use super::STAGING;
use crate::Secret;
use crate::compile::Compiler;
use crate::domain::acme::ExternalAccount;
use crate::raw::At;
use crate::raw::acme::RawAcme;

const PRODUCTION: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Base64url without padding is what authorities give out; some put the padding behind it (RFC 8555 §7.3.4).
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const LONGEST_PROFILE: usize = 64;

impl Compiler<'_> {
    pub(super) fn acme_directory(&mut self, raw: &RawAcme) -> Option<Url> {
        let staging = raw.use_staging.as_ref().filter(|flag| flag.value);
        let Some(text) = &raw.directory else {
            return Url::parse(if staging.is_some() { STAGING } else { PRODUCTION }).ok();
        };
        if let Some(staging) = staging {
            self.problems.hint(
                &staging.place,
                "`autocert_use_staging` has no effect, since `autocert_ca` names the authority",
                "Remove one of the two.",
            );
        }
        let reason = match Url::parse(&text.value) {
            Err(_) => "this is none",
            Ok(url) if url.scheme() != "https" => "this does not begin with `https://`",
            Ok(url) if !url.username().is_empty() || url.password().is_some() => "this holds a user name or password",
            Ok(url) if url.fragment().is_some() => "this has a fragment (`#`)",
            Ok(url) => return Some(url),
        };
        self.problems.error(
            &text.place,
            format!("`autocert_ca` is the https URL of an authority's directory, but {reason}"),
            format!("Write it as the authority gives it, as in `{PRODUCTION}`."),
        );
        None
    }

    pub(super) fn acme_contact(&mut self, text: &At<String>) -> Option<String> {
        let written = text.value.trim();
        // Pomerium's own default is a blank, so files have it.
        if written.is_empty() {
            return None;
        }
        match Email::parse(written.strip_prefix("mailto:").unwrap_or(written)) {
            Ok(email) => Some(email.as_str().to_owned()),
            Err(error) => {
                self.problems.error(
                    &text.place,
                    format!("`autocert_email` is an e-mail address, but {error}"),
                    "Write `autocert_email: you@example.com`, or leave it out.",
                );
                None
            }
        }
    }

    pub(super) fn acme_external_account(&mut self, raw: &RawAcme) -> Option<ExternalAccount> {
        match (&raw.eab_key_id, raw.eab_mac_key.place().cloned()) {
            (None, None) => None,
            (Some(key_id), Some(_)) => {
                let mac_key = self.mac_key(raw)?;
                Some(ExternalAccount { key_id: key_id.value.clone(), mac_key })
            }
            (Some(key_id), None) => {
                self.problems.error(
                    &key_id.place,
                    "`autocert_eab_key_id` is given without `autocert_eab_mac_key`",
                    "The authority gives out both; add the other (or `autocert_eab_mac_key_file`).",
                );
                None
            }
            (None, Some(place)) => {
                self.problems.error(
                    &place,
                    "`autocert_eab_mac_key` is given without `autocert_eab_key_id`",
                    "The authority gives out both; add the other.",
                );
                None
            }
        }
    }

    fn mac_key(&mut self, raw: &RawAcme) -> Option<Secret> {
        let (text, place) = self.secret_text(&raw.eab_mac_key, "autocert_eab_mac_key", "autocert_eab_mac_key_file")?;
        match BASE64URL.decode(text.as_slice()).map(Zeroizing::new) {
            Ok(key) if !key.is_empty() => Some(Secret::new(key.as_slice())),
            _ => {
                self.problems.error(
                    &place,
                    "`autocert_eab_mac_key` is not base64url",
                    "It is letters, digits, `-` and `_` alone, as the authority gives it.",
                );
                None
            }
        }
    }

    pub(super) fn acme_profile(&mut self, text: &At<String>) -> Option<String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.value.len() <= LONGEST_PROFILE && text.value.chars().all(plain) {
            return Some(text.value.clone());
        }
        self.problems.error(
            &text.place,
            "`autocert_profile` is no name of a profile",
            "Write it as the authority's directory lists it, as in `shortlived` or `classic`.",
        );
        None
    }

    pub(super) fn acme_folder(&mut self, raw: &RawAcme, data_dir: &Path) -> PathBuf {
        let Some(text) = &raw.folder else { return data_dir.join("acme") };
        if let Some((scheme, _)) = text.value.split_once("://") {
            let what = match scheme.to_ascii_lowercase().as_str() {
                "gs" => "names a bucket of Google Cloud Storage (`gs://`), which is not supported yet",
                "s3" => "names an S3 bucket (`s3://`), which is not supported yet",
                _ => "is a URL, but it is the path of a folder",
            };
            self.problems.error(
                &text.place,
                format!("`autocert_dir` {what}"),
                "Name a folder, as in `autocert_dir: /var/lib/doorward/acme`, or leave it out for one below `data_dir`. Several \
                 processes may share a folder: one orders, all serve.",
            );
        }
        PathBuf::from(&text.value)
    }
}
