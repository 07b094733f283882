//! What the configuration says of the provider and of secrets, as it shows from outside.

use crate::harness::browser::Browser;
use crate::harness::hostile_provider::{CLIENT_SECRET, Provider};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

#[tokio::test]
async fn scopes_and_further_parameters_are_asked_for() {
    let scene = Scene::with(|setup, upstream| {
        setup
            .with("idp_scopes: [openid, email, groups]\nidp_request_params: {prompt: select_account, hd: example.com}")
            .route("app", upstream, ANYBODY_SIGNED_IN)
    })
    .await;
    scene.door.signed_in("app").await;
    let asked = &scene.provider.requests("/authorize")[0];
    assert_eq!(asked.parameter("scope"), Some("openid email groups"));
    assert_eq!((asked.parameter("prompt"), asked.parameter("hd")), (Some("select_account"), Some("example.com")));
}

#[tokio::test]
async fn the_clients_secret_may_be_in_a_file() {
    let provider = Provider::start().await;
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let file = setup.file("client-secret", &format!("{CLIENT_SECRET}\n"));
    let in_file = format!("idp_client_secret_file: {}", file.display());
    let keys = provider.keys().replace(&format!("idp_client_secret: {CLIENT_SECRET}"), &in_file);
    let door = setup.with(&keys).route("app", &upstream.url(), ANYBODY_SIGNED_IN).start().await;
    door.signed_in("app").await;
}

#[tokio::test]
async fn another_cookie_secret_signs_everybody_out_and_breaks_nothing() {
    let Scene { provider, upstream: _upstream, door } = Scene::with(|setup, upstream| {
        setup.with("cookie_secret: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").route(
            "app",
            upstream,
            ANYBODY_SIGNED_IN,
        )
    })
    .await;
    let mut browser = door.signed_in("app").await;
    let door = door.restarted().await;
    assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200, "the same secret, the same session");
    let other = door.setup.yaml().replace("cookie_secret: AAAA", "cookie_secret: BBBB");
    std::fs::write(door.setup.config_file(), other).unwrap();
    let door = door.restarted().await;
    assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 401);
    assert_eq!(browser.visit(&door.url("app", "/")).await.status, 200);
    assert_eq!(provider.requests("/authorize").len(), 2);
}

#[tokio::test]
async fn an_address_that_carries_a_code_goes_nowhere_else() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = Browser::new();
    browser.visit(&scene.url("code", "/")).await;
    let ours = |url: &url::Url| url.host_str().unwrap().ends_with("example.test");
    let mut carrying = 0;
    for hop in browser.trail.iter().filter(|hop| ours(&hop.url)) {
        let to_code = hop.header("location").is_some_and(|to| to.contains("code="));
        if to_code || hop.url.query().is_some_and(|query| query.contains("code=")) {
            carrying += 1;
            assert_eq!(hop.header("referrer-policy"), Some("no-referrer"), "{}", hop.url);
            assert!(hop.header("cache-control").is_some_and(|rules| rules.contains("no-store")), "{}", hop.url);
        }
    }
    assert!(carrying >= 2, "{}", browser.trail_as_text());
}
