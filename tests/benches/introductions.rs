//! What telling an upstream of its visitor costs a request: nearly nothing, since a statement is signed once for a
//! session and host and then found again.
//!
//! Fails when finding one takes [`MOST`] or more, or when it takes no less than a tenth of signing one. One thread, its
//! CPU time, the best of several rounds.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a bench prints, and ends when it cannot")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_assertion::{Keyring, Signer, SigningKeys, Terms, Told, Visit};
use doorward_config::{Assertion, ClaimHeader};
use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 21;
/// Nanoseconds for one that is there.
const MOST: u128 = 2_000;
/// Sessions that ask in turn.
const SESSIONS: usize = 1_000;

fn main() -> ExitCode {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let keys = Arc::new(SigningKeys::of_ring(&Keyring::generate(now).unwrap()).unwrap());
    let department =
        ClaimHeader { header: "x-doorward-claim-department".parse().unwrap(), claim: "department".to_owned() };
    let settings = Assertion { claim_headers: vec![department], ..Assertion::default() };
    let signer = Signer::new(keys, &settings);
    let (who, terms) = (somebody(), Terms::default());
    let sessions: Vec<String> = (0..SESSIONS).map(|number| format!("{number:022}")).collect();
    let introduce = |session: &str, revision| {
        let told = Told { who: &who, session_id: session, terms: &terms };
        let visit = Visit { told, expires_at: now + Duration::from_secs(3600), revision };
        black_box(signer.introduce(&visit, "code.example.com", now).unwrap());
    };
    let mut revision = 0;
    let signing = best(100, |number| {
        revision += 1;
        introduce(sessions.get(number).unwrap(), revision);
    });
    for session in &sessions {
        introduce(session, 0);
    }
    let finding = best(SESSIONS, |number| introduce(sessions.get(number).unwrap(), 0));
    println!("a statement that is there: {finding} ns; one that is signed: {signing} ns");
    if finding < MOST && finding * 10 < signing { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Nanoseconds of CPU time for one, in the best round.
fn best(times: usize, mut once: impl FnMut(usize)) -> u128 {
    let round = |once: &mut dyn FnMut(usize)| {
        let begun = cpu_time();
        (0..times).for_each(once);
        cpu_time().saturating_sub(begun).as_nanos() / times as u128
    };
    (0..ROUNDS).map(|_| round(&mut once)).min().unwrap_or_default()
}

fn cpu_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}

fn somebody() -> Identity {
    Identity {
        subject: Subject { issuer: "https://idp.example".to_owned(), id: "248289761001".to_owned() },
        email: VerifiedEmail::Verified(Email::parse("alice@example.com").unwrap()),
        name: Some("Alice Example".to_owned()),
        groups: Groups::new(["developers", "staff", "night shift"].map(str::to_owned)),
        claims: Claims::new([("department".to_owned(), "R&D".into())].into_iter().collect()),
        authenticated_at: SystemTime::UNIX_EPOCH,
    }
}
