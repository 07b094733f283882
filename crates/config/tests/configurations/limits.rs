//! Limits: what is taken, what holds where nothing is said, and what is refused with which words.

use std::time::Duration;

use doorward_config::{Config, Limits, RateKey, RateLimit};

use crate::world::{ROUTE, World, forwarding};

fn config(text: &str) -> Config {
    World::default().load(text).unwrap().config
}

#[test]
fn where_nothing_is_said_there_are_limits_all_the_same() {
    let config = config(ROUTE);
    assert_eq!(config.limits, Limits::default());
    assert!(config.rate_limits.is_empty() && config.routes[0].limits.rates.is_empty());
    assert_eq!(config.routes[0].limits.max_request_bytes, Some(8 << 30));
}

#[test]
fn every_limit_can_be_set() {
    let config = config(&format!(
        "limits:
  connections: 1
  connections_per_address: 2
  handshake_timeout: 3s
  header_bytes: 32KiB
  header_count: 50
  request_line_bytes: 8KiB
  streams_per_connection: 7
  resets_per_connection: 8
  stalled_write_timeout: 9s
  requests: 10_000
  max_request_bytes: 11MB
  requests_per_address: 700
  tunnels_per_session: 12
  sign_ins_per_address: 13
  failed_sign_ins: 14
  failed_sign_ins_per_address: 15
  failed_sign_ins_per_account: 16
  failed_sign_ins_within: 17m
  unknown_sessions_per_address: 18
{ROUTE}"
    ));
    let Limits { connection, requests, requests_per_address, tunnels_per_session, sign_in } = &config.limits;
    assert_eq!((connection.connections, connection.connections_per_address), (1, 2));
    assert_eq!(connection.handshake_timeout, Duration::from_secs(3));
    assert_eq!((connection.header_bytes, connection.header_count, connection.request_line_bytes), (32768, 50, 8192));
    assert_eq!((connection.streams_per_connection, connection.resets_per_connection), (7, 8));
    assert_eq!(connection.stalled_write_timeout, Duration::from_secs(9));
    assert_eq!((*requests, *requests_per_address, *tunnels_per_session), (10_000, 700, 12));
    assert_eq!((sign_in.begun_per_address, sign_in.failures, sign_in.failures_per_address), (13, 14, 15));
    assert_eq!((sign_in.failures_per_account, sign_in.failures_within), (16, Duration::from_secs(17 * 60)));
    assert_eq!(sign_in.unknown_sessions_per_address, 18);
    assert_eq!(config.routes[0].limits.max_request_bytes, Some(11_000_000));
}

#[test]
fn a_route_says_its_own() {
    for (value, expected) in [("1GiB", Some(1 << 30)), ("1000", Some(1000)), ("never", None)] {
        let text =
            format!("limits: {{max_request_bytes: 1KiB}}\n{}", forwarding(&format!("max_request_bytes: {value}")));
        assert_eq!(config(&text).routes[0].limits.max_request_bytes, expected, "{value}");
    }
}

#[test]
fn rates_are_one_or_several() {
    let limit = |requests, seconds, burst, by| RateLimit { requests, per: Duration::from_secs(seconds), burst, by };
    for (text, expected) in [
        ("rate_limit: {requests: 100}", vec![limit(100, 1, 100, RateKey::Address)]),
        ("rate_limit: {requests: 5, per: 1m, burst: 20, by: identity}", vec![limit(5, 60, 20, RateKey::Identity)]),
        (
            "rate_limit: [{requests: 5, by: route}, {requests: 100, per: 1h, burst: 10}]",
            vec![limit(5, 1, 5, RateKey::Route), limit(100, 3600, 10, RateKey::Address)],
        ),
        ("rate_limit: []", vec![]),
    ] {
        assert_eq!(config(&forwarding(text)).routes[0].limits.rates, expected, "{text}");
        assert_eq!(config(&format!("{text}\n{ROUTE}")).rate_limits, expected, "{text}");
    }
}

#[test]
fn what_is_no_limit_is_refused_with_words() {
    for (text, words) in [
        ("limits: {requests: 0}", "`requests` is 0, which is not between 1 and 10000000"),
        ("limits: {connections: -1}", "`connections` is a whole number"),
        ("limits: {connections: many}", "`connections` is a whole number"),
        ("limits: {connections: 99999999999}", "is not between 1 and"),
        ("limits: {header_count: 3}", "`header_count` is 3, which is not between 10 and 10000"),
        ("limits: {header_bytes: 100}", "`header_bytes` is not between 1KiB and 16MiB"),
        ("limits: {header_bytes: never}", "`header_bytes` is not between 1KiB and 16MiB"),
        ("limits: {header_bytes: 4KiB, request_line_bytes: 8KiB}", "`request_line_bytes` is more than `header_bytes`"),
        ("limits: {max_request_bytes: 0}", "`max_request_bytes` is 0, which would refuse every body"),
        ("limits: {max_request_bytes: 10 apples}", "its unit is none of KiB, MiB"),
        ("limits: {handshake_timeout: never}", "`handshake_timeout` is not between nothing and a day"),
        ("limits: {stalled_write_timeout: 0}", "`stalled_write_timeout` is not between nothing and a day"),
        ("limits: {handshake_timeout: 25h}", "`handshake_timeout` is not between nothing and a day"),
        ("limits: {tunnels: 3}", "`tunnels` is not a key of `limits`"),
        ("rate_limit: 100", "`rate_limit` is written as keys with values"),
        ("rate_limit: {per: 1s}", "`rate_limit` does not say how many `requests`"),
        ("rate_limit: {requests: 0}", "`requests` is 0"),
        ("rate_limit: {requests: 1, per: never}", "`per` is not between nothing and a day"),
        ("rate_limit: {requests: 1, by: user}", "`by` is none that there is"),
        ("rate_limit: {requests: 1, per: 24h, burst: 8}", "it would take more than a week"),
        ("rate_limit: {request: 1}", "Did you mean `requests`?"),
        ("rate_limit: [{requests: 1}, {requests: 2}]", "count the same requests in the same time"),
    ] {
        let report = World::default().report(&format!("{text}\n{ROUTE}"));
        assert!(report.contains(words) && report.ends_with("refused"), "{text}: {report}");
    }
    let many = ["{requests: 1}"; 9].join(", ");
    let report = World::default().report(&forwarding(&format!("rate_limit: [{many}]")));
    assert!(report.contains("more than 8 items"), "{report}");
    let report = World::default().report(&forwarding("max_request_bytes: 0"));
    assert!(report.contains("config.yaml:") && report.contains("would refuse every body"), "{report}");
}
