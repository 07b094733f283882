//! The certificate shown to an upstream, and the order of chains.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_config::{Loaded, Target, UpstreamTls};

use crate::world::{ROUTE, World, book, route_with};

fn secure(lines: &str) -> String {
    route_with(&format!("to: https://app:8443\nallow_any_authenticated_user: true\n{lines}"))
}

fn tls(loaded: &Loaded) -> UpstreamTls {
    let Target::Upstream(upstream) = &loaded.config.routes[0].target else { panic!("no upstream") };
    upstream.tls.clone()
}

#[test]
fn a_pair_is_read_from_files_and_from_base64() {
    let world = World::with_certificates();
    let load = |lines: &str| world.load(&secure(lines)).unwrap_or_else(|problems| panic!("{problems}"));
    let loaded = load("tls_client_cert_file: certs/client.pem\ntls_client_key_file: certs/p256.key");
    assert_eq!(loaded.hints, []);
    assert!(["certs/client.pem", "certs/p256.key"].iter().all(|file| loaded.watched.contains(&file.into())));
    let files = tls(&loaded).client_certificate.unwrap();
    assert_eq!(files.chain.len(), 2);

    let inline = |name: &str| STANDARD.encode(&world.files[Path::new(name)]);
    let lines =
        format!("tls_client_cert: {}\ntls_client_key: {}", inline("certs/client.pem"), inline("certs/p256.key"));
    assert_eq!(tls(&load(&lines)).client_certificate.unwrap(), files);
    for (cert, key) in
        [("p256", "p256-sec1"), ("rsa", "rsa"), ("rsa", "rsa-pkcs1"), ("ed25519", "ed25519"), ("p384", "p384")]
    {
        let loaded = load(&format!("tls_client_cert_file: certs/{cert}.pem\ntls_client_key_file: certs/{key}.key"));
        assert!(loaded.hints.is_empty() && tls(&loaded).client_certificate.is_some(), "{key}");
    }
}

#[test]
fn the_newer_name_wins() {
    let world = World::default();
    let loaded = world.load(&secure("tls_upstream_server_name: new.example.com")).unwrap();
    assert_eq!((tls(&loaded).server_name.as_deref(), loaded.hints.len()), (Some("new.example.com"), 0));
    let loaded =
        world.load(&secure("tls_server_name: old.example.com\ntls_upstream_server_name: new.example.com")).unwrap();
    assert_eq!((tls(&loaded).server_name.as_deref(), loaded.hints.len()), (Some("new.example.com"), 1));
}

#[test]
fn wrong_pairs_for_upstreams() {
    let world = World::with_certificates();
    let pair = |cert: &str, key: &str| {
        secure(&format!("tls_client_cert_file: certs/{cert}\ntls_client_key_file: certs/{key}"))
    };
    let cases = [
        ("no key", secure("tls_client_cert_file: certs/client.pem")),
        ("no certificate", secure("tls_client_key: aHVudGVyMg==")),
        ("another's key", pair("client.pem", "p384.key")),
        ("locked", pair("client.pem", "locked.key")),
        ("swapped", pair("p256.key", "client.pem")),
        ("missing", pair("absent.pem", "absent.key")),
        ("no base64", secure("tls_client_cert: \"hunter2!\"\ntls_client_key: \"hunter2!\"")),
        ("base64 of something", secure("tls_client_cert: aHVudGVyMg==\ntls_client_key: aHVudGVyMg==")),
        ("for servers", pair("server-only.pem", "p256.key")),
        ("ends soon", pair("ends-soon.pem", "p256.key")),
        ("cleartext", pair("client.pem", "p256.key").replace("https://app", "http://app")),
        (
            "nowhere",
            route_with(
                "redirect: {host_redirect: a.example}\nallow_any_authenticated_user: true\n\
                 tls_client_cert_file: certs/client.pem\ntls_client_key_file: certs/p256.key\ntls_upstream_server_name: a",
            ),
        ),
        ("both names", secure("tls_server_name: a.example\ntls_upstream_server_name: \"https://b.example\"")),
    ];
    let book = book(&world, &cases);
    for said in book.lines().filter(|line| line.starts_with("config.yaml:")) {
        assert!(!said.contains("hunter2") && !said.contains("aHVudGVyMg"), "a secret is repeated: {said}");
    }
    insta::assert_snapshot!(book);
}

#[test]
fn a_chain_in_any_order_is_served_leaf_first() {
    let world = World::with_certificates();
    let text = format!("certificates: [{{cert: certs/chain.pem, key: certs/p256.key}}]\n{ROUTE}");
    let loaded = world.load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.hints, []);
    let pair = &loaded.config.tls.certificates[0];
    assert_eq!((pair.chain.len(), pair.names.as_slice()), (3, ["code.example.com".to_owned()].as_slice()));
    insta::assert_snapshot!(world.report(&text.replace("chain.pem", "ends-soon.pem")));
}

#[test]
fn metrics_have_an_address_of_their_own() {
    let world = World::default();
    let metrics = |line: &str| world.load(&format!("{line}\n{ROUTE}")).unwrap().config.metrics;
    assert_eq!(metrics("metrics_address: 127.0.0.1:9090"), Some("127.0.0.1:9090".parse().unwrap()));
    assert_eq!(metrics("metrics_address: \":9102\""), Some("[::]:9102".parse().unwrap()));
    assert_eq!(metrics("log_level: info"), None);
    let cases = [
        ("a name", format!("metrics_address: metrics.example.com:9090\n{ROUTE}")),
        ("taken", format!("metrics_address: \":28080\"\n{ROUTE}")),
        ("more", format!("metrics_basic_auth: hunter2\n{ROUTE}")),
    ];
    insta::assert_snapshot!(book(&world, &cases));
}
