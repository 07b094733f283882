//! `doorward check --against`: who gains and who loses what.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::doorward::{Said, command_in};

const OLD: &str = "\
routes:
  - from: https://wiki.example.test
    to: http://127.0.0.1:1
    policy: [{allow: {or: [{email: {in: [alice@example.com, bob@example.com]}}, {groups: {has: staff}}]}}]
  - from: https://*.dev.example.test
    to: http://127.0.0.1:1
    allowed_domains: [example.com]
  - from: https://open.example.test
    to: http://127.0.0.1:1
    prefix: /docs
    allow_public_unauthenticated_access: true
  - from: https://api.example.test
    to: http://127.0.0.1:1
    regex: /v[0-9]/.*
    allow_any_authenticated_user: true
  - from: https://gone.example.test
    to: http://127.0.0.1:1
    allow_any_authenticated_user: true
";

fn folder(new: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("old.yaml"), OLD).unwrap();
    std::fs::write(folder.path().join("new.yaml"), new).unwrap();
    folder
}

async fn against(folder: &Path, more: &[&str]) -> Said {
    let mut all = vec!["check", "new.yaml", "--against", "old.yaml"];
    all.extend(more);
    command_in(folder, &all).await
}

/// OLD with bob, staff and example.com replaced, one route more private, one gone and one new.
fn changed() -> String {
    OLD.replace("bob@", "carol@")
        .replace("has: staff", "has: admins")
        .replace("[example.com]", "[corp.example]")
        .replace("allow_public_unauthenticated_access", "allow_any_authenticated_user")
        .replace("https://gone", "https://fresh")
}

#[tokio::test]
async fn nothing_changes_where_nothing_does() {
    let folder = folder(&format!("{OLD}log_level: debug\n"));
    let said = against(folder.path(), &[]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("new.yaml: good"), "{said:?}");
    assert!(said.out.contains("nothing changes for the people and requests named"), "{said:?}");
    assert!(said.out.contains("not asked: api.example.test~"), "what was not asked is said: {said:?}");
}

#[tokio::test]
async fn gains_losses_and_sign_ins_are_listed_by_route() {
    let folder = folder(&changed());
    let said = against(folder.path(), &[]).await;
    assert_eq!(said.code, Some(0), "a difference is no failure: {said:?}");
    for line in [
        "  new route      fresh.example.test/",
        "  removed route  gone.example.test/",
        "  wiki.example.test/",
        "    - bob@example.com loses https://wiki.example.test/: was allow (email-ok), is deny (email-unauthorized, groups-unauthorized)",
        "    + carol@example.com gains https://wiki.example.test/: was deny (email-unauthorized, groups-unauthorized), is allow (email-ok)",
        "    - somebody in staff loses https://wiki.example.test/: was allow (groups-ok), is deny (email-unauthorized, groups-unauthorized)",
        "    + somebody in admins gains https://wiki.example.test/: was deny (email-unauthorized, groups-unauthorized), is allow (groups-ok)",
        "    - somebody@example.com loses https://any.dev.example.test/: was allow (domain-ok), is deny (domain-unauthorized)",
        "    + somebody@corp.example gains https://any.dev.example.test/: was deny (domain-unauthorized), is allow (domain-ok)",
        "    - somebody who has not signed in loses https://open.example.test/docs: was allow (accept), is sign-in (user-unauthenticated)",
        "    - anybody signed in loses https://gone.example.test/: was allow (user-ok), is deny (no-route)",
        "    ~ somebody who has not signed in is no longer asked to sign in for https://gone.example.test/: was sign-in (user-unauthenticated), is deny (no-route)",
        "    + anybody signed in gains https://fresh.example.test/: was deny (no-route), is allow (user-ok)",
    ] {
        assert!(said.out.lines().any(|told| told == line), "{line:?} is not in\n{}", said.out);
    }
    assert!(!said.out.contains("alice@example.com gains https://wiki"), "{}", said.out);
    assert!(!said.out.contains("alice@example.com loses https://wiki"), "{}", said.out);
    assert_eq!(said.out, against(folder.path(), &[]).await.out, "the same twice");
}

#[tokio::test]
async fn the_people_and_requests_of_tests_are_asked_too() {
    let test = "  - {as: dora@api.example, claims: {team: red}, method: POST, url: 'https://api.example.test/v1/x', expect: deny}\n";
    let new = format!(
        "{}tests:\n{test}",
        OLD.replacen("allow_any_authenticated_user: true", "allowed_users: [x@y.example]", 1)
    );
    let folder = folder(&new);
    let said = against(folder.path(), &["--json"]).await;
    let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert_eq!((&told["file"], &told["against"]), (&"new.yaml".into(), &"old.yaml".into()));
    assert_eq!((&told["left_out"], &told["routes_not_asked"]), (&0.into(), &serde_json::json!([])), "{told}");
    assert!(told["asked"].as_u64().unwrap() > 10, "{told}");
    let changes = told["changes"].as_array().unwrap();
    let of_dora: Vec<_> =
        changes.iter().filter(|change| change["who"].as_str().unwrap().starts_with("dora@")).collect();
    let [change] = of_dora.as_slice() else { panic!("{told}") };
    assert_eq!(
        **change,
        serde_json::json!({
            "route": "api.example.test~/v[0-9]/.*", "who": "dora@api.example (team \"red\")",
            "request": "POST https://api.example.test/v1/x", "change": "loses",
            "was": {"decision": "allow", "reasons": ["user-ok"]},
            "is": {"decision": "deny", "reasons": ["email-unauthorized"]},
        })
    );
    assert!(!changes.iter().any(|change| change["who"] == "x@y.example"), "who may as before is not told: {told}");
}

#[tokio::test]
async fn problems_of_either_are_failures() {
    let folder = folder(&changed());
    std::fs::write(folder.path().join("old.yaml"), "adress: x\n").unwrap();
    let said = against(folder.path(), &[]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("old.yaml cannot be compared with") && said.err.contains("old.yaml:1:1"), "{said:?}");
    std::fs::write(folder.path().join("new.yaml"), "adress: x\n").unwrap();
    let said = against(folder.path(), &[]).await;
    assert!(said.code == Some(1) && said.err.contains("new.yaml:1:1"), "{said:?}");
    // Tests of the old one are its own affair; those of the new one are not.
    let failing = "tests: [{url: 'https://open.example.test/docs', expect: deny}]\n";
    std::fs::write(folder.path().join("old.yaml"), format!("{OLD}{failing}")).unwrap();
    std::fs::write(folder.path().join("new.yaml"), changed()).unwrap();
    assert_eq!(against(folder.path(), &[]).await.code, Some(0));
    std::fs::write(folder.path().join("new.yaml"), format!("{OLD}{failing}")).unwrap();
    assert_eq!(against(folder.path(), &[]).await.code, Some(1));
    let said = command_in(folder.path(), &["check", "--json", "old.yaml"]).await;
    assert_eq!(said.code, Some(2), "--json belongs to --against: {said:?}");
}
