//! An authority that is down, slow, refusing, strict or wrong: the door stays open, and nothing wrong is served.

use std::time::Duration;

use super::{Shown, a_moment, obtained, shown, trusted};
use crate::harness::acme::{KEY_ID, MAC_KEY, Terms};
use crate::harness::hostile_authority::{CERTIFICATE, DIRECTORY, FINALIZE, HostileAuthority, NEW_ORDER, Whim};
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const HOST: &str = "app.example.test";

#[tokio::test]
async fn start_up_does_not_wait_for_an_authority_that_is_down() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let keys = terms.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"));
    let mut open = door.raw("app").await;
    open.send(&request).await;
    assert_eq!(open.answer().await.status, 200, "by the self-signed certificate");
    let before = shown(&door, HOST).await.unwrap();
    let acme = terms.start().await;
    assert_ne!(obtained(&door, HOST, &acme).await, before);
    open.send(&request).await;
    assert_eq!(open.answer().await.status, 200, "the connection made before the swap");
}

#[tokio::test]
async fn one_name_that_is_refused_does_not_keep_the_others() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.blocking("bad.example.test").start().await;
    let keys = acme.keys(&setup);
    let door = setup
        .with(&keys)
        .route("bad", &upstream.url(), EVERYBODY)
        .route("app", &upstream.url(), EVERYBODY)
        .route("code", &upstream.url(), EVERYBODY)
        .start()
        .await;
    for host in [HOST, "code.example.test"] {
        obtained(&door, host, &acme).await;
    }
    door.log.wait_for_line("the name that fails", |line| line.contains("bad.example.test")).await;
    assert_eq!(trusted(&door, "bad.example.test", &acme.root().await).await, None::<Shown>);
    assert!(shown(&door, "bad.example.test").await.is_some(), "the self-signed one serves");
    a_moment().await;
    assert!(acme.asked_for_orders().await <= 5, "{}", acme.log().await);
}

#[tokio::test]
async fn nonces_that_are_refused_are_replaced() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.rejecting_nonces(30).start().await;
    let keys = acme.keys(&setup);
    let door = setup
        .with(&keys)
        .route("app", &upstream.url(), EVERYBODY)
        .route("code", &upstream.url(), EVERYBODY)
        .start()
        .await;
    for host in [HOST, "code.example.test"] {
        obtained(&door, host, &acme).await;
    }
    assert_eq!(acme.accounts().await, 1);
}

#[tokio::test]
async fn an_account_is_bound_to_one_elsewhere() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.wanting_external_account().start().await;
    let keys = acme.keys(&setup) + &format!("autocert_eab_key_id: {KEY_ID}\nautocert_eab_mac_key: {MAC_KEY}\n");
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    obtained(&door, HOST, &acme).await;
    assert_eq!(acme.accounts().await, 1);
    assert!(!door.log.text().contains(MAC_KEY));
}

#[tokio::test]
async fn an_account_that_is_not_bound_or_wrongly_is_refused_with_a_reason() {
    let upstream = Upstream::start().await;
    let wrong = MAC_KEY.replace('z', "A");
    for (lines, expected) in [
        (String::new(), "externalAccountRequired"),
        (format!("autocert_eab_key_id: {KEY_ID}\nautocert_eab_mac_key: {wrong}\n"), "autocert_eab"),
        (format!("autocert_eab_key_id: nobody\nautocert_eab_mac_key: {MAC_KEY}\n"), "autocert_eab"),
    ] {
        let setup = Setup::new().making_certificates();
        let Some(terms) = Terms::for_door(&setup) else { return };
        let acme = terms.wanting_external_account().start().await;
        let keys = acme.keys(&setup) + &lines;
        let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
        let reason = |line: &str| line.contains(expected) || line.contains("autocert_eab");
        door.log.wait_for_line("the account's refusal", |line| reason(line) && !line.contains("hint")).await;
        assert_eq!((acme.accounts().await, acme.orders().await), (0, 0));
        assert!(shown(&door, HOST).await.is_some());
        assert!(!door.log.text().contains(&wrong) && !door.log.text().contains(MAC_KEY));
    }
}

#[tokio::test]
async fn a_rate_limit_is_respected_past_our_own_patience_and_past_a_crash() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let hostile = HostileAuthority::before(&acme, Whim::RateLimits(3600)).await;
    let keys = hostile.keys(&setup);
    let mut door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    hostile.wait_for_requests(NEW_ORDER, 1).await;
    for _ in 0..4 {
        a_moment().await;
        door = door.restarted_after("KILL").await;
    }
    // Longer than a first failure is waited out.
    tokio::time::sleep(Duration::from_secs(80)).await;
    assert_eq!(hostile.requests(NEW_ORDER), 1);
    assert!(shown(&door, HOST).await.is_some());
}

#[tokio::test]
async fn a_certificate_for_another_key_or_with_a_broken_chain_is_never_served() {
    let upstream = Upstream::start().await;
    for whim in [Whim::WrongKey(vec![HOST.to_owned()]), Whim::WrongChain] {
        let setup = Setup::new().making_certificates();
        let Some(terms) = Terms::for_door(&setup) else { return };
        let acme = terms.start().await;
        let hostile = HostileAuthority::before(&acme, whim.clone()).await;
        let keys = hostile.keys(&setup);
        let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
        let before = shown(&door, HOST).await;
        hostile.wait_for_requests(CERTIFICATE, 1).await;
        a_moment().await;
        assert_eq!(shown(&door, HOST).await, before, "{whim:?}");
        door.log.wait_for_line("the refusal", |line| line.contains(HOST) && line.contains("certificate")).await;
        // Not for ever.
        hostile.does(Whim::Honest);
        obtained(&door, HOST, &acme).await;
    }
}

#[tokio::test]
async fn an_authority_that_shows_a_page_for_people_is_tried_again() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let hostile = HostileAuthority::before(&acme, Whim::Unavailable).await;
    let keys = hostile.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    hostile.wait_for_requests(DIRECTORY, 1).await;
    a_moment().await;
    assert!(hostile.requests("/") < 20, "{} requests in a moment", hostile.requests("/"));
    hostile.does(Whim::Honest);
    obtained(&door, HOST, &acme).await;
}

#[tokio::test]
async fn a_slow_authority_is_waited_for_and_nobody_waits_with_us() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let hostile = HostileAuthority::before(&acme, Whim::Slow(Duration::from_secs(2))).await;
    let keys = hostile.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    assert_eq!(acme.issued().await, 0, "it was ready before the authority was");
    assert_eq!(door.exchange("app", "GET / HTTP/1.1\r\nHost: HOST\r\n\r\n").await.status, 200);
    obtained(&door, HOST, &acme).await;
    assert_eq!(acme.orders().await, 1, "impatience:\n{}", acme.log().await);
}

#[tokio::test]
async fn an_order_that_was_cut_off_comes_to_an_end() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let hostile = HostileAuthority::before(&acme, Whim::DropsFinalization).await;
    let keys = hostile.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    hostile.wait_for_requests(FINALIZE, 1).await;
    assert!(shown(&door, HOST).await.is_some());
    hostile.does(Whim::Honest);
    obtained(&door, HOST, &acme).await;
    assert!(acme.orders().await <= 3, "{}", acme.log().await);
}
