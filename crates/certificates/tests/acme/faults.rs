//! The authority away, forgetful, or not convinced; the server ended in the middle.

use std::sync::atomic::Ordering;
use std::time::Duration;

use doorward_certificates::{OrderState, Pace};
use doorward_config::ChallengeKind::{Http01, TlsAlpn01};
use doorward_hygiene::HostPattern;

use crate::pebble::{Options, Pebble};
use crate::server::{PACE, Running, Server, acme};

fn ports(server: &Server) -> Options {
    Options { http_port: server.http_port, tls_port: server.tls_port, ..Options::default() }
}

/// So patient that a second attempt is never made while a test runs.
const PATIENT: Pace = Pace { first_retry: Duration::from_secs(3600), longest_retry: Duration::from_secs(7200), ..PACE };

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_that_is_away_is_waited_for_and_says_so_in_the_report() {
    let server = Server::start().await;
    let Some(mut pebble) = Pebble::prepare(ports(&server)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let running = Running::new(acme(&pebble, folder.path(), &["a.example.com"], &[Http01]), PACE);
    server.answers_for(&running.manager);
    let running = running.start();
    let report = running.until("a.example.com", |report| report.failures >= 2).await;
    let said = report.last_error.unwrap();
    assert!(report.state == OrderState::Failing && said.contains("cannot be reached"), "{said}");
    pebble.up();
    running.until_valid("a.example.com").await;
    assert_eq!(running.report("a.example.com").failures, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_was_forgotten_is_made_anew() {
    let server = Server::start().await;
    let Some(mut pebble) = Pebble::start(ports(&server)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let running = Running::new(acme(&pebble, folder.path(), &["a.example.com"], &[Http01]), PACE);
    server.answers_for(&running.manager);
    let running = running.start();
    running.until_valid("a.example.com").await;
    pebble.down();
    pebble.up();
    running.manager.renew_now(&HostPattern::parse("a.example.com").unwrap()).await.unwrap();
    while running.manager.renewals() < 2 {
        let report = running.report("a.example.com");
        assert!(report.failures == 0, "{report:?}");
        tokio::time::sleep(PACE.poll).await;
    }
    assert_eq!(pebble.accounts(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_failed_is_remembered_over_a_restart() {
    let server = Server::start().await;
    let Some(pebble) = Pebble::start(ports(&server)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = acme(&pebble, folder.path(), &["a.example.com"], &[TlsAlpn01, Http01]);
    server.tls_broken.store(true, Ordering::SeqCst);
    server.http_broken.store(true, Ordering::SeqCst);
    let running = Running::new(settings.clone(), PATIENT);
    server.answers_for(&running.manager);
    let running = running.start();
    let report = running.until("a.example.com", |report| report.state == OrderState::Failing).await;
    let said = report.last_error.clone().unwrap();
    assert!(said.contains("tls-alpn-01: ") && said.contains("http-01: "), "{said}");
    assert!(report.next_attempt.is_some());
    drop(running);
    let asked = server.http_asked.load(Ordering::SeqCst);
    let orders = pebble.log().matches("/order-plz").count();
    for _ in 0..3 {
        let again = Running::new(settings.clone(), PATIENT).start();
        let report = again.report("a.example.com");
        assert_eq!(
            (report.state, report.failures, report.last_error.as_deref()),
            (OrderState::Failing, 1, Some(&*said))
        );
        tokio::time::sleep(PACE.poll * 5).await;
    }
    assert_eq!(server.http_asked.load(Ordering::SeqCst), asked, "the authority was not bothered again");
    assert_eq!(pebble.log().matches("/order-plz").count(), orders);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_gone_on_with_after_the_server_ended_in_its_middle() {
    let server = Server::start().await;
    let Some(pebble) = Pebble::start(ports(&server)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = acme(&pebble, folder.path(), &["a.example.com"], &[Http01]);
    let first = Running::new(settings.clone(), PATIENT).start();
    // Nobody answers the challenge for this one: the authority asks a server that does not know the manager.
    let kept = folder.path().join("attempts/a.example.com.json");
    let order = loop {
        let text = std::fs::read_to_string(&kept).unwrap_or_default();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        if let Some(url) = record["order"]["url"].as_str() {
            break url.to_owned();
        }
        assert!(!record["last_error"].is_string(), "{record}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    drop(first);
    // A server that is told to stop strikes the attempt out again: nothing of it was the name's fault.
    while std::fs::read_to_string(&kept).unwrap().contains(r#""failures": 1"#) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(order.contains("/my-order/"), "{order}");
    let second = Running::new(settings, PACE);
    server.answers_for(&second.manager);
    let second = second.start();
    second.until_valid("a.example.com").await;
    assert_eq!(pebble.issued(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_is_set_aside_and_takes_nothing_else_with_it() {
    let server = Server::start().await;
    let Some(pebble) = Pebble::start(ports(&server)) else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = acme(&pebble, folder.path(), &["a.example.com", "b.example.com"], &[Http01]);
    let running = Running::new(settings.clone(), PACE);
    server.answers_for(&running.manager);
    let running = running.start();
    running.until_valid("a.example.com").await;
    running.until_valid("b.example.com").await;
    drop(running);
    std::fs::write(folder.path().join("certificates/a.example.com.json"), "{half").unwrap();
    std::fs::write(folder.path().join("attempts/b.example.com.json"), "\0").unwrap();
    let again = Running::new(settings, PACE);
    let (a, b) = (again.report("a.example.com"), again.report("b.example.com"));
    assert!(a.state == OrderState::Waiting && a.last_error.unwrap().contains("set aside"));
    assert!(b.state == OrderState::Valid && b.last_error.unwrap().contains("set aside"), "the certificate works on");
    assert!(folder.path().join("certificates/a.example.com.damaged").is_file());
    assert!(again.served("a.example.com").await.is_none() && again.served("b.example.com").await.is_some());
}
