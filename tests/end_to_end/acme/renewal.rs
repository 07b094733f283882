//! Certificates are renewed when the authority suggests it, else in time; nobody notices.

use super::{SECOND_ATTEMPT, Shown, a_moment, after_a_while, obtained, shown, trusted};
use crate::harness::acme::{SHORT_LIFE, Terms};
use crate::harness::hostile_authority::{HostileAuthority, RENEWAL_INFO, Whim};
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const HOST: &str = "app.example.test";

#[tokio::test]
async fn a_window_that_the_authority_moves_is_followed_and_open_connections_stay() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    if !acme.knows_renewal_info().await {
        return;
    }
    // Its answer holds for six hours, so the first one has to be the right one.
    let hostile = HostileAuthority::before(&acme, Whim::Holds(RENEWAL_INFO)).await;
    let keys = hostile.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let first = obtained(&door, HOST, &acme).await;
    let mut open = door.raw("app").await;
    let request = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"));
    open.send(&request).await;
    assert_eq!(open.answer().await.status, 200);

    hostile.wait_for_requests(RENEWAL_INFO, 1).await;
    acme.suggest_renewal(&first.pem(), "2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z").await;
    hostile.does(Whim::Honest);
    let root = acme.root().await;
    let (door, root, before) = (&door, &root, &first);
    after_a_while("renewing", || async move { trusted(door, HOST, root).await.is_some_and(|now| now != *before) })
        .await;
    assert_eq!(acme.orders().await, 2);
    assert!(acme.log().await.contains("is a replacement of"), "the order did not say what it replaces (RFC 9773 §5)");
    open.send(&request).await;
    assert_eq!(open.answer().await.status, 200, "the connection made before");
    a_moment().await;
    assert_eq!(acme.orders().await, 2, "once is enough");
}

#[tokio::test]
async fn the_list_shows_what_was_ordered_and_one_is_renewed_when_somebody_asks_for_it() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let first = obtained(&door, HOST, &acme).await;
    let said = door.command(&["certificate", "list"]).await;
    let row = said.out.lines().find(|line| line.starts_with(HOST)).unwrap_or_default();
    assert!(row.contains(" acme ") && row.contains(" days, 20") && row.contains(" UTC"), "{said:?}");
    let said = door.command(&["certificate", "renew", "other.example.test"]).await;
    assert!(said.code == Some(1) && said.err.contains(HOST), "{said:?}");

    let said = door.command(&["certificate", "renew", HOST]).await;
    assert!(said.code == Some(0) && said.out.starts_with("requested: "), "{said:?}");
    let root = acme.root().await;
    let (running, root, before) = (&door, &root, &first);
    after_a_while("renewing", || async move { trusted(running, HOST, root).await.is_some_and(|now| now != *before) })
        .await;
    assert_eq!(acme.orders().await, 2, "{}", acme.log().await);
    let said = door.command(&["certificate", "list", "--json"]).await;
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!((&told[0]["source"], &told[0]["order"]["state"]), (&"acme".into(), &"valid".into()), "{told}");
}

#[tokio::test]
async fn a_short_life_is_renewed_before_its_end() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.living(120).start().await;
    let keys = acme.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let first = obtained(&door, HOST, &acme).await;
    assert!(first.lifetime().abs_diff(120) < 5, "{}", first.lifetime());
    let root = acme.root().await;
    let deadline = tokio::time::Instant::now() + SECOND_ATTEMPT;
    loop {
        // At no time is there none that holds.
        let now = trusted(&door, HOST, &root).await.expect("a certificate that holds");
        if now != first {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "never renewed");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn the_profile_that_is_asked_for_is_given() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    if !acme.knows_profiles().await {
        return;
    }
    let keys = acme.keys(&setup) + "autocert_profile: shortlived\n";
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let lifetime = obtained(&door, HOST, &acme).await.lifetime();
    assert!(lifetime.abs_diff(SHORT_LIFE) < 5, "{lifetime}");
}

#[tokio::test]
async fn a_profile_that_the_authority_does_not_have_is_said() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    if !acme.knows_profiles().await {
        return;
    }
    let keys = acme.keys(&setup) + "autocert_profile: sixminutes\n";
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    door.log.wait_for_line("the profile", |line| line.contains("sixminutes") && line.contains("profile")).await;
    assert_eq!(trusted(&door, HOST, &acme.root().await).await, None::<Shown>);
    assert!(shown(&door, HOST).await.is_some());
    assert_eq!(acme.issued().await, 0);
}
