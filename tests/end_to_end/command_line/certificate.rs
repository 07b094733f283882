//! What the program says of certificates: in files, and shown by servers.

use std::process::Command;

use serde_json::Value;

use crate::harness::authority::Authority;
use crate::harness::doorward::{Doorward, binary, command_in, command_on};
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const HOST: &str = "app.example.test";

async fn door(setup: Setup) -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let door = setup.route("app", &upstream.url(), EVERYBODY).start().await;
    (upstream, door)
}

/// What `inspect` says of the running program, with `--connect`, since the host has no address.
fn arguments(door: &Doorward, host: &str) -> [String; 5] {
    let (target, address) = (format!("{host}:{}", door.setup.port), door.setup.address().to_string());
    ["certificate".into(), "inspect".into(), target, "--connect".into(), address]
}

async fn inspected(door: &Doorward, host: &str, more: &[&str]) -> crate::harness::doorward::Said {
    let arguments = arguments(door, host);
    let all: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
    door.command(&all).await
}

#[tokio::test]
async fn a_running_program_shows_its_local_authority_s_certificate_and_why_browsers_warn() {
    let (_upstream, door) = door(Setup::new().making_certificates()).await;
    let said = inspected(&door, HOST, &[]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    for words in ["TLS 1.3", "X25519MLKEM768", HOST, "ECDSA P-256", "expires in 6 days", "--install-help", "SHA-256"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert!(said.out.contains("NET::ERR_CERT_AUTHORITY_INVALID"), "{}", said.out);
    assert!(said.out.contains("one of the local authority"), "what is served: {}", said.out);
    let said = inspected(&door, HOST, &["--json"]).await;
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["acceptable"], &told["trust"]), (&Value::Bool(true), &"local".into()), "{told}");
    assert_eq!(told["handshake"]["version"], "TLS 1.3");
    assert_eq!(told["chain"][0]["names"][0], HOST);
    assert_eq!(told["findings"][0]["kind"], "local_authority");
    // A host that is not ours has no certificate, and that is said.
    let said = inspected(&door, "evil.example", &[]).await;
    assert!(said.code == Some(1) && said.err.contains("evil.example"), "{said:?}");
}

#[tokio::test]
async fn a_running_program_with_a_certificate_of_somebody_s_authority_is_judged_by_what_the_system_trusts() {
    let (_upstream, door) = door(Setup::new()).await;
    let said = inspected(&door, HOST, &[]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.out.contains("Browsers refuse it.") && said.out.contains("End-to-end tests"), "{}", said.out);
    assert!(said.out.contains("this certificate, from") && said.out.contains("hosts.pem"), "{}", said.out);
    // The same, where the system trusts that authority.
    let trusted = door.setup.file("trusted.pem", &Authority::shared().pem());
    let output = Command::new(binary())
        .args(arguments(&door, HOST))
        .args(["--json", "--config"])
        .arg(door.setup.config_file())
        .env("SSL_CERT_FILE", &trusted)
        .env_remove("SSL_CERT_DIR")
        .current_dir(door.setup.folder())
        .output()
        .unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["trust"], "system", "{told}");
    // rcgen's own default is a certificate for two thousand years.
    let kinds: Vec<_> = told["findings"].as_array().unwrap().iter().map(|finding| &finding["kind"]).collect();
    assert_eq!(kinds, ["lifetime_too_long"], "{told}");
}

#[tokio::test]
async fn files_are_judged_without_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::shared();
    let pairs = [
        ("expired", authority.issue_expired(&["a.example"]), "SEC_ERROR_EXPIRED_CERTIFICATE"),
        ("old", authority.issue_common_name_only("a.example"), "DNS:a.example"),
        ("unknown", authority.issue(&["a.example"]), "SEC_ERROR_UNKNOWN_ISSUER"),
    ];
    for (name, pair, words) in pairs {
        pair.write(folder.path(), name);
        let said = command_in(folder.path(), &["certificate", "inspect", &format!("{name}.pem")]).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.out.contains(words) && said.out.contains("Browsers refuse it."), "{words}: {}", said.out);
    }
    for (target, words) in [
        ("nothing.pem", "HOST:PORT"),
        ("unknown.key", "no certificate"),
        (".", "cannot read"),
        ("127.0.0.1:1", "no connection"),
    ] {
        let said = command_in(folder.path(), &["certificate", "inspect", target]).await;
        assert!(said.code == Some(1) && said.err.contains(words), "{target}: {said:?}");
        assert!(!said.err.contains("PRIVATE KEY"), "{said:?}");
    }
}

#[tokio::test]
async fn the_authority_is_inspected_as_what_it_is() {
    let (_upstream, door) = door(Setup::new().making_certificates()).await;
    let printed = door.command(&["certificate", "authority"]).await;
    let file = door.setup.file("authority.pem", &printed.out);
    let said = door.command(&["certificate", "inspect", file.to_str().unwrap()]).await;
    assert!(said.code == Some(1) && said.out.contains("CA:TRUE"), "{said:?}");
}

