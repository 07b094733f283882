//! How long is waited for whom.

use std::time::Duration;

/// A bound on a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    /// Given up after this long. Never zero.
    After(Duration),
    /// Never given up.
    Never,
}

impl Limit {
    /// The bound; none when there is none.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::After(duration) => Some(duration),
            Self::Never => None,
        }
    }
}

impl std::str::FromStr for Limit {
    type Err = &'static str;

    /// A span as configurations write it: `30s`, `1h30m`, `never`. The error says what is wrong, after "but".
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        crate::raw::duration::parse(text)
    }
}

impl From<Duration> for Limit {
    /// Zero means never, as Pomerium has it.
    fn from(duration: Duration) -> Self {
        if duration.is_zero() { Self::Never } else { Self::After(duration) }
    }
}

/// The timeouts that are not a route's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a request's head to arrive (`timeout_read`, 30 s). Never [`Limit::Never`].
    pub read: Limit,
    /// For a connection without requests (`timeout_idle`, 5 min).
    pub idle: Limit,
    /// For an upstream's response head, where the route says nothing else (`default_upstream_timeout`, 30 s).
    pub upstream: Limit,
}
