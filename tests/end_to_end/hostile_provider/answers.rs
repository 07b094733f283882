//! Endpoints that answer with anything but what was asked for.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{assert_each_is_refused, assert_nobody_gets_in, with_fault};
use crate::harness::hostile_provider::{CLIENT_SECRET, Fault, Misdeed};
use crate::harness::scene::{ANYBODY_SIGNED_IN, Scene};
use crate::harness::upstream::Upstream;

fn misdeeds(endpoint: &'static str, elsewhere: &str) -> Vec<(&'static str, Fault)> {
    let fault = |misdeed| Fault::Endpoint(endpoint, misdeed);
    vec![
        ("a page", fault(Misdeed::Html)),
        ("nothing", fault(Misdeed::Empty)),
        ("something else", fault(Misdeed::OtherJson)),
        ("64 megabytes", fault(Misdeed::Huge)),
        ("400", fault(Misdeed::Status(400))),
        ("500", fault(Misdeed::Status(500))),
        ("a redirect", fault(Misdeed::Redirect(elsewhere.to_owned()))),
    ]
}

#[tokio::test]
async fn a_token_endpoint_that_misbehaves_signs_nobody_in() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let elsewhere = Upstream::start().await;
    assert_each_is_refused(&mut scene, misdeeds("/token", &elsewhere.url())).await;
    assert_eq!(elsewhere.arrived().len(), 0, "code and secret were carried elsewhere");
    assert!(scene.door.memory("VmHWM") < 250_000, "{} kB", scene.door.memory("VmHWM"));
    assert!(!scene.door.log.text().contains(CLIENT_SECRET));
}

#[tokio::test]
async fn keys_that_cannot_be_had_sign_nobody_in() {
    // Keys are fetched at the start, so each needs a program of its own.
    let elsewhere = Upstream::start().await;
    for (what, fault) in misdeeds("/jwks", &elsewhere.url()) {
        let mut scene = with_fault(fault).await;
        assert_nobody_gets_in(&mut scene, what).await;
    }
    assert_eq!(elsewhere.arrived().len(), 0);
}

#[tokio::test]
async fn userinfo_of_somebody_else_is_refused() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    let mut faults = vec![
        ("another subject", Fault::Userinfo("sub", json!("sub-admin"))),
        ("an empty subject", Fault::Userinfo("sub", json!(""))),
        ("no subject", Fault::Userinfo("sub", json!(null))),
        ("a subject that is a list", Fault::Userinfo("sub", json!(["sub-alice"]))),
    ];
    faults.extend(misdeeds("/userinfo", "http://127.0.0.1:1/"));
    assert_each_is_refused(&mut scene, faults).await;
}

#[tokio::test]
async fn a_slow_endpoint_is_given_up_on() {
    let mut scene = Scene::with_app(ANYBODY_SIGNED_IN).await;
    scene.provider.fault(Fault::Endpoint("/token", Misdeed::Slow));
    let started = Instant::now();
    let page = assert_nobody_gets_in(&mut scene, "a slow token endpoint").await;
    assert!(matches!(page.status.as_u16(), 502..=504), "{}", page.status);
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
}
