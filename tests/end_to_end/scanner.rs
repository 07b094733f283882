//! A recognised scanner of TLS (testssl.sh) looks at the running program and finds nothing.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::harness::counterpart::of_the_system;
use crate::harness::doorward::Doorward;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::skip;
use crate::harness::upstream::Upstream;

/// It makes some thousand handshakes, one after the other.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// What it is to look for: protocols, categories of ciphers, forward secrecy, the server's own preferences, every
/// vulnerability it knows.
const CHECKS: [&str; 5] = ["--protocols", "--std", "--pfs", "--server-preference", "--vulnerable"];

/// What it says of anything that has no fault, or that is only told.
const HARMLESS: [&str; 4] = ["OK", "INFO", "LOW", "DEBUG"];

#[tokio::test]
async fn a_scanner_finds_no_weakness_of_tls() {
    let scanner = of_the_system("testssl").zip(of_the_system("openssl")).zip(of_the_system("hexdump"));
    let Some(((scanner, _), _)) = scanner else {
        skip("the TLS scanner is not installed: scripts/install.sh scanner");
        return;
    };
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates().route("app", &upstream.url(), EVERYBODY);
    // Some of its checks send no name (RFC 6066 §3), and would find nobody at home.
    let nameless = format!("  - from: https://127.0.0.1:{}\n    to: {}\n    {EVERYBODY}\n", setup.port, upstream.url());
    std::fs::write(setup.config_file(), setup.yaml() + &nameless).unwrap();
    let door = Doorward::start(setup).await;
    let found = door.setup.folder().join("findings.json");
    let (port, file) = (door.setup.port, found.clone());
    let running = tokio::task::spawn_blocking(move || scan(&scanner, port, &file));
    let said = tokio::time::timeout(PATIENCE, running).await.expect("the scanner ended").unwrap();
    let text = String::from_utf8_lossy(&said.stdout);

    let findings: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&found).expect(&text)).expect(&text);
    // It was all there and spoken to: a scan that reached nobody finds nothing either.
    for (id, expected) in [
        ("TLS1_2", "offered"),
        ("TLS1_3", "offered"),
        ("cipherlist_STRONG", "offered"),
        ("cipherlist_AVERAGE", "not offered"),
        ("cipherlist_3DES_IDEA", "not offered"),
        ("heartbleed", "not vulnerable"),
        ("secure_renego", "supported"),
        ("ticketbleed", "not vulnerable"),
    ] {
        let finding = findings.iter().find(|finding| finding["id"] == id);
        let finding = finding.and_then(|finding| finding["finding"].as_str()).unwrap_or_default();
        assert!(finding.starts_with(expected), "{id}: {finding:?}\n{text}");
    }
    let harmful: Vec<&Value> = findings.iter().filter(|finding| is_harmful(finding)).collect();
    assert!(harmful.is_empty(), "{harmful:#?}\n{text}");
}

/// `WARN` is about the scan: something could not be looked at, as when the scanner's own OpenSSL is too new for it.
fn is_harmful(finding: &Value) -> bool {
    let severity = finding["severity"].as_str().unwrap_or_default();
    severity != "WARN" && !HARMLESS.contains(&severity)
}

fn scan(scanner: &Path, port: u16, file: &Path) -> Output {
    Command::new("timeout")
        .arg(PATIENCE.as_secs().to_string())
        .arg(scanner)
        .args(CHECKS)
        // Nothing leaves this machine: no look-ups, no revocation lists.
        .args(["--quiet", "--warnings=off", "--color=0", "--nodns=none", "--ip=127.0.0.1"])
        .arg("--jsonfile")
        .arg(file)
        .arg(format!("app.example.test:{port}"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .unwrap()
}
