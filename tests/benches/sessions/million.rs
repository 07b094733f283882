//! What a million sessions take in the embedded store: room, time to start, time to find one, memory.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use doorward_sessions::{FileStore, Sessions};
use futures_util::{StreamExt as _, stream};

use super::process::{FILL, kill_amid_writes, memory};
use super::{HOST, at, open, person, runtime};

/// What opening the file may take, in milliseconds, after a clean end and after a kill.
const START: u64 = 2_000;
/// What a look-up may take that finds nothing in memory, in microseconds: the median, and 99 in a hundred.
const COLD: [u64; 2] = [1_000, 20_000];
/// What opening may take, in megabytes.
const OPENED: u64 = 64;
/// What a million look-ups of more sessions than are kept may add, in megabytes.
const LOOKED_UP: u64 = 600;
/// What a session and its grant may take on the disk, in bytes.
const ROOM: u64 = 12_000;
/// How many sign-ins are under way at once while the store is filled.
const AT_ONCE: usize = 2_000;
const COLD_LOOK_UPS: usize = 20_000;
const LOOK_UPS: usize = 1_000_000;
/// Coprime to every power of ten: look-ups visit all sessions, and none next to the one before.
const STRIDE: usize = 7_919;
const MEGA: u64 = 1_000_000;

/// A cookie's text.
type Text = [u8; 64];

/// Prints a table, and says which bars were missed.
pub(crate) fn measure(many: usize) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.redb");
    let mut table = Table::default();
    println!("\n{many} sessions, each with the ticket of one host, in the embedded store");
    let started = Instant::now();
    let tickets = filled_by_another_process(&path, many);
    let seconds = started.elapsed().as_secs().max(1);
    table.row("sign-ins a second while it was filled", many as u64 / seconds, None);
    let bytes = fs::metadata(&path).unwrap().len();
    table.row("the file, MB", bytes / MEGA, None);
    table.row("the file, bytes a session", bytes / many as u64, Some(ROOM));

    let before = memory();
    let started = Instant::now();
    let store = FileStore::open(&path).unwrap();
    table.row("opening it after a clean end, ms", millis(started), Some(START));
    table.row("memory that opening took, MB", grown(before), Some(OPENED));
    drop(store);
    kill_amid_writes(&path);
    let started = Instant::now();
    let store = FileStore::open(&path).unwrap();
    table.row("opening it after a kill amid writes, ms", millis(started), Some(START));
    drop(store);

    let sessions = open(&path);
    let mut cold = runtime().block_on(cold(&sessions, &tickets));
    cold.sort_unstable();
    let of_hundred = |part: usize| cold.get(cold.len() * part / 100).copied().unwrap();
    table.row("finding one that is not in memory, median, µs", of_hundred(50), Some(COLD[0]));
    table.row("finding one that is not in memory, 99th of 100, µs", of_hundred(99), Some(COLD[1]));
    let (before, started) = (memory(), Instant::now());
    runtime().block_on(look_up(&sessions, &tickets));
    table.row("a million look-ups of all of them, s", started.elapsed().as_secs(), None);
    table.row("memory that they added, MB", grown(before), Some(LOOKED_UP));
    runtime().block_on(sessions.sweep(at(0))).unwrap();
    table.row("and after the sweep that comes once a minute, MB", grown(before), Some(LOOKED_UP));
    table.failed
}

/// The tickets of so many people, signed in by a process of its own: what it leaves in memory is not measured.
fn filled_by_another_process(path: &Path, many: usize) -> Vec<Text> {
    let this = std::env::current_exe().unwrap();
    let done = Command::new(this).arg(FILL).arg(path).arg(many.to_string()).status().unwrap();
    assert!(done.success());
    let file = path.with_extension("tickets");
    let tickets: Vec<_> = fs::read(&file).unwrap().chunks(64).map(|text| Text::try_from(text).unwrap()).collect();
    fs::remove_file(file).unwrap();
    assert_eq!(tickets.len(), many);
    tickets
}

/// Signs so many people in, through the real code, and leaves their tickets beside the store.
pub(crate) fn fill(path: &Path, many: usize) {
    let sessions = open(path);
    let tickets: Vec<Text> = runtime().block_on(async {
        let sessions = &sessions;
        let sign_in = |number: usize| async move {
            // People do not all come in the same second.
            let now = at(number as u64 / 100);
            let session = sessions.begin(person(number), now).await.unwrap();
            let text = sessions.grant(&session, HOST, now).await.unwrap().to_cookie_value();
            Text::try_from(text.as_bytes()).unwrap()
        };
        stream::iter((0..many).map(sign_in)).buffer_unordered(AT_ONCE).collect().await
    });
    fs::write(path.with_extension("tickets"), tickets.concat()).unwrap();
}

/// Looks some up, one after the other; microseconds each.
async fn cold(sessions: &Sessions, tickets: &[Text]) -> Vec<u64> {
    let mut took = Vec::new();
    for number in 0..COLD_LOOK_UPS.min(tickets.len()) {
        let ticket = tickets.get(number * STRIDE % tickets.len()).unwrap();
        let started = Instant::now();
        assert!(sessions.find(text(ticket), HOST, late(tickets)).await.unwrap().is_some());
        took.push(started.elapsed().as_micros().try_into().unwrap());
    }
    took
}

/// A million look-ups, several at once.
async fn look_up(sessions: &Sessions, tickets: &[Text]) {
    let (done, now) = (AtomicUsize::new(0), late(tickets));
    let worker = || async {
        loop {
            let number = done.fetch_add(1, Ordering::Relaxed);
            if number >= LOOK_UPS {
                return;
            }
            let ticket = tickets.get(number * STRIDE % tickets.len()).unwrap();
            assert!(sessions.find(text(ticket), HOST, now).await.unwrap().is_some());
        }
    };
    futures_util::future::join_all((0..16).map(|_| worker())).await;
}

fn late(tickets: &[Text]) -> std::time::SystemTime {
    at(tickets.len() as u64 / 100 + 1)
}

fn text(ticket: &Text) -> &str {
    std::str::from_utf8(ticket).unwrap()
}

fn millis(since: Instant) -> u64 {
    since.elapsed().as_millis().try_into().unwrap()
}

/// Megabytes of memory taken since.
fn grown(since: u64) -> u64 {
    memory().saturating_sub(since) / MEGA
}

#[derive(Default)]
struct Table {
    failed: Vec<String>,
}

impl Table {
    fn row(&mut self, what: &str, value: u64, most: Option<u64>) {
        let bar = most.map_or_else(String::new, |most| format!("at most {most}"));
        println!("{what:<62}  {value:>12}  {bar}");
        if most.is_some_and(|most| value > most) {
            self.failed.push(format!("{what}: {value}, {bar}"));
        }
    }
}
