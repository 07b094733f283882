use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};

use super::*;

struct Fixture {
    _folder: tempfile::TempDir,
    authority: LocalAuthority,
    now: SystemTime,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let named =
        hosts(&["code.localhost", "auth.example", "a.example", "*.dev.example", "127.0.0.1", "[::1]", "10.0.0.1"]);
    let authority = LocalAuthority::open_or_create(folder.path(), &named, now).unwrap();
    Fixture { _folder: folder, authority, now }
}

fn hosts(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| HostPattern::parse(name).unwrap()).collect()
}

/// A configured certificate that trusts nobody but itself.
fn pair(label: &str, names: &[&str]) -> CertificatePair {
    let key = KeyPair::generate().unwrap();
    let sans: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate = CertificateParams::new(sans).unwrap().self_signed(&key).unwrap();
    CertificatePair {
        chain: vec![certificate.der().clone()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        label: label.to_owned(),
    }
}

fn sources<'a>(
    pairs: &'a [CertificatePair],
    hosts: &'a [HostPattern],
    authority: Option<&'a LocalAuthority>,
) -> Sources<'a> {
    Sources { pairs, hosts, authority }
}

/// What a client that trusts `root` gets when it asks for `name`; an address is asked for without a name.
fn shake_hands(
    certificates: &Certificates,
    root: &CertificateDer<'static>,
    name: &str,
) -> Result<CertificateDer<'static>, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates.resolver());
    let mut roots = RootCertStore::empty();
    roots.add(root.clone())?;
    let client = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut client = ClientConnection::new(Arc::new(client), ServerName::try_from(name.to_owned()).unwrap())?;
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets()?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets()?;
    }
    Ok(client.peer_certificates().unwrap()[0].clone().into_owned())
}

fn root(authority: &LocalAuthority) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()
}

#[test]
fn one_import_makes_a_client_trust_every_host_of_ours_and_no_other() {
    let Fixture { authority, now, .. } = &fixture();
    let ours = hosts(&["code.localhost", "auth.example", "127.0.0.1", "[::1]", "*.dev.auth.example"]);
    let certificates = Certificates::new(sources(&[], &ours, Some(authority)), *now).unwrap();
    for name in ["code.localhost", "auth.example", "127.0.0.1", "::1", "AUTH.example", "anna.dev.auth.example"] {
        shake_hands(&certificates, &root(authority), name).unwrap();
    }
    for name in ["example", "x.auth.example", "localhost", "xauth.example", "dev.auth.example", "a.b.dev.auth.example"]
    {
        shake_hands(&certificates, &root(authority), name).unwrap_err();
    }
    assert!(certificates.uncovered().is_empty());
}

#[test]
fn who_names_no_host_is_answered_only_where_a_host_is_an_address() {
    let Fixture { authority, now, .. } = &fixture();
    let named = Certificates::new(sources(&[], &hosts(&["a.example"]), Some(authority)), *now).unwrap();
    assert!(named.choose(None).is_none());
    let mixed = Certificates::new(sources(&[], &hosts(&["a.example", "127.0.0.1"]), Some(authority)), *now).unwrap();
    assert!(mixed.choose(None).is_some());
    let pairs = [pair("name only", &["a.example"]), pair("address", &["192.0.2.1"])];
    let ours = hosts(&["a.example", "192.0.2.1"]);
    let configured = Certificates::new(sources(&pairs, &ours, None), *now).unwrap();
    let answered = shake_hands(&configured, &pairs[1].chain[0], "192.0.2.1").unwrap();
    assert_eq!(answered, pairs[1].chain[0]);
}

#[test]
fn configured_certificates_answer_what_they_name_the_first_first() {
    let now = SystemTime::now();
    let pairs = [
        pair("0", &["a.example", "*.dev.example"]),
        pair("1", &["a.example", "b.example"]),
        pair("2", &["x.dev.example"]),
    ];
    let certificates = Certificates::new(sources(&pairs, &hosts(&["a.example"]), None), now).unwrap();
    let answer = |name| {
        let key = certificates.choose(Some(name))?;
        pairs.iter().position(|pair| pair.chain == key.cert)
    };
    for (name, expected) in [
        ("a.example", Some(0)),
        ("A.Example", Some(0)),
        ("b.example", Some(1)),
        ("y.dev.example", Some(0)),
        ("x.dev.example", Some(2)),
        ("z.y.dev.example", None),
        ("dev.example", None),
        ("c.example", None),
        ("*.dev.example", Some(0)),
        ("", None),
        (".", None),
        (".dev.example", Some(0)),
    ] {
        assert_eq!(answer(name), expected, "{name:?}");
    }
}

