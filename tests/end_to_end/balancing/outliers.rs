//! `outlier_detection`: an address that fails in a row is left alone for its time, and then asked again.

use std::time::{Duration, Instant};

use super::{WHICH, list, numbered, told};
use crate::harness::doorward::Doorward;
use crate::harness::eventually;
use crate::harness::ports::free_port;
use crate::harness::raw::Raw;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::{Reply, Upstream};
use crate::policy::figures;

const FAILS: &str = "HTTP/1.1 500 Oh\r\nx-which: 0\r\nContent-Length: 0\r\n\r\n";

/// Two applications, the first of which fails.
async fn stage(detection: &str) -> (Vec<Upstream>, Doorward, u16) {
    let (upstreams, urls) = numbered(2).await;
    upstreams[0].reply_with(Reply::RawOpen(FAILS.into()));
    let port = free_port();
    let keys = format!("{EVERYBODY}\n{detection}");
    let setup =
        Setup::new().cleartext().with(&format!("metrics_address: 127.0.0.1:{port}")).route("app", &list(&urls), &keys);
    (upstreams, setup.start().await, port)
}

/// The status of a request, and which application it came from.
async fn ask(door: &Doorward) -> (u16, usize) {
    let mut raw = Raw::plain(door.setup.address()).await;
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    let answer = raw.answer().await;
    (answer.status, answer.header(WHICH).unwrap().parse().unwrap())
}

#[tokio::test]
async fn who_fails_in_a_row_is_left_alone_for_a_while() {
    let keys = "outlier_detection: {consecutive_5xx: 3, base_ejection_time: 1s, max_ejection_percent: 50}";
    let (upstreams, door, port) = stage(keys).await;
    let mut failed = 0;
    let mut before_the_last = Instant::now();
    while failed < 3 {
        before_the_last = Instant::now();
        failed += usize::from(ask(&door).await.0 == 500);
    }
    door.log.wait_for("failed too often in a row (outlier_detection) and is left alone").await;
    upstreams[0].reply_with(told(0));
    let mut meanwhile = 0;
    while ask(&door).await != (200, 0) {
        meanwhile += 1;
    }
    assert!(before_the_last.elapsed() >= Duration::from_secs(1), "asked again after {:?}", before_the_last.elapsed());
    assert!(meanwhile >= 2, "the other one was asked {meanwhile} times meanwhile");
    let name = upstreams[0].url();
    let ejections = figures(port, &format!("doorward_upstream_ejections_total{{upstream=\"{name}\"")).await;
    assert!(ejections.len() == 1 && ejections[0].ends_with(" 1"), "{ejections:?}");
}

#[tokio::test]
async fn while_it_is_left_alone_it_is_named_and_nobody_meets_it() {
    let keys = "outlier_detection: {consecutive_5xx: 1, base_ejection_time: 1h, max_ejection_percent: 50}";
    let (upstreams, door, port) = stage(keys).await;
    while ask(&door).await.0 != 500 {}
    for _ in 0..6 {
        assert_eq!(ask(&door).await, (200, 1));
    }
    assert_eq!(upstreams[0].arrived().len(), 1);
    let unwell = format!("doorward_upstream_healthy{{upstream=\"{}\"}} 0", upstreams[0].url());
    eventually("it is counted as unwell", || async {
        figures(port, "doorward_upstream_healthy").await.contains(&unwell)
    })
    .await;
}

#[tokio::test]
async fn without_the_key_nobody_is_left_alone() {
    let (upstreams, door, _) = stage("").await;
    for _ in 0..12 {
        ask(&door).await;
    }
    // Five in a row would have been enough.
    assert_eq!((upstreams[0].arrived().len(), upstreams[1].arrived().len()), (6, 6));
}
