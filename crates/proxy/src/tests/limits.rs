//! What is more than may be: refused at once, in words, counted, and no memory of it afterwards.

use std::time::Duration;

use doorward_config::{Limit, Limits, RateKey, RateLimit, RouteLimits};

use super::support::*;
use super::websockets::{echo, handshake_as};

fn rate(by: RateKey) -> RateLimit {
    RateLimit { requests: 1, per: Duration::from_secs(3600), burst: 2, by }
}

/// What was refused: route or none, reason, how often.
fn refused(front: &Front) -> Vec<(bool, &'static str, u64)> {
    let snapshot = front.snapshot.load();
    snapshot.refusals().into_iter().map(|refused| (refused.route.is_some(), refused.reason, refused.count)).collect()
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_refused_before_the_upstream_hears_of_it() {
    let (address, seen) = upstream_saying(OK).await;
    let mut small = route(upstream_at(address));
    small.limits = RouteLimits { max_request_bytes: Some(8), rates: Vec::new() };
    let front = Front::start(small).await;
    assert_eq!(front.ask("POST / HTTP/1.1", "12345678").await.status, 200);
    let reply = front.ask("POST / HTTP/1.1\r\naccept: text/html", "123456789").await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    assert!(reply.body.contains("too large"), "{}", reply.body);
    // Whoever asks first is told without sending anything.
    let mut connection = front.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: app.test\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n").await;
    assert_eq!(connection.head().await.status, 413);
    assert_eq!(seen.all().len(), 1);
    assert_eq!(refused(&front), [(true, "request-too-large", 2)]);
    assert!(front.access_lines().contains("\"reason\":\"request-too-large\""), "{}", front.access_lines());
}

#[tokio::test]
async fn a_body_of_unknown_length_is_cut_where_it_is_too_long() {
    let (closed, mut was_closed) = tokio::sync::mpsc::channel(1);
    let (address, _) = raw_upstream(move |mut connection, _| {
        let closed = closed.clone();
        async move {
            // It never answers: what it gets is not whole.
            assert!(connection.closes_within(PATIENCE).await);
            closed.send(()).await.unwrap();
        }
    })
    .await;
    let mut small = route(upstream_at(address));
    small.limits.max_request_bytes = Some(8);
    let front = Front::start(small).await;
    let mut connection = front.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n").await;
    connection.send("1\r\n9\r\n").await;
    let reply = connection.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (413, Some("close")));
    tokio::time::timeout(PATIENCE, was_closed.recv()).await.unwrap().unwrap();
    assert_eq!(refused(&front), [(true, "request-too-large", 1)]);
}

#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_a_body_is_given_up_even_where_the_upstream_may_take_for_ever() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.closes_within(PATIENCE).await;
    })
    .await;
    let mut patient = route(upstream_at(address));
    patient.timeout = Limit::Never;
    patient.idle_timeout = Some(Limit::After(Duration::from_millis(200)));
    let front = Front::start(patient).await;
    let mut connection = front.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 100\r\n\r\n12345").await;
    let reply = connection.reply().await;
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
}

#[tokio::test]
async fn an_upstream_that_thinks_is_waited_for_where_its_route_says_so() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        // Several times as long as a client may be silent.
        tokio::time::sleep(Duration::from_millis(600)).await;
        connection.send(OK).await;
    })
    .await;
    let mut patient = route(upstream_at(address));
    patient.timeout = Limit::Never;
    patient.idle_timeout = Some(Limit::After(Duration::from_millis(100)));
    let front = Front::start(patient).await;
    assert_eq!(front.ask("POST / HTTP/1.1", "whole").await.status, 200);
}

