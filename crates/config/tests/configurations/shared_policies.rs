//! What routes share: named policies, the global one; and policies on trial, and what the denied are told.

use doorward_authorize::{Action, Origin, Policy};
use doorward_config::Provider;

use crate::policies::rules;
use crate::world::{ROUTE, World, book, forwarding, route_with};

/// The rules of a policy: where each comes from, its line and what it does.
fn told(policy: &Policy) -> Vec<String> {
    let rules = policy.rules().iter();
    rules.map(|rule| format!("{} {} {} {}", rule.origin, rule.line, rule.action, rule.criteria[0])).collect()
}

const SHARED: &str = "\
global_policy:
  - deny: {or: [{user: mallory}]}
  - allow: {or: [{domain: example.com}]}
policies:
  team: [{allow: {or: [{groups: team}]}}]
  nobody: {deny: {or: [{user: eve}]}}
";

#[test]
fn a_route_names_policies_and_writes_rules_of_its_own() {
    let text = format!(
        "{SHARED}{}",
        route_with(
            "to: http://a\nallowed_users: [a@example.com]\npolicy:\n  - team\n  - allow: {or: [{user: a}]}\n  - nobody"
        )
    );
    let loaded = World::default().load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(
        told(&loaded.config.routes[0].policy),
        [
            "global_policy 2 deny user is mallory",
            "global_policy 3 allow domain is example.com",
            "policy 10 allow email is a@example.com",
            "policies/team 5 allow groups has team",
            "policy 13 allow user is a",
            "policies/nobody 6 deny user is eve",
        ]
    );
    assert!(loaded.hints.is_empty(), "{:?}", loaded.hints);
}

#[test]
fn a_name_alone_is_a_policy_whether_the_list_of_routes_is_called_policy_or_routes() {
    let text = "policies: {team: [{allow: {or: [{groups: team}]}}]}\nroutes:\n  - {from: \"https://a.example.com\", to: \"http://a\", policy: team}\n";
    assert_eq!(rules(text), ["1 allow or [groups has team]"]);
    assert_eq!(rules(&text.replace("routes:", "policy:")), ["1 allow or [groups has team]"]);
    let world = World::default().variable("TEAM", "team");
    let loaded = world.load(&text.replace("policy: team", "policy: \"${TEAM}\"")).unwrap();
    assert_eq!(loaded.config.routes[0].policy.rules()[0].origin, Origin::Named("team".into()));
}

#[test]
fn variables_may_bring_a_global_policy() {
    let world = World::default()
        .variable("GLOBAL_POLICY", "[{deny: {or: [{user: mallory}]}}]")
        .variable("POLICIES", "{\"team\": {\"allow\": {\"or\": [{\"groups\": \"team\"}]}}}");
    let loaded = world.load(&route_with("to: http://a\npolicy: team")).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.config.routes[0].policy.rules().len(), 2);
}

#[test]
fn a_shadow_stands_in_place_of_the_routes_own_rules_only() {
    let route = "to: http://a\nallowed_users: [a@example.com]\npolicy: team\npolicy_shadow: [nobody, {allow: {or: [{user: b}]}}]";
    let text = format!("downstream_mtls: {{ca_file: certs/root.pem}}\n{SHARED}{}", route_with(route));
    let loaded = World::with_certificates().load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let route = &loaded.config.routes[0];
    assert_eq!(
        told(route.policy_shadow.as_ref().unwrap().policy()),
        [
            "downstream_mtls 9 deny invalid_client_certificate",
            "global_policy 3 deny user is mallory",
            "global_policy 4 allow domain is example.com",
            "policies/nobody 7 deny user is eve",
            "policy 13 allow user is b",
        ]
    );
    assert_eq!(route.policy_shadow.as_ref().unwrap().policy().route(), &route.id);
    assert_eq!(route.policy.rules()[0].origin, Origin::ClientCertificates);
    assert_eq!(route.policy.rules().len(), 5);
    assert!(World::default().load(ROUTE).unwrap().config.routes[0].policy_shadow.is_none());
    assert!(World::default().load(&forwarding("policy_shadow:")).unwrap().config.routes[0].policy_shadow.is_none());
}

#[test]
fn what_denied_visitors_are_told() {
    let loaded = World::default().load(ROUTE).unwrap();
    assert_eq!((loaded.config.support_contact, loaded.config.routes[0].show_error_details), (None, false));
    let text =
        format!("support_contact: \" Ada Lovelace <ada@example.com> \"\n{}", forwarding("show_error_details: true"));
    let loaded = World::default().load(&text).unwrap();
    assert_eq!(loaded.config.support_contact.as_deref(), Some("Ada Lovelace <ada@example.com>"));
    assert!(loaded.config.routes[0].show_error_details);
}

