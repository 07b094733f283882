//! What a criterion asks of the certificate a client showed.
//!
//! Refuses: fingerprints and hashes that no certificate can have, which would be a rule that never holds.

use std::fmt;

use doorward_identity::{ClientCertificate, Presented};

use crate::Reason;
use crate::criterion::Outcome;

/// Which certificates are meant. Where both are given, both have to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateMatcher {
    /// SHA-256 of the certificate, 64 hexadecimal digits in lower case; one of these.
    fingerprints: Option<Vec<String>>,
    /// SHA-256 of its public key, base64; one of these.
    spki_hashes: Option<Vec<String>>,
}

impl CertificateMatcher {
    /// Certificates with one of these fingerprints and one of these hashes of the public key; what is none is not asked.
    pub fn new(fingerprints: Option<Vec<String>>, spki_hashes: Option<Vec<String>>) -> Self {
        Self { fingerprints, spki_hashes }
    }

    /// A fingerprint as it is compared: 64 hexadecimal digits of either case, with a colon between each two or none.
    pub fn fingerprint(text: &str) -> Option<String> {
        let plain = if text.contains(':') {
            text.split(':').all(|pair| pair.len() == 2).then(|| text.replace(':', ""))?
        } else {
            text.to_owned()
        };
        (plain.len() == 64 && plain.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| plain.to_ascii_lowercase())
    }

    /// A hash of a public key as it is compared: base64 of 32 bytes, with its padding (RFC 7469 §2.4).
    pub fn spki_hash(text: &str) -> Option<String> {
        let body = text.strip_suffix('=')?;
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
        // The last two bits of 43 digits say nothing, and no encoder sets them.
        let canonical = body.ends_with(|last: char| "AEIMQUYcgkosw048".contains(last));
        (body.len() == 43 && canonical && body.bytes().all(known)).then(|| text.to_owned())
    }

    pub(crate) fn evaluate(&self, presented: &Presented) -> Outcome {
        // For none, too, as Pomerium has it: `-required` is the other criterion's, and cuts the way to the sign-in.
        let held = presented.certificate().is_some_and(|certificate| self.holds(certificate));
        Outcome::new(held, Reason::ClientCertificateOk, Reason::ClientCertificateUnauthorized)
    }

    fn holds(&self, certificate: &ClientCertificate) -> bool {
        let among = |list: &Option<Vec<String>>, value: &String| list.as_ref().is_none_or(|list| list.contains(value));
        (self.fingerprints.is_some() || self.spki_hashes.is_some())
            && among(&self.fingerprints, &certificate.fingerprint)
            && among(&self.spki_hashes, &certificate.spki_hash)
    }
}

impl fmt::Display for CertificateMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [("fingerprint", &self.fingerprints), ("spki_hash", &self.spki_hashes)];
        let told = parts.into_iter().filter_map(|(name, list)| {
            let list = list.as_ref()?;
            Some(format!("{name} is {}", list.join(" or ")))
        });
        f.write_str(&told.collect::<Vec<_>>().join(" and "))
    }
}

/// What was shown, in words.
pub(crate) fn found(presented: &Presented) -> String {
    match presented {
        Presented::Nothing => "no client certificate".into(),
        Presented::Refused { certificate, reason } => {
            format!("{} ({}), not accepted: {reason}", certificate.subject, certificate.fingerprint)
        }
        Presented::Accepted(certificate) => format!("{} ({}), accepted", certificate.subject, certificate.fingerprint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_read_in_every_usual_spelling() {
        let plain = "0123456789abcdef".repeat(4);
        let pairs: Vec<_> = plain.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap()).collect();
        for text in [plain.clone(), plain.to_uppercase(), pairs.join(":"), pairs.join(":").to_uppercase()] {
            assert_eq!(CertificateMatcher::fingerprint(&text).as_ref(), Some(&plain));
        }
        let shifted = format!("0:{}", &pairs.join(":")[1..]);
        for text in ["", "ab", &plain[1..], &format!("{plain}0"), &plain.replace('a', "g"), &shifted] {
            assert_eq!(CertificateMatcher::fingerprint(text), None, "{text}");
        }
    }

    #[test]
    fn hashes_of_keys_are_base64_of_32_bytes() {
        let hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(CertificateMatcher::spki_hash(hash).as_deref(), Some(hash));
        for text in ["", "=", &hash[..43], &hash.replace('+', "-"), &hash.replace("U=", "V="), &hash[1..]] {
            assert_eq!(CertificateMatcher::spki_hash(text), None, "{text}");
        }
    }

    #[test]
    fn a_matcher_that_asks_nothing_never_holds() {
        let certificate = ClientCertificate {
            fingerprint: String::new(),
            spki_hash: String::new(),
            subject: String::new(),
            san_dns: Vec::new(),
            san_email: Vec::new(),
            not_after: std::time::SystemTime::UNIX_EPOCH,
        };
        assert!(!CertificateMatcher::new(None, None).holds(&certificate));
        assert!(!CertificateMatcher::new(Some(Vec::new()), None).holds(&certificate));
    }
}
