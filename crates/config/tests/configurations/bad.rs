//! What is said of configurations that are wrong, written out to be read as a newcomer reads it.

use crate::world::{ROUTE, World, book, forwarding, route_with};

fn with(top: &str) -> String {
    format!("{top}\n{ROUTE}")
}

#[test]
fn texts_that_are_no_configuration() {
    let deep = "a: ".to_owned() + &"[".repeat(200);
    let cases = [
        ("empty", String::new()),
        ("only a comment", "# nothing yet\n".into()),
        ("null", "~\n".into()),
        ("a list", "- a\n- b\n".into()),
        ("a word", "hello\n".into()),
        ("a tab", "routes:\n\t- from: https://a.example\n".into()),
        ("two documents", "address: \":443\"\n---\naddress: \":444\"\n".into()),
        ("duplicate keys, all of them", with("address: \":443\"\naddress: \":444\"\ndata_dir: /a\ndata_dir: /b")),
        ("duplicate key in a map", forwarding("set_request_headers:\n  X-A: one\n  X-A: two")),
        ("missing colon space", "address:443\nroutes: []\n".into()),
        ("missing colon space, in a list", "routes:\n  - from:https://a.example\n    to: http://b\n".into()),
        ("unclosed quote", "address: \":443\nroutes: []\n".into()),
        ("unclosed bracket", "users: [a@example.com\nroutes: []\n".into()),
        ("a value with a colon", "name: a: b\n".into()),
        ("at sign", "data_dir: @home\n".into()),
        ("bad escape", "data_dir: \"C:\\data\"\n".into()),
        ("bad indentation", "routes:\n  - from: https://a.example\n   to: http://b\n".into()),
        ("unknown alias", "address: *here\n".into()),
        ("alias inside itself", "routes: &r [*r]\n".into()),
        ("a tag", with("data_dir: !secret x")),
        ("a key that is a list", "[a, b]: c\n".into()),
        ("deeply nested", deep),
        ("merge of a word", "routes:\n  - <<: word\n    from: https://a.example\n    to: http://b\n".into()),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn keys_that_are_unknown_or_not_supported_yet() {
    let cases = [
        ("misspelt", with("adress: \":443\"\ncookie_expires: 1h\nidp_cliend_id: x")),
        ("with hyphens", with("cookie-expire: 1h")),
        ("unlike anything", with("frobnicate: 1")),
        ("misspelt in a route", forwarding("allow_websocket: true\npreserve_host_headers: true")),
        ("a key of the top in a route", forwarding("address: \":443\"")),
        ("unknown in a small block", with("certificates:\n  - cert: a\n    key: b\n    chain: c")),
        (
            "pomerium, not yet",
            with("autocert: true\nbearer_token_format: jwt\nuse_proxy_protocol: true\notel_traces_exporter: otlp"),
        ),
        ("pomerium, security", with("downstream_mtls:\n  ca_file: /ca.pem")),
        ("pomerium, saying nothing", with("autocert: false\nservices: all\ncookie_http_only: true\nssh_address: \"\"")),
        (
            "pomerium, in a route",
            forwarding("lb_config: {}\nload_balancing_policy: RING_HASH\nlogo_url: x\nmcp:\n  server: {}"),
        ),
        ("both names of routes", format!("{ROUTE}policy: []\n")),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn the_top_of_the_file() {
    let cases = [
        (
            "several at once",
            "address: 443\nlog_level: loud\ncookie_expire: 1d\ninsecure_server: yes\nroutes: []\n".into(),
        ),
        ("a host as address", with("address: code.example.com:443")),
        (
            "one socket twice",
            with("address: \":8443\"\nhttp_redirect_addr: 127.0.0.1:8443\nhealth_check_addr: \":8443\""),
        ),
        ("redirect without tls", with("insecure_server: true\nhttp_redirect_addr: \":80\"")),
        ("timeouts", with("timeout_read: never\ntimeout_idle: 5 minutes\ndefault_upstream_timeout: -1s")),
        ("a list for a value", with("address: [\":443\"]\ndata_dir: {a: b}")),
        ("empty routes", "address: \":443\"\nroutes: []\n".into()),
        ("no routes", "address: \":443\"\n".into()),
        ("routes of the wrong shape", "routes: https://a.example\n".into()),
        ("a route of the wrong shape", "routes: [https://a.example]\n".into()),
        ("cookie", with("cookie_name: __Host-x\ncookie_same_site: loose\ncookie_expire: never")),
        ("cookie name", with("cookie_name: \"a b;\"\ncookie_same_site: strict\ncookie_expire: 1s")),
        ("cookie domain elsewhere", with("cookie_domain: other.org")),
        ("cookie domain of the public", with("cookie_domain: com")),
        ("cookie domain as a suffix of letters", with("cookie_domain: ample.com")),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn signing_in() {
    let oidc = "idp_provider: oidc\nidp_client_id: me\nidp_client_secret: s3cret\n";
    let cases = [
        ("hosted url", with("authenticate_service_url: https://authenticate.pomerium.app")),
        ("hosted url, disguised", with("authenticate_service_url: https://user@AUTHENTICATE.pomerium.app.:443/x")),
        ("hosted provider", with("idp_provider: hosted\nidp_client_id: x\nidp_client_secret: y")),
        ("github", with("idp_provider: github\nidp_client_id: x\nidp_client_secret: y")),
        ("misspelt provider", with("idp_provider: goggle\nidp_client_id: x\nidp_client_secret: y")),
        ("no url", with("idp_provider: okta\nidp_client_id: x\nidp_client_secret: y")),
        ("no client", with("idp_provider: google")),
        ("keys without a provider", with("idp_client_id: x\nidp_client_secret: y\nidp_scopes: [openid]")),
        (
            "provider and users",
            with(&format!("{oidc}idp_provider_url: https://id.example.com\nusers: [a@example.com]")),
        ),
        ("plain http issuer", with(&format!("{oidc}idp_provider_url: http://id.example.com"))),
        (
            "discovery url",
            with(&format!("{oidc}idp_provider_url: https://id.example.com/.well-known/openid-configuration")),
        ),
        ("issuer with a password", with(&format!("{oidc}idp_provider_url: https://u:hunter2@id.example.com"))),
        ("no url at all", with(&format!("{oidc}idp_provider_url: id.example.com"))),
        (
            "shared tenant",
            with(
                "idp_provider: azure\nidp_client_id: x\nidp_client_secret: y\nidp_provider_url: https://login.microsoftonline.com/common/v2.0",
            ),
        ),
        (
            "scopes and parameters",
            with(&format!(
                "{oidc}idp_provider_url: https://id.example.com\nidp_scopes: [profile, \"email groups\"]\n\
                 idp_request_params:\n  state: x\n  scope: y\n  prompt: login"
            )),
        ),
        ("sign-in host with a path", with("authenticate_service_url: https://auth.example.com/login")),
        ("sign-in host without tls", with("authenticate_service_url: http://auth.example.com")),
        ("sign-in host without scheme", with("authenticate_service_url: auth.example.com")),
        ("sign-in at a wildcard", with("authenticate_service_url: https://*.example.com")),
        ("sign-in at half a wildcard", with("authenticate_service_url: https://a*.example.com")),
        ("a cookie's domain with a wildcard", with("cookie_domain: \"*.example.com\"")),
        (
            "users",
            with(
                "users:\n  - you\n  - you@example.com\n  - YOU@example.com\n  - name: Nobody\n  - email: a@example.com\n    group: x",
            ),
        ),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn where_routes_begin() {
    let from = |from: &str| {
        format!("routes:\n  - from: {from}\n    to: http://app:8080\n    allow_any_authenticated_user: true\n")
    };
    let cases = [
        ("a path", from("https://code.example.com/ide")),
        ("no scheme", from("code.example.com")),
        ("http", from("http://code.example.com")),
        ("http with a port", from("http://code.example.com:8080")),
        ("a wildcard and no host to sign in at", from("https://*.dev.example.com")),
        (
            "a wildcard by http",
            format!("authenticate_service_url: https://auth.example.com\n{}", from("http://*.dev.example.com")),
        ),
        ("a wildcard of everything", from("https://*")),
        ("a wildcard of a top-level domain", from("https://*.com")),
        ("a wildcard of an address", from("https://*.10.0.0.1")),
        ("a wildcard that is not the first label", from("https://code.*.example.com")),
        ("a wildcard that is half a label", from("https://code-*.example.com")),
        ("two wildcards", from("https://*.*.example.com")),
        ("a wildcard of any depth", from("https://**.example.com")),
        ("a wildcard with a path", from("https://*.dev.example.com/ide")),
        ("a wildcard with a port that is none", from("https://*.dev.example.com:https")),
        ("a wildcard in letters of the world", from("https://*.bücher.example")),
        ("tcp", from("tcp+https://db.example.com:5432")),
        ("ssh", from("ssh://server")),
        ("ftp", from("ftp://files.example.com")),
        ("a password", from("https://me:hunter2@code.example.com")),
        ("a query", from("https://code.example.com?x=1")),
        ("letters of the world", from("https://bücher.example.com")),
        ("a trailing dot", from("https://code.example.com.")),
        ("a port too high", from("https://code.example.com:70000")),
        ("a number for an address", from("https://127.1")),
        ("empty", from("\"\"")),
        ("nothing", from("")),
        ("an unset variable", from("https://${HOST}")),
        ("none", "routes:\n  - to: http://app:8080\n    allow_any_authenticated_user: true\n".into()),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn where_routes_lead() {
    let to = |to: &str| route_with(&format!("to: {to}\nallow_any_authenticated_user: true"));
    let cases = [
        ("nowhere", route_with("allow_any_authenticated_user: true")),
        (
            "two ways",
            route_with(
                "to: http://a\nallow_any_authenticated_user: true\nredirect: {host_redirect: b.example}\nresponse: {status: 200}",
            ),
        ),
        ("no scheme", to("app:8080")),
        ("tcp, ssh", to("[\"tcp://app:1\", \"ssh://app:22\", \"gopher://app\"]")),
        ("sockets without a path", to("[\"unix://run/app.sock\", \"unix:///run/\", \"https+unix://\"]")),
        (
            "sockets that are none",
            to(&format!("[\"unix:///run/app.sock?x\", \"http+unix:///run/a%20b\", \"unix:///{}\"]", "x".repeat(103))),
        ),
        ("a family that there is none", format!("dns_lookup_family: V4\n{}", to("http://app"))),
        ("a weight", to("[\"http://a:80,1\", \"http://b:80,2\"]")),
        ("a password", to("http://me:hunter2@app")),
        ("a query", to("http://app/?x=1")),
        ("different paths", to("[http://a/x, http://b/y]")),
        ("dots", to("http://app/../x")),
        ("no port number", to("http://app:eighty")),
        ("empty list", to("[]")),
        ("itself", to("https://code.example.com")),
        ("a wildcard", to("https://*.example.com")),
        (
            "itself, by a wildcard",
            "authenticate_service_url: https://auth.example.com\n".to_owned()
                + &to("https://a.dev.example.com").replace("https://code.example.com", "https://*.dev.example.com"),
        ),
        (
            "a server name with a wildcard",
            route_with("to: https://app\nallow_any_authenticated_user: true\ntls_server_name: \"*.example.com\""),
        ),
        (
            "skipping verification",
            route_with("to: https://app\nallow_any_authenticated_user: true\ntls_skip_verify: true"),
        ),
        (
            "skipping nothing",
            route_with(
                "to: http://app\nallow_any_authenticated_user: true\ntls_skip_verify: true\ntls_server_name: https://x",
            ),
        ),
        (
            "redirect to itself",
            route_with("allow_public_unauthenticated_access: true\nredirect: {https_redirect: true}"),
        ),
        (
            "redirect, all wrong",
            route_with(
                "allow_public_unauthenticated_access: true\nredirect:\n  https_redirect: true\n  scheme_redirect: ftp\n  \
                 host_redirect: https://x\n  path_redirect: //evil.example\n  prefix_rewrite: /x\n  response_code: 200\n  port_redirect: 99999",
            ),
        ),
        (
            "response",
            route_with("allow_public_unauthenticated_access: true\nresponse: {status: 100, body: x}\ntimeout: 5s"),
        ),
        ("response without status", route_with("allow_public_unauthenticated_access: true\nresponse: {body: x}")),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn paths_and_hosts_of_routes() {
    let cases = [
        ("two rules", forwarding("prefix: /a\nregex: /b")),
        ("no slash", forwarding("prefix: admin")),
        ("percent", forwarding("path: /a%20b")),
        ("dots", forwarding("path: /a/../b")),
        ("query", forwarding("path: /a?b=c")),
        ("ours", forwarding("prefix: /.doorward/sign_out")),
        ("broken regex", forwarding("regex: \"a)|(b\"")),
        ("regex with look-around", forwarding("regex: \"(?!x)y\"")),
        ("huge regex", forwarding("regex: \"(a{1000}){1000}\"")),
        ("rewrite of a regex", forwarding("regex: /a\nprefix_rewrite: /b")),
        ("rewrite that cannot be sent", forwarding("prefix: /x\nprefix_rewrite: /a b")),
        ("rewrite without slash", forwarding("prefix: /x\nprefix_rewrite: base")),
        ("path in to with a regex", route_with("to: http://app/base\nregex: /a\nallow_any_authenticated_user: true")),
        ("host twice", forwarding("preserve_host_header: true\nhost_rewrite: app.internal")),
        ("host with a wildcard", forwarding("host_rewrite: \"*.app.internal\"")),
        ("host with a scheme", forwarding("host_rewrite: https://app.internal")),
        ("websockets without the host", forwarding("allow_websockets: true")),
        ("websockets with another host", forwarding("allow_websockets: true\nhost_rewrite: app.internal")),
        ("upgrades", forwarding("allow_upgrades: [h2c, TLS/1.2, WebSocket/13, \"a b\", \"\"]")),
        (
            "upgrades taken back",
            forwarding("allow_upgrades: [websocket, SPDY/3.1]\nallow_websockets: false\nallow_spdy: false"),
        ),
        (
            "upgrades of nothing",
            route_with(
                "redirect: {host_redirect: a.example}\nallow_spdy: true\nallow_upgrades: [tcp]\nallow_any_authenticated_user: true",
            ),
        ),
        ("timeouts", forwarding("timeout: 30\nidle_timeout: soon")),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn headers() {
    let cases = [
        (
            "ours, and the connection's",
            forwarding(
                "set_request_headers:\n  X-Doorward-Claim-Email: me@example.com\n  x_pomerium_jwt_assertion: x\n  Host: other\n  \
                 Connection: close\n  X-Forwarded-For: 10.0.0.1\n  x_request_id: x\nremove_request_headers: [X-Doorward-Jwt-Assertion, Upgrade]\n\
                 set_response_headers:\n  Transfer-Encoding: chunked\n  X-Doorward-Answered: x",
            ),
        ),
        ("no names", forwarding("set_request_headers:\n  \"X A\": b\n  \"X-B:\": c")),
        ("a line break", forwarding("set_request_headers:\n  X-A: \"hunter2\\r\\nX-B: c\"")),
        ("twice by case", forwarding("set_request_headers:\n  X-A: b\n  x-a: c")),
        ("a template", forwarding("set_request_headers:\n  Authorization: Bearer ${pomerium.access_token}")),
        (
            "an unknown template",
            forwarding("set_request_headers:\n  X-A: ${pomerium.client_cert_fingerprnt} ${pomerium.frob}"),
        ),
        (
            "a template and more",
            forwarding(
                "set_request_headers:\n  X-A: \"${pomerium.client_cert_san_dns}\\n\"\n  X-B: \"${doorward.client_cert_san_dns} ü${NONE}\"",
            ),
        ),
        ("a list", forwarding("set_request_headers: [a, b]")),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn routes_against_each_other() {
    let route = |lines: &str| {
        let lines = lines.replace('\n', "\n    ");
        format!(
            "  - from: https://code.example.com\n    to: http://app:8080\n    allow_any_authenticated_user: true\n    {lines}\n"
        )
    };
    let cases = [
        ("the same twice", format!("routes:\n{}{}", route("name: one"), route("name: two"))),
        (
            "the same by another spelling",
            format!(
                "routes:\n{}{}",
                route("prefix: /"),
                route("name: two").replace("code.example.com", "CODE.example.com:443/")
            ),
        ),
        ("the same regex", format!("routes:\n{}{}", route("regex: /a.*"), route("regex: /a.*"))),
        ("behind everything", format!("routes:\n{}{}{}", route("regex: .*"), route("prefix: /a"), route("regex: /b"))),
        (
            "a wildcard twice",
            format!(
                "authenticate_service_url: https://auth.example.com\nroutes:\n{}{}",
                route("name: one").replace("code.example.com", "*.dev.example.com"),
                route("name: two").replace("code.example.com", "*.DEV.example.com:443"),
            ),
        ),
        (
            "a host with routes for a part only, under a wildcard",
            format!(
                "routes:\n{}{}{}",
                route("prefix: /a"),
                route("path: /b"),
                route("name: rest").replace("code.example.com", "*.example.com"),
            ),
        ),
        (
            "a host of its own under a wildcard is fine",
            format!(
                "routes:\n{}{}",
                route("name: rest").replace("code.example.com", "*.example.com"),
                route("prefix: /")
            ),
        ),
        (
            "exact before everything is fine",
            format!("routes:\n{}{}{}", route("regex: /b"), route("path: /a"), route("regex: .*")),
        ),
        (
            "prefix before prefix is fine",
            format!("routes:\n{}{}{}", route("prefix: /"), route("prefix: /a"), route("path: /a")),
        ),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}
