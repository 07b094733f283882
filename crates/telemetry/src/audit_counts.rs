//! How often each kind of audit event came about, for the metrics.
//!
//! Refuses: labels. Who it was about stands in the log alone.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Audit events since the start, by kind. Clones are one.
#[derive(Debug, Clone, Default)]
pub struct AuditCounts(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    signed_in: AtomicU64,
    sign_in_failed: AtomicU64,
    refreshed: AtomicU64,
    refresh_failed: AtomicU64,
    refresh_ended: AtomicU64,
}

impl AuditCounts {
    /// Sign-ins that led to a session.
    pub fn signed_in(&self) -> u64 {
        self.0.signed_in.load(Ordering::Relaxed)
    }

    /// Sign-ins that did not come about.
    pub fn sign_in_failed(&self) -> u64 {
        self.0.sign_in_failed.load(Ordering::Relaxed)
    }

    /// Refreshes in which the provider told what it knows.
    pub fn refreshed(&self) -> u64 {
        self.0.refreshed.load(Ordering::Relaxed)
    }

    /// Refreshes that failed and left the session as it was.
    pub fn refresh_failed(&self) -> u64 {
        self.0.refresh_failed.load(Ordering::Relaxed)
    }

    /// Refreshes that ended their session.
    pub fn refresh_ended(&self) -> u64 {
        self.0.refresh_ended.load(Ordering::Relaxed)
    }
}

impl<S: Subscriber> Layer<S> for AuditCounts {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut kind = Kind::default();
        event.record(&mut kind);
        let counts = &self.0;
        let counter = match (kind.name.as_str(), kind.ended) {
            ("signed-in", _) => &counts.signed_in,
            ("sign-in-failed", _) => &counts.sign_in_failed,
            ("refreshed", _) => &counts.refreshed,
            ("refresh-failed", false) => &counts.refresh_failed,
            ("refresh-failed", true) => &counts.refresh_ended,
            _ => return,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

/// What kind of event it is, by two of its fields.
#[derive(Default)]
struct Kind {
    name: String,
    ended: bool,
}

impl Visit for Kind {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.name);
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "ended" {
            self.ended = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::{AuditEvent, audit};

    #[test]
    fn each_kind_is_counted_apart() {
        let counts = AuditCounts::default();
        let subscriber = tracing_subscriber::registry().with(counts.clone());
        let (user, session, provider, reason) = ("a@example.com", "s", "p", "r");
        let client = [127, 0, 0, 1].into();
        tracing::subscriber::with_default(subscriber, || {
            for _ in 0..2 {
                audit(&AuditEvent::SignedIn { user, provider, session, client });
            }
            audit(&AuditEvent::SignInFailed { user: None, provider, reason, client, request_id: "1" });
            audit(&AuditEvent::Refreshed { user, session, provider });
            for ended in [false, true, true, true] {
                audit(&AuditEvent::RefreshFailed { user, session, provider, reason, ended });
            }
            audit(&AuditEvent::SignedOut { user, session, client });
        });
        let counted = (counts.signed_in(), counts.sign_in_failed(), counts.refreshed());
        assert_eq!((counted, counts.refresh_failed(), counts.refresh_ended()), ((2, 1, 1), 1, 3));
    }
}
