//! A TLS session that one replica gave is resumed by another; none is ever with early data.

use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::client::Resumption;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Replicas;
use crate::harness::authority::Authority;
use crate::harness::setup::DOMAIN;
use crate::harness::stores::Store;
use crate::harness::tls::{shake_hands, trusting};
use crate::harness::within;

async fn handshake(replicas: &Replicas, index: usize, config: &rustls::ClientConfig) -> HandshakeKind {
    let stream = TcpStream::connect(replicas.doors[index].setup.address()).await.unwrap();
    let mut stream = shake_hands(config.clone(), stream, Some(&format!("app.{DOMAIN}"))).await.unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", replicas.authority("app"));
    stream.write_all(request.as_bytes()).await.unwrap();
    // Tickets come with the first bytes of the answer.
    let mut answer = Vec::new();
    let _closed = within("an answer", stream.read_to_end(&mut answer)).await;
    assert!(answer.starts_with(b"HTTP/1.1 "));
    assert!(!stream.get_ref().1.is_early_data_accepted());
    stream.get_ref().1.handshake_kind().unwrap()
}

fn client() -> rustls::ClientConfig {
    let mut config = trusting(&[Authority::shared().pem()], &["http/1.1"]);
    config.resumption = Resumption::in_memory_sessions(16);
    config.enable_early_data = true;
    config
}

#[tokio::test]
async fn a_tls_session_of_one_replica_is_resumed_by_another_also_after_both_were_killed() {
    let Some(store) = Store::redis() else { return };
    let mut replicas = Replicas::start(2, store).await;
    // The two have met in the store when each resumes what the other gave.
    let resumed = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (two, count) = (&replicas, &resumed);
    crate::harness::eventually("a session resumed elsewhere", || async move {
        let config = client();
        let first = handshake(two, 0, &config).await;
        assert_ne!(first, HandshakeKind::Resumed);
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        handshake(two, 1, &config).await == HandshakeKind::Resumed
    })
    .await;
    let config = client();
    handshake(&replicas, 0, &config).await;
    let mut doors = Vec::new();
    for door in replicas.doors.drain(..) {
        doors.push(door.restarted_after("KILL").await);
    }
    replicas.doors = doors;
    crate::harness::eventually("a session resumed after a restart", || async {
        handshake(&replicas, 1, &config).await == HandshakeKind::Resumed
    })
    .await;
}
