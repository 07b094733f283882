//! Sessions in memory for the tests of this folder.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{LiveSession, MemoryStore, NewSession, Sessions, Tokens};

use super::operations::Operations;

pub(super) fn sessions() -> Arc<Sessions> {
    Arc::new(Sessions::new(Arc::new(MemoryStore::new()), [7; 32], Duration::from_secs(3600)))
}

pub(super) fn operations() -> Arc<Operations> {
    Arc::new(Operations::new(sessions()))
}

/// A session of somebody with this address.
pub(super) async fn begin(sessions: &Sessions, email: &str, now: SystemTime) -> Arc<LiveSession> {
    let new = NewSession {
        identity: Identity {
            subject: Subject { issuer: "https://idp.example".to_owned(), id: format!("id of {email}") },
            email: VerifiedEmail::Verified(Email::parse(email).unwrap()),
            name: None,
            groups: Groups::new(Vec::<String>::new()),
            claims: Claims::new(serde_json::Map::new()),
            authenticated_at: now,
        },
        provider: "oidc".to_owned(),
        tokens: Tokens { id_token: None, access_token: None, refresh_token: None },
        tokens_expire_at: None,
        browser: None,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: None,
    };
    sessions.begin(new, now).await.unwrap()
}
