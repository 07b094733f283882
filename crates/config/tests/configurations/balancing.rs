//! Several addresses behind a route.

use std::time::Duration;

use doorward_config::{
    Balancing, BalancingPolicy, Breakers, CheckKind, GrpcCheck, HealthCheck, OutlierDetection, Target, Upstream,
};

use crate::world::{World, book, forwarding, route_with};

fn upstream(text: &str) -> Upstream {
    let loaded = World::default().load(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    match &loaded.config.routes[0].target {
        Target::Upstream(upstream) => upstream.clone(),
        other => panic!("{other:?}"),
    }
}

fn balancing(lines: &str) -> Balancing {
    upstream(&forwarding(lines)).balancing
}

fn to(to: &str) -> String {
    route_with(&format!("to: {to}\nallow_any_authenticated_user: true"))
}

#[test]
fn nothing_said_is_the_default() {
    assert_eq!(balancing(""), Balancing::default());
    assert_eq!(balancing("health_checks: []\noutlier_detection:\ncircuit_breaker_thresholds: {}").health_checks, []);
}

#[test]
fn weights_stand_behind_addresses() {
    for (written, addresses, weights) in [
        (r#"["http://a,3", "http://b:81,1"]"#, ["http://a", "http://b:81"], &[3, 1][..]),
        (r#"["http://a:80", "http://b:81"]"#, ["http://a", "http://b:81"], &[]),
        (r#"["http://a/x,70", "http://b/x,30"]"#, ["http://a", "http://b"], &[70, 30]),
        (r#"["https://a,2", "https://b,5", "https://a,2"]"#, ["https://a", "https://b"], &[4, 5]),
        (r#"["http://[::1]:8080,1000000", "http://b,1"]"#, ["http://[::1]:8080", "http://b"], &[1_000_000, 1]),
    ] {
        let upstream = upstream(&to(written));
        let there: Vec<_> = upstream.addresses.iter().map(ToString::to_string).collect();
        assert_eq!((there, upstream.balancing.weights.as_slice()), (addresses.map(String::from).into(), weights));
    }
    let base = World::default().load(&to(r#"["http://a/x,70", "http://b/x,30"]"#)).unwrap_or_else(|_| panic!());
    assert_eq!(base.config.routes[0].prefix_rewrite.as_deref(), Some("/x"), "the weight is no part of the path");
}

#[test]
fn policies_are_spelled_as_pomerium_allows() {
    for (policy, names) in [
        (BalancingPolicy::RoundRobin, ["ROUND_ROBIN", "round_robin", "LOAD_BALANCING_POLICY_ROUND_ROBIN"]),
        (BalancingPolicy::LeastRequest, ["LEAST_REQUEST", "Least_Request", "load_balancing_policy_least_request"]),
        (BalancingPolicy::RingHash, ["RING_HASH", "ring_hash", "LOAD_BALANCING_POLICY_RING_HASH"]),
        (BalancingPolicy::Maglev, ["MAGLEV", "maglev", "LOAD_BALANCING_POLICY_MAGLEV"]),
        (BalancingPolicy::Random, ["RANDOM", "random", "LOAD_BALANCING_POLICY_RANDOM"]),
    ] {
        for name in names {
            assert_eq!(balancing(&format!("load_balancing_policy: {name}")).policy, policy, "{name}");
        }
    }
}

#[test]
fn health_checks_have_envoys_shape() {
    let text = "healthy_panic_threshold: 0\nhealth_checks:\n  - timeout: 1s\n    interval: 5s\n    initial_jitter: 2s\n    \
                interval_jitter: 0.5s\n    unhealthy_threshold: 4\n    healthy_threshold: 1\n    http_health_check:\n      \
                host: app.internal\n      path: /healthz?full=1\n      method: HEAD\n      codec_client_type: HTTP2\n      \
                expected_statuses:\n        - {start: 200, end: 300}\n        - {start: 401, end: 402}\n  - tcp_health_check: {}\n  \
                - grpc_health_check: {service_name: app.Editor, authority: app.internal}\n  - grpc_health_check:\n  \
                - http_health_check: {path: /}";
    let balancing = balancing(text);
    assert_eq!(balancing.panic_threshold, 0);
    let [http, tcp, grpc, bare, default] = balancing.health_checks.as_slice() else { panic!("{balancing:?}") };
    let CheckKind::Http(check) = &http.kind else { panic!("{http:?}") };
    assert_eq!(
        (check.host.as_deref(), check.path.as_str(), check.method.as_str(), check.http2),
        (Some("app.internal"), "/healthz?full=1", "HEAD", true)
    );
    assert_eq!(check.expected, [(200, 300), (401, 402)]);
    assert_eq!((http.timeout, http.interval), (Duration::from_secs(1), Duration::from_secs(5)));
    assert_eq!((http.initial_jitter, http.interval_jitter), (Duration::from_secs(2), Duration::from_millis(500)));
    assert_eq!((http.unhealthy_threshold, http.healthy_threshold), (4, 1));
    let expected = HealthCheck {
        timeout: Duration::from_secs(5),
        interval: Duration::from_secs(10),
        initial_jitter: Duration::ZERO,
        interval_jitter: Duration::ZERO,
        unhealthy_threshold: 3,
        healthy_threshold: 2,
        kind: CheckKind::Tcp,
    };
    assert_eq!(*tcp, expected);
    let asked = GrpcCheck { service: "app.Editor".into(), authority: Some("app.internal".into()) };
    assert_eq!((&grpc.kind, &bare.kind), (&CheckKind::Grpc(asked), &CheckKind::Grpc(GrpcCheck::default())));
    let CheckKind::Http(check) = &default.kind else { panic!("{default:?}") };
    assert_eq!((check.expected.as_slice(), check.method.as_str(), check.http2), (&[(200, 201)][..], "GET", false));
}

#[test]
fn outliers_and_their_defaults() {
    assert_eq!(balancing("outlier_detection: {}").outliers, Some(OutlierDetection::default()));
    let given = "outlier_detection:\n  consecutive_5xx: 3\n  consecutive_gateway_failure: 2\n  \
                 consecutive_local_origin_failure: 1\n  split_external_local_origin_errors: true\n  interval: 1s\n  \
                 base_ejection_time: 10s\n  max_ejection_time: 5s\n  max_ejection_percent: 50\n  \
                 enforcing_consecutive_5xx: 1\n  enforcing_consecutive_gateway_failure: 2\n  \
                 enforcing_consecutive_local_origin_failure: 3\n";
    let expected = OutlierDetection {
        consecutive_5xx: 3,
        consecutive_gateway_failure: 2,
        consecutive_local_origin_failure: 1,
        split_local_origin: true,
        interval: Duration::from_secs(1),
        base_ejection_time: Duration::from_secs(10),
        max_ejection_time: Duration::from_secs(10),
        max_ejection_percent: 50,
        enforcing_5xx: 1,
        enforcing_gateway_failure: 2,
        enforcing_local_origin_failure: 3,
    };
    assert_eq!(balancing(given).outliers, Some(expected));
}

#[test]
fn thresholds_of_a_route_come_over_those_of_the_file_one_by_one() {
    let route = forwarding("circuit_breaker_thresholds: {max_requests: 7, max_retries: 0}");
    let text = format!("circuit_breaker_thresholds: {{max_requests: 5, max_connections: 6}}\n{route}");
    let expected = Breakers { max_requests: 7, max_connections: 6, max_retries: 0, ..Breakers::default() };
    assert_eq!(upstream(&text).balancing.breakers, expected);
    let world = World::default().variable("CIRCUIT_BREAKER_THRESHOLDS_MAX_CONNECTIONS", "9");
    let loaded = world.load(&text).unwrap_or_else(|problems| panic!("{problems}"));
    let Target::Upstream(upstream) = &loaded.config.routes[0].target else { panic!("no upstream") };
    assert_eq!(upstream.balancing.breakers, Breakers { max_connections: 9, ..expected });
}

#[test]
fn wrong_balancing() {
    let check = |lines: &str| forwarding(&format!("health_checks:\n  - interval: 1s\n    {lines}"));
    let cases = [
        ("some weights", to(r#"["http://a,1", "http://b"]"#)),
        ("no weight", to(r#"["http://a,0", "http://b,1"]"#)),
        ("too much weight", to(r#"["http://a,99999999999", "http://b,1"]"#)),
        ("words for weights", to(r#"["http://a,heavy"]"#)),
        ("a policy nobody knows", forwarding("load_balancing_policy: FASTEST")),
        ("older keys", forwarding("lb_config: {}\nload_balancing_policy_config: {maglev_lb_config: {table_size: 7}}")),
        ("panic", forwarding("healthy_panic_threshold: 101")),
        ("a check of nothing", check("timeout: 1s")),
        ("a check of two things", check("tcp_health_check: {}\n    grpc_health_check: {}")),
        ("no path", check("http_health_check: {host: app}")),
        ("a path that is none", check("http_health_check: {path: healthz}")),
        ("a host that is none", check("http_health_check: {path: /, host: \"http://app\"}")),
        ("a method that does something", check("http_health_check: {path: /, method: DELETE}")),
        ("no such HTTP", check("http_health_check: {path: /, codec_client_type: HTTP3}")),
        ("statuses", check("http_health_check: {path: /, expected_statuses: [{start: 200}, {start: 300, end: 200}]}")),
        ("too often", forwarding("health_checks:\n  - interval: 10ms\n    timeout: 0s\n    tcp_health_check: {}")),
        ("no threshold", check("unhealthy_threshold: 0\n    tcp_health_check: {}")),
        (
            "keys of Envoy's",
            check(
                "alt_port: 81\n    no_traffic_interval: 60s\n    reuse_connection: false\n    \
                 http_health_check: {path: /, request_headers_to_add: []}\n    always_log_health_check_failures: true",
            ),
        ),
        ("misspelt", check("healthyThreshold: 2\n    tcp_health_check: {}")),
        (
            "outliers",
            forwarding(
                "outlier_detection:\n  consecutive_5xx: many\n  max_ejection_percent: 10%\n  interval: never\n  \
                 success_rate_minimum_hosts: 5\n  enforcing_success_rate: 0\n  max_ejection_time_jitter: 1s",
            ),
        ),
        (
            "thresholds",
            forwarding("circuit_breaker_thresholds: {max_requests: 0, max_connections: -1, max_connection_pools: 4}"),
        ),
        (
            "without an upstream",
            route_with(
                "redirect: {host_redirect: b.example}\nallow_any_authenticated_user: true\n\
                 load_balancing_policy: MAGLEV\nhealth_checks: [{tcp_health_check: {}}]",
            ),
        ),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}
