//! Replicas are killed and come back while people work: nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Replicas;
use crate::harness::raw::{Raw, RawAnswer};
use crate::harness::setup::DOMAIN;
use crate::harness::stores::Store;

const PEOPLE: usize = 10;
const LASTING: Duration = Duration::from_secs(15);
/// Between two requests of one person.
const PAUSE: Duration = Duration::from_millis(20);
/// A browser asks again when its connection breaks, and a person once more: of several replicas one is always there, but
/// on this machine one is killed up to five times a second, and the next try may meet the next killing.
const TRIES: usize = 8;
const BETWEEN_TRIES: Duration = Duration::from_millis(25);

/// What one person's requests came to.
#[derive(Default)]
struct Tally {
    answered: AtomicUsize,
    again: AtomicUsize,
}

/// One request over a connection that is kept; a broken one is made anew, as browsers do for a GET.
async fn request(raw: &mut Option<Raw>, address: std::net::SocketAddr, bytes: &str, tally: &Tally) -> RawAnswer {
    for _ in 0..TRIES {
        let host = format!("app.{DOMAIN}");
        let mut connection = if let Some(connection) = raw.take() {
            connection
        } else {
            let made = Raw::try_tls(address, Some(&host), &["http/1.1"]).await;
            let Ok(connection) = made else {
                tally.again.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(BETWEEN_TRIES).await;
                continue;
            };
            connection
        };
        if connection.try_send(bytes).await.is_ok()
            && let Ok(answer) = connection.answer_to("GET").await
        {
            *raw = Some(connection);
            return answer;
        }
        tally.again.fetch_add(1, Ordering::Relaxed);
    }
    panic!("no answer after {TRIES} tries");
}

async fn nobody_notices(store: Store, count: usize) {
    let mut replicas = Replicas::start(count, store).await;
    let (stop, tally) = (Arc::new(AtomicBool::new(false)), Arc::new(Tally::default()));
    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let browser = replicas.browser_of(&format!("person-{number}@example.com")).await;
        let (bytes, address) = (replicas.request(&browser, "app", "/work"), replicas.balancer.address());
        let (stop, tally) = (Arc::clone(&stop), Arc::clone(&tally));
        // Half of them keep their connections, half come with a new one each time.
        let keeps = number % 2 == 0;
        people.push(tokio::spawn(async move {
            let mut raw = None;
            while !stop.load(Ordering::Relaxed) {
                if !keeps {
                    raw = None;
                }
                let answer = request(&mut raw, address, &bytes, &tally).await;
                assert_eq!(answer.status, 200, "person {number}: {:?} {}", answer.headers, answer.text());
                tally.answered.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
            }
        }));
    }
    let (began, mut killed) = (Instant::now(), 0);
    while began.elapsed() < LASTING {
        // Killed, and back before the next one is.
        let door = replicas.doors.remove(0);
        replicas.doors.push(door.restarted_after("KILL").await);
        killed += 1;
        if let Some(person) = people.iter().position(tokio::task::JoinHandle::is_finished) {
            people.swap_remove(person).await.unwrap();
        }
    }
    stop.store(true, Ordering::Relaxed);
    for person in people {
        person.await.unwrap();
    }
    let (answered, again) = (tally.answered.load(Ordering::Relaxed), tally.again.load(Ordering::Relaxed));
    eprintln!("{count} replicas, {killed} killed: {answered} requests answered with 200, {again} asked again");
    assert!(killed >= 2 && answered > PEOPLE * 10, "{killed} killed, {answered} answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_on_redis_are_killed_in_turn_and_nobody_is_signed_out() {
    let Some(store) = Store::redis() else { return };
    nobody_notices(store, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_on_postgres_are_killed_in_turn_and_nobody_is_signed_out() {
    let Some(store) = Store::postgres() else { return };
    nobody_notices(store, 3).await;
}
