//! What several Doorwards on one store promise to the people who are signed in.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{LiveSession, NewSession, Sessions, Tokens};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::place::Place;

const HOST: &str = "a.example";
/// For what happens sooner or later on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// One Doorward that follows what the store tells.
pub(super) struct Replica {
    pub(super) sessions: Arc<Sessions>,
    _running: DropGuard,
}

impl Replica {
    pub(super) async fn on(place: &Place) -> Self {
        let lifetime = Duration::from_secs(3600);
        let sessions = Arc::new(Sessions::new(place.store().await, [7; 32], lifetime));
        let stop = CancellationToken::new();
        let (following, until) = (Arc::clone(&sessions), stop.clone());
        tokio::spawn(async move { following.run_changes(SystemTime::now, until).await });
        Self { sessions, _running: stop.drop_guard() }
    }

    async fn sign_in(&self) -> (Arc<LiveSession>, String) {
        self.sign_in_with(Tokens::default()).await
    }

    pub(super) async fn sign_in_with(&self, tokens: Tokens) -> (Arc<LiveSession>, String) {
        let identity = Identity {
            subject: Subject { issuer: "https://idp.example".into(), id: "1".into() },
            email: VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap()),
            name: None,
            groups: Groups::default(),
            claims: Claims::default(),
            authenticated_at: SystemTime::now(),
        };
        let new = NewSession {
            identity,
            provider: "p".into(),
            tokens,
            tokens_expire_at: None,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: None,
            browser: None,
        };
        let session = self.sessions.begin(new, SystemTime::now()).await.unwrap();
        let ticket = self.sessions.grant(&session, HOST, SystemTime::now()).await.unwrap().to_cookie_value();
        (session, ticket)
    }

    pub(super) async fn find(&self, ticket: &str) -> Option<Arc<LiveSession>> {
        self.sessions.find(ticket, HOST, SystemTime::now()).await.unwrap()
    }
}

/// Two replicas, of which the second hears what the first does.
pub(super) async fn replicas(place: &Place) -> (Replica, Replica) {
    let (one, other) = (Replica::on(place).await, Replica::on(place).await);
    let end = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < end, "nothing is heard");
        let (session, ticket) = one.sign_in().await;
        let held = other.find(&ticket).await.unwrap();
        one.sessions.end(&session).await.unwrap();
        if timeout(Duration::from_millis(500), held.ended().cancelled()).await.is_ok() {
            return (one, other);
        }
    }
}

pub(crate) async fn a_session_that_ends_on_one_replica_ends_on_the_others_within_a_second(place: Place) {
    let (one, other) = replicas(&place).await;
    let mut taken = Vec::new();
    for round in 0..15 {
        // By turns, so that it goes both ways.
        let (here, there) = if round % 2 == 0 { (&one, &other) } else { (&other, &one) };
        let (session, ticket) = here.sign_in().await;
        let held = there.find(&ticket).await.unwrap();
        let began = Instant::now();
        here.sessions.end(&session).await.unwrap();
        timeout(PATIENCE, held.ended().cancelled()).await.expect("the end is heard of");
        taken.push(began.elapsed());
        assert!(there.sessions.find_cached(&ticket, HOST, SystemTime::now()).is_none());
        assert!(there.find(&ticket).await.is_none());
    }
    taken.sort_unstable();
    let (usual, longest) = (taken[taken.len() / 2], taken[taken.len() - 1]);
    eprintln!("an end was heard of after {usual:?}, at most {longest:?}");
    // The machine of a test may be too busy once or twice.
    assert!(usual < Duration::from_secs(1), "{usual:?}");
}

pub(crate) async fn a_block_on_one_replica_ends_sessions_on_the_others(place: Place) {
    let (one, other) = replicas(&place).await;
    let (_session, ticket) = one.sign_in().await;
    let held = other.find(&ticket).await.unwrap();
    // Also one that sleeps in the store alone.
    let (sleeping, asleep) = one.sign_in().await;
    drop(sleeping);
    let alice = Email::parse("alice@example.com").unwrap();
    assert!(one.sessions.block(&alice, SystemTime::now()).await.unwrap().is_new);
    timeout(PATIENCE, held.ended().cancelled()).await.expect("the block is heard of");
    for replica in [&one, &other, &Replica::on(&place).await] {
        assert!(replica.find(&ticket).await.is_none());
        assert!(replica.find(&asleep).await.is_none());
    }
    assert!(other.sessions.unblock(&alice, SystemTime::now()).await.unwrap());
    let (_session, ticket) = other.sign_in().await;
    assert!(one.find(&ticket).await.is_some());
}

pub(crate) async fn a_session_outlives_the_replica_it_began_on(place: Place) {
    let (one, other) = replicas(&place).await;
    let (session, ticket) = one.sign_in().await;
    let id = session.id().to_owned();
    drop((session, one));
    assert_eq!(other.find(&ticket).await.unwrap().id(), id);
    assert_eq!(Replica::on(&place).await.find(&ticket).await.unwrap().id(), id);
}
