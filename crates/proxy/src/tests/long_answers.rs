//! Server-sent events and the like: held to the rule of a tunnel.

use std::net::SocketAddr;
use std::time::Duration;

use doorward_config::Limit;

use super::support::*;
use crate::End;

/// How soon an ended session must be felt.
const SOON: Duration = Duration::from_secs(1);

/// Sends one event and then nothing, until its own side is closed.
pub(super) async fn event_source() -> SocketAddr {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        connection.send(&format!("{head}9\r\ndata: 1\n\n\r\n")).await;
        connection.closes_within(PATIENCE).await;
    })
    .await;
    address
}

pub(super) async fn listening(front: &Front) -> Connection {
    let mut connection = front.connect().await;
    connection.send(&request(&format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={ALICE}"), "", false)).await;
    assert_eq!(connection.head().await.status, 200);
    connection.until("data: 1\n\n\r\n").await;
    eventually("the answer is known to be long", || front.tunnels.count() == 1).await;
    connection
}

async fn front() -> (Front, SocketAddr) {
    let address = event_source().await;
    (Front::start(with_policy(route(upstream_at(address)), only(ALICE))).await, address)
}

#[tokio::test]
async fn signing_out_ends_it() {
    let (front, _) = front().await;
    let session = front.visitors.sign_in(ALICE).await;
    let mut connection = listening(&front).await;
    front.visitors.sign_out(&session).await;
    assert!(connection.closes_within(SOON).await);
    eventually("it is out of the list", || front.tunnels.count() == 0).await;
}

#[tokio::test]
async fn the_end_of_the_session_ends_it() {
    let mut settings = FrontSettings::of(vec![with_policy(route(upstream_at(event_source().await)), only(ALICE))]);
    settings.session_lifetime = Duration::from_millis(600);
    let front = Front::start_with(settings).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = listening(&front).await;
    assert!(connection.closes_within(SOON).await);
}

#[tokio::test]
async fn a_reload_that_still_allows_it_leaves_it_and_one_that_does_not_ends_it() {
    let (mut front, address) = front().await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = listening(&front).await;
    assert_eq!(front.reload(vec![with_policy(route(upstream_at(address)), only(ALICE))]), 0);
    assert!(!connection.closes_within(Duration::from_millis(200)).await);
    assert_eq!(front.reload(vec![with_policy(route(upstream_at(address)), only(BOB))]), 1);
    assert!(connection.closes_within(SOON).await);
}

#[tokio::test]
async fn silence_ends_it_and_the_route_may_say_how_much() {
    let address = event_source().await;
    let mut settings = FrontSettings::of(vec![with_policy(route(upstream_at(address)), only(ALICE))]);
    settings.stream_idle = Limit::After(Duration::from_millis(200));
    let mut front = Front::start_with(settings).await;
    front.visitors.sign_in(ALICE).await;
    assert!(listening(&front).await.closes_within(SOON).await);
    let mut patient = with_policy(route(upstream_at(address)), only(ALICE));
    patient.idle_timeout = Some(Limit::Never);
    front.reload(vec![patient]);
    eventually("the first one is gone", || front.tunnels.count() == 0).await;
    assert!(!listening(&front).await.closes_within(Duration::from_millis(500)).await);
}

#[tokio::test]
async fn stopping_ends_it_at_the_deadline() {
    let (front, _) = front().await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = listening(&front).await;
    assert_eq!(front.tunnels.end_all(End::Stopping), 1);
    assert!(connection.closes_within(SOON).await);
}

#[tokio::test]
async fn a_short_answer_is_never_entered() {
    let (address, _) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    for _ in 0..10 {
        front.get("/").await;
        assert_eq!(front.tunnels.count(), 0);
    }
}

/// Begins its answer at once or after this long, and then is silent for as long before it says more.
async fn slow_source(first: Duration, then: Duration) -> SocketAddr {
    let (address, _) = raw_upstream(move |mut connection, _| async move {
        connection.request().await;
        tokio::time::sleep(first).await;
        connection.send("HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n").await;
        tokio::time::sleep(then).await;
        connection.send("9\r\ndata: 2\n\n\r\n0\r\n\r\n").await;
        connection.closes_within(PATIENCE).await;
    })
    .await;
    address
}

/// Long enough for an answer that begins at once, on a machine that has other things to do.
const TIMEOUT: Duration = Duration::from_secs(1);
const LONGER: Duration = Duration::from_secs(2);

#[tokio::test]
async fn events_may_be_silent_for_longer_than_the_timeout_and_no_longer_than_idleness() {
    let mut hasty = route(upstream_at(slow_source(Duration::ZERO, LONGER).await));
    hasty.timeout = Limit::After(TIMEOUT);
    hasty.idle_timeout = Some(Limit::After(PATIENCE));
    let front = Front::start(hasty).await;
    assert!(front.get("/").await.body.ends_with("data: 2\n\n\r\n0\r\n\r\n"));
    let mut idle = route(upstream_at(slow_source(Duration::ZERO, PATIENCE * 2).await));
    idle.timeout = Limit::After(PATIENCE);
    idle.idle_timeout = Some(Limit::After(Duration::from_millis(100)));
    let front = Front::start(idle).await;
    assert_eq!(front.get("/").await.body, "", "it ends before anything is said");
}

#[tokio::test]
async fn without_a_timeout_an_answer_may_begin_when_it_likes() {
    let mut patient = route(upstream_at(slow_source(PATIENCE * 2, Duration::ZERO).await));
    patient.timeout = Limit::After(Duration::from_millis(100));
    assert_eq!(Front::start(patient).await.get("/").await.status, 504);
    let mut patient = route(upstream_at(slow_source(LONGER, Duration::ZERO).await));
    patient.timeout = Limit::Never;
    assert!(Front::start(patient).await.get("/").await.body.contains("data: 2"));
}
