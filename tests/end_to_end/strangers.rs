//! Whoever is not signed in: sent to sign in if they load a page, told so if they do anything else, and let through
//! to what is public alone.

use crate::harness::browser::{Ask, Browser};
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, WEBSOCKETS};
use crate::harness::websocket;

async fn scene() -> Scene {
    Scene::with(|setup, upstream| {
        setup
            .sign_in_host("auth")
            .route("app", upstream, &format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}"))
            .route("open", upstream, EVERYBODY)
            .route("nobody", upstream, "")
    })
    .await
}

#[tokio::test]
async fn a_page_load_is_sent_to_the_sign_in_host() {
    let scene = scene().await;
    for protocol in ["h2", "http/1.1"] {
        let mut browser = Browser::speaking(protocol);
        let answer = browser.send(Ask::page(&scene.url("app", "/x?y"))).await;
        assert_eq!(answer.status, 302);
        let version = if protocol == "h2" { http::Version::HTTP_2 } else { http::Version::HTTP_11 };
        assert_eq!(answer.version, version);
        assert!(answer.location().unwrap().as_str().starts_with(&scene.url("auth", "/")), "{:?}", answer.headers);
        assert!(answer.header("cache-control").unwrap().contains("no-store"));
        assert_eq!(answer.all("set-cookie").len(), 1, "{:?}", answer.headers);
    }
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn whatever_is_no_page_load_is_told_401() {
    let scene = scene().await;
    let url = scene.url("app", "/api?secret=1");
    let plain = || Ask::new("GET", &url);
    let mut tries = vec![
        ("fetch", Ask::fetch(&url)),
        ("a script of old", plain().header("accept", "text/html").header("x-requested-with", "XMLHttpRequest")),
        ("JSON wanted", plain().header("accept", "application/json")),
        ("JSON rather than a page", plain().header("accept", "application/json, text/html;q=0.5")),
        ("anything wanted, as curl", plain().header("accept", "*/*")),
        ("nothing said", plain()),
        ("an image", Ask::page(&url).header("sec-fetch-dest", "image").header("sec-fetch-mode", "no-cors")),
        ("a frame", Ask::page(&url).header("sec-fetch-dest", "iframe")),
        ("a worker", Ask::fetch(&url).header("sec-fetch-dest", "serviceworker")),
        ("an event stream", plain().header("accept", "text/event-stream")),
    ];
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let mut ask = Ask::page(&url);
        ask.method = method.parse().unwrap();
        tries.push((method, ask));
    }
    for (what, ask) in tries {
        for protocol in ["h2", "http/1.1"] {
            let answer = Browser::speaking(protocol).send(ask.clone()).await;
            assert_eq!(answer.status, 401, "{what}: {}", answer.text());
            assert_eq!(answer.all("set-cookie"), [""; 0], "{what}");
            assert_eq!(answer.header("location"), None, "{what}");
            assert!(answer.header("cache-control").unwrap().contains("no-store"), "{what}");
        }
    }
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn a_401_says_in_json_where_to_sign_in() {
    let scene = scene().await;
    let mut browser = Browser::new();
    let ask = Ask::fetch(&scene.url("app", "/api")).header("accept", "application/json");
    let answer = browser.send(ask).await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let said = answer.json();
    for key in ["error", "message", "request_id", "sign_in_url"] {
        assert!(said[key].is_string(), "{key}: {said}");
    }
    assert_eq!(said["request_id"].as_str(), answer.header("x-request-id"));
    // The address leads through signing in, by itself.
    browser.visit(said["sign_in_url"].as_str().unwrap()).await;
    assert_eq!(browser.fetch(&scene.url("app", "/api")).await.status, 200, "{}", browser.trail_as_text());
}

#[tokio::test]
async fn a_websocket_of_a_stranger_is_told_401() {
    let scene = scene().await;
    let refused = websocket::open(&scene.door, &Browser::new(), "app").await.expect_err("a tunnel for a stranger");
    assert_eq!(refused.status, 401);
    assert_eq!(scene.arrivals(), 0);
}

#[tokio::test]
async fn head_and_get_are_treated_alike() {
    let scene = scene().await;
    let mut ask = Ask::page(&scene.url("app", "/"));
    ask.method = http::Method::HEAD;
    let answer = Browser::speaking("http/1.1").send(ask).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (302, 0));
    let mut ask = Ask::fetch(&scene.url("app", "/"));
    ask.method = http::Method::HEAD;
    let answer = Browser::speaking("http/1.1").send(ask).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (401, 0));
}

