use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, UNIX_EPOCH};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::crypto::aws_lc_rs;
use rustls::{CertificateError, RootCertStore};

use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{ServerName, UnixTime};
use x509_parser::prelude::{GeneralName, X509Certificate};

use super::*;

const FILE: &str = "authority.private.pem";
const DAY: u64 = 24 * 60 * 60;

fn day(days: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs((20_800 + days) * DAY)
}

fn hosts(names: &[&str]) -> Vec<HostPattern> {
    names.iter().map(|name| HostPattern::parse(name).unwrap()).collect()
}

fn parse(der: &[u8]) -> X509Certificate<'_> {
    x509_parser::parse_x509_certificate(der).unwrap().1
}

/// The authority of a folder, for names the tests use.
fn open(data_dir: &Path, now: SystemTime) -> Result<LocalAuthority, CertificatesError> {
    let named = ["a.example", "auth.example", "code.localhost", "127.0.0.1", "[::1]", &long_name()];
    LocalAuthority::open_or_create(data_dir, &hosts(&named), now)
}

fn long_name() -> String {
    format!("{}.example", ["a".repeat(60), "b".repeat(60)].join("."))
}

fn first_certificate(authority: &LocalAuthority) -> CertificateDer<'static> {
    authority.certificates()[0].clone()
}

fn leaf(authority: &LocalAuthority, names: &[&str], now: SystemTime) -> Vec<u8> {
    let issued = authority.issue(&hosts(names), now).unwrap();
    assert_eq!(issued.len(), 1);
    issued[0].key.end_entity_cert().unwrap().to_vec()
}

#[test]
fn the_authority_is_what_a_browser_expects_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(folder.path(), day(0)).unwrap();
    let pem = authority.pem();
    assert!(!pem.contains("PRIVATE"), "only the certificate is handed out");
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let certificate = parse(&der);
    let constraints = certificate.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(0));
    let usage = certificate.key_usage().unwrap().unwrap().value;
    assert!(usage.key_cert_sign() && usage.crl_sign() && !usage.digital_signature());
    let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap();
    assert!(name.starts_with("Doorward local authority ") && name.ends_with("2026-12-13"), "{name}");
    assert!(name.len() <= 64, "{name}");
    let validity = certificate.validity();
    assert_eq!((validity.not_after.timestamp() - validity.not_before.timestamp()) / 86_400, 3651);
}

#[test]
fn it_is_made_once_and_kept_private() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), day(0)).unwrap();
    first.issue(&hosts(&["a.example"]), day(0)).unwrap();
    let second = open(folder.path(), day(1000)).unwrap();
    assert_eq!(first.pem(), second.pem());
    let ours = folder.path().join(FOLDER);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ours), 0o700);
    let mut files: Vec<_> = fs::read_dir(&ours).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files, [ours.join(FILE), ours.join("server.private.pem")], "no leftovers");
    assert!(files.iter().all(|file| mode(file) == 0o600));
}

