//! Criteria and matchers: what each becomes, and what is said of wrong ones.

use std::fmt::Write as _;

use crate::policies::{policy, rules};
use crate::world::{World, book};

/// A policy of these criteria, one a line.
fn criteria(lines: &[&str]) -> String {
    let mut text = String::from("- allow:\n    or:");
    for line in lines {
        write!(text, "\n      - {line}").unwrap();
    }
    policy(&text)
}

/// What each criterion becomes.
fn becomes(cases: &[(&str, &str)]) {
    let lines: Vec<_> = cases.iter().map(|(written, _)| *written).collect();
    let wanted: Vec<_> = cases.iter().map(|(_, wanted)| *wanted).collect();
    assert_eq!(rules(&criteria(&lines)), [format!("6 allow or [{}]", wanted.join("; "))]);
}

#[test]
fn criteria_about_requests() {
    becomes(&[
        ("http_method: GET", "http_method is GET"),
        ("http_method: {in: [GET, HEAD]}", "http_method in [GET, HEAD]"),
        ("http_path: {starts_with: /api/, not: /api/admin}", "http_path starts_with /api/ and not /api/admin"),
        ("http_path: {glob: \"/users/*/photo\"}", "http_path glob /users/*/photo"),
        ("http_header/X-Environment: {is: Prod, ignore_case: true}", "http_header/x-environment is prod"),
        ("http_query/a/b c: {matches: \"v\\\\d+\"}", "http_query/a/b c matches v\\d+"),
        ("user_agent: {contains: Firefox}", "user_agent contains Firefox"),
        ("source_ip: 192.0.2.7", "source_ip 192.0.2.7"),
        (
            "source_ip: [10.0.0.0/8, \"2001:db8::/32\", \"::ffff:192.0.2.1\"]",
            "source_ip 10.0.0.0/8 or 2001:db8::/32 or 192.0.2.1",
        ),
        ("websocket: true", "websocket true"),
        ("websocket: \"false\"", "websocket false"),
    ]);
}

#[test]
fn criteria_about_people() {
    becomes(&[
        ("authentication_age: 8h", "authentication_age at_most 8h"),
        ("authentication_age: {at_most: 1h30m, at_least: 5m}", "authentication_age at_most 1h 30m and at_least 5m"),
        ("authentication_method: mfa", "authentication_method has mfa"),
        ("authentication_method: {has_any: [hwk, otp]}", "authentication_method has_any [hwk, otp]"),
        ("identity_provider: doorward", "identity_provider is doorward"),
        (
            "identity_provider: {starts_with: \"https://id.example/\"}",
            "identity_provider starts_with https://id.example/",
        ),
        ("email: {matches: \"[A-Z]+@Example\\\\.com\"}", "email matches [A-Z]+@Example\\.com"),
        ("user: {is: Ab, ignore_case: true}", "user is ab"),
        ("user: {is: Ab, ignore_case: false}", "user is Ab"),
        ("groups: {has_all: [A, b], exclude: C, ignore_case: true}", "groups has_all [a, b] and exclude c"),
        ("groups: {glob: \"team-*\"}", "groups glob team-*"),
        ("claim/https://a.example.com/b/c/d/e: {has_any: [x]}", "claim/https://a.example.com/b/c/d/e has_any [x]"),
        ("claim/a.b.c.d.e.f: 1.10", "claim/a.b.c.d.e.f has 1.10"),
    ]);
}

