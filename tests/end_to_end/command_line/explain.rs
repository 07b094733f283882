//! `doorward explain`: the decision, rule by rule, and the same one that is made when it counts.

use std::path::Path;

use serde_json::Value;

use crate::harness::browser::{Ask, Browser};
use crate::harness::doorward::{Said, command_in};
use crate::harness::hostile_provider::Person;
use crate::harness::scene::Scene;

const POLICIES: [(&str, &str); 5] = [
    ("app", "allow_any_authenticated_user: true"),
    ("code", "policy: [{allow: {or: [{email: {is: alice@example.com}}, {domain: {is: corp.example}}]}}]"),
    (
        "wheel",
        "policy:\n  - allow: {and: [{groups: {has: wheel}}, {claim/team: red}]}\n  - deny: {or: [{email: {ends_with: '@contractor.example'}}]}",
    ),
    ("open", "allow_public_unauthenticated_access: true"),
    ("nobody", ""),
];

fn yaml(port: u16, to: &str) -> String {
    let mut yaml = String::from("routes:\n");
    for (host, policy) in POLICIES {
        yaml += &format!("  - from: https://{host}.example.test:{port}\n    to: {to}\n");
        for line in policy.lines() {
            yaml += &format!("    {line}\n");
        }
    }
    yaml
}

async fn explain(folder: &Path, arguments: &[&str]) -> Said {
    let mut all = vec!["explain", "--config", "config.yaml"];
    all.extend(arguments);
    command_in(folder, &all).await
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.yaml"), yaml(443, "http://127.0.0.1:1")).unwrap();
    folder
}

#[tokio::test]
async fn exit_codes_tell_the_decision() {
    let folder = folder();
    for (arguments, code) in [
        (&["https://app.example.test/"][..], 4),
        (&["--as", "bob@example.com", "https://app.example.test/"], 0),
        (&["--as", "alice@example.com", "https://code.example.test/"], 0),
        (&["--as", "ALICE@EXAMPLE.COM", "https://code.example.test/"], 0),
        (&["--as", "x@Corp.Example", "https://code.example.test/x?y"], 0),
        (&["--as", "x@notcorp.example", "https://code.example.test/"], 3),
        (&["--as", "alice@example.com", "--unverified", "https://code.example.test/"], 3),
        (&["https://code.example.test/"], 4),
        (&["--as", "a@b.example", "--group", "wheel", "--claim", "team=red", "https://wheel.example.test/"], 0),
        (&["--as", "a@b.example", "--group", "wheel", "https://wheel.example.test/"], 3),
        (
            &["--as", "a@contractor.example", "--group", "wheel", "--claim", "team=red", "https://wheel.example.test/"],
            3,
        ),
        (&["https://open.example.test/"], 0),
        (&["--as", "alice@example.com", "https://nobody.example.test/"], 3),
        (&["--as", "alice@example.com", "https://elsewhere.example/"], 3),
        (&["--method", "POST", "--ip", "192.0.2.1", "https://open.example.test/"], 0),
    ] {
        let said = explain(folder.path(), arguments).await;
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        assert!(!said.out.is_empty(), "{arguments:?}: {said:?}");
    }
}

#[tokio::test]
async fn each_rule_is_told_with_what_was_asked_and_found() {
    let folder = folder();
    let said =
        explain(folder.path(), &["--as", "a@contractor.example", "--group", "wheel", "https://wheel.example.test/"])
            .await;
    for word in ["deny", "allow", "wheel", "contractor.example", "config.yaml:"] {
        assert!(said.out.contains(word), "{word}: {}", said.out);
    }
    let arguments = ["--json", "--as", "alice@example.com", "https://code.example.test/"];
    let said = explain(folder.path(), &arguments).await;
    let told: Value = serde_json::from_str(&said.out).unwrap_or_else(|error| panic!("{error}: {said:?}"));
    assert!(told.to_string().contains("allow") && told.to_string().contains("email"), "{told}");
}

#[tokio::test]
async fn questions_that_make_no_sense_are_refused() {
    let folder = folder();
    for arguments in [
        &["not a url"][..],
        &["--as", "nobody", "https://app.example.test/"],
        &["--as", "a@b.example", "--claim", "novalue", "https://app.example.test/"],
        &["--ip", "300.1.1.1", "https://app.example.test/"],
        &["--method", "G ET", "https://app.example.test/"],
        &["https://app.example.test/../x%2f"],
        &[],
    ] {
        let said = explain(folder.path(), arguments).await;
        assert!(
            !matches!(said.code, Some(0 | 3 | 4)) || said.code == Some(3) && said.out.contains("nobody"),
            "{arguments:?}: {said:?}"
        );
    }
}

#[tokio::test]
async fn the_explanation_is_what_really_happens() {
    let scene = Scene::with(|setup, upstream| {
        POLICIES.iter().fold(setup, |setup, (host, policy)| setup.route(host, upstream, policy))
    })
    .await;
    let people: [(&str, &[&str], Option<&str>); 4] = [
        ("alice@example.com", &[], None),
        ("x@corp.example", &["wheel"], Some("red")),
        ("a@contractor.example", &["wheel"], Some("red")),
        ("b@example.com", &["staff", "wheel"], Some("blue")),
    ];
    for (email, groups, team) in people {
        let mut person = Person::new(email).in_groups(groups);
        if let Some(team) = team {
            person = person.claim("team", team.into());
        }
        scene.provider.person(person);
        let mut browser = scene.door.signed_in("app").await;
        for (host, _) in POLICIES {
            let url = scene.url(host, "/x");
            let mut arguments = vec!["explain".to_owned(), "--as".into(), email.into(), url.clone()];
            arguments.extend(groups.iter().flat_map(|group| ["--group".to_owned(), (*group).to_owned()]));
            arguments.extend(team.iter().flat_map(|team| ["--claim".to_owned(), format!("team={team}")]));
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let said = scene.door.command(&arguments).await;
            let status = browser.visit(&url).await.status.as_u16();
            let expected = match said.code {
                Some(0) => 200,
                Some(3) => 403,
                other => panic!("{other:?}: {said:?}"),
            };
            assert_eq!(status, expected, "{email} on {host}: {}", said.out);
        }
    }
    for (host, _) in POLICIES {
        let said = scene.door.command(&["explain", &scene.url(host, "/x")]).await;
        let status = Browser::new().send(Ask::fetch(&scene.url(host, "/x"))).await.status.as_u16();
        let expected = match said.code {
            Some(0) => 200,
            Some(3) => 403,
            _ => 401,
        };
        assert_eq!(status, expected, "a stranger on {host}: {}", said.out);
    }
}
