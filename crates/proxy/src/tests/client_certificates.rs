//! What a client's certificate opens, what upstreams hear of it, and when it is judged again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use doorward_authorize::{Action, Criterion, Operator, Rule};
use doorward_config::{HeaderContent, HeaderPart, Route};
use doorward_hygiene::Hostname;
use doorward_identity::{ClientCertificate, Presented};
use rustls_pki_types::CertificateDer;

use super::support::*;
use crate::JudgeClients;

/// Believes what begins with a 1, for as long as it may.
#[derive(Default)]
struct Judge {
    asked: AtomicUsize,
    strict: AtomicBool,
    demands: AtomicBool,
}

impl JudgeClients for Judge {
    fn judge(&self, host: &Hostname, chain: &[CertificateDer<'_>], _: SystemTime) -> Presented {
        self.asked.fetch_add(1, Ordering::SeqCst);
        assert_eq!(host.as_str(), "app.test");
        let certificate = Arc::new(ClientCertificate {
            fingerprint: "ab".repeat(32),
            spki_hash: String::new(),
            subject: "CN=laptop".into(),
            san_dns: vec!["a.example".into(), "b.example,c.example".into(), "d.example".into()],
            san_email: vec!["you@example.com".into()],
            san_uri: Vec::new(),
            not_after: SystemTime::now() + Duration::from_secs(600),
        });
        if chain[0].first() == Some(&1) && !self.strict.load(Ordering::SeqCst) {
            Presented::Accepted(certificate)
        } else {
            Presented::Refused { certificate, reason: "it was revoked on 2026-05-04".into() }
        }
    }

    fn demanded(&self, _: &Hostname) -> bool {
        self.demands.load(Ordering::SeqCst)
    }
}

fn guarded(mut route: Route) -> Route {
    let deny = Rule {
        action: Action::Deny,
        operator: Operator::Or,
        criteria: vec![Criterion::InvalidClientCertificate],
        origin: doorward_authorize::Origin::ClientCertificates,
        line: 0,
    };
    let rules = route.policy.rules().iter().cloned().chain([deny]).collect();
    route = with_policy(route, rules);
    let parts = |part| HeaderContent::Assembled(vec![HeaderPart::Text("is ".into()), part]);
    route.set_request_headers = vec![
        ("x-print".parse().unwrap(), parts(HeaderPart::CertificateFingerprint)),
        ("x-names".parse().unwrap(), parts(HeaderPart::CertificateSanDns)),
        ("x-mail".parse().unwrap(), HeaderContent::Assembled(vec![HeaderPart::CertificateSanEmail])),
    ];
    route
}

async fn front(route: Route, shown: Option<u8>, judge: &Arc<Judge>) -> Front {
    let mut settings = FrontSettings::of(vec![route]);
    settings.chain = shown.map(|first| vec![first]);
    settings.clients = Some(Arc::clone(judge) as _);
    Front::start_with(settings).await
}

#[tokio::test]
async fn upstreams_hear_of_a_certificate_that_is_believed() {
    let (address, seen) = upstream_saying(OK).await;
    let front = front(guarded(route(upstream_at(address))), Some(1), &Arc::default()).await;
    let forged = "GET / HTTP/1.1\r\nx-print: forged\r\nX-Mail: forged@example.com";
    assert_eq!(front.ask(forged, "").await.status, 200);
    let got = seen.only();
    assert_eq!(header(&got, "x-print"), Some(format!("is {}", "ab".repeat(32)).as_str()));
    // The name with a comma could pass for two.
    assert_eq!(header(&got, "x-names"), Some("is a.example,d.example"));
    assert_eq!(header(&got, "x-mail"), Some("you@example.com"));
    assert!(!got.contains("forged"), "{got}");
}

#[tokio::test]
async fn nothing_is_told_of_a_certificate_that_is_not_believed() {
    for shown in [None, Some(2)] {
        let (address, seen) = upstream_saying(OK).await;
        let mut open = guarded(route(upstream_at(address)));
        open = with_policy(open, everybody());
        let front = front(open, shown, &Arc::default()).await;
        assert_eq!(front.ask("GET / HTTP/1.1\r\nx-print: forged\r\nx-mail: forged@example.com", "").await.status, 200);
        let got = seen.only();
        assert_eq!((header(&got, "x-print"), header(&got, "x-mail")), (None, None), "{got}");
    }
}

#[tokio::test]
async fn without_a_believed_certificate_nobody_is_sent_to_the_sign_in() {
    for (shown, error, reason) in [
        (None, "client-certificate-required", ""),
        (Some(2), "invalid-client-certificate", "it was revoked on 2026-05-04"),
    ] {
        let (address, seen) = upstream_saying(OK).await;
        let route = with_policy(route(upstream_at(address)), only(ALICE));
        let front = front(guarded(route), shown, &Arc::default()).await;
        let reply = front.ask("GET / HTTP/1.1\r\naccept: application/json", "").await;
        assert_eq!(reply.status, 403, "{}", reply.body);
        assert!(reply.body.contains(error) && reply.body.contains(reason), "{}", reply.body);
        let page = front.ask("GET / HTTP/1.1\r\naccept: text/html\r\nsec-fetch-mode: navigate", "").await;
        assert_eq!(page.status, 403);
        assert!(page.body.contains("client certificate") && page.body.contains(reason), "{}", page.body);
        assert!(seen.all().is_empty());
        let lines = front.access_lines();
        assert!(lines.contains(&format!("\"reason\":\"{error}\"")), "{lines}");
        // Our own endpoints are not behind the policy.
        assert_eq!(front.get("/.doorward/x").await.status, 200);
    }
}

#[tokio::test]
async fn where_a_certificate_is_demanded_nothing_is_answered_without() {
    let judge = Arc::new(Judge::default());
    judge.demands.store(true, Ordering::SeqCst);
    let (address, seen) = upstream_saying(OK).await;
    for (shown, status) in [(None, 403), (Some(2), 403), (Some(1), 200)] {
        let front = front(with_policy(route(upstream_at(address)), everybody()), shown, &judge).await;
        assert_eq!(front.get("/").await.status, status);
        assert_eq!(front.get("/.doorward/x").await.status, status);
    }
    assert_eq!(seen.all().len(), 1);
}

#[tokio::test]
async fn a_connection_is_judged_once_for_many_requests_and_again_after_a_reload() {
    let judge = Arc::new(Judge::default());
    let (address, _) = raw_upstream(|mut connection, _| async move {
        while connection.request().await.is_some() {
            connection.send(OK).await;
        }
    })
    .await;
    let guarded = || guarded(with_policy(route(upstream_at(address)), everybody()));
    let mut front = front(guarded(), Some(1), &judge).await;
    let mut connection = front.connect().await;
    for _ in 0..3 {
        connection.send(&request("GET / HTTP/1.1", "", false)).await;
        assert_eq!(connection.head().await.status, 200);
    }
    assert_eq!(judge.asked.load(Ordering::SeqCst), 1);
    judge.strict.store(true, Ordering::SeqCst);
    front.reload(vec![guarded()]);
    connection.send(&request("GET / HTTP/1.1", "", false)).await;
    assert_eq!(connection.head().await.status, 403);
    assert_eq!(judge.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_a_certificate_opened_ends_when_it_is_not_believed_any_more() {
    let (address, _) = raw_upstream(|mut connection, _| async move {
        connection.request().await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        connection.send(&format!("{head}9\r\ndata: 1\n\n\r\n")).await;
        connection.closes_within(PATIENCE).await;
    })
    .await;
    let judge = Arc::new(Judge::default());
    let front = front(guarded(route(upstream_at(address))), Some(1), &judge).await;
    let mut connection = front.connect().await;
    connection.send(&request("GET / HTTP/1.1", "", false)).await;
    assert_eq!(connection.head().await.status, 200);
    connection.until("data: 1\n\n\r\n").await;
    eventually("the answer is known to be long", || front.tunnels.count() == 1).await;
    let (snapshot, now) = (front.snapshot.load_full(), SystemTime::now());
    assert_eq!(front.tunnels.redecide_by_time(&snapshot, now + Duration::from_secs(120)), 0);
    judge.strict.store(true, Ordering::SeqCst);
    assert_eq!(front.tunnels.redecide_by_time(&snapshot, now + Duration::from_secs(240)), 1);
    assert!(connection.closes_within(Duration::from_secs(1)).await);
}
