//! Why a visitor's certificate is not believed, for people and for the TLS alert.

use std::fmt;
use std::time::SystemTime;

use rustls::{CertificateError, Error};

/// Why a certificate is not believed. As text it fits behind "the client certificate was not accepted:".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The chain is over our limits.
    TooLarge,
    Unreadable,
    /// None of the configured authorities; this is the one at its end.
    UnknownAuthority(String),
    /// Somebody signed it who has the name of an authority, but not its key.
    WrongSignature(String),
    Expired(SystemTime),
    NotYetValid(SystemTime),
    /// The same of a certificate above it.
    ChainExpired(SystemTime),
    ChainNotYetValid(SystemTime),
    WrongPurpose,
    /// An authority's own certificate was shown.
    IsAuthority,
    /// One of its chain signed without being an authority.
    SignedByNoAuthority,
    Revoked(SystemTime),
    ChainRevoked(Option<SystemTime>),
    /// The revocation list should have been replaced then.
    StaleRevocationList(SystemTime),
    /// It bears the authority's name, but is not signed by it.
    ForeignRevocationList,
    TooDeep {
        between: usize,
        allowed: usize,
    },
    NoName,
    /// Anything else, in the library's words.
    Other(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => f.write_str("more certificates were sent than any chain has"),
            Self::Unreadable => f.write_str("it cannot be read"),
            Self::UnknownAuthority(name) => write!(f, "its authority is not known here: {name}"),
            Self::WrongSignature(name) => write!(f, "it was not signed by the authority it names: {name}"),
            Self::Expired(time) => write!(f, "it expired on {}", day(*time)),
            Self::NotYetValid(time) => write!(f, "it is not valid before {}", day(*time)),
            Self::ChainExpired(time) => write!(f, "an authority in its chain expired on {}", day(*time)),
            Self::ChainNotYetValid(time) => write!(f, "an authority in its chain is not valid before {}", day(*time)),
            Self::WrongPurpose => f.write_str("it is not meant for clients (extendedKeyUsage lacks clientAuth)"),
            Self::IsAuthority => f.write_str("it is an authority's certificate, not a client's"),
            Self::SignedByNoAuthority => {
                f.write_str("a certificate that is no authority's signed another of its chain")
            }
            Self::Revoked(time) => write!(f, "it was revoked on {}", day(*time)),
            Self::ChainRevoked(Some(time)) => write!(f, "an authority in its chain was revoked on {}", day(*time)),
            Self::ChainRevoked(None) => f.write_str("an authority in its chain was revoked"),
            Self::StaleRevocationList(time) => {
                write!(f, "the revocation list of its authority should have been replaced on {}", day(*time))
            }
            Self::ForeignRevocationList => {
                f.write_str("the revocation list of its authority was not signed by that authority")
            }
            Self::TooDeep { between, allowed } => {
                write!(f, "{between} certificates stand between it and the authority, but at most {allowed} may")
            }
            Self::NoName => f.write_str("none of its names (subjectAltName) is one of those asked for"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

impl From<Refusal> for Error {
    /// With the alert that says most to the client (RFC 8446 §6.2).
    fn from(refusal: Refusal) -> Self {
        Self::InvalidCertificate(match refusal {
            Refusal::Unreadable => CertificateError::BadEncoding,
            Refusal::UnknownAuthority(_) => CertificateError::UnknownIssuer,
            Refusal::WrongSignature(_) => CertificateError::BadSignature,
            Refusal::Expired(_) | Refusal::ChainExpired(_) => CertificateError::Expired,
            Refusal::NotYetValid(_) | Refusal::ChainNotYetValid(_) => CertificateError::NotValidYet,
            Refusal::WrongPurpose => CertificateError::InvalidPurpose,
            Refusal::Revoked(_) | Refusal::ChainRevoked(_) => CertificateError::Revoked,
            _ => CertificateError::ApplicationVerificationFailure,
        })
    }
}

/// The day, in UTC.
fn day(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map_or_else(|_| "a day out of reach".into(), |time| time.strftime("%F").to_string())
}
