//! The health listener: alive, ready, and a status for people.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use doorward_proxy::ProxyBody;
use doorward_transport::{Handler, Limits, Peer, Terms, Versions};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::plain;

/// Where the process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Not serving yet.
    Starting,
    /// Serving.
    Ready,
    /// Draining: alive, but to be sent nothing more.
    Stopping,
}

/// What `/status` says besides the stage.
pub(crate) type Status = Arc<dyn Fn() -> Value + Send + Sync>;

/// Since when the session store has been failing; None while it answers.
pub(crate) type StoreFailing = Arc<dyn Fn() -> Option<Timestamp> + Send + Sync>;

/// Answers `/healthz`, `/readyz`, `/startupz` and `/status`. Clones are one.
#[derive(Clone)]
pub(crate) struct Health(Arc<Inner>);

struct Inner {
    stage: AtomicU8,
    started: Instant,
    status: Status,
    store_failing: StoreFailing,
}

impl Health {
    /// Health of a process that is starting.
    pub(crate) fn new(status: Status, store_failing: StoreFailing) -> Self {
        let stage = AtomicU8::new(Stage::Starting as u8);
        Self(Arc::new(Inner { stage, started: Instant::now(), status, store_failing }))
    }

    /// Says where the process is now.
    pub(crate) fn enter(&self, stage: Stage) {
        self.0.stage.store(stage as u8, Ordering::Release);
    }

    fn is(&self, stage: Stage) -> bool {
        self.0.stage.load(Ordering::Acquire) == stage as u8
    }

    fn answer(&self, path: &str) -> (StatusCode, Value) {
        let said = |good: bool, word: &str| {
            let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            (status, json!({ "status": word }))
        };
        match path {
            "/healthz" => said(true, "alive"),
            "/readyz" if self.is(Stage::Stopping) => said(false, "stopping"),
            "/readyz" if !self.is(Stage::Ready) => said(false, "starting"),
            "/readyz" => match (self.0.store_failing)() {
                None => said(true, "ready"),
                // Those it knows go on for a while; whom it does not know is better off with another replica.
                Some(since) => {
                    (StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "session-store-unavailable", "since": since }))
                }
            },
            "/startupz" => {
                said(!self.is(Stage::Starting), if self.is(Stage::Starting) { "starting" } else { "started" })
            }
            "/status" => {
                let mut status = (self.0.status)();
                if let Some(fields) = status.as_object_mut() {
                    let ready = self.is(Stage::Ready) && (self.0.store_failing)().is_none();
                    fields.insert("ready".into(), ready.into());
                    fields.insert("uptime_seconds".into(), self.0.started.elapsed().as_secs().into());
                    fields.insert("version".into(), env!("CARGO_PKG_VERSION").into());
                }
                (StatusCode::OK, status)
            }
            _ => (
                StatusCode::NOT_FOUND,
                json!({ "error": "not-found", "paths": ["/healthz", "/readyz", "/startupz", "/status"] }),
            ),
        }
    }
}

impl Handler for Health {
    type Body = ProxyBody;

    async fn handle(&self, request: Request<Incoming>, _: Arc<Peer>) -> Response<ProxyBody> {
        if let Some(refused) = plain::refuse_to_change(&request) {
            return refused;
        }
        let (status, body) = self.answer(request.uri().path());
        plain::answer(status, "application/json", format!("{body}\n"))
    }
}

/// The terms of a listener for machines: few connections, all of them short.
pub(crate) fn terms() -> Terms {
    let (idle, head) = (Duration::from_secs(10), Duration::from_secs(5));
    let limits = Limits { connections: 64, idle, head, ..Limits::default() };
    Terms { versions: Versions::Http1, ..Terms::of(limits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_follows_the_stage_and_liveness_does_not() {
        let health = Health::new(Arc::new(|| json!({ "routes": 1 })), Arc::new(|| None));
        let status = |path: &str| health.answer(path).0.as_u16();
        assert_eq!((status("/healthz"), status("/readyz"), status("/startupz")), (200, 503, 503));
        health.enter(Stage::Ready);
        assert_eq!((status("/healthz"), status("/readyz"), status("/startupz")), (200, 200, 200));
        health.enter(Stage::Stopping);
        assert_eq!((status("/healthz"), status("/readyz"), status("/startupz")), (200, 503, 200));
        assert_eq!(status("/metrics"), 404);
        assert_eq!(health.answer("/status").1["routes"], 1);
    }

    #[test]
    fn a_store_that_fails_makes_it_unready_and_nothing_else() {
        let failing = Arc::new(AtomicU8::new(1));
        let told = Arc::clone(&failing);
        let since = Timestamp::from_second(1_800_000_000).unwrap();
        let is_failing: StoreFailing = Arc::new(move || (told.load(Ordering::Relaxed) == 1).then_some(since));
        let health = Health::new(Arc::new(|| json!({})), is_failing);
        assert_eq!(health.answer("/readyz").1, json!({ "status": "starting" }));
        health.enter(Stage::Ready);
        let unready = json!({ "status": "session-store-unavailable", "since": "2027-01-15T08:00:00Z" });
        assert_eq!(health.answer("/readyz"), (StatusCode::SERVICE_UNAVAILABLE, unready));
        assert_eq!(health.answer("/healthz").0, StatusCode::OK);
        assert_eq!(health.answer("/startupz").0, StatusCode::OK);
        assert_eq!(health.answer("/status").1["ready"], false);
        failing.store(0, Ordering::Relaxed);
        assert_eq!(health.answer("/readyz").0, StatusCode::OK);
        assert_eq!(health.answer("/status").1["ready"], true);
        failing.store(1, Ordering::Relaxed);
        health.enter(Stage::Stopping);
        assert_eq!(health.answer("/readyz").1, json!({ "status": "stopping" }));
    }
}