#[tokio::test]
async fn beyond_so_many_requests_the_next_is_refused_until_an_answer_is_over() {
    let (go_on, wait) = tokio::sync::watch::channel(false);
    let (address, _) = raw_upstream(move |mut connection, _| {
        let mut wait = wait.clone();
        async move {
            connection.request().await;
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\no").await;
            wait.wait_for(|go_on| *go_on).await.unwrap();
            connection.send("k").await;
        }
    })
    .await;
    let settings = FrontSettings::of(vec![route(upstream_at(address))]);
    let held_to = Limits { requests: 2, ..Limits::default() };
    let front = Front::start_with(FrontSettings { held_to, ..settings }).await;
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut connection = front.connect().await;
        connection.send(&request("GET / HTTP/1.1", "", true)).await;
        assert_eq!(connection.head().await.status, 200);
        open.push(connection);
    }
    let reply = front.get("/").await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "their answers are still on the way");
    assert_eq!(refused(&front), [(false, "overloaded", 1)]);
    go_on.send_replace(true);
    for connection in &mut open {
        assert_eq!(connection.until("k").await, "ok");
    }
    eventually("nothing under way", || front.tunnels.requests() == 0).await;
    assert_eq!(front.get("/").await.status, 200);
}

#[tokio::test]
async fn one_address_that_reads_nothing_leaves_room_for_the_others() {
    let (address, _) = upstream_saying(OK).await;
    let settings = FrontSettings::of(vec![route(upstream_at(address))]);
    let held_to = Limits { requests: 100, requests_per_address: 3, ..Limits::default() };
    let front = Front::start_with(FrontSettings { held_to, ..settings }).await;
    let mut greedy = without_window(&front, "127.0.0.1").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let answer = stream_of(&mut greedy).await;
        assert_eq!(answer.status(), 200);
        held.push(answer);
    }
    // Neither there nor on another connection of its own.
    let mut another = without_window(&front, "127.0.0.1").await;
    for sender in [&mut greedy, &mut another] {
        let answer = stream_of(sender).await;
        assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (429, &b"1"[..]));
        held.push(answer);
    }
    let mut somebody = without_window(&front, "127.0.0.2").await;
    assert_eq!(stream_of(&mut somebody).await.status(), 200);
    assert_eq!(refused(&front), [(false, "too-many-requests", 2)]);
    drop(held);
    drop((greedy, another));
    eventually("there is room again", || front.tunnels.requests() <= 1).await;
    assert_eq!(front.get("/").await.status, 200);
}

/// A visitor of HTTP/2 whose streams have no window: answers stay under way for as long as they are kept.
async fn without_window(front: &Front, from: &str) -> h2::client::SendRequest<bytes::Bytes> {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let stream = socket.connect(front.address).await.unwrap();
    let (sender, connection) = h2::client::Builder::new().initial_window_size(0).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn stream_of(sender: &mut h2::client::SendRequest<bytes::Bytes>) -> http::Response<h2::RecvStream> {
    let mut ready = sender.clone().ready().await.unwrap();
    ready.send_request(http2_get("/").body(()).unwrap(), true).unwrap().0.await.unwrap()
}

#[tokio::test]
async fn a_visitor_who_goes_away_gives_the_place_back() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.closes_within(PATIENCE).await;
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    connection.send(&request("GET / HTTP/1.1", "", false)).await;
    eventually("under way", || front.tunnels.requests() == 1).await;
    drop(connection);
    eventually("nothing under way", || front.tunnels.requests() == 0).await;
}

#[tokio::test]
async fn rates_are_held_and_say_when_to_come_again() {
    let (address, seen) = upstream_saying(OK).await;
    let mut app = with_policy(route(upstream_at(address)), only(ALICE));
    app.limits.rates = vec![rate(RateKey::Identity)];
    let front = Front::start(app).await;
    front.visitors.sign_in(ALICE).await;
    let as_alice = format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={ALICE}");
    for _ in 0..2 {
        assert_eq!(front.ask(&as_alice, "").await.status, 200);
    }
    for (accept, content_type) in [("application/json", "application/json"), ("text/html", "text/html; charset=utf-8")]
    {
        let reply = front.ask(&format!("{as_alice}\r\naccept: {accept}"), "").await;
        assert_eq!((reply.status, reply.header("content-type")), (429, Some(content_type)));
        let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((3590..=3600).contains(&seconds), "{seconds}");
        assert!(reply.body.contains(reply.header("x-request-id").unwrap()), "{}", reply.body);
    }
    assert_eq!(seen.all().len(), 2);
    assert_eq!(refused(&front), [(true, "rate-limited", 2)]);
    let by: Vec<_> = front.snapshot.load().rate_limited().into_iter().map(|count| (count.by, count.count)).collect();
    assert_eq!(by, [("identity", 2)]);
}

