//! Hearing of changes, on a connection of its own.
//!
//! Refuses: to be deaf unnoticed. A connection that answers no ping is given up, and listeners are told after every
//! gap to look for themselves.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::RedisResult;
use redis::aio::PubSub;

use super::super::change::{Change, Feed};
use super::link::Link;

const PING_EVERY: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Hears the channel until the task is ended.
pub(super) async fn run(link: Arc<Link>, channel: String, feed: Feed) {
    let (mut pause, mut failing) = (FIRST_PAUSE, false);
    loop {
        match link.subscribe(&channel).await {
            Ok(subscription) => {
                if failing {
                    tracing::info!(store = ?link, "changes of the session store are heard again");
                }
                (pause, failing) = (FIRST_PAUSE, false);
                feed.send(Change::Missed);
                hear(subscription, link.timeout(), &feed).await;
                // The calls' connection goes to the same servers: let it not be found dead by a write.
                link.renew().await;
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(store = ?link, %error, "changes of the session store are not heard");
                }
                failing = true;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
        tokio::time::sleep(pause).await;
    }
}

/// Passes messages on until the connection ends.
async fn hear(subscription: PubSub, patience: Duration, feed: &Feed) {
    let (mut sink, mut messages) = subscription.split();
    let mut pings = tokio::time::interval(PING_EVERY);
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    let line = String::from_utf8_lossy(message.get_payload_bytes());
                    feed.send(Change::of_line(&line));
                }
                None => return,
            },
            _ = pings.tick() => {
                let pong: Result<RedisResult<redis::Value>, _> = tokio::time::timeout(patience, sink.ping()).await;
                if !matches!(pong, Ok(Ok(_))) {
                    return;
                }
            }
        }
    }
}
