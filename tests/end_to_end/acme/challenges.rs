//! Each way to prove that a name is ours, and the choice among them.

use super::{Shown, a_moment, after_a_while, obtained, trusted};
use crate::harness::acme::Terms;
use crate::harness::name_server::{Change, NameServer};
use crate::harness::ports::free_port;
use crate::harness::raw::Raw;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const HOST: &str = "app.example.test";

#[tokio::test]
async fn a_handshake_on_the_main_port_proves_a_name() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup);
    let door = setup
        .with(&keys)
        .route("app", &upstream.url(), EVERYBODY)
        .route("code", &upstream.url(), EVERYBODY)
        .start()
        .await;
    for host in ["app", "code"] {
        let host = format!("{host}.example.test");
        assert_eq!(obtained(&door, &host, &acme).await.names(), [format!("DNSName({host})")]);
    }
    assert_eq!((acme.orders().await, acme.issued().await, acme.accounts().await), (2, 2, 1));
    // The challenge's protocol is for the authority; whoever else speaks it gets nothing after the handshake.
    if let Ok(mut raw) = Raw::try_tls(door.setup.address(), Some(HOST), &["acme-tls/1"]).await {
        let _refused = raw.try_send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
        assert!(raw.rest().await.is_empty());
    }
    assert_eq!(upstream.arrived().len(), 0);
}

#[tokio::test]
async fn a_file_on_the_redirect_port_proves_a_name_where_the_main_port_cannot_be_reached() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let redirect_port = free_port();
    let acme = terms.tls_port(free_port()).http_port(redirect_port).start().await;
    let keys = acme.keys(&setup);
    let door = setup
        .with(&keys)
        .with(&format!("http_redirect_addr: 127.0.0.1:{redirect_port}"))
        .route("app", &upstream.url(), EVERYBODY)
        .start()
        .await;
    obtained(&door, HOST, &acme).await;
    assert!(acme.orders().await <= 3, "it went back and forth:\n{}", acme.log().await);
    // Nobody learns from that port which tokens there are, and the redirect is as it was.
    let mut raw = Raw::plain(([127, 0, 0, 1], redirect_port).into()).await;
    raw.send(format!("GET /.well-known/acme-challenge/unknown HTTP/1.1\r\nHost: {HOST}\r\n\r\n")).await;
    assert!([301, 308, 404].contains(&raw.answer().await.status));
    assert_eq!(upstream.arrived().len(), 0);
}

#[tokio::test]
async fn a_file_alone_proves_a_name_when_nothing_else_is_wanted() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let redirect_port = free_port();
    let acme = terms.http_port(redirect_port).start().await;
    let keys = acme.keys(&setup);
    let door = setup
        .with(&keys)
        .with(&format!("autocert_challenges: [http-01]\nhttp_redirect_addr: 127.0.0.1:{redirect_port}"))
        .route("app", &upstream.url(), EVERYBODY)
        .start()
        .await;
    obtained(&door, HOST, &acme).await;
    assert_eq!(acme.orders().await, 1);
}

#[tokio::test]
async fn a_record_in_the_dns_proves_a_wildcard_and_is_taken_out_again() {
    let Some(names) = NameServer::start().await else { return };
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    // Nothing but the DNS can be reached.
    let acme = terms.tls_port(free_port()).asking(names.address()).start().await;
    let keys = acme.keys(&setup) + &names.keys();
    let door = setup
        .with(&keys)
        .route("*.dev", &upstream.url(), EVERYBODY)
        .route("dev", &upstream.url(), EVERYBODY)
        .start()
        .await;
    let first = obtained(&door, "one.dev.example.test", &acme).await;
    assert_eq!(first.names(), ["DNSName(*.dev.example.test)"]);
    let root = acme.root().await;
    assert_eq!(trusted(&door, "two.dev.example.test", &root).await, Some(first));
    assert_eq!(trusted(&door, "one.two.dev.example.test", &root).await, None, "a wildcard is one label");
    // The wildcard and the host itself share the record's name, `_acme-challenge.dev`.
    obtained(&door, "dev.example.test", &acme).await;
    let record = || "_acme-challenge.dev.example.test".to_owned();
    after_a_while("taking the records out", || async {
        let changes = names.changes().await;
        let count = |change: Change| changes.iter().filter(|other| **other == change).count();
        count(Change::Added(record())) >= 2 && count(Change::Removed(record())) >= 2
    })
    .await;
    assert!(names.changes().await.iter().all(|change| matches!(change,
        Change::Added(name) | Change::Removed(name) if *name == record())));
    assert!(!door.log.text().contains(&NameServer::secret()));
}

#[tokio::test]
async fn a_wrong_key_for_the_dns_is_said_and_keeps_nobody_else() {
    let Some(names) = NameServer::start().await else { return };
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup) + &names.keys_with(b"another key of thirty-two bytes.");
    let door = setup
        .with(&keys)
        .route("*.dev", &upstream.url(), EVERYBODY)
        .route("app", &upstream.url(), EVERYBODY)
        .start()
        .await;
    // Doorward may have tried the DNS first for this one, too.
    obtained(&door, HOST, &acme).await;
    a_moment().await;
    assert_eq!(names.changes().await, []);
    assert_eq!(trusted(&door, "one.dev.example.test", &acme.root().await).await, None::<Shown>);
    let line = door.log.wait_for_line("the wildcard's failure", |line| line.contains("*.dev.example.test")).await;
    assert!(!line.contains("thirty-two"), "{line}");
}