#[test]
fn criteria_about_the_time() {
    becomes(&[
        (
            "date: {after: 2026-01-01, before: 2026-07-01T18:00:00+02:00}",
            "date after 2026-01-01T00:00:00Z and before 2026-07-01T16:00:00Z",
        ),
        ("date: {after: 2026-01-01 09:00, timezone: Europe/Berlin}", "date after 2026-01-01T08:00:00Z"),
        ("date: {before: 2026-07-01, timezone: Europe/Berlin}", "date before 2026-06-30T22:00:00Z"),
        // An offset that is written wins.
        ("date: {after: 2026-01-01T09:00:00Z, timezone: Europe/Berlin}", "date after 2026-01-01T09:00:00Z"),
        ("date: {after: \"2026-01-01T09:00[America/New_York]\"}", "date after 2026-01-01T14:00:00Z"),
        (
            "date: {after: 2026-02-01, before: 2026-01-01}",
            "date after 2026-02-01T00:00:00Z and before 2026-01-01T00:00:00Z",
        ),
        ("day_of_week: \"*\"", "day_of_week mon,tue,wed,thu,fri,sat,sun in UTC"),
        ("day_of_week: mon,Wed-friday", "day_of_week mon,wed,thu,fri in UTC"),
        ("day_of_week: {days: fri-mon, timezone: pacific/auckland}", "day_of_week mon,fri,sat,sun in Pacific/Auckland"),
        (
            "time_of_day: {timezone: Europe/Berlin, after: 9:00, before: 5 PM}",
            "time_of_day after 09:00:00 and before 17:00:00 in Europe/Berlin",
        ),
        ("time_of_day: {timezone: UTC, before: 12:30:15.5}", "time_of_day before 12:30:15.5 in UTC"),
    ]);
}

#[test]
fn what_stands_behind_a_plain_criterion_is_not_looked_at() {
    let text = criteria(&[
        "accept: false",
        "authenticated_user: {a: [b]}",
        "invalid_client_certificate: [1]",
        "reject: false",
    ]);
    assert_eq!(
        rules(&text),
        ["6 allow or [accept; authenticated_user; invalid_client_certificate; reject]"],
        "as Pomerium decides"
    );
}

#[test]
fn the_key_that_pomerium_leaves_behind_is_passed_over() {
    let text = policy("- allow:\n    action: allow\n    or: [{accept: true}]");
    assert_eq!(rules(&text), ["7 allow or [accept]"]);
}

