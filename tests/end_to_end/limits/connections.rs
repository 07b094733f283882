//! Limits of a connection of HTTP/2, by the names of their keys.

use std::time::Duration;

use super::{refused, stage};
use crate::harness::raw_http2::{Outcome, RawHttp2};
use crate::harness::scene::{EVERYBODY, Scene};
use crate::harness::upstream::Reply;
use crate::harness::{eventually, raw_http2};

async fn connect(scene: &Scene) -> RawHttp2 {
    RawHttp2::connect(scene.door.setup.address(), "app.example.test").await
}

#[tokio::test]
async fn streams_per_connection_is_announced_and_one_more_is_refused() {
    let (scene, _) = stage("limits: {streams_per_connection: 3}", EVERYBODY).await;
    let authority = scene.door.authority("app");
    let head = raw_http2::get(&authority, "/");
    let mut connection = connect(&scene).await;
    assert_eq!(connection.settings().await.get(&raw_http2::MAX_CONCURRENT_STREAMS), Some(&3));
    scene.upstream.reply_with(Reply::Late(Duration::from_secs(60)));
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(connection.begin(&head).await);
    }
    scene.upstream.wait_for_arrivals(3).await;
    assert_eq!(connection.request(&head).await, Outcome::Reset(raw_http2::REFUSED_STREAM));
    // Another connection has streams of its own, and where one has ended there is room again.
    scene.upstream.reply_with(Reply::Echo);
    assert!(matches!(connect(&scene).await.request(&head).await, Outcome::Answered(200, _)));
    connection.reset(held[0]).await;
    assert!(matches!(connection.request(&head).await, Outcome::Answered(200, _)));
    assert_eq!(scene.arrivals(), 5, "what was refused reached the application");
}

#[tokio::test]
async fn resets_per_connection_may_be_and_one_more_ends_it() {
    let (scene, port) = stage("limits: {resets_per_connection: 5}", EVERYBODY).await;
    let authority = scene.door.authority("app");
    let head = raw_http2::get(&authority, "/");
    let mut connection = connect(&scene).await;
    connection.settings().await;
    connection.burst_of_resets(&head, 5).await;
    assert!(matches!(connection.request(&head).await, Outcome::Answered(200, _)));
    assert_eq!(refused(port, "resets").await, 0);

    let mut connection = connect(&scene).await;
    connection.settings().await;
    connection.burst_of_resets(&head, 6).await;
    assert_eq!(connection.request(&head).await, Outcome::Closed);
    eventually("it is counted", || async { refused(port, "resets").await == 1 }).await;
    assert!(matches!(connect(&scene).await.request(&head).await, Outcome::Answered(200, _)));
}
