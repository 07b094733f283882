//! What is said of policies that can be read but do something else than they seem to, and that what is said to be
//! written instead does what is claimed.

mod decisions;
mod request;
mod rewrites;
mod rules;
mod silence;
mod values;

use std::fmt::Write as _;

use doorward_config::{Place, Problem};

use crate::world::{World, route_with};

fn policy(lines: &str) -> String {
    let indented = lines.replace('\n', "\n  ");
    route_with(&format!("to: http://app:3000\npolicy:\n  {indented}"))
}

fn hints(text: &str) -> Vec<Problem> {
    World::default().load(text).unwrap_or_else(|problems| panic!("{problems}\n{text}")).hints
}

/// What a row expects: a place and a severity, the first words, and a part of the rewrite.
type Expected = (&'static str, &'static str, &'static str);

/// Exactly these are told, in this order.
fn expect(text: &str, expected: &[Expected]) {
    let told = hints(text);
    let shown: Vec<_> = told.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), expected.len(), "{text}\n{}", shown.join("\n"));
    for (problem, (place, words, rewrite)) in told.iter().zip(expected) {
        let Place::Text { line, column, .. } = &problem.place else { panic!("{problem}") };
        assert_eq!(format!("{line}:{column} {}", problem.severity), *place, "{text}\n{problem}");
        assert!(problem.what.starts_with(words), "{words:?} of\n{text}\n{problem}");
        let mend = problem.mend.as_deref().unwrap_or_default();
        assert!(mend.contains(rewrite), "{rewrite:?} in\n{text}\n{problem}");
        rewrites::can_be_read(mend);
    }
}

fn expect_all(rows: &[(&str, &[Expected])]) {
    for (lines, expected) in rows {
        expect(&policy(lines), expected);
    }
}

#[test]
fn deny_rules_where_nobody_is_asked() {
    let public =
        "this route is public, but to tell `email is a@example.com` every anonymous visitor has to sign in first";
    let deny = "- deny: {and: [{email: a@example.com}]}";
    expect(
        &policy(&format!("- allow: {{or: [{{accept: true}}]}}\n{deny}")),
        &[(
            "6:22 warning",
            public,
            "- from: https://code.example.com\n  prefix: /public/\n  to: http://app:3000\n  allow_public_unauthenticated_access: true",
        )],
    );
    expect(
        &route_with(&format!(
            "to: http://app:3000\ncors_allow_preflight: true\nallowed_domains: [example.com]\npolicy:\n  {deny}"
        )),
        &[("7:22 warning", "CORS pre-flights carry no cookie", "- email: {not: former@example.com}")],
    );
}

#[test]
fn shells_that_many_can_pass() {
    let shell = "whoever passes here has a shell (";
    let domain = "policy: [{allow: {or: [{domain: example.com}]}}]";
    for (lines, application) in [
        ("to: http://code-server:8080", "code-server"),
        ("to: http://my-openvscode.internal:3000", "OpenVSCode Server"),
        ("to: http://app:3000\nname: The VS Code", "VS Code"),
        ("to: http://app:3000\ndescription: Notebooks of JupyterHub", "Jupyter"),
        ("to: http://ttyd:7681", "ttyd"),
        ("to: http://terminal:7681", "a terminal"),
        ("to: http://app:8080\nallow_websockets: true\npreserve_host_header: true", "code-server, as it seems"),
    ] {
        let told = hints(&route_with(&format!("{lines}\n{domain}")));
        let what: Vec<_> = told.iter().map(|problem| problem.what.as_str()).collect();
        let expected =
            format!("{shell}{application}), and `domain is example.com` lets in more people than anybody has listed");
        assert_eq!(what, [expected], "{lines}");
        let mend = told[0].mend.clone().unwrap();
        assert!(mend.contains("`email: {in: [you@example.com, colleague@example.com]}`"), "{mend}");
        rewrites::can_be_read(&mend);
    }
    for (lines, place, words) in [
        ("allow_any_authenticated_user: true", "4:35", "authenticated_user"),
        ("allow_public_unauthenticated_access: true", "4:42", "accept"),
        ("allowed_domains: [example.com]", "4:23", "domain is example.com"),
        ("policy: [{allow: {and: [{authenticated_user: true}, {domain: example.com}]}}]", "4:29", "authenticated_user"),
        ("policy: [{allow: {or: [{email: {ends_with: \"@example.com\"}}]}}]", "4:28", "email ends_with @example.com"),
    ] {
        let told = hints(&route_with(&format!("to: http://ttyd:7681\n{lines}")));
        let [problem] = &told[..] else { panic!("{told:?}") };
        assert!(
            problem.to_string().starts_with(&format!("config.yaml:{place}: warning: {shell}ttyd), and `{words}`")),
            "{problem}"
        );
    }
}

#[test]
fn a_rule_that_many_routes_share_is_warned_of_once() {
    let mut text = String::from("routes:\n");
    for (name, alias) in [
        ("a", "&shared [{allow: {or: [{email: bob}, {email: {ends_with: example.com}}, {email: bob}]}}]"),
        ("b", "*shared"),
        ("c", "*shared"),
    ] {
        writeln!(text, "  - {{from: \"https://{name}.example.com\", to: \"http://app:3000\", policy: {alias}}}")
            .unwrap();
    }
    let told: Vec<_> = hints(&text).iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{}", told.join("\n"));
}
