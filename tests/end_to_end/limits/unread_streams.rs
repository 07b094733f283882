//! Visitors on HTTP/2 who ask and open no window: each stream is taken from them, in time or with their session, and with it all that it
//! held here and at the application. The connection and its other streams go on.

use std::time::{Duration, Instant};

use crate::harness::browser::Browser;
use crate::harness::eventually;
use crate::harness::raw_http2::{Outcome, RawHttp2};
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY, Scene, WEBSOCKETS};
use crate::harness::upstream::Reply;
use crate::policy::figures;

use super::{refused, stage};

/// How soon the end of a session is felt.
const SOON: Duration = if cfg!(debug_assertions) { Duration::from_secs(3) } else { Duration::from_secs(1) };
const CANCEL: u32 = 8;
/// What HTTP/2 lets come on a stream before its reader says anything.
const WINDOW: usize = 65_535;

async fn connected(scene: &Scene) -> RawHttp2 {
    let mut connection = RawHttp2::connect(scene.door.setup.address(), "app.example.test").await;
    connection.open_window(0, 1 << 30).await;
    connection
}

fn asks<'a>(authority: &'a str, path: &'a str, cookie: &'a str) -> [(&'a str, &'a str); 5] {
    [(":method", "GET"), (":scheme", "https"), (":authority", authority), (":path", path), ("cookie", cookie)]
}

async fn is_served(connection: &mut RawHttp2, authority: &str) {
    let outcome = connection.request(&asks(authority, "/", "a=b")).await;
    assert!(matches!(outcome, Outcome::Answered(200, _)), "{outcome:?}");
}

async fn sign_out(scene: &Scene, mut browser: Browser) -> Instant {
    let question = browser.visit(&scene.url("app", "/.doorward/sign_out")).await;
    browser.submit(&question, &[]).await;
    Instant::now()
}

#[tokio::test]
async fn a_stream_is_taken_from_who_opens_no_window() {
    let (scene, port) = stage("limits: {stalled_write_timeout: 2s}", EVERYBODY).await;
    let authority = scene.door.authority("app");
    let mut connection = connected(&scene).await;
    is_served(&mut connection, &authority).await;
    scene.upstream.reply_with(Reply::Bytes(64 << 20));
    let mut unread = Vec::new();
    for _ in 0..20 {
        unread.push(connection.begin(&asks(&authority, "/big", "a=b")).await);
    }
    scene.upstream.wait_for_arrivals(21).await;
    scene.upstream.reply_with(Reply::Echo);
    assert_eq!(figures(port, "doorward_requests_under_way").await, ["doorward_requests_under_way 20"]);
    let began = Instant::now();
    is_served(&mut connection, &authority).await;
    assert_eq!(connection.until_reset(&unread).await.1, CANCEL);
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    // Their places and the application's connections are free, and counted each.
    eventually("no request under way", || async {
        figures(port, "doorward_requests_under_way").await == ["doorward_requests_under_way 0"]
    })
    .await;
    scene.upstream.wait_for_quiet(2).await;
    assert_eq!(refused(port, "stalled-write").await, 20);
    is_served(&mut connection, &authority).await;
}

#[tokio::test]
async fn an_unread_answer_ends_with_its_session() {
    let (scene, port) = stage("", ANYBODY_SIGNED_IN).await;
    let authority = scene.door.authority("app");
    let (leaving, staying) = (scene.browser_of("ann@example.com").await, scene.browser_of("ben@example.com").await);
    let cookie_of = |browser: &Browser| browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    let (cookie, others) = (cookie_of(&leaving), cookie_of(&staying));
    // One that is long already when it is not read any more, and one that has only begun.
    scene.upstream.reply_with(Reply::Bytes(64 << 20));
    let mut connection = connected(&scene).await;
    let long = connection.begin(&asks(&authority, "/long", &cookie)).await;
    connection.open_window(long, 8 << 20).await;
    connection.until(long, (8 << 20) + WINDOW).await;
    let begun = connection.begin(&asks(&authority, "/begun", &cookie)).await;
    connection.until(begun, WINDOW).await;
    let other = connection.begin(&asks(&authority, "/other", &others)).await;
    connection.until(other, WINDOW).await;

    scene.upstream.reply_with(Reply::Echo);
    let ended = sign_out(&scene, leaving).await;
    // In whatever order they come.
    let (first, _) = connection.until_reset(&[long, begun]).await;
    connection.until_reset(&[if first == long { begun } else { long }]).await;
    assert!(ended.elapsed() <= SOON, "{:?} after signing out", ended.elapsed());
    scene.upstream.wait_for_quiet(3).await;
    eventually("one request under way", || async {
        figures(port, "doorward_requests_under_way").await == ["doorward_requests_under_way 1"]
    })
    .await;
    assert_eq!(refused(port, "stalled-write").await, 0);
    // Whoever is still signed in gets the rest.
    connection.open_window(other, 1 << 20).await;
    connection.until(other, 1 << 20).await;
}

#[tokio::test]
async fn an_unread_websocket_ends_with_its_session() {
    let (scene, _) = stage("", &format!("{ANYBODY_SIGNED_IN}\n{WEBSOCKETS}")).await;
    let authority = scene.door.authority("app");
    let browser = scene.browser_of("ann@example.com").await;
    let cookie = browser.jar.header(&scene.url("app", "/").parse().unwrap()).unwrap();
    scene.upstream.reply_with(Reply::Flood);
    let mut connection = connected(&scene).await;
    let handshake = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "https"),
        (":authority", &authority),
        (":path", "/"),
        ("sec-websocket-version", "13"),
        ("cookie", &cookie),
    ];
    let socket = connection.begin(&handshake).await;
    connection.until(socket, WINDOW).await;
    scene.upstream.reply_with(Reply::Echo);
    let ended = sign_out(&scene, browser).await;
    connection.until_reset(&[socket]).await;
    assert!(ended.elapsed() <= SOON, "{:?} after signing out", ended.elapsed());
    scene.upstream.wait_for_tunnels(0).await;
}
