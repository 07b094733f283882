//! What one check of a session costs: found in memory, unknown, malformed, expired, and read from the store.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use doorward_sessions::{FileStore, Sessions};
use rustix::time::{ClockId, clock_gettime};

use super::{HOST, LIFETIME, at, open, person, runtime};

const ROUNDS: usize = 21;
/// Sessions that are asked for in turn.
const MANY: usize = 20_000;
/// What a check that finds the session in memory may take, in nanoseconds of CPU time: a few times what it does, because
/// neighbours who take the cache are paid for here.
const HIT: u128 = 4_000;
/// What a check may take that reads the store, in nanoseconds on the clock.
const MISS: u128 = 1_000_000;

/// Prints a table, and says which bars were missed.
pub(crate) fn measure() -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let runtime = runtime();
    let tickets = runtime.block_on(tickets(&open(&path)));
    println!("One check of a session; medians of {ROUNDS} rounds over {MANY} tickets of one store");
    println!("{:<62}  {:>12}  allocations", "", "ns a check");
    let mut failed = Vec::new();
    let mut row = |what: &str, nanoseconds: u128, allocations: Option<u64>, most: u128| {
        let counted = allocations.map_or_else(|| "-".to_owned(), |count| count.to_string());
        println!("{what:<62}  {nanoseconds:>12}  {counted:>11}");
        if nanoseconds > most {
            failed.push(format!("{what}: more than {most} ns"));
        }
        if allocations.is_some_and(|count| count > 0) {
            failed.push(format!("{what}: {counted} allocations"));
        }
    };

    let store = Arc::new(FileStore::open(&path).unwrap());
    let fresh = || Sessions::new(Arc::clone(&store) as _, [7; 32], LIFETIME);
    let sessions = fresh();
    let now = at(1);
    let misses = (0..ROUNDS).map(|_| runtime.block_on(clocked(&fresh(), &tickets, now, true))).collect();
    let all: Vec<_> = runtime.block_on(async {
        let mut all = Vec::new();
        for ticket in &tickets {
            all.push(sessions.find(ticket, HOST, now).await.unwrap().unwrap());
        }
        all
    });
    let one = tickets.get(..1).unwrap();
    let in_memory = |tickets: &[String], now, found| {
        let check = || {
            for ticket in tickets.iter().cycle().take(MANY) {
                let session = black_box(sessions.find_cached(black_box(ticket), HOST, now));
                assert_eq!(session.is_some(), found);
            }
        };
        // First without counting: what comes late, such as the cache's housekeeping, is not the check's.
        check();
        let allocations = allocation_counter::measure(check).count_total;
        (median((0..ROUNDS).map(|_| used(check)).collect()), Some(allocations / MANY as u64))
    };
    let (cost, allocations) = in_memory(one, now, true);
    row("hit: the same person again and again (CPU)", cost, allocations, HIT);
    let (cost, allocations) = in_memory(&tickets, now, true);
    row("hit: everybody in turn (CPU)", cost, allocations, HIT);
    let late = now + LIFETIME;
    let (cost, allocations) = in_memory(&tickets, late, false);
    row("expired, as far as memory tells (CPU)", cost, allocations, HIT);
    let malformed = vec!["not a ticket, though of the length that one has: 64 characters!!".to_owned()];
    assert_eq!(malformed.first().unwrap().len(), 64);
    let rounds = |tickets: &[String], now| {
        median((0..ROUNDS).map(|_| runtime.block_on(clocked(&sessions, tickets, now, false))).collect())
    };
    row("malformed: nobody is asked", rounds(&malformed, now), None, HIT);
    let unknown: Vec<_> = tickets.iter().map(|ticket| ticket.chars().rev().collect()).collect();
    row("unknown: one read of the store finds nothing", rounds(&unknown, now), None, MISS);
    row("expired: memory, then one read of the store", rounds(&tickets, late), None, MISS);
    row("miss: grant, session and card are read and opened", median(misses), None, MISS);
    drop(all);
    failed
}

async fn tickets(sessions: &Sessions) -> Vec<String> {
    let one = |number| async move {
        let session = sessions.begin(person(number), at(0)).await.unwrap();
        sessions.grant(&session, HOST, at(0)).await.unwrap().to_cookie_value()
    };
    let mut tickets = Vec::new();
    for first in (0..MANY).step_by(500) {
        tickets.extend(futures_util::future::join_all((first..first + 500).map(one)).await);
    }
    tickets
}

/// Nanoseconds of this thread's CPU time that each of [`MANY`] checks takes.
fn used(checks: impl Fn()) -> u128 {
    let cpu = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap();
    let started = cpu();
    checks();
    cpu().saturating_sub(started).as_nanos() / MANY as u128
}

/// Nanoseconds on the clock that each of some checks takes, one after the other.
async fn clocked(sessions: &Sessions, tickets: &[String], now: SystemTime, found: bool) -> u128 {
    const CHECKS: usize = 1_000;
    let started = Instant::now();
    for ticket in tickets.iter().cycle().take(CHECKS) {
        let session = sessions.find(black_box(ticket), HOST, now).await.unwrap();
        assert_eq!(session.is_some(), found);
    }
    started.elapsed().as_nanos() / CHECKS as u128
}

fn median(mut of: Vec<u128>) -> u128 {
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap()
}
