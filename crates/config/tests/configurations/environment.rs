//! Environment variables: over the file, and inside its values.

use doorward_config::{HeaderContent, HeaderPart, Limit, LogLevel, Provider, Target};
use http::HeaderValue;
use std::time::Duration;

use crate::world::{ROUTE, World};

#[test]
fn a_variable_comes_before_its_key() {
    let world = World::default()
        .variable("ADDRESS", "127.0.0.1:8443")
        .variable("LOG_LEVEL", "debug")
        .variable("TIMEOUT_IDLE", "1m")
        .variable("HEALTH_CHECK_ADDR", "off")
        .variable("DATA_DIR", "/data")
        .variable("INSECURE_SERVER", "1")
        .variable("COOKIE_NAME", "")
        .variable("USERS", "a@example.com, b@example.com,")
        .variable("SET_RESPONSE_HEADERS", r#"{"X-A": "b"}"#);
    let text = format!("address: \":1\"\ncookie_name: kept\ntimeout_idle: 9m\n{ROUTE}");
    let config = world.load(&text).unwrap_or_else(|problems| panic!("{problems}")).config;
    assert_eq!(config.listeners.addresses[0].to_string(), "127.0.0.1:8443");
    assert!(config.listeners.insecure);
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(config.timeouts.idle, Limit::After(Duration::from_secs(60)));
    assert_eq!(config.health, None);
    assert_eq!(config.data_dir.to_str(), Some("/data"));
    assert_eq!(config.sessions.cookie.stem, "kept", "an empty variable is an unset one");
    let Provider::BuiltIn(users) = &config.sign_in.provider else { panic!("no accounts") };
    assert_eq!(users.len(), 2);
    assert_eq!(config.routes[0].set_response_headers.len(), 1);
}

#[test]
fn routes_may_come_from_a_variable() {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let list = "- from: https://other.example.com\n  to: http://b\n  allow_any_authenticated_user: true\n";
    for name in ["ROUTES", "POLICY"] {
        let config = World::default().variable(name, &encode(list)).load("address: \":443\"\n").unwrap().config;
        assert_eq!(config.routes[0].from.to_string(), "https://other.example.com");
    }
    let reports = [
        World::default().variable("ROUTES", "???").report(ROUTE),
        World::default().variable("ROUTES", &encode("- form: x\n")).report(ROUTE),
    ];
    insta::assert_snapshot!(reports.join("\n\n"));
}

#[test]
fn variables_are_named_when_they_are_wrong_or_have_no_effect() {
    let world = World::default()
        .variable("ADDRESS", "nowhere")
        .variable("COOKIE_EXPIRE", "soon")
        .variable("IDP_SCOPES", "openid")
        .variable("SET_RESPONSE_HEADERS", "X-A: b")
        .variable("DOWNSTREAM_MTLS", "x")
        .variable("SERVICES", "all")
        .variable("OTEL_TRACES_EXPORTER", "otlp");
    insta::assert_snapshot!(world.report(ROUTE));
}

#[test]
fn variables_are_replaced_in_values() {
    let world = World::default().variable("HOST", "code.example.com").variable("PORT", "8080").variable("YES", "true");
    let text = "routes:\n  - from: https://${HOST}\n    to: http://app:${PORT}\n    allow_any_authenticated_user: ${YES}\n    \
                regex: ^/a$\n    set_request_headers:\n      X-A: $${HOST} ${HOST} $$5\n";
    let config = world.load(text).unwrap_or_else(|problems| panic!("{problems}")).config;
    let route = &config.routes[0];
    assert_eq!(route.from.to_string(), "https://code.example.com");
    let Target::Upstream(upstream) = &route.target else { panic!("no upstream") };
    assert_eq!(upstream.addresses[0].to_string(), "http://app:8080");
    assert_eq!(
        route.set_request_headers[0].1,
        HeaderContent::Fixed(HeaderValue::from_static("${HOST} code.example.com $5"))
    );
    assert!(route.path.matches("/a") && !route.path.matches("/ab"));
    insta::assert_snapshot!(World::default().report(text));
}

#[test]
fn templates_stand_beside_variables_unless_they_are_escaped() {
    let world = World::default().variable("A", "a$${pomerium.client_cert_san_dns}");
    let text = "routes:\n  - from: https://code.example.com\n    to: http://app\n    allow_any_authenticated_user: true\n    \
                set_request_headers:\n      X-A: by ${pomerium.client_cert_fingerprint}\n      \
                X-B: ${A} ${doorward.client_cert_san_dns},${pomerium.client_cert_san_email}$$\n      \
                X-C: $${pomerium.client_cert_fingerprint}\n      X-D: ${A}\n";
    let config = world.load(text).unwrap_or_else(|problems| panic!("{problems}")).config;
    let headers = &config.routes[0].set_request_headers;
    let text = |text: &str| HeaderPart::Text(text.into());
    assert_eq!(headers[0].1, HeaderContent::Assembled(vec![text("by "), HeaderPart::CertificateFingerprint]));
    assert_eq!(
        headers[1].1,
        HeaderContent::Assembled(vec![
            text("a${pomerium.client_cert_san_dns} "),
            HeaderPart::CertificateSanDns,
            text(","),
            HeaderPart::CertificateSanEmail,
            text("$"),
        ])
    );
    // Neither what is escaped nor what a variable holds is a template.
    for (header, value) in [(2, "${pomerium.client_cert_fingerprint}"), (3, "a${pomerium.client_cert_san_dns}")] {
        assert_eq!(headers[header].1, HeaderContent::Fixed(HeaderValue::from_static(value)));
    }
}

#[test]
fn a_variable_is_taken_as_it_is() {
    let config = World::default().variable("DATA_DIR", "/x/${HOME}").load(ROUTE).unwrap().config;
    assert_eq!(config.data_dir.to_str(), Some("/x/${HOME}"));
}

#[test]
fn the_data_directory_follows_the_home() {
    let dir = |world: World| world.load(ROUTE).unwrap().config.data_dir;
    assert_eq!(dir(World::default()).to_str(), Some("/var/lib/doorward"));
    assert_eq!(dir(World::default().variable("HOME", "/")).to_str(), Some("/var/lib/doorward"));
    assert_eq!(dir(World::default().variable("HOME", "/home/me")).to_str(), Some("/home/me/.local/share/doorward"));
    let both = World::default().variable("HOME", "/home/me").variable("XDG_DATA_HOME", "/d");
    assert_eq!(dir(both).to_str(), Some("/d/doorward"));
    let relative = World::default().variable("HOME", "/home/me").variable("XDG_DATA_HOME", "d");
    assert_eq!(dir(relative).to_str(), Some("/home/me/.local/share/doorward"));
}
