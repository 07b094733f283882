//! The servers the tests lean on, held to what they promise.

use crate::harness::acme::Terms;
use crate::harness::authority::Authority;
use crate::harness::browser::{Ask, Browser};
use crate::harness::hostile_authority::{HostileAuthority, NEW_ORDER, Whim};
use crate::harness::name_server::NameServer;
use crate::harness::setup::Setup;

#[tokio::test]
async fn the_authority_tells_its_root_and_what_it_can() {
    let setup = Setup::new();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let (keys, acme) = (terms.keys(&setup), terms.start().await);
    assert!(acme.root().await.starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(keys.contains(&format!("autocert_ca: {}/dir\n", acme.origin())), "{keys}");
    assert_eq!((acme.orders().await, acme.issued().await, acme.accounts().await), (0, 0, 0));
    let _said_if_not = (acme.knows_renewal_info().await, acme.knows_profiles().await);
    assert!(acme.requests().await > 0, "{}", acme.log().await);
    let origin = acme.origin();
    drop(acme);
    let port = origin.rsplit(':').next().unwrap().parse().unwrap();
    std::net::TcpListener::bind(("127.0.0.1", port)).expect("nobody is left on its port");
}

#[tokio::test]
async fn what_stands_before_the_authority_passes_on_and_changes() {
    let setup = Setup::new();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let hostile = HostileAuthority::before(&acme, Whim::Honest).await;
    let origin = hostile.origin();
    let mut browser = Browser::speaking("http/1.1");
    browser.trust(&Authority::shared().pem());
    // A client that does not say who it is is refused (RFC 8555 §6.1).
    let directory = browser.send(Ask::new("GET", &format!("{origin}/dir")).header("user-agent", "tests")).await.json();
    let new_order = directory["newOrder"].as_str().unwrap().to_owned();
    assert_eq!(new_order, format!("{origin}{NEW_ORDER}"), "its URLs lead past the one before it");
    hostile.does(Whim::RateLimits(77));
    let answer = browser.send(Ask::new("POST", &new_order).body("{}")).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, Some("77")));
    assert!(answer.header("replay-nonce").is_some());
    hostile.does(Whim::Unavailable);
    assert_eq!(browser.fetch(&format!("{origin}/dir")).await.status, 503);
    hostile.wait_for_requests("/dir", 2).await;
    assert_eq!(hostile.requests(NEW_ORDER), 1);
}

#[tokio::test]
async fn the_name_server_answers_for_its_zone() {
    let Some(server) = NameServer::start().await else { return };
    assert_eq!(server.changes().await, []);
    assert!(server.keys().contains(&NameServer::secret()));
    std::net::UdpSocket::bind(server.address()).expect_err("somebody listens there");
}
