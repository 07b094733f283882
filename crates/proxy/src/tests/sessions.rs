//! What happens to open tunnels when something becomes known of their session, and to a session by its tunnels.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::support::*;
use super::websockets::{echo, handshake_as, open_as, switched};
use doorward_authorize::Criterion;
use doorward_config::Route;

/// How soon the end of a tunnel must be felt, on a busy machine.
const SOON: Duration = Duration::from_secs(10);

fn anybodys(address: SocketAddr) -> Route {
    let mut route = with_policy(route(upstream_at(address)), allow(Criterion::AuthenticatedUser));
    route.upgrades.websocket = true;
    route
}

#[tokio::test]
async fn news_of_a_session_ends_what_it_may_no_longer_have_open_and_nothing_of_others() {
    let (address, _) = echo().await;
    let front = Front::start(anybodys(address)).await;
    let (alice, bob) = (front.visitors.sign_in(ALICE).await, front.visitors.sign_in(BOB).await);
    let (mut alices, mut bobs) = (open_as(&front, ALICE).await, open_as(&front, BOB).await);
    let snapshot = front.snapshot.load_full();
    assert_eq!(front.tunnels.redecide_session(&snapshot, &alice, SystemTime::now()), 0, "still allowed");
    // By a policy for nobody at all, of which only the session asked about gets to know.
    let mut other = Front::start(with_policy(anybodys(address), only("nobody@example.com"))).await;
    other.visitors = Arc::clone(&front.visitors);
    let strict = other.snapshot.load_full();
    assert_eq!(front.tunnels.redecide_session(&strict, &alice, SystemTime::now()), 1);
    assert!(alices.closes_within(SOON).await);
    bobs.send("ping").await;
    bobs.until("ping").await;
    assert_eq!(front.tunnels.redecide_session(&strict, &bob, SystemTime::now()), 1);
    assert!(bobs.closes_within(SOON).await);
}

#[tokio::test]
async fn what_a_silent_store_cannot_vouch_for_is_closed() {
    let (address, _) = echo().await;
    let front = Front::start(anybodys(address)).await;
    let alice = front.visitors.sign_in(ALICE).await;
    front.visitors.sign_in(BOB).await;
    let (mut alices, mut bobs) = (open_as(&front, ALICE).await, open_as(&front, BOB).await);
    assert_eq!(front.tunnels.end_unvouched(|_| true), 0);
    assert_eq!(front.tunnels.end_unvouched(|session| session.id() != alice.id()), 1);
    assert!(alices.closes_within(SOON).await);
    bobs.send("ping").await;
    bobs.until("ping").await;
}

#[tokio::test]
async fn what_a_visitor_sends_through_a_tunnel_keeps_the_session_in_use_and_what_streams_down_does_not() {
    let (address, _) = echo().await;
    let front = Front::start(anybodys(address)).await;
    let alice = front.visitors.sign_in(ALICE).await;
    let mut connection = open_as(&front, ALICE).await;
    let before = alice.last_seen_at();
    // The session listens once a second.
    let end = tokio::time::Instant::now() + SOON;
    while alice.last_seen_at() == before {
        assert!(tokio::time::Instant::now() < end, "the session does not hear of it");
        connection.send("ping").await;
        connection.until("ping").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(alice.last_seen_at() <= SystemTime::now());

    let (streaming, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send(&switched()).await;
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            connection.send("hello").await;
        }
    })
    .await;
    let front = Front::start(anybodys(streaming)).await;
    let bob = front.visitors.sign_in(BOB).await;
    let mut connection = front.connect().await;
    connection.send(&handshake_as(BOB)).await;
    assert_eq!(connection.head().await.status, 101);
    let before = bob.last_seen_at();
    let end = tokio::time::Instant::now() + Duration::from_millis(2500);
    while tokio::time::Instant::now() < end {
        connection.until("hello").await;
    }
    assert_eq!(bob.last_seen_at(), before, "nobody need be there for that");
}

#[tokio::test]
async fn only_a_page_load_of_somebody_whose_rights_have_changed_gets_a_new_ticket_and_nobody_keeps_the_answer() {
    const STORED: &str = "HTTP/1.1 200 OK\r\ncache-control: public, max-age=600\r\nset-cookie: theme=dark\r\ncontent-length: 2\r\n\r\nok";
    let (address, _) = upstream_saying(STORED).await;
    let front = Front::start(with_policy(route(upstream_at(address)), allow(Criterion::AuthenticatedUser))).await;
    let alice = front.visitors.sign_in(ALICE).await;
    let cookie = format!("cookie: __Host-doorward={ALICE}");
    let page = format!(
        "GET / HTTP/1.1\r\n{cookie}\r\naccept: text/html\r\nsec-fetch-mode: navigate\r\nsec-fetch-dest: document"
    );
    let cookies = |reply: &Reply| reply.head.lines().filter(|line| line.contains("__Host-doorward=another")).count();
    let before = front.ask(&page, "").await;
    assert_eq!((before.status, cookies(&before)), (200, 0));
    front.visitors.learn(&alice, "alice@new.example").await;
    for other in [
        format!("GET / HTTP/1.1\r\n{cookie}\r\naccept: */*\r\nsec-fetch-mode: cors\r\nsec-fetch-dest: empty"),
        format!("GET / HTTP/1.1\r\n{cookie}\r\naccept: image/png\r\nsec-fetch-mode: no-cors\r\nsec-fetch-dest: image"),
        page.replace("GET", "POST"),
        page.replace("GET", "HEAD"),
    ] {
        let reply = front.ask(&other, "").await;
        assert_eq!(cookies(&reply), 0, "{other}");
    }
    let after = front.ask(&page, "").await;
    assert_eq!((after.status, cookies(&after)), (200, 1));
    assert_eq!(after.header("cache-control"), Some("no-store"));
    assert!(after.head.contains("theme=dark"), "the application's own stay");
}

#[tokio::test]
async fn whoever_loses_their_rights_while_the_upstream_takes_the_handshake_gets_no_tunnel_that_lasts() {
    let (asked, mut was_asked) = tokio::sync::mpsc::channel::<()>(1);
    let (go_on, may_go_on) = tokio::sync::watch::channel(false);
    let (address, _) = raw_upstream(move |mut connection, _| {
        let (asked, mut may_go_on) = (asked.clone(), may_go_on.clone());
        async move {
            connection.request().await;
            asked.send(()).await.unwrap();
            may_go_on.wait_for(|yes| *yes).await.unwrap();
            connection.send(&switched()).await;
            // Holds its end open, so that it is not the one who closes.
            std::future::pending::<()>().await;
        }
    })
    .await;
    let mut route = with_policy(route(upstream_at(address)), only(ALICE));
    route.upgrades.websocket = true;
    let front = Front::start(route).await;
    let alice = front.visitors.sign_in(ALICE).await;
    let mut connection = front.connect().await;
    connection.send(&handshake_as(ALICE)).await;
    was_asked.recv().await.unwrap();
    // Allowed, on its way, and not yet among what is open: nobody can end it now.
    front.visitors.learn(&alice, "somebody.else@example.com").await;
    assert_eq!(front.tunnels.redecide_session(&front.snapshot.load(), &alice, SystemTime::now()), 0);
    go_on.send(true).unwrap();
    assert!(connection.closes_within(SOON).await);
    assert_eq!(front.tunnels.count(), 0);
}
