//! Sessions of which more becomes known while they last.

mod blocks;
mod learning;
mod regrant;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};

use super::Sessions;
use crate::{
    Change, Changes, Expected, Known, LiveSession, MemoryStore, NewSession, Put, RecordKey, RecordKind, SessionStore,
    StoreFuture, StoreUnavailable, Stored, Tokens, Version,
};

const HOST: &str = "a.example";

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn person(groups: &[&str]) -> Identity {
    let claims = serde_json::json!({ "iat": groups.len(), "level": 3 });
    Identity {
        subject: Subject { issuer: "https://idp.example".into(), id: "1".into() },
        email: VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap()),
        name: None,
        groups: Groups::new(groups.iter().map(|group| (*group).to_owned())),
        claims: Claims::new(claims.as_object().unwrap().clone()),
        authenticated_at: at(0),
    }
}

fn new_session() -> NewSession {
    NewSession {
        identity: person(&["staff"]),
        provider: "p".into(),
        tokens: Tokens::default(),
        tokens_expire_at: None,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: None,
        browser: None,
    }
}

/// A store in memory that several replicas share, and that may fail.
#[derive(Default)]
struct Common {
    inner: MemoryStore,
    reads: AtomicUsize,
    full: AtomicBool,
    unlisted: AtomicBool,
    mute: AtomicBool,
}

impl Common {
    fn replica(self: &Arc<Self>) -> Sessions {
        Sessions::new(Arc::clone(self) as _, [7; 32], Duration::from_secs(14 * 60 * 60))
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }

    async fn count(&self, kind: RecordKind) -> usize {
        self.inner.list(kind, None, usize::MAX, at(0)).await.unwrap().len()
    }
}

impl SessionStore for Common {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.mute.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(StoreUnavailable::new("no answer"))));
        }
        let found = self.inner.get(key, now);
        // An answer takes its time, in which others ask and write.
        Box::pin(async move {
            tokio::task::yield_now().await;
            found.await
        })
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        if self.full.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(StoreUnavailable::new("no space left"))));
        }
        self.inner.put(key, expected, sealed, expires_at, now)
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        self.inner.remove_if(key, expected)
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        if self.unlisted.load(Ordering::SeqCst) {
            return Box::pin(std::future::ready(Err(StoreUnavailable::new("no answer"))));
        }
        self.inner.list(kind, after, most, now)
    }

    fn changes(&self) -> Changes {
        self.inner.changes()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        self.inner.sweep(now)
    }
}

/// Writes that the provider now says this, and takes it over; the word of it.
async fn refresh(sessions: &Sessions, session: &LiveSession, groups: &[&str], now: SystemTime) -> Change {
    let old = session.known();
    let known = Known {
        identity: person(groups),
        revision: old.revision + 1,
        refreshed_at: now,
        tokens: old.tokens.clone(),
        tokens_expire_at: None,
    };
    let place = sessions.session_place(session.session_id(), session.data_key());
    let record = session.record(known);
    let sealed = place.seal(&record).unwrap();
    let expected = Expected::Version(Version(session.version.load(Ordering::SeqCst)));
    let put = sessions.store.put(&place.name, expected, &sealed, session.expires_at(), now).await.unwrap();
    let Put::Stored(version) = put else { panic!("somebody else has written") };
    sessions.take_over(session, record, version);
    Change::Written { key: place.name, version }
}

fn groups_of(session: &LiveSession) -> Vec<String> {
    session.known().identity.groups.iter().map(str::to_owned).collect()
}
