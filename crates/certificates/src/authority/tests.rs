use std::os::unix::fs::PermissionsExt as _;
use std::time::UNIX_EPOCH;

use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{GeneralName, X509Certificate};

use super::*;

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

fn leaf(authority: &LocalAuthority, names: &[&str], now: SystemTime) -> Vec<u8> {
    authority.issue(&hosts(names), now).unwrap().end_entity_cert().unwrap().to_vec()
}

#[test]
fn the_authority_is_what_a_browser_expects_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
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
    let first = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
    first.issue(&hosts(&["a.example"]), day(0)).unwrap();
    let second = LocalAuthority::open_or_create(folder.path(), day(1000)).unwrap();
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
        let start = || LocalAuthority::open_or_create(folder.path(), day(0)).unwrap().pem();
        let starts: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(pems.iter().all(|pem| pem == &pems[0]));
}

#[test]
fn an_expired_authority_makes_way() {
    let folder = tempfile::tempdir().unwrap();
    let old = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
    let leaf_of_old = leaf(&old, &["a.example"], day(3640));
    assert_eq!(parse(&leaf_of_old).validity().not_after, parse(old.certificate()).validity().not_after);
    let new = LocalAuthority::open_or_create(folder.path(), day(3650)).unwrap();
    assert_ne!(old.pem(), new.pem());
    assert_ne!(leaf(&new, &["a.example"], day(3650)), leaf_of_old);
}

#[test]
fn a_damaged_file_is_named_and_left_alone() {
    for file in [FILE, "server.private.pem"] {
        let folder = tempfile::tempdir().unwrap();
        let start = || {
            let authority = LocalAuthority::open_or_create(folder.path(), day(0))?;
            authority.issue(&hosts(&["a.example"]), day(0)).map(drop)
        };
        start().unwrap();
        let path = folder.path().join(FOLDER).join(file);
        let whole = fs::read_to_string(&path).unwrap();
        let other = {
            let folder = tempfile::tempdir().unwrap();
            LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
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
    let authority = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
    authority.issue(&hosts(&["a.example"]), day(0)).unwrap();
    let ours = folder.path().join(FOLDER);
    fs::copy(ours.join("server.private.pem"), ours.join(FILE)).unwrap();
    let error = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap_err();
    assert!(error.to_string().contains("not an authority's"), "{error}");
}

#[test]
fn a_leaf_is_what_a_browser_expects_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
    let der = leaf(&authority, &["code.localhost", "127.0.0.1", "[::1]", "auth.example"], day(0));
    let certificate = parse(&der);
    assert_eq!(certificate.issuer(), parse(authority.certificate()).subject());
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
    assert_eq!((validity.not_after.timestamp() - validity.not_before.timestamp()) / 86_400, 91);
    let long = format!("{}.example", ["a".repeat(60), "b".repeat(60)].join("."));
    assert!(parse(&leaf(&authority, &[&long], day(0))).subject().iter_common_name().next().is_some());
}

#[test]
fn a_leaf_is_kept_while_it_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
    let first = leaf(&authority, &["a.example", "127.0.0.1", "[::1]"], day(0));
    let again = LocalAuthority::open_or_create(folder.path(), day(59)).unwrap();
    assert_eq!(leaf(&again, &["[::1]", "127.0.0.1", "a.example", "a.example"], day(59)), first);
    let renewed = leaf(&again, &["a.example", "127.0.0.1", "[::1]"], day(60));
    assert_ne!(renewed, first, "30 days left");
    let fewer = leaf(&again, &["a.example"], day(60));
    assert_ne!(fewer, renewed, "other hosts");
    assert_eq!(leaf(&again, &["a.example"], day(60)), fewer);
    assert_ne!(leaf(&again, &["a.example"], day(0)), fewer, "not yet good: the clock was set back");
    assert!(matches!(again.issue(&[], day(0)), Err(CertificatesError::NoHosts)));
}

#[test]
fn a_leaf_of_another_authority_will_not_do() {
    let folder = tempfile::tempdir().unwrap();
    let first = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
    let of_first = leaf(&first, &["a.example"], day(0));
    fs::remove_file(folder.path().join(FOLDER).join(FILE)).unwrap();
    let second = LocalAuthority::open_or_create(folder.path(), day(0)).unwrap();
    assert_ne!(leaf(&second, &["a.example"], day(0)), of_first);
}
