//! Bodies on the move: back-pressure, clocks, and visitors who leave.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use doorward_config::Limit;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::support::*;

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn the_first_piece_of_an_answer_does_not_wait_for_the_last() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send(&format!("{CHUNKED}5\r\nfirst\r\n")).await;
        // The visitor's next byte is what ends the answer.
        sleep(Duration::from_millis(300)).await;
        connection.send("4\r\nlast\r\n0\r\n\r\n").await;
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    connection.send(&request("GET / HTTP/1.1", "", true)).await;
    connection.head().await;
    assert_eq!(connection.until("first\r\n").await, "5\r\nfirst\r\n");
    assert_eq!(connection.until("0\r\n\r\n").await, "4\r\nlast\r\n0\r\n\r\n");
}

#[tokio::test]
async fn an_upstream_is_slowed_down_by_a_visitor_who_does_not_read() {
    const ALL: usize = 64 << 20;
    let written = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&written);
    let (address, _) = raw_upstream(move |mut connection, _| {
        let count = Arc::clone(&count);
        async move {
            connection.request().await;
            connection.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {ALL}\r\n\r\n")).await;
            let piece = vec![b'x'; 64 << 10];
            while count.load(Ordering::SeqCst) < ALL {
                connection.stream.write_all(&piece).await.unwrap();
                count.fetch_add(piece.len(), Ordering::SeqCst);
            }
        }
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    connection.send(&request("GET / HTTP/1.1", "", true)).await;
    connection.head().await;
    let mut before = 0;
    loop {
        sleep(Duration::from_millis(200)).await;
        let now = written.load(Ordering::SeqCst);
        if now == before {
            break;
        }
        before = now;
    }
    // What the kernel's socket buffers hold on loopback, and not the whole of it.
    assert!(before < ALL / 2, "{before} bytes went somewhere although nobody reads");
    let mut rest = Vec::new();
    timeout(PATIENCE, connection.stream.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(written.load(Ordering::SeqCst), ALL);
}

#[tokio::test]
async fn a_visitor_is_slowed_down_by_an_upstream_that_does_not_read() {
    let (address, _) = raw_upstream(|connection, _| async move {
        sleep(PATIENCE).await;
        drop(connection);
    })
    .await;
    let mut patient = route(upstream_at(address));
    patient.timeout = Limit::Never;
    let front = Front::start(patient).await;
    let mut connection = front.connect().await;
    let length = 64 << 20;
    connection.send(&format!("POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: {length}\r\n\r\n")).await;
    let piece = vec![b'x'; 64 << 10];
    let mut sent = 0;
    while sent < length && timeout(Duration::from_millis(300), connection.stream.write_all(&piece)).await.is_ok() {
        sent += piece.len();
    }
    assert!(sent < length / 2, "{sent} bytes were taken although nobody reads");
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_504() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        sleep(PATIENCE).await;
    })
    .await;
    let mut hasty = route(upstream_at(address));
    hasty.timeout = Limit::After(Duration::from_millis(150));
    let front = Front::start(hasty).await;
    let reply = front.ask("GET / HTTP/1.1\r\naccept: text/html", "").await;
    assert_eq!(reply.status, 504);
    assert!(reply.body.contains(reply.header("x-request-id").unwrap()), "the page shows the request id");
    assert!(!reply.body.contains(&address.to_string()), "the page names no upstream");
}

#[tokio::test]
async fn the_clock_starts_again_with_every_piece_of_an_upload() {
    let (address, seen) = upstream_saying(OK).await;
    let mut hasty = route(upstream_at(address));
    hasty.timeout = Limit::After(Duration::from_millis(400));
    let front = Front::start(hasty).await;
    let mut connection = front.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\ncontent-length: 10\r\n\r\n").await;
    for _ in 0..10 {
        sleep(Duration::from_millis(100)).await;
        connection.send("x").await;
    }
    assert_eq!(connection.reply().await.status, 200);
    assert!(seen.only().ends_with("xxxxxxxxxx"));
}

#[tokio::test]
async fn a_visitor_who_stops_sending_is_told_so_and_the_upstream_not_blamed() {
    let (address, _) = upstream_saying(OK).await;
    let mut hasty = route(upstream_at(address));
    hasty.timeout = Limit::After(Duration::from_millis(200));
    let front = Front::start(hasty).await;
    let mut connection = front.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: app.test\r\ncontent-length: 10\r\n\r\nxx").await;
    assert_eq!(connection.reply().await.status, 408);
}

