//! The routes, people and requests of the comparison over the whole policy language.

use super::{Asked, Known};
use crate::harness::scene::ANYBODY_SIGNED_IN;

/// One sign-in for all hosts, as many of them ask nobody who they are.
pub(super) const KEYS: &str = "cookie_domain: example.test
people:
  house: [alice@example.com, guests]
  guests: [x@contractor.example, sub-y]
policies:
  team:
    - allow: {or: [{groups: {has: wheel}}]}
    - deny: {or: [{http_method: DELETE}]}
  readers:
    - allow: {and: [{http_method: {in: [GET, HEAD]}}, {email: {in_people: house}}]}";

pub(super) const GLOBAL: &str = "global_policy:
  - deny:
      or:
        - http_header/X-Blocked: \"1\"
        - http_path: {contains: .git}
        - email: former@example.com";

/// Whom the global policy lets in at all; and a header that no visitor of a company sends.
pub(super) const REQUIRED: &str = "global_policy:
  - allow:
      or:
        - domain: {in: [example.com, corp.example]}
        - http_header/X-Ci: {matches: 'job-[0-9]+'}
  - deny: {or: [{source_ip: 192.0.2.0/24}, {http_query/debug: \"1\"}]}";

/// A policy of one allow rule with one criterion.
pub(super) fn allow(criterion: &str) -> String {
    format!("policy: [{{allow: {{or: [{{{criterion}}}]}}}}]")
}

/// One that lets in everybody but for this criterion.
pub(super) fn all_but(criterion: &str) -> String {
    format!("policy: [{{allow: {{or: [{{accept: true}}]}}}}, {{deny: {{or: [{{{criterion}}}]}}}}]")
}

pub(super) fn routes() -> Vec<(&'static str, String)> {
    let rules = |text: &str| text.to_owned();
    vec![
        ("app", rules(ANYBODY_SIGNED_IN)),
        ("header", allow("http_header/X-Env: {in: [prod, test]}")),
        ("no-header", all_but("http_header/X-Debug: {is: 'YES', ignore_case: true}")),
        ("query", allow("http_query/key: abc")),
        ("no-query", all_but("http_query/key: abc")),
        ("path", allow("http_path: {starts_with: /pub}")),
        ("no-path", all_but("http_path: {starts_with: /admin}")),
        ("glob", allow("http_path: {glob: '/docs/*/*.html'}")),
        ("globs", all_but("http_path: {glob: '/private/**'}")),
        ("matches", allow("http_path: {matches: '/v[0-9]+/.*'}")),
        ("method", allow("http_method: {in: [GET, PUT]}")),
        ("agent", allow("user_agent: {contains: CURL, ignore_case: true}")),
        ("here", allow("source_ip: [127.0.0.0/8, '::1']")),
        ("there", all_but("source_ip: 127.0.0.1")),
        ("mfa", allow("authentication_method: {has: mfa}")),
        ("provider", allow("identity_provider: {starts_with: 'http://127.0.0.1:'}")),
        ("built-in", allow("identity_provider: doorward")),
        ("fresh", allow("authentication_age: 8h")),
        ("stale", allow("authentication_age: {at_least: 1h}")),
        ("any", allow("groups: {has_any: [wheel, admins]}")),
        ("both", allow("groups: {has_all: [wheel, staff]}")),
        ("claim", allow("claim/team: {has_any: [red, green]}")),
        ("folded", allow("user: {is: SUB-ALICE, ignore_case: true}")),
        ("house", allow("email: {in_people: house}")),
        ("users", allow("user: {in_people: [guests]}")),
        ("strangers", allow("email: {not_in_people: house}")),
        ("team", rules("policy: team")),
        ("mixed", rules("policy: [team, readers, {allow: {and: [{http_query/token: t}]}}]")),
        ("noon", allow("time_of_day: {timezone: Europe/Berlin, after: '00:00'}")),
        ("never", allow("time_of_day: {timezone: UTC, after: '2 PM', before: '1 PM'}")),
        ("since", allow("date: {after: 2020-01-01}")),
        ("before", allow("date: {before: 2020-01-01, timezone: America/New_York}")),
        ("weekend", all_but("day_of_week: mon-sun")),
        ("trial", rules(&format!("{ANYBODY_SIGNED_IN}\npolicy_shadow: [{{deny: {{or: [{{accept: true}}]}}}}]"))),
        (
            "tried",
            rules(
                "policy: [{allow: {or: [{email: alice@example.com}]}}]\npolicy_shadow: [{allow: {or: [{accept: true}]}}]",
            ),
        ),
        ("neither", rules("policy: [{allow: {not: [{http_query/key: abc}, {http_path: {starts_with: /admin}}]}}]")),
        ("nor", rules("policy: [{allow: {nor: [{http_header/X-Env: prod}, {authenticated_user: true}]}}]")),
    ]
}

/// Besides the front page of every host.
pub(super) const REQUESTS: [Asked; 64] = [
    ("GET", "app", "/a/.git/config", &[]),
    ("GET", "no-path", "/", &[("x-blocked", "1")]),
    ("GET", "house", "/", &[("x-blocked", "0"), ("x-blocked", "1")]),
    ("GET", "trial", "/x%2egit", &[]),
    ("GET", "header", "/", &[("x-env", "prod")]),
    ("GET", "header", "/", &[("x-env", "prod"), ("x-env", "prod")]),
    ("GET", "header", "/", &[("x-env", "prod"), ("x-env", "else")]),
    ("GET", "header", "/", &[("x-env", "prod,test")]),
    ("GET", "header", "/", &[("x-env", "PROD")]),
    ("GET", "no-header", "/", &[("x-debug", "yes")]),
    ("GET", "no-header", "/", &[("x-debug", "no")]),
    ("GET", "no-header", "/", &[("x-debug", "no"), ("x-debug", "yEs")]),
    ("GET", "query", "/?key=abc", &[]),
    ("GET", "query", "/?key=abc&key=abc", &[]),
    ("GET", "query", "/?key=abc&key=x", &[]),
    ("GET", "query", "/?a=b;key=abc", &[]),
    ("GET", "query", "/?key=abc;a=b", &[]),
    ("GET", "query", "/?%6bey=a%62c", &[]),
    ("GET", "query", "/?key[]=abc", &[]),
    ("GET", "query", "/?KEY=abc", &[]),
    ("GET", "no-query", "/?key=abc", &[]),
    ("GET", "no-query", "/?key=abc&key=abc", &[]),
    ("GET", "no-query", "/?key=x&key=abc", &[]),
    ("GET", "no-query", "/?a=b;key=abc", &[]),
    ("GET", "no-query", "/?a=b;c=d", &[]),
    ("GET", "no-query", "/?key=x", &[]),
    ("GET", "path", "/pub/x", &[]),
    ("GET", "path", "//pub", &[]),
    ("GET", "path", "/%70ub", &[]),
    ("GET", "path", "/;x/pub", &[]),
    ("GET", "path", "/pub;x", &[]),
    ("GET", "no-path", "/admin", &[]),
    ("GET", "no-path", "//admin", &[]),
    ("GET", "no-path", "/%61dmin", &[]),
    ("GET", "no-path", "/;x/admin", &[]),
    ("GET", "no-path", "/ADMIN", &[]),
    ("GET", "no-path", "/other//x", &[]),
    ("GET", "glob", "/docs/a/b.html", &[]),
    ("GET", "glob", "/docs/a/b/c.html", &[]),
    ("GET", "glob", "/docs//b.html", &[]),
    ("GET", "globs", "/private/a/b", &[]),
    ("GET", "globs", "/;/private/a", &[]),
    ("GET", "globs", "/public", &[]),
    ("GET", "matches", "/v12/x", &[]),
    ("GET", "matches", "/x/v12/x", &[]),
    ("GET", "matches", "//v1/x", &[]),
    ("PUT", "method", "/", &[]),
    ("POST", "method", "/", &[]),
    ("OPTIONS", "method", "/", &[]),
    ("GET", "agent", "/", &[("user-agent", "curl/8.5")]),
    ("GET", "agent", "/", &[("user-agent", "Mozilla/5.0")]),
    ("GET", "agent", "/", &[("user-agent", "curl/8.5"), ("user-agent", "Mozilla/5.0")]),
    ("DELETE", "team", "/", &[]),
    ("DELETE", "mixed", "/", &[]),
    ("POST", "mixed", "/", &[]),
    ("POST", "mixed", "/?token=t", &[]),
    ("POST", "mixed", "/?token=t&token=u", &[]),
    ("POST", "trial", "/?x=y", &[]),
    ("GET", "neither", "/?key=abc", &[]),
    ("GET", "neither", "/?key=x&key=abc", &[]),
    ("GET", "neither", "//admin", &[]),
    ("GET", "neither", "/?key=x", &[]),
    ("GET", "nor", "/", &[("x-env", "prod")]),
    ("GET", "nor", "/", &[("x-env", "prod"), ("x-env", "test")]),
];

pub(super) const PEOPLE: [Option<Known>; 5] = [
    None,
    Some(Known { email: "alice@example.com", groups: &[], team: None, methods: &["pwd"] }),
    Some(Known { email: "x@contractor.example", groups: &["staff", "wheel"], team: Some("red"), methods: &[] }),
    Some(Known { email: "y@corp.example", groups: &["admins"], team: Some("blue"), methods: &["pwd", "mfa"] }),
    Some(Known { email: "former@example.com", groups: &["wheel"], team: Some("green"), methods: &["mfa"] }),
];

/// Whether somebody asks for everything in [`REQUESTS`]: a stranger, and one person of two kinds.
pub(super) fn asks_all(who: Option<&Known>) -> bool {
    who.is_none_or(|known| ["alice@example.com", "y@corp.example"].contains(&known.email))
}
