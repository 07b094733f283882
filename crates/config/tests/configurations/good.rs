//! Configurations that are right, and what they mean.

use std::time::Duration;

use doorward_config::{HostHeader, Limit, Loaded, LookupFamily, PathRule, Provider, ProviderKind, SameSite, Target};
use doorward_hygiene::Scheme;

use crate::world::{ROUTE, World, forwarding, route_with};

fn loaded(text: &str) -> Loaded {
    World::default().load(text).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_example_is_clean() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../config.example.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let loaded = loaded(&text);
    assert_eq!(loaded.hints, []);
    let [route] = loaded.config.routes.as_slice() else { panic!("not one route") };
    assert_eq!(route.from.to_string(), "https://code.localhost");
    assert!(route.upgrades.websocket);
    assert_eq!(route.host_header, HostHeader::Preserve);
    assert!(
        matches!(&route.target, Target::Upstream(upstream) if upstream.addresses[0].to_string() == "http://code-server:8080")
    );
    assert!(
        matches!(&loaded.config.sign_in.provider, Provider::BuiltIn(users) if users[0].email.as_str() == "you@example.com")
    );
}

#[test]
fn what_is_not_said_has_its_default() {
    let config = loaded(ROUTE).config;
    assert_eq!(config.listeners.address.to_string(), "[::]:443");
    assert_eq!((config.listeners.redirect, config.listeners.insecure), (None, false));
    assert_eq!(config.health.unwrap().to_string(), "127.0.0.1:28080");
    assert_eq!(config.log_level.as_str(), "info");
    assert_eq!(config.sessions.lifetime, Duration::from_secs(14 * 3600));
    assert_eq!(config.sessions.cookie.stem, "doorward");
    assert_eq!(config.sessions.cookie.same_site, SameSite::Lax);
    assert_eq!(config.timeouts.read, Limit::After(Duration::from_secs(30)));
    assert_eq!(config.timeouts.idle, Limit::After(Duration::from_secs(300)));
    assert!(config.tls.self_signed);
    assert_eq!(config.tls.hosts.len(), 1);
    let route = &config.routes[0];
    assert_eq!(route.timeout, Limit::After(Duration::from_secs(30)));
    assert_eq!(route.idle_timeout, None);
    assert!(!route.pass_identity_headers && route.set_response_headers.is_empty());
    assert_eq!((route.name.as_str(), route.id.as_str(), route.line), ("code.example.com", "code.example.com/", 2));
    assert!(matches!(&route.path, PathRule::Prefix(prefix) if prefix == "/"));
}

#[test]
fn a_wildcard_is_a_host_pattern_and_never_the_sign_in_host() {
    let wild = ROUTE.replace("https://code.example.com", "https://*.Dev.example.com:8443/");
    let and_one = format!("{wild}{}", ROUTE.replace("routes:\n", ""));
    let Loaded { config, hints, .. } = loaded(&and_one);
    assert_eq!(hints, []);
    let route = &config.routes[0];
    assert_eq!(route.from.to_string(), "https://*.dev.example.com:8443");
    assert_eq!((route.name.as_str(), route.id.as_str()), ("*.dev.example.com:8443", "*.dev.example.com:8443/"));
    let sign_in = &config.sign_in;
    assert_eq!((sign_in.origin.to_string().as_str(), sign_in.dedicated), ("https://code.example.com", false));
    let hosts: Vec<_> = config.tls.hosts.iter().map(ToString::to_string).collect();
    assert_eq!(hosts, ["*.dev.example.com", "code.example.com"]);

    // Under the wildcard, the sign-in host is still a host of its own.
    let given = loaded(&format!("authenticate_service_url: https://auth.dev.example.com:8443\n{wild}")).config;
    assert!(given.sign_in.dedicated);
    assert_eq!(given.tls.hosts.len(), 2);
    assert_eq!(given.sign_in.known_origins.len(), 2);
}

