//! Updates of a real name server.

use std::time::{Duration, SystemTime};

use doorward_config::TsigAlgorithm::{HmacSha256, HmacSha384, HmacSha512};

use super::*;

/// The server, or the end of a test that cannot run.
macro_rules! named {
    () => {
        match named::start().await {
            Some(named) => named,
            None => return,
        }
    };
}

#[tokio::test]
async fn two_values_stand_beside_each_other_and_each_is_taken_out_alone() {
    let named = named!();
    let solver = solver(&updates(named.address, Some("example.com"), Some(key("doorward", HmacSha256))));
    let at = "_acme-challenge.code.example.com.";
    solver.present(&host("code.example.com"), VALUE).await.unwrap();
    assert_eq!(texts(named.address, at).await, [VALUE]);
    solver.present(&host("code.example.com"), OTHER).await.unwrap();
    solver.present(&host("code.example.com"), OTHER).await.unwrap();
    assert_eq!(texts(named.address, at).await, [OTHER, VALUE]);
    solver.clean_up(&host("code.example.com"), VALUE).await.unwrap();
    assert_eq!(texts(named.address, at).await, [OTHER]);
    solver.clean_up(&host("code.example.com"), VALUE).await.unwrap();
    solver.clean_up(&host("code.example.com"), OTHER).await.unwrap();
    assert!(texts(named.address, at).await.is_empty());
}

#[tokio::test]
async fn the_zone_is_found_by_asking_for_it() {
    let named = named!();
    for key in [key("doorward", HmacSha256), key("middle.", HmacSha384), key("long", HmacSha512)] {
        let solver = solver(&updates(named.address, None, Some(key)));
        for host_name in ["example.com", "a.b.c.example.com", "x.sub.example.com", "sub.example.com"] {
            solver.present(&host(host_name), VALUE).await.unwrap();
            assert_eq!(texts(named.address, &format!("_acme-challenge.{host_name}.")).await, [VALUE]);
            solver.clean_up(&host(host_name), VALUE).await.unwrap();
        }
        let said = refusal(&solver, "code.example.org").await;
        assert!(said.contains("has no zone that _acme-challenge.code.example.org is in"), "{said}");
    }
}

#[tokio::test]
async fn a_server_that_goes_by_address_takes_updates_without_a_key() {
    let named = named!();
    let solver = solver(&updates(named.address, None, None));
    solver.present(&host("open.test"), VALUE).await.unwrap();
    assert_eq!(texts(named.address, "_acme-challenge.open.test.").await, [VALUE]);
    let said = refusal(&solver, "code.example.com").await;
    assert!(said.contains("us without a key") && said.contains("(REFUSED)"), "{said}");
}

#[tokio::test]
async fn a_refusal_says_how_to_mend_it() {
    let named = named!();
    let zone = Some("example.com");
    let mut wrong = key("doorward", HmacSha256);
    wrong.secret = Secret::new([1; 32]);
    for (settings, host_name, expected) in [
        (
            updates(named.address, zone, Some(wrong.clone())),
            "example.com",
            "another secret for the key doorward (BADSIG)",
        ),
        (updates(named.address, None, Some(wrong)), "example.com", "another secret for the key doorward (BADSIG)"),
        (updates(named.address, zone, Some(key("stranger", HmacSha256))), "example.com", "no key stranger"),
        (updates(named.address, None, Some(key("stranger", HmacSha256))), "example.com", "no key stranger"),
        (updates(named.address, zone, Some(key("doorward", HmacSha512))), "example.com", "(BADKEY)"),
        (
            updates(named.address, zone, Some(key("narrow", HmacSha256))),
            "code.example.com",
            "grant narrow name _acme-challenge.code.example.com. TXT;",
        ),
        (updates(named.address, zone, None), "code.example.com", "us without a key"),
        (
            updates(named.address, zone, Some(key("doorward", HmacSha256))),
            "code.example.org",
            "_acme-challenge.code.example.org is not in the zone example.com",
        ),
        (updates(named.address, Some("org"), Some(key("doorward", HmacSha256))), "code.example.org", "(NOTAUTH)"),
        (updates(named.address, None, Some(key("doorward", HmacSha256))), "static.test", "(REFUSED)"),
    ] {
        let said = refusal(&solver(&settings), host_name).await;
        assert!(said.contains(expected), "{host_name}: {said}");
    }
    let narrow = solver(&updates(named.address, zone, Some(key("narrow", HmacSha256))));
    narrow.present(&host("only.example.com"), VALUE).await.unwrap();
    assert_eq!(texts(named.address, "_acme-challenge.only.example.com.").await, [VALUE]);
}

