use std::sync::atomic::AtomicU64;

use doorward_config::BalancingPolicy;
use proptest::prelude::*;

use super::{Balancer, Choice, Tried, mix};

const NAMES: [&str; 5] = ["http://a:80", "http://b:80", "http://c:80", "http://d:80", "http://e:80"];
const ALL: [BalancingPolicy; 5] = [
    BalancingPolicy::RoundRobin,
    BalancingPolicy::LeastRequest,
    BalancingPolicy::RingHash,
    BalancingPolicy::Maglev,
    BalancingPolicy::Random,
];

/// How often each of the addresses is chosen by so many visitors.
fn spread(balancer: &Balancer, requests: u64, usable: impl Fn(usize) -> bool) -> [u64; 5] {
    let turn = AtomicU64::new(0);
    let mut counts = [0; 5];
    for visitor in 0..requests {
        let choice = Choice { turn: &turn, seed: 7, key: mix(visitor), usable: &usable, busy: |_| 0 };
        counts[balancer.next(&choice).unwrap()] += 1;
    }
    counts
}

fn within(count: u64, expected: u64, percent: u64) -> bool {
    count.abs_diff(expected) * 100 <= expected * percent
}

#[test]
fn turns_are_exact_and_smooth() {
    let balancer = Balancer::new(BalancingPolicy::RoundRobin, &NAMES[..3], &[5, 1, 1]);
    let turn = AtomicU64::new(0);
    let order: Vec<_> = (0..7)
        .map(|_| balancer.next(&Choice { turn: &turn, seed: 0, key: 0, usable: |_| true, busy: |_| 0 }).unwrap())
        .collect();
    // nginx's own example of it.
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
    let alike = Balancer::new(BalancingPolicy::RoundRobin, &NAMES, &[]);
    assert_eq!(spread(&alike, 500, |_| true), [100; 5]);
    let heavy = Balancer::new(BalancingPolicy::RoundRobin, &NAMES[..2], &[1_000_000, 1]);
    let counts = spread(&heavy, 8192, |_| true);
    assert!(counts[0] > 8100 && counts[1] > 0, "{counts:?}");
}

#[test]
fn the_share_of_one_that_is_out_is_spread_over_all_others() {
    for policy in ALL {
        let balancer = Balancer::new(policy, &NAMES, &[]);
        let counts = spread(&balancer, 40_000, |index| index != 2);
        assert_eq!(counts[2], 0, "{policy:?}");
        for index in [0, 1, 3, 4] {
            assert!(within(counts[index], 10_000, 25), "{policy:?}: {counts:?}");
        }
    }
}

#[test]
fn weights_are_shares() {
    for policy in ALL {
        // With two choices the weight counts only when there is load.
        if policy == BalancingPolicy::LeastRequest {
            continue;
        }
        let balancer = Balancer::new(policy, &NAMES, &[40, 20, 20, 10, 10]);
        let counts = spread(&balancer, 100_000, |_| true);
        for (count, expected) in counts.into_iter().zip([40_000, 20_000, 20_000, 10_000, 10_000]) {
            assert!(within(count, expected, 15), "{policy:?}: {counts:?}");
        }
    }
}

#[test]
fn the_busy_one_is_spared() {
    let balancer = Balancer::new(BalancingPolicy::LeastRequest, &NAMES[..2], &[]);
    let next = |busy: [usize; 2], turn: u64| {
        let turn = AtomicU64::new(turn);
        balancer.next(&Choice { turn: &turn, seed: 3, key: 0, usable: |_| true, busy: |index: usize| busy[index] })
    };
    assert!((0..100).all(|turn| next([9, 1], turn) == Some(1) && next([0, 1], turn) == Some(0)));
    let weighted = Balancer::new(BalancingPolicy::LeastRequest, &NAMES[..2], &[10, 1]);
    let turn = AtomicU64::new(0);
    let busy = |index: usize| [8, 0][index];
    let choice = Choice { turn: &turn, seed: 3, key: 0, usable: |_| true, busy };
    assert_eq!(weighted.next(&choice), Some(0), "nine for a weight of ten are fewer than one for one");
}

