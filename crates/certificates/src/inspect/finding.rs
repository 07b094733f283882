//! What there is to say about a certificate: what is wrong, what browsers call it, and how to mend it.

use serde::Serialize;

/// One thing about a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Which.
    pub kind: Kind,
    /// Whether browsers refuse the certificate for it.
    pub refused: bool,
    /// What is the matter, as a sentence.
    pub what: String,
    /// How to mend it.
    pub mend: String,
    /// What browsers show.
    pub browsers_say: Option<&'static str>,
}

/// Each thing there may be to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
    /// It names other hosts.
    NameMismatch,
    /// It names its host where browsers have not looked since 2017.
    CommonNameOnly,
    /// It names no host at all.
    NoNames,
    /// It vouches for itself.
    SelfSigned,
    /// Its authority is not trusted.
    UnknownAuthority,
    /// Its authority is this machine's own.
    LocalAuthority,
    /// What leads to its authority is not all there.
    MissingIntermediate,
    /// Something that leads to its authority is out of date.
    IssuerExpired,
    /// Its authority must not name it.
    OutsideConstraints,
    /// It is an authority's.
    AuthorityAsServer,
    /// The server's own is not the first.
    ServerNotFirst,
    /// The chain is out of order.
    ChainOrder,
    /// Certificates that lead nowhere.
    Superfluous,
    /// Its key can be broken.
    KeyTooSmall,
    /// Its key is of a kind browsers do not take.
    KeyUnsupported,
    /// Its signature can be forged.
    WeakSignature,
    /// It is good for longer than browsers believe.
    LifetimeTooLong,
    /// It is for something else than servers.
    NotForServers,
    /// Something else.
    Refused,
}

impl Finding {
    /// Something browsers refuse a certificate for.
    pub(super) fn refusal(kind: Kind, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { kind, refused: true, what: what.into(), mend: mend.into(), browsers_say: kind.browsers_say() }
    }

    /// Something to know.
    pub(super) fn remark(kind: Kind, what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { refused: false, ..Self::refusal(kind, what, mend) }
    }
}

impl Kind {
    /// Chrome's word, then Firefox's where it has another.
    fn browsers_say(self) -> Option<&'static str> {
        Some(match self {
            Self::Expired | Self::IssuerExpired => "NET::ERR_CERT_DATE_INVALID, SEC_ERROR_EXPIRED_CERTIFICATE",
            Self::NotYetValid => "NET::ERR_CERT_DATE_INVALID, MOZILLA_PKIX_ERROR_NOT_YET_VALID_CERTIFICATE",
            Self::NameMismatch | Self::CommonNameOnly | Self::NoNames => {
                "NET::ERR_CERT_COMMON_NAME_INVALID, SSL_ERROR_BAD_CERT_DOMAIN"
            }
            Self::SelfSigned => "NET::ERR_CERT_AUTHORITY_INVALID, MOZILLA_PKIX_ERROR_SELF_SIGNED_CERT",
            Self::UnknownAuthority | Self::LocalAuthority | Self::MissingIntermediate => {
                "NET::ERR_CERT_AUTHORITY_INVALID, SEC_ERROR_UNKNOWN_ISSUER"
            }
            Self::OutsideConstraints => "NET::ERR_CERT_NAME_CONSTRAINT_VIOLATION, SEC_ERROR_CERT_NOT_IN_NAME_SPACE",
            Self::AuthorityAsServer => "MOZILLA_PKIX_ERROR_CA_CERT_USED_AS_END_ENTITY",
            Self::KeyTooSmall => "NET::ERR_CERT_WEAK_KEY, MOZILLA_PKIX_ERROR_INADEQUATE_KEY_SIZE",
            Self::KeyUnsupported => "ERR_SSL_VERSION_OR_CIPHER_MISMATCH, SSL_ERROR_NO_CYPHER_OVERLAP",
            Self::WeakSignature => {
                "NET::ERR_CERT_WEAK_SIGNATURE_ALGORITHM, SEC_ERROR_CERT_SIGNATURE_ALGORITHM_DISABLED"
            }
            Self::LifetimeTooLong => "NET::ERR_CERT_VALIDITY_TOO_LONG",
            Self::NotForServers => "NET::ERR_CERT_INVALID, SEC_ERROR_INADEQUATE_CERT_TYPE",
            Self::ServerNotFirst | Self::ChainOrder | Self::Superfluous | Self::Refused => return None,
        })
    }
}
