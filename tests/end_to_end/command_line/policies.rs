//! Named policies, people, a global policy and policies on trial, as `explain`, `test` and `check --against` tell of them.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::doorward::{Said, command_in};

const CONFIG: &str = "\
people:
  house: [alice@example.com, guests]
  guests: [bob@guests.example]
policies:
  team:
    - allow: {or: [{email: {in_people: house}}, {groups: {has_any: [wheel, admins]}}]}
    - deny: {or: [{http_path: {starts_with: /admin}}]}
routes:
  - from: https://code.example.test
    to: http://127.0.0.1:1
    policy: team
    policy_shadow: [{allow: {or: [{authentication_method: {has: mfa}}]}}]
  - from: https://wiki.example.test
    to: http://127.0.0.1:1
    policy: [team, {allow: {or: [{domain: partner.example}]}}]
";

const DENYING: &str = "global_policy: [{deny: {or: [{http_query/debug: \"1\"}, {email: former@example.com}]}}]\n";
const REQUIRING: &str = "global_policy: [{allow: {or: [{domain: {in: [example.com, guests.example]}}]}}]\n";

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// What `explain` prints below the route.
async fn explained(folder: &Path, arguments: &[&str]) -> (Option<i32>, Vec<String>) {
    let said = command_in(folder, &[&["explain"], arguments].concat()).await;
    assert_eq!(said.err, "", "{said:?}");
    (said.code, said.out.lines().skip(4).map(str::to_owned).collect())
}

#[tokio::test]
async fn a_rule_is_told_with_where_it_comes_from_and_a_trial_with_what_it_would_change() {
    let folder = folder(&[("config.yaml", &format!("{CONFIG}{DENYING}"))]);
    let (code, told) = explained(folder.path(), &["--as", "bob@guests.example", "https://code.example.test/"]).await;
    assert_eq!(
        (code, told),
        (
            Some(0),
            [
                "policy",
                "├─ ✗ rule 1: deny if one of these holds  (global_policy, config.yaml:16)",
                "│  ├─ ✗ http_query/debug is 1 — found: no such parameter",
                "│  └─ ✗ email is former@example.com — found: bob@guests.example",
                "├─ ✓ rule 2: allow if one of these holds  (policies/team, config.yaml:6)",
                "│  ├─ ✓ email in_people house — found: bob@guests.example",
                "│  └─ ✗ groups has_any [wheel, admins] — found: no groups",
                "└─ ✗ rule 3: deny if this holds  (policies/team, config.yaml:7)",
                "   └─ ✗ http_path starts_with /admin — found: /",
                "decision  allow: rule 2 (policies/team, config.yaml:6), email-ok",
                "policy_shadow, which decides nothing",
                "├─ ✗ rule 1: deny if one of these holds  (global_policy, config.yaml:16)",
                "│  ├─ ✗ http_query/debug is 1 — found: no such parameter",
                "│  └─ ✗ email is former@example.com — found: bob@guests.example",
                "└─ ✗ rule 2: allow if this holds  (policy_shadow, config.yaml:12)",
                "   └─ ✗ authentication_method has mfa — found: the provider does not say how",
                "shadow    would change allow to deny: no rule held, authentication-method-unauthorized",
            ]
            .map(str::to_owned)
            .to_vec()
        )
    );
}

#[tokio::test]
async fn what_can_be_read_in_several_ways_is_marked_so() {
    let folder = folder(&[("config.yaml", &format!("{CONFIG}{DENYING}"))]);
    for (url, mark, decision) in [
        (
            "https://code.example.test//admin",
            "   └─ ? http_path starts_with /admin — found: //admin, which some read as /admin (unclear: it can be read in several ways)",
            "decision  deny: rule 3 (policies/team, config.yaml:7), ambiguous-request",
        ),
        (
            "https://code.example.test/?debug=0&debug=1",
            "│  ├─ ? http_query/debug is 1 — found: 0, 1 (unclear: it can be read in several ways)",
            "decision  deny: rule 1 (global_policy, config.yaml:16), ambiguous-request",
        ),
    ] {
        let (code, told) = explained(folder.path(), &["--as", "bob@guests.example", url]).await;
        assert_eq!(code, Some(3), "{url}");
        for line in [mark, decision, "shadow    would change nothing: deny: "] {
            assert!(told.iter().any(|told| told.starts_with(line)), "{line:?} is not in {told:#?}");
        }
        let said = command_in(folder.path(), &["explain", "--json", "--as", "bob@guests.example", url]).await;
        let told: Value = serde_json::from_str(&said.out).unwrap();
        let criteria = told["explanation"]["rules"].as_array().unwrap().iter();
        let unclear = criteria.flat_map(|rule| rule["criteria"].as_array().unwrap());
        assert_eq!(unclear.filter(|criterion| criterion["unclear"] == true).count(), 1, "{url}: {told:#}");
    }
}

