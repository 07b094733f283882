//! The provider is down: we start all the same, say so, and go on by ourselves once it is back.

use crate::harness::browser::Browser;
use crate::harness::eventually;
use crate::harness::hostile_provider::{Fault, Misdeed, Provider, keys_for};
use crate::harness::ports::free_port;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene};
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

#[tokio::test]
async fn a_provider_that_comes_up_later_is_found() {
    let upstream = Upstream::start().await;
    let port = free_port();
    let door = Setup::new()
        .with(&keys_for(port))
        .route("app", &upstream.url(), ANYBODY_SIGNED_IN)
        .route("open", &upstream.url(), EVERYBODY)
        .start()
        .await;
    let mut browser = Browser::new();
    let page = browser.visit(&door.url("app", "/wanted?q")).await;
    assert_eq!(page.status, 503, "{}{}", browser.trail_as_text(), page.text());
    assert!(page.text().contains("identity provider"), "{}", page.text());
    assert!(page.header("retry-after").is_some());
    assert_eq!(browser.visit(&door.url("open", "/")).await.status, 200, "what is public needs no provider");
    assert_eq!(door.health("/healthz").await.status, 200);

    let provider = Provider::start_at(port, &[]).await;
    let url = door.url("app", "/wanted?q");
    eventually("signing in works", || {
        let url = url.clone();
        async move { Browser::new().visit(&url).await.status == 200 }
    })
    .await;
    assert_eq!(upstream.last().target(), "/wanted?q");
    drop(provider);
}

#[tokio::test]
async fn whoever_is_signed_in_stays_so_while_the_provider_is_down() {
    let Scene { provider, upstream, door } = Scene::with_two_hosts().await;
    let mut browser = door.signed_in("app").await;
    drop(provider);
    assert_eq!(browser.fetch(&door.url("app", "/still")).await.status, 200);
    // Another host of ours needs the session alone, not the provider.
    assert_eq!(browser.visit(&door.url("code", "/too")).await.status, 200);
    assert_eq!(upstream.last().target(), "/too");
}

#[tokio::test]
async fn a_provider_that_fails_under_way_is_a_clear_page() {
    let scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    scene.provider.fault(Fault::Endpoint("/token", Misdeed::Status(500)));
    let mut browser = Browser::new();
    let page = browser.visit(&scene.url("app", "/")).await;
    assert!(matches!(page.status.as_u16(), 502 | 503), "{} {}", page.status, page.text());
    assert!(page.text().contains("provider"), "{}", page.text());
    scene.provider.honest();
    assert_eq!(browser.visit(&scene.url("app", "/")).await.status, 200, "the same browser tries again");
}
