//! What is written down, as JSON, with times a person can read.
//!
//! Refuses: records of a later version, and those that are not about what their name says.

use std::fmt;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use doorward_config::ChallengeKind;
use doorward_hygiene::HostPattern;
use instant_acme::AccountCredentials;
use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;
use zeroize::Zeroizing;

use crate::store::{CertificateStore, InvalidRecordName, RecordBytes, RecordKey, RecordKind, StoreError};

/// Longer names are called by a digest of theirs.
const LONGEST_NAME: usize = 180;

/// A private key as PEM.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyText(Zeroizing<String>);

impl KeyText {
    pub(crate) fn new(pem: String) -> Self {
        Self(Zeroizing::new(pem))
    }

    pub(crate) fn pem(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(…)")
    }
}

impl Serialize for KeyText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for KeyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A certificate with its key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CertificateRecord {
    pub(crate) name: String,
    /// Of the authority that issued it.
    pub(crate) directory: String,
    pub(crate) obtained: Timestamp,
    pub(crate) key: KeyText,
    /// PEM, the certificate first.
    pub(crate) chain: String,
}

/// What was tried for a name (or with an authority), and when it will be tried again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Attempts {
    pub(crate) name: String,
    /// When this name was wanted first.
    pub(crate) begun: Option<Timestamp>,
    /// In a row. One is counted before it is tried, and struck out when it succeeds.
    pub(crate) failures: u32,
    /// Nothing is tried before.
    pub(crate) next: Option<Timestamp>,
    /// What the authority said about when to come back.
    pub(crate) not_before: Option<Timestamp>,
    pub(crate) last_error: Option<String>,
    #[serde(with = "kind")]
    pub(crate) worked: Option<ChallengeKind>,
    #[serde(with = "kinds")]
    pub(crate) failed: Vec<ChallengeKind>,
    pub(crate) order: Option<PendingOrder>,
    pub(crate) renewal: Option<Renewal>,
}

/// An order that has been placed and not been finished.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PendingOrder {
    pub(crate) url: String,
    pub(crate) directory: String,
    pub(crate) profile: Option<String>,
    #[serde(with = "kind")]
    pub(crate) way: Option<ChallengeKind>,
    pub(crate) key: KeyText,
}

/// When the certificate will be renewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Renewal {
    pub(crate) at: Timestamp,
    /// When the authority is asked for its window again.
    pub(crate) check: Timestamp,
    /// Why the window is where it is, in the authority's words.
    pub(crate) explanation: Option<String>,
}

/// Our account with an authority.
#[derive(Serialize, Deserialize)]
pub(crate) struct AccountRecord {
    pub(crate) directory: String,
    pub(crate) contact: Option<String>,
    /// The external account it is bound to.
    pub(crate) external: Option<String>,
    pub(crate) credentials: AccountCredentials,
}

/// The answer to a pending challenge.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ChallengeRecord {
    pub(crate) name: String,
    #[serde(with = "kind")]
    pub(crate) way: Option<ChallengeKind>,
    pub(crate) token: String,
    pub(crate) key_authorization: String,
    pub(crate) until: Timestamp,
}

/// Somebody asks for a renewal.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RequestRecord {
    pub(crate) name: String,
}

/// The record of this kind about this name.
pub(crate) fn key_of(kind: RecordKind, name: &HostPattern) -> Result<RecordKey, InvalidRecordName> {
    let plain = match name {
        HostPattern::Exact(host) => host.to_string(),
        HostPattern::Below(parent) => format!("+.{parent}"),
    };
    if plain.len() <= LONGEST_NAME { RecordKey::new(kind, &plain) } else { digested(kind, &plain) }
}

/// The record of this kind about this authority. No host is called so.
pub(crate) fn key_of_authority(kind: RecordKind, directory: &Url) -> Result<RecordKey, InvalidRecordName> {
    digested(kind, directory.as_str())
}

fn digested(kind: RecordKind, text: &str) -> Result<RecordKey, InvalidRecordName> {
    let hex = digest(&SHA256, text.as_bytes()).as_ref().iter().fold(String::from("~"), |mut hex, byte| {
        let _ = fmt::Write::write_fmt(&mut hex, format_args!("{byte:02x}"));
        hex
    });
    RecordKey::new(kind, &hex)
}

