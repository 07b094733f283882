//! What a criterion asks of the certificate a client showed.
//!
//! Refuses: fingerprints and hashes that no certificate can have, which would be a rule that never holds.

use std::fmt;

use doorward_identity::Presented;

use crate::Reason;
use crate::criterion::Outcome;
use crate::matcher::{StringMatcher, TextSet};

/// Which certificates are meant. Where several things are asked, all have to hold; where nothing is, nothing holds.
///
/// Like Pomerium's, the fingerprint and the key are asked of a certificate whether or not it is believed:
/// [`crate::Criterion::InvalidClientCertificate`] asks that. Names are asked only of one that is: anybody can write any
/// name into a certificate of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CertificateMatcher {
    /// SHA-256 of the certificate, 64 hexadecimal digits in lower case; one of these.
    pub fingerprints: Option<TextSet>,
    /// SHA-256 of its public key, base64; one of these.
    pub spki_hashes: Option<TextSet>,
    /// One of the DNS names of its subjectAltName.
    pub san_dns: Option<StringMatcher>,
    /// One of the e-mail addresses of its subjectAltName.
    pub san_email: Option<StringMatcher>,
    /// One of the URIs of its subjectAltName.
    pub san_uri: Option<StringMatcher>,
}

impl CertificateMatcher {
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
        Outcome::new(self.holds(presented), Reason::ClientCertificateOk, Reason::ClientCertificateUnauthorized)
    }

    fn holds(&self, presented: &Presented) -> bool {
        let Some(certificate) = presented.certificate() else { return false };
        let believed = matches!(presented, Presented::Accepted(_));
        let among = |set: &Option<TextSet>, value: &str| set.as_ref().is_none_or(|set| set.contains(value));
        let named = |matcher: &Option<StringMatcher>, names: &[String]| {
            matcher.as_ref().is_none_or(|matcher| believed && names.iter().any(|name| matcher.holds(name)))
        };
        *self != Self::default()
            && among(&self.fingerprints, &certificate.fingerprint)
            && among(&self.spki_hashes, &certificate.spki_hash)
            && named(&self.san_dns, &certificate.san_dns)
            && named(&self.san_email, &certificate.san_email)
            && named(&self.san_uri, &certificate.san_uri)
    }
}

impl fmt::Display for CertificateMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sets = [("fingerprint", &self.fingerprints), ("spki_hash", &self.spki_hashes)];
        let sets = sets.into_iter().filter_map(|(name, set)| Some(format!("{name} in {}", set.as_ref()?)));
        let names = [("san_dns", &self.san_dns), ("san_email", &self.san_email), ("san_uri", &self.san_uri)];
        let names = names.into_iter().filter_map(|(name, matcher)| Some(format!("{name} {}", matcher.as_ref()?)));
        f.write_str(&sets.chain(names).collect::<Vec<_>>().join(" and "))
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
    use std::sync::Arc;

    use doorward_identity::ClientCertificate;

    use super::*;
    use crate::{Case, StringTest};

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

    fn shown() -> Arc<ClientCertificate> {
        Arc::new(ClientCertificate {
            fingerprint: "ab".into(),
            spki_hash: "key".into(),
            subject: String::new(),
            san_dns: vec!["laptop.example.com".into()],
            san_email: vec!["you@example.com".into()],
            san_uri: vec!["spiffe://example.com/you".into()],
            not_after: std::time::SystemTime::UNIX_EPOCH,
        })
    }

    #[test]
    fn a_matcher_that_asks_nothing_never_holds() {
        assert!(!CertificateMatcher::default().holds(&Presented::Accepted(shown())));
        let nothing = CertificateMatcher { fingerprints: Some(TextSet::default()), ..CertificateMatcher::default() };
        assert!(!nothing.holds(&Presented::Accepted(shown())));
    }

    #[test]
    fn names_are_asked_only_of_a_certificate_that_is_believed() {
        let ends = |text: &str| Some(StringMatcher::new(vec![StringTest::EndsWith(text.into())], Case::Sensitive));
        let refused = Presented::Refused { certificate: shown(), reason: "it was forged".into() };
        for matcher in [
            CertificateMatcher { san_dns: ends(".example.com"), ..CertificateMatcher::default() },
            CertificateMatcher { san_email: ends("@example.com"), ..CertificateMatcher::default() },
            CertificateMatcher { san_uri: ends("/you"), ..CertificateMatcher::default() },
        ] {
            assert!(matcher.holds(&Presented::Accepted(shown())), "{matcher}");
            assert!(!matcher.holds(&refused) && !matcher.holds(&Presented::Nothing), "{matcher}");
        }
        let known =
            CertificateMatcher { fingerprints: Some(TextSet::new(["ab".to_owned()])), ..CertificateMatcher::default() };
        assert!(known.holds(&refused));
        let both = CertificateMatcher { san_dns: ends(".example.org"), ..known };
        assert!(!both.holds(&Presented::Accepted(shown())));
    }
}
