//! `doorward test`: a runner for what is expected of policies; and tests that keep a configuration from being served.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::browser::Browser;
use crate::harness::doorward::{Said, command_in};
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;
use crate::harness::{authority::Authority, eventually};

const CONFIG: &str = "\
users:
  - {email: carol@example.com, groups: [wheel]}
routes:
  - from: https://wiki.example.test
    to: http://127.0.0.1:1
    policy:
      - allow: {or: [{domain: {is: example.com}}, {groups: {has: wheel}}]}
      - deny: {or: [{email: {is: former@example.com}}]}
  - from: https://open.example.test
    to: http://127.0.0.1:1
    allow_public_unauthenticated_access: true
    allow_websockets: true
    preserve_host_header: true
";

/// A folder with the configuration, and `tests.yaml` with this text.
fn folder(tests: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), CONFIG).unwrap();
    std::fs::write(folder.path().join("tests.yaml"), tests).unwrap();
    folder
}

async fn test(folder: &Path, arguments: &[&str]) -> Said {
    let mut all = vec!["test"];
    all.extend(arguments);
    command_in(folder, &all).await
}

#[tokio::test]
async fn what_passes_is_told_in_a_line_each() {
    let folder = folder(
        "config: config.yaml\ntests:\n\
         - {name: colleagues read, as: Bob@Example.com, url: 'https://wiki.example.test/a?b', expect: allow, reason: domain-ok}\n\
         - {as: former@example.com, url: 'https://wiki.example.test/', expect: deny, reason: email-ok}\n\
         - {url: 'https://wiki.example.test/', expect: sign-in, reason: user-unauthenticated}\n\
         - {as: bob@example.com, unverified: true, url: 'https://wiki.example.test/', expect: deny, reason: email-unverified}\n\
         - {as: x@y.example, groups: [wheel], url: 'https://wiki.example.test/', expect: allow}\n\
         - {as: carol@example.com, url: 'https://wiki.example.test/', expect: allow, reason: groups-ok}\n\
         - {url: 'https://open.example.test/', method: POST, ip: 192.0.2.1, headers: {X-A: b}, time: 2026-01-01T00:00:00Z, expect: allow}\n\
         - {url: 'https://open.example.test/', websocket: true, expect: allow}\n\
         - {as: bob@example.com, url: 'https://wiki.example.test/', websocket: true, expect: deny, reason: websockets-not-allowed}\n\
         - {url: 'https://elsewhere.example/', expect: deny, reason: no-route}\n",
    );
    let said = test(folder.path(), &["tests.yaml"]).await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.out.starts_with("ok      colleagues read\n"), "{}", said.out);
    assert!(said.out.ends_with("\n10 passed, 0 failed\n"), "{}", said.out);
    assert_eq!(said.out.lines().filter(|line| line.starts_with("ok ")).count(), 10, "{}", said.out);
    assert!(said.out.contains("former@example.com: GET https://wiki.example.test/ → deny"), "{}", said.out);
}

