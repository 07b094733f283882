//! Tests of policies: what they may say, and every problem with its place.

use std::time::Duration;

use doorward_authorize::Verdict;
use doorward_config::{Expectations, Problems, Source, is_configuration, load_expectations};
use http::Method;

use crate::world::{ROUTE, World};

fn read(world: &World, text: &str) -> Result<Expectations, Problems> {
    load_expectations(&Source::new("policies/tests.yaml", text), world, world)
}

/// A test with these keys besides what every test needs.
fn with(keys: &str) -> String {
    let keys: Vec<_> = keys.lines().map(|line| format!("    {line}\n")).collect();
    format!("tests:\n  - url: https://code.example.com/\n    expect: allow\n{}", keys.concat())
}

#[test]
fn everything_that_can_be_said_is_read() {
    let world = World::with_certificates();
    let text = "\
config: ../config.yaml
tests:
  - name: staff may read the wiki
    as: Alice@Example.com
    groups: [staff, wheel]
    claims: {department: security, level: 3, roles: [a, b]}
    user: u-123
    unverified: true
    identity_provider: https://idp.example.com
    authentication_age: 2h
    url: https://wiki.example.com/page?x=1
    method: get
    ip: 192.0.2.7
    headers: {X-Env: prod, X-Twice: [a, b]}
    websocket: true
    time: 2026-11-21T09:30:00+01:00
    expect: sign-in
    reason: user-unauthenticated
";
    let read = read(&world, text).unwrap();
    assert_eq!(read.config.unwrap().to_str(), Some("policies/../config.yaml"));
    let [only] = read.tests.as_slice() else { panic!("{:?}", read.tests) };
    assert_eq!((only.name.as_deref(), only.expect), (Some("staff may read the wiki"), Verdict::SignIn));
    assert_eq!(
        (only.reason, only.place.to_string().as_str()),
        (Some("user-unauthenticated"), "policies/tests.yaml:3:5")
    );
    let question = &only.question;
    assert_eq!((question.method.clone(), question.websocket), (Method::GET, true));
    assert_eq!(question.url.query.as_deref(), Some("x=1"));
    assert_eq!(question.ip.to_string(), "192.0.2.7");
    assert_eq!(question.headers.get_all("x-twice").iter().count(), 2);
    assert_eq!(question.time, doorward_config::point_in_time("2026-11-21T08:30:00Z"));
    let person = question.who.as_ref().unwrap();
    assert_eq!((person.email.as_str(), person.verified, person.user.as_str()), ("alice@example.com", false, "u-123"));
    assert_eq!(person.groups.as_slice(), ["staff", "wheel"]);
    assert_eq!(person.claims.strings_at("level"), ["3"]);
    assert_eq!(person.claims.strings_at("roles"), ["a", "b"]);
    assert_eq!(person.identity_provider.as_deref(), Some("https://idp.example.com"));
    assert_eq!(person.authentication_age, Duration::from_secs(7200));
}

#[test]
fn a_list_alone_is_a_file_of_tests_and_little_is_needed() {
    let read = read(&World::default(), "- {url: https://a.example.com, expect: deny, reason: no-route}\n").unwrap();
    let [test] = read.tests.as_slice() else { panic!("{:?}", read.tests) };
    assert!(test.question.who.is_none() && test.question.time.is_none() && read.config.is_none());
    assert_eq!(test.question.ip.to_string(), "127.0.0.1");
    assert_eq!(test.question.url.path.raw(), "/");
}

