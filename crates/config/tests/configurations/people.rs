//! Groups of people: what they become in a policy, and what is said of wrong ones.

use doorward_authorize::{Criterion, StringTest};

use crate::policies::rules;
use crate::world::{World, book, route_with};

const ASKING: &str = "to: http://app:8080\npolicy:\n  - allow: {or: [{email: {in_people: admins}}]}\n  - deny: {or: [{user: {in_people: [admins, \"ops\"]}}]}";

#[test]
fn groups_hold_addresses_ids_and_each_other() {
    let text = format!(
        "people:\n  admins: [Anna@Example.com, ops, u-1]\n  ops:\n    - ben@example.com\n    - u-2\n    - ben@example.com\n{}",
        route_with(ASKING)
    );
    assert_eq!(rules(&text), ["11 allow or [email in_people admins]", "12 deny or [user in_people [admins, ops]]"]);
    let loaded = World::default().load(&text).unwrap();
    assert!(loaded.hints.is_empty(), "{:?}", loaded.hints);
    let members = |criterion: &Criterion| -> Vec<String> {
        let (Criterion::Email(matcher) | Criterion::User(matcher)) = criterion else { panic!("{criterion}") };
        match &matcher.tests()[0] {
            StringTest::InPeople(people) => people.members.iter().map(str::to_owned).collect(),
            other => panic!("{other}"),
        }
    };
    let rules = loaded.config.routes[0].policy.rules();
    assert_eq!(members(&rules[0].criteria[0]), ["anna@example.com", "ben@example.com"]);
    assert_eq!(members(&rules[1].criteria[0]), ["u-1", "u-2"], "an address is never taken for a user id");
}

#[test]
fn one_person_needs_no_list_and_a_variable_may_bring_groups() {
    let text = route_with("to: http://a\npolicy: {allow: {or: [{email: {in_people: me}}]}}");
    assert_eq!(rules(&format!("people: {{me: you@example.com}}\n{text}")), ["5 allow or [email in_people me]"]);
    let world = World::default().variable("PEOPLE", r#"{"me": ["you@example.com"]}"#);
    assert_eq!(world.report(&text), "taken");
}

#[test]
fn wrong_groups() {
    let with = |people: &str| format!("people:\n  {}\n{}", people.replace('\n', "\n  "), route_with(ASKING));
    let cases = [
        ("no block", format!("people: [a@example.com]\n{}", route_with(ASKING))),
        ("none at all", route_with(ASKING)),
        ("a misspelt name", with("admin: [a@example.com, u]\nops: [b@example.com, u]")),
        ("names", with("admins: [a@example.com, u]\nops: [u, a@example.com]\n\"a b\": [x@example.com]\nx/y: []")),
        ("members", with("admins: [a@@b, \"\", a b@example.com, {c: d}, u]\nops: [~, u, v@example.com]")),
        ("a circle", with("admins: [ops, a@example.com, u]\nops: [leads]\nleads: [x, admins]")),
        ("itself", with("admins: [admins, a@example.com, u]\nops: [u]")),
        ("nobody", with("admins: []\nops: [u-1]")),
        ("unused", with("admins: [a@example.com, u]\nops: [u]\nothers: [more]\nmore: [c@example.com]")),
        ("nearly a group", with("admins: [opps, a@example.com, u]\nops: [u]")),
        (
            "wrongly asked",
            format!(
                "people: {{a: [x@example.com]}}\n{}",
                route_with(
                    "to: http://a\npolicy: [{allow: {or: [{email: {in_people: []}}, {email: {in_people: }}, {email: {in_people: {a: b}}}, \
                     {domain: {in_people: a}}, {groups: {in_people: a}}, {email: {not_in_people: [b, c]}}]}}]"
                )
            ),
        ),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}
