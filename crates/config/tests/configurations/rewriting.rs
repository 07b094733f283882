//! Rewriting, escaped slashes, underscores, and the token for a Kubernetes API server: what is taken, what is said.

use doorward_config::{
    Config, EscapedSlashes, HostHeader, Limit, PathRule, ResponseHeaderRewrite, SubstitutionPart, Underscored,
};

use crate::world::{ROUTE, World, book, forwarding, route_with};

use SubstitutionPart::{Group, Text};

fn taken(text: &str) -> Config {
    let loaded = World::default().load(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    assert!(loaded.hints.is_empty(), "{:?}\n{text}", loaded.hints);
    loaded.config
}

fn text(text: &str) -> SubstitutionPart {
    Text(text.into())
}

#[test]
fn patterns_are_taken_apart() {
    for (lines, expected) in [
        (r"regex_rewrite_substitution: \2/instance/\1", vec![Group(2), text("/instance/"), Group(1)]),
        (r"regex_rewrite_substitution: /\0\\", vec![text("/"), Group(0), text("\\")]),
        (r"regex_rewrite_substitution: ''", vec![]),
    ] {
        let lines = format!("regex_rewrite_pattern: /service/([^/]+)(/.*)\n{lines}");
        let report = World::default().load(&forwarding(&lines));
        let Ok(loaded) = report else {
            // A backslash is in no path.
            assert!(lines.ends_with(r"\\"), "{lines}");
            continue;
        };
        let rewrite = loaded.config.routes[0].regex_rewrite.clone().unwrap();
        assert_eq!((rewrite.pattern.as_str(), rewrite.substitution), ("/service/([^/]+)(/.*)", expected), "{lines}");
    }
    let beside = taken(&route_with(
        "to: http://app:8080/base\nallow_any_authenticated_user: true\nregex: /a.*\nregex_rewrite_pattern: ^/a\nregex_rewrite_substitution: /b",
    ));
    assert!(beside.routes[0].prefix_rewrite.is_none() && beside.routes[0].regex_rewrite.is_some());
}

#[test]
fn the_host_is_said_in_one_of_four_ways() {
    let host = |lines: &str| taken(&forwarding(lines)).routes[0].host_header.clone();
    assert_eq!(host(""), HostHeader::OfUpstream);
    assert_eq!(host("preserve_host_header: true"), HostHeader::Preserve);
    assert_eq!(host("host_rewrite: app.internal:81"), HostHeader::Fixed("app.internal:81".parse().unwrap()));
    assert_eq!(host("host_rewrite_header: X-Backend"), HostHeader::OfHeader("x-backend".parse().unwrap()));
    let by_path = host(
        "host_path_regex_rewrite_pattern: ^/(.+)/.*$\nhost_path_regex_rewrite_substitution: \\1.internal\npreserve_host_header: false",
    );
    let HostHeader::OfPath(rewrite) = by_path else { panic!("{by_path:?}") };
    assert_eq!(rewrite.substitution, [Group(1), text(".internal")]);
}

#[test]
fn answers_requests_and_order() {
    let config = taken(&forwarding(
        "regex: /a.*\nregex_priority_order: -3\npath_with_escaped_slashes_action: keep_unchanged\n\
         rewrite_response_headers:\n  - header: Location\n    prefix: http://app:8080/\n    value: https://code.example.com/\n  \
         - {header: X-Path, prefix: /internal, value: ''}",
    ));
    let route = &config.routes[0];
    assert!(matches!(route.path, PathRule::Regex(_)));
    assert_eq!((route.regex_priority, route.escaped_slashes), (-3, EscapedSlashes::Keep));
    let rewrite = |header: &str, prefix: &str, value: &str| ResponseHeaderRewrite {
        header: header.parse().unwrap(),
        prefix: prefix.into(),
        value: value.parse().unwrap(),
    };
    assert_eq!(
        route.rewrite_response_headers,
        [rewrite("location", "http://app:8080/", "https://code.example.com/"), rewrite("x-path", "/internal", "")]
    );
    assert_eq!(
        (config.underscored, taken(ROUTE).routes[0].escaped_slashes),
        (Underscored::Refuse, EscapedSlashes::Reject)
    );
    let global = taken(&format!(
        "headers_with_underscores_action: DROP_HEADER\npath_with_escaped_slashes_action: UNESCAPE_AND_FORWARD\n{}",
        forwarding("path_with_escaped_slashes_action: UNESCAPE_AND_REDIRECT")
            + ROUTE.trim_start_matches("routes:\n").replace("code.", "other.").as_str()
    ));
    assert_eq!(global.underscored, Underscored::Drop);
    let actions: Vec<_> = global.routes.iter().map(|route| route.escaped_slashes).collect();
    assert_eq!(actions, [EscapedSlashes::Redirect, EscapedSlashes::Unescape]);
}

#[test]
fn a_token_is_read_hidden_and_has_no_timeout() {
    let world = World::default().file("/run/token", "eyJ0.eyJp.c2ln\n");
    let secure = |lines: &str| forwarding(lines).replace("http://app:8080", "https://api.internal:6443");
    let loaded = world.load(&secure("kubernetes_service_account_token_file: /run/token")).unwrap();
    assert!(loaded.hints.is_empty(), "{:?}", loaded.hints);
    assert!(loaded.watched.iter().any(|path| path == std::path::Path::new("/run/token")), "rotated tokens are noticed");
    let route = &loaded.config.routes[0];
    assert_eq!(route.kubernetes.as_ref().unwrap(), "Bearer eyJ0.eyJp.c2ln");
    assert_eq!((route.timeout, route.idle_timeout), (Limit::Never, Some(Limit::Never)));
    assert!(!format!("{route:?}").contains("eyJ0"), "{route:?}");
    let own = world.load(&secure("kubernetes_service_account_token: abc\ntimeout: 10s\nidle_timeout: 1m")).unwrap();
    let route = &own.config.routes[0];
    let after = |seconds| Limit::After(std::time::Duration::from_secs(seconds));
    assert_eq!((route.timeout, route.idle_timeout), (after(10), Some(after(60))));
}

#[test]
fn what_is_said_of_mistakes() {
    let public =
        |lines: &str| route_with(&format!("to: https://api:6443\nallow_public_unauthenticated_access: true\n{lines}"));
    let cases = [
        ("pattern alone", forwarding("regex_rewrite_pattern: /a")),
        ("substitution alone", forwarding("regex_rewrite_substitution: /a")),
        ("broken pattern", forwarding("regex_rewrite_pattern: \"(\"\nregex_rewrite_substitution: /a")),
        ("two rewrites", forwarding("prefix_rewrite: /a\nregex_rewrite_pattern: /a\nregex_rewrite_substitution: /b")),
        ("no such group", forwarding("regex_rewrite_pattern: /(a)\nregex_rewrite_substitution: /\\2")),
        ("a backslash", forwarding("regex_rewrite_pattern: /(a)\nregex_rewrite_substitution: /\\a")),
        ("a dollar", forwarding("regex_rewrite_pattern: /(a)\nregex_rewrite_substitution: /$1")),
        ("no slash", forwarding("regex_rewrite_pattern: ^/(a)\nregex_rewrite_substitution: b\\1")),
        ("climbing", forwarding("regex_rewrite_pattern: ^/(a)\nregex_rewrite_substitution: /../\\1")),
        ("a query", forwarding("regex_rewrite_pattern: ^/(a)\nregex_rewrite_substitution: /?a=\\1")),
        ("an escaped slash", forwarding("regex_rewrite_pattern: ^/(a)\nregex_rewrite_substitution: /%2F\\1")),
        ("hosts", forwarding("host_rewrite_header: X-Backend\nhost_path_regex_rewrite_pattern: /a")),
        ("host of ours", forwarding("host_rewrite_header: X-Forwarded-Host")),
        ("host of host", forwarding("host_rewrite_header: Host")),
        ("half a host", forwarding("host_path_regex_rewrite_pattern: /a")),
        ("priority of a prefix", forwarding("prefix: /a\nregex_priority_order: 1")),
        ("priority that is none", forwarding("regex: /a\nregex_priority_order: high")),
        ("priority and everything", {
            let route = |lines: &str| forwarding(lines).replace("routes:\n", "");
            format!(
                "routes:\n{}{}{}",
                route("regex: /a"),
                route("regex: .*\nregex_priority_order: 1"),
                route("regex: /b\nregex_priority_order: 2")
            )
        }),
        (
            "headers of answers",
            forwarding(
                "rewrite_response_headers:\n  - {header: Location, value: x}\n  - {header: X-Doorward-A, prefix: a, value: b}\n  \
                 - {header: Connection, prefix: a, value: b}\n  - {header: X-A, prefix: \"a\\n\", value: b}\n  - {headers: X-A, prefix: a, value: b}",
            ),
        ),
        (
            "actions",
            format!(
                "headers_with_underscores_action: REJECT\n{}",
                forwarding("path_with_escaped_slashes_action: KEEP")
            ),
        ),
        ("token on a public route", public("kubernetes_service_account_token: hunter2")),
        (
            "token that is none",
            forwarding("kubernetes_service_account_token: Bearer hunter2").replace("http:", "https:"),
        ),
        (
            "token in the clear, and others beside it",
            forwarding(
                "kubernetes_service_account_token: hunter2\nset_request_headers:\n  Authorization: hunter3\n  impersonate_user: me",
            ),
        ),
        (
            "without an application",
            route_with(
                "allow_any_authenticated_user: true\nresponse: {status: 200}\nregex_rewrite_pattern: /a\nregex_rewrite_substitution: /b\n\
                 host_rewrite_header: X-A\nkubernetes_service_account_token: hunter2\nrewrite_response_headers: [{header: X-A, prefix: a, value: b}]",
            ),
        ),
    ];
    let book = book(&World::default(), &cases);
    let said: String = book.split("=>").skip(1).map(|said| said.split("###").next().unwrap()).collect();
    assert!(!said.contains("hunter"), "{said}");
    insta::assert_snapshot!(book);
}
