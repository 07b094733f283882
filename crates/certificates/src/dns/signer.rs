//! Signing updates, and believing only answers that are signed likewise (TSIG, RFC 8945).
//!
//! Refuses: success that is not signed, signed by another key, for another message, or at another time.

use std::fmt;
use std::time::SystemTime;

use doorward_config::{TsigAlgorithm, TsigKey};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm as Algorithm;
use hickory_proto::rr::{Name, TSigVerifier, TSigner};

use super::answer::BadAnswer;
use super::refusal::seconds;
use super::{DnsError, plain};

/// How far two clocks may differ, in seconds (RFC 8945 §10).
const FUDGE: u16 = 300;

/// A key that signs.
pub(crate) struct Signer {
    key: TSigner,
}

/// What the answer to one signed message is held against.
pub(crate) struct Expected(TSigVerifier);

impl Signer {
    pub(crate) fn new(key: &TsigKey) -> Result<Self, DnsError> {
        let settings = |what: String| DnsError::Settings { what };
        let name = Name::from_ascii(&key.name)
            .map_err(|_| settings(format!("`tsig_key_name` {:?} is no name of a key", key.name)))?;
        let algorithm = match key.algorithm {
            TsigAlgorithm::HmacSha256 => Algorithm::HmacSha256,
            TsigAlgorithm::HmacSha384 => Algorithm::HmacSha384,
            TsigAlgorithm::HmacSha512 => Algorithm::HmacSha512,
        };
        let key = TSigner::new(key.secret.expose().to_vec(), algorithm, name, FUDGE)
            .map_err(|_| settings("`tsig_algorithm` is none that can be computed here".into()))?;
        Ok(Self { key })
    }

    /// The key's name.
    pub(crate) fn name(&self) -> String {
        plain(self.key.signer_name())
    }

    /// Signs the message, which must not be changed afterwards.
    pub(crate) fn sign(&self, message: &mut Message, now: SystemTime) -> Result<Expected, DnsError> {
        let verifier = message.finalize(&self.key, seconds(now)).ok().flatten();
        verifier.map(Expected).ok_or(DnsError::Unwritable)
    }
}

impl Expected {
    /// Whether `answer`, read from `bytes`, is signed as the answer to our message.
    pub(crate) fn check(mut self, bytes: &[u8], answer: &Message) -> Result<(), BadAnswer> {
        let Some(signature) = &answer.signature else {
            return Err(BadAnswer::Signature("it is not signed, though the update was: somebody stands in between"));
        };
        // So that the window of time does not begin before 1970.
        if signature.data.time < u64::from(signature.data.fudge) {
            return Err(BadAnswer::Signature("its signature is of 1970"));
        }
        self.0.verify(bytes).map(drop).map_err(|_| {
            BadAnswer::Signature("its signature is not of the key we share with it, not of now, or not for our message")
        })
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("name", &self.name()).finish_non_exhaustive()
    }
}
