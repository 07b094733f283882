//! What operators ask for, done: the same by the process that runs and by a command that opens the store itself.
//!
//! Refuses: to keep all sessions in memory at once; there may be a million.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use doorward_identity::Email;
use doorward_sessions::{SessionCard, Sessions, SessionsError};
use doorward_telemetry::{AuditEvent, audit};
use futures_util::{StreamExt as _, stream};

use super::protocol::{Answer, Ended, MOST_LISTED, Person, Request, Wanted, stamp};
use crate::commands::Failure;

/// How many sessions are ended at once: the store writes together what comes together.
const AT_ONCE: usize = 64;

/// Does what operators ask for, with these sessions. Whoever writes a log finds each deed in it.
pub(crate) struct Operations {
    sessions: Arc<Sessions>,
}

impl Operations {
    /// Operations on these sessions.
    pub(crate) fn new(sessions: Arc<Sessions>) -> Self {
        Self { sessions }
    }

    /// Does it. What goes wrong is an answer too.
    pub(crate) async fn perform(&self, request: &Request, now: SystemTime) -> Answer {
        let outcome = match request {
            Request::List { user, most } => self.list(user.as_deref(), (*most).min(MOST_LISTED), now).await,
            Request::Show { id } => self.show(id, now).await,
            Request::Revoke { wanted } => self.revoke(wanted, now).await,
            Request::Block { email } => self.block(email, now).await,
            Request::Unblock { email } => self.unblock(email, now).await,
            Request::Blocked {} => self.blocked(now).await,
        };
        outcome.unwrap_or_else(|error| failed(&error))
    }

