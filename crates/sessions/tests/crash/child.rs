//! The process that is killed: several tasks that write, replace, remove, sweep, begin and end without a pause.

use std::collections::VecDeque;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use doorward_sessions::{Expected, FileStore, Put, SessionStore as _, Sessions, Version};

use crate::seed::{Numbers, Seed};
use crate::words::{Word, bytes, key};
use crate::{HOST, alice, at, sessions_over};

/// The variable that names the file.
pub(crate) const STORE: &str = "DOORWARD_TEST_STORE";
/// The variable that says what is done in which order.
pub(crate) const SEED: &str = "DOORWARD_TEST_SEED";
/// Said once the store is open.
pub(crate) const OPENED: &str = "the store is open\n";

/// How many tasks there are, each with names of its own.
const TASKS: u8 = 6;
const NAMES_EACH: u8 = 30;
/// How many sessions a task leaves alive.
const ALIVE: usize = 1;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "it is the process that another test starts and kills"]
async fn works_until_it_is_killed() {
    let Some(path) = std::env::var_os(STORE) else { return };
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let store = Arc::new(FileStore::open(Path::new(&path)).unwrap());
    say(OPENED);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let random = Seed(seed ^ u64::from(task)).numbers();
        tasks.spawn(write_and_remove(Arc::clone(&store), task * NAMES_EACH, random));
        tasks.spawn(begin_and_end(sessions_over(&store)));
    }
    tasks.spawn(expire_and_sweep(Arc::clone(&store), TASKS * NAMES_EACH));
    tasks.join_next().await.unwrap().unwrap();
}

/// Writes and removes records of names that no other task has, each time as what it knows of them demands.
async fn write_and_remove(store: Arc<FileStore>, first: u8, mut random: Numbers) {
    let mut versions: Vec<Option<Version>> = Vec::new();
    for name in first..first + NAMES_EACH {
        versions.push(store.get(&key(name), at(0)).await.unwrap().map(|stored| stored.version));
    }
    loop {
        let place = u8::try_from(random.below(NAMES_EACH.into())).unwrap();
        let (name, version) = (first + place, versions.get_mut(usize::from(place)).unwrap());
        match *version {
            Some(present) if random.below(3) == 0 => {
                tell(&Word::Removing { name });
                assert!(store.remove_if(&key(name), Expected::Version(present)).await.unwrap());
                tell(&Word::Removed { name });
                *version = None;
            }
            present => {
                let expected = present.map_or(Expected::Absent, Expected::Version);
                // What conflicts is given up together with nothing else.
                let wrong = if present.is_some() { Expected::Absent } else { Expected::Version(Version(9)) };
                assert_eq!(store.put(&key(name), wrong, &[0], at(60), at(0)).await.unwrap(), Put::Conflict);
                let content = random.below(u64::MAX);
                tell(&Word::Writing { name, content });
                let put = store.put(&key(name), expected, &bytes(content), at(60), at(0)).await.unwrap();
                let Put::Stored(now) = put else { panic!("{name} was not as it had been") };
                tell(&Word::Written { name, version: now.0 });
                *version = Some(now);
            }
        }
    }
}

/// Writes a record that expires early, and sweeps.
async fn expire_and_sweep(store: Arc<FileStore>, name: u8) {
    loop {
        let content = 100;
        tell(&Word::Writing { name, content });
        let put = store.put(&key(name), Expected::Any, &bytes(content), at(10), at(0)).await.unwrap();
        let Put::Stored(version) = put else { panic!("{name}: anything was expected") };
        tell(&Word::Written { name, version: version.0 });
        tell(&Word::Removing { name });
        assert!(store.sweep(at(20)).await.unwrap() > 0);
        tell(&Word::Removed { name });
    }
}

/// Begins sessions, and ends the oldest when there are enough.
async fn begin_and_end(sessions: Sessions) {
    let mut alive = VecDeque::new();
    loop {
        let session = sessions.begin(alice(), at(0)).await.unwrap();
        let ticket = sessions.grant(&session, HOST, at(0)).await.unwrap().to_cookie_value();
        tell(&Word::Granted { ticket: ticket.clone() });
        alive.push_back((session, ticket));
        if alive.len() > ALIVE {
            let (session, ticket) = alive.pop_front().unwrap();
            tell(&Word::Ending { ticket: ticket.clone() });
            sessions.end(&session).await.unwrap();
            tell(&Word::Ended { ticket });
        }
    }
}

fn tell(word: &Word) {
    say(&word.to_line());
}

/// One write for each line: a kill comes between lines, or within the last.
fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    output.write_all(line.as_bytes()).unwrap();
    output.flush().unwrap();
}
