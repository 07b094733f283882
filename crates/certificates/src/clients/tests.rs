use std::time::{Duration, UNIX_EPOCH};

use doorward_config::{NameKind, NameMatch};
use doorward_hygiene::{HostPattern, Hostname};
use doorward_identity::ClientCertificate;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use regex::Regex;
use rustls_pki_types::CertificateRevocationListDer;

use super::*;

/// 2026-06-15.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_781_481_600)
}

/// A certificate with its key, able to sign others whether it may or not.
struct Made {
    der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

fn params(name: &str, years: (i32, i32)) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(years.0, 3, 1), date_time_ymd(years.1, 3, 1));
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = params(name, (2025, 2030));
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn client_params(name: &str) -> CertificateParams {
    let mut params = params(name, (2026, 2027));
    params.is_ca = IsCa::ExplicitNoCa;
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(7));
    params.subject_alt_names = vec![
        SanType::DnsName("laptop.example.com".try_into().unwrap()),
        SanType::Rfc822Name("you@example.com".try_into().unwrap()),
        SanType::IpAddress("192.0.2.7".parse().unwrap()),
        SanType::URI("spiffe://example.com/you".try_into().unwrap()),
        SanType::OtherName((vec![1, 3, 6, 1, 4, 1, 311, 20, 2, 3], "you@corp.example".into())),
    ];
    params
}

fn root(params: CertificateParams) -> Made {
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().clone();
    Made { der, issuer: Issuer::new(params, key) }
}

fn signed(params: CertificateParams, by: &Made) -> Made {
    let key = KeyPair::generate().unwrap();
    let der = params.signed_by(&key, &by.issuer).unwrap().der().clone();
    Made { der, issuer: Issuer::new(params, key) }
}

fn revocation_list(by: &Made, revoked: &[u64], next_update: i32) -> CertificateRevocationListDer<'static> {
    let serials = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2026, 5, 4),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(next_update - 1, 1, 1),
        next_update: date_time_ymd(next_update, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: serials.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&by.issuer).unwrap().der().clone()
}

fn settings(authorities: &[&Made]) -> ClientCertificates {
    ClientCertificates {
        authorities: authorities.iter().map(|made| made.der.clone()).collect(),
        revoked: Vec::new(),
        enforcement: Enforcement::Policy,
        names: Vec::new(),
        max_verify_depth: Some(0),
    }
}

fn judged(settings: &ClientCertificates, chain: &[&Made], now: SystemTime) -> Result<Arc<ClientCertificate>, String> {
    let chain: Vec<_> = chain.iter().map(|made| made.der.clone()).collect();
    match ClientTrust::new(settings).unwrap().judge(&chain, now) {
        Presented::Accepted(certificate) => Ok(certificate),
        Presented::Refused { reason, .. } => Err(reason.to_string()),
        Presented::Nothing => Err("nothing".into()),
    }
}

fn refused(settings: &ClientCertificates, chain: &[&Made]) -> String {
    judged(settings, chain, now()).unwrap_err()
}

#[test]
fn a_certificate_of_the_authority_is_believed_and_read() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    let facts = judged(&settings(&[&authority]), &[&client], now()).unwrap();
    assert_eq!(facts.subject, "CN=You");
    assert_eq!(facts.san_dns, ["laptop.example.com"]);
    assert_eq!(facts.san_email, ["you@example.com"]);
    assert_eq!(facts.fingerprint.len(), 64);
    assert!(facts.fingerprint.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)));
    assert_eq!(facts.spki_hash.len(), 44);
    assert!(facts.not_after > now());
    // The authority may be sent along; it is not one between.
    assert!(judged(&settings(&[&authority]), &[&client, &authority], now()).is_ok());
}

#[test]
fn no_certificate_is_nothing() {
    let authority = root(authority_params("Ours"));
    assert_eq!(ClientTrust::new(&settings(&[&authority])).unwrap().judge(&[], now()), Presented::Nothing);
}

#[test]
fn a_certificate_without_a_purpose_is_for_every_purpose() {
    let authority = root(authority_params("Ours"));
    let mut params = client_params("You");
    params.extended_key_usages.clear();
    assert!(judged(&settings(&[&authority]), &[&signed(params, &authority)], now()).is_ok());
}

