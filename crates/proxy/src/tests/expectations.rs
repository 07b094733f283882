//! Bodies that are kept back until somebody wants them (`Expect: 100-continue`): the upstream decides, and whoever was
//! answered first is in no two minds about where the next request begins.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use doorward_config::{Limit, Route};
use http_body_util::Full;
use tokio::time::Instant;

use super::support::*;

const GO_ON: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\nno!!";
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: app.test\r\n\r\n";

/// The head of an upload that is kept back.
fn head(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nhost: app.test\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")
}

/// An upstream that says this to each head, at once; what comes behind it, it notes.
async fn answering(answer: &'static str) -> (SocketAddr, Seen, Arc<AtomicUsize>) {
    let seen = Seen::default();
    let notes = seen.clone();
    let (address, connections) = raw_upstream(move |mut connection, _| {
        let notes = notes.clone();
        async move {
            notes.push(connection.until("\r\n\r\n").await);
            connection.send(answer).await;
            notes.push(connection.rest().await);
        }
    })
    .await;
    (address, seen, connections)
}

/// An upstream that says 100 this long after the head, and answers behind the body.
async fn asking_after(pause: Option<Duration>) -> (SocketAddr, Seen) {
    let seen = Seen::default();
    let notes = seen.clone();
    let (address, _) = raw_upstream(move |mut connection, _| {
        let notes = notes.clone();
        async move {
            loop {
                notes.push(connection.until("\r\n\r\n").await);
                if let Some(pause) = pause {
                    tokio::time::sleep(pause).await;
                    connection.send(GO_ON).await;
                }
                notes.push(connection.until("body").await);
                connection.send(OK).await;
            }
        }
    })
    .await;
    (address, seen)
}

async fn within(address: SocketAddr, change: impl FnOnce(&mut Route)) -> Front {
    let mut route = route(upstream_at(address));
    change(&mut route);
    Front::start(route).await
}

#[tokio::test]
async fn the_visitor_is_asked_when_the_upstream_asks() {
    let pause = Duration::from_millis(300);
    let (address, seen) = asking_after(Some(pause)).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    let started = Instant::now();
    connection.send(&head(4)).await;
    assert_eq!(connection.head().await.status, 100);
    assert!(started.elapsed() >= pause, "before the upstream had asked: {:?}", started.elapsed());
    assert_eq!(header(&seen.only(), "expect"), Some("100-continue"), "it cannot ask if it does not know");
    connection.send("body").await;
    let answer = connection.head().await;
    assert_eq!((answer.status, answer.header("connection")), (200, None), "{}", answer.head);
    assert_eq!(connection.until("ok").await, "ok");
    // All of the body came, so the connection goes on.
    connection.send(&head(4)).await;
    assert_eq!(connection.head().await.status, 100);
}

#[tokio::test]
async fn an_upstream_that_never_asks_gets_the_body_in_the_end() {
    let (address, seen) = asking_after(None).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    let started = Instant::now();
    connection.send(&head(4)).await;
    assert_eq!(connection.head().await.status, 100);
    assert!(started.elapsed() >= Duration::from_millis(990), "{:?}", started.elapsed());
    connection.send("body").await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(seen.all()[1], "body");
}

#[tokio::test]
async fn an_upstream_that_asks_late_is_no_trouble() {
    let (address, _) = asking_after(Some(Duration::from_millis(1300))).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    connection.send(&head(4)).await;
    assert_eq!(connection.head().await.status, 100);
    connection.send("body").await;
    assert_eq!(connection.head().await.status, 200, "one 100, and one answer");
}

#[tokio::test]
async fn the_question_takes_neither_the_upstreams_time_nor_the_visitors() {
    // Silent for longer than the route waits for an answer.
    let (address, _) = asking_after(None).await;
    let front = within(address, |route| route.timeout = Limit::After(Duration::from_millis(700))).await;
    let mut connection = front.connect().await;
    connection.send(&head(4)).await;
    assert_eq!(connection.head().await.status, 100);
    connection.send("body").await;
    assert_eq!(connection.head().await.status, 200);
    // Asked at half of the time that nothing may come for, and slow from then on.
    let (address, _) = asking_after(Some(Duration::from_millis(700))).await;
    let front = within(address, |route| route.timeout = Limit::After(Duration::from_millis(1500))).await;
    let mut connection = front.connect().await;
    let started = Instant::now();
    connection.send(&head(4)).await;
    assert_eq!(connection.head().await.status, 100);
    tokio::time::sleep_until(started + Duration::from_millis(1700)).await;
    connection.send("body").await;
    assert_eq!(connection.head().await.status, 200);
    // Who was asked and sends nothing is told so.
    let (address, _) = asking_after(Some(Duration::ZERO)).await;
    let front = within(address, |route| route.timeout = Limit::After(Duration::from_millis(300))).await;
    let mut connection = front.connect().await;
    connection.send(&head(4)).await;
    assert_eq!([connection.head().await.status, connection.head().await.status], [100, 408]);
}

