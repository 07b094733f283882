//! Sign-in attempts: what a browser carries, sealed, from where it started to where it comes back.
//!
//! Refuses: an attempt that is older than ten minutes, was begun in another browser or on another host, or was
//! altered; and more than five of them in one browser and host (the oldest goes).

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite};
use doorward_hygiene::{CleanHead, Hostname};
use doorward_sessions::Sealer;
use http::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::AuthenticateError;
use crate::cookies::{header, seconds};
use crate::fresh::Fresh;
use crate::return_to::ReturnTo;

/// How long an attempt may take.
pub(crate) const LIFE: Duration = Duration::from_secs(600);
/// How many attempts a browser has on one host at most.
const MOST: usize = 5;
/// How many bytes of a browser's cookies all attempts on one host take together; the newest is kept whatever it takes.
const LARGEST: usize = 3600;
/// Ten hexadecimal digits of seconds, then sixteen random bytes in base64url.
const TIME_DIGITS: usize = 10;
const ID_LENGTH: usize = TIME_DIGITS + 22;

/// The public name of an attempt: when it began, and 128 random bits. Also the `state` of the OAuth request.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct AttemptId(Box<str>);

impl AttemptId {
    fn new(now: SystemTime) -> Result<Self, AuthenticateError> {
        let mut random = [0; 16];
        rand::fill(&mut random).map_err(|_| AuthenticateError::Cryptography)?;
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        Ok(Self(format!("{seconds:010x}{}", URL_SAFE_NO_PAD.encode(random)).into()))
    }

    /// The id a text spells, if it spells one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (time, random) = text.split_at_checked(TIME_DIGITS)?;
        let well_formed = text.len() == ID_LENGTH
            && time.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            && URL_SAFE_NO_PAD.decode(random).is_ok();
        well_formed.then(|| Self(text.into()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn created(&self) -> Option<SystemTime> {
        let seconds = u64::from_str_radix(self.0.get(..TIME_DIGITS)?, 16).ok()?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for AttemptId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("not an attempt id")
    }
}

impl From<AttemptId> for String {
    fn from(id: AttemptId) -> Self {
        id.0.into()
    }
}

/// Where a person goes once signed in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    /// Stays on the sign-in host.
    Here(Path),
    /// Goes on to another host of ours, which is waiting for it.
    Host {
        /// The host, with its port unless that is the default.
        authority: String,
        /// Its attempt.
        attempt: AttemptId,
        /// SHA-256 of the verifier that browser holds there.
        challenge: [u8; 32],
    },
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(path) => f.debug_tuple("Here").field(&path.0).finish(),
            Self::Host { authority, .. } => {
                f.debug_struct("Host").field("authority", authority).finish_non_exhaustive()
            }
        }
    }
}

/// A [`ReturnTo`] in a cookie; read back, it is checked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Path(pub(crate) ReturnTo);

impl TryFrom<String> for Path {
    type Error = crate::return_to::InvalidReturn;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        ReturnTo::parse(&text).map(Self)
    }
}

impl From<Path> for String {
    fn from(path: Path) -> Self {
        path.0.as_str().to_owned()
    }
}

/// What an attempt carries. Secret: it has no `Debug` of its content.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Attempt {
    /// On any host: waiting for the sign-in host.
    Waiting {
        /// Where to go then.
        path: Path,
        /// What proves that it was this browser that asked.
        verifier: [u8; 32],
    },
    /// On the sign-in host: gone to the provider.
    AtProvider {
        /// What the ID token has to repeat.
        nonce: String,
        /// The PKCE verifier.
        verifier: String,
        /// Where to go then.
        target: Target,
        /// What else was asked of the provider.
        #[serde(default)]
        asked: Asked,
    },
    /// On the sign-in host: filling in the form.
    AtForm {
        /// Where to go then.
        target: Target,
    },
}

/// What a provider is asked besides who it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    /// How recently the person has to have signed in there.
    #[serde(rename = "f", skip_serializing_if = "Option::is_none")]
    pub(crate) fresh: Option<Fresh>,
    /// Whether it was told to ask the person whatever it knows.
    #[serde(rename = "i")]
    pub(crate) insisted: bool,
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(..)")
    }
}

/// Makes and reads attempt cookies.
#[derive(Debug)]
pub(crate) struct Attempts {
    sealer: Sealer,
    prefix: Box<str>,
}

/// A new attempt, and what the browser is told to keep and to drop.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) id: AttemptId,
    pub(crate) set_cookies: Vec<HeaderValue>,
}

