//! `doorward check`: every problem at once, where it is, and how to mend it.

use std::path::Path;

use crate::harness::authority::Authority;
use crate::harness::doorward::{Said, command_in};

const ROUTE: &str = "routes:\n  - from: https://app.example.test\n    to: http://127.0.0.1:8080\n    allow_any_authenticated_user: true\n";

/// Checks a text as `config.yaml` in a folder of its own.
async fn check(yaml: &str) -> Said {
    let folder = tempfile::tempdir().unwrap();
    check_in(folder.path(), yaml).await
}

async fn check_in(folder: &Path, yaml: &str) -> Said {
    std::fs::write(folder.join("config.yaml"), yaml).unwrap();
    command_in(folder, &["check", "config.yaml"]).await
}

/// Holds that the text is refused, with all of these words (case aside), and gives what was said.
async fn refused(yaml: &str, words: &[&str]) -> Said {
    let said = check(yaml).await;
    assert_eq!(said.code, Some(1), "{yaml}\n{said:?}");
    let lower = said.err.to_lowercase();
    for word in words {
        assert!(lower.contains(&word.to_lowercase()), "{word:?} is not said of\n{yaml}\nbut:\n{}", said.err);
    }
    said
}

#[tokio::test]
async fn a_good_file_gets_a_summary() {
    let said = check(ROUTE).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("good") && said.out.contains("routes"), "{said:?}");
}

#[tokio::test]
async fn the_guides_configuration_is_good() {
    let said = check(
        "idp_provider: oidc\nidp_provider_url: https://idp.example.com\nidp_client_id: doorward\nidp_client_secret: secret\nroutes:\n  - from: https://code-server.yourdomain.com\n    to: http://code-server:8080\n    allow_websockets: true\n    preserve_host_header: true\n    policy:\n      - allow:\n          or:\n            - email:\n                is: you@example.com\n",
    )
    .await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
}

#[tokio::test]
async fn every_problem_is_said_at_once_with_its_place() {
    let yaml = "adress: :443\ndebug_address: \":9\"\nidp_client_secret_file: /nowhere/secret\ntimeout_read: soon\nroutes:\n  - from: https://app.example.test/path\n    to: http://127.0.0.1:8080\n    allow_any_authenticated_user: true\n  - from: https://code.example.test\n    to: ftp://127.0.0.1\n    allow_websocket: true\n    allow_any_authenticated_user: maybe\n";
    let said = refused(
        yaml,
        &[
            "config.yaml:1:1:",
            "config.yaml:2:1:",
            "config.yaml:3:25:",
            "config.yaml:4:15:",
            "config.yaml:6:11:",
            "config.yaml:10:9:",
            "config.yaml:11:5:",
            "config.yaml:12:35:",
        ],
    )
    .await;
    assert!(said.err.matches("error:").count() >= 8, "{}", said.err);
    assert_eq!(said.out, "", "problems belong to standard error");
}

#[tokio::test]
async fn unknown_keys_are_told_from_known_ones_that_are_not_there_yet() {
    refused(&format!("adress: :443\n{ROUTE}"), &["adress", "address"]).await;
    refused(&format!("{ROUTE}    allow_websocket: true\n"), &["allow_websocket", "allow_websockets"]).await;
    refused(&format!("qqqqqqqqq: 1\n{ROUTE}"), &["qqqqqqqqq"]).await;
    for key in ["tls_derive: x", "databroker_service_url: x", "metrics_basic_auth: x", "debug_address: x"] {
        let name = key.split(':').next().unwrap();
        refused(&format!("{key}\n{ROUTE}"), &[name, "support"]).await;
    }
    refused(
        &format!("{ROUTE}    enable_google_cloud_serverless_authentication: true\n"),
        &["enable_google_cloud_serverless_authentication", "support"],
    )
    .await;
    let policy = ROUTE.replace("allow_any_authenticated_user: true", "policy: [{allow: {or: [{device: 10.0.0.0/8}]}}]");
    refused(&policy, &["device"]).await;
    refused(&policy.replace("device", "emial"), &["emial", "email"]).await;
    refused(&policy.replace("or:", "xor:"), &["xor"]).await;
}

