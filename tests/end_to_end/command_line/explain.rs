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
async fn the_whole_of_it_is_drawn_as_a_tree() {
    let folder = folder();
    let said =
        explain(folder.path(), &["--as", "eve@corp.example", "--group", "sales", "https://wheel.example.test/a"]).await;
    assert_eq!(
        said.out,
        "GET https://wheel.example.test/a\n\
         who       eve@corp.example, in sales\n\
         route     https://wheel.example.test → http://127.0.0.1:1  (config.yaml:8)\n          \
         because the host is wheel.example.test, and / covers every path\n\
         policy\n\
         ├─ ✗ rule 1: allow if all of these hold  (policy, config.yaml:11)\n\
         │  ├─ ✗ groups has wheel — found: sales\n\
         │  └─ ✗ claim/team has red — found: no such claim\n\
         └─ ✗ rule 2: deny if this holds  (policy, config.yaml:12)\n   \
         └─ ✗ email ends_with @contractor.example — found: eve@corp.example\n\
         decision  deny: no rule held, groups-unauthorized, claim-unauthorized\n"
    );
}

#[tokio::test]
async fn why_a_route_matched_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let route = |from: &str, more: &str| {
        format!(
            "  - {{from: 'https://{from}', to: 'http://127.0.0.1:1', allow_public_unauthenticated_access: true{more}}}\n"
        )
    };
    let yaml = ["routes:\n".to_owned()]
        .into_iter()
        .chain([
            route("*.dev.example.test", ""),
            route("own.dev.example.test", ", prefix: /x"),
            route("own.dev.example.test", ", prefix: /x/y"),
            route("own.dev.example.test", ", path: /x/y/z"),
            route("own.dev.example.test", ", regex: '/x/[0-9]+'"),
            route("port.example.test", ""),
            route("port.example.test:8443", ""),
        ])
        .collect::<String>();
    std::fs::write(folder.path().join("config.yaml"), yaml).unwrap();
    for (url, because) in [
        (
            "https://a.dev.example.test/",
            "the host a.dev.example.test is one label below dev.example.test, and no route names it, and / covers",
        ),
        ("https://own.dev.example.test/x/a", "which owns its name: no wildcard takes it, and the path lies below /x\n"),
        ("https://own.dev.example.test/x/y", "and the path is /x/y (the longest prefix wins)"),
        ("https://own.dev.example.test/x/y/z", "and the path is exactly /x/y/z (an exact path comes first)"),
        (
            "https://own.dev.example.test/x/7",
            "and the path as a whole matches /x/[0-9]+ (a regex comes before every prefix)",
        ),
        (
            "https://own.dev.example.test/y",
            "*.dev.example.test is not asked, because a host that is named owns its name",
        ),
        ("https://own.dev.example.test//x/7", "could be read as another route's, so it is refused (400)"),
        ("https://port.example.test:8443/", "the host is port.example.test, the port is 8443, and"),
        ("https://nowhere.example.test/", "no route has the host nowhere.example.test"),
        ("https://own.dev.example.test/.doorward/", "Doorward answers this path itself"),
    ] {
        let said = explain(folder.path(), &[url]).await;
        assert!(said.out.contains(because), "{because:?} is not said of {url}: {}", said.out);
    }
}

#[tokio::test]
async fn every_flag_is_heard() {
    let folder = folder();
    let said = explain(
        folder.path(),
        &[
            "--json",
            "--as",
            "Alice@Example.com",
            "--user",
            "u-1",
            "--group",
            "a",
            "--claim",
            "team=red",
            "--claim",
            "team=blue",
            "--header",
            "X-Env: prod",
            "--header",
            "x-env:test",
            "--time",
            "2026-11-21T09:30:00+01:00",
            "--signed-in-ago",
            "1h30m",
            "--identity-provider",
            "https://idp.example.com",
            "--ip",
            "::ffff:192.0.2.7",
            "--method",
            "post",
            "https://code.example.test/a?b",
        ],
    )
    .await;
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    let keys: Vec<_> = told.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        ["as", "decision", "explanation", "file", "method", "reasons", "route", "shadow", "url", "why"],
        "docs/testing-policies.md documents this"
    );
    assert_eq!((&told["as"], &told["method"]), (&"alice@example.com".into(), &"POST".into()));
    assert_eq!((&told["decision"], &told["reasons"]), (&"allow".into(), &serde_json::json!(["email-ok"])));
    assert_eq!(
        told["route"],
        serde_json::json!({"id": "code.example.test/", "line": 5, "from": "https://code.example.test", "to": "http://127.0.0.1:1"})
    );
    let rule = &told["explanation"]["rules"][0];
    assert_eq!((&rule["held"], &rule["line"], &rule["origin"]), (&true.into(), &7.into(), &"policy".into()));
    assert_eq!(rule["criteria"][1]["found"], "example.com");
    let said = explain(folder.path(), &["--json", "https://elsewhere.example/"]).await;
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told["route"], &told["explanation"]), (&Value::Null, &Value::Null));
    assert_eq!((&told["decision"], &told["reasons"]), (&"deny".into(), &serde_json::json!(["no-route"])));
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
        &["--header", "no colon", "https://app.example.test/"],
        &["--header", "X Y: a", "https://app.example.test/"],
        &["--header", "X-Y: a\u{7}", "https://app.example.test/"],
        &["--time", "tomorrow", "https://app.example.test/"],
        &["--as", "a@b.example", "--signed-in-ago", "2d", "https://app.example.test/"],
        &["--signed-in-ago", "2h", "https://app.example.test/"],
        &["--websocket", "--method", "POST", "https://app.example.test/"],
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
