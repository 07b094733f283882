//! What a name server says when it does not take an update, and how to mend it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::tsig::TsigError;

/// A server's reason for not taking an update (RFC 2136 §2.2, RFC 8945 §5.2).
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// BADKEY.
    #[error(
        "knows no key {key} of this algorithm (BADKEY): `tsig_key_name` and `tsig_algorithm` must be as in its `key` \
         statement"
    )]
    UnknownKey {
        /// The key's name.
        key: String,
    },
    /// BADSIG.
    #[error(
        "has another secret for the key {key} (BADSIG): put the `secret` of its `key` statement into the file of `tsig_secret_file`"
    )]
    WrongSecret {
        /// The key's name.
        key: String,
    },
    /// BADTIME.
    #[error("refuses the signature for its time (BADTIME): {}; set both by NTP", clocks(*.theirs, *.ours))]
    Clock {
        /// What the server's clock says, in seconds since 1970, when it says so.
        theirs: Option<u64>,
        /// What ours says.
        ours: u64,
    },
    /// REFUSED.
    #[error(
        "does not let {who} change {name} (REFUSED): allow it, for BIND by `update-policy {{ grant {key} name {name}. TXT; }};` \
         in the zone"
    )]
    NotAllowed {
        /// The key or address that asked.
        who: String,
        /// The key's name, for the example.
        key: String,
        /// The record's name.
        name: String,
    },
    /// NOTAUTH without a word about the key.
    #[error("is not the primary server of the zone {zone} (NOTAUTH): give that one's address as `server`")]
    NotPrimary {
        /// The zone.
        zone: String,
    },
    /// NOTZONE.
    #[error("says that {name} is not in the zone {zone} (NOTZONE): correct `zone`, or leave it out")]
    NotInZone {
        /// The record's name.
        name: String,
        /// The zone.
        zone: String,
    },
    /// NOTIMP.
    #[error("takes no updates (NOTIMP): give the address of one that does")]
    NoUpdates,
    /// SERVFAIL.
    #[error(
        "could not do it (SERVFAIL): its log says why; with BIND, its user must be able to write a journal into the zone's folder"
    )]
    Failed,
    /// Something else.
    #[error("answered `{code}`: its log may say why")]
    Other {
        /// The code, in words.
        code: String,
    },
}

/// What an update was about, for its refusal.
pub(crate) struct Subject {
    pub(crate) key: Option<String>,
    pub(crate) name: String,
    pub(crate) zone: String,
}

impl Refusal {
    /// What the server has against our key, when it has something.
    pub(crate) fn of_key(answer: &Message, subject: &Subject, now: SystemTime) -> Option<Self> {
        let signature = &answer.signature.as_ref()?.data;
        let key = subject.key.clone().unwrap_or_default();
        Some(match signature.error? {
            TsigError::BadKey => Self::UnknownKey { key },
            TsigError::BadSig => Self::WrongSecret { key },
            TsigError::BadTime => Self::Clock { theirs: time(&signature.other), ours: seconds(now) },
            TsigError::BadTrunc => Self::Other { code: "BADTRUNC".into() },
            TsigError::Unknown(code) => Self::Other { code: format!("TSIG error {code}") },
        })
    }

    /// What the answer's code means; none when it means success.
    pub(crate) fn of_code(code: ResponseCode, subject: &Subject) -> Option<Self> {
        let (name, zone) = (subject.name.clone(), subject.zone.clone());
        Some(match code {
            ResponseCode::NoError => return None,
            ResponseCode::Refused => {
                let key = subject.key.clone().unwrap_or_else(|| "KEY".into());
                let who =
                    subject.key.as_ref().map_or_else(|| "us without a key".into(), |key| format!("the key {key}"));
                Self::NotAllowed { who, key, name }
            }
            ResponseCode::NotAuth => Self::NotPrimary { zone },
            ResponseCode::NotZone => Self::NotInZone { name, zone },
            ResponseCode::NotImp => Self::NoUpdates,
            ResponseCode::ServFail => Self::Failed,
            other => Self::Other { code: other.to_string() },
        })
    }
}

/// The server's time, six bytes (RFC 8945 §5.2.3).
fn time(other: &[u8]) -> Option<u64> {
    let six: &[u8; 6] = other.try_into().ok()?;
    Some(six.iter().fold(0, |time, byte| (time << 8) | u64::from(*byte)))
}

/// Seconds since 1970.
pub(crate) fn seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn clocks(theirs: Option<u64>, ours: u64) -> String {
    match theirs {
        Some(theirs) if theirs != ours => {
            let which = if theirs > ours { "ahead of" } else { "behind" };
            format!("its clock is {:?} {which} this machine's", Duration::from_secs(theirs.abs_diff(ours)))
        }
        _ => "its clock and this machine's differ".into(),
    }
}
