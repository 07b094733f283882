//! Why an upstream's certificate was not believed, in words that tell how to mend it.

use std::fmt;

use rustls::{CertificateError, Error};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// How many names of a certificate are listed; some have hundreds.
const NAMES_LISTED: usize = 8;

/// Why a certificate was not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// It has a common name and no subjectAltName.
    #[error(
        "its certificate has only a common name ({common_name}) and no subjectAltName, and names are looked for in \
         subjectAltName alone (RFC 2818 §3.1, RFC 9525 §2); make the certificate anew with the name in it, for \
         example: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -keyout key.pem \
         -out cert.pem -subj '/CN={expected}' -addext 'subjectAltName={kind}:{expected}' \
         -addext 'basicConstraints=critical,CA:FALSE'"
    )]
    OnlyCommonName {
        /// The common name it has.
        common_name: String,
        /// The name asked for.
        expected: String,
        /// `DNS` or `IP`.
        kind: &'static str,
    },
    /// It has no name at all.
    #[error("its certificate names nobody: it has no subjectAltName, so it is not known to be for {expected}")]
    NoName {
        /// The name asked for.
        expected: String,
    },
    /// It is for other names.
    #[error(
        "its certificate is for {names}, not for {expected}; use a name it has in `to`, or say which with \
         tls_server_name"
    )]
    WrongName {
        /// The name asked for.
        expected: String,
        /// The names it has.
        names: Names,
    },
    /// It is past its time.
    #[error("its certificate expired on {not_after}, {}; have it renewed, and see why nobody was told", ago(*days))]
    Expired {
        /// The day, in UTC.
        not_after: String,
        /// How many days ago.
        days: u64,
    },
    /// One of those that lead to its authority is past its time.
    #[error(
        "a certificate between its own and its authority's expired on {not_after}, {}; have it send those that came with \
         its newest certificate", ago(*days)
    )]
    ChainExpired {
        /// The day, in UTC.
        not_after: String,
        /// How many days ago.
        days: u64,
    },
    /// It is for clients, or for something else.
    #[error(
        "its certificate ({subject}) is not meant for servers (extendedKeyUsage lacks serverAuth); have one issued that is"
    )]
    WrongPurpose {
        /// Whom it names.
        subject: String,
    },
    /// It names an authority that is known here, but was signed with another key.
    #[error(
        "its certificate says that {issuer} signed it, but not with the key of the {issuer} that is known here; if that \
         authority was made anew, set tls_custom_ca_file to its new certificate"
    )]
    WrongSignature {
        /// Who is said to have signed it.
        issuer: String,
    },
    /// Its time has not come, or our clock is behind.
    #[error("its certificate is not valid before {not_before}; is this machine's clock right?")]
    NotYetValid {
        /// When it will be.
        not_before: String,
    },
    /// Nobody known signed it.
    #[error(
        "its certificate is signed by {issuer}, an authority not known here; set tls_custom_ca_file (or \
         certificate_authority_file) to that authority's certificate, or, if that is one in between, have the upstream \
         send it"
    )]
    UnknownAuthority {
        /// Who signed it, as the certificate says.
        issuer: String,
    },
    /// It signed itself.
    #[error("its certificate is self-signed ({subject}); set tls_custom_ca_file to that very certificate")]
    SelfSigned {
        /// Whom it names.
        subject: String,
    },
    /// The certificate of an authority is used as that of a server.
    #[error(
        "its certificate ({subject}) is that of a certificate authority (basicConstraints CA:TRUE), which no server \
         may use as its own; make one with CA:FALSE"
    )]
    IsAuthority {
        /// Whom it names.
        subject: String,
    },
    /// There is no authority to check against.
    #[error(
        "no certificate authority is known: the system has none and none is configured; install the system's \
         (ca-certificates) or set certificate_authority_file"
    )]
    NoAuthorities,
    /// Anything else.
    #[error("its certificate is not accepted: {reason}")]
    Other {
        /// In the words of the TLS library.
        reason: String,
    },
}

