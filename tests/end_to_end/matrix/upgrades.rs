//! WebSockets, whatever the pair.

use super::for_each_pair;
use crate::harness::scripted::{NONCE, Noted, bytes_of};
use crate::harness::visitor::{Protocol, socket};
use crate::harness::websocket::echo;

#[tokio::test]
async fn websockets_pass_messages_and_end_on_both_sides() {
    for_each_pair("allow_websockets: true", |pair| async move {
        let nonce = pair.nonce();
        let mut socket = socket(&pair.stage.door, pair.host(), pair.down, &[(NONCE, &nonce)]).await.unwrap();
        for text in ["", "hello", &"x".repeat(300_000)] {
            assert!(echo(&mut socket, text).await, "{} bytes", text.len());
        }
        drop(socket);
        pair.application().wait_for(&nonce, Noted::Closed).await;
    })
    .await;
}

#[tokio::test]
async fn websockets_and_requests_share_a_connection() {
    for_each_pair("allow_websockets: true", |pair| async move {
        if pair.down == Protocol::Http1 {
            return;
        }
        let mut visitor = pair.visitor().await;
        visitor.get("/bytes/10/length", &pair.nonce()).await.unwrap();
        let origin = pair.stage.door.setup.origin(pair.host());
        let (first, second) = (pair.nonce(), pair.nonce());
        let mut one = visitor.websocket(&[("origin", &origin), (NONCE, &first)]).await.unwrap();
        let mut two = visitor.websocket(&[("origin", &origin), (NONCE, &second)]).await.unwrap();
        for round in 0..5 {
            assert!(echo(&mut one, &format!("one {round}")).await && echo(&mut two, &format!("two {round}")).await);
            let nonce = pair.nonce();
            assert!(visitor.get("/bytes/200000/streamed", &nonce).await.unwrap().body == bytes_of(&nonce, 200_000));
        }
        // One ends; the other does not notice.
        drop(one);
        pair.application().wait_for(&first, Noted::Closed).await;
        assert!(echo(&mut two, "still here").await);
        drop(visitor);
        pair.application().wait_for(&second, Noted::Closed).await;
    })
    .await;
}

#[tokio::test]
async fn a_websocket_that_is_not_allowed_is_refused_on_every_pair() {
    for_each_pair("", |pair| async move {
        let nonce = pair.nonce();
        let refused = socket(&pair.stage.door, pair.host(), pair.down, &[(NONCE, &nonce)]).await;
        assert_eq!(refused.expect_err("a tunnel where there should be none"), 403);
        assert!(pair.application().noted(&nonce).is_empty(), "the application heard of it");
    })
    .await;
}
