//! Where signing in happens: the first route's host, or one of its own; and what its cookie is like.

use crate::harness::browser::Browser;
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};

#[tokio::test]
async fn without_a_sign_in_host_the_first_routes_host_is_it() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = Browser::new();
    let answer = browser.visit(&scene.url("code", "/x?y=z")).await;
    assert_eq!(answer.json()["line"], "GET /x?y=z HTTP/1.1");
    let redirect_uri = scene.provider.requests("/authorize")[0].parameter("redirect_uri").unwrap().to_owned();
    assert_eq!(redirect_uri, scene.url("app", "/.doorward/oauth2/callback"));
    // Signed in there as well, and without the provider.
    assert_eq!(browser.fetch(&scene.url("app", "/")).await.status, 200);
    assert_eq!(scene.provider.requests("/authorize").len(), 1);
}

#[tokio::test]
async fn a_sign_in_host_of_its_own_has_the_usual_callback() {
    let scene = Scene::with(|setup, upstream| {
        setup.sign_in_host("auth").route("app", upstream, ANYBODY_SIGNED_IN).route("code", upstream, ANYBODY_SIGNED_IN)
    })
    .await;
    let mut browser = Browser::new();
    for host in ["app", "code"] {
        let answer = browser.visit(&scene.url(host, "/deep?q")).await;
        assert_eq!(answer.status, 200, "{}{}", browser.trail_as_text(), answer.text());
        assert_eq!(answer.json()["line"], "GET /deep?q HTTP/1.1");
    }
    let asked = scene.provider.requests("/authorize");
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].parameter("redirect_uri").unwrap(), scene.url("auth", "/oauth2/callback"));
    // The host serves nothing but signing in.
    assert_eq!(browser.fetch(&scene.url("auth", "/something")).await.status, 404);
}

#[tokio::test]
async fn each_host_has_a_ticket_of_its_own_that_is_short_and_kept_close() {
    let scene = Scene::with_two_hosts().await;
    let mut browser = scene.door.signed_in("app").await;
    browser.visit(&scene.url("code", "/")).await;
    let cookie = |host: &str| browser.jar.get(&format!("{host}.example.test"), "__Host-doorward").unwrap().clone();
    let (app, code) = (cookie("app"), cookie("code"));
    assert_ne!(app.value, code.value);
    for cookie in [app, code] {
        assert!(cookie.line.len() < 200, "{}", cookie.line);
        assert!(cookie.host_only && cookie.secure && cookie.path == "/", "{}", cookie.line);
        assert!(cookie.has("HttpOnly") && cookie.has("SameSite=Lax"), "{}", cookie.line);
        assert!(cookie.has("Max-Age=50400") || cookie.has("Max-Age=50399"), "14 hours: {}", cookie.line);
    }
    assert_eq!(browser.jar.refused, [""; 0]);
    // Nothing of ours is left behind from the way there, but for a minute that one has arrived.
    let (trails, left): (Vec<_>, Vec<_>) = browser.jar.all().partition(|cookie| cookie.name == "__Host-doorward-trail");
    assert!(trails.iter().all(|cookie| cookie.has("Max-Age=60") && cookie.line.len() < 300), "{trails:?}");
    let left: Vec<_> = left.iter().map(|cookie| cookie.name.as_str()).collect();
    assert_eq!(left, ["__Host-doorward", "__Host-doorward"]);
}

#[tokio::test]
async fn the_cookie_is_what_the_configuration_makes_it() {
    let scene = Scene::with(|setup, upstream| {
        setup
            .with("cookie_name: team\ncookie_domain: example.test\ncookie_same_site: strict\ncookie_expire: 1h")
            .route("app", upstream, ANYBODY_SIGNED_IN)
            .route("code", upstream, ANYBODY_SIGNED_IN)
    })
    .await;
    let mut browser = scene.door.signed_in("app").await;
    let cookie = browser.jar.get("app.example.test", "__Secure-team").expect("the shared cookie").clone();
    assert!(!cookie.host_only && cookie.secure && cookie.domain == "example.test", "{}", cookie.line);
    assert!(cookie.has("HttpOnly") && cookie.has("SameSite=Strict"), "{}", cookie.line);
    assert!(cookie.has("Max-Age=3600") || cookie.has("Max-Age=3599"), "{}", cookie.line);
    // One cookie for both hosts: no hand-over at all.
    assert_eq!(browser.fetch(&scene.url("code", "/")).await.status, 200);
    assert!(!scene.upstream.last().header("cookie").unwrap_or_default().contains("team"));
}
