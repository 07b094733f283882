use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{Claims, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use http::{HeaderMap, HeaderName, Method};

use super::*;
use crate::{Age, Case, CertificateMatcher, ListMatcher, ListTest, Networks, Pattern, People, RouteId, TimeOfDay};

fn rule(action: Action, operator: Operator, criteria: Vec<Criterion>) -> Rule {
    Rule { action, operator, criteria, origin: Origin::Route, line: 1 }
}

fn allow(criteria: Vec<Criterion>) -> Rule {
    rule(Action::Allow, Operator::Or, criteria)
}

fn deny(criteria: Vec<Criterion>) -> Rule {
    rule(Action::Deny, Operator::Or, criteria)
}

fn text(test: StringTest) -> StringMatcher {
    StringMatcher::new(vec![test], Case::Insensitive)
}

fn list(test: ListTest) -> ListMatcher {
    ListMatcher::new(vec![test], Case::Sensitive)
}

fn set(texts: &[&str]) -> TextSet {
    TextSet::new(texts.iter().map(|text| (*text).to_owned()))
}

fn is(text_: &str) -> StringMatcher {
    text(StringTest::Is(text_.into()))
}

fn group(name: &str) -> Criterion {
    Criterion::Groups(list(ListTest::Has(name.into())))
}

fn networks(network: &str) -> Criterion {
    Criterion::SourceIp(Networks::new(vec![Networks::parse_one(network).unwrap()]))
}

fn eve(email: VerifiedEmail) -> Identity {
    Identity {
        subject: Subject { issuer: "https://idp.test".into(), id: "u-666".into() },
        email,
        name: None,
        groups: Groups::new(["staff".to_owned()]),
        claims: Claims::default(),
        authenticated_at: SystemTime::UNIX_EPOCH,
    }
}

fn advice_for(rules: Vec<Rule>, email: VerifiedEmail) -> Option<String> {
    let who = eve(email);
    let facts = Facts {
        method: &Method::POST,
        host: &Hostname::parse("app.test").unwrap(),
        path: &NormalPath::parse("/here").unwrap(),
        query: Some("x=1"),
        headers: &HeaderMap::new(),
        source_ip: IpAddr::from([192, 0, 2, 7]),
        client_certificate: &Presented::Nothing,
        websocket: false,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(24 * 60 * 60),
    };
    Policy::new(RouteId::new("app"), rules).advice(&facts, Visitor::Known(&who))
}

fn advice(rules: Vec<Rule>) -> Option<String> {
    advice_for(rules, VerifiedEmail::Verified(Email::parse("eve@example.net").unwrap()))
}

#[test]
fn what_is_missing_is_said_in_one_sentence() {
    let people = People { names: vec!["The Smiths".into()], members: set(&["john@example.com"]) };
    let hours = TimeOfDay {
        after: Some(jiff::civil::time(9, 0, 0, 0)),
        before: Some(jiff::civil::time(17, 0, 0, 0)),
        zone: jiff::tz::TimeZone::UTC,
    };
    let hour = Duration::from_secs(3600);
    for (criterion, expected) in [
        (Criterion::Email(is("you@example.com")), "You need an e-mail address that is on the list."),
        (Criterion::Email(text(StringTest::InPeople(people))), "You need an e-mail address that is on the list."),
        (Criterion::Email(text(StringTest::EndsWith("@example.com".into()))), "You need an address at example.com."),
        (Criterion::Email(text(StringTest::Contains("john".into()))), "You need another e-mail address."),
        (Criterion::Domain(is("example.com")), "You need an address at example.com."),
        (
            Criterion::Domain(text(StringTest::In(set(&["a.test", "b.test"])))),
            "You need an address at a.test or b.test.",
        ),
        // Written with @ by mistake.
        (Criterion::Domain(is("you@example.com")), "You need an e-mail address at another domain."),
        (group("admins"), "You need to be in the group admins."),
        (group("admins@example.com"), "You need to be in another group."),
        (Criterion::Groups(list(ListTest::HasAll(set(&["a", "b"])))), "You need to be in all of the groups a and b."),
        (Criterion::Groups(list(ListTest::Exclude("staff".into()))), "You need not to be in the group staff."),
        (
            Criterion::Claim { path: "department".into(), matcher: list(ListTest::Has("legal".into())) },
            "You need another value of the claim department.",
        ),
        (
            Criterion::AuthenticationAge(Age { at_most: Some(hour), at_least: None }),
            "You need to sign in again, as a sign-in may be at most 1h old.",
        ),
        (
            Criterion::AuthenticationMethod(list(ListTest::HasAny(set(&["mfa", "hwk"])))),
            "You need to sign in with mfa or hwk.",
        ),
        (networks("10.0.0.0/8"), "You need a request from an address that is allowed (yours is 192.0.2.7)."),
        (
            Criterion::HttpMethod(StringMatcher::new(vec![StringTest::In(set(&["GET", "HEAD"]))], Case::Sensitive)),
            "You need the method GET or HEAD.",
        ),
        (
            Criterion::HttpPath(text(StringTest::StartsWith("/public".into()))),
            "You need a path that begins with /public.",
        ),
        (
            Criterion::HttpHeader { name: HeaderName::from_static("x-key"), matcher: is("secret") },
            "You need another value of the header x-key.",
        ),
        (
            Criterion::HttpQuery { name: "token".into(), matcher: is("secret") },
            "You need another value of the query parameter token.",
        ),
        (Criterion::TimeOfDay(hours), "You need a request after 09:00:00 and before 17:00:00 in UTC."),
        (Criterion::Websocket(true), "You need a WebSocket."),
    ] {
        assert_eq!(advice(vec![allow(vec![criterion.clone()])]).as_deref(), Some(expected), "{criterion}");
    }
}

#[test]
fn alternatives_are_joined_and_what_nobody_can_mend_is_left_out() {
    let you = || Criterion::Email(is("you@example.com"));
    let both =
        rule(Action::Allow, Operator::And, vec![Criterion::AuthenticatedUser, group("a"), networks("10.0.0.0/8")]);
    assert_eq!(
        advice(vec![allow(vec![you(), Criterion::CorsPreflight, you()]), both]).as_deref(),
        Some(
            "You need an e-mail address that is on the list, or to be in the group a and a request from an address that \
             is allowed (yours is 192.0.2.7)."
        )
    );
    let never = rule(Action::Allow, Operator::And, vec![Criterion::Reject, group("a")]);
    assert_eq!(advice(vec![never.clone(), allow(vec![group("b")])]).as_deref(), Some("You need to be in the group b."));
    assert_eq!(advice(vec![never]), None);
    assert_eq!(advice(vec![]).as_deref(), Some("No rule lets anybody in here."));
    let not = rule(Action::Allow, Operator::Not, vec![group("staff"), group("admins")]);
    assert_eq!(advice(vec![not]).as_deref(), Some("You need not to be in the group staff."));
    // Where the global policy says who may, that is needed as well.
    let global = Rule { origin: Origin::Global, ..allow(vec![group("company")]) };
    assert_eq!(
        advice(vec![global.clone(), allow(vec![you()])]).as_deref(),
        Some("You need an e-mail address that is on the list as well as to be in the group company.")
    );
    assert_eq!(
        advice(vec![global, allow(vec![Criterion::Accept])]).as_deref(),
        Some("You need to be in the group company.")
    );
}

#[test]
fn whoever_is_turned_away_learns_what_of_theirs_did_it() {
    for (rule, expected) in [
        (deny(vec![networks("192.0.2.0/24")]), "requests from your address (192.0.2.7)"),
        (rule(Action::Deny, Operator::Not, vec![networks("10.0.0.0/8")]), "requests from your address (192.0.2.7)"),
        (deny(vec![group("admins"), group("staff")]), "members of the group staff"),
        (rule(Action::Deny, Operator::Nor, vec![group("admins")]), "everybody who is not in the group admins"),
        (deny(vec![Criterion::Email(is("eve@example.net"))]), "your e-mail address"),
        (deny(vec![Criterion::Domain(is("example.net"))]), "addresses at your domain (example.net)"),
        (deny(vec![Criterion::HttpMethod(is("post"))]), "requests with the method POST"),
        (
            rule(Action::Deny, Operator::And, vec![Criterion::HttpMethod(is("post")), group("staff")]),
            "requests with the method POST, combined with members of the group staff",
        ),
        (
            deny(vec![Criterion::AuthenticationAge(Age { at_most: None, at_least: Some(Duration::from_secs(60)) })]),
            "sign-ins as long ago as yours (sign in again)",
        ),
        (
            rule(
                Action::Deny,
                Operator::Not,
                vec![Criterion::AuthenticationAge(Age { at_most: Some(Duration::from_secs(60)), at_least: None })],
            ),
            "sign-ins as long ago as yours (sign in again)",
        ),
    ] {
        let told = advice(vec![allow(vec![Criterion::Accept]), rule.clone()]);
        assert_eq!(told, Some(format!("A rule turns away {expected}.")), "{rule:?}");
    }
}

#[test]
fn an_address_nobody_vouches_for_is_said_to_be_one() {
    let unverified = VerifiedEmail::Unverified(Email::parse("you@example.com").unwrap());
    assert_eq!(
        advice_for(vec![allow(vec![Criterion::Email(is("you@example.com"))])], unverified).as_deref(),
        Some("You need an e-mail address that your identity provider vouches for.")
    );
}

#[test]
fn a_sentence_stays_short() {
    let many: Vec<_> = (0..50).map(|n| group(&format!("group-number-{n}"))).collect();
    let told = advice(vec![allow(many.clone())]).unwrap();
    assert!(told.chars().count() <= LONGEST && told.ends_with(", or …"), "{told}");
    assert!(
        told.starts_with("You need to be in the group group-number-0, or to be in the group group-number-1"),
        "{told}"
    );
    let told = advice(vec![rule(Action::Allow, Operator::And, many)]).unwrap();
    assert!(told.chars().count() <= LONGEST && told.ends_with('…'), "{told}");
}

/// Every place where a configuration writes about somebody in particular.
fn telling(secret: &str) -> Vec<Criterion> {
    let person = format!("{secret}@example.com");
    let people = || People { names: vec![secret.into()], members: set(&[&person]) };
    let tests = || {
        vec![
            StringTest::Is(person.clone()),
            StringTest::Not(person.clone()),
            StringTest::Contains(secret.into()),
            StringTest::StartsWith(secret.into()),
            StringTest::EndsWith(person.clone()),
            StringTest::In(set(&[&person, secret])),
            StringTest::NotIn(set(&[&person, secret])),
            StringTest::InPeople(people()),
            StringTest::NotInPeople(people()),
            StringTest::Matches(Pattern::regex(secret, Case::Insensitive).unwrap()),
            StringTest::Glob(Pattern::glob(secret, Case::Insensitive).unwrap()),
        ]
    };
    let mut all = Vec::new();
    for test in tests() {
        all.push(Criterion::Email(text(test.clone())));
        all.push(Criterion::User(text(test.clone())));
        all.push(Criterion::IdentityProvider(text(test.clone())));
        all.push(Criterion::UserAgent(text(test.clone())));
        all.push(Criterion::HttpQuery { name: "q".into(), matcher: text(test.clone()) });
        all.push(Criterion::HttpHeader { name: HeaderName::from_static("x-a"), matcher: text(test.clone()) });
        all.push(Criterion::ClientCertificate(CertificateMatcher {
            san_email: Some(text(test)),
            ..CertificateMatcher::default()
        }));
    }
    for test in [
        ListTest::Has(person.clone()),
        ListTest::Is(person.clone()),
        ListTest::Exclude(person.clone()),
        ListTest::HasAny(set(&[&person])),
        ListTest::HasAll(set(&[&person])),
        ListTest::Matches(Pattern::regex(secret, Case::Sensitive).unwrap()),
    ] {
        all.push(Criterion::Claim { path: "c".into(), matcher: list(test.clone()) });
        all.push(Criterion::Groups(list(test)));
    }
    all.push(Criterion::Claim { path: person.clone(), matcher: list(ListTest::Has("x".into())) });
    all.push(Criterion::Domain(is(&person)));
    all
}

#[test]
fn nothing_of_anybody_else_is_ever_told() {
    for criterion in telling("zaphod") {
        for action in [Action::Allow, Action::Deny] {
            for operator in [Operator::And, Operator::Or, Operator::Not, Operator::Nor] {
                let rules = vec![allow(vec![group("nobody")]), rule(action, operator, vec![criterion.clone()])];
                let told = advice(rules).unwrap_or_default();
                assert!(!told.contains("zaphod"), "{action} {operator} {criterion}: {told}");
            }
        }
    }
}
