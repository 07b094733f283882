//! Which route a request finds, and what it makes of the path.

use crate::harness::browser::{Answer, Ask, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

async fn get(door: &Doorward, host: &str, path: &str) -> Answer {
    Browser::new().send(Ask::page(&door.url(host, path))).await
}

#[tokio::test]
async fn the_most_particular_route_wins() {
    let upstream = Upstream::start().await;
    let marked = |keys: &str, name: &str| format!("{keys}\n{EVERYBODY}\nset_request_headers: {{X-Route: {name}}}");
    let url = upstream.url();
    let door = Setup::new()
        .route("app", &url, &marked("", "rest"))
        .route("app", &url, &marked("prefix: /a", "a"))
        .route("app", &url, &marked("prefix: /a/b", "a-b"))
        .route("app", &url, &marked("path: /a/b/c", "exact"))
        .route("app", &url, &marked("regex: /a/[0-9]+", "regex"))
        .start()
        .await;
    for (path, expected) in [
        ("/", "rest"),
        ("/x", "rest"),
        ("/ab", "rest"),
        ("/a", "a"),
        ("/a/x", "a"),
        ("/a/b", "a-b"),
        ("/a/b/x", "a-b"),
        ("/a/b/c", "exact"),
        ("/a/b/c/d", "a-b"),
        ("/a/12", "regex"),
        ("/a/12/x", "a"),
        ("/a/%62/%63", "exact"),
    ] {
        assert_eq!(get(&door, "app", path).await.status, 200, "{path}");
        assert_eq!(upstream.last().header("x-route"), Some(expected), "{path}");
    }
}

#[tokio::test]
async fn a_path_without_a_route_is_404_with_our_page() {
    let upstream = Upstream::start().await;
    let door = Setup::new().route("app", &upstream.url(), &format!("prefix: /a\n{EVERYBODY}")).start().await;
    for path in ["/", "/b", "/aa"] {
        let page = get(&door, "app", path).await;
        assert_eq!(
            (page.status.as_u16(), page.header("x-doorward-intercepted-response")),
            (404, Some("true")),
            "{path}"
        );
    }
    assert_eq!(upstream.arrived().len(), 0);
}

#[tokio::test]
async fn a_prefix_is_rewritten() {
    let upstream = Upstream::start().await;
    let url = upstream.url();
    let door = Setup::new()
        .route("app", &url, &format!("prefix: /a\nprefix_rewrite: /\n{EVERYBODY}"))
        .route("app", &url, &format!("prefix: /b/\nprefix_rewrite: /inside/\n{EVERYBODY}"))
        .route("code", &format!("{url}/base"), EVERYBODY)
        .route("docs", &format!("{url}/base/"), &format!("prefix: /d\n{EVERYBODY}"))
        .start()
        .await;
    for (host, path, expected) in [
        ("app", "/a", "/"),
        ("app", "/a/x?y=/a", "/x?y=/a"),
        ("app", "/a/a/b%20c", "/a/b%20c"),
        ("app", "/b/x", "/inside/x"),
        ("code", "/", "/base/"),
        ("code", "/x?y", "/base/x?y"),
    ] {
        let answer = get(&door, host, path).await;
        assert_eq!(answer.status, 200, "{host}{path}: {}", answer.text());
        assert_eq!(upstream.last().target(), expected, "{host}{path}");
    }
    assert_eq!(get(&door, "docs", "/d/x").await.status, 200);
    let target = upstream.last().target().to_owned();
    assert!(target.starts_with("/base/") && !target.contains("//"), "{target}");
}

#[tokio::test]
async fn a_route_may_redirect() {
    let door = Setup::new()
        .route_without_upstream("app", &format!("redirect: {{host_redirect: new.example, response_code: 308}}\n{EVERYBODY}"))
        .route_without_upstream("code", &format!("redirect: {{path_redirect: /there, strip_query: true}}\n{EVERYBODY}"))
        .route_without_upstream("docs", &format!("prefix: /old\nredirect: {{prefix_rewrite: /new, port_redirect: 444, scheme_redirect: https}}\n{EVERYBODY}"))
        .start()
        .await;
    let port = door.setup.port;
    for (host, path, status, expected) in [
        ("app", "/a%20b?c", 308, "https://new.example/a%20b?c".into()),
        ("code", "/x?y", 301, format!("https://code.example.test:{port}/there")),
        ("docs", "/old/x?y", 301, "https://docs.example.test:444/new/x?y".into()),
    ] {
        let answer = get(&door, host, path).await;
        assert_eq!(answer.status.as_u16(), status, "{host}");
        assert_eq!(answer.location().unwrap().as_str(), expected, "{host}: {:?}", answer.header("location"));
    }
}

#[tokio::test]
async fn a_route_may_answer_by_itself() {
    let door = Setup::new()
        .route_without_upstream(
            "app",
            &format!("response: {{status: 418, body: \"short <b>and</b> stout\"}}\n{EVERYBODY}"),
        )
        .start()
        .await;
    let answer = get(&door, "app", "/").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (418, "short <b>and</b> stout"));
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"), "{:?}", answer.headers);
}

#[tokio::test]
async fn a_redirect_or_answer_is_for_whoever_policy_lets_in() {
    use crate::harness::scene::{Scene, only};
    let scene = Scene::with(|setup, upstream| {
        setup.route("app", upstream, "allow_any_authenticated_user: true").route_without_upstream(
            "code",
            &format!("response: {{status: 200, body: secret}}\n{}", only("bob@example.com")),
        )
    })
    .await;
    let stranger = Browser::new().fetch(&scene.url("code", "/")).await;
    assert_eq!(stranger.status, 401);
    let mut alice = scene.door.signed_in("app").await;
    let denied = alice.visit(&scene.url("code", "/")).await;
    assert_eq!(denied.status, 403);
    assert!(!denied.text().contains("secret"));
    let mut bob = scene.browser_of("bob@example.com").await;
    assert_eq!(bob.visit(&scene.url("code", "/")).await.text(), "secret");
}
