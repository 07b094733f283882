use std::sync::Arc;

use doorward_authorize::{Policy, RouteId};
use doorward_config::{PathRule, Route, StaticResponse, Target};
use doorward_hygiene::{Hostname, NormalPath, OriginPattern, starts_with_segments};
use http::StatusCode;
use proptest::prelude::*;
use regex::Regex;

use super::{NotFound, RouteTable};
use crate::tests::support;

fn table(routes: &[(&str, &str, PathRule)]) -> RouteTable<Route> {
    table_beside(routes, None)
}

fn table_beside(routes: &[(&str, &str, PathRule)], own: Option<&str>) -> RouteTable<Route> {
    let routes = routes.iter().map(|(id, from, path)| {
        let answer = StaticResponse { status: StatusCode::OK, body: String::new() };
        let settings = Route {
            id: RouteId::new(id),
            policy: Policy::new(RouteId::new(id), Vec::new()),
            policy_shadow: None,
            show_error_details: false,
            from: OriginPattern::parse(from).unwrap(),
            path: path.clone(),
            ..support::route(Target::Response(answer))
        };
        Arc::new(settings)
    });
    RouteTable::new(routes, own.map(|host| Hostname::parse(host).unwrap()))
}

fn prefix(path: &str) -> PathRule {
    PathRule::Prefix(path.into())
}

fn exact(path: &str) -> PathRule {
    PathRule::Exact(path.into())
}

fn regex(pattern: &str) -> PathRule {
    PathRule::Regex(Regex::new(&format!("^(?:{pattern})$")).unwrap())
}

fn found(table: &RouteTable<Route>, authority: &str, path: &str) -> Result<String, NotFound> {
    let authority = doorward_hygiene::Authority::parse(authority).unwrap();
    let path = NormalPath::parse(path).unwrap();
    table.find(&authority.host, authority.port, &path).map(|route| route.id.to_string())
}

#[test]
fn an_exact_path_comes_before_a_regex_and_that_before_the_longest_prefix() {
    let table = table(&[
        ("all", "https://h", prefix("/")),
        ("admin", "https://h", prefix("/admin")),
        ("admin-users", "https://h", prefix("/admin/users")),
        ("digits", "https://h", regex("/admin/[0-9]+")),
        ("any-admin", "https://h", regex("/admin/[0-9a-f]+")),
        ("forty-two", "https://h", exact("/admin/42")),
    ]);
    for (path, id) in [
        ("/", "all"),
        ("/administrator", "all"),
        ("/admin", "admin"),
        ("/admin/", "admin"),
        ("/admin/x", "admin"),
        ("/admin/users", "admin-users"),
        ("/admin/users/7", "admin-users"),
        ("/admin/usersx", "admin"),
        ("/admin/41", "digits"),
        ("/admin/4f", "any-admin"),
        ("/admin/42", "forty-two"),
        ("/%61dmin/42", "forty-two"),
        ("/admin/42/", "admin"),
    ] {
        assert_eq!(found(&table, "h", path).as_deref(), Ok(id), "{path}");
    }
}

#[test]
fn a_path_that_belongs_to_two_routes_when_read_loosely_belongs_to_none() {
    let table = table(&[("all", "https://h", prefix("/")), ("admin", "https://h", prefix("/admin"))]);
    for path in ["//admin", "/admin;x=1", "/admin;x/y", "//admin//y", "/;/admin"] {
        assert_eq!(found(&table, "h", path), Err(NotFound::Ambiguous), "{path}");
    }
    for (path, id) in [("/x;y", "all"), ("/x//y", "all"), ("/admin/x;y", "admin"), ("/admin//x", "admin")] {
        assert_eq!(found(&table, "h", path).as_deref(), Ok(id), "{path}");
    }
    let only_admin = self::table(&[("admin", "https://h", exact("/admin"))]);
    assert_eq!(found(&only_admin, "h", "//admin"), Err(NotFound::Ambiguous));
}

