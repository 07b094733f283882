//! Several processes on one folder.

use doorward_config::ChallengeKind::{Http01, TlsAlpn01};
use doorward_hygiene::{HostPattern, Hostname};

use crate::pebble::{Options, Pebble};
use crate::server::{PACE, Running, Server, acme};

#[tokio::test(flavor = "multi_thread")]
async fn one_orders_the_other_answers_and_both_serve() {
    let server = Server::start().await;
    let options = Options { http_port: server.http_port, tls_port: server.tls_port, ..Options::default() };
    let Some(pebble) = Pebble::start(options) else { return };
    let folder = tempfile::tempdir().unwrap();
    let names = ["a.example.com", "b.example.com", "c.example.com"];
    let settings = acme(&pebble, folder.path(), &names, &[TlsAlpn01, Http01]);
    // The authority always reaches one that orders nothing: it answers from the store.
    let answering = Running::new(settings.clone(), PACE);
    server.answers_for(&answering.manager);
    let ordering: Vec<_> = (0..2).map(|_| Running::new(settings.clone(), PACE).start()).collect();
    for running in &ordering {
        for name in names {
            running.until_valid(name).await;
        }
    }
    assert_eq!((pebble.issued(), pebble.accounts()), (3, 1), "each name was ordered once");
    let renewals: u64 = ordering.iter().map(|running| running.manager.renewals()).sum();
    assert_eq!(renewals, 3);
    for name in names {
        let served = ordering[0].served(name).await;
        assert!(served.is_some());
        assert_eq!(served, ordering[1].served(name).await);
    }
    // Asked by a process that orders nothing itself.
    answering.manager.renew_now(&HostPattern::parse("a.example.com").unwrap()).await.unwrap();
    let strange = HostPattern::parse("strange.example.com").unwrap();
    assert!(answering.manager.renew_now(&strange).await.unwrap_err().to_string().contains("strange.example.com"));
    while ordering.iter().map(|running| running.manager.renewals()).sum::<u64>() < 4 {
        tokio::time::sleep(PACE.poll).await;
    }
    assert_eq!(pebble.issued(), 4);
}

#[tokio::test]
async fn a_host_that_is_not_ordered_is_not_looked_up() {
    let Some(pebble) = Pebble::prepare(Options::default()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let running = Running::new(acme(&pebble, folder.path(), &["a.example.com"], &[Http01]), PACE);
    // Any look at this would fail loudly, or find the answer.
    std::fs::create_dir(folder.path().join("challenges")).unwrap();
    let record = |name: &str| serde_json::json!({ "name": name, "way": "http-01", "token": "t", "key_authorization": "t.k", "until": "2100-01-01T00:00:00Z" });
    for name in ["a.example.com", "b.example.com"] {
        std::fs::write(folder.path().join(format!("challenges/{name}.json")), record(name).to_string()).unwrap();
    }
    let host = |name: &str| Hostname::parse(name).unwrap();
    assert_eq!(running.manager.http01(&host("a.example.com"), "t").await.as_deref(), Some("t.k"));
    assert_eq!(running.manager.http01(&host("a.example.com"), "u").await, None);
    assert_eq!(running.manager.http01(&host("b.example.com"), "t").await, None);
    assert!(running.manager.tls_alpn01(&host("a.example.com")).await.is_none());
}