#[test]
fn wrong_criteria() {
    let cases = [
        (
            "methods and paths",
            criteria(&["http_method: [GET]", "http_path: {in_people: x}", "http_path/x: /a", "user_agent:"]),
        ),
        (
            "headers and parameters",
            criteria(&[
                "http_header: x",
                "http_header/: x",
                "http_header/a b: x",
                "http_query: x",
                "http_header/x: {}",
                "http_query/x: [a]",
            ]),
        ),
        (
            "addresses",
            criteria(&[
                "source_ip: 10.0.0.1/8",
                "source_ip: \"::ffff:10.0.0.1/104\"",
                "source_ip: [10.0.0.256, localhost, 10.0.0.0/33, fe80::1%eth0, \"\", {a: b}, 10.0.0.0-10.0.0.9]",
                "source_ip: {in: [10.0.0.1]}",
                "source_ip: []",
                "source_ip:",
            ]),
        ),
        ("websockets", criteria(&["websocket: yes", "websocket:", "websocket: {is: true}"])),
        (
            "ages",
            criteria(&[
                "authentication_age: 8",
                "authentication_age: never",
                "authentication_age:",
                "authentication_age: {}",
                "authentication_age: {at_most: 1d, at_leats: 1h}",
                "authentication_age: {at_most: }",
                "authentication_age: {at_most: 1h, at_least: 2h}",
                "authentication_age: {at_most: 0s}",
            ]),
        ),
        (
            "dates",
            criteria(&[
                "date: 2026-01-01",
                "date: {}",
                "date: {after: }",
                "date: {after: tomorrow, before: 2026-02-30}",
                "date: {after: 2026-01-01, bevore: 2026-01-01}",
                "date: {after: 2026-01-01, timezone: +02:00}",
                "date: {after: \"2026-01-01T09:00[Mars/Olympus]\"}",
                "date: {after: 9:00}",
            ]),
        ),
        (
            "days",
            criteria(&[
                "day_of_week: weekdays",
                "day_of_week: [mon, tue]",
                "day_of_week: mon,,tue",
                "day_of_week: mon-frday",
                "day_of_week:",
                "day_of_week: {timezone: UTC}",
                "day_of_week: {days: mon, zone: UTC}",
            ]),
        ),
        (
            "times",
            criteria(&[
                "time_of_day: 9:00",
                "time_of_day: {after: 9:00}",
                "time_of_day: {timezone: UTC}",
                "time_of_day: {timezone: UTC, after: \"25:00\", before: noon}",
                "time_of_day: {timezone: UTC, after: 13 PM}",
                "time_of_day: {timezone: , after: 9:00}",
            ]),
        ),
        (
            "time zones",
            criteria(&[
                "time_of_day: {timezone: Europe/Brelin, after: 9:00}",
                "time_of_day: {timezone: Berlin, after: 9:00}",
                "time_of_day: {timezone: new york, after: 9:00}",
                "time_of_day: {timezone: PST, after: 9:00}",
                "time_of_day: {timezone: local, after: 9:00}",
                "time_of_day: {timezone: EST, after: 9:00}",
                "time_of_day: {timezone: CET, after: 9:00}",
            ]),
        ),
        ("claims", criteria(&["claim/a/b/c/d/e/f: x", "claim/a: {is: [x]}"])),
        ("methods and providers", criteria(&["authentication_method: {in: [mfa]}", "identity_provider: []"])),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn wrong_matchers() {
    let cases = [
        (
            "expressions",
            criteria(&[
                "email: {matches: \"a(b\"}",
                "email: {matches: \"(?=a)b\"}",
                "email: {matches: \"[z-a]\"}",
                "email: {matches: \"a)|(b\"}",
                "email: {matches: \"\"}",
                "email: {matches: [a]}",
                "email: {glob: }",
                "http_path: {matches: \"(a{1000}){1000}\"}",
                "groups: {matches: \"*\"}",
            ]),
        ),
        (
            "names of tests",
            criteria(&[
                "email: {regex: x}",
                "email: {has_any: [x]}",
                "email: {in_poeple: x}",
                "groups: {in: [x]}",
                "groups: {not: x}",
                "groups: {hasany: [x]}",
                "user_agent: {frobnicates: x}",
            ]),
        ),
        (
            "case",
            criteria(&[
                "user: {ignore_case: true}",
                "user: {is: x, ignore_case: maybe}",
                "user: {is: x, ignore_case: }",
                "email: {is: x@example.com, ignore_case: false}",
                "groups: {has: x, ignorecase: true}",
            ]),
        ),
        ("empty lists", criteria(&["groups: {has_any: []}", "groups: {has_all: []}", "groups: {has_all: [\"\"]}"])),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn bounds() {
    let many = |count: usize, item: &str| vec![item; count].join(", ");
    let people = |numbers: std::ops::Range<u32>| {
        numbers.map(|number| format!("p{number}@example.com")).collect::<Vec<_>>().join(", ")
    };
    let one_rule = |criterion: &str| policy(&format!("- allow: {{or: [{criterion}]}}"));
    let patterns: Vec<_> = (0..=1000).map(|number| format!("{{email: {{glob: \"*@a{number}.example\"}}}}")).collect();
    let cases = [
        ("rules", policy(&format!("[{}]", many(10_001, "{allow: {or: [{accept: 1}]}}")))),
        ("criteria", one_rule(&many(100_001, "{accept: 1}"))),
        ("patterns", one_rule(&patterns.join(", "))),
        ("texts", one_rule(&format!("{{email: {{in: [{}]}}}}", many(100_001, "a")))),
        ("elements", one_rule(&format!("{{groups: {{has_any: [{}]}}}}", many(100_001, "a")))),
        ("networks", one_rule(&format!("{{source_ip: [{}]}}", many(100_001, "::1")))),
        ("a text", one_rule(&format!("{{user: {{is: {}}}}}", "x".repeat(4097)))),
        ("a bare text", one_rule(&format!("{{user: {}}}", "x".repeat(4097)))),
        ("a name", one_rule(&format!("{{? http_query/{} : x}}", "x".repeat(4097)))),
        ("a pattern", one_rule(&format!("{{user: {{glob: {}}}}}", "x".repeat(1001)))),
        ("people", format!("people: {{a: [{}]}}\n{}", many(100_001, "a@example.com"), one_rule("{accept: 1}"))),
        (
            "people together",
            format!(
                "people: {{a: [{}], b: [{}], c: [a, b]}}\n{}",
                people(0..60_000),
                people(60_000..120_000),
                one_rule("{email: {in_people: c}}")
            ),
        ),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
    // What is written often is compiled once.
    let often = vec!["{email: {glob: \"*@example.com\"}}"; 2000].join(", ");
    assert!(World::default().report(&one_rule(&often)).ends_with("taken"));
}