#[test]
fn the_port_chooses_where_routes_differ_by_it_and_does_not_matter_elsewhere() {
    let table = table(&[
        ("plain", "https://two", prefix("/")),
        ("other", "https://two:8443", prefix("/")),
        ("deep", "https://two:8443", prefix("/deep")),
        ("one", "https://one:8443", prefix("/")),
    ]);
    for (authority, path, id) in [
        ("two", "/", "plain"),
        ("two:443", "/deep", "plain"),
        ("two:8443", "/", "other"),
        ("two:8443", "/deep", "deep"),
        ("two:9999", "/", "plain"),
        ("two:9999", "/deep", "deep"),
        ("one", "/", "one"),
        ("one:8443", "/", "one"),
        ("one:1", "/", "one"),
    ] {
        assert_eq!(found(&table, authority, path).as_deref(), Ok(id), "{authority}{path}");
    }
    assert_eq!(found(&table, "three", "/"), Err(NotFound::Host));
    assert!(table.has_host(&Hostname::parse("one").unwrap()));
    assert!(!table.has_host(&Hostname::parse("three").unwrap()));
}

#[test]
fn a_wildcard_is_every_host_one_label_below_that_has_no_routes_of_its_own() {
    let table = table_beside(
        &[
            ("own-app", "https://own.dev.test", prefix("/app")),
            ("any", "https://*.dev.test", prefix("/")),
            ("any-admin", "https://*.dev.test", prefix("/admin")),
            ("any-other-port", "https://*.dev.test:8443", prefix("/")),
            ("deeper", "https://*.deep.dev.test", prefix("/")),
        ],
        Some("auth.dev.test"),
    );
    for (authority, path, expected) in [
        ("a.dev.test", "/", Ok("any")),
        ("A.Dev.Test", "/x", Ok("any")),
        ("b.dev.test", "/admin/x", Ok("any-admin")),
        ("b.dev.test:8443", "/admin/x", Ok("any-other-port")),
        ("deep.dev.test", "/", Ok("any")),
        ("x.deep.dev.test", "/", Ok("deeper")),
        ("own.dev.test", "/app", Ok("own-app")),
        // The host owns its name: neither path nor port falls through to a wildcard.
        ("own.dev.test", "/", Err(NotFound::Path)),
        ("own.dev.test", "/admin", Err(NotFound::Path)),
        ("own.dev.test:8443", "/", Err(NotFound::Path)),
        ("auth.dev.test", "/", Err(NotFound::Path)),
        ("auth.dev.test:8443", "/admin", Err(NotFound::Path)),
        ("dev.test", "/", Err(NotFound::Host)),
        ("a.b.dev.test", "/", Err(NotFound::Host)),
        ("x.own.dev.test", "/", Err(NotFound::Host)),
        ("xdev.test", "/", Err(NotFound::Host)),
        ("a.xdev.test", "/", Err(NotFound::Host)),
        ("a.dev.test.evil.com", "/", Err(NotFound::Host)),
        ("evil.com", "/", Err(NotFound::Host)),
        ("test", "/", Err(NotFound::Host)),
        ("10.0.0.1", "/", Err(NotFound::Host)),
    ] {
        assert_eq!(found(&table, authority, path).as_deref(), expected.as_ref().copied(), "{authority}{path}");
    }
    assert_eq!(found(&table, "a.dev.test", "//admin"), Err(NotFound::Ambiguous));
    assert!(table.has_host(&Hostname::parse("anything.dev.test").unwrap()));
    assert!(!table.has_host(&Hostname::parse("dev.test").unwrap()));
}

#[test]
fn a_host_without_a_fitting_path_is_told_from_a_host_nobody_has() {
    let table = table(&[("app", "https://h", prefix("/app/"))]);
    assert_eq!(found(&table, "h", "/app"), Err(NotFound::Path));
    assert_eq!(found(&table, "h", "/app/").as_deref(), Ok("app"));
}

/// What the documentation says of hosts and ports, looked for one by one: the rules that are asked for a path.
fn asked<'a>(
    routes: &'a [(String, String, PathRule)],
    host: &Hostname,
    port: u16,
) -> Option<Vec<&'a (String, String, PathRule)>> {
    let from = |route: &(String, String, PathRule)| OriginPattern::parse(&route.1).unwrap();
    let exact = |route: &&(String, String, PathRule)| from(route).host.exact() == Some(host);
    let named = routes.iter().any(|route| exact(&route));
    let covers =
        |route: &&(String, String, PathRule)| if named { exact(route) } else { from(route).host.matches(host) };
    let of_host: Vec<_> = routes.iter().filter(covers).collect();
    let has_port = of_host.iter().any(|route| from(route).port == port);
    let asked = of_host.iter().filter(|route| !has_port || from(route).port == port).copied().collect();
    (!of_host.is_empty()).then_some(asked)
}