#[test]
fn only_origins_of_ours_are_known() {
    let wild = ROUTE.replace("https://code.example.com", "https://*.dev.example.com");
    let own = ROUTE.replace("routes:\n", "").replace("https://code.example.com", "https://own.dev.example.com:8443");
    let sign_in =
        loaded(&format!("authenticate_service_url: https://auth.dev.example.com\n{wild}{own}")).config.sign_in;
    for (origin, known) in [
        ("https://a.dev.example.com", true),
        ("https://A.DEV.example.com:443", true),
        ("https://auth.dev.example.com", true),
        ("https://own.dev.example.com:8443", true),
        // It has a route of its own, so the wildcard is not for it.
        ("https://own.dev.example.com", false),
        ("http://a.dev.example.com", false),
        ("https://a.dev.example.com:8443", false),
        ("https://dev.example.com", false),
        ("https://a.b.dev.example.com", false),
        ("https://xdev.example.com", false),
        ("https://a.xdev.example.com", false),
        ("https://a.dev.example.com.evil.com", false),
        ("https://evil.com", false),
        ("https://example.com", false),
        ("https://10.0.0.1", false),
        ("https://[::1]", false),
    ] {
        let origin = doorward_hygiene::Origin::parse(origin).unwrap();
        assert_eq!(sign_in.knows(&origin), known, "{origin}");
        let authority = doorward_hygiene::Authority::parse(&origin.authority()).unwrap();
        if origin.scheme == Scheme::Https {
            assert_eq!(sign_in.origin_at(&authority), known.then_some(origin));
        }
    }
    let other_port: Vec<_> =
        sign_in.origins_of(&doorward_hygiene::Hostname::parse("own.dev.example.com").unwrap()).collect();
    assert_eq!(other_port.len(), 1);
    assert_eq!(other_port[0].port, 8443);
}

#[test]
fn a_cookies_domain_may_hold_a_wildcards_hosts() {
    let wild = ROUTE.replace("https://code.example.com", "https://*.dev.example.com");
    let with = |domain: &str| {
        format!("cookie_domain: {domain}\nauthenticate_service_url: https://auth.dev.example.com\n{wild}")
    };
    for domain in ["example.com", "dev.example.com", ".dev.example.com"] {
        assert!(loaded(&with(domain)).config.sessions.cookie.domain.is_some(), "{domain}");
    }
    let report = World::default().report(&with("a.dev.example.com"));
    assert!(report.contains("`*.dev.example.com`, `auth.dev.example.com` is outside it"), "{report}");
}

#[test]
fn the_sign_in_host_is_the_first_routes_unless_given() {
    let own = loaded(ROUTE).config.sign_in;
    assert_eq!((own.origin.to_string().as_str(), own.dedicated), ("https://code.example.com", false));
    assert_eq!(own.known_origins.len(), 1);

    let given = loaded(&format!("authenticate_service_url: https://auth.example.com/\n{ROUTE}"));
    let sign_in = given.config.sign_in;
    assert_eq!((sign_in.origin.to_string().as_str(), sign_in.dedicated), ("https://auth.example.com", true));
    assert_eq!(sign_in.known_origins.len(), 2);
    assert_eq!(given.config.tls.hosts.len(), 2);

    let same = loaded(&format!("authenticate_service_url: https://CODE.example.com:443\n{ROUTE}")).config.sign_in;
    assert!(!same.dedicated);
}

