//! Signing, once for each session and audience rather than for each request.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_config::Assertion;
use http::{HeaderMap, HeaderName, HeaderValue};
use moka::ops::compute::{CompResult, Op};
use smallvec::SmallVec;

use crate::claims::Told;
use crate::headers::ClaimHeaders;
use crate::statement::Statement;
use crate::{SignError, SigningKeys};

/// How long an assertion is good for.
pub(crate) const LIFETIME: Duration = Duration::from_secs(5 * 60);
/// One with less than this left is replaced, so that an upstream with a slow clock still takes it.
const REPLACE_BEFORE: Duration = Duration::from_secs(60);
/// How many bytes of introductions are kept; the least used go first.
const CAPACITY: u64 = 64 * 1024 * 1024;
/// What one takes besides its texts.
const OVERHEAD: usize = 512;

/// The signed statement about the visitor, and its name in Pomerium's place.
const ASSERTION: HeaderName = HeaderName::from_static("x-doorward-jwt-assertion");
const POMERIUMS: HeaderName = HeaderName::from_static("x-pomerium-jwt-assertion");

/// A session: what is asserted, and for how long at most.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// The visitor.
    pub told: Told<'a>,
    /// When the session ends at the latest.
    pub expires_at: SystemTime,
    /// Changes whenever what the provider says of the visitor is learned anew.
    pub revision: u64,
}

/// What an upstream is told of a visitor.
#[derive(Debug)]
pub struct Introduction {
    /// The signed statement: a sensitive value.
    pub assertion: HeaderValue,
    /// All headers of `pass_identity_headers`, the signed statement among them, each name once.
    pub headers: Box<[(HeaderName, HeaderValue)]>,
}

/// Introduces visitors to upstreams.
pub struct Signer {
    keys: Arc<SigningKeys>,
    claims: ClaimHeaders,
    pomerium: bool,
    signed: moka::sync::Cache<Key, Arc<Signed>>,
}

/// See [`key`].
type Key = Box<[u8]>;

struct Signed {
    introduction: Arc<Introduction>,
    issued_at: SystemTime,
    expires_at: SystemTime,
    last_one: bool,
    revision: u64,
    epoch: u64,
}

impl Signer {
    /// Signs with these keys, and tells the claims that are configured.
    pub fn new(keys: Arc<SigningKeys>, settings: &Assertion) -> Self {
        let signed = moka::sync::Cache::builder()
            .weigher(|key: &Key, signed: &Arc<Signed>| signed.weight(key.len()))
            .max_capacity(CAPACITY)
            .time_to_live(LIFETIME)
            .build();
        let claims = ClaimHeaders::new(settings);
        Self { keys, claims, pomerium: settings.pomerium_compatibility, signed }
    }

    /// What the upstream behind `audience` (the route's host) is told. The assertion is good for five minutes, but no
    /// longer than the session; the same introduction is returned while more than one minute is left, unless
    /// `visit.revision` or the keys have changed.
    ///
    /// The e-mail address is in it only when the provider vouches for it.
    ///
    /// # Errors
    /// [`SignError::SessionOver`], [`SignError::Token`], [`SignError::System`].
    pub fn introduce(
        &self,
        visit: &Visit<'_>,
        audience: &str,
        now: SystemTime,
    ) -> Result<Arc<Introduction>, SignError> {
        let key = key(visit, audience);
        let epoch = self.keys.current().epoch;
        let is_good =
            |signed: &Signed| signed.epoch == epoch && signed.revision == visit.revision && signed.is_fresh(now);
        if let Some(signed) = self.signed.get(key.as_slice()).filter(|signed| is_good(signed)) {
            return Ok(Arc::clone(&signed.introduction));
        }
        if visit.expires_at <= now {
            return Err(SignError::SessionOver);
        }
        // Of many requests that come at once, one signs and the others wait for it: for microseconds.
        let mut failed = None;
        let outcome = self.signed.entry(key.into_vec().into_boxed_slice()).and_try_compute_with(|held| {
            if held.is_some_and(|held| is_good(held.value())) {
                return Ok::<_, Infallible>(Op::Nop);
            }
            Ok(match self.make(visit, audience, now) {
                Ok(signed) => Op::Put(Arc::new(signed)),
                Err(error) => {
                    failed = Some(error);
                    Op::Nop
                }
            })
        });
        match (failed, outcome) {
            (Some(error), _) => Err(error),
            (
                None,
                Ok(CompResult::Inserted(entry) | CompResult::ReplacedWith(entry) | CompResult::Unchanged(entry)),
            ) => Ok(Arc::clone(&entry.value().introduction)),
            (None, _) => Err(SignError::System),
        }
    }

    /// Takes headers away in which only we may tell a claim, from a request or its trailers.
    pub fn strip_claims(&self, headers: &mut HeaderMap) {
        self.claims.strip(headers);
    }

    fn make(&self, visit: &Visit<'_>, audience: &str, now: SystemTime) -> Result<Signed, SignError> {
        let full = now.checked_add(LIFETIME).ok_or(SignError::System)?;
        let expires_at = full.min(visit.expires_at);
        let claims = self.claims.claims();
        let statement = Statement::new(&visit.told, audience, now, expires_at, claims, self.pomerium)?;
        let keys = self.keys.current();
        let token = keys.signing(now).sign(&statement)?;
        let mut assertion = HeaderValue::try_from(token).map_err(|_| SignError::System)?;
        assertion.set_sensitive(true);
        let mut headers = self.claims.of(&visit.told);
        headers.push((ASSERTION, assertion.clone()));
        headers.extend(self.pomerium.then(|| (POMERIUMS, assertion.clone())));
        Ok(Signed {
            introduction: Arc::new(Introduction { assertion, headers: headers.into() }),
            issued_at: now,
            expires_at,
            last_one: visit.expires_at <= full,
            revision: visit.revision,
            epoch: keys.epoch,
        })
    }
}

/// What an introduction is found by. Fixed lengths, and the length of the session's name, come before what varies: no
/// two visits share a key.
fn key(visit: &Visit<'_>, audience: &str) -> SmallVec<[u8; 192]> {
    let session = visit.told.session_id.as_bytes();
    let mut key = SmallVec::new();
    key.extend_from_slice(visit.told.terms.digest());
    key.extend_from_slice(&session.len().to_be_bytes());
    key.extend_from_slice(session);
    key.extend_from_slice(audience.as_bytes());
    key
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Signed {
    fn is_fresh(&self, now: SystemTime) -> bool {
        // A clock set back makes what was signed look issued in the future.
        let issued = self.issued_at <= now;
        let left = self.expires_at.duration_since(now).unwrap_or_default();
        // The last of a session cannot be replaced by one that lasts longer.
        issued && (left > REPLACE_BEFORE || (self.last_one && !left.is_zero()))
    }

    /// Bytes, about. A value that stands in two headers is kept once, and counted twice.
    fn weight(&self, key: usize) -> u32 {
        let headers = self.introduction.headers.iter().map(|(_, value)| value.len() + 64);
        u32::try_from(headers.sum::<usize>() + key + OVERHEAD).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests;
