//! What the tests drive the program with: it, an application behind it, identity providers, and clients polite
//! and rude. Everything on loopback; nothing waits longer than [`PATIENCE`].

pub(crate) mod acme;
pub(crate) mod authority;
pub(crate) mod balancer;
pub(crate) mod browser;
pub(crate) mod certified_provider;
#[cfg(test)]
mod checks;
pub(crate) mod counterpart;
pub(crate) mod doorward;
pub(crate) mod hostile_authority;
pub(crate) mod hostile_provider;
pub(crate) mod http2_client;
pub(crate) mod log;
pub(crate) mod name_server;
pub(crate) mod ports;
pub(crate) mod raw;
pub(crate) mod raw_http2;
pub(crate) mod scene;
pub(crate) mod scripted;
pub(crate) mod setup;
#[allow(dead_code, reason = "the servers are those of another suite, which uses more of them")]
pub(crate) mod stores;
pub(crate) mod tls;
pub(crate) mod upstream;
pub(crate) mod visitor;
pub(crate) mod websocket;
pub(crate) mod wire;

use std::future::Future;
use std::time::Duration;

/// How long anything is waited for before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// The future's value, or a failed test when it takes too long.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Asks again until it is so: for what no event tells of.
pub(crate) async fn eventually<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    within(what, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
}

/// Says loudly that a test did not run, and notes it in the file that `SKIPPED` names.
pub(crate) fn skip(reason: &str) {
    use std::io::Write;
    eprintln!("SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("SKIPPED") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.unwrap(), "end-to-end: {reason}").unwrap();
    }
}