#[test]
fn those_who_start_together_get_the_same_authority() {
    let folder = tempfile::tempdir().unwrap();
    let pems: Vec<_> = std::thread::scope(|scope| {
        let start = || open(folder.path(), day(0)).unwrap().pem();
        let starts: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(pems.iter().all(|pem| pem == &pems[0]));
}

#[test]
fn an_expired_authority_makes_way() {
    let folder = tempfile::tempdir().unwrap();
    let old = open(folder.path(), day(0)).unwrap();
    let leaf_of_old = leaf(&old, &["a.example"], day(3649));
    assert_eq!(leaf(&old, &["a.example"], day(3649)), leaf_of_old, "it cannot be bettered");
    assert_eq!(parse(&leaf_of_old).validity().not_after, parse(&first_certificate(&old)).validity().not_after);
    let new = open(folder.path(), day(3650)).unwrap();
    assert_ne!(old.pem(), new.pem());
    assert_ne!(leaf(&new, &["a.example"], day(3650)), leaf_of_old);
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    for file in [FILE, "server.private.pem"] {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let authority = open(folder.path(), day(0))?;
            authority.issue(&hosts(&["a.example"]), day(0)).map(drop)
        };
        start().unwrap();
        let path = folder.path().join(FOLDER).join(file);
        let whole = fs::read_to_string(&path).unwrap();
        let other = {
            let folder = tempfile::tempdir().unwrap();
            open(folder.path(), day(0)).unwrap();
            fs::read_to_string(folder.path().join(FOLDER).join(FILE)).unwrap()
        };
        let certificates = whole.find("-----BEGIN CERTIFICATE-----").unwrap();
        let others_key = &other[..other.find("-----BEGIN CERTIFICATE-----").unwrap()];
        for damaged in [
            "",
            "no key\n",
            &whole[..certificates],
            &whole[certificates..],
            &whole[..whole.len() / 2],
            &format!("{others_key}{}", &whole[certificates..]),
        ] {
            fs::write(&path, damaged).unwrap();
            let error = start().unwrap_err();
            assert!(matches!(error, CertificatesError::Damaged { .. }), "{error:?}");
            assert!(error.to_string().contains(file) && error.to_string().contains("delete it"), "{error}");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }
}

#[test]
fn a_server_s_certificate_is_no_authority() {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(folder.path(), day(0)).unwrap();
    authority.issue(&hosts(&["a.example"]), day(0)).unwrap();
    let ours = folder.path().join(FOLDER);
    fs::copy(ours.join("server.private.pem"), ours.join(FILE)).unwrap();
    let error = open(folder.path(), day(0)).unwrap_err();
    assert!(error.to_string().contains("not an authority's"), "{error}");
}

#[test]
fn a_leaf_is_what_a_browser_expects_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(folder.path(), day(0)).unwrap();
    let der = leaf(&authority, &["code.localhost", "127.0.0.1", "[::1]", "auth.example"], day(0));
    let certificate = parse(&der);
    assert_eq!(certificate.issuer(), parse(&first_certificate(&authority)).subject());
    assert!(!certificate.is_ca());
    let usage = certificate.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.server_auth && !usage.client_auth && !usage.any);
    let names = &certificate.subject_alternative_name().unwrap().unwrap().value.general_names;
    for expected in [
        GeneralName::DNSName("code.localhost"),
        GeneralName::DNSName("auth.example"),
        GeneralName::IPAddress(&[127, 0, 0, 1]),
        GeneralName::IPAddress(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        assert!(names.contains(&expected), "{expected}");
    }
    assert_eq!(names.len(), 4);
    let validity = certificate.validity();
    assert_eq!((validity.not_after.timestamp() - validity.not_before.timestamp()) / 86_400, 8);
    assert!(parse(&leaf(&authority, &[&long_name()], day(0))).subject().iter_common_name().next().is_some());
}

#[test]
fn a_leaf_is_kept_while_it_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(folder.path(), day(0)).unwrap();
    let first = leaf(&authority, &["a.example", "127.0.0.1", "[::1]"], day(0));
    let again = open(folder.path(), day(3)).unwrap();
    assert_eq!(leaf(&again, &["[::1]", "127.0.0.1", "a.example", "a.example"], day(3)), first);
    let half = day(3) + Duration::from_secs(DAY / 2);
    let renewed = leaf(&again, &["a.example", "127.0.0.1", "[::1]"], half);
    assert_ne!(renewed, first, "half of seven days left");
    let fewer = leaf(&again, &["a.example"], half);
    assert_ne!(fewer, renewed, "other hosts");
    assert_eq!(leaf(&again, &["a.example"], half), fewer);
    assert_ne!(leaf(&again, &["a.example"], day(0)), fewer, "not yet good: the clock was set back");
    assert!(matches!(again.issue(&[], day(0)), Err(CertificatesError::NoHosts)));
}

#[test]
fn a_leaf_of_another_authority_will_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), day(0)).unwrap();
    let of_first = leaf(&first, &["a.example"], day(0));
    fs::remove_file(folder.path().join(FOLDER).join(FILE)).unwrap();
    let second = open(folder.path(), day(0)).unwrap();
    assert_ne!(leaf(&second, &["a.example"], day(0)), of_first);
}

/// What a client that trusts only this authority finds wrong with a certificate for a name.
fn verify(root: &CertificateDer<'static>, leaf: &[u8], name: &str, now: SystemTime) -> Result<(), rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let now = UnixTime::since_unix_epoch(now.duration_since(UNIX_EPOCH).unwrap());
    verifier.verify_server_cert(&CertificateDer::from(leaf.to_vec()), &[], &name, &[], now).map(drop)
}

/// A certificate as whoever stole the key would make it: nobody asks what the authority may name.
fn forged(authority: &LocalAuthority, names: &[&str], now: SystemTime) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let locked = PrivateFolder::lock(folder.path()).unwrap();
    let (key, _) = leaf::reuse_or_issue(&locked, &authority.kept.load()[0], &hosts(names), now).unwrap();
    key.end_entity_cert().unwrap().to_vec()
}

