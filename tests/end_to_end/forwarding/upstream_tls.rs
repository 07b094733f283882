//! Applications behind TLS: believed only with a certificate that proves them, and told apart in the log if not.

use crate::harness::authority::{Authority, Pair};
use crate::harness::browser::{Answer, Browser};
use crate::harness::doorward::Doorward;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

/// An authority that only some routes trust.
fn theirs() -> Authority {
    Authority::new("Their own")
}

/// Doorward before an application with this certificate, reached under a name; `authority` is trusted if given.
async fn before(pair: &Pair, host: &str, authority: Option<&Authority>, more: &str) -> (Upstream, Doorward) {
    let upstream = Upstream::with_tls(pair).await;
    let setup = Setup::new();
    let custom = authority.map(|authority| {
        let file = setup.file("their-authority.pem", &authority.pem());
        format!("tls_custom_ca_file: {}\n", file.display())
    });
    let keys = format!("{EVERYBODY}\n{}{more}", custom.unwrap_or_default());
    let door = setup.route("app", &upstream.url_as(host), &keys).start().await;
    (upstream, door)
}

async fn open(door: &Doorward) -> Answer {
    Browser::new().visit(&door.url("app", "/")).await
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_believed() {
    let authority = theirs();
    for (name, host) in [("localhost", "localhost"), ("127.0.0.1", "127.0.0.1")] {
        let (upstream, door) = before(&authority.issue(&[name]), host, Some(&authority), "").await;
        let answer = open(&door).await;
        assert_eq!(answer.status, 200, "{host}: {}\n{}", answer.text(), door.log.text());
        assert_eq!(upstream.last().header("x-forwarded-proto"), Some("https"));
    }
}

#[tokio::test]
async fn an_authority_may_be_trusted_by_all_routes_or_written_inline() {
    use base64::prelude::{BASE64_STANDARD, Engine};
    let authority = theirs();
    let upstream = Upstream::with_tls(&authority.issue(&["localhost"])).await;
    let setup = Setup::new();
    let file = setup.file("their-authority.pem", &authority.pem());
    let door = setup
        .with(&format!("certificate_authority_file: {}", file.display()))
        .route("app", &upstream.url_as("localhost"), EVERYBODY)
        .start()
        .await;
    assert_eq!(open(&door).await.status, 200, "{}", door.log.text());
    let inline = format!("{EVERYBODY}\ntls_custom_ca: {}", BASE64_STANDARD.encode(authority.pem()));
    let door = Setup::new().route("app", &upstream.url_as("localhost"), &inline).start().await;
    assert_eq!(open(&door).await.status, 200, "{}", door.log.text());
}

/// Holds that nobody gets through, that the page is clear but does not say too much, and that the log says why.
async fn assert_refused(pair: &Pair, host: &str, authority: Option<&Authority>, more: &str, reasons: &[&str]) {
    let (upstream, door) = before(pair, host, authority, more).await;
    let page = open(&door).await;
    assert_eq!(page.status, 502, "{}", page.text());
    assert!(page.text().contains("<h1>") && !page.text().contains(host), "{}", page.text());
    assert_eq!(upstream.arrived().len(), 0, "a request was sent to an application that is not who it should be");
    let said = |line: &str| {
        let line = line.to_lowercase();
        reasons.iter().all(|reason| line.contains(&reason.to_lowercase()))
    };
    door.log.wait_for_line(&format!("{reasons:?}"), said).await;
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused() {
    assert_refused(&theirs().issue(&["localhost"]), "localhost", None, "", &["certificate", "localhost"]).await;
    assert_refused(&theirs().issue(&["localhost"]), "localhost", Some(&theirs()), "", &["certificate"]).await;
}

#[tokio::test]
async fn a_certificate_with_another_name_is_refused() {
    let authority = theirs();
    let pair = authority.issue(&["other.example"]);
    assert_refused(&pair, "localhost", Some(&authority), "", &["certificate", "other.example"]).await;
}

#[tokio::test]
async fn a_certificate_that_ran_out_is_refused() {
    let authority = theirs();
    let pair = authority.issue_expired(&["localhost"]);
    assert_refused(&pair, "localhost", Some(&authority), "", &["certificate", "expired"]).await;
}

#[tokio::test]
async fn a_certificate_with_a_common_name_alone_is_refused_with_that_explanation() {
    let authority = theirs();
    let pair = authority.issue_common_name_only("localhost");
    assert_refused(&pair, "localhost", Some(&authority), "", &["common name", "subjectAltName"]).await;
}

#[tokio::test]
async fn an_application_without_tls_is_not_spoken_to_in_clear() {
    let upstream = Upstream::start().await;
    let door =
        Setup::new().route("app", &upstream.url_as("localhost").replace("http:", "https:"), EVERYBODY).start().await;
    assert_eq!(open(&door).await.status, 502);
    assert_eq!(upstream.arrived().len(), 0);
}

#[tokio::test]
async fn another_name_may_be_asked_for() {
    let authority = theirs();
    let pair = authority.issue(&["inside.example"]);
    let (_upstream, door) = before(&pair, "127.0.0.1", Some(&authority), "tls_server_name: inside.example").await;
    let answer = open(&door).await;
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), door.log.text());
    assert_refused(&pair, "127.0.0.1", Some(&authority), "tls_server_name: other.example", &["certificate"]).await;
}

#[tokio::test]
async fn any_certificate_will_do_where_that_was_asked_for() {
    let pair = theirs().issue_expired(&["other.example"]);
    let (_upstream, door) = before(&pair, "localhost", None, "tls_skip_verify: true").await;
    let answer = open(&door).await;
    assert_eq!(answer.status, 200, "{}\n{}", answer.text(), door.log.text());
}