#[test]
fn providers_have_their_defaults() {
    for (kind, url, issuer, scopes, params) in [
        ("google", "", "https://accounts.google.com", "openid profile email", 2),
        ("gitlab", "", "https://gitlab.com", "openid profile email", 0),
        ("GitLab", "https://git.example.com/", "https://git.example.com/", "openid profile email", 0),
        (
            "azure",
            "https://login.microsoftonline.com/t/v2.0",
            "https://login.microsoftonline.com/t/v2.0",
            "openid profile email offline_access",
            1,
        ),
        (
            "keycloak",
            "https://k.example.com/realms/r",
            "https://k.example.com/realms/r",
            "openid profile email offline_access",
            0,
        ),
        (
            "onelogin",
            "https://c.onelogin.com/oidc/2",
            "https://c.onelogin.com/oidc/2",
            "openid profile email groups offline_access",
            0,
        ),
        ("oidc", "http://127.0.0.1:9000", "http://127.0.0.1:9000", "openid profile email offline_access", 0),
    ] {
        let url = if url.is_empty() { String::new() } else { format!("idp_provider_url: {url}\n") };
        let text = format!("idp_provider: {kind}\nidp_client_id: me\nidp_client_secret: s\n{url}{ROUTE}");
        let sign_in = loaded(&text).config.sign_in;
        let Provider::Oidc(provider) = sign_in.provider else { panic!("no provider") };
        assert_eq!(provider.kind.as_str(), kind.to_ascii_lowercase());
        assert_eq!(provider.issuer, issuer, "the issuer stays as written");
        assert_eq!(provider.scopes.join(" "), scopes);
        assert_eq!(provider.request_params.len(), params);
        assert_eq!(provider.redirect_path, "/.doorward/oauth2/callback");
    }
    let text = format!(
        "authenticate_service_url: https://auth.example.com\nidp_provider: azure\nidp_provider_url: https://login.microsoftonline.com/t/v2.0\n\
         idp_client_id: me\nidp_scopes: [openid, email]\nidp_request_params: {{}}\n{ROUTE}"
    );
    let loaded = loaded(&text);
    assert!(loaded.hints[0].what.contains("public client"));
    let Provider::Oidc(provider) = loaded.config.sign_in.provider else { panic!("no provider") };
    assert_eq!(provider.kind, ProviderKind::Azure);
    assert_eq!(provider.redirect_path, "/oauth2/callback");
    assert_eq!(provider.scopes, ["openid", "email"]);
    assert!(provider.request_params.is_empty(), "what is given replaces the defaults");
}

#[test]
fn upgrades_are_listed_or_switched_on() {
    for (top, of_route, websocket, others) in [
        ("", "", false, &[][..]),
        ("", "allow_websockets: true", true, &[]),
        ("", "allow_spdy: true", false, &["spdy/3.1"]),
        ("", "allow_upgrades: [WebSocket, SPDY/3.1, tcp, TCP]", true, &["spdy/3.1", "tcp"]),
        ("", "allow_upgrades: spdy/3.1\nallow_spdy: true", false, &["spdy/3.1"]),
        ("allow_upgrades: [websocket, spdy/3.1]", "", true, &["spdy/3.1"]),
        // A list of its own takes the place of the one at the top, and the switches have the last word.
        ("allow_upgrades: [websocket, spdy/3.1]", "allow_upgrades: [tcp]", false, &["tcp"]),
        ("allow_upgrades: [websocket, spdy/3.1]", "allow_upgrades: []", false, &[]),
        ("allow_upgrades: [websocket, spdy/3.1]", "allow_websockets: false", false, &["spdy/3.1"]),
        ("allow_upgrades: [websocket, spdy/3.1]", "allow_spdy: false", true, &[]),
        ("allow_upgrades: [tcp]", "allow_websockets: true", true, &["tcp"]),
    ] {
        let route = route_with(&format!("to: http://app:8080\n{of_route}\nallow_any_authenticated_user: true"));
        let upgrades = loaded(&format!("{top}\n{route}")).config.routes.remove(0).upgrades;
        let named: Vec<_> = upgrades.others.iter().map(doorward_hygiene::UpgradeToken::as_str).collect();
        assert_eq!((upgrades.websocket, &*named), (websocket, others), "{top} and {of_route}");
    }
}

