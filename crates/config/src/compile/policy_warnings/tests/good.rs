//! Rules that are as they should be.

use super::*;
use Operator::{And, Nor, Not, Or};

#[test]
fn nothing_is_said_of_good_rules() {
    let you = || email("you@example.com");
    for rules in [
        vec![allow(Or, vec![hours("09:00", "17:00"), you()])],
        vec![allow(And, vec![hours("09:00", "17:00"), days(&[Weekday::Monday, Weekday::Friday]), you()])],
        vec![allow(Or, vec![hours("22:00", ""), hours("", "06:00")])],
        vec![allow(And, vec![you(), dates("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z")])],
        vec![allow(And, vec![you(), age(Some(60), Some(3600))])],
        vec![allow(And, vec![you(), age(None, Some(3600))])],
        vec![allow(Or, vec![path(starts_with("/public/"))])],
        vec![allow(Or, vec![path(is("/admin")), path(starts_with("/admin/"))])],
        vec![allow(Or, vec![path(starts_with("/"))])],
        vec![allow(Or, vec![path(starts_with("/static/app-"))])],
        vec![allow(Or, vec![path(glob("/a/*/c")), path(glob("/b/**")), path(glob("**/x"))])],
        vec![allow(Or, vec![path(regex("/a(/.*)?"))])],
        vec![allow(Or, vec![path(is("/100%"))])],
        vec![allow(Or, vec![you()]), deny(Or, vec![path(starts_with("/admin"))])],
        vec![allow(Or, vec![you()]), deny(Not, vec![method("GET"), method("HEAD")])],
        vec![allow(And, vec![you(), Criterion::HttpMethod(folded([is("get")]))])],
        vec![allow(And, vec![you(), Criterion::Websocket(false)])],
        vec![allow(Or, vec![domain(regex("(.*\\.)?example\\.com"))])],
        vec![allow(Or, vec![domain(regex("example\\.(com|org)"))])],
        vec![allow(Or, vec![domain(regex("[a-z.]+\\.example\\.com"))])],
        vec![allow(Or, vec![domain(glob("*.example.com"))])],
        vec![allow(Or, vec![Criterion::Email(folded([glob("*@example.com")]))])],
        vec![allow(And, vec![header("x-env", is("prod")), you()])],
        vec![allow(Or, vec![Criterion::Accept]), deny(Or, vec![header("x-env", is("prod"))])],
        vec![allow(Or, vec![you()]), deny(Or, vec![Criterion::UserAgent(text([starts_with("curl/")]))])],
        vec![allow(Or, vec![networks(&["192.0.2.0/24", "2001:db8::/32"])])],
        vec![allow(And, vec![networks(&["10.0.0.0/8"]), you()])],
        vec![allow(Or, vec![you()]), deny(Not, vec![networks(&["10.0.0.0/8"])])],
        vec![allow(Nor, vec![Criterion::InvalidClientCertificate])],
        vec![allow(Or, vec![Criterion::IdentityProvider(text([is("https://idp.example.com")]))])],
    ] {
        let told: Vec<_> = told(&rules).into_iter().filter(|told| !told.contains("`not` holds when none")).collect();
        assert_eq!(told, [] as [String; 0], "{rules:?}");
    }
}

/// Neither a long list nor a long rule takes long.
#[test]
fn large_policies_are_looked_at_quickly() {
    let begun = std::time::Instant::now();
    let people: Vec<_> = (0..10_000).map(|number| format!("person{number}@example.com")).collect();
    let listed = |from: usize| Criterion::Email(folded([StringTest::In(TextSet::new(people[from..].iter().cloned()))]));
    let many: Vec<_> = people.iter().map(|address| email(address)).collect();
    let rules: Vec<_> = (1..20)
        .map(|line| placed(line, Action::Allow, Or, vec![listed(0), domain(is("example.org"))]))
        .chain([allow(And, vec![listed(1), listed(2), listed(3)]), allow(Or, many.clone()), deny(Or, many)])
        .collect();
    assert!(told(&rules).len() <= 500);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}
