//! What the configuration says of the provider and of secrets, as it shows from outside.

use crate::harness::browser::Browser;
use crate::harness::doorward::Doorward;
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
async fn another_cookie_secret_alone_is_refused_and_in_front_of_the_old_one_signs_nobody_out() {
    let (old, new) = ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA=");
    let Scene { provider, upstream: _upstream, mut door } = Scene::with(|setup, upstream| {
        setup.with(&format!("cookie_secret: {old}")).route("app", upstream, ANYBODY_SIGNED_IN)
    })
    .await;
    let mut browser = door.signed_in("app").await;
    door.signal("TERM");
    door.ended().await;
    let configure = |door: &Doorward, secrets: &str| {
        let yaml = door.setup.yaml().replace(&format!("cookie_secret: {old}"), &format!("cookie_secret: {secrets}"));
        std::fs::write(door.setup.config_file(), yaml).unwrap();
    };

    // Who is blocked stands in what the old one sealed: to go on without it would be to forget them.
    configure(&door, new);
    let said = door.command(&["run"]).await;
    assert_eq!(said.code, Some(1), "{said:?}");
    for part in ["sealed with another secret", "`cookie_secret`", "everybody signs in again"] {
        assert!(said.err.contains(part), "{said:?}");
    }

    configure(&door, &format!("[{new}, {old}]"));
    let mut door = door.started_again().await;
    assert_eq!(browser.fetch(&door.url("app", "/")).await.status, 200, "the same session");

    // With an empty store anything goes, and everybody signs in again.
    door.signal("TERM");
    door.ended().await;
    configure(&door, new);
    std::fs::remove_file(door.setup.data_dir().join("sessions.redb")).unwrap();
    let door = door.started_again().await;
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