#[test]
fn every_key_of_a_route() {
    let text = route_with(
        "name: Editor\ndescription: code-server\nto: [\"http://a:8080\", \"http://[::1]:8081\", \"http://a:8080\"]\nprefix: /ide\nprefix_rewrite: /\n\
         allow_websockets: true\nhost_rewrite: app.internal:8080\nset_request_headers: {X-A: b}\nremove_request_headers: [X-C]\n\
         set_response_headers: {X-D: e}\npass_identity_headers: true\ntimeout: never\nidle_timeout: 1h\n\
         allow_any_authenticated_user: true",
    );
    let config = loaded(&text).config;
    let route = &config.routes[0];
    assert_eq!((route.name.as_str(), route.description.as_str()), ("Editor", "code-server"));
    assert_eq!(route.id.as_str(), "code.example.com/ide");
    assert_eq!(route.prefix_rewrite.as_deref(), Some("/"));
    assert!(matches!(&route.host_header, HostHeader::Fixed(host) if host == "app.internal:8080"));
    assert_eq!((route.timeout, route.idle_timeout), (Limit::Never, Some(Limit::After(Duration::from_secs(3600)))));
    assert!(route.pass_identity_headers);
    let Target::Upstream(upstream) = &route.target else { panic!("no upstream") };
    let addresses: Vec<_> = upstream.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["http://a:8080", "http://[::1]:8081"]);
    assert_eq!(upstream.addresses[1].host, "::1");
}

#[test]
fn a_path_in_to_is_a_rewrite_unless_there_is_one() {
    let rewrite = |lines: &str| {
        let config = loaded(&route_with(&format!("allow_any_authenticated_user: true\n{lines}"))).config;
        config.routes[0].prefix_rewrite.clone()
    };
    assert_eq!(rewrite("to: https://app/base"), Some("/base".into()));
    assert_eq!(rewrite("to: https://app/"), None);
    assert_eq!(rewrite("to: https://app/base\nprefix: /x\nprefix_rewrite: /y"), Some("/y".into()));
    assert_eq!(rewrite("to: [https://a/base, https://b/base]"), Some("/base".into()));
}

#[test]
fn every_way_to_reach_an_application() {
    for (to, shown, host) in [
        ("http://app:80", "http://app", "app"),
        ("HTTPS://app", "https://app", "app"),
        ("https://app:80", "https://app:80", "app:80"),
        ("h2c://app", "h2c://app", "app"),
        ("h2c://[::1]:50051", "h2c://[::1]:50051", "[::1]:50051"),
        ("unix:///run/a b@c.sock", "unix:///run/a b@c.sock", "localhost"),
        ("http+unix:///run/app.sock", "unix:///run/app.sock", "localhost"),
        ("https+unix:///run/app.sock", "https+unix:///run/app.sock", "localhost"),
    ] {
        let loaded = loaded(&route_with(&format!("to: {to}\nallow_any_authenticated_user: true")));
        assert_eq!(loaded.hints, [], "{to}");
        let Target::Upstream(upstream) = &loaded.config.routes[0].target else { panic!("{to}") };
        let [address] = upstream.addresses.as_slice() else { panic!("{to}") };
        assert_eq!((address.to_string().as_str(), address.authority().as_str()), (shown, host), "{to}");
    }
}

#[test]
fn names_of_applications_are_looked_up_as_said() {
    for (line, expected) in [
        ("", LookupFamily::V4Preferred),
        ("dns_lookup_family: v6_only\n", LookupFamily::V6Only),
        ("dns_lookup_family: AUTO\n", LookupFamily::V6Preferred),
        ("dns_lookup_family: ALL\n", LookupFamily::All),
    ] {
        let loaded = loaded(&format!("{line}{ROUTE}"));
        let Target::Upstream(upstream) = &loaded.config.routes[0].target else { panic!("{line}") };
        assert_eq!(upstream.lookup, expected, "{line}");
    }
}

