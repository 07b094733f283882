//! What is told to a stream's task from within: by the body that it asks for pieces, and by whoever answers.
//!
//! The library's task owns the body and shows nothing of it. Both run within one poll of ours, so a value that is there for the time of that
//! poll says all, without anything being allocated for a request.

use std::cell::Cell;

use tokio_util::sync::CancellationToken;

use super::ends::Ends;
use super::tunnel::Tunnel;

tokio::task_local! {
    static TURN: Turn;
}

/// What is known of a stream. There for its body only while its task is polled.
#[derive(Default)]
pub(super) struct Turn {
    said: Cell<Said>,
    ends: Cell<Option<Ends>>,
    /// Cancelled when the tunnel is over that the stream may become.
    tunnel: Cell<Option<CancellationToken>>,
}

/// What the body said last.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    /// That it has nothing for now, or nothing was asked yet: nobody waits for the reader.
    #[default]
    Waits,
    /// It gave a piece just now.
    Gave,
    /// It gave a piece before, and was not asked since.
    HasGiven,
}

impl Turn {
    /// Polls what this is there for.
    pub(super) fn during<T>(self, poll: impl FnOnce() -> T) -> (T, Self) {
        TURN.sync_scope(self, || {
            let polled = poll();
            (polled, TURN.with(Self::take))
        })
    }

    fn take(&self) -> Self {
        Self {
            said: Cell::new(self.said.take()),
            ends: Cell::new(self.ends.take()),
            tunnel: Cell::new(self.tunnel.take()),
        }
    }

    /// What the body said last, and whether that was since this was last asked.
    pub(super) fn said(&self) -> Said {
        let said = self.said.get();
        if said == Said::Gave {
            self.said.set(Said::HasGiven);
        }
        said
    }

    /// What ends it, if that was said since this was last asked.
    pub(super) fn new_ends(&self) -> Option<Ends> {
        self.ends.take()
    }
}

/// The body has nothing to give for now.
pub(crate) fn waits() {
    let _elsewhere = TURN.try_with(|turn| turn.said.set(Said::Waits));
}

/// The body gave a piece.
pub(crate) fn gave() {
    let _elsewhere = TURN.try_with(|turn| turn.said.set(Said::Gave));
}

/// If the stream becomes a tunnel, its sending half is not to outlive that for long.
pub(crate) fn tunnels_until(over: CancellationToken) {
    let _elsewhere = TURN.try_with(|turn| turn.tunnel.set(Some(over)));
}

/// Says what ends the answer that is being made or sent, while its reader takes nothing of it. What was said before is
/// forgotten. To be called by a handler or its answers' bodies; not asked where that is no stream of HTTP/2.
pub fn ends_with(ends: impl FnOnce() -> Option<Ends>) {
    let _elsewhere = TURN.try_with(|turn| turn.ends.set(ends()));
}

/// The tunnel that the stream whose task is being polled becomes.
pub(super) fn tunnel() -> Option<Tunnel> {
    TURN.try_with(|turn| Some(Tunnel { over: turn.tunnel.take()?, ends: turn.ends.take() })).ok()?
}
