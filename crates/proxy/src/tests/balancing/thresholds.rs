//! What is too much is refused, and does not wait.

use std::sync::Arc;

use doorward_config::{Balancing, Breakers};
use tokio::sync::Semaphore;

use super::spread;
use crate::tests::support::{Front, OK, eventually, raw_upstream, request};

/// An application that answers as often as it is let.
async fn held() -> (std::net::SocketAddr, Arc<Semaphore>) {
    let gate = Arc::new(Semaphore::new(0));
    let shared = Arc::clone(&gate);
    let (address, _) = raw_upstream(move |mut connection, _| {
        let gate = Arc::clone(&shared);
        async move {
            while connection.request().await.is_some() {
                gate.acquire().await.unwrap().forget();
                connection.send(OK).await;
            }
        }
    })
    .await;
    (address, gate)
}

#[tokio::test]
async fn requests_beyond_the_threshold_are_refused_at_once() {
    for breakers in
        [Breakers { max_requests: 2, ..Breakers::default() }, Breakers { max_connections: 2, ..Breakers::default() }]
    {
        let (address, gate) = held().await;
        let front = Front::start(spread(&[address], Balancing { breakers, ..Balancing::default() })).await;
        let (mut first, mut second) = (front.connect().await, front.connect().await);
        for connection in [&mut first, &mut second] {
            connection.send(&request("POST / HTTP/1.1", "x", true)).await;
        }
        eventually("two requests at the application", || front.snapshot.load().upstreams_busy() == 2).await;
        let refused = front.get("/").await;
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{breakers:?}");
        assert!(front.access_lines().contains(r#""reason":"upstream-overloaded""#));
        gate.add_permits(3);
        assert_eq!((first.reply().await.status, second.reply().await.status), (200, 200));
        eventually("room again", || front.snapshot.load().upstreams_busy() == 0).await;
        assert_eq!(front.get("/").await.status, 200);
        let figures = front.snapshot.load().upstreams();
        assert!(figures[0].outcomes.contains(&("refused", 1)), "{figures:?}");
    }
}

#[tokio::test]
async fn a_visitor_who_leaves_gives_their_place_back() {
    let (address, _gate) = held().await;
    let breakers = Breakers { max_requests: 1, ..Breakers::default() };
    let front = Front::start(spread(&[address], Balancing { breakers, ..Balancing::default() })).await;
    for _ in 0..3 {
        let mut leaving = front.connect().await;
        leaving.send(&request("GET / HTTP/1.1", "", false)).await;
        eventually("a request at the application", || front.snapshot.load().upstreams_busy() == 1).await;
        drop(leaving);
        eventually("nothing there", || front.snapshot.load().upstreams_busy() == 0).await;
    }
}
