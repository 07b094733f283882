//! Certificates that are ordered: `autocert` and what belongs to it.

use std::time::Duration;

use doorward_config::{Acme, CertificateFlag, ChallengeKind, DnsUpdater, Overrides, TsigAlgorithm};

use crate::world::{ROUTE, World, book};

fn top(lines: &str) -> String {
    format!("{lines}\n{ROUTE}")
}

fn ordering(lines: &str) -> String {
    top(&format!("autocert: true\n{lines}"))
}

fn acme(world: &World, text: &str) -> Acme {
    let loaded = world.load(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.hints, [], "{text}");
    loaded.config.tls.acme.unwrap()
}

fn names(acme: &Acme) -> Vec<String> {
    acme.names.iter().map(ToString::to_string).collect()
}

#[test]
fn one_key_is_enough() {
    let acme = acme(&World::default(), &ordering("data_dir: /data"));
    assert_eq!(acme.directory.as_str(), "https://acme-v02.api.letsencrypt.org/directory");
    assert_eq!(acme.folder.to_str(), Some("/data/acme"));
    assert_eq!(acme.challenges, [ChallengeKind::TlsAlpn01]);
    assert_eq!(names(&acme), ["code.example.com"]);
    assert!(acme.contact.is_none() && acme.external_account.is_none() && acme.dns.is_none() && acme.profile.is_none());
    assert!(acme.trusted.is_empty() && acme.on_demand.is_empty());
    assert!(World::default().load(ROUTE).unwrap().config.tls.acme.is_none());
    assert!(World::default().load(&top("autocert: false")).unwrap().config.tls.acme.is_none());
}

#[test]
fn every_key_is_understood() {
    let world = World::with_certificates().file("eab", "MTIzNDU2Nzg5MDEyMzQ1Ng\n");
    let text = ordering(
        "autocert_ca: https://ca.example.com/acme/directory\nautocert_email: You@example.com\nautocert_eab_key_id: kid-1\n\
         autocert_eab_mac_key_file: eab\nautocert_trusted_ca_file: certs/root.pem\nautocert_dir: /acme\n\
         autocert_profile: shortlived\nautocert_challenges: [http-01, TLS-ALPN-01, http-01]\nhttp_redirect_addr: \":80\"",
    );
    let acme = acme(&world, &text);
    assert_eq!(acme.directory.as_str(), "https://ca.example.com/acme/directory");
    assert_eq!(acme.contact.as_deref(), Some("you@example.com"));
    let account = acme.external_account.unwrap();
    assert_eq!((account.key_id.as_str(), account.mac_key.expose()), ("kid-1", b"1234567890123456".as_slice()));
    assert_eq!(
        (acme.trusted.len(), acme.folder.to_str(), acme.profile.as_deref()),
        (1, Some("/acme"), Some("shortlived"))
    );
    assert_eq!(acme.challenges, [ChallengeKind::Http01, ChallengeKind::TlsAlpn01]);
}

#[test]
fn challenges_follow_from_what_can_be_answered() {
    let dns = "autocert_dns: {exec: {command: /bin/dns}}";
    let kinds = |lines: &str| acme(&World::default(), &ordering(lines)).challenges;
    assert_eq!(kinds(dns), [ChallengeKind::Dns01, ChallengeKind::TlsAlpn01]);
    assert_eq!(kinds("http_redirect_addr: \":80\""), [ChallengeKind::TlsAlpn01, ChallengeKind::Http01]);
    assert_eq!(
        kinds(&format!("{dns}\nhttp_redirect_addr: \":80\"")),
        [ChallengeKind::Dns01, ChallengeKind::TlsAlpn01, ChallengeKind::Http01]
    );
}

#[test]
fn what_a_certificate_names_and_what_nobody_certifies_is_not_ordered() {
    let route =
        |host: &str| format!("  - from: https://{host}\n    to: http://a\n    allow_any_authenticated_user: true\n");
    let hosts = ["localhost:8443", "code.localhost", "nas", "192.0.2.9", "wiki.example.com", "wiki.example.com:8443"];
    let text = format!(
        "autocert: true\nauthenticate_service_url: https://sso.example.com\n\
         certificates: [{{cert: certs/p256.pem, key: certs/p256.key}}]\n{ROUTE}{}",
        hosts.map(route).concat()
    );
    let world = World::with_certificates();
    let loaded = world.load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let acme = loaded.config.tls.acme.unwrap();
    assert_eq!(names(&acme), ["wiki.example.com", "sso.example.com"]);
    insta::assert_snapshot!(world.report(&text));
}

#[test]
fn a_self_signed_certificate_asked_for_by_hand_wins() {
    let mut world = World::with_certificates();
    world.overrides = Overrides { cert: Some(CertificateFlag::SelfSigned), ..Overrides::default() };
    assert!(world.load(&ordering("")).unwrap().config.tls.acme.is_none());
    insta::assert_snapshot!(world.report(&ordering("")));
}

