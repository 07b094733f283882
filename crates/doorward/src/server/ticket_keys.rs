//! The keys of TLS session tickets, changed every few hours and, with a shared store, the same on every replica.
//!
//! A key is published before it is used, so that every replica can open what any of them has sealed; it is used for
//! six hours and opens for twelve more. One replica makes the next key, by compare-and-swap; the others hear of it.
//! While the store is away the keys that are known go on, and without any, a process makes its own: then a client that
//! comes to another replica shakes hands in full, which nobody notices.
//!
//! Refuses: keys that are over, and a record that it cannot read (which is made anew).

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward_sessions::{Expected, Put, RecordKind, Secret32, SessionsError, Vault};
use doorward_transport::{MOST_TICKET_KEYS, TICKET_KEY, TICKET_KEY_NAME, TicketKey, TicketKeys, TransportError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use zeroize::Zeroizing;

/// For how long a key seals.
const SEALS: Duration = Duration::from_secs(6 * 60 * 60);
/// For how long after that it opens: what clients are told to keep a ticket for.
const OPENS: Duration = Duration::from_secs(12 * 60 * 60);
/// How long before it seals a key is known to every replica, at least.
const AHEAD: Duration = Duration::from_secs(10 * 60);
/// How often is looked whether it is time.
const LOOK_EVERY: Duration = Duration::from_secs(60);
/// How often a change is tried again that another replica was quicker with.
const MOST_CONFLICTS: usize = 8;
/// Where the keys are in the vault.
const PLACE: (&str, &str) = ("tickets", "keys");
/// The first byte of the record: how the rest is written.
const FORMAT: u8 = 1;
const ENTRY: usize = TICKET_KEY_NAME + TICKET_KEY + 8;

/// Keys for tickets, before the first look at a shared store.
///
/// # Errors
/// [`TransportError`] when the system gives no random bytes.
pub(super) fn own_keys() -> Result<TicketKeys, TransportError> {
    TicketKeys::new(u32::try_from(OPENS.as_secs()).unwrap_or(u32::MAX))
}

/// A key and when it begins to seal.
#[derive(Clone)]
struct Entry {
    name: [u8; TICKET_KEY_NAME],
    secret: Zeroizing<[u8; TICKET_KEY]>,
    /// Milliseconds since 1970.
    from: u64,
}

impl Entry {
    fn random(from: SystemTime) -> Result<Self, SessionsError> {
        let (name, secret) = (Secret32::random()?, Secret32::random()?);
        let mut short = [0; TICKET_KEY_NAME];
        short.copy_from_slice(name.expose().split_at(TICKET_KEY_NAME).0);
        Ok(Self { name: short, secret: Zeroizing::new(*secret.expose()), from: millis(from) })
    }

    fn from(&self) -> SystemTime {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.from)).unwrap_or(UNIX_EPOCH)
    }

    fn is_over(&self, now: SystemTime) -> bool {
        now.duration_since(self.from()).is_ok_and(|since| since >= SEALS + OPENS)
    }
}

/// Every key there is, the oldest first.
#[derive(Clone, Default)]
struct Schedule(Vec<Entry>);

impl Schedule {
    /// None for what is no schedule.
    fn read(bytes: &[u8]) -> Option<Self> {
        let (format, rest) = bytes.split_first()?;
        if *format != FORMAT || rest.len() % ENTRY != 0 || rest.len() / ENTRY > MOST_TICKET_KEYS {
            return None;
        }
        let entry = |bytes: &[u8]| {
            let (name, rest) = bytes.split_first_chunk::<TICKET_KEY_NAME>()?;
            let (secret, from) = rest.split_first_chunk::<TICKET_KEY>()?;
            Some(Entry {
                name: *name,
                secret: Zeroizing::new(*secret),
                from: u64::from_be_bytes(from.try_into().ok()?),
            })
        };
        let mut entries = rest.chunks_exact(ENTRY).map(entry).collect::<Option<Vec<_>>>()?;
        entries.sort_by_key(|entry| entry.from);
        Some(Self(entries))
    }

