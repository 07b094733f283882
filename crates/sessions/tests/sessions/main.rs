//! Sessions as the rest of Doorward sees them, over stores that misbehave.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attacks;
mod elsewhere;
mod ends;
mod handover;
mod idle;
mod lifecycle;
mod outage;
mod races;
mod recognise;
mod replicas;
mod secrets;
mod store;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{NewSession, Sessions, Token, Tokens};

use self::store::TestStore;

const LIFETIME: Duration = Duration::from_secs(14 * 60 * 60);

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn bob() -> NewSession {
    let mut new = alice();
    new.identity.subject.id = "bob-1".to_owned();
    new.identity.email = VerifiedEmail::Verified(Email::parse("bob@example.com").unwrap());
    new
}

fn alice() -> NewSession {
    let claims = serde_json::json!({ "department": "engineering", "level": 3 });
    NewSession {
        identity: Identity {
            subject: Subject { issuer: "https://idp.example".to_owned(), id: "alice-1".to_owned() },
            email: VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap()),
            name: Some("Alice Ünal".to_owned()),
            groups: Groups::new(["editors".to_owned(), "night shift".to_owned()]),
            claims: Claims::new(claims.as_object().unwrap().clone()),
            authenticated_at: at(0),
        },
        provider: "oidc".to_owned(),
        tokens: Tokens {
            id_token: Some(Token::new("id-token-text".to_owned())),
            access_token: None,
            refresh_token: Some(Token::new("refresh-token-text".to_owned())),
        },
        tokens_expire_at: None,
        browser: None,
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        user_agent: Some("a browser".to_owned()),
    }
}

fn sessions_over(store: &Arc<TestStore>) -> Sessions {
    Sessions::new(Arc::clone(store) as _, [7; 32], LIFETIME)
}

/// Sessions over a store that both the test and they can reach.
fn sessions() -> (Sessions, Arc<TestStore>) {
    let store = Arc::new(TestStore::default());
    (sessions_over(&store), store)
}