#[test]
fn the_claim_of_groups() {
    let provider = "idp_provider: google\nidp_client_id: a\nidp_client_secret: b\n";
    let claim = |more: &str| {
        let loaded =
            World::default().load(&format!("{provider}{more}{ROUTE}")).unwrap_or_else(|problems| panic!("{problems}"));
        let Provider::Oidc(oidc) = loaded.config.sign_in.provider else { panic!("no provider") };
        oidc.groups_claim
    };
    assert_eq!(claim(""), "groups");
    assert_eq!(claim("idp_groups_claim: realm_access/roles\n"), "realm_access/roles");
    assert_eq!(claim("idp_groups_claim: https://a.b.example.com/roles\n"), "https://a.b.example.com/roles");
}

#[test]
fn a_global_policy_lets_nobody_in_by_itself() {
    let text = format!("global_policy: {{allow: {{or: [{{accept: true}}]}}}}\n{}", route_with("to: http://a"));
    let loaded = World::default().load(&text).unwrap();
    assert!(loaded.config.routes[0].policy.denies_everyone());
    assert!(loaded.hints.iter().any(|hint| hint.what.contains("denies everyone")));
    assert_eq!(loaded.config.routes[0].policy.rules()[0].action, Action::Allow);
}

#[test]
fn wrong_shared_policies() {
    let shared = |top: &str, route: &str| format!("{top}\n{}", route_with(&format!("to: http://app:8080\n{route}")));
    let team = "policies: {team: [{allow: {or: [{groups: team}]}}]}";
    let cases = [
        ("a name that is not there", shared(team, "policy: tema")),
        ("a name, and no policies", shared("", "policy: team")),
        ("another name", shared(team, "policy: [team, {allow: {or: [{accept: true}]}}, everybody]")),
        ("named twice", shared(team, "policy: [team, team]")),
        ("unused", shared(team, "allow_any_authenticated_user: true")),
        ("names", shared("policies: {\"a b\": [], \"\": [], x: }", "policy: x")),
        ("no block", shared("policies: [{allow: {or: [{accept: true}]}}]", "policy: x")),
        ("a name inside a policy", shared("policies: {a: [b], b: {allow: {or: [{accept: true}]}}}", "policy: [a, b]")),
        ("a name for the global policy", shared(&format!("{team}\nglobal_policy: team"), "policy: team")),
        (
            "a name where criteria stand",
            shared(team, "policy: [{allow: team}, {allow: {or: [team]}}, {team: true}, [team], {deny: {or: team}}]"),
        ),
        ("a problem is told once", {
            let route = "  - {from: \"https://a.example.com\", to: \"http://a\", policy: bad}\n";
            let routes = (0..3).map(|n| route.replace("//a.", &format!("//a{n}."))).collect::<String>();
            format!(
                "global_policy: {{deny: {{or: [{{emial: x}}]}}}}\npolicies:\n  bad: [{{allow: {{or: [{{email: {{iss: x}}}}]}}}}]\nroutes:\n{routes}"
            )
        }),
        ("rules at the top, where routes are", format!("policy: [{{deny: {{or: [{{user: x}}]}}}}]\n{ROUTE}")),
        (
            "a name at the top, where routes are",
            "policies: {team: {allow: {or: [{accept: true}]}}}\npolicy: team\n".to_owned(),
        ),
        ("an empty global policy", shared("global_policy: []", "allow_any_authenticated_user: true")),
        ("a shadow", shared(team, "policy: team\npolicy_shadow: [{alow: {or: [{accept: true}]}}, tem]")),
        ("a shadow that denies everyone", shared(team, "policy: team\npolicy_shadow: []")),
        ("whether to tell", shared("", "allow_any_authenticated_user: true\nshow_error_details: perhaps")),
        ("whom to ask", shared("support_contact: \"a\\nb\"", "allow_any_authenticated_user: true")),
        (
            "whom to ask, at length",
            shared(&format!("support_contact: {}", "x".repeat(201)), "allow_any_authenticated_user: true"),
        ),
        ("a claim without a provider", shared("idp_groups_claim: roles", "allow_any_authenticated_user: true")),
        (
            "a claim too deep",
            shared(
                "idp_provider: google\nidp_client_id: a\nidp_client_secret: b\nidp_groups_claim: a/b/c/d/e/f",
                "allow_any_authenticated_user: true",
            ),
        ),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}