#[tokio::test]
async fn whom_a_global_policy_keeps_out_is_told_that_it_does() {
    let folder = folder(&[("config.yaml", &format!("{CONFIG}{REQUIRING}"))]);
    let (code, told) = explained(folder.path(), &["--as", "x@partner.example", "https://wiki.example.test/"]).await;
    assert_eq!(code, Some(3));
    for line in [
        "├─ ✗ rule 1: allow only if this holds  (global_policy, config.yaml:16)",
        "│  └─ ✗ domain in [example.com, guests.example] — found: partner.example",
        "└─ ✓ rule 4: allow if this holds  (policy, config.yaml:15)",
        "decision  deny: the global policy lets only others in, domain-unauthorized",
    ] {
        assert!(told.iter().any(|told| told == line), "{line:?} is not in {told:#?}");
    }
    let (code, told) = explained(folder.path(), &["https://wiki.example.test/"]).await;
    assert_eq!(code, Some(4));
    assert_eq!(told.last().unwrap(), "decision  sign in first: no rule held, user-unauthenticated");
    // Where a rule lets everybody in, another has to know who it is.
    let open = format!(
        "{REQUIRING}routes: [{{from: 'https://a.example.test', to: 'http://127.0.0.1:1', allow_public_unauthenticated_access: true}}]"
    );
    std::fs::write(folder.path().join("config.yaml"), open).unwrap();
    let (code, told) = explained(folder.path(), &["https://a.example.test/"]).await;
    let last =
        "decision  sign in first: rule 1 (global_policy, config.yaml:1) has to know who it is, user-unauthenticated";
    assert_eq!((code, told.last().unwrap().as_str()), (Some(4), last));
}

const TESTS: &str = "tests:
  - {as: alice@example.com, url: 'https://code.example.test/', expect: allow, reason: email-ok}
  - {as: alice@example.com, url: 'https://code.example.test//admin', expect: deny, reason: ambiguous-request}
  - {as: alice@example.com, url: 'https://code.example.test/?debug=0&debug=1', expect: deny, reason: ambiguous-request}
  - {as: former@example.com, groups: [wheel], url: 'https://code.example.test/', expect: deny}
  - {as: x@partner.example, url: 'https://wiki.example.test/', expect: allow, reason: domain-ok}
  - {as: x@partner.example, url: 'https://code.example.test/', expect: deny}
";

