use std::time::{Duration, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, SignatureAlgorithm,
};

use super::*;

const DAY: u64 = 86_400;

/// A point in time, in days from one early in 2027.
fn day(days: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(20_900 + days).unwrap() * DAY)
}

/// An authority and its certificate.
struct Ca {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str, names: &[&str], [from, until]: [i64; 2]) -> CertificateParams {
    let mut params = CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let date = |days| rcgen::date_time_ymd(1970, 1, 1) + day(days).duration_since(UNIX_EPOCH).unwrap();
    (params.not_before, params.not_after) = (date(from), date(until));
    params
}

fn server(names: &[&str]) -> CertificateParams {
    let mut params = params("server", names, [-10, 80]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

fn authority(name: &str, between: [i64; 2]) -> CertificateParams {
    let mut params = params(name, &[], between);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Ca {
    fn root(name: &str) -> Self {
        Self::from(authority(name, [-1000, 3000]), None)
    }

    fn from(params: CertificateParams, parent: Option<&Ca>) -> Self {
        let key = KeyPair::generate().unwrap();
        let certificate = match parent {
            Some(parent) => params.signed_by(&key, &parent.issuer).unwrap(),
            None => params.self_signed(&key).unwrap(),
        };
        Self { der: certificate.der().clone(), issuer: Issuer::new(params, key) }
    }

    fn sign(&self, params: &CertificateParams) -> CertificateDer<'static> {
        params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap().der().clone()
    }
}

struct Asked<'a> {
    chain: Vec<CertificateDer<'static>>,
    host: &'a str,
    system: Option<&'a Ca>,
    local: Option<&'a Ca>,
}

fn asked(asked: &Asked<'_>) -> Inspection {
    let mut system = RootCertStore::empty();
    system.add_parsable_certificates(asked.system.map(|ca| ca.der.clone()));
    let local: Vec<_> = asked.local.map(|ca| ca.der.clone()).into_iter().collect();
    let host = (!asked.host.is_empty()).then(|| Hostname::parse(asked.host).unwrap());
    let subject = Subject { chain: &asked.chain, host: host.as_ref(), system: &system, local: &local };
    inspect(&subject, day(0)).unwrap()
}

/// A chain as it was shown for `a.example`, when the system trusts `root`.
fn shown(root: &Ca, chain: Vec<CertificateDer<'static>>) -> Inspection {
    asked(&Asked { chain, host: "a.example", system: Some(root), local: None })
}

fn kinds(inspection: &Inspection) -> Vec<Kind> {
    inspection.findings.iter().map(|finding| finding.kind).collect()
}

/// That this is the only thing wrong, and is said with how to mend it.
fn only(inspection: &Inspection, kind: Kind) -> &Finding {
    assert_eq!(kinds(inspection), [kind], "{:?}", inspection.findings);
    let finding = &inspection.findings[0];
    assert_eq!(inspection.acceptable, !finding.refused);
    assert!(!finding.what.is_empty() && !finding.mend.is_empty());
    finding
}

#[test]
fn a_good_certificate_has_nothing_to_be_said() {
    let root = Ca::root("root");
    let intermediate = Ca::from(authority("intermediate", [-100, 300]), Some(&root));
    for (host, name) in [("a.example", "a.example"), ("a.b.example", "*.b.example"), ("a.example", "A.Example")] {
        let chain = vec![intermediate.sign(&server(&[name])), intermediate.der.clone()];
        let inspection = asked(&Asked { chain, host, system: Some(&root), local: None });
        assert_eq!(
            (kinds(&inspection), inspection.trust, inspection.acceptable),
            (vec![], Trust::System, true),
            "{name}"
        );
        assert_eq!(inspection.chain[0].dates, "expires in 80 days, on 11 June 2027");
        assert_eq!((inspection.chain[0].key.as_str(), inspection.chain[1].authority), ("ECDSA P-256", true));
        assert_eq!(inspection.chain[0].sha256.len(), 95);
    }
    let by_address = asked(&Asked {
        chain: vec![root.sign(&server(&["192.0.2.1"]))],
        host: "192.0.2.1",
        system: Some(&root),
        local: None,
    });
    assert!(by_address.acceptable);
}

#[test]
fn dates_are_judged_and_do_not_hide_whose_it_is() {
    let root = Ca::root("root");
    let with = |[from, until]: [i64; 2]| {
        let mut dated = params("server", &["a.example"], [from, until]);
        dated.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        shown(&root, vec![root.sign(&dated)])
    };
    let expired = with([-100, -3]);
    assert!(only(&expired, Kind::Expired).what.contains("expired 3 days ago, on 20 March 2027"), "{expired:?}");
    assert_eq!(expired.trust, Trust::System);
    let early = with([2, 90]);
    assert!(only(&early, Kind::NotYetValid).what.contains("in 2 days"), "{early:?}");
    assert!(with([-100, 0]).acceptable, "the last second counts");
}

#[test]
fn names_are_judged_as_browsers_do() {
    let root = Ca::root("root");
    let named = |names: &[&str]| shown(&root, vec![root.sign(&server(names))]);
    for names in [
        &["b.example"][..],
        &["example"],
        &["*.example"],
        &["*.a.example"],
        &["192.0.2.1"],
        &["aa.example", "a.example.org"],
    ] {
        let inspection = named(names);
        let what = &only(&inspection, Kind::NameMismatch).what;
        assert!(what.contains("a.example") && what.contains(names[0]), "{what}");
    }
    let mut old = server(&[]);
    old.distinguished_name.push(DnType::CommonName, "a.example");
    let inspection = shown(&root, vec![root.sign(&old)]);
    assert!(only(&inspection, Kind::CommonNameOnly).mend.contains("DNS:a.example"));
    old.distinguished_name.push(DnType::CommonName, "not a host");
    only(&shown(&root, vec![root.sign(&old)]), Kind::NoNames);
    // In a file nobody asked for a name.
    let file =
        asked(&Asked { chain: vec![root.sign(&server(&["b.example"]))], host: "", system: Some(&root), local: None });
    assert!(file.acceptable);
}

#[test]
fn who_vouches_for_it_is_told_apart() {
    let (root, other) = (Ca::root("root"), Ca::root("Example Corp CA"));
    let chain = vec![other.sign(&server(&["a.example"]))];
    let local = asked(&Asked { chain: chain.clone(), host: "a.example", system: Some(&root), local: Some(&other) });
    only(&local, Kind::LocalAuthority);
    assert_eq!((local.trust, local.acceptable), (Trust::Local, true));
    let unknown = shown(&root, chain.clone());
    assert!(only(&unknown, Kind::UnknownAuthority).what.contains("Example Corp CA"));
    assert_eq!((unknown.trust, unknown.acceptable), (Trust::Nobody, false));
    let with_root = shown(&root, vec![chain[0].clone(), other.der.clone()]);
    assert!(only(&with_root, Kind::UnknownAuthority).what.contains("Example Corp CA"));
    let namesake = shown(&Ca::root("Example Corp CA"), chain);
    assert!(only(&namesake, Kind::UnknownAuthority).what.contains("did not sign"), "{namesake:?}");
}

#[test]
fn a_self_signed_one_is_called_so() {
    let root = Ca::root("root");
    let signed = |params: CertificateParams| {
        shown(&root, vec![params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()])
    };
    only(&signed(server(&["a.example"])), Kind::SelfSigned);
    let mut both = server(&["a.example"]);
    both.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    assert_eq!(kinds(&signed(both)), [Kind::AuthorityAsServer, Kind::SelfSigned]);
}

#[test]
fn of_an_authority_nothing_is_asked_that_is_asked_of_servers() {
    let root = Ca::root("root");
    let file = asked(&Asked { chain: vec![root.der.clone()], host: "", system: None, local: None });
    only(&file, Kind::AuthorityAsServer);
}

#[test]
fn a_byte_changed_anywhere_is_judged_or_refused() {
    let root = Ca::root("root");
    let leaf = root.sign(&server(&["a.example", "192.0.2.1"])).to_vec();
    let mut judged = 0;
    for place in 0..leaf.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut bytes = leaf.clone();
            bytes[place] ^= change;
            let chain = [CertificateDer::from(bytes), root.der.clone()];
            let subject = Subject { chain: &chain, host: None, system: &RootCertStore::empty(), local: &[] };
            if let Ok(inspection) = inspect(&subject, day(0)) {
                judged += 1;
                assert!(!inspection.acceptable, "nobody is trusted");
            }
        }
    }
    assert!(judged > 0);
}