#[tokio::test]
async fn what_is_public_is_open_and_what_has_no_policy_is_shut() {
    let scene = scene().await;
    let mut stranger = Browser::new();
    assert_eq!(stranger.visit(&scene.url("open", "/")).await.status, 200);
    assert_eq!(stranger.jar.all().count(), 0, "a stranger was given a cookie on a public route");
    let mut known = scene.door.signed_in("app").await;
    let denied = known.visit(&scene.url("nobody", "/")).await;
    assert_eq!(denied.status, 403);
    let stranger = Browser::new().fetch(&scene.url("nobody", "/")).await;
    assert!(matches!(stranger.status.as_u16(), 401 | 403), "{}", stranger.status);
    assert_eq!(scene.arrivals(), 2, "one on the public host, one on signing in");
}

#[tokio::test]
async fn a_preflight_passes_only_where_it_is_allowed() {
    let scene = Scene::with(|setup, upstream| {
        setup.route("app", upstream, ANYBODY_SIGNED_IN).route(
            "api",
            upstream,
            &format!("{ANYBODY_SIGNED_IN}\ncors_allow_preflight: true"),
        )
    })
    .await;
    let preflight = |host: &str| {
        Ask::new("OPTIONS", &scene.url(host, "/"))
            .header("origin", "https://elsewhere.example")
            .header("access-control-request-method", "PUT")
    };
    let mut browser = Browser::new();
    assert_eq!(browser.send(preflight("app")).await.status, 401);
    assert_eq!(browser.send(preflight("api")).await.status, 200);
    let mut incomplete = preflight("api");
    incomplete.headers.remove("access-control-request-method");
    assert_eq!(browser.send(incomplete).await.status, 401);
    assert_eq!(
        browser.send(Ask::fetch(&scene.url("api", "/")).header("origin", "https://elsewhere.example")).await.status,
        401
    );
    assert_eq!(scene.arrivals(), 1);
}

#[tokio::test]
async fn our_pages_cannot_be_framed_sniffed_cached_or_scripted() {
    let scene = scene().await;
    let mut known = scene.door.signed_in("app").await;
    for url in [
        scene.url("nobody", "/"),
        scene.url("app", "/.doorward/"),
        scene.url("app", "/.doorward/routes"),
        scene.url("app", "/.doorward/sign_out"),
        scene.url("app", "/.doorward/signed_out"),
        scene.url("app", "/.doorward/nothing-here"),
        scene.url("app", "/.doorward/oauth2/callback"),
    ] {
        let page = known.visit(&url).await;
        let policy = page.header("content-security-policy").unwrap_or_else(|| panic!("{url}: {:?}", page.headers));
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{url}: {policy}");
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{url}: {policy}");
        assert_eq!(page.header("x-content-type-options"), Some("nosniff"), "{url}");
        assert!(page.header("cache-control").unwrap().contains("no-store"), "{url}");
        assert!(page.header("content-type").unwrap().starts_with("text/html"), "{url}");
        assert!(page.text().contains("<html lang="), "{url}");
        assert!(page.text().contains(page.header("x-request-id").unwrap()), "{url}: no request id on the page");
        for outside in ["src=\"http", "href=\"//", "@import", "<script", "javascript:"] {
            assert!(!page.text().contains(outside), "{url}: {outside}");
        }
    }
}

#[tokio::test]
async fn the_shape_of_an_error_is_the_one_asked_for() {
    let scene = scene().await;
    let mut known = scene.door.signed_in("app").await;
    let url = scene.url("nobody", "/");
    for (accept, expected) in [
        ("text/html", "text/html"),
        ("application/json", "application/json"),
        ("application/problem+json", "application/json"),
        ("text/plain", "text/plain"),
        ("text/html;q=0, application/json", "application/json"),
    ] {
        let answer = known.send(Ask::new("GET", &url).header("accept", accept)).await;
        assert_eq!(answer.status, 403, "{accept}");
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with(expected) || accept == "application/problem+json", "{accept}: {kind}");
        if kind == "application/json" {
            assert_eq!(answer.json()["request_id"].as_str(), answer.header("x-request-id"));
        }
    }
}