#[tokio::test]
async fn tests_see_named_policies_people_and_the_global_policy() {
    let folder = folder(&[
        ("config.yaml", &format!("{CONFIG}{DENYING}")),
        ("required.yaml", &format!("{CONFIG}{REQUIRING}")),
        ("tests.yaml", TESTS),
    ]);
    let said = command_in(folder.path(), &["test", "tests.yaml"]).await;
    assert!(said.code == Some(0) && said.out.ends_with("\n6 passed, 0 failed\n"), "{said:?}");
    let said = command_in(folder.path(), &["test", "tests.yaml", "--config", "required.yaml"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    for line in [
        "        got       deny (domain-unauthorized)",
        "        decision  deny: the global policy lets only others in, domain-unauthorized",
        // Without the rule about `debug` nothing is unclear; and the former colleague is a colleague's address.
        "        got       allow (email-ok, domain-ok)",
        "        got       allow (domain-ok, groups-ok)",
        "3 passed, 3 failed",
    ] {
        assert!(said.out.lines().any(|told| told == line), "{line:?} is not in\n{}", said.out);
    }
}

/// What `check --against` says that changes from one to the other.
async fn changes(old: &str, new: &str) -> Vec<String> {
    let folder = folder(&[("old.yaml", old), ("new.yaml", new)]);
    let said: Said = command_in(folder.path(), &["check", "new.yaml", "--against", "old.yaml"]).await;
    assert_eq!(said.code, Some(0), "{said:?}");
    let (_, told) = said.out.split_once("from old.yaml to new.yaml:\n").unwrap_or_else(|| panic!("{said:?}"));
    told.lines().map(|line| line.split(": was").next().unwrap().trim().to_owned()).collect()
}

#[tokio::test]
async fn a_change_of_people_is_told_on_every_route_that_lets_them_in() {
    assert_eq!(
        changes(CONFIG, &CONFIG.replace("[bob@guests.example]", "[carl@guests.example]")).await,
        [
            "code.example.test/",
            "- bob@guests.example loses https://code.example.test/",
            "+ carl@guests.example gains https://code.example.test/",
            "wiki.example.test/",
            "- bob@guests.example loses https://wiki.example.test/",
            "+ carl@guests.example gains https://wiki.example.test/",
        ]
    );
}

#[tokio::test]
async fn a_change_of_a_named_policy_is_told_on_every_route_that_names_it() {
    let changed = CONFIG.replace("has_any: [wheel, admins]", "has_any: [wheel, ops]");
    let expected = [
        "code.example.test/",
        "- somebody in admins loses https://code.example.test/",
        "+ somebody in ops gains https://code.example.test/",
        "wiki.example.test/",
        "- somebody in admins loses https://wiki.example.test/",
        "+ somebody in ops gains https://wiki.example.test/",
    ];
    assert_eq!(changes(CONFIG, &changed).await, expected);
    // Nobody gets in by a group alone where everybody has to be of a domain too.
    let told = changes(&format!("{CONFIG}{REQUIRING}"), &format!("{changed}{REQUIRING}")).await;
    assert_eq!(
        told[..5],
        [
            "code.example.test/",
            "- somebody@example.com in admins loses https://code.example.test/",
            "+ somebody@example.com in ops gains https://code.example.test/",
            "- somebody@guests.example in admins loses https://code.example.test/",
            "+ somebody@guests.example in ops gains https://code.example.test/",
        ]
    );
    let both = "global_policy: [{allow: {and: [{domain: example.com}, {groups: {has: staff}}]}}]\n";
    let told = changes(&format!("{CONFIG}{both}"), &format!("{changed}{both}")).await;
    assert_eq!(told[1], "- somebody@example.com in staff and in admins loses https://code.example.test/");
}

#[tokio::test]
async fn a_new_global_policy_is_told_by_whom_it_keeps_out() {
    let told = changes(CONFIG, &format!("{CONFIG}{REQUIRING}")).await;
    for line in [
        "- somebody in wheel loses https://code.example.test/",
        "- somebody in wheel loses https://wiki.example.test/",
        "- somebody@partner.example loses https://wiki.example.test/",
    ] {
        assert!(told.iter().any(|told| told == line), "{line:?} is not in {told:#?}");
    }
    assert!(!told.iter().any(|line| line.contains("gains") || line.contains("alice@")), "{told:#?}");
    let with_former = CONFIG.replace("guests]", "guests, former@example.com]");
    assert_eq!(
        changes(&with_former, &format!("{with_former}{DENYING}")).await,
        [
            "code.example.test/",
            "- former@example.com loses https://code.example.test/",
            "wiki.example.test/",
            "- former@example.com loses https://wiki.example.test/",
        ]
    );
}

#[tokio::test]
async fn a_change_of_a_policy_on_trial_changes_nothing() {
    let changed = CONFIG.replace("has: mfa", "has: hwk");
    assert_eq!(changes(CONFIG, &changed).await, ["nothing changes for the people and requests named"]);
}

#[tokio::test]
async fn a_change_of_how_to_sign_in_is_told() {
    let old = CONFIG
        .replace("has_any: [wheel, admins]}}]", "has_any: [wheel, admins]}}, {authentication_method: {has: hwk}}]");
    let new = old.replace("has: hwk", "has: mfa");
    let told = changes(&old, &new).await;
    assert_eq!(
        told[..3],
        [
            "code.example.test/",
            "- somebody who signed in by hwk loses https://code.example.test/",
            "+ somebody who signed in by mfa gains https://code.example.test/",
        ]
    );
    let provider = |name: &str| old.replace("authentication_method: {has: hwk}", &format!("identity_provider: {name}"));
    let told = changes(&provider("https://one.example"), &provider("https://two.example")).await;
    assert_eq!(told[1], "- somebody from https://one.example loses https://code.example.test/");
}

#[tokio::test]
async fn where_nobody_asked_about_gets_in_no_change_is_not_called_none() {
    let rule = |method: &str| {
        format!(
            "routes: [{{from: 'https://a.example.test', to: 'http://127.0.0.1:1', policy: [{{allow: {{and: \
             [{{groups: {{has: wheel}}}}, {{authentication_method: {{has: {method}}}}}]}}}}]}}]\n"
        )
    };
    let unclear = "unclear: a.example.test/ has other rules, but nobody who was asked about may open it, before or \
                   after; a test of somebody who may would tell";
    let nothing = "nothing changes for the people and requests named";
    assert_eq!(changes(&rule("mfa"), &rule("hwk")).await, [nothing, unclear]);
    // Where the rules only moved, nothing is unclear; and a test tells.
    assert_eq!(changes(&rule("mfa"), &format!("# moved\n\n{}", rule("mfa"))).await, [nothing]);
    let test = "tests: [{as: a@b.example, groups: [wheel], claims: {amr: [hwk]}, url: 'https://a.example.test/', expect: allow}]\n";
    let told = changes(&rule("mfa"), &format!("{}{test}", rule("hwk"))).await;
    assert_eq!(told[0], "a.example.test/");
    assert!(told[1].starts_with("+ a@b.example (in wheel") && !told.contains(&unclear.to_owned()), "{told:#?}");
}