/// An authority information access extension with one issuer's address (RFC 5280 §4.2.2.1).
fn issuer_at(url: &str) -> CustomExtension {
    let mut entry = vec![0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2, 0x86, u8::try_from(url.len()).unwrap()];
    entry.extend(url.as_bytes());
    let wrapped = |content: Vec<u8>| [vec![0x30, u8::try_from(content.len()).unwrap()], content].concat();
    CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], wrapped(wrapped(entry)))
}

#[test]
fn a_chain_with_a_gap_is_told_where_it_breaks() {
    let root = Ca::root("root");
    let intermediate = Ca::from(authority("Intermediate R1", [-100, 300]), Some(&root));
    let mut leaf = server(&["a.example"]);
    leaf.custom_extensions = vec![issuer_at("http://r1.example/")];
    let leaf = intermediate.sign(&leaf);
    let gap = shown(&root, vec![leaf.clone()]);
    let finding = only(&gap, Kind::MissingIntermediate);
    assert!(finding.what.contains("Intermediate R1") && finding.mend.contains("http://r1.example/"), "{finding:?}");
    assert!(shown(&root, vec![leaf, intermediate.der.clone()]).acceptable);
}

#[test]
fn an_issuer_out_of_date_is_named() {
    let root = Ca::root("root");
    let intermediate = Ca::from(authority("Old R1", [-400, -1]), Some(&root));
    let inspection = shown(&root, vec![intermediate.sign(&server(&["a.example"])), intermediate.der.clone()]);
    assert!(only(&inspection, Kind::IssuerExpired).what.contains("Old R1"));
}