#[test]
fn hosts_no_configured_certificate_names_fall_back_or_are_told() {
    let Fixture { authority, now, .. } = &fixture();
    let pairs = [pair("0", &["a.example", "*.dev.example"])];
    let ours = hosts(&["a.example", "x.dev.example", "*.dev.example", "b.a.example", "10.0.0.1"]);
    let with = Certificates::new(sources(&pairs, &ours, Some(authority)), *now).unwrap();
    assert_eq!(shake_hands(&with, &pairs[0].chain[0], "a.example").unwrap(), pairs[0].chain[0]);
    assert_eq!(shake_hands(&with, &pairs[0].chain[0], "x.dev.example").unwrap(), pairs[0].chain[0]);
    shake_hands(&with, &root(authority), "b.a.example").unwrap();
    shake_hands(&with, &root(authority), "10.0.0.1").unwrap();
    let without = Certificates::new(sources(&pairs, &ours, None), *now).unwrap();
    assert_eq!(without.uncovered(), hosts(&["b.a.example", "10.0.0.1"]));
    shake_hands(&without, &pairs[0].chain[0], "b.a.example").unwrap_err();
    assert!(without.choose(None).is_none());
}

#[test]
fn a_wildcard_is_issued_as_one_name_and_answers_one_label() {
    let Fixture { authority, now, .. } = &fixture();
    let ours = hosts(&["*.dev.example", "a.example"]);
    let certificates = Certificates::new(sources(&[], &ours, Some(authority)), *now).unwrap();
    for name in ["x.dev.example", "Y.dev.example", "a.example"] {
        shake_hands(&certificates, &root(authority), name).unwrap();
    }
    for name in ["dev.example", "z.y.dev.example", "xdev.example", "x.example"] {
        shake_hands(&certificates, &root(authority), name).unwrap_err();
    }
    assert!(certificates.uncovered().is_empty());
    // The same names again: what was issued is kept.
    let again = Certificates::new(sources(&[], &ours, Some(authority)), *now).unwrap();
    let shown = |certificates: &Certificates| certificates.choose(Some("x.dev.example")).unwrap();
    assert_eq!(shown(&certificates).cert, shown(&again).cert);
}

#[test]
fn a_wildcard_is_covered_by_that_same_wildcard_alone() {
    let Fixture { authority, now, .. } = &fixture();
    let pairs = [pair("0", &["x.dev.example", "*.example"]), pair("1", &["*.other.example"])];
    let ours = hosts(&["*.dev.example", "*.other.example"]);
    let without = Certificates::new(sources(&pairs, &ours, None), *now).unwrap();
    assert_eq!(without.uncovered(), hosts(&["*.dev.example"]));
    let with = Certificates::new(sources(&pairs, &ours, Some(authority)), *now).unwrap();
    let issuer_is_ours = |name: &str| {
        let key = with.choose(Some(name)).unwrap();
        pairs.iter().all(|pair| pair.chain != key.cert)
    };
    // The name that a configured certificate has stays with it.
    assert!(!issuer_is_ours("x.dev.example") && issuer_is_ours("y.dev.example") && !issuer_is_ours("y.other.example"));
}

#[test]
fn a_replacement_is_whole_or_not_at_all() {
    let Fixture { authority, now, .. } = &fixture();
    let before = hosts(&["a.example"]);
    let certificates = Certificates::new(sources(&[], &before, Some(authority)), *now).unwrap();
    let resolver = certificates.resolver();
    let broken = CertificatePair { key: pair("other", &["b.example"]).key, ..pair("broken", &["b.example"]) };
    let after = hosts(&["b.auth.example"]);
    certificates.replace(sources(&[broken], &after, Some(authority)), *now).unwrap_err();
    shake_hands(&certificates, &root(authority), "a.example").unwrap();
    certificates.replace(sources(&[], &after, Some(authority)), *now + Duration::from_secs(1)).unwrap();
    shake_hands(&certificates, &root(authority), "b.auth.example").unwrap();
    shake_hands(&certificates, &root(authority), "a.example").unwrap_err();
    assert_eq!(Arc::as_ptr(&resolver).cast::<()>(), Arc::as_ptr(&certificates.resolver()).cast::<()>());
}