#[tokio::test]
async fn an_answer_may_take_longer_than_the_timeout_once_it_has_begun() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send(CHUNKED).await;
        for _ in 0..6 {
            sleep(Duration::from_millis(100)).await;
            connection.send("1\r\n.\r\n").await;
        }
        connection.send("0\r\n\r\n").await;
    })
    .await;
    let mut hasty = route(upstream_at(address));
    hasty.timeout = Limit::After(Duration::from_millis(200));
    let front = Front::start(hasty).await;
    let reply = front.get("/").await;
    assert_eq!(reply.body.matches("1\r\n.\r\n").count(), 6);
    assert!(reply.body.ends_with("0\r\n\r\n"));
}

#[tokio::test]
async fn a_visitor_who_leaves_takes_the_upstreams_request_with_them() {
    for answered in [false, true] {
        let gone = Arc::new(AtomicBool::new(false));
        let arrived = Arc::new(AtomicBool::new(false));
        let (noted_gone, noted_arrival) = (Arc::clone(&gone), Arc::clone(&arrived));
        let (address, _) = raw_upstream(move |mut connection, _| {
            let (gone, arrived) = (Arc::clone(&noted_gone), Arc::clone(&noted_arrival));
            async move {
                connection.request().await;
                if answered {
                    connection.send(CHUNKED).await;
                }
                arrived.store(true, Ordering::SeqCst);
                assert!(connection.closes_within(PATIENCE).await);
                gone.store(true, Ordering::SeqCst);
            }
        })
        .await;
        let front = Front::start(route(upstream_at(address))).await;
        let mut connection = front.connect().await;
        connection.send(&request("GET / HTTP/1.1", "", false)).await;
        if answered {
            connection.head().await;
        }
        eventually("the request arrives", || arrived.load(Ordering::SeqCst)).await;
        drop(connection);
        eventually("the upstream's connection is closed", || gone.load(Ordering::SeqCst)).await;
        if !answered {
            assert!(front.access_lines().contains(r#""status":499"#));
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        connection.send(&format!("{CHUNKED}4\r\nhalf\r\n")).await;
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let reply = front.get("/").await;
    assert_eq!(reply.body, "4\r\nhalf\r\n", "no last chunk");
}

#[tokio::test]
async fn an_answer_before_the_end_of_an_upload_arrives() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        // The head is enough to say no.
        let mut start = [0; 16];
        connection.stream.read_exact(&mut start).await.unwrap();
        connection.send("HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno!").await;
        sleep(Duration::from_secs(1)).await;
    })
    .await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    connection
        .send("POST / HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\ncontent-length: 1000000\r\n\r\nsome")
        .await;
    let reply = connection.head().await;
    assert_eq!(reply.status, 413);
    assert_eq!(connection.until("no!").await, "no!");
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_the_visitors_fault() {
    let (address, _) = upstream_saying(OK).await;
    let front = Front::start(route(upstream_at(address))).await;
    let mut connection = front.connect().await;
    connection
        .send("POST / HTTP/1.1\r\nhost: app.test\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\nno chunk\r\n")
        .await;
    assert_eq!(connection.reply().await.status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_visitors_at_once_share_few_connections_and_get_their_own_answers() {
    const VISITORS: usize = 24;
    let (address, connections) = raw_upstream(|mut connection, _| async move {
        while let Some(got) = connection.request().await {
            let path = got.split(' ').nth(1).unwrap();
            connection.send(&format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{path}", path.len())).await;
        }
    })
    .await;
    let front = Arc::new(Front::start(route(upstream_at(address))).await);
    let visitors = (0..VISITORS).map(|visitor| {
        let front = Arc::clone(&front);
        tokio::spawn(async move {
            let mut connection = front.connect().await;
            for turn in 0..100 {
                let path = format!("/{visitor}/{turn}");
                connection.send(&request(&format!("GET {path} HTTP/1.1"), "", false)).await;
                assert_eq!(connection.head().await.status, 200);
                assert_eq!(connection.until(&path).await, path);
            }
        })
    });
    for visitor in visitors.collect::<Vec<_>>() {
        visitor.await.unwrap();
    }
    // One each at the busiest, and a few more for those not ready again when the next was wanted.
    let opened = connections.load(Ordering::SeqCst);
    assert!(opened <= 2 * VISITORS, "{opened} connections for {VISITORS} visitors");
}