/// Reads a record; what cannot be understood is set aside and reported as `Err(Some(..))`-like [`Read::Damaged`].
pub(crate) async fn read<T: DeserializeOwned>(
    store: &dyn CertificateStore,
    key: &RecordKey,
) -> Result<Read<T>, StoreError> {
    let Some(bytes) = store.read(key).await? else { return Ok(Read::None) };
    match serde_json::from_slice(&bytes) {
        Ok(record) => Ok(Read::Some(record)),
        Err(error) => {
            store.set_aside(key).await?;
            // The place alone: the parser's words may quote what it read.
            let text = format!(
                "the record {key} could not be understood (line {}, column {}) and was set aside as `.damaged`",
                error.line(),
                error.column()
            );
            tracing::error!(record = %key, "{text}");
            Ok(Read::Damaged(text))
        }
    }
}

/// What came of reading a record.
pub(crate) enum Read<T> {
    None,
    Some(T),
    /// What is said about it; it has been set aside.
    Damaged(String),
}

pub(crate) async fn write<T: Serialize>(
    store: &dyn CertificateStore,
    key: &RecordKey,
    record: &T,
) -> Result<(), StoreError> {
    // Of our records, none has a map whose keys are no text: nothing here can fail.
    let bytes = RecordBytes::new(serde_json::to_vec_pretty(record).unwrap_or_default());
    store.write(key, &bytes).await
}

/// A time for a record, to the second.
pub(crate) fn stamp(time: SystemTime) -> Timestamp {
    let exact = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    Timestamp::from_millisecond(exact.as_millisecond()).unwrap_or(exact)
}

mod kind {
    use super::{ChallengeKind, Deserialize, Deserializer, Serialize, Serializer};

    #[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref, reason = "serde hands over what it has")]
    pub(super) fn serialize<S: Serializer>(kind: &Option<ChallengeKind>, to: S) -> Result<S::Ok, S::Error> {
        kind.map(ChallengeKind::as_str).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ChallengeKind>, D::Error> {
        Ok(Option::<String>::deserialize(from)?.as_deref().and_then(named))
    }

    pub(super) fn named(text: &str) -> Option<ChallengeKind> {
        [ChallengeKind::Dns01, ChallengeKind::TlsAlpn01, ChallengeKind::Http01]
            .into_iter()
            .find(|kind| kind.as_str() == text)
    }
}

mod kinds {
    use super::{ChallengeKind, Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(kinds: &[ChallengeKind], to: S) -> Result<S::Ok, S::Error> {
        kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ChallengeKind>, D::Error> {
        Ok(Vec::<String>::deserialize(from)?.iter().filter_map(|text| super::kind::named(text)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_names_share_a_record() {
        let long = format!("{}.example.com", vec!["a".repeat(55); 4].join("."));
        let names =
            ["a.example.com", "*.example.com", "example.com", "_.example.com", &long, &format!("*.{}", &long[2..])];
        let keys: std::collections::BTreeSet<_> =
            names.iter().map(|name| key_of(RecordKind::Attempt, &HostPattern::parse(name).unwrap()).unwrap()).collect();
        assert_eq!(keys.len(), names.len());
    }

    #[test]
    fn a_record_says_no_key_when_it_is_shown() {
        let order = PendingOrder {
            url: "u".into(),
            directory: "d".into(),
            profile: None,
            way: Some(ChallengeKind::Http01),
            key: KeyText::new("SECRET".into()),
        };
        let attempts = Attempts { order: Some(order), failed: vec![ChallengeKind::Dns01], ..Attempts::default() };
        assert!(!format!("{attempts:?}").contains("SECRET"));
        let read: Attempts = serde_json::from_slice(&serde_json::to_vec(&attempts).unwrap()).unwrap();
        assert_eq!(read.order.unwrap().way, Some(ChallengeKind::Http01));
        assert_eq!(read.failed, [ChallengeKind::Dns01]);
    }
}
