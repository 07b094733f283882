//! What a reload keeps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use doorward_config::{Balancing, BalancingPolicy, Breakers, OutlierDetection};

use super::spread;
use crate::tests::support::{Front, OK, raw_upstream};

async fn patient() -> (std::net::SocketAddr, Arc<std::sync::atomic::AtomicUsize>) {
    raw_upstream(|mut connection, _| async move {
        while connection.request().await.is_some() {
            connection.send(OK).await;
        }
    })
    .await
}

#[tokio::test]
async fn addresses_that_stay_keep_their_connections() {
    let (first, connections_first) = patient().await;
    let (second, connections_second) = patient().await;
    let (third, connections_third) = patient().await;
    let mut front = Front::start(spread(&[first, second], Balancing::default())).await;
    let changed = [
        (vec![first, second], Balancing { policy: BalancingPolicy::Random, ..Balancing::default() }),
        (vec![first, second], Balancing { outliers: Some(OutlierDetection::default()), ..Balancing::default() }),
        (vec![second, third, first], Balancing::default()),
        (
            vec![first],
            Balancing { breakers: Breakers { max_requests: 5, ..Breakers::default() }, ..Balancing::default() },
        ),
        (vec![first, second], Balancing { weights: vec![2, 1], ..Balancing::default() }),
    ];
    for (addresses, balancing) in changed {
        for _ in 0..12 {
            assert_eq!(front.get("/").await.status, 200);
        }
        front.reload(vec![spread(&addresses, balancing)]);
    }
    for _ in 0..12 {
        assert_eq!(front.get("/").await.status, 200);
    }
    let opened = [connections_first, connections_second, connections_third].map(|count| count.load(Ordering::SeqCst));
    // The second address was away for one of them.
    assert_eq!(opened, [1, 2, 1]);
    assert_eq!(front.snapshot.load().upstreams().len(), 2, "what is named no more is forgotten");
}

#[tokio::test]
async fn a_reload_under_load_opens_no_connection_and_loses_no_request() {
    let (first, connections_first) = patient().await;
    let (second, connections_second) = patient().await;
    let mut front = Front::start(spread(&[first, second], Balancing::default())).await;
    let asking = 4;
    let address = front.address;
    let stop = tokio_util::sync::CancellationToken::new();
    let tasks: Vec<_> = (0..asking)
        .map(|_| {
            let stop = stop.clone();
            tokio::spawn(async move {
                let mut sent = 0;
                while !stop.is_cancelled() {
                    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
                    let mut connection = crate::tests::support::Connection::of(stream);
                    connection.send("GET / HTTP/1.1\r\nhost: app.test\r\nconnection: close\r\n\r\n").await;
                    assert_eq!(connection.reply().await.status, 200);
                    sent += 1;
                }
                sent
            })
        })
        .collect();
    for number in 0..40_u32 {
        let breakers = Breakers { max_requests: 100 + number, ..Breakers::default() };
        front.reload(vec![spread(&[first, second], Balancing { breakers, ..Balancing::default() })]);
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.cancel();
    let mut sent = 0;
    for task in tasks {
        sent += task.await.unwrap();
    }
    let opened = connections_first.load(Ordering::SeqCst) + connections_second.load(Ordering::SeqCst);
    assert!(sent > 40, "{sent} requests over 40 reloads say little");
    // As many as ask at once, to each address: had a reload begun anew, there would be more with each of them.
    assert!(opened <= 2 * asking, "{opened} connections for {sent} requests of {asking}");
}
