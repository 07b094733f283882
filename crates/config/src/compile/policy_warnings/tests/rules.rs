//! Rules that never hold, always hold, or let in more people than they seem to.

use super::*;
use Operator::{And, Nor, Not, Or};

#[test]
fn spans_that_are_empty() {
    let overnight = || hours("22:00", "06:00");
    let spans = "- time_of_day: {timezone: Europe/Berlin, after: \"22:00\"}\n      - time_of_day: {timezone: Europe/Berlin, before: \"06:00\"}";
    let never = "1:20: warning: `time_of_day after 22:00:00 and before 06:00:00 in Europe/Berlin` never holds: its end";
    one(&[allow(Or, vec![overnight()])], never, &format!("- allow:\n    or:\n      {spans}"));
    one(&[allow(And, vec![overnight()])], never, &format!("- allow:\n    or:\n      {spans}"));
    one(&[deny(Not, vec![overnight()])], &never.replace("1:20", "2:20"), &format!("- deny:\n    not:\n      {spans}"));
    one(
        &[allow(Or, vec![overnight(), email("a@example.com")])],
        never,
        &format!("    or:\n      {spans}\n      - email"),
    );
    one(
        &[allow(And, vec![overnight(), email("a@example.com")])],
        never,
        "- allow:\n    and:\n      - time_of_day: {timezone: Europe/Berlin, after: \"22:00\"}\n      - email: {is: a@example.com}\n\
         - allow:\n    and:\n      - time_of_day: {timezone: Europe/Berlin, before: \"06:00\"}\n      - email: {is: a@example.com}",
    );
    one(&[allow(Or, vec![hours("", "00:00")])], "1:20: warning: `time_of_day before 00:00:00", "remove `before`");
    one(
        &[allow(Or, vec![hours("18:00", "00:00")])],
        "1:20: warning: `time_of_day after 18:00:00 and",
        "after: \"18:00\"",
    );
    one(&[allow(Or, vec![hours("09:00", "09:00")])], "1:20: warning: `time_of_day after 09:00:00", "Let `before` come");
    one(
        &[allow(And, vec![email("a@example.com"), dates("2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z")])],
        "1:21: warning: `date after 2027-01-01T00:00:00Z and before 2026-01-01T00:00:00Z` never holds",
        "`date: {after: \"2026-01-01T00:00:00Z\", before: \"2027-01-01T00:00:00Z\"}`",
    );
    one(
        &[allow(And, vec![email("a@example.com"), age(Some(7200), Some(3600))])],
        "1:21: warning: `authentication_age at_most",
        "`authentication_age: {at_least: 3600s, at_most: 7200s}`",
    );
    one(&[allow(Or, vec![days(&[])])], "1:20: warning: `day_of_week  in UTC` never holds: it names no day", "mon-fri");
}

#[test]
fn criteria_that_never_hold_together() {
    let network = || networks(&["192.0.2.0/24"]);
    for (first, second) in [
        (method("GET"), method("POST")),
        (method("GET"), Criterion::CorsPreflight),
        (Criterion::Websocket(true), Criterion::Websocket(false)),
        (hours("09:00", "12:00"), hours("12:00", "17:00")),
        (hours("", "06:00"), hours("22:00", "")),
        (dates("", "2026-01-01T00:00:00Z"), dates("2027-01-01T00:00:00Z", "")),
        (age(Some(3600), None), age(None, Some(60))),
        (days(&[Weekday::Monday]), days(&[Weekday::Tuesday])),
        (network(), networks(&["198.51.100.0/24", "2001:db8::/32"])),
        (path(starts_with("/a/")), path(starts_with("/b/"))),
        (
            Criterion::Email(folded([StringTest::In(set(&["a@example.com", "b@example.com"]))])),
            domain(is("example.org")),
        ),
    ] {
        let rule = |operator| deny(operator, vec![first.clone(), second.clone(), email("x@example.com")]);
        let told = told(&[rule(And)]);
        assert_eq!(told.len(), 1, "{}", told.join("\n"));
        assert!(
            told[0].starts_with(&format!(
                "config.yaml:2:21: warning: `{first}` and `{second}` never hold together, so this rule keeps nobody out"
            )),
            "{told:?}"
        );
        let always = super::told(&[rule(Nor)]);
        assert!(always[0].contains("always fails, so this `nor` keeps out everybody"), "{always:?}");
    }
}

#[test]
fn criteria_of_which_one_always_holds() {
    for (first, second) in [
        (Criterion::Websocket(true), Criterion::Websocket(false)),
        (hours("", "17:00"), hours("09:00", "")),
        (dates("", "2027-01-01T00:00:00Z"), dates("2026-01-01T00:00:00Z", "")),
        (method("GET"), Criterion::HttpMethod(text([StringTest::Not("GET".into())]))),
    ] {
        let always = told(&[deny(Or, vec![first.clone(), second.clone()])]);
        assert!(
            always.len() == 1 && always[0].contains("always holds, so this rule keeps out everybody"),
            "{always:?}"
        );
        let never = told(&[deny(Not, vec![first.clone(), second.clone()])]);
        assert!(never.len() == 1 && never[0].contains("always holds, so this `not` keeps nobody out"), "{never:?}");
    }
}

#[test]
fn a_guard_of_the_global_policy_says_who_may_not() {
    let mut global = allow(Not, vec![email("mallory@example.com")]);
    global.rule.origin = Origin::Global;
    let own = placed(3, Action::Allow, Or, vec![email("a@example.com")]);
    assert_eq!(told(&[global.clone(), own]), [] as [String; 0]);
    global.rule.origin = Origin::Named(Arc::from("team"));
    one(&[global], "1:2: warning: this lets in everybody but those named", "- deny:\n    or:\n");
}

#[test]
fn a_public_route_needs_the_consent_of_the_global_policy() {
    let mut global = allow(Or, vec![networks(&["192.0.2.0/24"])]);
    global.rule.origin = Origin::Global;
    let public = placed(3, Action::Allow, Or, vec![Criterion::Accept]);
    let rule = deny(Or, vec![email("a@example.com")]);
    assert_eq!(told(&[global, public.clone(), rule.clone()]), [] as [String; 0]);
    one(&[public, rule], "2:20: warning: this route is public", "allow_public_unauthenticated_access: true");
}

#[test]
fn aliases_of_a_rule_are_one_rule() {
    let rule = allow(And, vec![email("a@example.com")]);
    assert_eq!(told(&[rule.clone(), rule]), [] as [String; 0]);
}

#[test]
fn networks_that_are_part_of_others() {
    one(
        &[allow(Or, vec![networks(&["192.0.2.0/24"]), networks(&["192.0.2.7"])])],
        "1:21: hint: `source_ip 192.0.2.7` lets in nobody whom `source_ip 192.0.2.0/24` does not let in already",
        "- allow:\n    or:\n      - source_ip: 192.0.2.7/32",
    );
}
