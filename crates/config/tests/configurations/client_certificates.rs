//! Visitors' certificates: `downstream_mtls`, and authorities of single hosts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_authorize::{Action, Criterion, Policy};
use doorward_config::{Config, Enforcement, NameKind};
use doorward_hygiene::HostPattern;

use crate::world::{ROUTE, World, book};

const ROOT: &str = "downstream_mtls:\n  ca_file: certs/root.pem\n";

fn config(world: &World, text: &str) -> Config {
    let loaded = world.load(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.hints, [], "{text}");
    loaded.config
}

fn with(lines: &str) -> String {
    format!("{ROOT}{lines}\n{ROUTE}")
}

fn route(host: &str, lines: &str) -> String {
    format!("  - from: https://{host}\n    to: http://a\n    allow_any_authenticated_user: true\n{lines}")
}

#[test]
fn an_authority_is_enough() {
    let world = World::with_certificates();
    let trust = config(&world, &with("")).tls.client_certificates.unwrap();
    assert_eq!((trust.authorities.len(), trust.revoked.len(), trust.names.len()), (1, 0, 0));
    assert_eq!((trust.enforcement, trust.max_verify_depth), (Enforcement::PolicyWithDefaultDeny, Some(0)));
    assert!(config(&world, ROUTE).tls.client_certificates.is_none());

    let inline = STANDARD.encode(&world.files[std::path::Path::new("certs/root.pem")]);
    let block = config(&world, &format!("downstream_mtls: {{ca: {inline}}}\n{ROUTE}")).tls.client_certificates.unwrap();
    assert_eq!(block.authorities, trust.authorities);
    for world in [
        World::with_certificates().variable("DOWNSTREAM_MTLS_CA", &inline),
        World::with_certificates().variable("DOWNSTREAM_MTLS_CA_FILE", "certs/root.pem"),
        World::with_certificates().variable("DOWNSTREAM_MTLS", "{\"ca_file\": \"certs/root.pem\"}"),
    ] {
        assert_eq!(config(&world, ROUTE).tls.client_certificates.unwrap().authorities, trust.authorities);
    }
}

#[test]
fn every_key_is_understood() {
    let world = World::with_certificates();
    let names = "  match_subject_alt_names:\n    - dns: .*\\.example\\.com\n    - email: a@b\n    - ip_address: 192.0.2.1\n    - uri: 'spiffe://.*'\n    - user_principal_name: x";
    let text =
        with(&format!("  crl_file: certs/root.crl\n  enforcement: Reject_Connection\n  max_verify_depth: 0\n{names}"));
    let trust = config(&world, &text).tls.client_certificates.unwrap();
    assert_eq!(
        (trust.revoked.len(), trust.enforcement, trust.max_verify_depth),
        (1, Enforcement::RejectConnection, None)
    );
    let kinds: Vec<_> = trust.names.iter().map(|name| name.kind).collect();
    assert_eq!(
        kinds,
        [NameKind::Dns, NameKind::Email, NameKind::IpAddress, NameKind::Uri, NameKind::UserPrincipalName]
    );
    let text = with("  enforcement: policy\n  max_verify_depth: 255");
    let trust = config(&world, &text).tls.client_certificates.unwrap();
    assert_eq!((trust.enforcement, trust.max_verify_depth), (Enforcement::Policy, Some(254)));
}

#[test]
fn the_whole_name_has_to_match() {
    let world = World::with_certificates();
    let matches = |pattern: &str, name: &str| {
        let text = with(&format!("  match_subject_alt_names: [{{dns: '{pattern}'}}]"));
        config(&world, &text).tls.client_certificates.unwrap().names[0].pattern.is_match(name)
    };
    // The bars of an alternation must not end up outside the anchors.
    for name in ["axx", "xxb", "xa", "bx", "a|b", ""] {
        assert!(!matches("a|b", name), "{name}");
    }
    assert!(matches("a|b", "a") && matches("a|b", "b"));
    assert!(!matches("(?m)^a$", "a\nb") && !matches("a$|^b", "ab") && !matches("a", "a\n"));
    // Nor may brackets close the group that the anchors are around.
    for pattern in ["a)|(b", "a)|(?:b", "(?x)a#", "a\\"] {
        let report = world.report(&with(&format!("  match_subject_alt_names: [{{dns: '{pattern}'}}]")));
        assert!(report.ends_with("refused"), "{pattern}: {report}");
    }
}

#[test]
fn patterns_take_no_time_and_no_memory() {
    let world = World::with_certificates();
    let text = with("  match_subject_alt_names: [{dns: '((((a{100}){100}){100}){100})'}]");
    assert!(world.report(&text).contains("more than 1 MiB"), "{}", world.report(&text));
    let text = with("  match_subject_alt_names: [{dns: '(a*)*b'}]");
    let trust = config(&world, &text).tls.client_certificates.unwrap();
    assert!(!trust.names[0].pattern.is_match(&"a".repeat(100_000)), "no back tracking");
}

#[test]
fn a_host_may_have_authorities_of_its_own() {
    let world = World::with_certificates();
    let own = "    tls_downstream_client_ca_file: certs/middle.pem\n";
    let text = format!(
        "{ROUTE}{}{}",
        route("own.example.com", own),
        route("own.example.com", &format!("    prefix: /a\n{own}"))
    );
    let tls = config(&world, &text).tls;
    assert!(tls.client_certificates.is_none());
    let [(host, trust)] = tls.client_certificates_by_host.as_slice() else { panic!("not one host") };
    assert_eq!(*host, HostPattern::parse("own.example.com").unwrap());
    assert_eq!((trust.enforcement, trust.max_verify_depth), (Enforcement::PolicyWithDefaultDeny, Some(0)));

    let tls = config(&world, &format!("{ROOT}  max_verify_depth: 3\n  enforcement: policy\n{text}")).tls;
    let everywhere = tls.client_certificates.unwrap();
    let (_, own) = &tls.client_certificates_by_host[0];
    assert_ne!(own.authorities, everywhere.authorities);
    assert_eq!((own.max_verify_depth, own.enforcement), (Some(2), Enforcement::Policy));
    // The settings may stand for such hosts alone.
    let tls = config(&world, &format!("downstream_mtls: {{max_verify_depth: 3}}\n{text}")).tls;
    assert!(tls.client_certificates.is_none());
    assert_eq!(tls.client_certificates_by_host[0].1.max_verify_depth, Some(2));
}