#[tokio::test]
async fn strangers_use_up_nothing_that_is_counted_by_route_or_person() {
    let (address, _) = upstream_saying(OK).await;
    let mut app = with_policy(route(upstream_at(address)), only(ALICE));
    app.limits.rates = vec![rate(RateKey::Route), rate(RateKey::Identity)];
    let front = Front::start(app).await;
    front.visitors.sign_in(ALICE).await;
    for _ in 0..20 {
        assert_eq!(front.get("/").await.status, 401, "they are told to sign in, and not that it is busy");
    }
    let as_alice = format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={ALICE}");
    assert_eq!(front.ask(&as_alice, "").await.status, 200);
}

#[tokio::test]
async fn an_address_is_counted_before_anybody_asks_the_store_and_for_all_routes_together() {
    let (address, _) = upstream_saying(OK).await;
    let mut one = route(upstream_at(address));
    one.path = doorward_config::PathRule::Prefix("/one".into());
    let mut other = route(upstream_at(address));
    other.id = doorward_authorize::RouteId::new("other");
    let other = with_policy(other, only(ALICE));
    let settings = FrontSettings::of(vec![one, other]);
    let front = Front::start_with(FrontSettings { rate_limits: vec![rate(RateKey::Address)], ..settings }).await;
    assert_eq!(front.get("/one").await.status, 200);
    let unknown = "GET / HTTP/1.1\r\ncookie: __Host-doorward=junk";
    assert_eq!(front.ask(unknown, "").await.status, 401);
    assert_eq!(front.ask(unknown, "").await.status, 429);
    assert_eq!(front.get("/one").await.status, 429);
    assert_eq!(front.visitors.store_asked.load(std::sync::atomic::Ordering::Relaxed), 1);
    let named: Vec<_> = front.snapshot.load().rate_limited().into_iter().map(|count| count.by).collect();
    assert_eq!(named, ["address", "address"]);
}

#[tokio::test]
async fn a_reload_neither_forgives_what_was_used_nor_loses_the_counts() {
    let (address, _) = upstream_saying(OK).await;
    let mut app = route(upstream_at(address));
    app.limits.rates = vec![rate(RateKey::Address)];
    let mut front = Front::start(app.clone()).await;
    for expected in [200, 200, 429] {
        assert_eq!(front.get("/").await.status, expected);
    }
    front.reload(vec![app.clone()]);
    assert_eq!(front.get("/").await.status, 429);
    assert_eq!(refused(&front), [(true, "rate-limited", 2)]);
    app.limits.rates[0].burst = 3;
    front.reload(vec![app]);
    assert_eq!(front.get("/").await.status, 200, "another limit has buckets of its own");
}

#[tokio::test]
async fn a_session_has_so_many_websockets_and_other_sessions_have_theirs() {
    let (address, _) = echo().await;
    let mut app = route(upstream_at(address));
    app.upgrades.websocket = true;
    let settings = FrontSettings::of(vec![app]);
    let held_to = Limits { tunnels_per_session: 2, ..Limits::default() };
    let front = Front::start_with(FrontSettings { held_to, ..settings }).await;
    front.visitors.sign_in(ALICE).await;
    front.visitors.sign_in(BOB).await;
    let open = async |who: &str| {
        let mut connection = front.connect().await;
        connection.send(&handshake_as(who)).await;
        let reply = connection.head().await;
        (reply.status, reply.header("retry-after").map(str::to_owned), connection)
    };
    let first = open(ALICE).await;
    let second = open(ALICE).await;
    assert_eq!((first.0, second.0), (101, 101));
    let refused_one = open(ALICE).await;
    assert_eq!((refused_one.0, refused_one.1.as_deref()), (429, Some("5")));
    assert_eq!(open(BOB).await.0, 101, "another session");
    assert_eq!(refused(&front), [(true, "too-many-tunnels", 1)]);
    drop(first);
    eventually("one is closed", || front.tunnels.count() == 1).await;
    assert_eq!(open(ALICE).await.0, 101);
    assert_eq!(front.tunnels.requests(), 0, "an open WebSocket is no request under way");
}
