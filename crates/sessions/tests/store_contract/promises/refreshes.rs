//! What several Doorwards on one store promise to a provider that takes each refresh token once.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use doorward_identity::Groups;
use doorward_sessions::{Clock, Heard, Known, LiveSession, Refreshed, Renewed, Token, Tokens};

use super::sessions::{PATIENCE, Replica, replicas};
use crate::place::Place;

/// A provider that ends everything when a refresh token comes twice.
#[derive(Default)]
struct Provider {
    /// How many it has answered.
    answered: Mutex<usize>,
}

impl Provider {
    async fn ask(&self, known: Arc<Known>) -> Heard {
        let given = known.tokens.refresh_token.as_ref().map_or("", Token::expose).to_owned();
        let number = {
            let mut answered = self.answered.lock().unwrap();
            if given != format!("token-{answered}") {
                return Heard::Ended(format!("{given} was used before"));
            }
            *answered += 1;
            *answered
        };
        // Long enough for everybody else to come to the lease.
        tokio::time::sleep(Duration::from_millis(150)).await;
        let mut identity = known.identity.clone();
        identity.groups = Groups::new([format!("round-{number}")]);
        let refresh_token = Some(Token::new(format!("token-{number}")));
        let tokens = Tokens { refresh_token, ..Tokens::default() };
        Heard::Renewed(Box::new(Renewed { identity, tokens, tokens_expire_at: None }))
    }
}

fn groups(session: &LiveSession) -> Vec<String> {
    session.known().identity.groups.iter().map(str::to_owned).collect()
}

/// One round: everybody wants a refresh at once. Says how many had to ask.
async fn everybody_at_once(provider: &Arc<Provider>, held: &[(&Replica, &Arc<LiveSession>)]) -> usize {
    let clock: Clock = Arc::new(SystemTime::now);
    let wanted = (0..20).map(|number| {
        let (replica, session) = held[number % held.len()];
        let (sessions, session) = (Arc::clone(&replica.sessions), Arc::clone(session));
        let (provider, clock) = (Arc::clone(provider), Arc::clone(&clock));
        tokio::spawn(async move {
            sessions.refresh(&session, &clock, |known| async move { provider.ask(known).await }).await
        })
    });
    let mut renewed = 0;
    for outcome in futures_util::future::join_all(wanted).await {
        match outcome.unwrap() {
            Refreshed::Renewed => renewed += 1,
            other => assert!(matches!(other, Refreshed::Already), "{other:?}"),
        }
    }
    renewed
}

pub(crate) async fn a_refresh_token_is_used_once_by_all_replicas_together(place: Place) {
    let (one, other) = replicas(&place).await;
    let tokens = Tokens { refresh_token: Some(Token::new("token-0".to_owned())), ..Tokens::default() };
    let (session, ticket) = one.sign_in_with(tokens).await;
    let there = other.find(&ticket).await.unwrap();
    let provider = Arc::new(Provider::default());
    for round in 1..=3 {
        assert_eq!(everybody_at_once(&provider, &[(&one, &session), (&other, &there)]).await, 1, "round {round}");
        assert_eq!(*provider.answered.lock().unwrap(), round);
        let end = Instant::now() + PATIENCE;
        for held in [&session, &there] {
            while groups(held) != [format!("round-{round}")] {
                assert!(Instant::now() < end, "{:?}", groups(held));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    // One that starts only now goes on with the latest token.
    let third = Replica::on(&place).await;
    let late = third.find(&ticket).await.unwrap();
    assert_eq!(groups(&late), ["round-3"]);
    assert_eq!(everybody_at_once(&provider, &[(&third, &late)]).await, 1);
    assert!(!session.is_over(SystemTime::now()) && !there.is_over(SystemTime::now()));

    // And what the provider ends at one has ended at all.
    *provider.answered.lock().unwrap() = 100;
    let clock: Clock = Arc::new(SystemTime::now);
    let asking = Arc::clone(&provider);
    let outcome = third.sessions.refresh(&late, &clock, |known| async move { asking.ask(known).await }).await;
    assert!(matches!(outcome, Refreshed::Ended(_)), "{outcome:?}");
    for held in [&session, &there] {
        tokio::time::timeout(PATIENCE, held.ended().cancelled()).await.expect("the end is heard of");
    }
    assert!(Replica::on(&place).await.find(&ticket).await.is_none());
}