#[test]
fn who_shows_no_certificate_is_denied_first_of_all() {
    let world = World::with_certificates();
    let denied = |text: &str| {
        let rule = |policy: &Policy| (policy.rules()[0].action, policy.rules()[0].criteria.clone());
        let denies = |policy: &Policy| rule(policy) == (Action::Deny, vec![Criterion::InvalidClientCertificate]);
        config(&world, text).routes.iter().map(|route| denies(&route.policy)).collect::<Vec<_>>()
    };
    let own = route("own.example.com", "    tls_downstream_client_ca_file: certs/middle.pem\n");
    let beside = route("own.example.com", "    prefix: /beside\n");
    assert_eq!(denied(ROUTE), [false]);
    assert_eq!(denied(&with("")), [true]);
    assert_eq!(denied(&with("  enforcement: reject_connection")), [true]);
    assert_eq!(denied(&with("  enforcement: policy")), [false], "the policies decide alone");
    assert_eq!(denied(&format!("{ROUTE}{own}{beside}")), [false, true, true], "every route of the host");
    assert_eq!(
        denied(&format!("{ROUTE}{}", own.replace("https://own.example.com", "https://own.example.com:8443"))),
        [false, true]
    );
}

#[test]
fn wrong_visitors_certificates() {
    let world = World::with_certificates()
        .file("certs/empty.pem", "")
        .file("certs/blank.pem", "\n\n")
        .file("certs/broken.crl", "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n")
        .variable("EMPTY", "");
    let block = |lines: &str| format!("downstream_mtls: {{{lines}}}\n{ROUTE}");
    let own = |lines: &str| format!("{ROUTE}    {lines}\n");
    let cases = [
        ("nothing", format!("downstream_mtls:\n{ROUTE}")),
        ("empty", block("")),
        ("a word", format!("downstream_mtls: true\n{ROUTE}")),
        ("unknown", block("ca_fil: certs/root.pem")),
        ("no authority", block("enforcement: policy")),
        ("authority of nothing", block("ca: ")),
        ("authority of an empty variable", block("ca: \"${EMPTY}\"")),
        ("file of nothing", block("ca_file: \"\"")),
        ("missing", block("ca_file: certs/absent.pem")),
        ("forbidden", block("ca_file: forbidden/ca.pem")),
        ("empty file", block("ca_file: certs/empty.pem")),
        ("blank file", block("ca_file: certs/blank.pem")),
        ("a key", block("ca_file: certs/p256.key")),
        ("no base64", block("ca: \"!!!\"")),
        ("both", block("ca: aGVsbG8=, ca_file: certs/root.pem")),
        ("ended", block("ca_file: certs/ended.pem")),
        ("list, missing", with("  crl_file: certs/absent.crl")),
        ("list, empty", with("  crl:")),
        ("list, none", with("  crl_file: certs/root.pem")),
        ("list, broken", with("  crl_file: certs/broken.crl")),
        ("list, another issuer", with("  crl_file: certs/middle.crl")),
        ("list, old", with("  crl_file: certs/root-old.crl")),
        ("enforcement", with("  enforcement: strict")),
        ("depth", with("  max_verify_depth: 300")),
        ("negative depth", with("  max_verify_depth: -1")),
        ("pattern", with("  match_subject_alt_names: [{dns: '('}]")),
        ("no pattern", with("  match_subject_alt_names: [{dns: }]")),
        ("two patterns", with("  match_subject_alt_names: [{dns: a, email: b}]")),
        ("unknown name", with("  match_subject_alt_names: [{common_name: a}]")),
        ("words", with("  match_subject_alt_names: [a]")),
        ("cleartext", format!("insecure_server: true\n{}", with(""))),
        ("of a route, empty", own("tls_downstream_client_ca: \"\"")),
        ("of a route, nothing", own("tls_downstream_client_ca_file:")),
        ("of a route, empty file", own("tls_downstream_client_ca_file: certs/empty.pem")),
        (
            "of routes, different",
            format!(
                "{}{}",
                own("tls_downstream_client_ca_file: certs/root.pem"),
                route("code.example.com", "    prefix: /a\n    tls_downstream_client_ca_file: certs/middle.pem\n")
            ),
        ),
    ];
    insta::assert_snapshot!(book(&world, &cases));
}

#[test]
fn without_an_authority_that_can_be_read_nothing_starts() {
    let world = World::with_certificates().file("certs/empty.pem", "").file("certs/noise.pem", [0xff, 0, 0x30, 0x80]);
    for file in
        ["certs/empty.pem", "certs/noise.pem", "certs/absent.pem", "forbidden/x", "certs/p256.key", "certs/root.crl"]
    {
        for text in [
            format!("downstream_mtls: {{ca_file: {file}}}\n{ROUTE}"),
            format!("downstream_mtls: {{ca_file: {file}, enforcement: policy}}\n{ROUTE}"),
            format!("{ROUTE}    tls_downstream_client_ca_file: {file}\n"),
        ] {
            assert!(world.load(&text).is_err(), "{text}");
        }
    }
}
