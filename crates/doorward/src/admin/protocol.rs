//! What is said over the admin socket: one line of JSON asks, one line answers. Empty lines come while work goes on.
//!
//! Refuses: fields and requests it does not know, so that a newer command is told that an older server runs.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use doorward_sessions::SessionCard;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest request, in bytes.
pub(super) const LONGEST_REQUEST: usize = 64 * 1024;
/// The longest answer, in bytes; [`MOST_LISTED`] sessions take a fraction of it.
pub(super) const LONGEST_ANSWER: usize = 64 * 1024 * 1024;
/// How often an empty line says that work goes on.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(1);
/// How long may pass without any line.
pub(super) const PATIENCE: Duration = Duration::from_secs(15);
/// The most sessions that are listed at once.
pub(crate) const MOST_LISTED: usize = 10_000;

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Request {
    /// The newest sessions.
    List {
        /// Of this person alone: an address, or the provider's name for them.
        user: Option<String>,
        /// How many at most.
        most: usize,
    },
    /// One session.
    Show {
        /// Its public id.
        id: String,
    },
    /// The end of sessions.
    Revoke {
        /// Which.
        wanted: Wanted,
    },
    /// Nobody signs in with an address any more, and its sessions end.
    Block {
        /// The address.
        email: String,
    },
    /// They may again.
    Unblock {
        /// The address.
        email: String,
    },
    /// Who is blocked.
    Blocked {},
}

/// Which sessions are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Wanted {
    /// These, by their public ids.
    Ids(Vec<String>),
    /// Those of a person: an address, or the provider's name for them.
    Of(String),
    /// Every one there is.
    All,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub(crate) enum Answer {
    /// Sessions, the newest first.
    Sessions {
        /// As many as were asked for.
        sessions: Vec<Listed>,
        /// How many there are.
        total: usize,
    },
    /// Sessions were ended.
    Revoked {
        /// The first of them.
        ended: Vec<Ended>,
        /// How many there were.
        total: usize,
        /// Ids of which there is no session.
        unknown: Vec<String>,
    },
    /// Somebody is blocked.
    Blocked {
        /// Whether they were not before.
        is_new: bool,
        /// Their sessions, which were ended.
        ended: Vec<Ended>,
    },
    /// Somebody is not blocked.
    Unblocked {
        /// Whether they were.
        was_blocked: bool,
    },
    /// Everybody who is blocked, by address.
    People {
        /// Their addresses, and since when.
        people: Vec<Person>,
    },
    /// Nothing, or not all of it, could be done.
    Failed {
        /// Why, in words.
        message: String,
    },
}

/// A session that was ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// Its public id.
    pub(crate) id: String,
    /// Whose it was.
    pub(crate) user: String,
}

/// Somebody who is blocked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Person {
    /// Their address, in small letters.
    pub(crate) email: String,
    /// Since when.
    pub(crate) since: Timestamp,
}

/// A session as it is shown to operators. Opens nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Listed {
    /// Its public id.
    pub(crate) id: String,
    /// What to call its person.
    pub(crate) user: String,
    /// Their address, verified or not.
    pub(crate) email: Option<String>,
    /// The provider's name for them.
    pub(crate) subject: String,
    /// Which provider vouched, as the configuration names it.
    pub(crate) provider: String,
    /// Its issuer.
    pub(crate) issuer: String,
    /// The address the sign-in came from.
    pub(crate) client: IpAddr,
    /// The browser, as it called itself.
    pub(crate) user_agent: Option<String>,
    /// When it began.
    pub(crate) created_at: Timestamp,
    /// When something was last done in it, to the minute or so.
    pub(crate) last_seen_at: Timestamp,
    /// When it is over at the latest.
    pub(crate) expires_at: Timestamp,
}

impl From<SessionCard> for Listed {
    fn from(card: SessionCard) -> Self {
        Self {
            id: card.id,
            user: card.user,
            email: card.email,
            subject: card.subject.id,
            issuer: card.subject.issuer,
            provider: card.provider,
            client: card.client,
            user_agent: card.user_agent,
            created_at: stamp(card.created_at),
            last_seen_at: stamp(card.last_seen_at),
            expires_at: stamp(card.expires_at),
        }
    }
}

impl From<&SessionCard> for Ended {
    fn from(card: &SessionCard) -> Self {
        Self { id: card.id.clone(), user: card.user.clone() }
    }
}

/// A time as it is written, to the second.
pub(crate) fn stamp(time: SystemTime) -> Timestamp {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Timestamp::from_second(seconds.try_into().unwrap_or(i64::MAX)).unwrap_or(Timestamp::MAX)
}
