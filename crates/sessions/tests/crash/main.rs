//! A process that is killed amid its writes, a hundred times over: what was answered is there, what was ended stays
//! ended, and what was half done expires.
//!
//! The process is this test program again, as `child`; it tells through a pipe what it tries and what was answered.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod child;
mod half_done;
mod ledger;
mod seed;
mod words;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{Expected, FileStore, NewSession, RecordKey, RecordKind, SessionStore as _, Sessions, Tokens};

use self::ledger::Ledger;
use self::seed::Seed;

const KILLS: usize = 100;
/// How many lines a process says before it is killed, at most.
const LINES: u64 = 160;
/// How long after that it is killed, at the latest, in microseconds.
const LATEST: u64 = 3_000;
/// More records than a file has that is small.
const MANY: u32 = 20_500;
/// How long the file may take to open after a kill: far more than it does, for a machine with much else to do.
const OPENS: Duration = Duration::from_secs(10);
const HOST: &str = "code.example.com";
const LIFETIME: Duration = Duration::from_secs(60 * 60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_kills_amid_writes_lose_nothing_answered_and_bring_nothing_back() {
    let seed = Seed::of_this_run();
    println!("to see this again as nearly as a kill allows: SEED={}", seed.0);
    let mut random = seed.numbers();
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("sessions.redb"), folder.path().join("copy.redb"));
    let (mut ledger, mut large) = (Ledger::default(), false);
    for kill in 0..KILLS {
        let (seed, lines, after) = (random.below(u64::MAX), random.below(LINES), random.below(LATEST));
        for line in words_until_killed(&path, seed, lines, Duration::from_micros(after)) {
            ledger.read(&line);
        }
        // Every other time the file is left for the next process to mend, as it was left by this one.
        let left = if kill % 2 == 0 { &path } else { &copy };
        if left == &copy {
            fs::copy(&path, &copy).unwrap();
        }
        let started = Instant::now();
        let store: Arc<FileStore> = Arc::new(FileStore::open(left).unwrap());
        assert!(started.elapsed() < OPENS, "opening after kill {kill} took {:?}", started.elapsed());
        ledger.settle_records(&*store).await;
        if left == &path && kill >= KILLS / 2 && !large {
            // From here on the file is one of those that are not read whole after a kill.
            fill(&store).await;
            large = true;
        }
        ledger.settle_sessions(&sessions_over(&store), kill % 10 == 9).await;
    }
    println!("{ledger:?}");
    assert!(ledger.is_telling(), "the processes did too little to prove anything: {ledger:?}");
}

/// Adds as many records as make the file a large one.
async fn fill(store: &FileStore) {
    for first in (0..MANY).step_by(500) {
        let keys = (first..first + 500).map(|number: u32| {
            let mut id = [0; 32];
            id[..4].copy_from_slice(&number.wrapping_mul(0x9e37_79b9).to_be_bytes());
            RecordKey { kind: RecordKind::Handover, id }
        });
        let put = async |key: RecordKey| store.put(&key, Expected::Absent, b"sealed", at(60), at(0)).await.unwrap();
        futures_util::future::join_all(keys.map(put)).await;
    }
}

/// Starts the process, kills it when it has said so many lines and a little later, and returns every line it finished.
fn words_until_killed(path: &Path, seed: u64, lines: u64, after: Duration) -> Vec<String> {
    let mut child = start(path, seed);
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = |into: &mut String| assert!(output.read_line(into).unwrap() > 0, "the process ended by itself");
    let mut said = String::new();
    while !said.ends_with(child::OPENED) {
        line(&mut said);
    }
    said.clear();
    for _ in 0..lines {
        line(&mut said);
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it ended before it was killed");
    output.read_to_string(&mut said).unwrap();
    let finished = said.rfind('\n').map_or("", |end| said.get(..end).unwrap());
    finished.lines().map(str::to_owned).collect()
}

fn start(path: &Path, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child::works_until_it_is_killed", "--ignored", "--nocapture"])
        .env(child::STORE, path)
        .env(child::SEED, seed.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn sessions_over(store: &Arc<FileStore>) -> Sessions {
    Sessions::new(Arc::clone(store) as _, [7; 32], LIFETIME)
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn alice() -> NewSession {
    NewSession {
        identity: Identity {
            subject: Subject { issuer: "https://idp.example".to_owned(), id: "alice-1".to_owned() },
            email: VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap()),
            name: None,
            groups: Groups::new(Vec::new()),
            claims: Claims::default(),
            authenticated_at: at(0),
        },
        provider: "oidc".to_owned(),
        tokens: Tokens::default(),
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        user_agent: None,
        tokens_expire_at: None,
        browser: None,
    }
}