#[tokio::test]
async fn what_fails_is_told_with_what_was_expected_what_came_and_why() {
    let folder = folder(
        "config: config.yaml\ntests:\n  - {url: 'https://open.example.test/', expect: allow}\n  \
         - {name: all may read, as: eve@evil.example, groups: [sales], url: 'https://wiki.example.test/', expect: allow}\n  \
         - {as: bob@example.com, url: 'https://wiki.example.test/', expect: allow, reason: email-ok}\n",
    );
    let said = test(folder.path(), &["tests.yaml"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    for line in [
        "FAILED  all may read",
        "        at        tests.yaml:4:5",
        "        asked     eve@evil.example: GET https://wiki.example.test/",
        "        expected  allow",
        "        got       deny (domain-unauthorized, groups-unauthorized)",
        "        ├─ ✗ rule 1: allow if one of these holds  (policy, config.yaml:7)",
        "        │  └─ ✗ groups has wheel — found: sales",
        "        decision  deny: no rule held, domain-unauthorized, groups-unauthorized",
        "        expected  allow (email-ok)",
        "        got       allow (domain-ok)",
        "1 passed, 2 failed",
    ] {
        assert!(said.out.lines().any(|told| told == line), "{line:?} is not in\n{}", said.out);
    }
    // A failure elsewhere than in the tests is said too, and the others are run all the same.
    let said = test(folder.path(), &["gone.yaml", "tests.yaml"]).await;
    assert!(said.code == Some(1) && said.err.contains("gone.yaml") && said.out.contains("1 passed"), "{said:?}");
    std::fs::write(folder.path().join("bad.yaml"), "tests:\n  - {url: x, expect: maybe}\n").unwrap();
    let said = test(folder.path(), &["bad.yaml"]).await;
    assert!(
        said.code == Some(1) && said.err.contains("bad.yaml:2:11") && said.err.contains("bad.yaml:2:22"),
        "{said:?}"
    );
}

#[tokio::test]
async fn programs_get_json() {
    let folder = folder(
        "tests:\n  - {name: open, url: 'https://open.example.test/', expect: allow}\n  \
         - {as: eve@evil.example, url: 'https://wiki.example.test/', expect: allow, reason: domain-ok}\n",
    );
    let said = test(folder.path(), &["--json", "tests.yaml"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((told["passed"].as_u64(), told["failed"].as_u64()), (Some(1), Some(1)), "{told}");
    let [passed, failed] = told["tests"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(
        (&passed["name"], &passed["passed"], &passed["explanation"]),
        (&"open".into(), &true.into(), &Value::Null)
    );
    assert_eq!((&failed["file"], &failed["line"], &failed["column"]), (&"tests.yaml".into(), &3.into(), &5.into()));
    assert_eq!((&failed["as"], &failed["method"]), (&"eve@evil.example".into(), &"GET".into()));
    assert_eq!(failed["expected"], serde_json::json!({"decision": "allow", "reason": "domain-ok"}));
    assert_eq!(failed["got"]["decision"], "deny");
    assert_eq!(failed["explanation"]["explanation"]["rules"][0]["criteria"][0]["asked"], "domain is example.com");
}

#[tokio::test]
async fn tests_are_found_where_they_are_looked_for() {
    let folder = folder("- {url: 'https://open.example.test/', expect: allow}\n");
    let path = folder.path();
    // A list alone, on the configuration that lies there.
    assert_eq!(test(path, &["tests.yaml"]).await.code, Some(0));
    // Nothing to test is no success.
    let said = test(path, &[]).await;
    assert!(said.code == Some(1) && said.err.contains("no tests in config.yaml"), "{said:?}");
    std::fs::write(path.join("none.yaml"), "tests: []\n").unwrap();
    let said = test(path, &["none.yaml"]).await;
    assert!(said.code == Some(1) && said.err.contains("no tests in none.yaml"), "{said:?}");
    // The configuration's own; by its name too, and on another configuration.
    let own = "tests:\n  - {name: of its own, url: 'https://open.example.test/', expect: allow}\n";
    std::fs::write(path.join("config.yaml"), format!("{CONFIG}{own}")).unwrap();
    for arguments in [&[][..], &["config.yaml"], &["--config", "config.yaml"]] {
        let said = test(path, arguments).await;
        assert!(said.code == Some(0) && said.out.contains("of its own"), "{arguments:?}: {said:?}");
    }
    std::fs::write(path.join("shut.yaml"), CONFIG.replace("https://open", "https://closed")).unwrap();
    let said = test(path, &["config.yaml", "--config", "shut.yaml"]).await;
    assert!(said.code == Some(1) && said.out.contains("no-route"), "{said:?}");
    // What a file names is relative to it; what the command line says comes first.
    std::fs::create_dir(path.join("policies")).unwrap();
    std::fs::write(
        path.join("policies/a.yaml"),
        "config: ../shut.yaml\ntests: [{url: 'https://closed.example.test/', expect: allow}]\n",
    )
    .unwrap();
    assert_eq!(test(path, &["policies/a.yaml"]).await.code, Some(0));
    assert_eq!(test(path, &["policies/a.yaml", "--config", "config.yaml"]).await.code, Some(1));
}

#[tokio::test]
async fn certificates_are_judged_as_in_a_handshake() {
    let (ours, theirs) = (Authority::new("Ours"), Authority::new("Theirs"));
    let folder = folder(
        "- {url: 'https://wiki.example.test/', expect: deny, reason: client-certificate-required}\n\
         - {url: 'https://open.example.test/', client_certificate: ours.pem, expect: allow}\n\
         - {url: 'https://open.example.test/', client_certificate: theirs.pem, expect: deny, reason: invalid-client-certificate}\n",
    );
    let path = folder.path();
    std::fs::write(path.join("authority.pem"), ours.pem()).unwrap();
    ours.issue_client("you@example.com").write(path, "ours");
    theirs.issue_client("you@example.com").write(path, "theirs");
    for more in ["", ", enforcement: reject_connection"] {
        let config = format!("downstream_mtls: {{ca_file: authority.pem{more}}}\n{CONFIG}");
        std::fs::write(path.join("config.yaml"), config).unwrap();
        let said = test(path, &["tests.yaml"]).await;
        assert_eq!(said.code, Some(0), "{more}: {said:?}");
    }
}

#[tokio::test]
async fn the_guide_shows_what_really_comes_out() {
    let guide = include_str!("../../../docs/testing-policies.md");
    let blocks: Vec<&str> = guide.split("\n```").skip(1).step_by(2).collect();
    let block = |words: &str, holds: &str| {
        let found = blocks.iter().find_map(|block| block.strip_prefix(words).filter(|text| text.contains(holds)));
        found.unwrap_or_else(|| panic!("no {words} with {holds}")).trim_start().to_owned()
    };
    let folder = tempfile::tempdir().unwrap();
    let config = block("yaml\n", "tests:");
    std::fs::write(folder.path().join("config.yaml"), &config).unwrap();
    let told = block("console", "$ doorward test\n");
    let said = test(folder.path(), &[]).await;
    assert_eq!(format!("$ doorward test\n{}", said.out.trim_end()), told.trim_end());
    let told = block("console", "$ doorward explain");
    let (line, told) = told.split_once('\n').unwrap();
    let arguments: Vec<&str> = line.trim_start_matches("$ doorward ").split(' ').collect();
    assert_eq!(command_in(folder.path(), &arguments).await.out.trim_end(), told.trim_end());
    // The one that fails, by the group that is missing.
    std::fs::write(
        folder.path().join("config.yaml"),
        config.replace("    groups: [contractors]\n", "    groups: []\n"),
    )
    .unwrap();
    let said = test(folder.path(), &[]).await;
    let told = block("console", "FAILED  so do contractors");
    assert!(said.out.contains(told.trim_end()), "{}", said.out);
}

/// `tests` that pass on the route `app` as it is configured below.
fn tests_of(setup: &Setup, expect: &str) -> String {
    format!("tests:\n  - {{name: the app stays open, url: '{}/', expect: {expect}}}\n", setup.origin("app"))
}

#[tokio::test]
async fn a_configuration_whose_tests_fail_is_not_served_nor_called_good() {
    let setup = Setup::new().route("app", "http://127.0.0.1:1", ANYBODY_SIGNED_IN);
    let yaml = setup.yaml() + &tests_of(&setup, "allow");
    std::fs::write(setup.config_file(), yaml).unwrap();
    for arguments in [&["run", "--config", "config.yaml"][..], &["check", "config.yaml"]] {
        let said = command_in(setup.folder(), arguments).await;
        assert_eq!(said.code, Some(1), "{said:?}");
        for word in [
            "config.yaml:",
            "error: the test \"the app stays open\" fails",
            "expected allow",
            "got sign-in (user-unauthenticated)",
            "no rule held",
        ] {
            assert!(said.err.contains(word), "{word}: {said:?}");
        }
        assert_eq!(said.out, "", "{arguments:?}");
    }
    // What only looks at it still works.
    for (arguments, code) in [
        (&["routes"][..], 0),
        (&["explain", &format!("{}/", setup.origin("app"))], 4),
        (&["test"], 1),
        (&["user", "list"], 0),
    ] {
        assert_eq!(command_in(setup.folder(), arguments).await.code, Some(code), "{arguments:?}");
    }
    let good = setup.yaml() + &tests_of(&setup, "sign-in");
    std::fs::write(setup.config_file(), good).unwrap();
    let said = command_in(setup.folder(), &["check", "config.yaml"]).await;
    assert!(said.code == Some(0) && said.out.contains("tests         1 passed"), "{said:?}");
}

#[tokio::test]
async fn a_reload_whose_tests_fail_leaves_the_running_configuration() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().route("app", &upstream.url(), EVERYBODY);
    let tests = tests_of(&setup, "allow");
    // Keys at the top may stand before the routes.
    let door = setup.with(&tests).start().await;
    let status = |path: &'static str| {
        let url = door.url("app", path);
        async move { Browser::new().visit(&url).await.status.as_u16() }
    };
    assert_eq!(status("/").await, 200);
    // Somebody shuts the route by mistake.
    let good = door.setup.yaml();
    door.replace_config(&good.replace(EVERYBODY, "allowed_users: [alice@example.com]"));
    door.signal("HUP");
    door.log
        .wait_for_line("the test that fails", |line| {
            line.contains("the app stays open") && line.contains("expected allow") && line.contains("not reloaded")
        })
        .await;
    assert_eq!(status("/").await, 200, "the running configuration stays");
    // One that passes is taken.
    door.replace_config(&(good + "    set_request_headers: {X-New: \"yes\"}\n"));
    door.signal("HUP");
    let (upstream, status) = (&upstream, &status);
    eventually("a configuration that passes is taken", || async move {
        status("/").await == 200 && upstream.last().header("x-new") == Some("yes")
    })
    .await;
}