    async fn list(&self, user: Option<&str>, most: usize, now: SystemTime) -> Result<Answer, SessionsError> {
        let (mut newest, mut total, mut after) = (Vec::new(), 0_usize, None);
        let sort = |cards: &mut Vec<SessionCard>| {
            cards.sort_by(|one, other| other.created_at.cmp(&one.created_at).then_with(|| one.id.cmp(&other.id)));
            cards.truncate(most);
        };
        loop {
            let (page, next) = self.sessions.some_cards(after, now).await?;
            let before = newest.len();
            newest.extend(page.into_iter().filter(|card| user.is_none_or(|user| is_of(card, user))));
            total = total.saturating_add(newest.len() - before);
            if newest.len() >= most.saturating_mul(2) {
                sort(&mut newest);
            }
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        sort(&mut newest);
        Ok(Answer::Sessions { sessions: newest.into_iter().map(Into::into).collect(), total })
    }

    async fn show(&self, id: &str, now: SystemTime) -> Result<Answer, SessionsError> {
        let mut after = None;
        loop {
            let (page, next) = self.sessions.some_cards(after, now).await?;
            if let Some(card) = page.into_iter().find(|card| card.id == id) {
                return Ok(Answer::Sessions { sessions: vec![card.into()], total: 1 });
            }
            match next {
                Some(next) => after = Some(next),
                None => return Ok(Answer::Sessions { sessions: Vec::new(), total: 0 }),
            }
        }
    }

    async fn revoke(&self, wanted: &Wanted, now: SystemTime) -> Result<Answer, SessionsError> {
        let mut unknown: BTreeSet<&str> = match wanted {
            Wanted::Ids(ids) => ids.iter().map(String::as_str).collect(),
            Wanted::Of(_) | Wanted::All => BTreeSet::new(),
        };
        let (mut ended, mut total, mut after) = (Vec::new(), 0_usize, None);
        loop {
            let (mut page, next) = self.sessions.some_cards(after, now).await?;
            page.retain(|card| match wanted {
                Wanted::Ids(_) => unknown.contains(card.id.as_str()),
                Wanted::Of(user) => is_of(card, user),
                Wanted::All => true,
            });
            for card in self.end(page, now).await? {
                unknown.remove(card.id.as_str());
                total = total.saturating_add(1);
                if ended.len() < MOST_LISTED {
                    ended.push(Ended::from(&card));
                }
            }
            match next {
                Some(next) if !matches!(wanted, Wanted::Ids(_)) || !unknown.is_empty() => after = Some(next),
                _ => break,
            }
        }
        Ok(Answer::Revoked { ended, total, unknown: unknown.into_iter().map(str::to_owned).collect() })
    }

    /// Ends sessions and says which of them were still there.
    async fn end(&self, cards: Vec<SessionCard>, now: SystemTime) -> Result<Vec<SessionCard>, SessionsError> {
        let mut ending = stream::iter(cards)
            .map(|card| async move { self.sessions.end_listed(&card, now).await.map(|was| was.then_some(card)) })
            .buffer_unordered(AT_ONCE);
        let (mut ended, mut outcome) = (Vec::new(), Ok(()));
        while let Some(end) = ending.next().await {
            match end {
                Ok(card) => ended.extend(card),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        tell(&ended, "an operator ended it");
        outcome.map(|()| ended)
    }

    async fn block(&self, email: &str, now: SystemTime) -> Result<Answer, SessionsError> {
        let Ok(email) = Email::parse(email) else { return Ok(no_address(email)) };
        let blocking = self.sessions.block(&email, now).await?;
        if blocking.is_new {
            audit(&AuditEvent::PersonBlocked { user: email.as_str() });
        }
        tell(&blocking.ended, "an operator blocked this person");
        let ended = blocking.ended.iter().map(Ended::from).collect();
        Ok(Answer::Blocked { is_new: blocking.is_new, ended })
    }

    async fn unblock(&self, email: &str, now: SystemTime) -> Result<Answer, SessionsError> {
        let Ok(email) = Email::parse(email) else { return Ok(no_address(email)) };
        let was_blocked = self.sessions.unblock(&email, now).await?;
        if was_blocked {
            audit(&AuditEvent::PersonUnblocked { user: email.as_str() });
        }
        Ok(Answer::Unblocked { was_blocked })
    }

    async fn blocked(&self, now: SystemTime) -> Result<Answer, SessionsError> {
        let people = self.sessions.blocked(now).await?;
        let people = people.into_iter().map(|person| Person { email: person.email, since: stamp(person.since) });
        Ok(Answer::People { people: people.collect() })
    }
}

/// Whether a session is of the person an operator names: by their address, or as lists show them.
fn is_of(card: &SessionCard, user: &str) -> bool {
    let same = |text: &str| text.to_lowercase() == user.to_lowercase();
    card.email.as_deref().is_some_and(same) || same(&card.user) || card.subject.id == user
}

fn tell(ended: &[SessionCard], reason: &str) {
    for card in ended {
        audit(&AuditEvent::SessionRevoked { user: &card.user, session: &card.id, reason });
    }
}

fn no_address(text: &str) -> Answer {
    Answer::Failed { message: format!("{text} is no e-mail address") }
}

fn failed(error: &SessionsError) -> Answer {
    let message = match Failure::of(error) {
        Failure::Said(message) => message,
        other => other.to_string(),
    };
    Answer::Failed { message }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::admin::stage::{begin, sessions};

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    async fn listed(operations: &Operations, user: Option<&str>, most: usize) -> (Vec<String>, usize) {
        let request = Request::List { user: user.map(str::to_owned), most };
        match operations.perform(&request, at(100)).await {
            Answer::Sessions { sessions, total } => (sessions.into_iter().map(|session| session.user).collect(), total),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn the_newest_are_listed_and_all_are_counted() {
        let sessions = sessions();
        for number in 0..20 {
            begin(&sessions, &format!("p{number}@example.com"), at(number)).await;
        }
        begin(&sessions, "p3@example.com", at(50)).await;
        let operations = Operations::new(sessions);
        let (users, total) = listed(&operations, None, 3).await;
        assert_eq!((users, total), (["p3", "p19", "p18"].map(|name| format!("{name}@example.com")).to_vec(), 21));
        for spelling in ["p3@example.com", "P3@Example.COM", "id of p3@example.com"] {
            assert_eq!(listed(&operations, Some(spelling), 10).await.1, 2, "{spelling}");
        }
        assert_eq!(listed(&operations, Some("p"), 10).await, (Vec::new(), 0));
        assert_eq!(listed(&operations, None, 0).await, (Vec::new(), 21));
    }

    #[tokio::test]
    async fn those_named_end_and_nobody_else() {
        let sessions = sessions();
        let (one, other) = (begin(&sessions, "a@x.test", at(0)).await, begin(&sessions, "b@x.test", at(0)).await);
        let operations = Operations::new(sessions);
        let ids = vec![one.id().to_owned(), "nonsense".to_owned(), one.id().to_owned()];
        let answer = operations.perform(&Request::Revoke { wanted: Wanted::Ids(ids.clone()) }, at(1)).await;
        let ended = Ended { id: one.id().to_owned(), user: "a@x.test".to_owned() };
        assert_eq!(answer, Answer::Revoked { ended: vec![ended], total: 1, unknown: vec!["nonsense".to_owned()] });
        assert!(one.is_over(at(1)) && !other.is_over(at(1)));
        let again = operations.perform(&Request::Revoke { wanted: Wanted::Ids(ids) }, at(1)).await;
        assert!(matches!(again, Answer::Revoked { total: 0, unknown, .. } if unknown.len() == 2));
    }

    #[tokio::test]
    async fn all_end_and_nobody_is_blocked() {
        let sessions = sessions();
        let mut begun = Vec::new();
        for number in 0..600 {
            begun.push(begin(&sessions, &format!("p{number}@example.com"), at(0)).await);
        }
        let operations = Operations::new(Arc::clone(&sessions));
        let answer = operations.perform(&Request::Revoke { wanted: Wanted::All }, at(1)).await;
        assert!(matches!(answer, Answer::Revoked { total: 600, .. }), "{answer:?}");
        assert!(begun.iter().all(|session| session.is_over(at(1))));
        assert_eq!(operations.perform(&Request::Blocked {}, at(1)).await, Answer::People { people: Vec::new() });
        begin(&sessions, "p1@example.com", at(2)).await;
    }

    #[tokio::test]
    async fn a_block_ends_what_there_is_and_says_so_once() {
        let sessions = sessions();
        let theirs = begin(&sessions, "eve@example.com", at(0)).await;
        let other = begin(&sessions, "bob@example.com", at(0)).await;
        let operations = Operations::new(sessions);
        let block = Request::Block { email: "EVE@example.com".to_owned() };
        let ended = vec![Ended { id: theirs.id().to_owned(), user: "eve@example.com".to_owned() }];
        assert_eq!(operations.perform(&block, at(1)).await, Answer::Blocked { is_new: true, ended });
        assert!(theirs.is_over(at(1)) && !other.is_over(at(1)));
        assert_eq!(operations.perform(&block, at(2)).await, Answer::Blocked { is_new: false, ended: Vec::new() });
        let people = vec![Person { email: "eve@example.com".to_owned(), since: stamp(at(1)) }];
        assert_eq!(operations.perform(&Request::Blocked {}, at(3)).await, Answer::People { people });
        let unblock = Request::Unblock { email: "eve@Example.com".to_owned() };
        assert_eq!(operations.perform(&unblock, at(4)).await, Answer::Unblocked { was_blocked: true });
        assert_eq!(operations.perform(&unblock, at(4)).await, Answer::Unblocked { was_blocked: false });
        let nobody = Request::Block { email: "eve".to_owned() };
        assert!(matches!(operations.perform(&nobody, at(5)).await, Answer::Failed { .. }));
    }
}
