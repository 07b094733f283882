//! `doorward protect`: one route from the command line.

use doorward_config::{Config, HostHeader, Loaded, Problems, ProtectRequest, Provider, Target};

use crate::world::{World, now};

fn protect(world: &World, upstream: &str, allow: &[&str], from: Option<&str>) -> Result<Loaded, Problems> {
    let allow: Vec<String> = allow.iter().map(|&email| email.to_owned()).collect();
    Config::one_route(&ProtectRequest { upstream, allow: &allow, from }, &world.overrides, world, world, now())
}

#[test]
fn it_has_what_code_server_needs() {
    let world = World::default();
    let loaded = protect(&world, "http://127.0.0.1:8080", &["You@example.com", "a@example.com"], None).unwrap();
    assert_eq!(loaded.hints, []);
    let config = loaded.config;
    assert_eq!(config.listeners.address.to_string(), "127.0.0.1:8443");
    let [route] = config.routes.as_slice() else { panic!("not one route") };
    assert_eq!(route.from.to_string(), "https://code.localhost:8443");
    assert!(route.upgrades.websocket);
    assert_eq!(route.host_header, HostHeader::Preserve);
    assert!(matches!(&route.target, Target::Upstream(upstream) if upstream.addresses[0].port == 8080));
    let Provider::BuiltIn(users) = &config.sign_in.provider else { panic!("no accounts") };
    assert_eq!(users[0].email.as_str(), "you@example.com");
    let criteria = route.policy.rules()[0].criteria.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(criteria, ["email in [you@example.com, a@example.com]"]);
}

#[test]
fn it_listens_where_the_public_host_is() {
    let world = World::default();
    for (from, address) in [
        ("https://code.localhost", "127.0.0.1:443"),
        ("https://localhost:9000", "127.0.0.1:9000"),
        ("https://127.0.0.2:9000", "127.0.0.2:9000"),
        ("https://[::1]:9000", "[::1]:9000"),
        ("https://code.example.com:9000", "[::]:9000"),
        ("https://notlocalhost", "[::]:443"),
    ] {
        let loaded = protect(&world, "http://127.0.0.1:8080", &["a@example.com"], Some(from)).unwrap();
        assert_eq!(loaded.config.listeners.address.to_string(), address, "{from}");
    }
}

#[test]
fn it_checks_like_a_file_does() {
    let world = World::default();
    let report = |upstream, allow: &[&str], from| match protect(&world, upstream, allow, from) {
        Ok(loaded) => format!("{:?}", loaded.hints),
        Err(problems) => problems.to_string(),
    };
    insta::assert_snapshot!(
        [
            report("127.0.0.1:8080", &["you"], Some("https://code.localhost/x")),
            report("http://127.0.0.1:8080", &[], None),
            report("http://127.0.0.1:8080", &["a@example.com"], Some("code.localhost")),
            report("http://127.0.0.1:8080", &["a@example.com"], Some("https://*.dev.example.com")),
        ]
        .join("\n\n")
    );
}

#[test]
fn nothing_on_the_command_line_can_write_yaml() {
    let world = World::default().variable("HOME", "/home/me");
    for hostile in [
        "\"]}}]\nusers: []",
        "a@example.com\"",
        "${HOME}@example.com",
        "a\\@example.com",
        "ä\u{85}@example.com",
        "*a@example.com",
    ] {
        match protect(&world, "http://127.0.0.1:8080", &[hostile], None) {
            Ok(loaded) => {
                let Provider::BuiltIn(users) = loaded.config.sign_in.provider else { panic!("no accounts") };
                assert_eq!(users.len(), 1);
                assert_eq!(users[0].email.as_str(), hostile.to_ascii_lowercase());
            }
            Err(problems) => assert!(problems.to_string().contains("e-mail"), "{problems}"),
        }
    }
}

#[test]
fn variables_may_bring_a_provider_but_no_other_route() {
    let world = World::default()
        .variable("IDP_PROVIDER", "google")
        .variable("IDP_CLIENT_ID", "me")
        .variable("IDP_CLIENT_SECRET", "s")
        .variable("ROUTES", "W10=")
        .variable("USERS", "mallory@example.com");
    let config = protect(&world, "http://127.0.0.1:8080", &["a@example.com"], None).unwrap().config;
    assert!(matches!(config.sign_in.provider, Provider::Oidc(_)));
    assert_eq!(config.routes.len(), 1);
}
