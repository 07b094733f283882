//! What asking for a session costs, and what a million of them take in the embedded store: `make bench`.
//!
//! Fails above the bars at the head of each module. `SESSIONS=50000` makes it a matter of seconds; the bars of size,
//! memory and start-up hold then as well. Refuses to measure anything that did not answer as it should.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a bench prints, and ends when it cannot")]

mod asking;
mod million;
mod process;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_identity::{Claims, Email, Groups, Identity, Subject, VerifiedEmail};
use doorward_sessions::{FileStore, NewSession, Sessions, Token, Tokens};

/// The host every ticket is for.
const HOST: &str = "code.example.com";
/// As long as sessions last unless configured otherwise.
const LIFETIME: Duration = Duration::from_secs(14 * 60 * 60);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [process::HOLD, path] => process::hold(Path::new(path)),
        [process::FILL, path, many] => {
            million::fill(Path::new(path), many.parse().unwrap());
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let many = std::env::var("SESSIONS").map_or(1_000_000, |many| many.parse().unwrap());
    // First, while this process has used no memory for anything else.
    let mut failed = million::measure(many);
    failed.extend(asking::measure());
    for failure in &failed {
        println!("FAILED: {failure}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The moment so many seconds after the bench's beginning of time.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

fn open(path: &Path) -> Sessions {
    Sessions::new(Arc::new(FileStore::open(path).unwrap()), [7; 32], LIFETIME)
}

/// A person as an OpenID provider tells of one: tokens of usual lengths, a few groups and claims.
fn person(number: usize) -> NewSession {
    let claims = serde_json::json!({ "department": "engineering", "locale": "en", "email_verified": true });
    let token = |length| Some(Token::new("t".repeat(length)));
    NewSession {
        tokens_expire_at: None,
        browser: None,
        identity: Identity {
            subject: Subject { issuer: "https://idp.example.com".into(), id: format!("person-{number}") },
            email: VerifiedEmail::Verified(Email::parse(&format!("person{number}@example.com")).unwrap()),
            name: Some("Somebody with a Name".to_owned()),
            groups: Groups::new(["editors".to_owned(), "night shift".to_owned(), "everybody".to_owned()]),
            claims: Claims::new(claims.as_object().unwrap().clone()),
            authenticated_at: at(0),
        },
        provider: "oidc".to_owned(),
        tokens: Tokens { id_token: token(800), access_token: token(300), refresh_token: token(200) },
        client: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned()),
    }
}