#[test]
fn a_servers_certificate_is_refused() {
    let authority = root(authority_params("Ours"));
    let mut params = client_params("Server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let reason = refused(&settings(&[&authority]), &[&signed(params, &authority)]);
    assert_eq!(reason, "it is not meant for clients (extendedKeyUsage lacks clientAuth)");
}

#[test]
fn out_of_date_is_refused_with_the_date() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    let year = Duration::from_secs(365 * 24 * 60 * 60);
    let settings = settings(&[&authority]);
    assert_eq!(judged(&settings, &[&client], now() + year).unwrap_err(), "it expired on 2027-03-01");
    assert_eq!(judged(&settings, &[&client], now() - year).unwrap_err(), "it is not valid before 2026-03-01");
}

#[test]
fn an_authority_that_expired_is_believed_no_more() {
    let mut params = authority_params("Ours");
    params.not_after = date_time_ymd(2026, 6, 1);
    let authority = root(params);
    let client = signed(client_params("You"), &authority);
    assert_eq!(refused(&settings(&[&authority]), &[&client]), "an authority in its chain expired on 2026-06-01");
}

#[test]
fn an_unknown_authority_is_named() {
    let (ours, theirs) = (root(authority_params("Ours")), root(authority_params("Theirs")));
    let between = signed(authority_params("Between"), &theirs);
    let client = signed(client_params("You"), &between);
    let reason = refused(&settings(&[&ours]), &[&client, &between]);
    assert_eq!(reason, "its authority is not known here: CN=Theirs");
    assert_eq!(refused(&settings(&[&ours]), &[&client]), "its authority is not known here: CN=Between");
}

#[test]
fn a_self_made_authority_of_the_same_name_is_refused() {
    let (ours, forged) = (root(authority_params("Ours")), root(authority_params("Ours")));
    let client = signed(client_params("You"), &forged);
    for chain in [&[&client][..], &[&client, &forged]] {
        let reason = refused(&settings(&[&ours]), chain);
        assert_eq!(reason, "it was not signed by the authority it names: CN=Ours");
    }
}

#[test]
fn a_self_signed_certificate_is_refused() {
    let ours = root(authority_params("Ours"));
    assert_eq!(refused(&settings(&[&ours]), &[&root(client_params("You"))]), "its authority is not known here: CN=You");
}

#[test]
fn a_certificate_signed_by_another_clients_is_refused() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    let mut settings = settings(&[&authority]);
    settings.max_verify_depth = None;
    let reason = refused(&settings, &[&signed(client_params("Me"), &client), &client]);
    assert_eq!(reason, "a certificate that is no authority's signed another of its chain");
    // Neither does the right to be an authority help without the right to sign certificates.
    let mut params = authority_params("Signs documents");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let odd = signed(params, &authority);
    let reason = refused(&settings, &[&signed(client_params("Me"), &odd), &odd]);
    assert_eq!(reason, "a certificate that is no authority's signed another of its chain");
}

#[test]
fn a_chain_may_be_as_deep_as_it_says_and_no_deeper() {
    let authority = root(authority_params("Ours"));
    let first = signed(authority_params("First"), &authority);
    let second = signed(authority_params("Second"), &first);
    let client = signed(client_params("You"), &second);
    // In any order.
    let chain = [&client, &first, &second];
    for (max, believed) in [(Some(0), false), (Some(1), false), (Some(2), true), (Some(9), true), (None, true)] {
        let settings = ClientCertificates { max_verify_depth: max, ..settings(&[&authority]) };
        assert_eq!(judged(&settings, &chain, now()).is_ok(), believed, "{max:?}");
    }
    let reason = refused(&settings(&[&authority]), &chain);
    assert_eq!(reason, "2 certificates stand between it and the authority, but at most 0 may");
    assert!(refused(&settings(&[&authority]), &[&client]).contains("not known here: CN=Second"));
}

#[test]
fn the_authoritys_own_limit_of_depth_counts_too() {
    let mut params = authority_params("Ours");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = root(params);
    let mut params = authority_params("Last");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let last = signed(params, &authority);
    let beyond = signed(authority_params("Beyond"), &last);
    let client = signed(client_params("You"), &beyond);
    let settings = ClientCertificates { max_verify_depth: None, ..settings(&[&authority]) };
    assert!(refused(&settings, &[&client, &beyond, &last]).contains("breaks a rule"));
}

#[test]
fn a_revoked_certificate_is_refused() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    let mut settings = settings(&[&authority]);
    settings.revoked = vec![revocation_list(&authority, &[5, 6], 2027)];
    assert!(judged(&settings, &[&client], now()).is_ok());
    settings.revoked = vec![revocation_list(&authority, &[6, 7], 2027)];
    assert_eq!(refused(&settings, &[&client]), "it was revoked on 2026-05-04");
}