#[test]
fn what_an_authority_must_not_name_is_told() {
    let mut constrained = authority("Example Corp CA", [-100, 300]);
    constrained.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![rcgen::GeneralSubtree::DnsName("corp.example".into())],
        excluded_subtrees: vec![],
    });
    let ca = Ca::from(constrained, None);
    let inspection = shown(&ca, vec![ca.sign(&server(&["a.example"]))]);
    assert!(only(&inspection, Kind::OutsideConstraints).what.contains("Example Corp CA"));
}

#[test]
fn the_order_of_a_chain_is_judged() {
    let root = Ca::root("root");
    let [outer, stray] = ["outer", "stray"].map(|name| Ca::from(authority(name, [-100, 300]), Some(&root)));
    let inner = Ca::from(authority("inner", [-100, 300]), Some(&outer));
    let leaf = inner.sign(&server(&["a.example"]));
    let chain = |order: &[&CertificateDer<'static>]| shown(&root, order.iter().map(|der| (*der).clone()).collect());
    assert_eq!(kinds(&chain(&[&leaf, &inner.der, &outer.der])), []);
    assert!(!only(&chain(&[&leaf, &outer.der, &inner.der]), Kind::ChainOrder).refused);
    assert!(!only(&chain(&[&leaf, &inner.der, &outer.der, &stray.der]), Kind::Superfluous).refused);
    let turned = chain(&[&inner.der, &leaf]);
    assert!(!turned.acceptable && kinds(&turned).contains(&Kind::ServerNotFirst), "{turned:?}");
}

#[test]
fn a_client_s_certificate_is_none_for_a_server() {
    let root = Ca::root("root");
    let mut client = server(&["a.example"]);
    client.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    only(&shown(&root, vec![root.sign(&client)]), Kind::NotForServers);
    client.extended_key_usages = vec![];
    assert!(shown(&root, vec![root.sign(&client)]).acceptable, "without the extension it is for all");
}

#[test]
fn a_lifetime_that_browsers_do_not_believe_is_told() {
    let root = Ca::root("root");
    let lasting = |days: i64| {
        let mut lasting = params("server", &["a.example"], [-1, days - 1]);
        lasting.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        root.sign(&lasting)
    };
    assert!(shown(&root, vec![lasting(398)]).acceptable);
    assert!(only(&shown(&root, vec![lasting(399)]), Kind::LifetimeTooLong).refused);
    let local =
        |days| asked(&Asked { chain: vec![lasting(days)], host: "a.example", system: None, local: Some(&root) });
    assert_eq!(kinds(&local(800)), [Kind::LocalAuthority]);
    assert!(local(826).acceptable && kinds(&local(826)).contains(&Kind::LifetimeTooLong));
}

/// A public key of whatever bytes.
struct Odd(Vec<u8>, &'static SignatureAlgorithm);

impl PublicKeyData for Odd {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.1
    }
}

#[test]
fn keys_that_browsers_do_not_take_are_told() {
    let root = Ca::root("root");
    let signed =
        |key: &Odd| shown(&root, vec![server(&["a.example"]).signed_by(key, &root.issuer).unwrap().der().clone()]);
    // RSAPublicKey (RFC 8017 appendix A.1.1): a modulus of 1024 bits, and 65537.
    let rsa = |bytes: u8| {
        let modulus = [vec![0x02, 0x81, bytes + 1, 0], vec![0xc5; usize::from(bytes)]].concat();
        let content = [modulus, vec![0x02, 3, 1, 0, 1]].concat();
        [vec![0x30, 0x81, u8::try_from(content.len()).unwrap()], content].concat()
    };
    let small = signed(&Odd(rsa(128), &rcgen::PKCS_RSA_SHA256));
    assert!(only(&small, Kind::KeyTooSmall).what.contains("1024"), "{small:?}");
    only(&signed(&Odd(vec![7; 32], &rcgen::PKCS_ED25519)), Kind::KeyUnsupported);
}

#[test]
fn a_signature_that_can_be_forged_is_told() {
    let root = Ca::root("root");
    let inspection = shown(&root, vec![signed_with_sha1()]);
    assert!(kinds(&inspection).contains(&Kind::WeakSignature) && !inspection.acceptable, "{inspection:?}");
    assert!(inspection.findings.iter().any(|finding| finding.what.contains("SHA-1")));
}

/// A certificate that says it is signed with sha1WithRSAEncryption: its signature is junk, as a forged one is.
fn signed_with_sha1() -> CertificateDer<'static> {
    struct Signer;
    impl PublicKeyData for Signer {
        fn der_bytes(&self) -> &[u8] {
            &[0x30, 0x06, 0x02, 0x01, 0x03, 0x02, 0x01, 0x03]
        }
        fn algorithm(&self) -> &'static SignatureAlgorithm {
            &rcgen::PKCS_RSA_SHA256
        }
    }
    impl rcgen::SigningKey for Signer {
        fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            Ok(vec![1; 128])
        }
    }
    let issuer = Issuer::new(authority("root", [-1000, 3000]), Signer);
    let signed = server(&["a.example"]).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
    // sha256WithRSAEncryption is 1.2.840.113549.1.1.11, sha1WithRSAEncryption 1.2.840.113549.1.1.5.
    let mut bytes = signed.der().to_vec();
    let of = |last| [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, last];
    for at in 0..bytes.len() - 9 {
        if bytes[at..at + 9] == of(0x0b) {
            bytes[at..at + 9].copy_from_slice(&of(0x05));
        }
    }
    CertificateDer::from(bytes)
}

