use std::future::poll_fn;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::Relay;
use crate::held::End;

/// Why it ended, and how much passed up and down.
type Outcome = JoinHandle<(End, (u64, u64))>;

/// Two ends of a relay whose inner sides hold at most `buffer` bytes.
fn relayed(buffer: usize) -> (DuplexStream, DuplexStream, Outcome) {
    let (client, client_inside) = duplex(buffer);
    let (upstream, upstream_inside) = duplex(buffer);
    let task = tokio::spawn(async move {
        let mut relay = Relay::new(client_inside, upstream_inside);
        let end = poll_fn(|cx| relay.poll(cx)).await;
        (end, relay.moved())
    });
    (client, upstream, task)
}

#[tokio::test]
async fn bytes_pass_both_ways_whatever_the_sizes() {
    for buffer in [1, 7, 4096, 1 << 20] {
        let (mut client, mut upstream, task) = relayed(buffer);
        let up: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let down: Vec<u8> = up.iter().rev().copied().collect();
        let (mut client_read, mut client_write) = tokio::io::split(&mut client);
        let (mut upstream_read, mut upstream_write) = tokio::io::split(&mut upstream);
        let (mut got_up, mut got_down) = (vec![0; up.len()], vec![0; down.len()]);
        let (a, b, c, d) = tokio::join!(
            client_write.write_all(&up),
            upstream_write.write_all(&down),
            upstream_read.read_exact(&mut got_up),
            client_read.read_exact(&mut got_down),
        );
        a.and(b).unwrap();
        c.and(d).unwrap();
        assert!(got_up == up && got_down == down, "buffer of {buffer}");
        drop(client);
        drop(upstream);
        let (_, moved) = task.await.unwrap();
        assert_eq!(moved, (100_000, 100_000));
    }
}

#[tokio::test]
async fn a_side_that_stops_reading_stops_the_other_from_writing() {
    let (mut client, upstream, _task) = relayed(1024);
    let chunk = vec![1; 16 * 1024];
    let mut written = 0;
    while let Ok(Ok(n)) = tokio::time::timeout(std::time::Duration::from_millis(50), client.write(&chunk)).await {
        written += n;
        assert!(written < 256 * 1024, "nobody reads, and still it is taken");
    }
    drop(upstream);
}

#[tokio::test]
async fn half_a_close_passes_on_and_the_rest_still_arrives() {
    let (mut client, mut upstream, task) = relayed(4096);
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut got = Vec::new();
    upstream.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"last words");
    upstream.write_all(b"farewell").await.unwrap();
    upstream.shutdown().await.unwrap();
    got.clear();
    client.read_to_end(&mut got).await.unwrap();
    assert_eq!(got, b"farewell");
    assert_eq!(task.await.unwrap(), (End::ClientClosed, (10, 8)));
}

#[tokio::test]
async fn who_closed_first_is_told() {
    let (mut client, mut upstream, task) = relayed(64);
    upstream.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    drop(client);
    assert_eq!(task.await.unwrap().0, End::UpstreamClosed);
}
