//! How long sessions last, and what is asked of those who have one.

use std::time::Duration;

use doorward_config::{Config, OidcProvider, Provider};

use crate::world::{ROUTE, World, book, forwarding, route_with};

const OIDC: &str = "idp_provider: google\nidp_client_id: me\nidp_client_secret: s3cret\n";

fn with(top: &str) -> String {
    format!("{top}\n{ROUTE}")
}

fn taken(world: &World, text: &str) -> Config {
    let loaded = world.load(text).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.hints, [], "{text}");
    loaded.config
}

fn provider(lines: &str) -> OidcProvider {
    let Provider::Oidc(provider) = taken(&World::default(), &with(&format!("{OIDC}{lines}"))).sign_in.provider else {
        panic!("no provider")
    };
    provider
}

#[test]
fn sessions_have_limits_of_their_own() {
    let world = World::default();
    let sessions = taken(&world, &with("")).sessions;
    assert_eq!((sessions.idle_timeout, sessions.store_grace), (None, Duration::from_secs(300)));
    let sessions = taken(&world, &with("session_idle_timeout: 1h\nsession_store_grace: 90s")).sessions;
    assert_eq!(
        (sessions.idle_timeout, sessions.store_grace),
        (Some(Duration::from_secs(3600)), Duration::from_secs(90))
    );
    for never in ["0", "0s", "never"] {
        assert_eq!(taken(&world, &with(&format!("session_idle_timeout: {never}"))).sessions.idle_timeout, None);
    }
    for none in ["0", "0s", "0h0m"] {
        let sessions = taken(&world, &with(&format!("session_store_grace: {none}"))).sessions;
        assert_eq!(sessions.store_grace, Duration::ZERO, "no grace is not a grace without end: {none}");
    }
    let world = World::default().variable("SESSION_IDLE_TIMEOUT", "5m").variable("SESSION_STORE_GRACE", "0s");
    let sessions = taken(&world, &with("session_idle_timeout: 1h")).sessions;
    assert_eq!((sessions.idle_timeout, sessions.store_grace), (Some(Duration::from_secs(300)), Duration::ZERO));
}

#[test]
fn the_provider_is_asked_again_every_ten_minutes_or_as_configured() {
    assert_eq!(provider("").refresh_every, Duration::from_secs(600));
    assert_eq!(provider("idp_refresh_interval: 10s").refresh_every, Duration::from_secs(10));
    assert_eq!(provider("idp_refresh_interval: 1h30m").refresh_every, Duration::from_secs(5400));
}

#[test]
fn it_is_known_whether_scopes_were_written() {
    for (lines, given) in
        [("", false), ("idp_scopes:", false), ("idp_scopes: []", false), ("idp_scopes: [openid]", true)]
    {
        let provider = provider(lines);
        assert_eq!(provider.scopes_given, given, "{lines}");
        assert_eq!(provider.scopes.len() > 1, !given, "{lines}");
    }
}

#[test]
fn signing_out_leads_where_it_should() {
    let to = |url: &str| taken(&World::default(), &with(&format!("signout_redirect_url: {url}"))).sign_in.signed_out;
    assert_eq!(taken(&World::default(), &with("")).sign_in.signed_out, None);
    for (url, sent) in [
        ("https://www.example.com", "https://www.example.com/"),
        ("https://www.example.com/bye?from=code#x", "https://www.example.com/bye?from=code#x"),
        ("https://bücher.example/tschüs", "https://xn--bcher-kva.example/tsch%C3%BCs"),
        ("http://localhost:3000/bye", "http://localhost:3000/bye"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("http://[::1]:1/", "http://[::1]:1/"),
    ] {
        assert_eq!(to(url).as_deref(), Some(sent));
    }
    let world = World::default().variable("SIGNOUT_REDIRECT_URL", "https://www.example.com/");
    assert!(taken(&world, ROUTE).sign_in.signed_out.is_some());
}

#[test]
fn a_route_may_want_a_recent_sign_in() {
    let age = |lines: &str| taken(&World::default(), &forwarding(lines)).routes[0].authentication_max_age;
    assert_eq!(age(""), None);
    assert_eq!(age("authentication_max_age: 1m"), Some(Duration::from_secs(60)));
    assert_eq!(age("authentication_max_age: 8h"), Some(Duration::from_secs(8 * 3600)));
    assert_eq!(age("authentication_max_age: never"), None);
}

#[test]
fn wrong_limits() {
    let oidc = |lines: &str| with(&format!("{OIDC}{lines}"));
    let cases = [
        ("hardly idle", with("session_idle_timeout: 59s")),
        ("idle for longer than there are sessions", with("session_idle_timeout: 14h")),
        ("no span", with("session_idle_timeout: soon\nsession_store_grace: 5")),
        ("of another shape", with("session_idle_timeout: [1h]\nsession_store_grace: {a: b}")),
        ("grace without end", with("session_store_grace: never")),
        ("a negative grace", with("session_store_grace: -1s")),
        ("a long grace", with("session_store_grace: 2h")),
        ("never asked again", oidc("idp_refresh_interval: never")),
        ("asked again after no time", oidc("idp_refresh_interval: 0s")),
        ("asked again too often", oidc("idp_refresh_interval: 9999ms")),
        ("asked again after the end", oidc("idp_refresh_interval: 2h\ncookie_expire: 2h")),
        ("asking nobody", with("idp_refresh_interval: 10m")),
        ("always signing in", forwarding("authentication_max_age: 0")),
        ("hardly signed in", forwarding("authentication_max_age: 59s")),
        (
            "of nobody",
            route_with("to: http://a\nallow_public_unauthenticated_access: true\nauthentication_max_age: 1h"),
        ),
        ("at the top", with("authentication_max_age: 1h")),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}

#[test]
fn wrong_ways_out() {
    let to = |url: &str| with(&format!("signout_redirect_url: {url}"));
    let cases = [
        ("no scheme", to("www.example.com")),
        ("a path", to("/bye")),
        ("a relative scheme", to("//evil.example/")),
        ("http", to("http://www.example.com/")),
        ("nearly this machine", to("http://localhost.example.com/")),
        ("a script", to("\"javascript:alert(1)\"")),
        ("data", to("data:text/html,x")),
        ("a password", to("https://me:hunter2@www.example.com/")),
        ("a user", to("https://me@www.example.com/")),
        ("no host", to("https://")),
        ("a line break", to("\"https://www.example.com/\\r\\nSet-Cookie: a=b\"")),
        ("a tab in the scheme", to("\"ht\\ttps://www.example.com/\"")),
        ("a backslash", to("https://www.example.com\\@evil.example/")),
        ("a space before it", to("\" https://www.example.com/\"")),
        ("a long one", to(&format!("https://www.example.com/{}", "a".repeat(2048)))),
        ("a list", to("[https://a.example, https://b.example]")),
    ];
    insta::assert_snapshot!(book(&World::default(), &cases));
}
