//! WebSockets: who gets one, and everything that ends it.

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use doorward_authorize::{Age, Case, Criterion, DateRange, Operator, StringMatcher, StringTest};
use doorward_config::{Limit, Route};
use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::support::*;
use crate::End;

/// How soon an ended session must be felt.
const SOON: Duration = Duration::from_secs(1);

/// The example of RFC 6455 §1.3.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

fn handshake(more: &str) -> String {
    handshake_of(ALICE, more)
}

/// The handshake that this visitor's browser sends.
pub(crate) fn handshake_as(who: &str) -> String {
    handshake_of(who, "\r\norigin: https://app.test")
}

fn handshake_of(who: &str, more: &str) -> String {
    request(
        &format!(
            "GET /socket?token=1 HTTP/1.1\r\nconnection: keep-alive, Upgrade\r\nupgrade: WebSocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: {KEY}\r\n\
             sec-websocket-extensions: permessage-deflate; client_max_window_bits\r\n\
             cookie: __Host-doorward={who}{more}"
        ),
        "",
        false,
    )
}

fn switching(accept: &str, more: &str) -> String {
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {accept}\r\n{more}\r\n"
    )
}

/// An upstream's yes.
pub(crate) fn switched() -> String {
    switching(ACCEPT, "")
}

/// Takes the handshake, speaks first, and then sends back what it gets.
pub(crate) async fn echo() -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let notes = seen.clone();
    let (address, _) = raw_upstream(move |mut connection, _| {
        let notes = notes.clone();
        async move {
            let Some(got) = connection.request().await else { return };
            notes.push(got);
            connection
                .send(&format!("{}hello", switching(ACCEPT, "sec-websocket-extensions: permessage-deflate\r\n")))
                .await;
            let mut chunk = vec![0; 64 << 10];
            while let Ok(n @ 1..) = connection.stream.read(&mut chunk).await {
                if connection.stream.write_all(&chunk[..n]).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (address, seen)
}

fn alices(address: SocketAddr) -> Route {
    let mut route = with_policy(route(upstream_at(address)), only(ALICE));
    route.upgrades.websocket = true;
    route
}

async fn open(front: &Front) -> Connection {
    open_as(front, ALICE).await
}

/// A tunnel of this visitor's, through which something has passed both ways.
pub(crate) async fn open_as(front: &Front, who: &str) -> Connection {
    let mut connection = front.connect().await;
    connection.send(&handshake_as(who)).await;
    let reply = connection.head().await;
    assert_eq!(reply.status, 101, "{reply:?}");
    connection.until("hello").await;
    connection.send("ping").await;
    connection.until("ping").await;
    connection
}

#[tokio::test]
async fn a_tunnel_carries_both_ways_what_it_is_given() {
    let (address, seen) = echo().await;
    let front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&handshake("\r\norigin: https://app.test")).await;
    let reply = connection.head().await;
    assert_eq!(reply.status, 101);
    assert_eq!(reply.header("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(reply.header("upgrade"), Some("websocket"));
    assert_eq!(reply.header("connection"), Some("Upgrade"));
    assert_eq!(reply.header("sec-websocket-extensions"), Some("permessage-deflate"));
    connection.until("hello").await;

    let got = seen.only();
    assert!(got.starts_with("GET /socket?token=1 HTTP/1.1\r\n"));
    assert_eq!(header(&got, "upgrade"), Some("websocket"));
    assert_eq!(header(&got, "connection"), Some("Upgrade"));
    assert_eq!(header(&got, "sec-websocket-key"), Some(KEY));
    assert_eq!(header(&got, "sec-websocket-extensions"), Some("permessage-deflate; client_max_window_bits"));
    assert_eq!(header(&got, "origin"), Some("https://app.test"));
    assert_eq!(header(&got, "cookie"), None);

    let big = "0123456789abcdef".repeat(64 << 10);
    let (mut read, mut write) = connection.stream.split();
    let mut back = vec![0; big.len()];
    let (sent, received) = tokio::join!(write.write_all(big.as_bytes()), read.read_exact(&mut back));
    sent.unwrap();
    received.unwrap();
    assert!(back == big.as_bytes());
    assert!(front.access_lines().contains(r#""websocket":true"#));
}

#[tokio::test]
async fn a_tunnel_does_not_outlive_either_side() {
    let (address, _) = echo().await;
    let front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    drop(open(&front).await);
    eventually("the tunnel is gone", || front.tunnels.count() == 0 && front.drain.running() == 0).await;

    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send(&format!("{}hello", switching(ACCEPT, ""))).await;
    })
    .await;
    let front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&handshake("")).await;
    connection.head().await;
    connection.until("hello").await;
    assert!(connection.closes_within(SOON).await);
}

#[tokio::test]
async fn signing_out_ends_the_tunnel_at_once() {
    let (address, _) = echo().await;
    let front = Front::start(alices(address)).await;
    let session = front.visitors.sign_in(ALICE).await;
    let mut connections = Vec::new();
    for _ in 0..3 {
        connections.push(open(&front).await);
    }
    assert_eq!(front.tunnels.count(), 3);
    front.visitors.sign_out(&session).await;
    for connection in &mut connections {
        assert!(connection.closes_within(SOON).await);
    }
    eventually("the tunnels are gone", || front.tunnels.count() == 0 && front.drain.running() == 0).await;
}

#[tokio::test]
async fn the_end_of_the_session_ends_the_tunnel_while_bytes_flow() {
    let (address, _) = echo().await;
    let mut settings = FrontSettings::of(vec![alices(address)]);
    settings.session_lifetime = Duration::from_millis(700);
    let front = Front::start_with(settings).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = open(&front).await;
    let begun = std::time::Instant::now();
    let mut byte = [0; 1];
    while connection.stream.write_all(b"x").await.is_ok() && matches!(connection.stream.read(&mut byte).await, Ok(1)) {
        assert!(begun.elapsed() < Duration::from_secs(2), "still open");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_reload_ends_the_tunnels_it_no_longer_allows() {
    let (address, _) = echo().await;
    let changes: [fn(&mut Route); 3] = [
        |route| *route = with_policy(route.clone(), only(BOB)),
        |route| route.upgrades.websocket = false,
        |route| route.from = doorward_hygiene::OriginPattern::parse("https://elsewhere.test").unwrap(),
    ];
    for change in changes {
        let mut front = Front::start(alices(address)).await;
        front.visitors.sign_in(ALICE).await;
        let mut connection = open(&front).await;
        assert_eq!(front.reload(vec![alices(address)]), 0);
        connection.send("more").await;
        connection.until("more").await;
        let mut other = alices(address);
        change(&mut other);
        assert_eq!(front.reload(vec![other]), 1);
        assert!(connection.closes_within(SOON).await);
    }
}

/// Alice, while this holds.
fn while_it_holds(address: SocketAddr, criterion: &Criterion) -> Route {
    let rules = only(ALICE).into_iter().map(|mut rule| {
        rule.operator = Operator::And;
        rule.criteria.push(criterion.clone());
        rule
    });
    with_policy(alices(address), rules.collect())
}

#[tokio::test]
async fn the_clock_ends_the_tunnels_whose_policy_looks_at_it_and_no_others() {
    let (address, _) = echo().await;
    let now = SystemTime::now();
    let later = |seconds| now + Duration::from_secs(seconds);
    let until = |seconds| Some(Timestamp::try_from(later(seconds)).unwrap());
    let hour = Some(Duration::from_secs(3600));
    for criterion in [
        Criterion::Date(DateRange { after: None, before: until(3600) }),
        Criterion::AuthenticationAge(Age { at_most: hour, at_least: None }),
    ] {
        let front = Front::start(while_it_holds(address, &criterion)).await;
        front.visitors.sign_in(ALICE).await;
        let mut connection = open(&front).await;
        let snapshot = front.snapshot.load_full();
        assert_eq!(front.tunnels.redecide_by_time(&snapshot, later(3000)), 0, "{criterion}");
        connection.send("more").await;
        connection.until("more").await;
        assert_eq!(front.tunnels.redecide_by_time(&snapshot, later(3601)), 1, "{criterion}");
        assert!(connection.closes_within(SOON).await, "{criterion}");
    }
    // Nothing is asked again of a policy that the time does not change: not even whether it would allow it now.
    let mut front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = open(&front).await;
    assert_eq!(front.tunnels.redecide_by_time(&front.snapshot.load_full(), later(1_000_000)), 0);
    connection.send("more").await;
    connection.until("more").await;
    // A reload is another matter.
    assert_eq!(front.reload(vec![while_it_holds(address, &Criterion::Reject)]), 1);
    assert!(connection.closes_within(SOON).await);
}

#[tokio::test]
async fn a_reload_may_look_at_headers_that_the_tunnel_was_opened_with() {
    let (address, _) = echo().await;
    let agent = |name: &str| {
        let matcher = StringMatcher::new(vec![StringTest::Is(name.into())], Case::Sensitive);
        while_it_holds(address, &Criterion::UserAgent(matcher))
    };
    let mut front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&handshake("\r\norigin: https://app.test\r\nuser-agent: editor")).await;
    assert_eq!(connection.head().await.status, 101);
    connection.until("hello").await;
    assert_eq!(front.reload(vec![agent("editor")]), 0);
    connection.send("more").await;
    connection.until("more").await;
    assert_eq!(front.reload(vec![agent("browser")]), 1);
    assert!(connection.closes_within(SOON).await);
}

#[tokio::test]
async fn what_an_old_configuration_allowed_is_decided_again_when_it_opens_after_the_reload() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        connection.send(&switching(ACCEPT, "")).await;
        connection.closes_within(PATIENCE).await;
    })
    .await;
    let mut front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&handshake("")).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(front.reload(vec![with_policy(alices(address), only(BOB))]), 0, "it is not open yet");
    assert_eq!(connection.head().await.status, 101);
    assert!(connection.closes_within(SOON).await);
}