#[test]
fn certificates_are_found_beside_the_tests() {
    let world = World::with_certificates();
    // Of those with one certificate, no chain: the world keeps its files in no order.
    let alone = |text: &[u8]| String::from_utf8_lossy(text).matches("-----BEGIN CERTIFICATE").count() == 1;
    let (name, certificate) = world.files.iter().find(|(_, text)| alone(text)).unwrap();
    let beside = World::default().file("policies/laptop.pem", certificate.clone());
    let text = with("client_certificate: laptop.pem");
    assert_eq!(read(&beside, &text).unwrap().tests[0].question.certificate.len(), 1);
    // In a configuration it is found as every other file is.
    let text = format!("{ROUTE}{}", with(&format!("client_certificate: {}", name.display())));
    let loaded = world.load(&text).unwrap();
    assert_eq!(loaded.config.tests[0].question.certificate.len(), 1);
    assert!(loaded.watched.contains(name), "a reload has to notice when it changes");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let world = World::default().file("policies/empty.pem", "nothing");
    let as_ = "as: you@example.com\n";
    for (text, place, what) in [
        ("tests:\n  - {expect: allow}\n".to_owned(), "2:5", "no `url`"),
        ("tests:\n  - {url: https://a.example.com}\n".into(), "2:5", "no `expect`"),
        ("tests: yes\n".into(), "1:8", "is a list"),
        ("test: []\n".into(), "1:1", "Did you mean `tests`"),
        ("just words\n".into(), "1:1", "a file of tests"),
        (with("emial: x"), "4:5", "not a key of a test"),
        (with("methid: GET"), "4:5", "Did you mean `method`"),
        (with("as: alice"), "4:9", "an e-mail address, but"),
        (with("as: ''"), "4:9", "an e-mail address, but"),
        (with("groups: [staff]"), "4:13", "said of nobody"),
        (with("unverified: true"), "4:17", "said of nobody"),
        (with(&format!("{as_}claims: [a]")), "5:13", "names with values"),
        (with(&format!("{as_}claims: {{a: {{b: c}}}}")), "5:17", "is a list"),
        (with(&format!("{as_}authentication_age: 2d")), "5:25", "the longest unit is the hour"),
        (with(&format!("{as_}authentication_age: never")), "5:25", "not for ever"),
        (with("method: G ET"), "4:13", "no HTTP method"),
        (with("websocket: true\nmethod: POST"), "5:13", "asked for by GET"),
        (with("ip: 300.1.1.1"), "4:9", "no address"),
        (with("headers: {\"X Y\": a}"), "4:15", "not the name of a header"),
        (with("headers: {X-Y: \"a\\nb\"}"), "4:20", "cannot have this value"),
        (with("time: 2026-11-21"), "4:11", "no point in time"),
        (with("client_certificate: gone.pem"), "4:25", "does not exist"),
        (with("client_certificate: empty.pem"), "4:25", "no PEM certificate"),
        (with("reason: email-okay"), "4:13", "Did you mean `email-ok`"),
        (with("reason: because"), "4:13", "no reason that a decision can have"),
        ("- {url: https://a.example.com, expect: alow}\n".into(), "1:40", "Did you mean `allow`"),
        ("- {url: /path, expect: allow}\n".into(), "1:9", "no whole URL"),
        ("- {url: https://a.example.com/../x, expect: allow}\n".into(), "1:9", "refused (400)"),
        ("- {url: 'ftp://a.example.com/', expect: allow}\n".into(), "1:9", "starts with `https://`"),
    ] {
        let problems = read(&world, &text).err().unwrap_or_else(|| panic!("taken: {text}")).to_string();
        assert!(problems.contains(&format!("policies/tests.yaml:{place}: error: ")), "{place} of\n{text}\n{problems}");
        assert!(problems.contains(what), "{what:?} of\n{text}\n{problems}");
    }
}

#[test]
fn every_problem_is_said_at_once_and_no_value_is_repeated() {
    let text = "- {url: x, expect: y, headers: {X-Token: \"sesame\\n\"}, time: soon}\n- {}\n";
    let problems = read(&World::default(), text).unwrap_err();
    assert_eq!(problems.iter().count(), 6, "{problems}");
    assert!(!problems.to_string().contains("sesame"), "{problems}");
}

#[test]
fn a_file_has_so_many_tests_and_no_more() {
    let many = |count: usize| "- {url: https://a.example.com, expect: deny}\n".repeat(count);
    assert_eq!(read(&World::default(), &many(10_000)).unwrap().tests.len(), 10_000);
    let problems = read(&World::default(), &many(10_001)).unwrap_err();
    assert!(problems.to_string().contains("10001 tests"), "{problems}");
}

#[test]
fn a_configuration_has_tests_of_its_own_and_their_problems_are_its() {
    let loaded = World::default().load(&format!("{ROUTE}{}", with("as: you@example.com"))).unwrap();
    assert_eq!(loaded.config.tests.len(), 1);
    assert_eq!(World::default().load(ROUTE).unwrap().config.tests.len(), 0);
    let problems = World::default().load(&format!("{ROUTE}{}", with("reason: x"))).unwrap_err().to_string();
    assert!(problems.contains("config.yaml:11:13: error: `reason`"), "{problems}");
}

#[test]
fn a_configuration_is_told_from_a_file_of_tests() {
    for (text, expected) in
        [(ROUTE, true), ("policy: []", true), (with("").as_str(), false), ("- a\n", false), ("[", false), ("", false)]
    {
        assert_eq!(is_configuration(&Source::new("x", text)), expected, "{text}");
    }
}
