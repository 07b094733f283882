//! Sessions that end while they are being looked up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{alice, at, sessions};

#[tokio::test]
async fn a_session_that_ends_while_it_is_read_is_not_returned() {
    let (sessions, store) = sessions();
    let sessions = Arc::new(sessions);
    let session = sessions.begin(alice(), at(0)).await.unwrap();
    let here = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
    let there = sessions.grant(&session, "b.example", at(0)).await.unwrap().to_cookie_value();
    drop(session);

    // Both look-ups have the record in hand and stand still.
    store.session_reads.forget_permits(usize::MAX >> 4);
    let look_up = |ticket: &str, host: &'static str| {
        let (sessions, ticket) = (Arc::clone(&sessions), ticket.to_owned());
        tokio::spawn(async move { sessions.find(&ticket, host, at(1)).await.unwrap() })
    };
    let slow = look_up(&here, "a.example");
    store.standing.acquire().await.unwrap().forget();
    let quick = look_up(&there, "b.example");
    store.standing.acquire().await.unwrap().forget();
    store.session_reads.add_permits(1);
    // Semaphores are fair, so the one that stood first goes on; it is the one that ends the session.
    let session = slow.await.unwrap().expect("alive so far");
    sessions.end(&session).await.unwrap();
    drop(session);
    store.session_reads.add_permits(1);
    assert!(quick.await.unwrap().is_none(), "read before the end, answered after it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_look_up_that_starts_after_the_end_finds_the_session() {
    let (sessions, _) = sessions();
    let sessions = Arc::new(sessions);
    for round in 0..200 {
        let session = sessions.begin(alice(), at(0)).await.unwrap();
        let ticket = sessions.grant(&session, "a.example", at(0)).await.unwrap().to_cookie_value();
        drop(session);
        let ended = Arc::new(AtomicBool::new(false));
        let seekers: Vec<_> = (0..6)
            .map(|number| {
                let (sessions, ticket, ended) = (Arc::clone(&sessions), ticket.clone(), Arc::clone(&ended));
                tokio::spawn(async move {
                    let mut held = Vec::new();
                    loop {
                        let over = ended.load(Ordering::SeqCst);
                        let found = match number % 2 {
                            0 => sessions.find_cached(&ticket, "a.example", at(1)),
                            _ => sessions.find(&ticket, "a.example", at(1)).await.unwrap(),
                        };
                        if over {
                            assert!(found.is_none(), "found after the end");
                            return held;
                        }
                        if held.len() < 100 {
                            held.extend(found);
                        }
                        tokio::task::yield_now().await;
                    }
                })
            })
            .collect();
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        let session = sessions.find(&ticket, "a.example", at(1)).await.unwrap().unwrap();
        sessions.end(&session).await.unwrap();
        ended.store(true, Ordering::SeqCst);
        for seeker in seekers {
            for held in seeker.await.unwrap() {
                assert!(Arc::ptr_eq(&held, &session), "one session, however many find it at once");
                assert!(held.is_over(at(1)));
            }
        }
    }
}