/// Where each of a thousand visitors is, with these addresses.
fn homes(policy: BalancingPolicy, names: &[&'static str]) -> Vec<&'static str> {
    let balancer = Balancer::new(policy, names, &[]);
    let turn = AtomicU64::new(0);
    (0..10_000_u64)
        .map(|visitor| {
            let choice = Choice { turn: &turn, seed: 0, key: mix(visitor), usable: |_| true, busy: |_| 0 };
            names[balancer.next(&choice).unwrap()]
        })
        .collect()
}

#[test]
fn an_address_that_goes_takes_its_own_visitors_with_it() {
    for (policy, most_others) in [(BalancingPolicy::RingHash, 0), (BalancingPolicy::Maglev, 300)] {
        let before = homes(policy, &NAMES);
        assert_eq!(before, homes(policy, &NAMES), "{policy:?}: the same visitor, the same address");
        let without: Vec<_> = NAMES.iter().copied().filter(|name| *name != NAMES[1]).collect();
        let after = homes(policy, &without);
        let (mut own, mut others) = (0, 0);
        for (before, after) in before.iter().zip(&after) {
            if *before == NAMES[1] {
                own += 1;
            } else {
                others += usize::from(before != after);
            }
        }
        assert!((1_500..2_500).contains(&own), "{policy:?}: {own} had to move");
        assert!(others <= most_others, "{policy:?}: {others} of {} others moved", 10_000 - own);
    }
}

#[test]
fn one_that_is_out_for_a_while_moves_only_its_own_visitors() {
    for policy in [BalancingPolicy::RingHash, BalancingPolicy::Maglev] {
        let balancer = Balancer::new(policy, &NAMES, &[]);
        let turn = AtomicU64::new(0);
        for visitor in 0..2_000 {
            let key = mix(visitor);
            let at = |out: Option<usize>| {
                let usable = |index: usize| Some(index) != out;
                balancer.next(&Choice { turn: &turn, seed: 0, key, usable, busy: |_| 0 }).unwrap()
            };
            let home = at(None);
            assert!(at(Some((home + 1) % 5)) == home && at(Some(home)) != home, "{policy:?}");
        }
    }
}

#[test]
fn sessions_come_before_addresses() {
    let (one, other) = ([192, 0, 2, 1].into(), [192, 0, 2, 2].into());
    assert_eq!(super::key(Some("session"), one), super::key(Some("session"), other));
    assert_ne!(super::key(Some("session"), one), super::key(Some("another"), one));
    assert_ne!(super::key(None, one), super::key(None, other));
    assert_eq!(super::key(None, one), super::key(None, one));
}

proptest! {
    /// Whoever is out and has been tried: one that may be used is found when there is one, and no other ever.
    #[test]
    fn what_may_be_used_is_found(
        weights in prop::collection::vec(1_u32..2000, 1..40),
        out in prop::collection::vec(any::<bool>(), 40),
        seed in any::<u64>(),
        key in any::<u64>(),
    ) {
        let names: Vec<String> = (0..weights.len()).map(|index| format!("http://{index}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for policy in [BalancingPolicy::RoundRobin, BalancingPolicy::LeastRequest, BalancingPolicy::RingHash, BalancingPolicy::Random] {
            let balancer = Balancer::new(policy, &names, &weights);
            let turn = AtomicU64::new(seed);
            let mut tried = Tried::default();
            let mut left = out[..weights.len()].iter().filter(|out| !**out).count();
            loop {
                let usable = |index: usize| !out[index] && !tried.has(index);
                let next = balancer.next(&Choice { turn: &turn, seed, key, usable, busy: |index| index });
                prop_assert_eq!(next.is_some(), left > 0);
                let Some(index) = next else { break };
                prop_assert!(usable(index));
                tried.note(index);
                left -= 1;
            }
        }
    }
}
