//! The trail: how often a browser has arrived signed in on a host within the last minute, and what it was given.
//!
//! Refuses to be read on another host than it was left on, and to grow beyond a few arrivals. It says nothing of who
//! signed in, and lets nobody in.

use std::time::{Duration, SystemTime};

use cookie::{Cookie, SameSite};
use doorward_hygiene::Hostname;
use doorward_sessions::Sealer;
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::AuthenticateError;
use crate::cookies::{header, seconds};
use crate::endpoints::sessions_error;

/// How long browsers keep it. That is what "within a minute" means: the clocks of replicas need not agree for it.
const LIFE: Duration = Duration::from_secs(60);
/// How many arrivals are noted.
const MOST: usize = 4;
/// How far two clocks may differ without anybody being told.
pub(crate) const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

/// Makes and reads trail cookies.
#[derive(Debug)]
pub(crate) struct Trails {
    sealer: Sealer,
    name: Box<str>,
}

/// Arrivals on one host in one browser.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Trail {
    /// When, in seconds since 1970, by the clock of whoever answered; the latest last.
    #[serde(rename = "a")]
    at: Vec<u64>,
    /// When the session of the latest ends, in the same way.
    #[serde(rename = "e")]
    ends: u64,
}

impl Trail {
    /// With one more arrival, in a session that lasts until then.
    pub(crate) fn and(mut self, now: SystemTime, ends: SystemTime) -> Self {
        self.at.push(since_1970(now));
        let spare = self.at.len().saturating_sub(MOST);
        self.at.drain(..spare);
        self.ends = since_1970(ends);
        self
    }

    /// How many arrivals there were.
    pub(crate) fn arrivals(&self) -> usize {
        self.at.len()
    }

    /// Whether the latest session is over by its time.
    pub(crate) fn is_over(&self, now: SystemTime) -> bool {
        !self.at.is_empty() && since_1970(now) >= self.ends
    }

    /// Whether the arrivals were noted by clocks that differ from this one: browsers keep the trail for a minute.
    pub(crate) fn is_by_another_clock(&self, now: SystemTime) -> bool {
        let now = since_1970(now);
        let differs = CLOCKS_DIFFER.as_secs();
        let oldest = now.saturating_sub(LIFE.as_secs().saturating_mul(MOST as u64));
        self.at.iter().any(|at| *at > now.saturating_add(differs) || *at < oldest)
    }
}

impl Trails {
    pub(crate) fn new(sealer: Sealer, stem: &str) -> Self {
        Self { sealer, name: format!("__Host-{stem}-trail").into() }
    }

    /// Whether a cookie is one.
    pub(crate) fn is_ours(&self, name: &str) -> bool {
        name == &*self.name
    }

    /// The trail one of these values holds; an empty one where none can be read.
    pub(crate) fn read<'v>(&self, mut values: impl Iterator<Item = &'v str>, host: &Hostname) -> Trail {
        values
            .find_map(|value| self.sealer.open(value, host.as_str().as_bytes()))
            .and_then(|plain| serde_json::from_slice(&plain).ok())
            .unwrap_or_default()
    }

    /// Leaves it in the browser.
    pub(crate) fn leave(&self, trail: &Trail, host: &Hostname) -> Result<HeaderValue, AuthenticateError> {
        let plain = serde_json::to_vec(trail).map_err(|_| AuthenticateError::Task)?;
        let sealed = self.sealer.seal(&plain, host.as_str().as_bytes()).map_err(sessions_error)?;
        self.line(sealed, LIFE)
    }

    /// Takes it away.
    pub(crate) fn remove(&self) -> Result<HeaderValue, AuthenticateError> {
        self.line(String::new(), Duration::ZERO)
    }

    fn line(&self, value: String, life: Duration) -> Result<HeaderValue, AuthenticateError> {
        let cookie = Cookie::build((&*self.name, value))
            .path("/")
            .secure(true)
            .http_only(true)
            // Lax whatever is configured: it has to come along on the way back from the provider.
            .same_site(SameSite::Lax)
            .max_age(seconds(life));
        header(cookie)
    }
}

pub(crate) fn since_1970(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use doorward_sessions::{MemoryStore, Sessions};

    use super::*;

    fn trails() -> Trails {
        let sessions = Sessions::new(Arc::new(MemoryStore::new()), [1; 32], Duration::from_secs(60));
        Trails::new(sessions.sealer("trail"), "doorward")
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn it_is_small_private_and_read_on_its_own_host_alone() {
        let (trails, host) = (trails(), Hostname::parse("code.example.com").unwrap());
        let trail = (0..9).fold(Trail::default(), |trail, second| trail.and(at(second), at(50_400)));
        assert_eq!(trail.arrivals(), MOST);
        let line = trails.leave(&trail, &host).unwrap().to_str().unwrap().to_owned();
        assert!(line.len() < 300 && line.starts_with("__Host-doorward-trail="), "{line}");
        for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=60"] {
            assert!(line.split("; ").any(|other| other == part), "{part}: {line}");
        }
        let value = Cookie::parse(line).unwrap().value().to_owned();
        assert_eq!(trails.read(["forged", &value].into_iter(), &host), trail);
        let other = Hostname::parse("wiki.example.com").unwrap();
        assert_eq!(trails.read([&*value].into_iter(), &other), Trail::default());
    }

    #[test]
    fn it_tells_a_session_that_is_over_and_a_clock_that_differs() {
        let trail = Trail::default().and(at(0), at(3)).and(at(2), at(4));
        assert!(!trail.is_over(at(3)) && trail.is_over(at(4)));
        assert!(!Trail::default().is_over(at(4)));
        assert!(!trail.is_by_another_clock(at(3)) && !trail.is_by_another_clock(at(62)));
        assert!(trail.is_by_another_clock(at(3600)), "no browser keeps it for that long");
        let ahead = Trail::default().and(at(3600), at(7200));
        assert!(ahead.is_by_another_clock(at(0)));
    }
}
