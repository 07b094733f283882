//! What is decided on client certificates.

use super::*;

#[test]
fn a_missing_or_refused_certificate_is_denied_without_a_sign_in() {
    let alice = verified("alice@example.com");
    let rules =
        [rule(Allow, Or, vec![email("alice@example.com")]), rule(Deny, Or, vec![Criterion::InvalidClientCertificate])];
    let [nothing, refused, accepted] = presented();
    for visitor in [Visitor::Anonymous, Visitor::Known(&alice)] {
        assert_eq!(decided(&rules, &nothing, visitor), (Verdict::Deny, vec!["client-certificate-required"]));
        assert_eq!(decided(&rules, &refused, visitor), (Verdict::Deny, vec!["invalid-client-certificate"]));
    }
    assert_eq!(decided(&rules, &accepted, Visitor::Anonymous).0, Verdict::SignIn);
    assert_eq!(decided(&rules, &accepted, Visitor::Known(&alice)), (Verdict::Allow, vec!["email-ok"]));
}

#[test]
fn a_certificate_is_asked_for_by_fingerprint_and_by_key() {
    let [nothing, refused, accepted] = presented();
    let by = |fingerprints: Option<&str>, keys: Option<&str>| {
        let set = |one: &str| TextSet::new([one.to_owned()]);
        let matcher = CertificateMatcher {
            fingerprints: fingerprints.map(set),
            spki_hashes: keys.map(set),
            ..CertificateMatcher::default()
        };
        [rule(Allow, Or, vec![Criterion::ClientCertificate(matcher)])]
    };
    for (rules, held) in [
        (by(Some("ab"), None), true),
        (by(Some("ab"), Some("key")), true),
        (by(None, Some("key")), true),
        (by(Some("cd"), None), false),
        (by(Some("ab"), Some("other")), false),
        (by(Some("cd"), Some("key")), false),
    ] {
        let expected = if held {
            (Verdict::Allow, vec!["client-certificate-ok"])
        } else {
            (Verdict::Deny, vec!["client-certificate-unauthorized"])
        };
        assert_eq!(decided(&rules, &accepted, Visitor::Anonymous), expected);
        // Whether it is believed is the other criterion's question, as in Pomerium.
        assert_eq!(decided(&rules, &refused, Visitor::Anonymous), expected);
        assert_eq!(decided(&rules, &nothing, Visitor::Anonymous).0, Verdict::Deny);
    }
}