#[test]
fn files_are_read_as_pem_and_der_within_limits() {
    let root = Ca::root("root");
    let pem = crate::pem_file::certificate_pem(&root.der);
    let key = KeyPair::generate().unwrap().serialize_pem();
    let found = read(format!("{key}some words\n{pem}{pem}").as_bytes()).unwrap();
    assert_eq!(found, [root.der.clone(), root.der.clone()], "keys and words are passed over");
    assert_eq!(read(&root.der).unwrap(), std::slice::from_ref(&root.der));
    assert_eq!(read(pem.repeat(32).as_bytes()).unwrap().len(), 32);
    assert!(matches!(read(pem.repeat(33).as_bytes()), Err(InspectError::TooMany)));
    assert!(matches!(read(&vec![b' '; 1024 * 1024 + 1]), Err(InspectError::TooLong)));
    assert!(matches!(read(key.as_bytes()), Err(InspectError::Empty)));
    assert!(matches!(read(b""), Err(InspectError::Empty)));
    assert!(matches!(read(pem.replace("MII", "M!!").as_bytes()), Err(InspectError::Pem)));
    let broken = [root.der.clone(), CertificateDer::from(vec![0x30, 3, 1, 2, 3])];
    let subject = Subject { chain: &broken, host: None, system: &RootCertStore::empty(), local: &[] };
    assert!(matches!(inspect(&subject, day(0)), Err(InspectError::Broken { place: 2, .. })));
    assert!(matches!(inspect(&Subject { chain: &[], ..subject }, day(0)), Err(InspectError::Empty)));
}
