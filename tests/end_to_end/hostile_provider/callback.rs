//! What comes back through the browser, and what the provider says of itself.

use serde_json::json;

use super::{assert_each_is_refused, assert_no_secret_in_log, assert_nobody_gets_in, with_fault};
use crate::harness::browser::Browser;
use crate::harness::hostile_provider::{Fault, Misdeed};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};

#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let faults = vec![
        ("another iss", Fault::CallbackIssuer(Some("https://evil.example"))),
        ("an empty iss", Fault::CallbackIssuer(Some(""))),
        ("no iss, though the provider says that it sends one", Fault::CallbackIssuer(None)),
        ("another state", Fault::CallbackState("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")),
    ];
    assert_each_is_refused(&mut scene, faults).await;
    assert_eq!(scene.provider.requests("/token").len(), 1, "a code was redeemed before its issuer was known");
}

#[tokio::test]
async fn the_providers_refusal_is_shown_as_text_alone() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let nasty = "<script>alert(1)</script><img src=x onerror=alert(2)>\" onload=\"x\r\nSet-Cookie: a=b";
    for error in
        ["access_denied", "server_error", "temporarily_unavailable", "login_required", "<script>alert(3)</script>"]
    {
        scene.provider.fault(Fault::CallbackError(error, nasty));
        let page = assert_nobody_gets_in(&mut scene, error).await;
        let text = page.text();
        for live in ["<script", "<img", "onerror=alert(2)>", "\" onload"] {
            assert!(!text.contains(live), "{error}: {live} in {text}");
        }
        assert!(page.all("set-cookie").iter().all(|line| !line.starts_with("a=")), "{:?}", page.headers);
        assert!(page.header("content-security-policy").unwrap().contains("default-src 'none'"));
    }
    scene.provider.fault(Fault::CallbackError("access_denied", "x"));
    assert_eq!(assert_nobody_gets_in(&mut scene, "access_denied").await.status, 403);
}

#[tokio::test]
async fn a_provider_that_is_not_who_we_were_told_is_none() {
    let mut faults = vec![
        ("another issuer", Fault::Discovery("issuer", json!("https://evil.example"))),
        ("no issuer", Fault::Discovery("issuer", json!(null))),
        ("a plain token endpoint elsewhere", Fault::Discovery("token_endpoint", json!("http://evil.example/token"))),
        ("a script to sign in at", Fault::Discovery("authorization_endpoint", json!("javascript:alert(1)"))),
        ("keys in a file", Fault::Discovery("jwks_uri", json!("file:///etc/passwd"))),
        ("no keys", Fault::Discovery("jwks_uri", json!(null))),
        (
            "algorithms without signatures alone",
            Fault::Discovery("id_token_signing_alg_values_supported", json!(["none"])),
        ),
    ];
    let discovery = "/.well-known/openid-configuration";
    faults.extend([
        ("a page", Fault::Endpoint(discovery, Misdeed::Html)),
        ("nothing", Fault::Endpoint(discovery, Misdeed::Empty)),
        ("something else", Fault::Endpoint(discovery, Misdeed::OtherJson)),
        ("64 megabytes", Fault::Endpoint(discovery, Misdeed::Huge)),
        ("an error", Fault::Endpoint(discovery, Misdeed::Status(500))),
        ("a redirect elsewhere", Fault::Endpoint(discovery, Misdeed::Redirect("http://evil.example/".into()))),
    ]);
    for (what, fault) in faults {
        let mut scene = with_fault(fault).await;
        let page = assert_nobody_gets_in(&mut scene, what).await;
        assert!(matches!(page.status.as_u16(), 502 | 503), "{what}: {}", page.status);
        assert!(scene.door.memory("VmHWM") < 250_000, "{what}: {} kB", scene.door.memory("VmHWM"));
        scene.door.log.wait_for("provider").await;
        assert_no_secret_in_log(&scene.door, &scene.provider).await;
    }
}

#[tokio::test]
async fn a_provider_that_mends_its_ways_is_asked_again() {
    let scene = with_fault(Fault::Endpoint("/.well-known/openid-configuration", Misdeed::Status(503))).await;
    assert_eq!(Browser::new().visit(&scene.url("app", "/")).await.status, 503);
    scene.provider.honest();
    let url = scene.url("app", "/");
    crate::harness::eventually("signing in works", || {
        let url = url.clone();
        async move { Browser::new().visit(&url).await.status == 200 }
    })
    .await;
}
