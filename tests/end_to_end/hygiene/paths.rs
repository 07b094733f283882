//! One path, one meaning: rules, routes and the application read the same.

use super::open_door;
use crate::harness::doorward::Doorward;
use crate::harness::scene::Scene;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY};
use crate::harness::upstream::Upstream;

async fn status_of(door: &Doorward, path: &str) -> u16 {
    door.exchange("app", &format!("GET {path} HTTP/1.1\r\nHost: HOST\r\n\r\n")).await.status
}

#[tokio::test]
async fn a_path_with_two_readings_is_refused() {
    let (upstream, door) = open_door().await;
    for path in [
        "/..",
        "/.",
        "/../x",
        "/./x",
        "/a/../b",
        "/a/..",
        "/a/.",
        "/%2e",
        "/%2E%2e/x",
        "/.%2e/x",
        "/%2e./x",
        "/a/%2e%2e/b",
        "/..;/x",
        "/a/..;x=y/b",
        "/.;/x",
        "/a%2fb",
        "/a%2Fb",
        "/%2f",
        "/a%5cb",
        "/a%5Cb",
        "/a\\b",
        "/\\evil",
        "/%00",
        "/a%00b",
        "/%0a",
        "/%0d%0aX:%20y",
        "/%09",
        "/%7f",
        "/%1b%5b",
        "/%",
        "/%2",
        "/%zz",
        "/%u002e",
        "/a%",
        "/%c0%af",
        "/%c0%ae%c0%ae/",
        "/%ff",
        "/%c2%85",
        "/%ed%a0%80",
    ] {
        assert_eq!(status_of(&door, path).await, 400, "{path}");
    }
    assert_eq!(upstream.arrived().len(), 0, "{:?}", upstream.arrived());
}

#[tokio::test]
async fn a_fragment_goes_no_further() {
    let (upstream, door) = open_door().await;
    for path in ["/#x", "/a#b", "/a?b#c", "/#/../admin"] {
        let status = status_of(&door, path).await;
        assert!(matches!(status, 200 | 400), "{path}: {status}");
        let leaked = upstream.arrived().iter().any(|arrived| arrived.line.contains('#'));
        assert!(!leaked, "{path}: {:?}", upstream.arrived());
    }
}

#[tokio::test]
async fn every_other_path_arrives_as_it_was_sent() {
    let (upstream, door) = open_door().await;
    for path in [
        "/",
        "/a",
        "/a/",
        "/a b".replace(' ', "%20").as_str(),
        "/a+b",
        "/%41",
        "/%61bc",
        "/~x",
        "/a:b",
        "/a@b",
        "/a,b",
        "/*'()!$&=",
        "/%E2%82%AC",
        "/%e2%82%ac",
        "//a",
        "/a//b",
        "/a;b=c",
        "/a;b/c",
        "/...",
        "/.x",
        "/x.",
        "/..x",
        "/x..",
        "/%252e%252e/",
        "/%252f",
        "/a%3Fb",
        "/a%23b",
        "/a%25",
        "/a?",
        "/a?b=c&d=%2F..%2F&e=a/../b",
        "/a?x\\y",
        "/[x]",
        "/{x}|^",
    ] {
        let status = status_of(&door, path).await;
        assert_eq!(status, 200, "{path}");
        assert_eq!(upstream.last().target(), path);
    }
}

/// Two applications on one host, one of them for those who are signed in.
async fn guarded() -> (Scene, Upstream) {
    let private = Upstream::start().await;
    let private_url = private.url();
    let scene = Scene::with(move |setup, upstream| {
        setup.route("app", &private_url, &format!("prefix: /admin\n{ANYBODY_SIGNED_IN}")).route(
            "app",
            upstream,
            &format!("prefix: /\n{EVERYBODY}"),
        )
    })
    .await;
    (scene, private)
}

#[tokio::test]
async fn no_spelling_leads_around_a_rule() {
    let (scene, private) = guarded().await;
    for path in [
        "/admin",
        "/admin/",
        "/admin/x",
        "/%61dmin",
        "/admi%6e/x",
        "//admin",
        "///admin/x",
        "/admin//x",
        "/admin;x",
        "/admin;x/y",
        "/;x/admin",
        "/x/../admin",
        "/x/%2e%2e/admin",
        "/./admin",
        "/%2e/admin",
        "/admin%2fx",
        "/admin%5cx",
        "/admin\\x",
        "/admin/..",
        "/admin/../x",
        "/admin/..;/x",
        "/%2fadmin",
        "/admin%00",
        "/admin?x",
    ] {
        let before = scene.arrivals();
        let status = status_of(&scene.door, path).await;
        assert_eq!(private.arrived().len(), 0, "{path} reached the guarded application ({status})");
        if scene.arrivals() > before {
            // What the open application is given must not be read as the guarded path by anybody.
            let arrived = scene.upstream.last();
            let plain = arrived.target().split('?').next().unwrap();
            assert_eq!(arrived.target(), path);
            assert!(!plain.split('/').any(|segment| segment == "admin"), "{path} reached the open application");
        }
    }
}

#[tokio::test]
async fn a_prefix_ends_where_a_segment_does() {
    let (scene, private) = guarded().await;
    for path in ["/administrator", "/admin.php", "/admin-x", "/ADMIN", "/x/admin", "/adm"] {
        assert_eq!(status_of(&scene.door, path).await, 200, "{path}");
        assert_eq!(scene.upstream.last().target(), path);
    }
    let mut browser = scene.door.signed_in("app").await;
    for path in ["/admin", "/admin/", "/admin/x"] {
        // The front page is public, so signing in begins at what is not.
        assert_eq!(browser.visit(&scene.url("app", path)).await.status, 200, "{path}");
        assert_eq!(private.last().target(), path);
    }
}

#[tokio::test]
async fn rules_about_one_path_hold_for_that_path_alone() {
    let private = Upstream::start().await;
    let url = private.url();
    let scene = Scene::with(move |setup, upstream| {
        setup
            .route("app", &url, &format!("path: /exact\n{ANYBODY_SIGNED_IN}"))
            .route("app", &url, &format!("regex: ^/api/v[0-9]+/secret$\n{ANYBODY_SIGNED_IN}"))
            .route("app", upstream, EVERYBODY)
    })
    .await;
    for (path, guarded) in [
        ("/exact", true),
        ("/%65xact", true),
        ("/exact/", false),
        ("/exact/x", false),
        ("/exactly", false),
        ("/api/v1/secret", true),
        ("/api/v1/%73ecret", true),
        ("/api/v1/secrets", false),
        ("/x/api/v1/secret", false),
    ] {
        let status = status_of(&scene.door, path).await;
        assert_eq!(status, if guarded { 401 } else { 200 }, "{path}");
    }
    for path in ["//exact", "/exact;x", "/api//v1/secret", "/api/v1/secret;a=b"] {
        assert!(matches!(status_of(&scene.door, path).await, 400 | 401), "{path}");
    }
    assert_eq!(private.arrived().len(), 0);
}