#[tokio::test]
async fn silence_and_the_deadline_of_a_stop_end_the_tunnel() {
    let (address, _) = echo().await;
    let mut hasty = alices(address);
    hasty.idle_timeout = Some(Limit::After(Duration::from_millis(200)));
    let front = Front::start(hasty).await;
    front.visitors.sign_in(ALICE).await;
    assert!(open(&front).await.closes_within(SOON).await);

    let front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = open(&front).await;
    front.drain.begin();
    assert!(!front.drain.finished(Duration::from_millis(100)).await, "a tunnel is waited for");
    assert_eq!(front.tunnels.end_all(End::Stopping), 1);
    assert!(connection.closes_within(SOON).await);
    assert!(front.drain.finished(SOON).await);
}

#[tokio::test]
async fn whoever_may_not_have_one_gets_none_and_the_upstream_hears_nothing() {
    let (address, seen) = echo().await;
    let mut front = Front::start(alices(address)).await;
    let ask = async |front: &Front, more: &str| {
        let mut connection = front.connect().await;
        connection.send(&handshake(more)).await;
        connection.head().await.status
    };
    assert_eq!(ask(&front, "").await, 401, "nobody is signed in");
    front.visitors.sign_in(ALICE).await;
    for origin in ["https://evil.test", "https://sub.app.test", "http://app.test", "https://app.test:8443", "null", ""]
    {
        assert_eq!(ask(&front, &format!("\r\norigin: {origin}")).await, 403, "{origin}");
    }
    front.reload(vec![with_policy(alices(address), only(BOB))]);
    assert_eq!(ask(&front, "").await, 403);
    let mut without = alices(address);
    without.upgrades.websocket = false;
    front.reload(vec![without]);
    assert_eq!(ask(&front, "\r\norigin: https://app.test").await, 403);
    assert!(seen.all().is_empty());
    assert_eq!(front.tunnels.count(), 0);
    let lines = front.access_lines();
    for reason in ["cross-origin", "websockets-not-allowed"] {
        assert!(lines.contains(&format!(r#""decision":"deny","reason":"{reason}""#)), "{reason} in {lines}");
    }
}

#[tokio::test]
async fn a_101_that_proves_nothing_is_502() {
    for (answer, why) in [
        (switching("AAAAAAAAAAAAAAAAAAAAAAAAAAA=", ""), "another handshake's accept"),
        (switching("", ""), "an empty accept"),
        (switching(ACCEPT, &format!("sec-websocket-accept: {ACCEPT}\r\n")), "two accepts"),
        (switching(ACCEPT, "").replace("upgrade: websocket", "upgrade: h2c"), "another protocol"),
        (switching(ACCEPT, "").replace("connection: Upgrade", "connection: close"), "no Connection: upgrade"),
    ] {
        let (address, connections) = raw_upstream(move |mut connection, _| {
            let answer = answer.clone();
            async move {
                connection.request().await;
                connection.send(&format!("{answer}leak")).await;
                connection.closes_within(PATIENCE).await;
            }
        })
        .await;
        let front = Front::start(alices(address)).await;
        front.visitors.sign_in(ALICE).await;
        let mut connection = front.connect().await;
        connection.send(&handshake("")).await;
        let reply = connection.head().await;
        assert_eq!(reply.status, 502, "{why}");
        assert_eq!((front.tunnels.count(), connections.load(Ordering::SeqCst)), (0, 1), "{why}");
    }
}

#[tokio::test]
async fn an_upstreams_no_is_passed_on_as_it_is() {
    // Exactly what code-server answers to an Origin it does not like.
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send("HTTP/1.1 403 Forbidden\r\n\r\n").await;
    })
    .await;
    let front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&handshake("")).await;
    let reply = connection.head().await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.header("x-doorward-intercepted-response"), None);
}

#[tokio::test]
async fn bytes_sent_behind_the_handshake_wait_for_the_upstreams_yes() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        let mut early = [0; 1];
        let heard = tokio::time::timeout(Duration::from_millis(200), connection.stream.read(&mut early)).await;
        assert!(heard.is_err(), "a byte came before the 101");
        connection.send(&switching(ACCEPT, "")).await;
        let mut late = [0; 5];
        connection.stream.read_exact(&mut late).await.unwrap();
        connection.stream.write_all(&late).await.unwrap();
    })
    .await;
    let front = Front::start(alices(address)).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&format!("{}early", handshake(""))).await;
    assert_eq!(connection.head().await.status, 101);
    assert_eq!(connection.until("early").await, "early");
}

#[tokio::test]
async fn a_handshake_that_gets_no_answer_is_504() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.closes_within(PATIENCE).await;
    })
    .await;
    let mut hasty = alices(address);
    hasty.timeout = Limit::After(Duration::from_millis(150));
    let front = Front::start(hasty).await;
    front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&handshake("")).await;
    assert_eq!(connection.head().await.status, 504);
}