#[tokio::test]
async fn a_clock_that_is_off_is_named_with_how_much() {
    let named = named!();
    let settings = updates(named.address, Some("example.com"), Some(key("doorward", HmacSha256)));
    let behind = solver_at(&settings, || SystemTime::now() - Duration::from_secs(3600));
    let said = refusal(&behind, "example.com").await;
    assert_off_by(&said, "ahead of", 3600);
    let ahead = solver_at(&settings, || SystemTime::now() + Duration::from_secs(7200));
    let said = refusal(&ahead, "example.com").await;
    assert_off_by(&said, "behind", 7200);
    let slightly = solver_at(&settings, || SystemTime::now() - Duration::from_secs(60));
    slightly.present(&host("example.com"), VALUE).await.unwrap();
}

/// That the refusal names a clock as this many seconds off, give or take what the exchange and whole seconds take.
#[track_caller]
fn assert_off_by(said: &str, which_way: &str, seconds: u64) {
    let told = said
        .split_once("(BADTIME): its clock is ")
        .and_then(|(_, rest)| rest.split_once(&format!("s {which_way} this machine's")))
        .unwrap_or_else(|| panic!("{said}"));
    let told: u64 = told.0.parse().unwrap();
    assert!(told.abs_diff(seconds) <= 30, "{said}");
}

#[tokio::test]
async fn a_delegated_name_is_changed_where_it_leads() {
    let named = named!();
    let solver = solver(&updates(named.address, None, Some(key("doorward", HmacSha256))));
    for (host_name, place) in [("far.example.com", "far.acme.test."), ("hop.example.com", "end.acme.test.")] {
        solver.present(&host(host_name), VALUE).await.unwrap();
        assert_eq!(texts(named.address, place).await, [VALUE]);
        solver.clean_up(&host(host_name), VALUE).await.unwrap();
        assert!(texts(named.address, place).await.is_empty());
    }
    let said = refusal(&solver, "lost.example.com").await;
    assert!(said.contains("no zone that lost.example.org is in"), "{said}");
}

#[tokio::test]
async fn a_wildcard_is_no_delegation() {
    let named = named!();
    let solver = solver(&updates(named.address, None, Some(key("doorward", HmacSha256))));
    solver.present(&host("wild.example.com"), VALUE).await.unwrap();
    assert_eq!(texts(named.address, "_acme-challenge.wild.example.com.").await, [VALUE]);
    assert!(texts(named.address, "box.wild.example.com.").await.is_empty());
}

#[tokio::test]
async fn delegations_in_a_circle_come_to_an_end() {
    let named = named!();
    let target = super::super::delegation::follow(&name("_acme-challenge.loop.example.com."), &[named.address]).await;
    assert_eq!(target, name("_acme-challenge.loop.example.com."));
}

#[tokio::test]
async fn what_cannot_be_seen_is_left_to_the_authority() {
    let (named, blind) = (named!(), named!());
    let mut settings = updates(named.address, Some("example.com"), Some(key("doorward", HmacSha256)));
    settings.resolvers = vec![named.address, blind.address];
    settings.propagation = Duration::from_secs(1);
    solver(&settings).present(&host("code.example.com"), VALUE).await.unwrap();
    assert_eq!(texts(named.address, "_acme-challenge.code.example.com.").await, [VALUE]);
    assert!(texts(blind.address, "_acme-challenge.code.example.com.").await.is_empty());
}