#[test]
fn what_does_not_belong_together_is_refused_by_name() {
    let now = SystemTime::now();
    let refusal = |pair: CertificatePair| Certificates::new(sources(&[pair], &[], None), now).unwrap_err();
    let (one, other) = (pair("one.pem", &["a.example"]), pair("other.pem", &["a.example"]));
    let error = refusal(CertificatePair { key: other.key.clone_key(), ..pair("one.pem", &["a.example"]) });
    assert!(matches!(error, CertificatesError::KeyMismatch { .. }) && error.to_string().contains("one.pem"), "{error}");
    let turned = vec![other.chain[0].clone(), one.chain[0].clone()];
    let error = refusal(CertificatePair { chain: turned, ..one });
    assert!(matches!(error, CertificatesError::ChainOrder { .. }), "{error}");
    let error = refusal(CertificatePair { names: Vec::new(), ..pair("nameless.pem", &[]) });
    assert!(matches!(error, CertificatesError::NoNames { .. }), "{error}");
    for chain in [Vec::new(), vec![CertificateDer::from(vec![1, 2, 3])]] {
        let error = refusal(CertificatePair { chain, ..pair("junk.pem", &["a.example"]) });
        assert!(matches!(error, CertificatesError::Unusable { .. }), "{error}");
    }
}

fn ready(pair: &CertificatePair) -> (Arc<CertifiedKey>, LeafFacts) {
    let key = CertifiedKey::from_der(pair.chain.clone(), pair.key.clone_key(), &aws_lc_rs::default_provider()).unwrap();
    (Arc::new(key), LeafFacts::of(&pair.chain[0]).unwrap())
}

#[test]
fn what_was_obtained_answers_after_the_configured_and_before_the_local_authority() {
    let Fixture { authority, now, .. } = &fixture();
    let pairs = [pair("file", &["a.example", "*.dev.example"])];
    let ours = hosts(&["a.example", "x.dev.example", "auth.example", "*.auth.example"]);
    let certificates = Certificates::new(sources(&pairs, &ours, Some(authority)), *now).unwrap();
    let obtained = certificates.obtained();
    let [first, wildcard] = [pair("", &["ordered.example"]), pair("", &["*.ordered.example"])];
    for name in ["a.example", "x.dev.example", "auth.example", "new.example"] {
        let (key, facts) = ready(&first);
        obtained.publish(&HostPattern::parse(name).unwrap(), key, facts);
    }
    let (key, facts) = ready(&wildcard);
    obtained.publish(&HostPattern::parse("*.auth.example").unwrap(), key, facts);
    let answer = |name: &str| certificates.choose(Some(name)).unwrap().cert[0].clone();
    assert_eq!(answer("a.example"), pairs[0].chain[0]);
    assert_eq!(answer("x.dev.example"), pairs[0].chain[0], "a configured wildcard goes before an exact one obtained");
    assert_eq!(answer("AUTH.example"), first.chain[0]);
    assert_eq!(answer("new.example"), first.chain[0]);
    assert_eq!(answer("x.auth.example"), wildcard.chain[0]);
    assert!(certificates.choose(Some("x.y.auth.example")).is_none());
    let source = |name| certificates.answer(&HostPattern::parse(name).unwrap(), *now).unwrap().source;
    assert_eq!((source("a.example"), source("auth.example")), (Source::File, Source::Acme));
    // A replacement of the table leaves them; a withdrawal brings the local authority's back.
    certificates.replace(sources(&[], &ours, Some(authority)), *now).unwrap();
    assert_eq!(answer("a.example"), first.chain[0]);
    obtained.withdraw(&HostPattern::parse("auth.example").unwrap());
    assert_eq!(answer("auth.example"), wildcard_or_local(&certificates, "auth.example", *now));
    obtained.withdraw(&HostPattern::parse("*.auth.example").unwrap());
    assert_eq!(source("x.auth.example"), Source::Local);
    obtained.withdraw(&HostPattern::parse("new.example").unwrap());
    assert!(certificates.choose(Some("new.example")).is_none());
}

/// The certificate of the local authority for a name.
fn wildcard_or_local(certificates: &Certificates, name: &str, now: SystemTime) -> CertificateDer<'static> {
    assert_eq!(certificates.answer(&HostPattern::parse(name).unwrap(), now).unwrap().source, Source::Local);
    certificates.choose(Some(name)).unwrap().cert[0].clone()
}

