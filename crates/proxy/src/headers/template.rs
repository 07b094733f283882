//! Request headers that tell an upstream of the client's certificate.
//!
//! Refuses: to tell of a certificate that is not believed. Then the header is there and says nothing, so that a client
//! cannot send one in its place.

use doorward_config::{HeaderContent, HeaderPart};
use doorward_identity::Presented;
use http::HeaderValue;

/// The header's value for this client.
pub(super) fn filled(content: &HeaderContent, presented: &Presented) -> HeaderValue {
    let parts = match content {
        HeaderContent::Fixed(value) => return value.clone(),
        HeaderContent::Assembled(parts) => parts,
    };
    let certificate = match presented {
        Presented::Accepted(certificate) => Some(certificate),
        Presented::Refused { .. } | Presented::Nothing => None,
    };
    let mut text = String::new();
    for part in parts {
        match (part, certificate) {
            (HeaderPart::Text(part), _) => text.push_str(part),
            (HeaderPart::CertificateFingerprint, Some(certificate)) => text.push_str(&certificate.fingerprint),
            (HeaderPart::CertificateSanDns, Some(certificate)) => text.push_str(&listed(&certificate.san_dns)),
            (HeaderPart::CertificateSanEmail, Some(certificate)) => text.push_str(&listed(&certificate.san_email)),
            (_, None) => {}
        }
    }
    let mut value = HeaderValue::from_str(text.trim()).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Joined by commas; a name that holds one could pass for two, and is left out, as Pomerium has it.
fn listed(names: &[String]) -> String {
    let whole: Vec<_> = names.iter().filter(|name| !name.contains(',')).map(String::as_str).collect();
    whole.join(",")
}