#[test]
fn a_stolen_authority_is_good_for_our_hosts_alone() {
    let now = day(1);
    for (ours, good, bad) in [
        (
            &["code.example.com", "auth.example.org"][..],
            &["code.example.com", "new.example.com", "*.dev.example.com", "auth.example.org"][..],
            &["example.net", "badexample.com", "com", "192.0.2.1", "[2001:db8::1]", "localhost"][..],
        ),
        (&["192.0.2.1"], &["192.0.2.1"], &["192.0.2.2", "[2001:db8::1]", "code.example.com", "localhost"]),
        (&["[::1]", "code.localhost"], &["[::1]", "a.localhost", "localhost"], &["[::2]", "127.0.0.1", "example.com"]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let authority = LocalAuthority::open_or_create(folder.path(), &hosts(ours), day(0)).unwrap();
        let root = first_certificate(&authority);
        assert!(parse(&root).name_constraints().unwrap().is_some());
        let critical = |oid: &str| {
            let parsed = parse(&root);
            parsed.extensions().iter().any(|extension| extension.oid.to_id_string() == oid && extension.critical)
        };
        assert!(critical("2.5.29.30"), "whoever does not understand the constraint must refuse");
        let asked = |host: &str| host.trim_matches(['[', ']']).replace('*', "anna");
        for host in good {
            let outcome = verify(&root, &forged(&authority, &[host], now), &asked(host), now);
            assert!(outcome.is_ok(), "{host} of {ours:?}: {outcome:?}");
        }
        for host in bad {
            let error = verify(&root, &forged(&authority, &[host], now), &asked(host), now).unwrap_err();
            assert!(
                matches!(&error, rustls::Error::InvalidCertificate(CertificateError::Other(why)) if why.to_string().contains("NameConstraintViolation")),
                "{host} of {ours:?}: {error:?}"
            );
        }
        // One bad name beside good ones spoils all.
        verify(&root, &forged(&authority, &[good[0], bad[0]], now), &asked(good[0]), now).unwrap_err();
    }
}

#[test]
fn a_host_outside_of_the_constraints_gets_a_further_authority_and_the_first_stays() {
    let folder = tempfile::tempdir().unwrap();
    let first = LocalAuthority::open_or_create(folder.path(), &hosts(&["code.example.com"]), day(0)).unwrap();
    let alone = first.pem();
    let ours = ["code.example.com", "code.example.org", "192.0.2.1", "docs.example.org"];
    let issued = first.issue(&hosts(&ours), day(1)).unwrap();
    assert_eq!(issued.iter().map(|one| one.hosts.len()).collect::<Vec<_>>(), [1, 3], "a leaf for each authority");
    assert!(first.pem().starts_with(&alone) && first.pem().matches("BEGIN").count() == 2, "both are printed");
    for (root, issued) in first.certificates().iter().zip(&issued) {
        for host in &issued.hosts {
            verify(root, issued.key.end_entity_cert().unwrap(), &host.to_string(), day(1)).unwrap();
        }
    }
    let name = |der: &CertificateDer<'_>| parse(der).subject().to_string();
    assert_ne!(name(&first.certificates()[0]), name(&first.certificates()[1]), "they can be told apart");
    // Another process finds both, makes none, and keeps the leaves.
    let again = LocalAuthority::open_or_create(folder.path(), &hosts(&ours), day(2)).unwrap();
    assert_eq!(again.pem(), first.pem());
    let kept = again.issue(&hosts(&ours), day(2)).unwrap();
    for (kept, issued) in kept.iter().zip(&issued) {
        assert_eq!(kept.key.cert, issued.key.cert);
    }
    assert_eq!(LocalAuthority::open(folder.path(), day(2)).unwrap().unwrap().pem(), first.pem());
    // The one who opened before the other made a third sees it when it is needed.
    again.issue(&hosts(&["code.example.net"]), day(2)).unwrap();
    first.issue(&hosts(&["code.example.net"]), day(2)).unwrap();
    assert_eq!(again.pem(), first.pem());
    assert_eq!(first.certificates().len(), 3);
}

#[test]
fn an_authority_from_before_there_were_constraints_is_kept_and_names_all() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join(FOLDER);
    let locked = PrivateFolder::lock(&ours).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
    params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    let certificate = params.self_signed(&key).unwrap();
    let text = format!("{}{}", key.serialize_pem(), certificate.pem());
    locked.write(FILE, text.as_bytes()).unwrap();
    drop(locked);
    let names = ["a.example.com", "b.example.org", "10.0.0.1"];
    let authority = LocalAuthority::open_or_create(folder.path(), &hosts(&names), day(0)).unwrap();
    assert_eq!(authority.certificates(), [certificate.der().clone()]);
    assert_eq!(authority.issue(&hosts(&names), day(0)).unwrap().len(), 1);
}

#[test]
fn without_hosts_none_is_made_and_one_that_is_there_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    assert!(LocalAuthority::open(folder.path(), day(0)).unwrap().is_none());
    assert!(matches!(LocalAuthority::open_or_create(folder.path(), &[], day(0)), Err(CertificatesError::NoHosts)));
    let made = open(folder.path(), day(0)).unwrap();
    assert_eq!(LocalAuthority::open_or_create(folder.path(), &[], day(1)).unwrap().pem(), made.pem());
    assert!(LocalAuthority::open(folder.path(), day(3650)).unwrap().is_none(), "expired");
}

#[test]
fn what_was_issued_is_told_without_issuing() {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(folder.path(), day(0)).unwrap();
    assert_eq!(authority.issued_before(day(0)).unwrap(), []);
    assert!(!folder.path().join("certificates/server.private.pem").exists());
    leaf(&authority, &["a.example"], day(0));
    // Also when it would be replaced by now, and when it is past.
    for (now, left) in [(0, 7), (6, 1), (9, -3)] {
        let told = authority.issued_before(day(now)).unwrap();
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].names.as_slice(), told[0].days_left), (&["a.example".to_owned()][..], left));
    }
}
