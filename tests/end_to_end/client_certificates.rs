//! Visitors' certificates (mutual TLS): who is let in, what upstreams hear of it, and that no identity follows a
//! connection or a session to another host.

use crate::harness::authority::{Authority, Pair};
use crate::harness::doorward::{Doorward, command_in};
use crate::harness::raw::{Raw, RawAnswer};
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::tls::Undemanding;
use crate::harness::upstream::Upstream;

const TOLD: &str = "allow_public_unauthenticated_access: true\nset_request_headers:\n  \
                    X-Print: ${pomerium.client_cert_fingerprint}\n  X-Mail: ${pomerium.client_cert_san_email}";

fn client(pair: Option<&Pair>) -> rustls::ClientConfig {
    let client = Undemanding::new(&["http/1.1"], rustls::ALL_VERSIONS);
    match pair {
        Some(pair) => client.showing(pair).config,
        None => client.config,
    }
}

async fn asked(door: &Doorward, sni: &str, host: &str, config: rustls::ClientConfig) -> std::io::Result<RawAnswer> {
    let mut raw = Raw::tls_like(door.setup.address(), &format!("{sni}.example.test"), config).await?;
    let authority = door.authority(host);
    let head =
        format!("GET / HTTP/1.1\r\nHost: {authority}\r\nAccept: application/json\r\nX-Mail: forged@example.com\r\n");
    raw.try_send(format!("{head}Connection: close\r\n\r\n")).await?;
    raw.answer_to("GET").await
}

async fn guarded(ours: &Authority, more: &str) -> (Upstream, Doorward) {
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let file = setup.file("clients.pem", &ours.pem());
    let setup = setup.with(&format!("downstream_mtls:\n  ca_file: {}\n{more}", file.display()));
    let door = setup.route("app", &upstream.url(), TOLD).route("other", &upstream.url(), TOLD).start().await;
    (upstream, door)
}

#[tokio::test]
async fn only_a_certificate_of_the_authority_opens_the_door() {
    let (ours, theirs) = (Authority::new("Ours"), Authority::new("Ours"));
    let (upstream, door) = guarded(&ours, "").await;
    let answer = asked(&door, "app", "app", client(None)).await.unwrap();
    assert_eq!(answer.status, 403);
    assert!(answer.text().contains("client-certificate-required"), "{}", answer.text());
    for wrong in [theirs.issue_client("you@example.com"), ours.issue(&["you.example.com"])] {
        let answer = asked(&door, "app", "app", client(Some(&wrong))).await.unwrap();
        assert_eq!(answer.status, 403);
        assert!(answer.text().contains("invalid-client-certificate"), "{}", answer.text());
    }
    assert!(upstream.arrived().is_empty());
    let right = ours.issue_client("you@example.com");
    assert_eq!(asked(&door, "app", "app", client(Some(&right))).await.unwrap().status, 200);
    let arrived = upstream.last();
    assert_eq!(arrived.all("x-mail"), ["you@example.com"]);
    assert_eq!(arrived.header("x-print").map(str::len), Some(64));
}

#[tokio::test]
async fn names_may_be_asked_for() {
    let ours = Authority::new("Ours");
    let (_upstream, door) = guarded(&ours, "  match_subject_alt_names:\n    - email: \"(you|me)@example.com\"\n").await;
    for (email, status) in [("you@example.com", 200), ("eve@example.com", 403), ("you@example.com.evil.test", 403)] {
        let pair = ours.issue_client(email);
        assert_eq!(asked(&door, "app", "app", client(Some(&pair))).await.unwrap().status, status, "{email}");
    }
}

#[tokio::test]
async fn rejecting_connections_leaves_nothing_to_ask() {
    let ours = Authority::new("Ours");
    let (_upstream, door) = guarded(&ours, "  enforcement: reject_connection\n").await;
    assert!(asked(&door, "app", "app", client(None)).await.is_err());
    let wrong = Authority::new("Theirs").issue_client("you@example.com");
    assert!(asked(&door, "app", "app", client(Some(&wrong))).await.is_err());
    let right = ours.issue_client("you@example.com");
    assert_eq!(asked(&door, "app", "app", client(Some(&right))).await.unwrap().status, 200);
}

#[tokio::test]
async fn an_identity_stays_with_its_host() {
    let (ours, theirs) = (Authority::new("Ours"), Authority::new("Theirs"));
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let (our_file, their_file) = (setup.file("ours.pem", &ours.pem()), setup.file("theirs.pem", &theirs.pem()));
    let setup = setup.with(&format!("downstream_mtls:\n  ca_file: {}\n", our_file.display()));
    let other = format!("{EVERYBODY}\ntls_downstream_client_ca_file: {}", their_file.display());
    let door = setup.route("app", &upstream.url(), EVERYBODY).route("other", &upstream.url(), &other).start().await;
    let config = client(Some(&ours.issue_client("you@example.com")));
    assert_eq!(asked(&door, "app", "app", config.clone()).await.unwrap().status, 200);
    // Neither by a Host other than the name of the handshake, nor by the session that was kept.
    assert_eq!(asked(&door, "app", "other", config.clone()).await.unwrap().status, 421);
    assert_eq!(asked(&door, "other", "other", config.clone()).await.unwrap().status, 403);
    assert_eq!(asked(&door, "app", "app", config).await.unwrap().status, 200);
}

#[tokio::test]
async fn what_an_authority_took_back_ends_with_a_reload() {
    let (ours, replaced) = (Authority::new("Ours"), Authority::new("Replaced"));
    let (_upstream, door) = guarded(&ours, "").await;
    let config = client(Some(&ours.issue_client("you@example.com")));
    assert_eq!(asked(&door, "app", "app", config.clone()).await.unwrap().status, 200);
    door.setup.file("clients.pem", &replaced.pem());
    door.signal("HUP");
    crate::harness::eventually("the other authority", || async {
        asked(&door, "app", "app", config.clone()).await.is_ok_and(|answer| answer.status == 403)
    })
    .await;
}

#[tokio::test]
async fn a_missing_or_empty_authority_refuses_to_start() {
    let upstream = Upstream::start().await;
    let setup = Setup::new();
    let empty = setup.file("empty.pem", "");
    let missing = setup.folder().join("missing.pem");
    for file in [empty, missing] {
        let setup = Setup::new().with(&format!("downstream_mtls:\n  ca_file: {}\n", file.display()));
        let setup = setup.route("app", &upstream.url(), EVERYBODY);
        let written = setup.write();
        let said = command_in(setup.folder(), &["check", written.to_str().unwrap()]).await;
        assert_ne!(said.code, Some(0), "{said:?}");
        assert!(said.err.contains("ca_file") || said.out.contains("ca_file"), "{said:?}");
    }
}
