//! Limits of failed sign-ins, by the names of their keys: of an account from an address, of an address, of an account.

use std::time::{Duration, Instant};

use super::refused;
use crate::harness::browser::{Answer, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::ports::free_port;
use crate::harness::scene::ANYBODY_SIGNED_IN;
use crate::harness::setup::Setup;

const PASSWORD: &str = "violet tractor sings at noon";
const ANN: &str = "ann@example.com";
const BEN: &str = "ben@example.com";
const CLEO: &str = "cleo@example.com";

/// Doorward before which a proxy tells where visitors come from, and where it is measured.
async fn door(limits: &str) -> (Doorward, u16) {
    let port = free_port();
    let keys = format!("limits: {{{limits}}}\ntrusted_proxies: 127.0.0.1\nmetrics_address: 127.0.0.1:{port}");
    let setup = Setup::new().with(&keys).route("app", "http://127.0.0.1:1", ANYBODY_SIGNED_IN);
    (setup.start().await, port)
}

/// Tries to sign in from an address.
async fn tried(door: &Doorward, from: &str, email: &str, password: &str) -> Answer {
    let mut browser = Browser::new();
    let form = browser.visit(&door.url("app", "/.doorward/")).await;
    let ask = form.form().filled(&form.url, &[("email", email), ("password", password)]);
    browser.send(ask.header("x-forwarded-for", from)).await
}

async fn status(door: &Doorward, from: &str, email: &str) -> u16 {
    tried(door, from, email, "not this one at all").await.status.as_u16()
}

#[tokio::test]
async fn failed_sign_ins_are_of_one_account_from_one_address_within_a_time() {
    let (door, port) = door("failed_sign_ins: 2, failed_sign_ins_within: 3s").await;
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(status(&door, "192.0.2.1", ANN).await, 401);
    }
    let page = tried(&door, "192.0.2.1", ANN, PASSWORD).await;
    // Where the machine is too busy for three tries in three seconds, there is nothing to see.
    if page.status == 429 || began.elapsed() < Duration::from_secs(3) {
        assert_eq!(page.status, 429);
        let seconds: u64 = page.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=3).contains(&seconds), "{seconds}");
        assert_eq!(refused(port, "too-many-failed-sign-ins").await, 1);
    }
    assert_eq!(status(&door, "192.0.2.1", BEN).await, 401, "another account");
    assert_eq!(status(&door, "192.0.2.2", ANN).await, 401, "another address");
    // They count for so long, from the first one.
    crate::harness::eventually("the failures are forgotten", || async { status(&door, "192.0.2.1", ANN).await == 401 })
        .await;
    assert!(began.elapsed() >= Duration::from_secs(3), "{:?}", began.elapsed());
}

#[tokio::test]
async fn failed_sign_ins_per_address_are_of_any_account() {
    let (door, port) = door("failed_sign_ins_per_address: 3").await;
    for account in [ANN, BEN, CLEO] {
        assert_eq!(status(&door, "192.0.2.1", account).await, 401);
    }
    let page = tried(&door, "192.0.2.1", "dora@example.com", PASSWORD).await;
    assert_eq!(page.status, 429);
    // A quarter of an hour, unless it is configured.
    let seconds: u64 = page.header("retry-after").unwrap().parse().unwrap();
    assert!((800..=900).contains(&seconds), "{seconds}");
    assert_eq!(status(&door, "192.0.2.2", ANN).await, 401, "another address");
    assert_eq!(refused(port, "too-many-failed-sign-ins").await, 1);
}

#[tokio::test]
async fn failed_sign_ins_per_account_are_from_any_address() {
    let (door, port) = door("failed_sign_ins_per_account: 3").await;
    for last in 1..=3 {
        assert_eq!(status(&door, &format!("192.0.2.{last}"), ANN).await, 401);
    }
    assert_eq!(status(&door, "192.0.2.4", ANN).await, 429);
    assert_eq!(status(&door, "192.0.2.4", BEN).await, 401, "another account");
    assert_eq!(refused(port, "too-many-failed-sign-ins").await, 1);
}