impl Attempts {
    pub(crate) fn new(sealer: Sealer, stem: &str) -> Self {
        Self { sealer, prefix: format!("__Host-{stem}-attempt-").into() }
    }

    /// Begins an attempt on this host; `make` gets its id. Older ones beyond the fourth are dropped.
    pub(crate) fn begin<'c>(
        &self,
        host: &Hostname,
        cookies: impl Iterator<Item = (&'c str, &'c str)>,
        now: SystemTime,
        make: impl FnOnce(&AttemptId) -> Attempt,
    ) -> Result<Kept, AuthenticateError> {
        let id = AttemptId::new(now)?;
        let plain = serde_json::to_vec(&make(&id)).map_err(|_| AuthenticateError::Task)?;
        let sealed = self.sealer.seal(&plain, &self.context(&id, host)).map_err(AuthenticateError::Sessions)?;
        let taken = self.prefix.len() + ID_LENGTH + "=; ".len() + sealed.len();
        let mut set_cookies = vec![self.line(id.as_str(), sealed, LIFE)?];
        let size = |suffix: &str, value: &str| self.prefix.len() + suffix.len() + "=; ".len() + value.len();
        let mut others: Vec<(&str, usize)> = cookies
            .filter_map(|(name, value)| Some((name.strip_prefix(&*self.prefix)?, value)))
            .filter(|(suffix, _)| is_token(suffix))
            .map(|(suffix, value)| (suffix, size(suffix, value)))
            .collect();
        // What is no id sorts as the oldest. Ids begin with their time.
        others.sort_unstable_by_key(|(suffix, _)| AttemptId::parse(suffix));
        others.dedup_by_key(|(suffix, _)| *suffix);
        let mut room = LARGEST.saturating_sub(taken);
        for (index, (suffix, size)) in others.into_iter().rev().enumerate() {
            if let Some(left) = room.checked_sub(size).filter(|_| index < MOST - 1) {
                room = left;
            } else {
                room = 0;
                set_cookies.push(self.line(suffix, String::new(), Duration::ZERO)?);
            }
        }
        Ok(Kept { id, set_cookies })
    }

    /// The attempt of this id, if this browser has it, on this host, and it is not over.
    pub(crate) fn open<'c>(
        &self,
        id: &AttemptId,
        host: &Hostname,
        cookies: impl Iterator<Item = (&'c str, &'c str)>,
        now: SystemTime,
    ) -> Option<Attempt> {
        let age = now.duration_since(id.created()?).unwrap_or_default();
        if age >= LIFE {
            return None;
        }
        let context = self.context(id, host);
        cookies
            .filter(|(name, _)| name.strip_prefix(&*self.prefix) == Some(id.as_str()))
            .take(MOST)
            .find_map(|(_, value)| self.sealer.open(value, &context))
            .and_then(|plain| serde_json::from_slice(&plain).ok())
    }

    /// Whether a cookie of this attempt is there, readable or not.
    pub(crate) fn is_there<'c>(&self, id: &AttemptId, mut cookies: impl Iterator<Item = (&'c str, &'c str)>) -> bool {
        cookies.any(|(name, _)| name.strip_prefix(&*self.prefix) == Some(id.as_str()))
    }

    /// Takes an attempt's cookie away.
    pub(crate) fn remove(&self, id: &AttemptId) -> Result<HeaderValue, AuthenticateError> {
        self.line(id.as_str(), String::new(), Duration::ZERO)
    }

    /// Whether a cookie is one of these.
    pub(crate) fn is_ours(&self, name: &str) -> bool {
        name.starts_with(&*self.prefix)
    }

    fn line(&self, suffix: &str, value: String, life: Duration) -> Result<HeaderValue, AuthenticateError> {
        let cookie = Cookie::build((format!("{}{suffix}", self.prefix), value))
            .path("/")
            .secure(true)
            .http_only(true)
            // Lax whatever is configured: the provider sends the browser back from another site.
            .same_site(SameSite::Lax)
            .max_age(seconds(life));
        header(cookie)
    }

    /// What the seal is bound to. The id holds the time, so that cannot be altered either.
    fn context(&self, id: &AttemptId, host: &Hostname) -> Vec<u8> {
        format!("{}{id}@{host}", self.prefix).into_bytes()
    }
}

/// The attempt cookies of a request.
pub(crate) fn of_head<'a>(attempts: &'a Attempts, head: &'a CleanHead) -> impl Iterator<Item = (&'a str, &'a str)> {
    head.cookies().filter(|(name, _)| attempts.is_ours(name))
}

/// Whether a text may stand in the name of a cookie we send back.
fn is_token(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests;