/// Sent along, sent after the answer, or never: whatever stands where the body is, nobody takes it for a request.
#[tokio::test]
async fn what_was_not_asked_for_is_never_taken_for_a_request() {
    for refusal in [REFUSED, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 401 No\r\ncontent-length: 4\r\n\r\nno!!"] {
        for (length, along, after) in [
            (SMUGGLED.len(), SMUGGLED, ""),
            (SMUGGLED.len(), "", SMUGGLED),
            // The body is only said to be there, and a request stands where it would be.
            (10, "", SMUGGLED),
            (10, SMUGGLED, SMUGGLED),
            (1000, SMUGGLED, SMUGGLED),
        ] {
            let case = format!("{length} {along:?} {after:?}");
            let (address, seen, _) = answering(refusal).await;
            let front = Front::start(route(upstream_at(address))).await;
            let mut connection = front.connect().await;
            connection.send(&format!("{}{along}", head(length))).await;
            let mut answer = connection.head().await;
            if answer.status == 100 {
                assert_ne!(refusal, REFUSED, "{case}: asked for what nobody wants");
                answer = connection.head().await;
            }
            assert_eq!((answer.status, answer.header("connection")), (401, Some("close")), "{case}");
            // The other side may be gone already.
            let _gone = tokio::io::AsyncWriteExt::write_all(&mut connection.stream, after.as_bytes()).await;
            let _gone = tokio::io::AsyncWriteExt::shutdown(&mut connection.stream).await;
            let rest = connection.rest().await;
            assert!(rest.is_empty() || rest == "no!!", "{case}: {rest:?}");
            let requests = front.access_lines().lines().count();
            assert_eq!(requests, 1, "{case}: {}", front.access_lines());
            assert!(!seen.all()[0].contains("smuggled"), "{case}: {:?}", seen.all());
        }
    }
}

#[tokio::test]
async fn a_refusal_comes_whole_and_its_connection_is_not_used_again() {
    let long: &'static str = format!("HTTP/1.1 413 No\r\ncontent-length: 300000\r\n\r\n{}", "n".repeat(300_000)).leak();
    let (address, seen, connections) = answering(long).await;
    let front = Front::start(route(upstream_at(address))).await;
    for round in 1..=3 {
        let mut connection = front.connect().await;
        let started = Instant::now();
        connection.send(&head(1 << 30)).await;
        let answer = connection.reply().await;
        assert_eq!((answer.status, answer.body.len()), (413, 300_000), "the answer is not cut");
        assert!(started.elapsed() < Duration::from_millis(900), "it waited for the clock: {:?}", started.elapsed());
        assert_eq!(connections.load(Ordering::SeqCst), round);
        // Ours to the upstream ends with the answer, rather than wait for a body that never comes.
        eventually("the connection to the upstream is closed", || seen.all().len() == 2 * round).await;
    }
    assert!(seen.all().iter().skip(1).step_by(2).all(String::is_empty), "no byte of the body was sent");
}

#[tokio::test]
async fn what_we_refuse_is_not_asked_for_and_ends_the_connection() {
    let (address, seen, _) = answering(OK).await;
    let too_large = within(address, |route| route.limits.max_request_bytes = Some(100)).await;
    let denied = Front::start(with_policy(route(upstream_at(address)), only(ALICE))).await;
    for (front, status) in [(too_large, 413), (denied, 401)] {
        for along in ["", SMUGGLED] {
            let mut connection = front.connect().await;
            connection.send(&format!("{}{along}", head(101))).await;
            let answer = connection.head().await;
            assert_eq!((answer.status, answer.header("connection")), (status, Some("close")));
            assert!(!connection.rest().await.contains("HTTP/1.1"));
        }
        assert_eq!(front.access_lines().lines().count(), 2);
    }
    assert_eq!(seen.all(), Vec::<String>::new());
}

#[tokio::test]
async fn other_expectations_and_those_of_the_oldest_are_nobodys_business() {
    let (address, seen) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    for lines in [
        "POST / HTTP/1.1\r\nexpect: y 100-continue",
        "POST / HTTP/1.1\r\nexpect: 100-continue, 100-continue",
        "POST / HTTP/1.1\r\nexpect: 200-maybe",
        "POST / HTTP/1.1\r\nexpect:",
        "POST / HTTP/1.0\r\nexpect: 100-continue",
    ] {
        let answer = front.ask(lines, "body").await;
        assert_eq!(answer.status, 200, "{lines}");
    }
    assert_eq!(front.ask("GET / HTTP/1.1\r\nexpect: 100-continue", "").await.status, 200, "without a body");
    // Nor in HTTP/2, where nobody could be told to go on: the body comes when it comes.
    let mut sender = http2_sender(&front).await;
    let request = http2_get("/two").method("POST").header("expect", "100-continue");
    let request = request.body(Full::new(Bytes::from_static(b"body"))).unwrap();
    assert_eq!(sender.send_request(request).await.unwrap().status(), 200);
    let all = seen.all();
    assert_eq!(all.len(), 7);
    assert!(all.iter().all(|got| header(got, "expect").is_none()), "{all:?}");
}

#[tokio::test]
async fn an_expectation_that_the_route_takes_off_is_met_at_once() {
    let (address, seen) = asking_after(None).await;
    let front = within(address, |route| route.remove_request_headers = vec![http::header::EXPECT]).await;
    let mut connection = front.connect().await;
    let started = Instant::now();
    connection.send(&head(4)).await;
    assert_eq!(connection.head().await.status, 100);
    assert!(started.elapsed() < Duration::from_millis(900), "{:?}", started.elapsed());
    connection.send("body").await;
    assert_eq!(connection.head().await.status, 200);
    assert_eq!(header(&seen.all()[0], "expect"), None);
}

#[tokio::test]
async fn a_body_that_nobody_has_looked_for_goes_elsewhere_whole() {
    // The kept connection is closed while the next request is on its way to it; nothing of that was written.
    let (address, _) = asking_after(Some(Duration::ZERO)).await;
    let dead = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut route = route(upstream_at(dead));
    if let (doorward_config::Target::Upstream(to), doorward_config::Target::Upstream(living)) =
        (&mut route.target, upstream_at(address))
    {
        to.addresses.extend(living.addresses);
    }
    let front = Front::start(route).await;
    for _ in 0..4 {
        let mut connection = front.connect().await;
        connection.send(&head(4)).await;
        assert_eq!(connection.head().await.status, 100);
        connection.send("body").await;
        assert_eq!(connection.head().await.status, 200);
    }
}
