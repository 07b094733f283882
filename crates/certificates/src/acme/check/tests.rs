use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use super::*;
use crate::pem_file::certificate_pem;

/// An authority, and its name on what it issues.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2026, 4, 1);
    params
}

fn authority(name: &str, above: Option<&Authority>) -> Authority {
    let mut params = params(&[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let certificate = match above {
        Some(above) => params.signed_by(&key, &above.issuer).unwrap(),
        None => params.self_signed(&key).unwrap(),
    };
    let pem = certificate_pem(certificate.der());
    Authority { issuer: Issuer::from_ca_cert_der(certificate.der(), key).unwrap(), pem }
}

fn leaf(names: &[&str], authority: &Authority) -> (String, KeyText) {
    let key = KeyPair::generate().unwrap();
    let pem = certificate_pem(params(names).signed_by(&key, &authority.issuer).unwrap().der());
    (pem, KeyText::new(key.serialize_pem()))
}

fn on(day: u64) -> SystemTime {
    // 1 January 2026.
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 + day * 86_400)
}

fn name(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap()
}

#[test]
fn a_whole_chain_for_exactly_the_name_is_taken() {
    let root = authority("root", None);
    let middle = authority("middle", Some(&root));
    for host in ["a.example.com", "*.dev.example.com"] {
        let (pem, key) = leaf(&[host], &middle);
        for chain in [pem.clone(), format!("{pem}{}", middle.pem), format!("{pem}{}{}", middle.pem, root.pem)] {
            let checked = received(&chain, &key, &name(host), on(10)).unwrap();
            assert_eq!(checked.facts.names, [host]);
        }
    }
}

#[test]
fn what_was_not_ordered_is_not_served() {
    let root = authority("root", None);
    let (pem, key) = leaf(&["a.example.com"], &root);
    let chain = format!("{pem}{}", root.pem);
    let judge = |chain: &str, key: &KeyText, host: &str, day| received(chain, key, &name(host), on(day)).map(|_| ());
    let named = Rejected::Names("a.example.com".into());
    assert_eq!(judge(&chain, &key, "b.example.com", 10), Err(named.clone()));
    assert_eq!(judge(&chain, &key, "*.example.com", 10), Err(named));
    assert_eq!(judge(&chain, &leaf(&["a.example.com"], &root).1, "a.example.com", 10), Err(Rejected::Key));
    assert_eq!(judge(&chain, &key, "a.example.com", 90), Err(Rejected::Dates));
    assert_eq!(judge("", &key, "a.example.com", 10), Err(Rejected::Pem));
    assert_eq!(judge(&pem.repeat(11), &key, "a.example.com", 10), Err(Rejected::Pem));
    let (pem, key) = leaf(&["a.example.com", "b.example.com"], &root);
    assert!(matches!(judge(&pem, &key, "a.example.com", 10), Err(Rejected::Names(_))), "one name too many");
    let early = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600 - 7200);
    let (pem, key) = leaf(&["a.example.com"], &root);
    assert_eq!(received(&pem, &key, &name("a.example.com"), early).map(|_| ()), Err(Rejected::Dates));
}

#[test]
fn a_chain_that_does_not_hold_is_not_served() {
    let root = authority("root", None);
    let (pem, key) = leaf(&["a.example.com"], &root);
    let judge = |chain: String| received(&chain, &key, &name("a.example.com"), on(10)).map(|_| ());
    let stranger = authority("stranger", None);
    assert!(matches!(judge(format!("{pem}{}", stranger.pem)), Err(Rejected::Chain(_))), "another authority's");
    let namesake = authority("root", None);
    assert!(matches!(judge(format!("{pem}{}", namesake.pem)), Err(Rejected::Chain(_))), "a namesake did not sign it");
    assert!(matches!(judge(format!("{pem}{}{}", stranger.pem, root.pem)), Err(Rejected::Chain(_))), "a stray one");
}
