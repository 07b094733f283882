use std::net::{IpAddr, Ipv4Addr};

use doorward_identity::{Claims, Groups, Identity, Subject, VerifiedEmail};

use super::*;
use crate::live::{Begun, Known, Standing};
use crate::record::{SessionId, SessionRecord};
use crate::{BrowserId, Limits, Secret32, Tokens, Version};

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn session() -> LiveSession {
    let record = SessionRecord {
        known: Known {
            identity: Identity {
                subject: Subject { issuer: "https://idp.example".into(), id: "1".into() },
                email: VerifiedEmail::Absent,
                name: None,
                groups: Groups::default(),
                claims: Claims::default(),
                authenticated_at: at(0),
            },
            tokens: Tokens::default(),
            revision: 1,
            refreshed_at: at(0),
            tokens_expire_at: None,
        },
        begun: Begun {
            provider: "p".into(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            user_agent: None,
            created_at: at(0),
            expires_at: at(3600),
            browser: BrowserId::random().unwrap(),
        },
    };
    let standing = Standing {
        last_seen: at(0),
        seen_here: true,
        verified_at: at(0),
        version: Version(1),
        card_version: Version(1),
        size: 0,
    };
    let limits = Arc::new(crate::limits::SharedLimits::new(Limits::from(Duration::from_secs(3600))));
    LiveSession::new(SessionId::random().unwrap(), Secret32::random().unwrap(), record, &standing, limits)
}

#[test]
fn a_hundred_thousand_sessions_that_nobody_holds_take_the_room_of_a_few() {
    let registry = Registry::default();
    let held: Vec<_> = (0..100).map(|_| registry.admit(session()).unwrap()).collect();
    let mut most = 0;
    for _ in 0..100_000 {
        registry.admit(session()).unwrap();
        most = most.max(registry.len());
    }
    assert!(most <= FEW + 100, "{most} entries at once");
    for session in held {
        assert!(matches!(registry.find(session.name()), Found::Alive(_)));
    }
}

#[test]
fn an_end_is_remembered_until_the_session_would_have_expired_and_never_shorter_than_said_before() {
    let registry = Registry::default();
    let (ended, again) = (session(), session());
    let name = *ended.name();
    registry.end(&ended);
    registry.end_named(&name, at(60));
    registry.note_told(&name, at(1));
    registry.sweep(at(3599));
    assert!(matches!(registry.find(&name), Found::Ended));
    assert!(registry.admit(ended).is_none(), "it does not come back");
    registry.sweep(at(3600));
    assert!(matches!(registry.find(&name), Found::Unknown));
    assert!(registry.admit(again).is_some());
}

#[test]
fn beyond_a_bound_ends_the_store_knows_of_are_forgotten_first_and_others_never() {
    let registry = Registry::default();
    let name = |number: usize| {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&number.to_be_bytes());
        RecordKey { kind: crate::RecordKind::Session, id }
    };
    for number in 0..MOST_ENDED + 50 {
        registry.end_named(&name(number), at(3600));
        if number >= 10 {
            registry.note_told(&name(number), at(0));
        }
    }
    registry.sweep(at(59));
    assert_eq!(registry.len(), MOST_ENDED + 50, "a look-up may still be under way");
    registry.sweep(at(60));
    assert_eq!(registry.len(), MOST_ENDED);
    for number in 0..10 {
        assert!(matches!(registry.find(&name(number)), Found::Ended), "the store does not know of it yet");
    }
}
