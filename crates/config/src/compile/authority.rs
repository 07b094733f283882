//! Certificate authorities that are trusted besides the system's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use zeroize::Zeroizing;

use super::Compiler;
use super::certificate::Text;
use crate::raw::RawSecret;

impl Compiler<'_> {
    /// The PEM text that a key gives as base64, or a file as it is.
    pub(super) fn pem(&mut self, raw: &RawSecret, key: &str, file_key: &str) -> Option<Text> {
        let (text, place) = self.secret_text(raw, key, file_key)?;
        let name = match &raw.file {
            Some(file) => format!("`{}`", file.value),
            None => format!("`{key}`"),
        };
        let given = if raw.file.is_some() { format!("`{file_key}`: {name}") } else { name.clone() };
        // The PEM itself is taken in place of its base64 too: there is nothing else it could mean.
        if raw.file.is_some() || text.starts_with(b"-----BEGIN") {
            return Some(Text { bytes: text, name, given, place });
        }
        let compact: Zeroizing<Vec<u8>> =
            Zeroizing::new(text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect());
        let Ok(bytes) = STANDARD.decode(compact.as_slice()).map(Zeroizing::new) else {
            self.problems.error(
                &place,
                format!("`{key}` is not base64"),
                format!("It is the base64 of a PEM file (`base64 -w0 FILE.pem`); or name the file with `{file_key}`."),
            );
            return None;
        };
        Some(Text { bytes, name, given, place })
    }

    /// The certificates in the base64 of a PEM text, or in a PEM file. None when nothing is given, and never an empty
    /// list without an error.
    pub(super) fn authorities(&mut self, raw: &RawSecret, key: &str, file_key: &str) -> Vec<CertificateDer<'static>> {
        let Some(Text { bytes: pem, given, place, .. }) = self.pem(raw, key, file_key) else { return Vec::new() };
        let mut authorities = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            match certificate {
                Ok(certificate) if X509Certificate::from_der(&certificate).is_ok() => authorities.push(certificate),
                _ => {
                    self.problems.error(
                        &place,
                        format!("{given} holds a certificate that is damaged"),
                        "Fetch it again from the authority.",
                    );
                    return Vec::new();
                }
            }
        }
        if authorities.is_empty() {
            self.problems.error(
                &place,
                format!("{given} holds no certificate in PEM form"),
                "It holds at least one block between `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----`.",
            );
        }
        authorities
    }
}
