//! How recent a sign-in has to be for one route (`authentication_max_age`).
//!
//! Refuses to be believed: it only says what to ask of a person on the way. Whether that was enough, the route's policy
//! decides by the session.

use std::fmt;
use std::time::{Duration, SystemTime};

use doorward_identity::Identity;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::trail::since_1970;

/// What a route asks for at least; less would be a way to make people sign in over and over.
const LEAST: u32 = 60;
/// How much of the time is left at least for the person to make use of, in seconds.
const MOST_SPARED: u32 = 30;
/// How far ahead of ours the provider's clock may be, in seconds.
const MOST_AHEAD: u64 = 300;

/// At most this many seconds ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u32", into = "u32")]
pub(crate) struct Fresh(u32);

impl Fresh {
    /// What a route's rule asks for.
    pub(crate) fn within(max_age: Duration) -> Self {
        Self::from(u32::try_from(max_age.as_secs()).unwrap_or(u32::MAX))
    }

    /// The `max_age` a provider is asked for (OpenID Connect Core §3.1.2.1): less than the route allows, so that who
    /// arrives does not have to sign in again at once.
    pub(crate) fn max_age(self) -> u32 {
        self.0 - self.spared()
    }

    /// Whether a session that began with this sign-in is good enough to be taken along.
    pub(crate) fn is_met_by(self, identity: &Identity, now: SystemTime) -> bool {
        now.duration_since(identity.authenticated_at).unwrap_or_default() <= Duration::from_secs(self.max_age().into())
    }

    /// Whether the provider says that the person signed in recently enough (§3.1.3.7, 13.); else how long ago they did,
    /// if it says so. It may be slower than we are, by half of what was spared.
    pub(crate) fn check(self, auth_time: Option<&Value>, now: SystemTime) -> Result<(), Option<Duration>> {
        let said =
            auth_time.and_then(Value::as_f64).and_then(|time| Duration::try_from_secs_f64(time).ok()).ok_or(None)?;
        // What cannot be is no word at all.
        if said.as_secs() > since_1970(now).saturating_add(MOST_AHEAD) {
            return Err(None);
        }
        let ago = since_1970(now).saturating_sub(said.as_secs());
        let allowed = self.max_age() + self.spared() / 2;
        if ago <= allowed.into() { Ok(()) } else { Err(Some(Duration::from_secs(ago))) }
    }

    fn spared(self) -> u32 {
        (self.0 / 4).min(MOST_SPARED)
    }
}

impl From<u32> for Fresh {
    fn from(seconds: u32) -> Self {
        Self(seconds.max(LEAST))
    }
}

impl From<Fresh> for u32 {
    fn from(fresh: Fresh) -> Self {
        fresh.0
    }
}

impl fmt::Display for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_provider_is_asked_for_less_than_the_route_allows() {
        assert_eq!(Fresh::within(Duration::from_secs(3600)).max_age(), 3570);
        assert_eq!(Fresh::within(Duration::from_secs(60)).max_age(), 45);
        assert_eq!(Fresh::within(Duration::ZERO).max_age(), 45, "nobody can be made to sign in over and over");
        assert_eq!(Fresh::within(Duration::MAX).to_string(), u32::MAX.to_string());
    }

    #[test]
    fn what_the_provider_says_is_held_against_it() {
        let fresh = Fresh::within(Duration::from_secs(3600));
        assert_eq!(fresh.check(Some(&json!(10_000)), at(13_585)), Ok(()));
        assert_eq!(fresh.check(Some(&json!(10_000)), at(13_586)), Err(Some(Duration::from_secs(3586))));
        assert_eq!(fresh.check(Some(&json!(10_000.5)), at(10_001)), Ok(()));
        assert_eq!(fresh.check(Some(&json!(10_000)), at(9_990)), Ok(()), "its clock is ahead");
        for nothing in
            [None, Some(json!(null)), Some(json!("10000")), Some(json!(-1)), Some(json!([])), Some(json!(10_301))]
        {
            assert_eq!(fresh.check(nothing.as_ref(), at(10_000)), Err(None), "{nothing:?}");
        }
    }
}
