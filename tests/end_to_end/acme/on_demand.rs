//! Certificates ordered when somebody asks for the name: for names that a route allows and for no others.

use super::{Shown, a_moment, after_a_while, obtained, shown, trusted};
use crate::harness::acme::Terms;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

#[tokio::test]
async fn the_first_handshake_orders_and_other_names_never_do() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup) + "autocert_on_demand: true\n";
    let door = setup.with(&keys).sign_in_host("auth").route("*.dev", &upstream.url(), EVERYBODY).start().await;
    // The sign-in host is named, so it is ordered at once.
    assert_eq!(obtained(&door, "auth.example.test", &acme).await.names(), ["DNSName(auth.example.test)"]);
    a_moment().await;
    assert_eq!(acme.orders().await, 1, "before anybody asked");

    // Names that no route has: the door is shut, and nothing is ordered.
    for stranger in ["evil.example", "one.two.dev.example.test", "dev.example.test", "dev.example.test.evil.example"] {
        assert_eq!(shown(&door, stranger).await, None, "{stranger}");
    }
    a_moment().await;
    assert_eq!(acme.orders().await, 1, "for a stranger:\n{}", acme.log().await);

    // The handshake that asks first is not kept waiting.
    assert!(shown(&door, "one.dev.example.test").await.is_some());
    let one = obtained(&door, "one.dev.example.test", &acme).await;
    assert_eq!(one.names(), ["DNSName(one.dev.example.test)"]);
    assert_eq!(acme.orders().await, 2);
    let two = obtained(&door, "TWO.dev.example.test", &acme).await;
    assert_eq!(two.names(), ["DNSName(two.dev.example.test)"]);
    assert_eq!(acme.orders().await, 3);
}

#[tokio::test]
async fn strangers_cannot_use_up_the_quota() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup) + "autocert_on_demand: true\n";
    let door = setup.with(&keys).sign_in_host("auth").route("*.dev", &upstream.url(), EVERYBODY).start().await;
    for number in 0..60 {
        let name = format!("made-up-{number}.dev.example.test");
        assert!(shown(&door, &name).await.is_some(), "{name}: still served by the self-signed certificate");
    }
    let some = &acme;
    after_a_while("the first of them", || async move { some.issued().await > 1 }).await;
    a_moment().await;
    a_moment().await;
    let orders = acme.orders().await;
    assert!((1..=20).contains(&orders), "{orders} orders for 60 names that a stranger made up");
    // And not again by coming back after a restart.
    let door = door.restarted().await;
    for number in 60..80 {
        shown(&door, &format!("made-up-{number}.dev.example.test")).await;
    }
    a_moment().await;
    assert!(acme.orders().await <= 20, "{} after a restart", acme.orders().await);
}

#[tokio::test]
async fn what_was_ordered_on_demand_is_there_after_a_restart() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup) + "autocert_on_demand: true\n";
    let door = setup.with(&keys).sign_in_host("auth").route("*.dev", &upstream.url(), EVERYBODY).start().await;
    shown(&door, "one.dev.example.test").await;
    let before = obtained(&door, "one.dev.example.test", &acme).await;
    let door = door.restarted().await;
    let root = acme.root().await;
    assert_eq!(trusted(&door, "one.dev.example.test", &root).await, Some(before));
    assert_eq!(trusted(&door, "two.dev.example.test", &root).await, None::<Shown>);
}
