//! How often whom was sent away before a request of theirs was whole.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a connection was closed, or a head refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// There were as many connections as may be.
    Connections,
    /// There were as many connections from that address as may be.
    ConnectionsPerAddress,
    /// No good header of the PROXY protocol, or one from somebody who may not send it.
    ProxyHeader,
    /// The TLS handshake, or the header of the PROXY protocol, did not end in time.
    HandshakeTimeout,
    /// A head over its size, its number of lines, or the length of its first line.
    HeadTooLarge,
    /// A head that did not come in time.
    HeadTimeout,
    /// What we sent was not taken in time.
    StalledWrite,
    /// HTTP/2: a flood of resets, or of frames that carry nothing.
    Resets,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Connections,
        Self::ConnectionsPerAddress,
        Self::ProxyHeader,
        Self::HandshakeTimeout,
        Self::HeadTooLarge,
        Self::HeadTimeout,
        Self::StalledWrite,
        Self::Resets,
    ];

    /// The name, for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::ConnectionsPerAddress => "connections-per-address",
            Self::ProxyHeader => "proxy-header",
            Self::HandshakeTimeout => "handshake-timeout",
            Self::HeadTooLarge => "head-too-large",
            Self::HeadTimeout => "head-timeout",
            Self::StalledWrite => "stalled-write",
            Self::Resets => "resets",
        }
    }
}

/// A count for each reason, since the process began.
#[derive(Debug, Default)]
pub struct Counts([AtomicU64; Reason::ALL.len()]);

impl Counts {
    pub(crate) fn count(&self, reason: Reason) {
        if let Some(count) = self.0.get(reason as usize) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// How often it was this reason.
    pub fn of(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).map_or(0, |count| count.load(Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_count_of_its_own() {
        let counts = Counts::default();
        for (times, reason) in Reason::ALL.into_iter().enumerate() {
            (0..times).for_each(|_| counts.count(reason));
        }
        for (times, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(counts.of(reason), times as u64, "{}", reason.as_str());
        }
    }
}