#[test]
fn redirects_and_responses() {
    let text = route_with(
        "allow_public_unauthenticated_access: true\nredirect:\n  host_redirect: New.example.com\n  port_redirect: 8443\n  \
         path_redirect: /x?y=z\n  response_code: 308\n  strip_query: true\n  scheme_redirect: http",
    );
    let config = loaded(&text).config;
    let Target::Redirect(redirect) = &config.routes[0].target else { panic!("no redirect") };
    assert_eq!(redirect.scheme, Some(Scheme::Http));
    assert_eq!(redirect.host.as_ref().unwrap().as_str(), "new.example.com");
    assert_eq!((redirect.port, redirect.path.as_deref()), (Some(8443), Some("/x?y=z")));
    assert_eq!((redirect.response_code.as_u16(), redirect.strip_query), (308, true));

    let text = route_with("allow_public_unauthenticated_access: true\nresponse: {status: 503, body: Back soon.}");
    let config = loaded(&text).config;
    let Target::Response(response) = &config.routes[0].target else { panic!("no response") };
    assert_eq!((response.status.as_u16(), response.body.as_str()), (503, "Back soon."));
}

#[test]
fn regexes_match_whole_paths() {
    let path = |regex: &str| loaded(&forwarding(&format!("regex: {regex}"))).config.routes[0].path.clone();
    let rule = path("'/a|/b'");
    assert!(rule.matches("/a") && rule.matches("/b") && !rule.matches("/ab") && !rule.matches("/x/a"));
    let rule = path("'(?m)^/a$'");
    assert!(!rule.matches("/a\n/b"), "no flag gets past the anchors");
}

#[test]
fn cookie_domain_holds_every_host() {
    let text =
        format!("cookie_domain: .example.com\ncookie_name: team\ncookie_same_site: None\ncookie_expire: 1h\n{ROUTE}");
    let cookie = loaded(&text).config.sessions.cookie;
    assert_eq!(cookie.domain.unwrap().as_str(), "example.com");
    assert_eq!((cookie.stem.as_str(), cookie.same_site), ("team", SameSite::None));
}

#[test]
fn a_file_of_pomeriums_loads_unchanged() {
    let text = "\
# From Pomerium's own documentation, with an identity provider of one's own.
authenticate_service_url: https://authenticate.localhost.pomerium.io
idp_provider: oidc
idp_provider_url: https://id.example.com/
idp_client_id: REPLACE_ME
idp_client_secret: REPLACE_ME
cookie_secret: WwMtDXWaRDMBQCylle8OJ+w4kLIDIGd8W3cB4/zFFtg=
shared_secret: WwMtDXWaRDMBQCylle8OJ+w4kLIDIGd8W3cB4/zFFtg=
policy:
  - from: https://verify.localhost.pomerium.io
    to: http://verify:8000
    policy:
      - allow:
          or:
            - email:
                is: user@example.com
    pass_identity_headers: true
  - from: https://code.localhost.pomerium.io
    to: http://code-server:8080
    allowed_users:
      - some.user@example.com
    allow_websockets: true
    preserve_host_header: true
";
    let loaded = loaded(text);
    assert_eq!(loaded.hints, []);
    assert_eq!(loaded.config.routes.len(), 2);
    assert!(loaded.config.sign_in.dedicated);
}

#[test]
fn blocks_may_be_shared_by_aliases_and_merges() {
    let text = "\
routes:
  - &first
    from: https://a.example.com
    to: http://a
    allow_any_authenticated_user: true
  - <<: *first
    from: https://b.example.com
  - <<: [*first]
    from: https://c.example.com
    to: http://c
";
    let config = loaded(text).config;
    let hosts: Vec<_> = config.routes.iter().map(|route| route.from.host.to_string()).collect();
    assert_eq!(hosts, ["a.example.com", "b.example.com", "c.example.com"]);
    assert!(matches!(&config.routes[2].target, Target::Upstream(upstream) if upstream.addresses[0].host == "c"));
}
