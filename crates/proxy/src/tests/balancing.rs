//! Several addresses behind a route, through the whole pipeline.

mod again;
mod health;
mod reloads;
mod thresholds;

use std::net::SocketAddr;

use doorward_config::{
    Balancing, BalancingPolicy, OutlierDetection, Route, Target, Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl,
};

use tokio::io::AsyncReadExt;

use super::support::{ALICE, BOB, Connection, Front, OK, only, raw_upstream, route, upstream_saying, with_policy};

/// A public route to these addresses.
fn spread(addresses: &[SocketAddr], balancing: Balancing) -> Route {
    let url =
        |at: &SocketAddr| UpstreamUrl { scheme: UpstreamScheme::Http, host: at.ip().to_string(), port: at.port() };
    let addresses = addresses.iter().map(url).collect();
    route(Target::Upstream(Upstream {
        addresses,
        lookup: doorward_config::LookupFamily::default(),
        tls: UpstreamTls::default(),
        balancing,
    }))
}

/// An address where nothing listens.
async fn dead() -> SocketAddr {
    tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

const BROKEN: &str = "HTTP/1.1 500 Oh\r\ncontent-length: 2\r\n\r\noh";

#[tokio::test]
async fn weights_are_kept_to() {
    let (first, seen_first) = upstream_saying(OK).await;
    let (second, seen_second) = upstream_saying(OK).await;
    let balancing = Balancing { weights: vec![3, 1], ..Balancing::default() };
    let front = Front::start(spread(&[first, second], balancing)).await;
    for _ in 0..8 {
        assert_eq!(front.get("/").await.status, 200);
    }
    assert_eq!((seen_first.all().len(), seen_second.all().len()), (6, 2));
}

#[tokio::test]
async fn the_same_visitor_comes_to_the_same_address() {
    for policy in [BalancingPolicy::RingHash, BalancingPolicy::Maglev] {
        let mut seen = Vec::new();
        let mut addresses = Vec::new();
        for _ in 0..8 {
            let (address, notes) = upstream_saying(OK).await;
            addresses.push(address);
            seen.push(notes);
        }
        let balancing = Balancing { policy, ..Balancing::default() };
        let mut rules = only(ALICE);
        rules.extend(only(BOB));
        let front = Front::start(with_policy(spread(&addresses, balancing), rules)).await;
        for email in [ALICE, BOB] {
            front.visitors.sign_in(email).await;
            let before: Vec<_> = seen.iter().map(|seen| seen.all().len()).collect();
            for _ in 0..5 {
                let head = format!("GET / HTTP/1.1\r\ncookie: __Host-doorward={email}");
                assert_eq!(front.ask(&head, "").await.status, 200);
            }
            let more: Vec<_> = seen.iter().zip(before).map(|(seen, before)| seen.all().len() - before).collect();
            assert!(more.iter().filter(|more| **more > 0).count() == 1, "{policy:?}, {email}: {more:?}");
        }
    }
}

#[tokio::test]
async fn an_address_that_fails_again_and_again_is_left_alone() {
    let (bad, seen_bad) = upstream_saying(BROKEN).await;
    let (good, seen_good) = upstream_saying(OK).await;
    let outliers = Some(OutlierDetection { consecutive_5xx: 3, ..OutlierDetection::default() });
    let front = Front::start(spread(&[bad, good], Balancing { outliers, ..Balancing::default() })).await;
    for _ in 0..20 {
        front.get("/").await;
    }
    assert_eq!((seen_bad.all().len(), seen_good.all().len()), (3, 17));
    let figures = front.snapshot.load().upstreams();
    let figure = figures.iter().find(|figure| *figure.upstream == format!("http://{bad}")).unwrap();
    assert_eq!((figure.healthy, figure.ejections), (false, 1));
    assert!(figure.outcomes.contains(&("server-error", 3)), "{figure:?}");
}

#[tokio::test]
async fn the_last_address_is_never_left_alone() {
    let (bad, seen) = upstream_saying(BROKEN).await;
    let outliers =
        Some(OutlierDetection { consecutive_5xx: 1, max_ejection_percent: 99, ..OutlierDetection::default() });
    let balancing = Balancing { outliers, panic_threshold: 0, ..Balancing::default() };
    let front = Front::start(spread(&[bad], balancing)).await;
    for _ in 0..5 {
        assert_eq!(front.get("/").await.status, 500, "its own answer, not ours");
    }
    assert_eq!(seen.all().len(), 5);
}

#[tokio::test]
async fn who_uploads_slowly_gets_no_address_left_alone() {
    // Both hang up on every request, as soon as the beginning of its body is there.
    let talk = |mut connection: Connection, _| async move {
        let mut got = Vec::new();
        while !(got.ends_with(b"the beginning") || got.starts_with(b"GET") && got.ends_with(b"\r\n\r\n")) {
            assert!(connection.stream.read_buf(&mut got).await.unwrap() > 0);
        }
    };
    let (first, _) = raw_upstream(talk).await;
    let (second, _) = raw_upstream(talk).await;
    let outliers =
        Some(OutlierDetection { consecutive_5xx: 1, max_ejection_percent: 100, ..OutlierDetection::default() });
    let front = Front::start(spread(&[first, second], Balancing { outliers, ..Balancing::default() })).await;
    for _ in 0..6 {
        let mut connection = front.connect().await;
        connection.send("POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 1000\r\n\r\nthe beginning").await;
        assert_eq!(connection.head().await.status, 502);
    }
    let ejections = || front.snapshot.load().upstreams().iter().map(|figure| figure.ejections).sum::<u64>();
    assert_eq!(ejections(), 0, "{:?}", front.snapshot.load().upstreams());
    // With nothing to wait for, it is the address that fails, and then the other.
    assert_eq!(front.get("/").await.status, 502);
    assert_eq!(ejections(), 2);
}