    fn write(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(1 + self.0.len() * ENTRY));
        bytes.push(FORMAT);
        for entry in &self.0 {
            bytes.extend_from_slice(&entry.name);
            bytes.extend_from_slice(entry.secret.as_slice());
            bytes.extend_from_slice(&entry.from.to_be_bytes());
        }
        bytes
    }

    /// The schedule as it has to be now; none when it is right as it is.
    fn due(
        &self,
        now: SystemTime,
        make: impl Fn(SystemTime) -> Result<Entry, SessionsError>,
    ) -> Result<Option<Self>, SessionsError> {
        let mut next: Vec<_> = self.0.iter().filter(|entry| !entry.is_over(now)).cloned().collect();
        if !next.iter().any(|entry| entry.from() <= now) {
            // The first of all, or there was nobody for a day.
            next.insert(0, make(now)?);
        }
        if !next.iter().any(|entry| entry.from() > now) {
            let in_turn = next.last().map(|latest| latest.from() + SEALS);
            let soonest = now + AHEAD;
            next.push(make(in_turn.map_or(soonest, |at| at.max(soonest)))?);
        }
        let changed = next.len() != self.0.len() || next.iter().zip(&self.0).any(|(one, other)| one.name != other.name);
        Ok((changed && next.len() <= MOST_TICKET_KEYS).then_some(Self(next)))
    }

    /// The key that seals now, and the others; none when there is none that is not over.
    fn ring(&self, now: SystemTime) -> Option<Result<(TicketKey, Vec<TicketKey>), TransportError>> {
        let seals = self.0.iter().rposition(|entry| entry.from() <= now && !entry.is_over(now))?;
        let key = |entry: &Entry| TicketKey::new(entry.name, &entry.secret);
        let made = self.0.get(seals).map(key)?.and_then(|sealing| {
            let others = self.0.iter().enumerate().filter(|(index, entry)| *index != seals && !entry.is_over(now));
            let others = others.map(|(_, entry)| key(entry)).collect::<Result<Vec<_>, _>>()?;
            Ok((sealing, others))
        });
        Some(made)
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("keys", &self.0.len()).finish()
    }
}

/// What changes the keys in time.
pub(super) struct Rotation {
    pub(super) keys: TicketKeys,
    /// Where they are shared; none for keys of this process alone.
    pub(super) vault: Option<Vault>,
    pub(super) clock: fn() -> SystemTime,
    /// Told when another replica has written.
    pub(super) news: Arc<Notify>,
}

impl Rotation {
    /// Keeps the keys right until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let mut known = Schedule::default();
        loop {
            let now = (self.clock)();
            match self.look(&known, now).await {
                Ok(schedule) => known = schedule,
                Err(error) => debug!(error = %error, "the keys of TLS session tickets could not be looked at"),
            }
            self.put_in_use(&known, now);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.news.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn put_in_use(&self, schedule: &Schedule, now: SystemTime) {
        match schedule.ring(now) {
            Some(Ok((seals, others))) => self.keys.replace(seals, others),
            Some(Err(error)) => warn!(%error, "the keys of TLS session tickets cannot be used"),
            // None was ever shared: those this process made for itself stay. Or they are over, and nobody may have more.
            None if schedule.0.is_empty() => {}
            None => match TicketKey::random() {
                Ok(own) => self.keys.replace(own, Vec::new()),
                Err(error) => warn!(%error, "no key for TLS session tickets could be made"),
            },
        }
    }

    /// The schedule as it is, after what is due.
    async fn look(&self, known: &Schedule, now: SystemTime) -> Result<Schedule, SessionsError> {
        let Some(vault) = &self.vault else {
            return Ok(known.due(now, Entry::random)?.unwrap_or_else(|| known.clone()));
        };
        for _ in 0..MOST_CONFLICTS {
            let kept = vault.read(RecordKind::Server, PLACE.0, PLACE.1, now).await?;
            let schedule =
                kept.as_ref().map(|kept| Schedule::read(&kept.bytes).unwrap_or_default()).unwrap_or_default();
            let Some(next) = schedule.due(now, Entry::random)? else { return Ok(schedule) };
            let expected = kept.map_or(Expected::Absent, |kept| Expected::Version(kept.version));
            let put = vault.write(RecordKind::Server, PLACE.0, PLACE.1, expected, &next.write(), None, now).await?;
            if matches!(put, Put::Stored(_)) {
                return Ok(next);
            }
        }
        Ok(known.clone())
    }
}

fn millis(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests;
