//! What is kept: certificates, so that a restart asks for nothing; attempts, so that a crash loop burns no quota;
//! and all of it for every process on the folder.

use tempfile::TempDir;

use super::{a_moment, after_a_while, obtained, shown, trusted};
use crate::harness::acme::Terms;
use crate::harness::hostile_authority::{DIRECTORY, HostileAuthority, Whim};
use crate::harness::ports::free_port;
use crate::harness::scene::EVERYBODY;
use crate::harness::setup::Setup;
use crate::harness::upstream::Upstream;

const HOST: &str = "app.example.test";

#[tokio::test]
async fn after_a_restart_the_authority_is_asked_for_nothing() {
    use std::os::unix::fs::PermissionsExt;
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let before = obtained(&door, HOST, &acme).await;
    let root = acme.root().await;
    // When to renew is asked for once, soon after, and kept a moment later.
    acme.asked_when_to_renew().await;
    a_moment().await;
    let requests = acme.requests().await;
    let door = door.restarted().await;
    assert_eq!(trusted(&door, HOST, &root).await, Some(before.clone()), "from the first handshake on");
    a_moment().await;
    assert_eq!(acme.requests().await, requests, "{}", acme.log().await);
    // Also when there is no authority any more.
    drop(acme);
    let door = door.restarted_after("KILL").await;
    assert_eq!(trusted(&door, HOST, &root).await, Some(before));

    let mut folders = vec![door.setup.data_dir().join("acme")];
    let mut kept = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
                continue;
            }
            kept += 1;
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{:?} has mode {mode:o}", entry.path());
        }
    }
    assert!(kept > 0, "nothing was kept");
}

#[tokio::test]
async fn a_crash_loop_with_a_wrong_dns_record_burns_no_quota() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    // The authority looks where nobody listens.
    let acme = terms.tls_port(free_port()).start().await;
    let keys = acme.keys(&setup);
    let mut door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let asked = &acme;
    after_a_while("the first order", || async move { asked.orders().await > 0 }).await;
    for _ in 0..15 {
        door = door.restarted_after("KILL").await;
        assert!(shown(&door, HOST).await.is_some(), "the self-signed one serves");
    }
    a_moment().await;
    assert!(acme.orders().await <= 4, "{} orders:\n{}", acme.orders().await, acme.log().await);
    assert!(acme.accounts().await <= 2, "{} accounts", acme.accounts().await);
}

#[tokio::test]
async fn an_end_in_the_middle_of_an_order_is_recovered_from() {
    let upstream = Upstream::start().await;
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let acme = terms.start().await;
    let keys = acme.keys(&setup);
    let door = setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start().await;
    let asked = &acme;
    after_a_while("the order", || async move { asked.orders().await > 0 }).await;
    let door = door.restarted_after("KILL").await;
    obtained(&door, HOST, &acme).await;
    assert!(acme.orders().await <= 3, "{} orders:\n{}", acme.orders().await, acme.log().await);
}

#[tokio::test]
async fn two_processes_on_one_folder_order_once_and_both_serve() {
    let upstream = Upstream::start().await;
    let folder = TempDir::with_prefix("shared-acme-").unwrap();
    let (one, two) = (Setup::new().making_certificates(), Setup::new().making_certificates());
    // The authority's handshake comes to the first of them, whichever orders.
    let Some(terms) = Terms::for_door(&one) else { return };
    let acme = terms.start().await;
    let hostile = HostileAuthority::before(&acme, Whim::Holds(DIRECTORY)).await;
    let started = [one, two].map(|setup| {
        let keys = format!("{}autocert_dir: {}\n", hostile.keys(&setup), folder.path().display());
        setup.with(&keys).route("app", &upstream.url(), EVERYBODY).start()
    });
    let [one, two] = started;
    let (one, two) = tokio::join!(one, two);
    // Neither could begin before both were there.
    hostile.wait_for_requests(DIRECTORY, 1).await;
    hostile.does(Whim::Honest);
    let first = obtained(&one, HOST, &acme).await;
    let root = acme.root().await;
    let (other, root) = (&two, &root);
    after_a_while("the other process", || async move { trusted(other, HOST, root).await.is_some() }).await;
    assert_eq!(trusted(&two, HOST, root).await, Some(first.clone()));
    a_moment().await;
    assert_eq!((acme.orders().await, acme.issued().await, acme.accounts().await), (1, 1, 1), "{}", acme.log().await);
    // Either may go.
    drop(one);
    assert_eq!(trusted(&two, HOST, root).await, Some(first));
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_refused_by_name() {
    let setup = Setup::new().making_certificates();
    let Some(terms) = Terms::for_door(&setup) else { return };
    let file = setup.file("not-a-folder", "");
    let keys = format!("{}autocert_dir: {}\n", terms.keys(&setup), file.display());
    let setup = setup.with(&keys).route("app", "http://127.0.0.1:1", EVERYBODY);
    setup.write();
    let said = crate::harness::doorward::command_on(&setup, &["run"]).await;
    assert!(said.code != Some(0), "{said:?}");
    assert!(format!("{}{}", said.out, said.err).contains("not-a-folder"), "{said:?}");
}
