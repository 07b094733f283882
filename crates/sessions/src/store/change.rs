//! What a store tells of its changes, and how the shared stores spell it.
//!
//! Refuses to lose a change silently: where one may have been lost, the listener is told to look for itself.

use std::fmt::Write as _;

use tokio::sync::broadcast::{self, error::RecvError};

use super::{RecordKey, RecordKind, Version};

/// How many changes wait for a slow listener before it has missed some.
const BACKLOG: usize = 1024;

/// Something happened in the store, by this replica or another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The record was written.
    Written {
        /// Which.
        key: RecordKey,
        /// Its version since.
        version: Version,
    },
    /// The record was removed; expiry and sweeping are not told.
    Removed {
        /// Which.
        key: RecordKey,
    },
    /// Changes may have been lost: compare versions of all that is remembered.
    Missed,
}

impl Change {
    /// The change in words of one line, which name a record and nothing of its content.
    pub(super) fn to_line(self) -> String {
        match self {
            Self::Written { key, version } => format!("w:{}:{}:{}", key.kind.tag(), hex(&key.id), version.0),
            Self::Removed { key } => format!("r:{}:{}", key.kind.tag(), hex(&key.id)),
            Self::Missed => String::from("m"),
        }
    }

    /// The change of a line. What nobody can read may have been a change.
    pub(super) fn of_line(line: &str) -> Self {
        Self::parse(line).unwrap_or(Self::Missed)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut parts = line.split(':');
        let what = parts.next()?;
        let kind = RecordKind::of_tag(parts.next()?.parse().ok()?)?;
        let key = RecordKey { kind, id: from_hex(parts.next()?)? };
        let change = match what {
            "w" => Self::Written { key, version: Version(parts.next()?.parse().ok()?) },
            "r" => Self::Removed { key },
            _ => return None,
        };
        parts.next().is_none().then_some(change)
    }
}

/// The changes of a store, from when they were asked for. A bounded number waits; [`Change::Missed`] comes first
/// of all, and again whenever something may have been lost.
#[derive(Debug)]
pub struct Changes {
    told: bool,
    receiver: broadcast::Receiver<Change>,
}

impl Changes {
    /// The next change, or `None` once the store is gone. Nothing is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<Change> {
        if !self.told {
            self.told = true;
            return Some(Change::Missed);
        }
        match self.receiver.recv().await {
            Ok(change) => Some(change),
            Err(RecvError::Lagged(_)) => Some(Change::Missed),
            Err(RecvError::Closed) => None,
        }
    }
}

/// Where a store puts its changes.
#[derive(Debug, Clone)]
pub(super) struct Feed(broadcast::Sender<Change>);

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::Sender::new(BACKLOG))
    }
}

impl Feed {
    pub(super) fn send(&self, change: Change) {
        // Nobody listening is no mistake.
        let _ = self.0.send(change);
    }

    pub(super) fn changes(&self) -> Changes {
        Changes { told: false, receiver: self.0.subscribe() }
    }
}

/// The id as the shared stores and their messages spell it; its order is the id's order.
pub(super) fn hex(id: &[u8; 32]) -> String {
    id.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The id of [`hex`], or `None` for anything else.
pub(super) fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut id = [0; 32];
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_change_is_read_as_it_was_spelt(id: [u8; 32], tag in 1_u8..=9, version: u64) {
            let key = RecordKey { kind: RecordKind::of_tag(tag).unwrap(), id };
            for change in [Change::Written { key, version: Version(version) }, Change::Removed { key }, Change::Missed] {
                prop_assert_eq!(Change::of_line(&change.to_line()), change);
            }
        }

        #[test]
        fn what_nobody_can_read_is_a_change_missed(line in "[a-z0-9:]{0,90}") {
            prop_assert_eq!(Change::of_line(&line), Change::Missed);
        }

        #[test]
        fn ids_sort_as_they_are_spelt(one: [u8; 32], other: [u8; 32]) {
            prop_assert_eq!(hex(&one).cmp(&hex(&other)), one.cmp(&other));
        }
    }

    #[tokio::test]
    async fn a_listener_that_is_too_slow_is_told_so() {
        let feed = Feed::default();
        let mut changes = feed.changes();
        let key = RecordKey { kind: RecordKind::Session, id: [1; 32] };
        for _ in 0..=BACKLOG {
            feed.send(Change::Removed { key });
        }
        assert_eq!(changes.next().await, Some(Change::Missed), "the first word is always to look for oneself");
        assert_eq!(changes.next().await, Some(Change::Missed), "one was lost");
        assert_eq!(changes.next().await, Some(Change::Removed { key }));
        drop(feed);
        while let Some(change) = changes.next().await {
            assert_eq!(change, Change::Removed { key });
        }
    }
}