#[tokio::test]
async fn secrets_and_certificates_are_looked_at() {
    let oidc = "idp_provider: oidc\nidp_provider_url: https://idp.example.com\nidp_client_id: doorward\n";
    refused(
        &format!("{oidc}idp_client_secret_file: /nowhere/secret\n{ROUTE}"),
        &["/nowhere/secret", "idp_client_secret_file"],
    )
    .await;
    refused(&format!("cookie_secret: tooshort\n{ROUTE}"), &["cookie_secret", "32"]).await;
    let said = refused(&format!("cookie_secret: c2VjcmV0LXRoYXQtbm9ib2R5LXNlZXM=\n{ROUTE}"), &["cookie_secret"]).await;
    assert!(!said.err.contains("c2VjcmV0") && !said.err.contains("nobody-sees"), "a secret is repeated: {}", said.err);
    refused(&format!("certificate_file: /x/cert.pem\n{ROUTE}"), &["certificate_file", "certificate_key_file"]).await;

    let folder = tempfile::tempdir().unwrap();
    let (certificate, _) = Authority::shared().issue(&["app.example.test"]).write(folder.path(), "one");
    let (_, key) = Authority::shared().issue(&["app.example.test"]).write(folder.path(), "two");
    let pair = format!("certificate_file: {}\ncertificate_key_file: {}\n", certificate.display(), key.display());
    let said = check_in(folder.path(), &format!("{pair}{ROUTE}")).await;
    assert!(said.code == Some(1) && said.err.contains("belong"), "{said:?}");
    let swapped = format!("certificate_file: {}\ncertificate_key_file: {}\n", key.display(), certificate.display());
    assert_eq!(check_in(folder.path(), &format!("{swapped}{ROUTE}")).await.code, Some(1));
}

#[tokio::test]
async fn routes_that_cannot_be_meant_are_refused() {
    refused(&format!("{ROUTE}{}", &ROUTE["routes:\n".len()..]), &["same `from`", "config.yaml:5:", "config.yaml:2:"])
        .await;
    refused(&ROUTE.replace("app.example.test", "app.example.test/x"), &["path", "prefix"]).await;
    refused(&ROUTE.replace("https://app", "app"), &["from"]).await;
    refused(&ROUTE.replace("    to: http://127.0.0.1:8080\n", ""), &["to"]).await;
    refused(&format!("{ROUTE}    redirect: {{host_redirect: x.example}}\n"), &["redirect"]).await;
    refused(&format!("{ROUTE}    prefix: /a\n    path: /b\n"), &["prefix", "path"]).await;
    refused(&format!("{ROUTE}    regex: '(['\n"), &["regex"]).await;
    refused(
        &format!("{ROUTE}    allow_public_unauthenticated_access: true\n"),
        &["allow_public_unauthenticated_access"],
    )
    .await;
    refused("routes: []\n", &["route"]).await;
    refused("address: :443\n", &["routes"]).await;
    refused("", &["route"]).await;
}

#[tokio::test]
async fn headers_that_only_we_may_set_cannot_be_configured() {
    for name in ["X-Doorward-Jwt-Assertion", "X_Doorward_Claim_Email", "Connection", "Transfer-Encoding", "Host"] {
        let yaml = format!("{ROUTE}    set_request_headers:\n      {name}: x\n");
        refused(&yaml, &[name]).await;
    }
    refused(&format!("{ROUTE}    set_request_headers:\n      X-A: \"b\\r\\nX-C: d\"\n"), &["X-A"]).await;
    refused(
        &format!("{ROUTE}    set_request_headers:\n      \"X A\": b\n"),
        &["set_request_headers", "name of a header"],
    )
    .await;
}