#[test]
fn a_revoked_authority_between_is_refused() {
    let authority = root(authority_params("Ours"));
    let mut params = authority_params("Between");
    params.serial_number = Some(SerialNumber::from(9));
    let between = signed(params, &authority);
    let client = signed(client_params("You"), &between);
    let mut settings = settings(&[&authority]);
    settings.max_verify_depth = None;
    settings.revoked = vec![revocation_list(&authority, &[9], 2027)];
    assert_eq!(refused(&settings, &[&client, &between]), "an authority in its chain was revoked on 2026-05-04");
}

#[test]
fn an_authority_without_a_revocation_list_is_believed() {
    let (ours, theirs) = (root(authority_params("Ours")), root(authority_params("Theirs")));
    let mut settings = settings(&[&ours, &theirs]);
    settings.revoked = vec![revocation_list(&theirs, &[7], 2027)];
    assert!(judged(&settings, &[&signed(client_params("You"), &ours)], now()).is_ok());
}

#[test]
fn a_revocation_list_past_its_end_refuses() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    let mut settings = settings(&[&authority]);
    settings.revoked = vec![revocation_list(&authority, &[], 2026)];
    let reason = refused(&settings, &[&client]);
    assert_eq!(reason, "the revocation list of its authority should have been replaced on 2026-01-01");
    // Beside a newer one it is not asked, in whichever order they stand.
    settings.revoked.push(revocation_list(&authority, &[], 2027));
    assert!(judged(&settings, &[&client], now()).is_ok());
}

#[test]
fn a_revocation_list_by_another_of_the_same_name_refuses() {
    let (ours, forged) = (root(authority_params("Ours")), root(authority_params("Ours")));
    let mut settings = settings(&[&ours]);
    settings.revoked = vec![revocation_list(&forged, &[], 2027)];
    let reason = refused(&settings, &[&signed(client_params("You"), &ours)]);
    assert_eq!(reason, "the revocation list of its authority was not signed by that authority");
}

fn named(kind: NameKind, pattern: &str) -> NameMatch {
    NameMatch { kind, pattern: Regex::new(pattern).unwrap() }
}

#[test]
fn a_name_of_each_kind_can_be_asked_for() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    for (kind, pattern) in [
        (NameKind::Dns, r".*\.example\.com"),
        (NameKind::Email, "(you|me)@example.com"),
        (NameKind::IpAddress, r"192\.0\.2\.\d+"),
        (NameKind::Uri, "spiffe://example.com/.*"),
        (NameKind::UserPrincipalName, "you@corp.example"),
    ] {
        let mut settings = settings(&[&authority]);
        settings.names = vec![named(NameKind::Dns, "other"), named(kind, pattern)];
        assert!(judged(&settings, &[&client], now()).is_ok(), "{kind:?}");
        settings.names = vec![named(kind, "other")];
        let reason = refused(&settings, &[&client]);
        assert_eq!(reason, "none of its names (subjectAltName) is one of those asked for", "{kind:?}");
    }
}

#[test]
fn a_name_has_to_match_as_a_whole_and_as_its_kind() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    for wanted in [
        named(NameKind::Dns, "laptop"),
        named(NameKind::Dns, "laptop|desktop"),
        named(NameKind::Dns, "example.com"),
        // The same text, but as a name of another kind.
        named(NameKind::Dns, "you@example.com"),
        named(NameKind::Email, "you@corp.example"),
        named(NameKind::Email, "laptop.example.com"),
    ] {
        let mut settings = settings(&[&authority]);
        settings.names = vec![wanted];
        assert!(judged(&settings, &[&client], now()).is_err(), "{:?}", settings.names);
    }
}

#[test]
fn the_common_name_is_no_name() {
    let authority = root(authority_params("Ours"));
    let mut params = client_params("you@example.com");
    params.subject_alt_names.clear();
    let mut settings = settings(&[&authority]);
    settings.names = vec![named(NameKind::Email, "you@example.com")];
    assert!(refused(&settings, &[&signed(params, &authority)]).starts_with("none of its names"));
}

#[test]
fn an_authoritys_own_certificate_is_no_clients() {
    let authority = root(authority_params("Ours"));
    let reason = refused(&settings(&[&authority]), &[&authority]);
    assert_eq!(reason, "it is an authority's certificate, not a client's");
}

