//! Values that no request has, that anybody can send, or that reach further than they seem to.

use super::*;
use Operator::{And, Not, Or};

fn beside_a_person(criterion: Criterion) -> [PlacedRule; 1] {
    [allow(And, vec![criterion, email("a@example.com")])]
}

#[test]
fn paths_and_methods() {
    for (criterion, words, rewrite) in [
        (
            path(starts_with("/admin")),
            "`http_path starts_with /admin` holds of `/admin-other`, too",
            "- http_path: {is: /admin}\n- http_path: {starts_with: /admin/}",
        ),
        (path(is("admin")), "every path begins with `/`", "`http_path: {is: /admin}`"),
        (path(starts_with("api/")), "every path begins with `/`", "`http_path: {starts_with: /api/}`"),
        (
            path(is("HTTPS://app.example.com/a/b?c=d")),
            "`http_path` is compared with a whole URL",
            "`http_path: {is: /a/b}`",
        ),
        (
            path(is("/search?q=1")),
            "a path has no query",
            "`http_path: {is: /search}`. What stands behind `?` is asked by `http_query/q`.",
        ),
        (path(is("/a%20b")), "`http_path` is compared with the decoded path", "`http_path: {is: \"/a b\"}`"),
        (
            path(StringTest::In(set(&["/ok", "/admin/*"]))),
            "`is` takes `*` for itself",
            "`http_path: {glob: \"/admin/**\"}`",
        ),
        (path(glob("admin/**")), "every path begins with `/`", "`http_path: {glob: \"/admin/**\"}`"),
        (method("get"), "methods are written in capitals, so none ever is `get`", "`http_method: {is: GET}`"),
    ] {
        one(&beside_a_person(criterion), &format!("1:20: warning: {words}"), rewrite);
    }
}

#[test]
fn patterns_of_domains_and_addresses() {
    for (criterion, words, rewrite) in [
        (
            domain(regex("example.com")),
            "warning: a `.` in `example.com` stands for any character",
            "`domain: {matches: \"example\\\\.com\"}`",
        ),
        (
            domain(regex("^(.*\\.)?example.com$")),
            "warning: a `.` in",
            "`domain: {matches: \"(.*\\\\.)?example\\\\.com\"}`",
        ),
        (
            domain(regex("^example\\.com$")),
            "hint: `matches` is always of the whole text",
            "`domain: {matches: \"example\\\\.com\"}`",
        ),
        (
            Criterion::Email(folded([regex(".*@example.com")])),
            "warning: a `.` in",
            "`email: {matches: \".*@example\\\\.com\"}`",
        ),
        (path(regex("^/a/.+$")), "hint: `matches` is always of the whole text", "`http_path: {matches: /a/.+}`"),
        (
            domain(glob("*example.com")),
            "warning: `domain glob *example.com` holds of `evilexample.com`, too",
            "- domain: {ends_with: .example.com}",
        ),
        (
            domain(glob("example.*")),
            "warning: `domain glob example.*` lets in whoever",
            "`domain: {in: [example.com, example.org]}`",
        ),
        (
            Criterion::Email(folded([glob("*example.com")])),
            "warning: `email glob *example.com` holds of",
            "`domain: {is: example.com}`",
        ),
        (
            Criterion::Email(folded([glob("a@*")])),
            "warning: `email glob a@*` lets in whoever",
            "`email: {in: [a@example.com]}`",
        ),
    ] {
        one(&beside_a_person(criterion), &format!("1:20: {words}"), rewrite);
    }
}

#[test]
fn headers_that_anybody_can_send() {
    for (name, value, rewrite) in [
        ("x-forwarded-for", "192.0.2.7", "`source_ip: \"192.0.2.7\"`"),
        ("x-real-ip", "office", "`source_ip: 192.0.2.0/24`"),
        ("x-forwarded-email", "a@example.com", "`email: {is: you@example.com}`"),
        ("x-doorward-claim-groups", "admins", "`groups: {has: GROUP}`"),
        ("x-pomerium-claim-department", "x", "`claim/department: {has: VALUE}`"),
        ("x-doorward-jwt-assertion", "x", "Ask who the person is"),
        ("x-original-url", "/admin", "Ask where the request comes from"),
        ("authorization", "Bearer hunter2", "Let people sign in"),
        ("cookie", "a=hunter2", "client certificate"),
    ] {
        let criterion = header(name, is(value));
        let reserved = name.starts_with("x-");
        let words = if reserved { "no policy sees the header" } else { "anybody can send the header" };
        one(&beside_a_person(criterion.clone()), &format!("1:20: warning: {words} `{name}`"), rewrite);
        assert!(!told(&beside_a_person(criterion)).join("\n").contains("hunter2"));
    }
}

#[test]
fn what_a_client_says_lets_nobody_in_alone() {
    let agent = || Criterion::UserAgent(text([StringTest::Contains("Monitor".into())]));
    let words = "1:20: warning: `user_agent` alone lets people in, but anybody can write anything there";
    let rewrite = "- allow:\n    and:\n      - user_agent: {contains: Monitor}\n      - email: {is: you@example.com}";
    one(&[allow(Or, vec![agent()])], words, rewrite);
    one(&[allow(Or, vec![agent(), email("a@example.com")])], words, rewrite);
    one(&[allow(Not, vec![agent()])], words, "Put it under `and`");
    let secret = told(&[allow(And, vec![header("x-api-key", is("hunter2"))])]).join("\n");
    assert!(secret.contains("`http_header/x-api-key` alone lets people in") && !secret.contains("hunter2"), "{secret}");
}

#[test]
fn networks_that_everybody_is_in() {
    one(
        &beside_a_person(networks(&["0.0.0.0/0"])),
        "1:20: warning: `source_ip 0.0.0.0/0` always holds for every IPv4",
        "- accept: true",
    );
    one(
        &beside_a_person(networks(&["0.0.0.0/0", "::/0"])),
        "1:20: warning: `source_ip 0.0.0.0/0 or ::/0` always holds for every address",
        "Name the networks",
    );
    one(
        &[allow(Or, vec![networks(&["10.0.0.0/8"])])],
        "1:20: hint: `source_ip 10.0.0.0/8` lets in whoever comes from there",
        "- allow:\n    and:\n      - source_ip: 10.0.0.0/8\n      - authenticated_user: true",
    );
}