#[tokio::test]
async fn how_to_trust_the_authority_is_told_for_every_system() {
    let setup = Setup::new().making_certificates().route("app", "http://127.0.0.1:8080", EVERYBODY);
    setup.write();
    let said = command_on(&setup, &["certificate", "authority", "--install-help"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let command = format!("doorward certificate authority --config {}", setup.config_file().display());
    for words in [
        &command,
        "Debian",
        "Fedora",
        "Arch",
        "Alpine",
        "macOS",
        "Windows",
        "Firefox",
        "security.enterprise_roots.enabled",
        "certutil -d sql:",
        "iPhone",
        "Android",
        "NODE_EXTRA_CA_CERTS",
        "update-ca-certificates",
    ] {
        assert!(said.out.contains(words), "{words}");
    }
    assert!(!setup.data_dir().exists(), "help makes nothing");
}

#[tokio::test]
async fn a_host_the_authority_must_not_name_gets_a_further_one_and_both_are_printed() {
    let (upstream, door) = door(Setup::new().making_certificates()).await;
    let before = door.command(&["certificate", "authority"]).await.out;
    let more =
        format!("  - from: https://127.0.0.1:{}\n    to: {}\n    {EVERYBODY}\n", door.setup.port, upstream.url());
    door.replace_config(&(door.setup.yaml() + &more));
    door.signal("HUP");
    door.log.wait_for_line("a warning", |line| line.contains("a further local authority was made")).await;
    let after = door.command(&["certificate", "authority"]).await.out;
    assert!(after.starts_with(before.trim_end()), "the first stays");
    assert_eq!(after.matches("BEGIN CERTIFICATE").count(), 2);
    let mut browser = crate::harness::browser::Browser::new();
    browser.trust(&after);
    assert_eq!(browser.visit(&format!("https://127.0.0.1:{}/x", door.setup.port)).await.status, 200);
    assert_eq!(browser.visit(&door.url("app", "/")).await.status, 200);
}

#[tokio::test]
async fn the_list_tells_of_files_and_of_the_local_authority_and_makes_nothing() {
    let setup = Setup::new().making_certificates();
    let authority = Authority::shared();
    let (filed, key) = authority.issue(&["filed.example.test"]).write(setup.folder(), "filed");
    let (spare, spare_key) = authority.issue(&["spare.example"]).write(setup.folder(), "spare");
    let pair = |file: &std::path::Path, key: &std::path::Path| {
        format!("  - cert: {}\n    key: {}\n", file.display(), key.display())
    };
    let keys = format!("certificates:\n{}{}", pair(&filed, &key), pair(&spare, &spare_key));
    let upstream = Upstream::start().await;
    let setup = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).route("filed", &upstream.url(), EVERYBODY);
    setup.write();
    let list = ["certificate", "list"];
    // Before the first start.
    let said = command_on(&setup, &list).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = |said: &str, name: &str| {
        let line = said.lines().find(|line| line.starts_with(&format!("{name} ")));
        line.unwrap_or_else(|| panic!("{name}: {said}")).to_owned()
    };
    assert!(said.out.starts_with("NAME "), "{}", said.out);
    assert!(line(&said.out, HOST).contains("not made yet"), "{}", said.out);
    assert!(!setup.data_dir().exists(), "a list makes nothing");
    for (name, file) in [("filed.example.test", &filed), ("spare.example", &spare)] {
        let line = line(&said.out, name);
        assert!(line.contains(" file ") && line.contains(file.to_str().unwrap()), "{line}");
    }

    let door = Doorward::start(setup).await;
    let kept = || std::fs::read(door.setup.data_dir().join("certificates/server.private.pem")).unwrap();
    let before = kept();
    let said = door.command(&list).await;
    let row = line(&said.out, HOST);
    assert!(row.contains(" local ") && row.contains("in 6 days, 20") && row.contains("by itself"), "{row}");
    // Another host, of another domain, that the authority must not name: the list makes no further one.
    let elsewhere =
        format!("  - from: https://127.0.0.1:{}\n    to: {}\n    {EVERYBODY}\n", door.setup.port, upstream.url());
    let other = door.setup.file("other.yaml", &(door.setup.yaml() + &elsewhere));
    let arguments = ["certificate", "list", "--json", "--config", other.to_str().unwrap()];
    let said = command_in(door.setup.folder(), &arguments).await;
    let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    let of = |name: &str| told.as_array().unwrap().iter().find(|row| row["name"] == name).unwrap().clone();
    assert_eq!((&of(HOST)["source"], &of("filed.example.test")["source"]), (&"local".into(), &"file".into()));
    assert_eq!(of("127.0.0.1")["certificate"], Value::Null, "{told}");
    assert_eq!(of("filed.example.test")["certificate"]["label"], filed.to_str().unwrap());
    assert_eq!(kept(), before);
    assert!(!door.setup.data_dir().join("certificates/authority-2.private.pem").exists());
}

#[tokio::test]
async fn what_is_not_ordered_is_not_renewed_and_why_is_said() {
    let setup = Setup::new().route("app", "http://127.0.0.1:1", EVERYBODY);
    setup.write();
    for (name, words) in [(HOST, "hosts.pem"), ("other.example.test", "autocert"), ("a b", "no name of a host")] {
        let said = command_on(&setup, &["certificate", "renew", name]).await;
        assert!(said.code == Some(1) && said.err.contains(words), "{name}: {said:?}");
    }
    let ordering =
        Setup::new().making_certificates().with("autocert: true").route("app", "http://127.0.0.1:1", EVERYBODY);
    ordering.write();
    let said = command_on(&ordering, &["certificate", "renew", "other.example.test"]).await;
    assert!(said.code == Some(1) && said.err.contains(&format!("Ordered: {HOST}\n")), "{said:?}");
    assert!(!ordering.data_dir().exists(), "nothing is requested");
}
