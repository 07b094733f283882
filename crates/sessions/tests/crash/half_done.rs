//! A process that ends between two steps leaves only what expires and is swept.

use std::sync::Arc;

use doorward_sessions::{FileStore, RecordKind, SessionStore as _};

use crate::{LIFETIME, alice, at, sessions_over};

/// How many records of each kind there are, expired or not.
async fn kept(store: &FileStore) -> [usize; 3] {
    let mut kept = [0; 3];
    for (kept, kind) in kept.iter_mut().zip([RecordKind::Session, RecordKind::Grant, RecordKind::Handover]) {
        *kept = store.list(kind, None, 1_000, std::time::UNIX_EPOCH).await.unwrap().len();
    }
    kept
}

/// Opens the store as a process finds it that starts after one was killed.
fn after_a_kill(path: &std::path::Path) -> Arc<FileStore> {
    let left = path.with_extension("left");
    std::fs::copy(path, &left).unwrap();
    Arc::new(FileStore::open(&left).unwrap())
}

#[tokio::test]
async fn a_session_begun_and_never_granted_opens_nothing_and_is_swept_with_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let store = Arc::new(FileStore::open(&path).unwrap());
    let sessions = sessions_over(&store);
    sessions.begin(alice(), at(0)).await.unwrap();
    let left = after_a_kill(&path);
    assert_eq!(kept(&left).await, [1, 0, 0], "nobody has a ticket to it");
    let expiry = at(0) + LIFETIME;
    assert_eq!(left.sweep(expiry - std::time::Duration::from_secs(1)).await.unwrap(), 0);
    assert_eq!(left.sweep(expiry).await.unwrap(), 2, "the session and its card");
    assert_eq!(kept(&left).await, [0, 0, 0]);
}

#[tokio::test]
async fn a_session_ended_before_its_tickets_are_gone_is_not_found_by_them_and_they_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let store = Arc::new(FileStore::open(&path).unwrap());
    let sessions = sessions_over(&store);
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let mut tickets = Vec::new();
    for host in ["a.example", "b.example"] {
        tickets.push((host, sessions.grant(&session, host, at(0)).await.unwrap().to_cookie_value()));
    }
    sessions.end(&session).await.unwrap();
    let left = after_a_kill(&path);
    let sessions = sessions_over(&left);
    for (host, ticket) in &tickets {
        assert!(sessions.find(ticket, host, at(1)).await.unwrap().is_none(), "{host}");
    }
    left.sweep(at(0) + LIFETIME).await.unwrap();
    assert_eq!(kept(&left).await, [0, 0, 0]);
}
