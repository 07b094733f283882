//! The content of stored records: JSON, sealed, bound to its place.
//!
//! Refuses: a record read under another name, kind or host than it was written for.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::live::{Begun, Known};
use crate::seal::{SealKey, Secret32};
use crate::secrets::Secrets;
use crate::store::LONGEST_RECORD;
use crate::{RecordKey, RecordKind, SessionsError};

/// The plain text of a session.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct SessionRecord {
    pub(crate) known: Known,
    pub(crate) begun: Begun,
}

/// The identifier of a session: random, and no secret, since its record opens with the data key alone.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct SessionId([u8; 16]);

impl SessionId {
    pub(crate) fn random() -> Result<Self, SessionsError> {
        let mut id = [0; 16];
        rand::fill(&mut id).map_err(|_| SessionsError::Cryptography)?;
        // Without its first bit: then the text never begins with a hyphen, and no command takes it for an option.
        id[0] &= 0x7f;
        Ok(Self(id))
    }

    pub(crate) fn bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id of [`Self::to_text`].
    pub(crate) fn parse(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }

    /// 22 characters of base64url.
    pub(crate) fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// The plain text of a grant: which session, and the key of its record.
#[derive(Serialize, Deserialize)]
pub(crate) struct GrantRecord {
    pub(crate) session: SessionId,
    #[serde(with = "secret")]
    pub(crate) data_key: Secret32,
    /// For which rights, as [`crate::rights`] marks them.
    #[serde(default)]
    pub(crate) rights: u64,
    /// When another ticket was granted in its place; requests under way may still bring this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) replaced_at: Option<SystemTime>,
}

/// The plain text of a hand-over: a grant on its way, and what the browser must show to take it.
#[derive(Serialize, Deserialize)]
pub(crate) struct HandoverRecord {
    pub(crate) grant: GrantRecord,
    pub(crate) attempt: String,
    pub(crate) challenge: [u8; 32],
}

/// Where a record is kept and what opens it: its name in the store, its key, and the host it is for.
pub(crate) struct Place {
    pub(crate) name: RecordKey,
    key: Secret32,
    secrets: Arc<Secrets>,
    context: Vec<u8>,
}

impl Place {
    /// The place of the record `id` names and `key` opens. `audience` is empty for a session, which has none.
    pub(crate) fn new(kind: RecordKind, id: &[u8; 16], key: &Secret32, secrets: Arc<Secrets>, audience: &str) -> Self {
        let name = name_of(kind, id);
        // Fixed lengths before the one that varies: no two places share a context.
        let mut context = Vec::with_capacity(1 + name.id.len() + audience.len());
        context.push(kind.tag());
        context.extend_from_slice(&name.id);
        context.extend_from_slice(audience.as_bytes());
        Self { name, key: key.clone(), secrets, context }
    }

    /// The record, sealed for this place with the newest secret.
    pub(crate) fn seal(&self, record: &impl Serialize) -> Result<Vec<u8>, SessionsError> {
        self.seal_key(self.secrets.newest())?.seal(&plain_text(record)?, &self.context)
    }

    /// The record sealed for this place with any of the secrets, or `None` for anything else.
    pub(crate) fn open<T: DeserializeOwned>(&self, sealed: &[u8]) -> Option<T> {
        let plain = self.secrets.all().find_map(|secret| self.seal_key(secret).ok()?.open(sealed, &self.context))?;
        serde_json::from_slice(&plain).ok()
    }

    fn seal_key(&self, secret: &Secret32) -> Result<SealKey, SessionsError> {
        let purpose = [b"doorward record ".as_slice(), &[self.name.kind.tag()]].concat();
        SealKey::derive(&self.key, secret.expose(), &purpose)
    }
}

/// A record as JSON, not too long to be kept.
pub(crate) fn plain_text(record: &impl Serialize) -> Result<Zeroizing<Vec<u8>>, SessionsError> {
    let plain = Zeroizing::new(serde_json::to_vec(record).map_err(|_| SessionsError::Cryptography)?);
    if plain.len() > LONGEST_RECORD {
        return Err(SessionsError::TooLong { length: plain.len(), limit: LONGEST_RECORD });
    }
    Ok(plain)
}

/// What the store calls the record `id` names: nobody finds the identifier from it.
pub(crate) fn name_of(kind: RecordKind, id: &[u8; 16]) -> RecordKey {
    RecordKey { kind, id: sha256(&[b"doorward ".as_slice(), &[kind.tag()], id].concat()) }
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}

/// [`Secret32`] in a record, which is sealed; the type itself cannot be serialised by mistake.
mod secret {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::Secret32;

    pub(super) fn serialize<S: Serializer>(secret: &Secret32, to: S) -> Result<S::Ok, S::Error> {
        secret.expose().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret32, D::Error> {
        Deserialize::deserialize(from).map(Secret32::new)
    }
}

/// [`crate::Tokens`] in a record, likewise.
pub(crate) mod tokens {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::{Token, Tokens};

    #[derive(Serialize)]
    struct Written<'a> {
        id: Option<&'a str>,
        access: Option<&'a str>,
        refresh: Option<&'a str>,
    }

    #[derive(Deserialize)]
    struct Read {
        id: Option<String>,
        access: Option<String>,
        refresh: Option<String>,
    }

    pub(crate) fn serialize<S: Serializer>(tokens: &Tokens, to: S) -> Result<S::Ok, S::Error> {
        Written {
            id: tokens.id_token.as_ref().map(Token::expose),
            access: tokens.access_token.as_ref().map(Token::expose),
            refresh: tokens.refresh_token.as_ref().map(Token::expose),
        }
        .serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tokens, D::Error> {
        let read = Read::deserialize(from)?;
        Ok(Tokens {
            id_token: read.id.map(Token::new),
            access_token: read.access.map(Token::new),
            refresh_token: read.refresh.map(Token::new),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_session_s_name_is_taken_for_an_option() {
        let names: Vec<_> = (0..1000).map(|_| SessionId::random().unwrap().to_text()).collect();
        assert!(names.iter().all(|name| name.starts_with(|first: char| first.is_ascii_alphabetic())), "{names:?}");
        assert!(names.iter().any(|name| name.contains('-')), "they are as random as before");
    }
}