#[test]
fn ordered_certificates_are_ones_that_browsers_believe() {
    let headers = |lines: &str| {
        let config = World::default().load(&ordering(lines)).unwrap().config;
        config.routes[0].set_response_headers.len()
    };
    assert_eq!(headers(""), 1);
    assert_eq!(headers("autocert_use_staging: true"), 0, "nobody believes the staging authority");
}

#[test]
fn the_dns_is_changed_in_one_of_three_ways() {
    let world = World::default().file("tsig", "c2VjcmV0\n").file("password", "hunter2\n");
    let text = ordering(
        "autocert_dns:\n  rfc2136:\n    server: 192.0.2.53\n    zone: example.com.\n    tsig_key_name: Doorward.\n    \
         tsig_algorithm: hmac-sha512\n    tsig_secret_file: tsig\n  resolvers: [192.0.2.53, \"[2001:db8::53]:5353\"]\n  \
         propagation_timeout: 5m",
    );
    let dns = acme(&world, &text).dns.unwrap();
    assert_eq!(dns.propagation, Duration::from_secs(300));
    assert_eq!(dns.resolvers, ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:5353".parse().unwrap()]);
    let DnsUpdater::Rfc2136(updater) = dns.updater else { panic!("another updater") };
    assert_eq!(updater.server.to_string(), "192.0.2.53:53");
    assert_eq!(updater.zone.unwrap().as_str(), "example.com");
    let key = updater.key.unwrap();
    assert_eq!((key.name.as_str(), key.algorithm), ("doorward", TsigAlgorithm::HmacSha512));
    assert_eq!(key.secret.expose(), b"secret");

    let text = ordering(
        "autocert_dns:\n  acme_dns:\n    url: http://127.0.0.1:8053\n    accounts:\n      \
         \"*.example.com\": {username: u, password_file: password, subdomain: s}\n      \
         code.example.com: {username: v, password: w, subdomain: t}",
    );
    let dns = acme(&world, &text).dns.unwrap();
    assert_eq!(dns.propagation, Duration::from_secs(120));
    let DnsUpdater::AcmeDns(updater) = dns.updater else { panic!("another updater") };
    assert_eq!(updater.accounts.len(), 2);
    let (host, account) = &updater.accounts[0];
    assert_eq!((host.as_str(), account.username.as_str(), account.subdomain.as_str()), ("example.com", "u", "s"));
    assert_eq!(account.password.expose(), b"hunter2");

    for (written, words) in [("/bin/dns", vec!["/bin/dns"]), ("[dns, -v, \"\"]", vec!["dns", "-v", ""])] {
        let text = ordering(&format!("autocert_dns: {{exec: {{command: {written}, timeout: 10s}}}}"));
        let DnsUpdater::Exec(updater) = acme(&world, &text).dns.unwrap().updater else { panic!("another updater") };
        assert_eq!(
            (updater.command, updater.timeout),
            (words.into_iter().map(str::to_owned).collect(), Duration::from_secs(10))
        );
    }
}

#[test]
fn variables_reach_into_blocks() {
    let world = World::default().variable("AUTOCERT", "true").variable("AUTOCERT_DNS", r#"{"exec": {"command": "x"}}"#);
    assert!(acme(&world, ROUTE).dns.is_some());
    let world = World::default().variable("AUTOCERT", "true").variable("AUTOCERT_DNS_RESOLVERS", "192.0.2.53");
    insta::assert_snapshot!(world.report(ROUTE));
}

#[test]
fn wrong_orders() {
    let world = World::with_certificates();
    let cases = [
        ("without the switch", top("autocert_email: a@b.example\nautocert_eab_mac_key: x\nautocert_dns: {}")),
        ("in cleartext", ordering("insecure_server: true")),
        ("directory, http", ordering("autocert_ca: http://ca.example.com/dir")),
        ("directory, password", ordering("autocert_ca: https://user:hunter2@ca.example.com/dir")),
        ("directory, none", ordering("autocert_ca: staging")),
        ("directory and staging", ordering("autocert_ca: https://ca.example.com/dir\nautocert_use_staging: true")),
        ("no address", ordering("autocert_email: you")),
        ("blank address", ordering("autocert_email: \" \"")),
        ("half an account", ordering("autocert_eab_key_id: kid")),
        ("the other half", ordering("autocert_eab_mac_key: aHVudGVyMg")),
        ("no base64url", ordering("autocert_eab_key_id: kid\nautocert_eab_mac_key: \"hunter+2/=\"")),
        ("key twice", ordering("autocert_eab_key_id: k\nautocert_eab_mac_key: hunter2\nautocert_eab_mac_key_file: x")),
        ("authority, empty", ordering("autocert_trusted_ca_file: certs/p256.key")),
        ("buckets", ordering("autocert_dir: gs://bucket/prefix")),
        ("other buckets", ordering("autocert_dir: s3://bucket.s3.eu.amazonaws.com/prefix")),
        ("staple", ordering("autocert_must_staple: true")),
        ("no staple", ordering("autocert_must_staple: false")),
        ("profile", ordering("autocert_profile: \"six days\"")),
        ("challenges", ordering("autocert_challenges: [dns-01, http-01, email-reply-00]")),
        ("no challenges", ordering("autocert_challenges: []")),
        ("on demand for nobody", ordering("autocert_on_demand: true")),
        ("nothing to order", ordering("").replace("code.example.com", "code.localhost")),
    ];
    insta::assert_snapshot!(book(&world, &cases));
}

#[test]
fn wrong_ways_to_change_the_dns() {
    let world = World::default();
    let dns = |lines: &str| ordering(&format!("autocert_dns:{lines}"));
    let rfc2136 = |lines: &str| dns(&format!(" {{rfc2136: {{server: 192.0.2.53, {lines}}}}}"));
    let account = "{username: u, password: hunter2, subdomain: s}";
    let cases = [
        ("nothing", dns("")),
        ("no way", dns(" {resolvers: [192.0.2.1]}")),
        ("two ways", dns(" {exec: {command: x}, rfc2136: {server: 192.0.2.53}}")),
        ("a word", dns(" cloudflare")),
        ("unknown", dns(" {cloudflare: {token: hunter2}}")),
        ("no server", dns(" {rfc2136: {zone: example.com}}")),
        ("a name for a server", dns(" {rfc2136: {server: ns.example.com}}")),
        ("port 0", dns(" {rfc2136: {server: \"192.0.2.53:0\"}, resolvers: [dns.example.com]}")),
        ("zone", rfc2136("zone: https://example.com")),
        ("half a key", rfc2136("tsig_key_name: k")),
        ("the other half", rfc2136("tsig_secret: aHVudGVyMg==")),
        ("algorithm alone", rfc2136("tsig_algorithm: hmac-sha256")),
        (
            "old algorithm",
            rfc2136("tsig_key_name: k, tsig_secret: aHVudGVyMg==, tsig_algorithm: HMAC-MD5.SIG-ALG.REG.INT."),
        ),
        ("no algorithm", rfc2136("tsig_key_name: k, tsig_secret: aHVudGVyMg==, tsig_algorithm: sha256")),
        ("wrong key", rfc2136("tsig_key_name: \"a b\", tsig_secret: \"hunter2!\"")),
        ("acme-dns, empty", dns(" {acme_dns: {}}")),
        (
            "acme-dns, http",
            dns(&format!(
                " {{acme_dns: {{url: \"http://dns.example.com\", accounts: {{code.example.com: {account}}}}}}}"
            )),
        ),
        ("acme-dns, accounts", dns(" {acme_dns: {url: \"https://d.example\", accounts: [x]}}")),
        (
            "acme-dns, account",
            dns(
                " {acme_dns: {url: \"https://d.example\", accounts: {code.example.com: {username: \"a\\nb\"}, \"a b\": {}}}}",
            ),
        ),
        (
            "acme-dns, twice",
            dns(&format!(
                " {{acme_dns: {{url: \"https://d.example\", accounts: {{a.example: {account}, \"*.a.example\": {account}}}}}}}"
            )),
        ),
        (
            "acme-dns, another host",
            format!(
                "autocert_challenges: dns-01\n{}",
                dns(&format!(" {{acme_dns: {{url: \"https://d.example\", accounts: {{a.example: {account}}}}}}}"))
            ),
        ),
        ("no command", dns(" {exec: {}}")),
        ("empty command", dns(" {exec: {command: []}}")),
        ("no program", dns(" {exec: {command: [\"\", x]}}")),
        ("a shell's line", dns(" {exec: {command: dns --zone example.com}}")),
        ("nul", dns(" {exec: {command: [dns, \"a\\0b\"]}}")),
        ("for ever", dns(" {exec: {command: x, timeout: never}, propagation_timeout: 2h}")),
    ];
    let book = book(&world, &cases);
    for said in book.lines().filter(|line| line.starts_with("config.yaml:")) {
        assert!(!said.contains("hunter2") && !said.contains("aHVudGVyMg"), "a secret is repeated: {said}");
    }
    insta::assert_snapshot!(book);
}

#[test]
fn wildcard_hosts_are_proved_by_dns_or_ordered_one_by_one() {
    let wildcard = |lines: &str| ordering(lines).replace("https://code.", "https://*.dev.");
    let world = World::default();
    let by_dns = acme(
        &world,
        &wildcard("authenticate_service_url: https://sso.example.com\nautocert_dns: {exec: {command: x}}"),
    );
    assert_eq!(
        (names(&by_dns), by_dns.on_demand.len()),
        (vec!["*.dev.example.com".to_owned(), "sso.example.com".to_owned()], 0)
    );
    let one_by_one =
        acme(&world, &wildcard("authenticate_service_url: https://sso.example.com\nautocert_on_demand: true"));
    assert_eq!(names(&one_by_one), ["sso.example.com"]);
    assert_eq!(one_by_one.on_demand[0].to_string(), "*.dev.example.com");
    insta::assert_snapshot!(world.report(&wildcard("authenticate_service_url: https://sso.example.com")));
}