#[test]
fn a_chain_longer_than_any_is_not_looked_at() {
    let authority = root(authority_params("Ours"));
    let client = signed(client_params("You"), &authority);
    let mut settings = settings(&[&authority]);
    settings.max_verify_depth = None;
    let chain: Vec<_> = std::iter::once(&client).chain(std::iter::repeat_n(&authority, LONGEST_CHAIN)).collect();
    assert_eq!(refused(&settings, &chain), "more certificates were sent than any chain has");
}

#[test]
fn garbage_is_refused_with_its_fingerprint_alone() {
    let authority = root(authority_params("Ours"));
    let garbage = [CertificateDer::from(vec![0x30, 0x03, 1, 1, 1])];
    let judged = ClientTrust::new(&settings(&[&authority])).unwrap().judge(&garbage, now());
    let Presented::Refused { certificate, reason } = judged else { panic!("{judged:?}") };
    assert_eq!(&*reason, "it cannot be read");
    assert_eq!(certificate.fingerprint.len(), 64);
    assert_eq!((certificate.subject.as_str(), certificate.not_after), ("", UNIX_EPOCH));
}

#[test]
fn settings_that_could_refuse_nobody_are_refused() {
    let authority = root(authority_params("Ours"));
    let problem = |settings: &ClientCertificates| ClientTrust::new(settings).unwrap_err().to_string();
    assert!(problem(&settings(&[])).contains("no authority is named"));
    let client = signed(client_params("You"), &authority);
    let text = problem(&settings(&[&authority, &client]));
    assert!(text.contains("certificate 2") && text.contains("CN=You") && text.contains("not an authority's"), "{text}");
    let mut broken = settings(&[&authority]);
    broken.revoked = vec![vec![0x30, 0].into()];
    assert!(problem(&broken).contains("revocation list 1"));
    let mut broken = settings(&[&authority]);
    broken.authorities.push(vec![0x30, 0].into());
    assert!(problem(&broken).contains("certificate 2"));
}

#[test]
fn only_rejecting_connections_makes_a_certificate_mandatory() {
    let (ours, theirs) = (root(authority_params("Ours")), root(authority_params("Theirs")));
    let client = signed(client_params("You"), &theirs);
    for (enforcement, mandatory) in [
        (Enforcement::Policy, false),
        (Enforcement::PolicyWithDefaultDeny, false),
        (Enforcement::RejectConnection, true),
    ] {
        let settings = ClientCertificates { enforcement, ..settings(&[&ours]) };
        let verifier = Arc::new(ClientTrust::new(&settings).unwrap()).verifier();
        assert!(verifier.offer_client_auth());
        assert_eq!(verifier.client_auth_mandatory(), mandatory);
        assert_eq!(verifier.root_hint_subjects().len(), 1);
        let at = rustls_pki_types::UnixTime::since_unix_epoch(now().duration_since(UNIX_EPOCH).unwrap());
        assert_eq!(verifier.verify_client_cert(&client.der, &[], at).is_err(), mandatory, "{enforcement:?}");
        let own = signed(client_params("You"), &ours);
        assert!(verifier.verify_client_cert(&own.der, &[], at).is_ok());
    }
}

#[test]
fn every_host_has_the_trust_that_is_nearest_to_it() {
    let named = |name| settings(&[&root(authority_params(name))]);
    let (all, wide, one) = (named("All"), named("Wide"), named("One"));
    let by_host = [
        (HostPattern::parse("*.dev.example.com").unwrap(), wide),
        (HostPattern::parse("a.dev.example.com").unwrap(), one),
    ];
    let trusts = ClientTrusts::new(Some(&all), &by_host).unwrap();
    let of = |host: &str| Arc::as_ptr(trusts.of(&Hostname::parse(host).unwrap()).unwrap());
    assert_ne!(of("a.dev.example.com"), of("b.dev.example.com"));
    assert_eq!(of("b.dev.example.com"), of("c.dev.example.com"));
    assert_eq!(of("dev.example.com"), of("a.b.dev.example.com"));
    assert_eq!(of("other.example"), Arc::as_ptr(trusts.everywhere().unwrap()));
    assert_eq!(trusts.all().count(), 3);
    let some = ClientTrusts::new(None, &by_host).unwrap();
    assert!(some.of(&Hostname::parse("other.example").unwrap()).is_none());
}