#[tokio::test]
async fn hints_do_not_stop_anything() {
    let nobody = ROUTE.replace("    allow_any_authenticated_user: true\n", "");
    for (yaml, words) in [
        (format!("{ROUTE}    allow_websockets: true\n"), vec!["hint", "preserve_host_header"]),
        (nobody.clone(), vec!["denies everyone"]),
        (format!("{nobody}    policy: []\n"), vec!["denies everyone"]),
    ] {
        let said = check(&yaml).await;
        assert_eq!(said.code, Some(0), "{yaml}\n{said:?}");
        let all = said.err.to_lowercase() + &said.out.to_lowercase();
        for word in words {
            assert!(all.contains(word), "{word} is not said of\n{yaml}\nbut: {said:?}");
        }
    }
}

#[tokio::test]
async fn the_hosted_service_is_refused_with_the_two_ways_that_work() {
    for url in [
        "https://authenticate.pomerium.app",
        "https://authenticate.pomerium.app/",
        "https://AUTHENTICATE.pomerium.app:443",
    ] {
        let yaml = format!("authenticate_service_url: {url}\n{ROUTE}");
        refused(&yaml, &["hosted", "idp_provider", "built-in"]).await;
    }
}

#[tokio::test]
async fn yaml_that_is_odd_or_hostile_is_refused_quickly() {
    refused(&format!("address: :443\naddress: :444\n{ROUTE}"), &["address", "config.yaml:2:"]).await;
    refused(&format!("{ROUTE}    name: a\n    name: b\n"), &["name"]).await;
    refused("routes: [\n", &["config.yaml:"]).await;
    refused("\tx: y\n", &["config.yaml:1:"]).await;
    refused("- a\n- b\n", &["config.yaml:"]).await;
    refused("just words\n", &["config.yaml"]).await;
    refused(&format!("{ROUTE}---\n{ROUTE}"), &["config.yaml"]).await;

    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{row}]\n");
    }
    for yaml in
        [bomb, format!("a: {}", "[".repeat(100_000)), format!("a: {}", "{a: ".repeat(50_000)), "x".repeat(5 << 20)]
    {
        let started = std::time::Instant::now();
        let said = check(&yaml).await;
        assert_eq!(said.code, Some(1), "{:.200}", said.err);
        assert!(started.elapsed().as_secs() < 5, "{:?}", started.elapsed());
        assert!(said.err.len() < 100_000, "{} bytes of complaint", said.err.len());
    }
}

#[tokio::test]
async fn files_that_are_no_configuration_are_said_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let said = command_in(folder.path(), &["check", "nowhere.yaml"]).await;
    assert!(said.code == Some(1) && said.err.contains("nowhere.yaml"), "{said:?}");
    let said = command_in(folder.path(), &["check", "."]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    std::fs::write(folder.path().join("binary.yaml"), [0x80, 0x00, 0xff]).unwrap();
    let said = command_in(folder.path(), &["check", "binary.yaml"]).await;
    assert!(said.code == Some(1) && said.err.contains("UTF-8"), "{said:?}");
    let said = command_in(folder.path(), &["run", "--config", "nowhere.yaml"]).await;
    assert!(said.code != Some(0) && said.err.contains("nowhere.yaml"), "{said:?}");
}

#[tokio::test]
async fn run_refuses_what_check_refuses() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), format!("adress: :443\ndebug_address: \":9\"\n{ROUTE}")).unwrap();
    let checked = command_in(folder.path(), &["check", "config.yaml"]).await;
    let run = command_in(folder.path(), &["run", "--config", "config.yaml"]).await;
    assert_eq!(run.code, Some(1), "{run:?}");
    for line in checked.err.lines().filter(|line| line.starts_with("config.yaml:")) {
        assert!(run.err.contains(line), "{line} is not said by run: {}", run.err);
    }
}
