//! How the sessions and their store are, for readiness, `/status` and the metrics.
//!
//! Refuses: the store's address, which may hold a password.

use std::sync::Arc;

use doorward_config::StoreSettings;
use doorward_sessions::Sessions;
use doorward_telemetry::AuditCounts;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::admin::stamp;
use crate::session_store::kind;

/// Tells how the sessions are. Cheap to clone.
#[derive(Clone)]
pub(crate) struct SessionHealth {
    sessions: Arc<Sessions>,
    store: &'static str,
    counts: AuditCounts,
}

/// What is measured of sessions, as it is now.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct SessionFigures {
    /// Sessions in the memory of this process.
    pub(crate) live: usize,
    /// Whether the store answered the last call.
    pub(crate) store_is_up: bool,
    /// Sign-ins since the start, by what came of them.
    pub(crate) sign_ins: [(&'static str, u64); 2],
    /// Refreshes since the start, by what came of them.
    pub(crate) refreshes: [(&'static str, u64); 3],
}

impl SessionHealth {
    /// The health of these sessions, kept in such a store; `counts` is what the audit events were counted with.
    pub(crate) fn new(sessions: Arc<Sessions>, store: &StoreSettings, counts: AuditCounts) -> Self {
        Self { sessions, store: kind(store), counts }
    }

    /// Since when the store has been failing.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        self.sessions.store_failing_since().map(stamp)
    }

    /// For `/status`.
    pub(crate) fn status(&self) -> Value {
        json!({
            "store": self.store,
            "store_failing_since": self.failing_since(),
            "live": self.sessions.live_count(),
            "begun": self.counts.signed_in(),
        })
    }

    /// For the metrics.
    pub(crate) fn figures(&self) -> SessionFigures {
        let counts = &self.counts;
        SessionFigures {
            live: self.sessions.live_count(),
            store_is_up: self.sessions.store_failing_since().is_none(),
            sign_ins: [("success", counts.signed_in()), ("failure", counts.sign_in_failed())],
            refreshes: [
                ("success", counts.refreshed()),
                ("failure", counts.refresh_failed()),
                ("ended", counts.refresh_ended()),
            ],
        }
    }
}
