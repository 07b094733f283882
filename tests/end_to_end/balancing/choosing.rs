//! `load_balancing_policy`: what each of its words does with whole requests.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::{WHICH, list, numbered};
use crate::harness::browser::Browser;
use crate::harness::doorward::Doorward;
use crate::harness::eventually;
use crate::harness::hostile_provider::Provider;
use crate::harness::raw::Raw;
use crate::harness::scene::{ANYBODY_SIGNED_IN, EVERYBODY};
use crate::harness::setup::{DOMAIN, Setup};
use crate::harness::upstream::{Reply, Upstream};

/// Visitors with addresses of their own: so many that no application is left out by chance.
const VISITORS: u8 = 40;

async fn stage(policy: &str, more: &str) -> (Vec<Upstream>, Doorward) {
    let upstreams = numbered(3).await;
    let keys = format!("{EVERYBODY}\nload_balancing_policy: {policy}\n{more}");
    // In the clear, as behind a balancer: handshakes by the hundred take their time.
    (upstreams.0, Setup::new().cleartext().route("app", &list(&upstreams.1), &keys).start().await)
}

/// Which application answers a request for a host, with this header line.
async fn asked(raw: &mut Raw, door: &Doorward, host: &str, line: &str) -> usize {
    raw.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n{line}\r\n", door.authority(host))).await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header(WHICH).unwrap().parse().unwrap()
}

/// A connection from `127.0.0.LAST`, over TLS if a host is named.
async fn from(door: &Doorward, last: u8, host: Option<&str>) -> Raw {
    Raw::from([127, 0, 0, last], door.setup.address(), b"", host).await.unwrap()
}

async fn in_a_row(door: &Doorward, count: usize) -> Vec<usize> {
    let mut raw = from(door, 1, None).await;
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(asked(&mut raw, door, "app", "").await);
    }
    all
}

/// Where each visitor is sent, and always is.
async fn places(door: &Doorward) -> HashMap<u8, usize> {
    let mut places = HashMap::new();
    for _ in 0..2 {
        for visitor in 1..=VISITORS {
            let place = asked(&mut from(door, visitor, None).await, door, "app", "").await;
            assert_eq!(*places.entry(visitor).or_insert(place), place, "visitor {visitor} is sent about");
        }
    }
    places
}

/// Takes the last address away.
async fn without(door: &Doorward, last: &Upstream) {
    door.replace_config(&door.setup.yaml().replace(&format!(", \"{}\"", last.url()), ""));
    eventually("the address is gone", || async {
        let status: serde_json::Value = serde_json::from_str(&door.health("/status").await.text()).unwrap();
        status["upstreams"]["addresses"] == 2
    })
    .await;
}

#[tokio::test]
async fn round_robin_takes_each_in_turn() {
    let (_upstreams, door) = stage("ROUND_ROBIN", "").await;
    let all = in_a_row(&door, 9).await;
    assert_eq!(all[..3].iter().collect::<HashSet<_>>().len(), 3, "{all:?}");
    assert_eq!((&all[..3], &all[..3]), (&all[3..6], &all[6..]));
}

#[tokio::test]
async fn least_request_spares_the_one_that_is_busy() {
    let (upstreams, urls) = numbered(2).await;
    let keys = format!("{EVERYBODY}\nload_balancing_policy: LEAST_REQUEST");
    let door = Setup::new().cleartext().route("app", &list(&urls), &keys).start().await;
    for upstream in &upstreams {
        upstream.reply_with(Reply::Stream { chunks: 1000, every: Duration::from_secs(1) });
    }
    let mut held = from(&door, 1, None).await;
    held.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", door.authority("app"))).await;
    held.head().await;
    let busy = upstreams.iter().position(|upstream| upstream.arrived().len() == 1).unwrap();
    for (number, upstream) in upstreams.iter().enumerate() {
        upstream.reply_with(super::told(number));
    }
    assert_eq!(in_a_row(&door, 12).await, [1 - busy; 12]);
    drop(held);
}

#[tokio::test]
async fn random_takes_any() {
    let (_upstreams, door) = stage("RANDOM", "").await;
    let all = in_a_row(&door, 60).await;
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), 3, "{all:?}");
    // Whoever took them in turn would never take one twice in a row.
    assert!(all.windows(2).any(|pair| pair[0] == pair[1]), "{all:?}");
}

#[tokio::test]
async fn ring_hash_sends_a_visitor_to_one_and_moves_only_those_whose_place_is_gone() {
    let (upstreams, door) = stage("RING_HASH", "").await;
    let before = places(&door).await;
    assert_eq!(before.values().collect::<HashSet<_>>().len(), 3, "{before:?}");
    without(&door, &upstreams[2]).await;
    let after = places(&door).await;
    for (visitor, place) in &before {
        assert!(after[visitor] != 2 && (*place == 2 || after[visitor] == *place), "{visitor}: {before:?} {after:?}");
    }
    // Nothing of it is remembered: another process sends everybody to the same places.
    let door = door.restarted().await;
    assert_eq!(places(&door).await, after);
}

#[tokio::test]
async fn maglev_sends_a_visitor_to_one() {
    let (upstreams, door) = stage("LOAD_BALANCING_POLICY_MAGLEV", "").await;
    let before = places(&door).await;
    assert_eq!(before.values().collect::<HashSet<_>>().len(), 3, "{before:?}");
    without(&door, &upstreams[2]).await;
    let after = places(&door).await;
    assert_eq!(after.values().collect::<HashSet<_>>().len(), 2, "{after:?}");
    let stayed = before.iter().filter(|(visitor, place)| after[visitor] == **place).count();
    let might = before.values().filter(|place| **place != 2).count();
    assert!(stayed * 3 > might * 2, "{stayed} of {might} stayed: {before:?} {after:?}");
}

#[tokio::test]
async fn a_session_is_one_visitor_wherever_it_is() {
    let provider = Provider::start().await;
    let upstreams = numbered(3).await;
    let mut setup = Setup::new().with(&provider.keys());
    for (host, policy) in [("ring", "RING_HASH"), ("maglev", "MAGLEV")] {
        let keys = format!("{ANYBODY_SIGNED_IN}\nload_balancing_policy: {policy}");
        setup = setup.route(host, &list(&upstreams.1), &keys);
    }
    let door = setup.start().await;
    for host in ["ring", "maglev"] {
        let browser: Browser = door.signed_in(host).await;
        let cookies = browser.jar.header(&door.url(host, "/").parse().unwrap()).unwrap();
        let mut places = HashSet::new();
        for last in 1..=8 {
            let mut raw = from(&door, last, Some(&format!("{host}.{DOMAIN}"))).await;
            places.insert(asked(&mut raw, &door, host, &format!("Cookie: {cookies}\r\n")).await);
        }
        assert_eq!(places.len(), 1, "{host}: {places:?}");
    }
}