/// The names in a certificate, listed for a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().take(NAMES_LISTED).map(String::as_str).collect::<Vec<_>>().join(", "))?;
        match self.0.len().checked_sub(NAMES_LISTED) {
            Some(more) if more > 0 => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

/// Says what was wrong with the certificate that failed with `error`.
pub(super) fn explain(
    error: &Error,
    shown: &CertificateDer<'_>,
    intermediates: &[CertificateDer<'_>],
    expected: &ServerName<'_>,
    now: UnixTime,
) -> CertificateProblem {
    let Error::InvalidCertificate(error) = error else {
        return CertificateProblem::Other { reason: error.to_string() };
    };
    let Ok((_, certificate)) = X509Certificate::from_der(shown) else {
        return CertificateProblem::Other { reason: "it cannot be read as X.509".into() };
    };
    let names = names_of(&certificate);
    let subject = certificate.subject().to_string();
    let (expected, kind) = match expected {
        ServerName::IpAddress(address) => (std::net::IpAddr::from(*address).to_string(), "IP"),
        name => (name.to_str().into_owned(), "DNS"),
    };
    match error {
        // Said first whatever else is wrong: it is the most common mistake, and it needs a new certificate anyway.
        _ if names.is_empty() => match certificate.subject().iter_common_name().find_map(|name| name.as_str().ok()) {
            Some(name) => CertificateProblem::OnlyCommonName { common_name: name.into(), expected, kind },
            None => CertificateProblem::NoName { expected },
        },
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            expired(error, certificate.validity().not_after, now)
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            CertificateProblem::NotYetValid { not_before: day(certificate.validity().not_before) }
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateProblem::WrongName { expected, names: Names(names) }
        }
        _ if certificate.is_ca() => CertificateProblem::IsAuthority { subject },
        CertificateError::UnknownIssuer if certificate.issuer() == certificate.subject() => {
            CertificateProblem::SelfSigned { subject }
        }
        CertificateError::UnknownIssuer => {
            CertificateProblem::UnknownAuthority { issuer: top(&certificate, intermediates) }
        }
        CertificateError::BadSignature => {
            CertificateProblem::WrongSignature { issuer: certificate.issuer().to_string() }
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            CertificateProblem::WrongPurpose { subject }
        }
        other => CertificateProblem::Other { reason: other.to_string() },
    }
}

/// Which of the chain it was, as far as the library says.
fn expired(error: &CertificateError, own: ASN1Time, now: UnixTime) -> CertificateProblem {
    let own_seconds = u64::try_from(own.timestamp()).unwrap_or_default();
    let ended = match error {
        CertificateError::ExpiredContext { not_after, .. } => not_after.as_secs(),
        _ => own_seconds,
    };
    let days = now.as_secs().saturating_sub(ended) / (24 * 60 * 60);
    if ended == own_seconds {
        return CertificateProblem::Expired { not_after: day(own), days };
    }
    let ended = i64::try_from(ended).ok().and_then(|ended| ASN1Time::from_timestamp(ended).ok());
    CertificateProblem::ChainExpired { not_after: ended.map_or_else(|| "an unknown day".into(), day), days }
}

/// The day in UTC, as `2027-01-31`.
fn day(time: ASN1Time) -> String {
    time.to_datetime().date().to_string()
}

fn ago(days: u64) -> String {
    match days {
        0 => "less than a day ago".into(),
        1 => "a day ago".into(),
        days => format!("{days} days ago"),
    }
}

/// The authority at the end of what the upstream sent.
fn top(leaf: &X509Certificate<'_>, intermediates: &[CertificateDer<'_>]) -> String {
    let sent: Vec<_> =
        intermediates.iter().filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, it)| it).collect();
    let mut issuer = leaf.issuer();
    // As many steps as there are certificates: names can go in circles.
    for _ in &sent {
        let Some(above) = sent.iter().find(|above| above.subject() == issuer && above.issuer() != issuer) else {
            break;
        };
        issuer = above.issuer();
    }
    issuer.to_string()
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    extension
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            GeneralName::IPAddress([a, b, c, d]) => Some(std::net::Ipv4Addr::new(*a, *b, *c, *d).to_string()),
            GeneralName::IPAddress(bytes) => {
                <[u8; 16]>::try_from(*bytes).ok().map(|bytes| std::net::Ipv6Addr::from(bytes).to_string())
            }
            _ => None,
        })
        .collect()
}
