//! What a visitor speaks times what an application speaks: nothing of an exchange may depend on the pair.
//!
//! Every test runs for every pair; a failure names the pair and the case.

mod aborts;
mod bodies;
mod early;
mod empty;
mod expect;
mod parallel;
mod trailers;
mod upgrades;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use crate::harness::authority::Authority;
use crate::harness::doorward::Doorward;
use crate::harness::scene::EVERYBODY;
use crate::harness::scripted::{NONCE, Scripted, Speaks};
use crate::harness::setup::Setup;
use crate::harness::visitor::{Protocol, Sent, Visitor, Whole};

/// What applications may speak.
const APPLICATIONS: &[Speaks] = &[Speaks::Http1, Speaks::Http1Tls, Speaks::Http2Tls, Speaks::Http2];

/// One Doorward before one application of each kind.
struct Stage {
    door: Doorward,
    applications: Vec<Scripted>,
    given: AtomicUsize,
}

/// A visitor's protocol and an application.
#[derive(Clone)]
struct Pair {
    stage: Arc<Stage>,
    down: Protocol,
    up: usize,
}

impl Stage {
    /// Every route has these keys too, besides being open to everybody.
    async fn start(keys: &str) -> Arc<Self> {
        let pair = Authority::shared().issue(&["localhost"]);
        let mut setup = Setup::new();
        let authority = setup.file("upstreams.pem", &Authority::shared().pem());
        let keys = format!("{EVERYBODY}\ntls_custom_ca_file: {}\n{keys}", authority.display());
        let mut applications = Vec::new();
        for speaks in APPLICATIONS {
            let application = Scripted::start(*speaks, &pair).await;
            setup = setup.route(speaks.name(), &application.url(), &keys);
            applications.push(application);
        }
        Arc::new(Self { door: setup.start().await, applications, given: AtomicUsize::new(0) })
    }

    fn pairs(self: &Arc<Self>) -> impl Iterator<Item = Pair> {
        let ups = 0..self.applications.len();
        ups.flat_map(|up| Protocol::ALL.map(|down| Pair { stage: Arc::clone(self), down, up }))
    }
}

impl Pair {
    fn name(&self) -> String {
        format!("{} down, {} up", self.down.name(), self.application().speaks().name())
    }

    fn application(&self) -> &Scripted {
        &self.stage.applications[self.up]
    }

    fn host(&self) -> &'static str {
        self.application().speaks().name()
    }

    async fn visitor(&self) -> Visitor {
        Visitor::connect(&self.stage.door, self.host(), self.down).await
    }

    /// A name for a request that no other has.
    fn nonce(&self) -> String {
        format!("n{}", self.stage.given.fetch_add(1, Ordering::Relaxed))
    }

    /// One request on a connection of its own.
    async fn exchange(&self, method: &str, path: &str, nonce: &str, body: Sent) -> hyper::Result<Whole> {
        let mut visitor = self.visitor().await;
        let request = visitor.request(method, path).header(NONCE, nonce).body(body).unwrap();
        visitor.exchange(request).await
    }
}

/// Runs a test for every pair, all at once, and tells of every pair that failed.
async fn for_each_pair<F: Future<Output = ()> + Send + 'static>(keys: &str, test: impl Fn(Pair) -> F) {
    on_stage(&Stage::start(keys).await, test).await;
}

/// One pair after the other, for what is heavy: a hundred handshakes at once are enough for a busy machine.
async fn for_each_pair_in_turn<F: Future<Output = ()> + Send + 'static>(keys: &str, test: impl Fn(Pair) -> F) {
    for pair in Stage::start(keys).await.pairs() {
        let name = pair.name();
        if let Err(failed) = tokio::spawn(test(pair)).await {
            panic!("{name}: {}", said(failed));
        }
    }
}

async fn on_stage<F: Future<Output = ()> + Send + 'static>(stage: &Arc<Stage>, test: impl Fn(Pair) -> F) {
    let mut tests = JoinSet::new();
    for pair in stage.pairs() {
        let name = pair.name();
        let test = tokio::spawn(test(pair));
        tests.spawn(async move { test.await.map_err(|failed| format!("{name}: {}", said(failed))) });
    }
    let failed: Vec<String> = tests.join_all().await.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} pairs failed:\n{}", failed.len(), failed.join("\n"));
}

/// What a test that panicked said.
fn said(failed: tokio::task::JoinError) -> String {
    match failed.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string))
            .unwrap_or_default(),
        Err(failed) => failed.to_string(),
    }
}
