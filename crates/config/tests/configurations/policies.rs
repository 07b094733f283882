//! Policies: what is said of wrong ones, and what right ones become.

use doorward_authorize::{Action, Criterion, Operator};

use crate::world::{World, book, route_with};

pub(crate) fn policy(lines: &str) -> String {
    let indented = lines.replace('\n', "\n  ");
    route_with(&format!("to: http://app:8080\npolicy:\n  {indented}"))
}

/// The rules of the first route, as text.
pub(crate) fn rules(text: &str) -> Vec<String> {
    let loaded = World::default().load(text).unwrap_or_else(|problems| panic!("{problems}"));
    let route = &loaded.config.routes[0];
    route
        .policy
        .rules()
        .iter()
        .map(|rule| {
            let criteria: Vec<_> = rule.criteria.iter().map(ToString::to_string).collect();
            format!("{} {} {} [{}]", rule.line, rule.action, rule.operator, criteria.join("; "))
        })
        .collect()
}

#[test]
fn wrong_policies() {
    let cases = [
        ("none", route_with("to: http://app:8080")),
        ("empty", route_with("to: http://app:8080\npolicy: []")),
        ("only deny", policy("- deny: {or: [{email: {is: mallory@example.com}}]}")),
        ("a word", route_with("to: http://app:8080\npolicy: allow")),
        ("no action", policy("- or: [{accept: true}]")),
        ("misspelt action", policy("- alow: {or: [{accept: true}]}")),
        ("no operator", policy("- allow: [{accept: true}]")),
        ("criterion for operator", policy("- allow: {email: {is: a@example.com}}")),
        ("misspelt operator", policy("- allow: {orr: [{accept: true}]}")),
        ("no list", policy("- allow: {or: {accept: true}}")),
        ("empty list", policy("- allow: {and: []}")),
        ("a bare word", policy("- allow: {or: [authenticated_user, hello]}")),
        (
            "two in one",
            policy("- allow:\n    or:\n      - email: {is: a@example.com}\n        domain: {is: example.com}"),
        ),
        ("misspelt criterion", policy("- allow: {or: [{emial: {is: a@example.com}}, {group: {has: x}}, {frob: 1}]}")),
        (
            "criteria for other things",
            policy(
                "- allow: {or: [{device: {approved: true}}, {mcp_tool: {is: x}}, {record: {type: x}}, {pomerium_routes: true}, \
                 {ssh_username: {is: root}}, {ssh_publickey: x}]}",
            ),
        ),
        ("misspelt test", policy("- allow: {or: [{email: {iss: a@example.com}}, {groups: {contains: x}}]}")),
        (
            "lists where one value is due",
            policy(
                "- allow: {or: [{email: [a@example.com]}, {email: {is: [a]}}, {groups: {has: [a, b]}}, {groups: [a]}]}",
            ),
        ),
        ("one value where a list is due", policy("- allow: {or: [{email: {in: a@example.com}}]}")),
        (
            "nothing to compare with",
            policy("- allow: {or: [{email: }, {email: {}}, {email: {ends_with: \"\"}}, {groups: {has: }}]}"),
        ),
        (
            "client certificates",
            policy(
                "- allow: {or: [{client_certificate: }, {client_certificate: abcd}, {client_certificate: {fingerprint: abcd}}, \
                 {client_certificate: {fingerprint: []}}, {client_certificate: {spki_hash: [1, {a: b}]}}, {client_certificate: {finger_print: a}}, \
                 {client_certificate: {san_email: {iss: you@example.com}}}, {invalid_client_certificate: false}]}",
            ),
        ),
        ("claims", policy("- allow: {or: [{claim: x}, {claim/: {is: x}}, {email/x: y}]}")),
        ("false", policy("- allow: {or: [{authenticated_user: false}, {accept: \"false\"}]}")),
        ("an unset variable", policy("- allow: {or: [{email: {is: \"${ADMIN}\"}}]}")),
        (
            "public and a list",
            route_with(
                "to: http://app:8080\nallow_public_unauthenticated_access: true\nallowed_users: [a@example.com]\nallow_any_authenticated_user: true",
            ),
        ),
        (
            "anybody and a list",
            route_with("to: http://app:8080\nallow_any_authenticated_user: true\nallowed_domains: [example.com]"),
        ),
        (
            "public and a policy",
            route_with(
                "to: http://app:8080\nallow_public_unauthenticated_access: true\npolicy: [{allow: {or: [{email: {is: a@example.com}}]}}]",
            ),
        ),
        (
            "lists of other things",
            route_with("to: http://app:8080\nallowed_users: [a@@b]\nallowed_domains: [\"@example.com\"]"),
        ),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn older_keys_become_one_rule_before_the_policy() {
    let text = route_with(
        "to: http://app:8080\nallowed_users: [You@Example.com, \"1234\"]\nallowed_domains: [Example.org]\n\
         cors_allow_preflight: true\npolicy:\n  - deny: {and: [{user: x}]}\n  - allow: {nor: [{claim/a/b: c}]}",
    );
    assert_eq!(
        rules(&text),
        [
            "4 allow or [cors_preflight; domain is example.org; email is you@example.com; user is 1234]",
            "8 deny and [user is x]",
            "9 allow nor [claim/a/b has c]",
        ]
    );
    assert_eq!(
        rules(&route_with("to: http://a\nallow_any_authenticated_user: true")),
        ["4 allow or [authenticated_user]"]
    );
    assert_eq!(rules(&route_with("to: http://a\nallow_public_unauthenticated_access: true")), ["4 allow or [accept]"]);
}

#[test]
fn every_criterion_and_test_is_read() {
    let text = policy(
        "- allow:\n    and:\n      - accept: true\n      - authenticated_user: 1\n      - email: {starts_with: A, ends_with: \"@example.com\"}\n      \
         - domain: Example.com\n      - user: {not_in: [a, B], contains: c}\n      - groups: {has: Admins, exclude: Guests}\n      \
         - claim/https://x.example/roles: {is: 7}\n      - cors_preflight: \n      - email: {in: [A@x.example], not: b@x.example}\n- deny:\n    or: [{reject: true}]",
    );
    assert_eq!(
        rules(&text),
        [
            "6 allow and [accept; authenticated_user; email starts_with a and ends_with @example.com; domain is example.com; \
             user not_in [a, B] and contains c; groups has Admins and exclude Guests; claim/https://x.example/roles is 7; \
             cors_preflight; email in [a@x.example] and not b@x.example]",
            "17 deny or [reject]",
        ]
    );
}

#[test]
fn criteria_about_client_certificates_are_read() {
    let print = "AB:".repeat(31) + "CD";
    let key = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let text = policy(&format!(
        "- allow:\n    or:\n      - client_certificate: {{fingerprint: \"{print}\"}}\n      \
         - client_certificate: {{fingerprint: [{}, {}], spki_hash: {key}}}\n      \
         - client_certificate: {{san_dns: {{ends_with: .example.com}}, san_email: you@example.com, san_uri: {{glob: \"spiffe://*/you\"}}}}\n- deny: {{or: [invalid_client_certificate: true]}}",
        "1".repeat(64),
        "f".repeat(64),
    ));
    assert_eq!(
        rules(&text),
        [
            format!(
                "6 allow or [client_certificate fingerprint in [{}cd]; client_certificate fingerprint in [{}, {}] and spki_hash in [{key}]; client_certificate san_dns ends_with .example.com and san_email is you@example.com and san_uri glob spiffe://*/you]",
                "ab".repeat(31),
                "1".repeat(64),
                "f".repeat(64),
            ),
            "10 deny or [invalid_client_certificate]".to_owned(),
        ]
    );
}

#[test]
fn a_policy_may_be_one_block_and_may_share_parts() {
    let text = route_with("to: http://a\npolicy: {allow: {or: &staff [{domain: example.com}]}, deny: {not: *staff}}");
    assert_eq!(rules(&text), ["4 allow or [domain is example.com]", "4 deny not [domain is example.com]"]);
}

#[test]
fn the_rule_of_a_public_route_is_accept_and_nothing_else() {
    let loaded = World::default().load(&route_with("to: http://a\nallow_public_unauthenticated_access: true")).unwrap();
    let rule = &loaded.config.routes[0].policy.rules()[0];
    assert_eq!((rule.action, rule.operator), (Action::Allow, Operator::Or));
    assert_eq!(rule.criteria, [Criterion::Accept]);
}
