//! WebSockets, whatever the pair.

use super::for_each_pair;
use crate::harness::scripted::{NONCE, Noted, Speaks};
use crate::harness::visitor::Protocol;
use crate::harness::websocket::{echo, over};

#[tokio::test]
async fn websockets_pass_messages_and_end_on_both_sides() {
    for_each_pair("allow_websockets: true", |pair| async move {
        if pair.down == Protocol::Http2 || pair.application().speaks() == Speaks::Http2 {
            return;
        }
        let door = &pair.stage.door;
        let nonce = pair.nonce();
        let raw = door.raw(pair.host()).await;
        let origin = door.setup.origin(pair.host());
        let headers = [("Origin", origin.as_str()), (NONCE, nonce.as_str())];
        let mut socket = over(raw, &door.authority(pair.host()), "/socket", &headers).await.unwrap();
        for text in ["", "hello", &"x".repeat(300_000)] {
            assert!(echo(&mut socket, text).await, "{} bytes", text.len());
        }
        drop(socket);
        pair.application().wait_for(&nonce, Noted::Closed).await;
    })
    .await;
}
