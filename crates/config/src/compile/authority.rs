//! Certificate authorities that are trusted besides the system's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::Compiler;
use crate::raw::RawSecret;

impl Compiler<'_> {
    /// The certificates in the base64 of a PEM text, or in a PEM file.
    pub(super) fn authorities(&mut self, raw: &RawSecret, key: &str, file_key: &str) -> Vec<CertificateDer<'static>> {
        let Some((text, place)) = self.secret_text(raw, key, file_key) else { return Vec::new() };
        let inline = raw.inline.is_some();
        // The PEM itself is taken in place of its base64 too: there is nothing else it could mean.
        let pem = if inline && !text.starts_with(b"-----BEGIN") {
            let compact: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            let Ok(pem) = STANDARD.decode(compact) else {
                self.problems.error(
                    &place,
                    format!("`{key}` is not base64"),
                    format!(
                        "It is the base64 of a PEM file (`base64 -w0 ca.pem`); or name the file with `{file_key}`."
                    ),
                );
                return Vec::new();
            };
            pem
        } else {
            text.to_vec()
        };
        let mut authorities = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            match certificate {
                Ok(certificate) if X509Certificate::from_der(&certificate).is_ok() => authorities.push(certificate),
                _ => {
                    self.problems.error(
                        &place,
                        format!("what `{key}` gives holds a certificate that is damaged"),
                        "Fetch it again from the authority.",
                    );
                    return Vec::new();
                }
            }
        }
        if authorities.is_empty() {
            self.problems.error(
                &place,
                format!("what `{key}` gives holds no certificate in PEM form"),
                "It holds at least one block between `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----`.",
            );
        }
        authorities
    }
}
