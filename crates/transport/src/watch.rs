//! How far a connection is, and until when that may last.
//!
//! One timer a connection watches all of it. A request costs two clock readings and a few atomic stores here,
//! no lock and no timer of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::limits::Limits;
use crate::peer::Protocol;

/// How long a connection lingers after our last byte, so that a client still sending gets to read it.
const LINGER: Duration = Duration::from_secs(1);

const WAITING: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;
const CLOSING: u8 = 3;

/// No deadline.
const NEVER: u64 = u64::MAX;

/// Shared by the connection's task, its socket, and the requests on it. Times are milliseconds since `started`.
#[derive(Debug)]
pub(crate) struct Watch {
    started: Instant,
    head: u64,
    idle: u64,
    stalled_write: u64,
    /// HTTP/2 has traffic between requests too, so bytes that arrive do not begin a head there.
    bytes_begin_a_head: bool,
    phase: AtomicU8,
    /// Until when `phase` may last.
    phase_due: AtomicU64,
    /// Until when the client has to take something of what we send.
    write_due: AtomicU64,
    requests: AtomicU32,
    /// How many heads were whole.
    heads: AtomicU32,
    /// Of HTTP/1.1: the head whose body is framed twice; there is none behind it.
    framed_twice: AtomicU32,
    upgraded: AtomicBool,
    lingered: AtomicBool,
}

/// What lasted too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// Nothing between requests, or since the connection was opened.
    Request,
    /// A head that was begun.
    Head,
    /// A write that the client does not take.
    Write,
    /// The client's end of a connection that we closed.
    Close,
}

impl Watch {
    pub(crate) fn new(limits: &Limits, protocol: Protocol) -> Arc<Self> {
        let head = milliseconds(limits.head);
        Arc::new(Self {
            started: Instant::now(),
            head,
            idle: milliseconds(limits.idle),
            stalled_write: milliseconds(limits.stalled_write_timeout),
            bytes_begin_a_head: protocol == Protocol::Http1,
            phase: AtomicU8::new(WAITING),
            phase_due: AtomicU64::new(head),
            write_due: AtomicU64::new(NEVER),
            requests: AtomicU32::new(0),
            heads: AtomicU32::new(0),
            framed_twice: AtomicU32::new(0),
            upgraded: AtomicBool::new(false),
            lingered: AtomicBool::new(false),
        })
    }

    /// Bytes arrived.
    pub(crate) fn received(&self) {
        if self.bytes_begin_a_head && self.phase.load(Relaxed) == WAITING {
            self.phase.store(HEAD, Relaxed);
            self.phase_due.store(self.now() + self.head, Relaxed);
        }
    }

    /// The client took none of what we have for it.
    pub(crate) fn write_stalled(&self) {
        if self.write_due.load(Relaxed) == NEVER {
            self.write_due.store(self.now() + self.stalled_write, Relaxed);
        }
    }

    /// The client took something.
    pub(crate) fn write_went_on(&self) {
        if self.write_due.load(Relaxed) != NEVER {
            self.write_due.store(NEVER, Relaxed);
        }
    }

    /// Whether heads are told apart in the bytes themselves.
    pub(crate) fn reads_heads(&self) -> bool {
        self.bytes_begin_a_head
    }

    /// The body of this head is framed twice; heads are counted from one.
    pub(crate) fn framed_twice(&self, head: u32) {
        self.framed_twice.store(head, Relaxed);
    }

    /// Whether the body of the head that became whole last is framed twice.
    pub(crate) fn is_framed_twice(&self) -> bool {
        let head = self.framed_twice.load(Relaxed);
        head != 0 && head == self.heads.load(Relaxed)
    }

    /// A head is whole; its request lasts until what is returned is dropped.
    pub(crate) fn request(self: &Arc<Self>) -> Underway {
        self.requests.fetch_add(1, Relaxed);
        self.heads.fetch_add(1, Relaxed);
        self.phase.store(BUSY, Relaxed);
        self.phase_due.store(NEVER, Relaxed);
        Underway(Arc::clone(self))
    }

    /// We are done and wait for the client to close its end.
    pub(crate) fn closing(&self) {
        if self.phase.swap(CLOSING, Relaxed) != CLOSING {
            self.phase_due.store(self.now() + milliseconds(LINGER), Relaxed);
        }
    }

    /// The client is still sending at a good pace, and may go on for as long again.
    pub(crate) fn lingering(&self) {
        self.phase_due.store(self.now() + milliseconds(LINGER), Relaxed);
    }

    /// The client has had its time; nobody waits for it any more.
    pub(crate) fn lingered(&self) {
        self.lingered.store(true, Relaxed);
    }

    pub(crate) fn has_lingered(&self) -> bool {
        self.lingered.load(Relaxed)
    }

    /// The connection is a tunnel from now on: its bytes are not ours to drop.
    pub(crate) fn upgraded(&self) {
        self.upgraded.store(true, Relaxed);
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.upgraded.load(Relaxed)
    }

    /// When to look next, as things stand; [`Watch::later`] when nothing is due.
    pub(crate) fn due(&self) -> Option<Instant> {
        let due = self.phase_due.load(Relaxed).min(self.write_due.load(Relaxed));
        (due != NEVER).then(|| self.started + Duration::from_millis(due))
    }

    /// When to look again at a connection of which nothing is due. Whatever comes due before that is noticed
    /// because the connection's own task brings it about, but for the idle limit, which lasts as long.
    pub(crate) fn later(&self) -> Instant {
        Instant::now() + Duration::from_millis(self.idle)
    }

    /// What has lasted too long by now.
    pub(crate) fn overdue(&self) -> Option<Overdue> {
        let now = self.now();
        if self.write_due.load(Relaxed) <= now {
            return Some(Overdue::Write);
        }
        if self.phase_due.load(Relaxed) > now {
            return None;
        }
        match self.phase.load(Relaxed) {
            CLOSING => Some(Overdue::Close),
            // Under HTTP/2 a request may have begun while the one before it ended elsewhere.
            _ if self.requests.load(Relaxed) > 0 => {
                self.phase_due.store(NEVER, Relaxed);
                None
            }
            HEAD => Some(Overdue::Head),
            _ => Some(Overdue::Request),
        }
    }

    fn now(&self) -> u64 {
        milliseconds(self.started.elapsed())
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(NEVER / 4).min(NEVER / 4)
}

/// A request, until its answer's last byte is handed over or its client is gone.
#[derive(Debug)]
pub(crate) struct Underway(Arc<Watch>);

impl Underway {
    /// The answer turns the connection into a tunnel.
    pub(crate) fn upgrades(&self) {
        self.0.upgraded();
    }
}

impl Underway {
    /// For what outlives the answer, and what is cancelled when that is over.
    pub(crate) fn connection(&self) -> (InUse, CancellationToken) {
        let over = CancellationToken::new();
        (InUse(Arc::new((self.0.request(), over.clone().drop_guard()))), over)
    }
}

/// Keeps a connection from being taken for idle: for a tunnel on one of its streams, whose answer was over when it began.
/// Among the extensions of a CONNECT over HTTP/2.
#[derive(Debug, Clone)]
pub struct InUse(#[expect(dead_code, reason = "held, for its end to be noticed")] Arc<(Underway, DropGuard)>);

impl Drop for Underway {
    fn drop(&mut self) {
        let watch = &self.0;
        if watch.requests.fetch_sub(1, Relaxed) == 1
            && watch.phase.compare_exchange(BUSY, WAITING, Relaxed, Relaxed).is_ok()
        {
            watch.phase_due.store(watch.now() + watch.idle, Relaxed);
        }
    }
}