/// What it says of paths.
fn by_the_book<'a>(rules: &'a [(String, PathRule)], path: &str) -> Option<&'a str> {
    let exact = rules.iter().find(|(_, rule)| matches!(rule, PathRule::Exact(exact) if exact == path));
    let regex = || rules.iter().find(|(_, rule)| matches!(rule, PathRule::Regex(regex) if regex.is_match(path)));
    let prefix = || {
        let mut best: Option<(usize, &(String, PathRule))> = None;
        for entry in rules {
            if let PathRule::Prefix(prefix) = &entry.1
                && starts_with_segments(path, prefix)
                && best.is_none_or(|(length, _)| prefix.len() > length)
            {
                best = Some((prefix.len(), entry));
            }
        }
        best.map(|(_, entry)| entry)
    };
    exact.or_else(regex).or_else(prefix).map(|(id, _)| id.as_str())
}

fn any_path() -> impl Strategy<Value = String> {
    "(/[ab]{0,2}){1,4}"
}

fn any_rule() -> impl Strategy<Value = PathRule> {
    prop_oneof![
        3 => any_path().prop_map(PathRule::Prefix),
        1 => any_path().prop_map(PathRule::Exact),
        1 => "(/([ab]|\\[ab\\]){1,2}){1,3}".prop_map(|pattern| regex(&pattern)),
    ]
}

proptest! {
    #[test]
    fn the_table_finds_what_a_search_one_by_one_finds(
        rules in proptest::collection::vec(any_rule(), 0..12),
        paths in proptest::collection::vec(any_path(), 1..12),
    ) {
        let rules: Vec<_> = rules.into_iter().enumerate().map(|(n, rule)| (format!("r{n}"), rule)).collect();
        let routes: Vec<_> = rules.iter().map(|(id, rule)| (id.as_str(), "https://h", rule.clone())).collect();
        let table = table(&routes);
        for path in paths {
            let normal = NormalPath::parse(&path).unwrap();
            let strict = by_the_book(&rules, normal.decoded());
            let expected = match normal.loose().map(|loose| by_the_book(&rules, loose)) {
                Some(loose) if loose != strict => Err(NotFound::Ambiguous),
                _ if rules.is_empty() => Err(NotFound::Host),
                _ => strict.map(str::to_owned).ok_or(NotFound::Path),
            };
            prop_assert_eq!(found(&table, "h", &path), expected, "{}", path);
        }
    }

    #[test]
    fn a_host_a_wildcard_and_a_port_are_found_as_one_by_one(
        routes in proptest::collection::vec(
            ("(\\*\\.)?([ab]\\.){0,2}h\\.test(:8443)?", prop_oneof![2 => Just(prefix("/")), 1 => any_rule()]),
            0..10,
        ),
        asks in proptest::collection::vec(("([abc]\\.){0,3}h\\.test", prop_oneof![Just(443_u16), Just(8443), Just(9)], any_path()), 1..12),
    ) {
        let routes: Vec<_> = routes
            .into_iter()
            .enumerate()
            .map(|(number, (from, rule))| (format!("r{number}"), format!("https://{from}"), rule))
            .collect();
        let as_given: Vec<_> = routes.iter().map(|(id, from, rule)| (id.as_str(), from.as_str(), rule.clone())).collect();
        let table = table(&as_given);
        for (host, port, path) in asks {
            let normal = NormalPath::parse(&path).unwrap();
            let host = Hostname::parse(&host).unwrap();
            let expected = asked(&routes, &host, port).ok_or(NotFound::Host).and_then(|routes| {
                let rules: Vec<_> = routes.into_iter().map(|(id, _, rule)| (id.clone(), rule.clone())).collect();
                let strict = by_the_book(&rules, normal.decoded()).map(str::to_owned);
                match normal.loose().map(|loose| by_the_book(&rules, loose).map(str::to_owned)) {
                    Some(loose) if loose != strict => Err(NotFound::Ambiguous),
                    _ => strict.ok_or(NotFound::Path),
                }
            });
            prop_assert_eq!(found(&table, &format!("{host}:{port}"), &path), expected, "{}:{}{}", host, port, path);
        }
    }
}
