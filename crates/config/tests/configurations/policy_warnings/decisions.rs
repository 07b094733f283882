//! What is said to be written instead decides as is claimed.

use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use doorward_authorize::{Decision, Facts, Visitor};
use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{Claims, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use http::{HeaderMap, Method};

use super::rewrites::{blocks, with_policy};
use super::{hints, policy};
use crate::world::World;

fn person(address: &str, groups: &[&str]) -> Identity {
    Identity {
        subject: Subject { issuer: "https://idp.test".into(), id: "u-1".into() },
        email: Email::parse(address).map_or(VerifiedEmail::Absent, VerifiedEmail::Verified),
        name: None,
        groups: Groups::new(groups.iter().map(|&group| group.to_owned())),
        claims: Claims::default(),
        authenticated_at: SystemTime::UNIX_EPOCH,
    }
}

/// `+` for let in, `-` for kept out, `?` for asked to sign in.
fn decide(text: &str, visitor: Visitor<'_>) -> char {
    let loaded = World::default().load(text).unwrap_or_else(|problems| panic!("{problems}"));
    let facts = Facts {
        method: &Method::GET,
        host: &Hostname::parse("code.example.com").unwrap(),
        path: &NormalPath::parse("/").unwrap(),
        query: None,
        headers: &HeaderMap::new(),
        source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        client_certificate: &Presented::Nothing,
        websocket: false,
        now: SystemTime::UNIX_EPOCH,
    };
    match loaded.config.routes[0].policy.decide(&facts, visitor) {
        Decision::Allow(_) => '+',
        Decision::Deny(_) => '-',
        Decision::SignIn(_) => '?',
    }
}

/// Decisions for nobody, alice, bob, mallory, a stranger, and somebody without an address.
fn decisions(text: &str) -> String {
    let people = [
        person("alice@example.com", &["a", "b"]),
        person("bob@example.com", &["a"]),
        person("mallory@example.com", &[]),
        person("stranger@elsewhere.example", &["b"]),
        person("", &[]),
    ];
    std::iter::once(Visitor::Anonymous).chain(people.iter().map(Visitor::Known)).map(|who| decide(text, who)).collect()
}

#[test]
fn rewrites_decide_as_claimed() {
    for (lines, before, after) in [
        // Everybody who is not mallory; then everybody at the domain who is not.
        ("- allow:\n    and: [{domain: example.com}]\n    not: [{email: mallory@example.com}]", "?+++++", "?++---"),
        ("- allow:\n    and: [{domain: example.com}]\n    or: [{groups: a}, {groups: b}]", "?++++-", "?++---"),
        ("- allow: {and: [{groups: a}], nor: [{domain: example.com}, {groups: b}]}", "?+++++", "?-+---"),
        ("- allow: {not: [{email: mallory@example.com}]}", "?++-++", "?++-++"),
        ("- allow: {or: [{email: {not: mallory@example.com}}]}", "?++-+-", "?++-++"),
        ("- allow: {nor: [{groups: a}, {groups: b}]}", "?-++++", "?--+-+"),
        ("- allow: {not: [{email: {not: alice@example.com}}]}", "?+---+", "?+----"),
        ("- allow: {and: [{email: alice@example.com}, {email: bob@example.com}]}", "?-----", "?++---"),
        ("- allow: {and: [{domain: example.com}, {groups: {is: a}}, {groups: {is: b}}]}", "?-----", "?-+---"),
        ("- allow: {or: [{accept: true}, {email: bob@example.com}]}", "++++++", "?-+---"),
        ("- allow: {or: [{authenticated_user: true}, {email: bob@example.com}]}", "?+++++", "?-+---"),
    ] {
        let text = policy(lines);
        let before: String = before.chars().collect();
        assert_eq!(decisions(&text), before, "{text}");
        let told = hints(&text);
        let mend = told[0].mend.clone().unwrap();
        let rewritten = with_policy(&blocks(&mend)[0]);
        assert_eq!(decisions(&rewritten), after, "{rewritten}");
    }
}

#[test]
fn deny_rules_that_are_rewritten_keep_out_whom_they_should() {
    let allow = "- allow: {or: [{authenticated_user: true}]}\n";
    for (deny, before, after) in [
        ("- deny: {or: [{email: {not: alice@example.com}}, {email: {not: bob@example.com}}]}", "?----+", "?++--+"),
        ("- deny: {nor: [{email: alice@example.com}, {email: bob@example.com}]}", "?-----", "?++---"),
        ("- deny: {nor: [{groups: a}, {groups: b}]}", "?+----", "?++-+-"),
        ("- deny: {not: [{groups: a}, {groups: b}]}", "?++-+-", "?+----"),
    ] {
        let text = policy(&format!("{allow}{deny}"));
        assert_eq!(decisions(&text), before, "{text}");
        let told = hints(&text);
        let mend = told[0].mend.clone().unwrap();
        let rewritten = with_policy(&format!("{allow}{}", blocks(&mend)[0]));
        assert_eq!(decisions(&rewritten), after, "{rewritten}");
    }
}
