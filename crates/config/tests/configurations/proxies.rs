//! What stands before us: several addresses, versions of HTTP, and whose word is taken.

use doorward_config::{Codec, Config};

use crate::world::{ROUTE, World};

fn config(keys: &str) -> Config {
    World::default().load(&format!("{keys}\n{ROUTE}")).unwrap_or_else(|problems| panic!("{problems}")).config
}

fn addresses(config: &Config) -> Vec<String> {
    config.listeners.addresses.iter().map(ToString::to_string).collect()
}

#[test]
fn without_a_word_nobody_is_believed() {
    let config = config("");
    assert!(config.proxies.trusted.written().is_empty() && !config.proxies.protocol && !config.proxies.skip_append);
    assert_eq!((config.proxies.hops, config.listeners.codec), (None, Codec::Auto));
}

#[test]
fn what_is_said_is_taken() {
    let config = config(
        "trusted_proxies: [10.0.0.7, '2001:db8::/32']\nuse_proxy_protocol: true\nxff_num_trusted_hops: 2\n\
         skip_xff_append: true\ncodec_type: HTTP2\naddress: [':8443', '127.0.0.1:9443']",
    );
    assert_eq!(config.proxies.trusted.to_string(), "10.0.0.7 or 2001:db8::/32");
    assert!(config.proxies.protocol && config.proxies.skip_append);
    assert_eq!((config.proxies.hops, config.listeners.codec), (Some(2), Codec::Http2));
    assert_eq!(addresses(&config), ["[::]:8443", "127.0.0.1:9443"]);
}

#[test]
fn variables_hold_lists_with_commas() {
    let world = World::default()
        .variable("ADDRESS", "127.0.0.1:8443, [::1]:8443")
        .variable("TRUSTED_PROXIES", "10.0.0.7,10.0.0.8");
    let config = world.load(ROUTE).unwrap_or_else(|problems| panic!("{problems}")).config;
    assert_eq!(addresses(&config), ["127.0.0.1:8443", "[::1]:8443"]);
    assert_eq!(config.proxies.trusted.to_string(), "10.0.0.7 or 10.0.0.8");
}

#[test]
fn what_would_believe_anybody_or_means_nothing_is_refused() {
    for (keys, place, said) in [
        ("use_proxy_protocol: true", "config.yaml:1:21: error:", "trusted_proxies: [10.0.0.0/8]"),
        ("use_proxy_protocol: true\ntrusted_proxies: []", "config.yaml:1:21: error:", "nothing says who may"),
        ("trusted_proxies: balancer.example", "config.yaml:1:18: error:", "neither an address nor a network"),
        (
            "trusted_proxies: [10.0.0.0/8, '10.0.0.1:80']",
            "config.yaml:1:31: error:",
            "neither an address nor a network",
        ),
        ("trusted_proxies: 10.0.0.1/8", "config.yaml:1:18: warning:", "all of `10.0.0.0/8` is trusted"),
        ("trusted_proxies: 0.0.0.0/0", "config.yaml:1:18: warning:", "is everybody"),
        ("xff_num_trusted_hops: 2", "config.yaml:1:23: hint:", "chooses the address"),
        ("xff_num_trusted_hops: 17", "config.yaml:1:23: error:", "more than 16"),
        ("xff_num_trusted_hops: -1", "config.yaml:1:23: error:", "whole number"),
        ("codec_type: http3", "config.yaml:1:13: error:", "HTTP/3"),
        ("codec_type: spdy", "config.yaml:1:13: error:", "`auto`, `http1` or `http2`"),
        ("address: [':443', '0.0.0.0:443']", "config.yaml:1:19: error:", "the same socket twice"),
        ("address: [':443', code.example.com]", "config.yaml:1:19: error:", "names a host"),
        (
            "address: [':443', ':8080']\nhttp_redirect_addr: ':8080'",
            "config.yaml:2:21: error:",
            "the same as `address`",
        ),
        (
            "address: [':443', ':9090']\nmetrics_address: ':9090'",
            "config.yaml:2:18: error:",
            "the same as another address",
        ),
    ] {
        let report = World::default().report(&format!("{keys}\n{ROUTE}"));
        assert!(report.contains(place) && report.contains(said), "{keys}\n{report}");
    }
    // Nothing to say against these.
    for keys in
        ["xff_num_trusted_hops: 0", "use_proxy_protocol: false", "trusted_proxies: 10.0.0.1\nxff_num_trusted_hops: 1"]
    {
        assert_eq!(World::default().report(&format!("{keys}\n{ROUTE}")), "taken", "{keys}");
    }
}