#[test]
fn a_host_is_covered_once_a_certificate_was_obtained_for_it() {
    let ours = hosts(&["a.example", "192.0.2.1"]);
    let certificates = Certificates::new(sources(&[], &ours, None), SystemTime::now()).unwrap();
    assert_eq!(certificates.uncovered(), ours);
    assert!(certificates.choose(None).is_none());
    for (name, pair) in [("a.example", pair("", &["a.example"])), ("192.0.2.1", pair("", &["192.0.2.1"]))] {
        let (key, facts) = ready(&pair);
        certificates.obtained().publish(&HostPattern::parse(name).unwrap(), key, facts);
    }
    assert!(certificates.uncovered().is_empty());
    assert!(certificates.choose(None).is_some(), "an address that was obtained answers who names no host");
}

#[test]
fn the_report_tells_of_each_certificate_once() {
    let Fixture { authority, now, .. } = &fixture();
    let pairs = [pair("file.pem", &["a.example", "*.dev.example"])];
    let ours = hosts(&["a.example", "auth.example", "code.localhost"]);
    let certificates = Certificates::new(sources(&pairs, &ours, Some(authority)), *now).unwrap();
    let (key, facts) = ready(&pair("", &["o.example"]));
    certificates.obtained().publish(&HostPattern::parse("o.example").unwrap(), key, facts);
    let report = certificates.report(*now);
    let told: Vec<_> = report.iter().map(|one| (one.source, one.label.as_deref(), one.names.len())).collect();
    assert_eq!(told[0], (Source::Local, None, 2), "what ends first is first: {told:?}");
    assert!(told.contains(&(Source::File, Some("file.pem"), 2)) && told.contains(&(Source::Acme, None, 1)), "{told:?}");
    assert_eq!(told.len(), 3);
    assert_eq!((report[0].days_left, report[0].expires_soon), (6, false), "seven days, less the moment it took");
    assert!(report[0].issuer.contains("Doorward local authority"), "{}", report[0].issuer);
    assert!(report[0].not_after.ends_with('Z'), "{}", report[0].not_after);
}

#[test]
fn ten_thousand_obtained_names_each_get_their_own() {
    let certificates = Certificates::new(sources(&[], &[], None), SystemTime::now()).unwrap();
    let ready: Vec<_> = ["even.example", "odd.example"].map(|name| ready(&pair("", &[name]))).into();
    for number in 0..10_000 {
        let (key, facts) = ready[number % 2].clone();
        certificates.obtained().publish(&HostPattern::parse(&format!("h{number}.example")).unwrap(), key, facts);
    }
    for number in [0, 1, 4_999, 5_000, 9_999] {
        let answered = certificates.choose(Some(&format!("h{number}.example"))).unwrap();
        assert!(Arc::ptr_eq(&answered, &ready[number % 2].0), "{number}");
    }
    assert!(certificates.choose(Some("h10000.example")).is_none());
}

#[test]
fn hosts_directly_below_localhost_each_get_a_certificate_of_their_own() {
    let Fixture { authority, now, .. } = &fixture();
    let ours = hosts(&["code.localhost", "*.localhost", "auth.example", "127.0.0.1"]);
    let certificates = Certificates::new(sources(&[], &ours, Some(authority)), *now).unwrap();
    // No client takes `*.localhost`, and it must not spoil the names beside it.
    for name in ["code.localhost", "anna.localhost", "ANNA.localhost", "berta.localhost", "auth.example", "127.0.0.1"] {
        shake_hands(&certificates, &root(authority), name).unwrap();
    }
    let answer = |name: &str| certificates.choose(Some(name)).map(|key| key.cert[0].clone());
    assert_eq!(answer("anna.localhost"), answer("anna.localhost"), "it is kept");
    assert_ne!(answer("anna.localhost"), answer("berta.localhost"));
    for name in ["localhost", "a.b.localhost", "anna.example", "-.localhost", ".localhost"] {
        assert_eq!(answer(name), None, "{name:?}");
    }
    for number in 0..1_000 {
        assert!(answer(&format!("n{number}.localhost")).is_some());
    }
    let alone = Certificates::new(sources(&[], &hosts(&["*.localhost"]), Some(authority)), *now).unwrap();
    shake_hands(&alone, &root(authority), "anna.localhost").unwrap();
    let pairs = [pair("0", &["*.localhost"])];
    let configured = Certificates::new(sources(&pairs, &ours, Some(authority)), *now).unwrap();
    assert_eq!(configured.choose(Some("anna.localhost")).unwrap().cert, pairs[0].chain);
}
