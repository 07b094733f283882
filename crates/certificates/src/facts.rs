//! What a certificate says of itself, as far as people and tables want to know.
//!
//! Refuses: bytes that are no certificate. What it says is made harmless for terminals and logs.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{GeneralName, X509Certificate};
use x509_parser::time::ASN1Time;

use crate::CertificatesError;

/// What a server's certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafFacts {
    /// The DNS names (perhaps with one leading `*.`) and IP addresses of its subjectAltName, in lower case.
    pub names: Vec<String>,
    /// Who issued it, as `CN=R11, O=Let's Encrypt, C=US`.
    pub issuer: String,
    /// From when it is good.
    pub not_before: SystemTime,
    /// Until when.
    pub not_after: SystemTime,
}

impl LeafFacts {
    /// Reads them from a certificate.
    ///
    /// # Errors
    /// [`CertificatesError::Unreadable`].
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, CertificatesError> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate)
            .map_err(|error| CertificatesError::Unreadable(error.into()))?;
        Ok(Self::of_parsed(&parsed))
    }

    pub(crate) fn of_parsed(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self {
            names: names(certificate),
            issuer: harmless(&certificate.issuer().to_string()),
            not_before: time(validity.not_before),
            not_after: time(validity.not_after),
        }
    }
}

/// The hosts a certificate names, an address spelled as [`IpAddr`] spells it.
pub(crate) fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(extension)) = certificate.subject_alternative_name() else { return Vec::new() };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some(harmless(&name.to_ascii_lowercase())),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4().or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// The time since 1970; what was before is then.
pub(crate) fn time(time: ASN1Time) -> SystemTime {
    let seconds = u64::try_from(time.timestamp()).unwrap_or_default();
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds)).unwrap_or(UNIX_EPOCH)
}

/// Text out of a certificate without what a terminal or a log would obey: control characters, and those that turn
/// the direction of writing.
pub(crate) fn harmless(text: &str) -> String {
    let obeyed = |character: char| {
        character.is_control()
            || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|character| if obeyed(character) { '\u{fffd}' } else { character }).collect()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn what_a_certificate_says_is_read_and_made_harmless() {
        let names = ["A.Example", "*.dev.example", "192.0.2.1", "2001:db8::1"].map(String::from);
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "Evil\u{1b}[2J\u{202e}authority");
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 4, 1);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let facts = LeafFacts::of(certificate.der()).unwrap();
        assert_eq!(facts.names, ["a.example", "*.dev.example", "192.0.2.1", "2001:db8::1"]);
        assert!(facts.issuer.starts_with("CN=Evil\u{fffd}[2J\u{fffd}authority"), "{}", facts.issuer);
        assert_eq!(facts.not_after.duration_since(facts.not_before).unwrap().as_secs(), 90 * 86_400);
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        for bytes in [&b""[..], b"junk", &[0x30, 0x82, 0xff, 0xff, 0]] {
            let error = LeafFacts::of(&CertificateDer::from(bytes.to_vec())).unwrap_err();
            assert!(matches!(error, CertificatesError::Unreadable(_)), "{error:?}");
        }
    }
}
