//! Certificates, keys and authorities.

use std::time::{Duration, UNIX_EPOCH};

use doorward_config::{CertificateFlag, Overrides};
use doorward_hygiene::{HostPattern, Hostname};

use crate::world::{ROUTE, World, book};

fn pair(cert: &str, key: &str) -> String {
    format!("certificates:\n  - cert: certs/{cert}\n    key: certs/{key}\n{ROUTE}")
}

#[test]
fn every_kind_of_key_is_served() {
    let world = World::with_certificates();
    for (cert, key) in [
        ("rsa.pem", "rsa.key"),
        ("rsa.pem", "rsa-pkcs1.key"),
        ("p256.pem", "p256.key"),
        ("p256.pem", "p256-sec1.key"),
        ("p384.pem", "p384.key"),
        ("ed25519.pem", "ed25519.key"),
    ] {
        let loaded = world.load(&pair(cert, key)).unwrap_or_else(|problems| panic!("{key}: {problems}"));
        let tls = &loaded.config.tls;
        assert!(!tls.self_signed && loaded.hints.is_empty(), "{:?}", loaded.hints);
        assert_eq!(tls.certificates[0].names, ["code.example.com", "*.apps.example.com", "192.0.2.7"]);
        assert_eq!(loaded.watched.len(), 2);
        for (host, covered) in [
            ("code.example.com", true),
            ("a.apps.example.com", true),
            ("apps.example.com", false),
            ("a.b.apps.example.com", false),
            ("*.apps.example.com", true),
            ("*.example.com", false),
            ("*.code.example.com", false),
            ("*.a.apps.example.com", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("example.com", false),
        ] {
            assert_eq!(tls.covers(&HostPattern::parse(host).unwrap()), covered, "{host}");
        }
    }
}

#[test]
fn every_other_pairing_is_refused() {
    let world = World::with_certificates();
    let kinds = ["rsa", "p256", "p384", "ed25519"];
    for cert in kinds {
        for key in kinds {
            let report = world.report(&pair(&format!("{cert}.pem"), &format!("{key}.key")));
            assert_eq!(report.contains("does not belong"), cert != key, "{report}");
        }
    }
}

#[test]
fn wrong_certificates() {
    let world = World::with_certificates()
        .file("certs/noise.pem", "hello")
        .file("certs/broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
        .file("certs/broken.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let top = |lines: &str| format!("{lines}\n{ROUTE}");
    let cases = [
        ("another's key", pair("p256.pem", "p384.key")),
        ("chain first", pair("misordered.pem", "p256.key")),
        ("missing files", pair("absent.pem", "absent.key")),
        ("forbidden", top("certificate_file: forbidden/a.pem\ncertificate_key_file: forbidden/a.key")),
        ("swapped", pair("p256.key", "p256.pem")),
        ("noise", pair("noise.pem", "noise.pem")),
        ("broken", pair("broken.pem", "p256.key")),
        ("broken key", pair("p256.pem", "broken.key")),
        ("locked key", pair("p256.pem", "locked.key")),
        ("without names", pair("nameless.pem", "p256.key")),
        ("file without key", top("certificate_file: certs/p256.pem")),
        ("key without file", top("certificate_key_file: certs/p256.key")),
        ("item without key", top("certificates:\n  - cert: certs/p256.pem")),
        ("a path as item", top("certificates: [certs/p256.pem]")),
        ("in base64", top("certificate: aGVsbG8=\ncertificate_key: aGVsbG8=")),
        ("not used", format!("insecure_server: true\n{}", pair("p256.pem", "p256.key"))),
        (
            "a wildcard it does not name",
            pair("p256.pem", "p256.key").replace("https://code.", "https://*.")
                + "  - {from: \"https://*.apps.example.com\", to: \"http://a\", allow_any_authenticated_user: true}\n\
                   authenticate_service_url: https://code.example.com\n",
        ),
        ("another host", pair("p256.pem", "p256.key").replace("https://code.", "https://other.")),
        ("authority, both", top("certificate_authority: aGVsbG8=\ncertificate_authority_file: certs/p256.pem")),
        ("authority, no pem", top("certificate_authority: aGVsbG8=")),
        ("authority, no base64", top("certificate_authority: \"!!!\"")),
        ("authority, broken", top("certificate_authority_file: certs/broken.pem")),
        ("authority, missing", top("certificate_authority_file: certs/absent.pem")),
    ];
    insta::assert_snapshot!(book(&world, &cases));
}

#[test]
fn the_clock_is_asked() {
    let mut world = World::with_certificates();
    world.now = Some(UNIX_EPOCH + Duration::from_secs(5_000_000_000));
    let late = world.report(&pair("p256.pem", "p256.key"));
    world.now = Some(UNIX_EPOCH);
    let early = world.report(&pair("p256.pem", "p256.key"));
    insta::assert_snapshot!(format!("{late}\n\n{early}"));
}

#[test]
fn authorities_come_from_base64_and_from_files() {
    use base64::Engine as _;
    let world = World::with_certificates();
    let pem = &world.files[std::path::Path::new("certs/p256.pem")];
    let inline = base64::engine::general_purpose::STANDARD.encode(pem);
    let text = format!(
        "certificate_authority: {inline}\nidp_provider: oidc\nidp_provider_url: https://id.example.com\n\
         idp_client_id: a\nidp_client_secret: b\n{ROUTE}    tls_custom_ca_file: certs/p384.pem\n"
    );
    let config = world.load(&text).unwrap_or_else(|problems| panic!("{problems}")).config;
    let doorward_config::Provider::Oidc(provider) = &config.sign_in.provider else { panic!("no provider") };
    assert_eq!(provider.authorities.len(), 1);
    let doorward_config::Target::Upstream(upstream) = &config.routes[0].target else { panic!("no upstream") };
    assert_eq!(upstream.tls.authorities.len(), 2);
}

#[test]
fn flags_come_before_the_file() {
    let with = |cert: Option<CertificateFlag>, key: Option<&str>, hosts: &[&str]| {
        let mut world = World::with_certificates();
        world.overrides = Overrides {
            cert,
            cert_key: key.map(Into::into),
            cert_hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        };
        world
    };
    let file = |name: &str| Some(CertificateFlag::File(name.into()));
    let configured = pair("p256.pem", "p256.key");

    let config = with(Some(CertificateFlag::SelfSigned), None, &["code.local"]).load(&configured).unwrap().config;
    assert!(config.tls.self_signed && config.tls.certificates.is_empty());
    assert_eq!(config.tls.extra_hosts, [Hostname::parse("code.local").unwrap()]);

    let config = with(file("certs/rsa.pem"), Some("certs/rsa.key"), &[]).load(&configured).unwrap().config;
    assert!(!config.tls.self_signed);
    assert_eq!(config.tls.certificates.len(), 1);
    assert_eq!(config.tls.certificates[0].label, "certs/rsa.pem");

    let reports = [
        with(Some(CertificateFlag::SelfSigned), None, &["*.code.local"]).report(ROUTE),
        with(file("certs/rsa.pem"), None, &[]).report(&configured),
        with(None, Some("certs/rsa.key"), &[]).report(&configured),
        with(Some(CertificateFlag::SelfSigned), Some("certs/rsa.key"), &[]).report(&configured),
        with(file("certs/rsa.pem"), Some("certs/p256.key"), &[]).report(&configured),
        with(None, None, &["code.local"]).report(&configured),
        with(None, None, &["not a host"]).report(ROUTE),
    ];
    insta::assert_snapshot!(reports.join("\n\n"));
}

#[test]
fn strict_transport_security_only_where_browsers_trust_the_certificate() {
    let world = World::with_certificates();
    let header = |text: &str| {
        let config = world.load(text).unwrap_or_else(|problems| panic!("{problems}")).config;
        let headers = &config.routes[0].set_response_headers;
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect::<Vec<_>>()
    };
    let served = pair("p256.pem", "p256.key");
    assert_eq!(header(&served), ["strict-transport-security: max-age=31536000"]);
    assert!(header(ROUTE).is_empty(), "self-signed");
    assert!(header(&served.replace("https://code.", "https://other.")).is_empty(), "not covered");
    assert!(header(&format!("insecure_server: true\n{served}")).is_empty());
    assert!(header(&format!("set_response_headers: {{disable: true}}\n{served}")).is_empty());
    assert!(header(&format!("{served}    set_response_headers: {{disable: \"true\"}}\n")).is_empty());
    assert_eq!(
        header(&format!("set_response_headers: {{Strict-Transport-Security: max-age=60, X-A: b}}\n{served}")),
        ["strict-transport-security: max-age=60", "x-a: b"]
    );
    assert_eq!(
        header(&format!("set_response_headers: {{X-A: b, X-C: d}}\n{served}    set_response_headers: {{x-a: e}}\n")),
        ["x-c: d", "x-a: e", "strict-transport-security: max-age=31536000"]
    );
}
