//! How requests are spread over addresses: weights, the policy, health checks, outliers, and thresholds.

use std::time::Duration;

use super::Compiler;
use crate::domain::balancing::{Balancing, BalancingPolicy, Breakers, OutlierDetection};
use crate::raw::At;
use crate::raw::balancing::{RawBalancing, RawBreakers, RawOutliers};
use crate::raw::duration::Span;

/// The largest weight.
const HEAVIEST: u32 = 1_000_000;

/// The policies by their names.
const POLICIES: [(&str, BalancingPolicy); 5] = [
    ("ROUND_ROBIN", BalancingPolicy::RoundRobin),
    ("LEAST_REQUEST", BalancingPolicy::LeastRequest),
    ("RING_HASH", BalancingPolicy::RingHash),
    ("MAGLEV", BalancingPolicy::Maglev),
    ("RANDOM", BalancingPolicy::Random),
];

/// What stands behind the last comma of an address in `to`, if it looks like a weight.
pub(super) fn split_weight(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once(',') {
        Some((address, weight)) if !weight.is_empty() && weight.bytes().all(|byte| byte.is_ascii_digit()) => {
            (address, Some(weight))
        }
        _ => (text, None),
    }
}

impl Compiler<'_> {
    /// The weights of these addresses; empty when none is given. An address that stands there twice has both weights.
    pub(super) fn weights(&mut self, to: &At<Vec<At<String>>>, given: &[(usize, Option<u32>)]) -> Vec<u32> {
        let with = given.iter().filter(|(_, weight)| weight.is_some()).count();
        if with == 0 {
            return Vec::new();
        }
        if with < given.len() {
            self.problems.error(
                &to.place,
                "some addresses in `to` have a weight (`,N`) and some have none",
                "Give every address a weight, or none.",
            );
            return Vec::new();
        }
        let mut weights = vec![0_u32; given.iter().map(|(index, _)| index + 1).max().unwrap_or(0)];
        for (index, weight) in given {
            if let (Some(sum), Some(weight)) = (weights.get_mut(*index), weight) {
                *sum = sum.saturating_add(*weight).min(HEAVIEST);
            }
        }
        weights
    }

    /// One weight.
    pub(super) fn weight(&mut self, text: &str, address: &At<String>) -> Option<u32> {
        let weight = text.parse().ok().filter(|weight| (1..=HEAVIEST).contains(weight));
        if weight.is_none() {
            self.problems.error(
                &address.place,
                format!("the weight (`,N`) of an address in `to` is not from 1 to {HEAVIEST}"),
                "Write a share, such as `,3` and `,1`; to give an address nothing, leave it out.",
            );
        }
        weight
    }

    /// What a route says beyond the weights.
    pub(super) fn balancing(&mut self, raw: &RawBalancing, weights: Vec<u32>, breakers: Breakers) -> Balancing {
        let panic_threshold = raw.panic_threshold.as_ref();
        Balancing {
            policy: raw.policy.as_ref().and_then(|text| self.balancing_policy(text)).unwrap_or_default(),
            weights,
            health_checks: self.health_checks(raw.health_checks.as_ref()),
            panic_threshold: self.percent("healthy_panic_threshold", panic_threshold, 50),
            outliers: raw.outliers.as_ref().map(|raw| self.outliers(raw)),
            breakers: self.breakers(raw.breakers.as_ref(), breakers),
        }
    }

    fn balancing_policy(&mut self, text: &At<String>) -> Option<BalancingPolicy> {
        let name = text.value.to_ascii_uppercase();
        let name = name.strip_prefix("LOAD_BALANCING_POLICY_").unwrap_or(&name);
        let found = POLICIES.iter().find(|(known, _)| *known == name).map(|(_, policy)| *policy);
        if found.is_none() && name != "UNSPECIFIED" {
            self.problems.error(
                &text.place,
                "`load_balancing_policy` is none that is known",
                "Write ROUND_ROBIN, LEAST_REQUEST, RANDOM, or, to send the same visitor to the same address, RING_HASH \
                 or MAGLEV.",
            );
        }
        found
    }

    fn outliers(&mut self, raw: &RawOutliers) -> OutlierDetection {
        let default = OutlierDetection::default();
        let compiled = OutlierDetection {
            consecutive_5xx: self.at_least("consecutive_5xx", raw.consecutive_5xx.as_ref(), 0, default.consecutive_5xx),
            consecutive_gateway_failure: self.at_least(
                "consecutive_gateway_failure",
                raw.consecutive_gateway_failure.as_ref(),
                0,
                default.consecutive_gateway_failure,
            ),
            consecutive_local_origin_failure: self.at_least(
                "consecutive_local_origin_failure",
                raw.consecutive_local_origin_failure.as_ref(),
                0,
                default.consecutive_local_origin_failure,
            ),
            split_local_origin: raw.split.as_ref().is_some_and(|flag| flag.value),
            interval: self.time("interval", raw.interval.as_ref(), default.interval),
            base_ejection_time: self.time(
                "base_ejection_time",
                raw.base_ejection_time.as_ref(),
                default.base_ejection_time,
            ),
            max_ejection_time: self.time(
                "max_ejection_time",
                raw.max_ejection_time.as_ref(),
                default.max_ejection_time,
            ),
            max_ejection_percent: self.percent(
                "max_ejection_percent",
                raw.max_ejection_percent.as_ref(),
                default.max_ejection_percent,
            ),
            enforcing_5xx: self.percent("enforcing_consecutive_5xx", raw.enforcing_5xx.as_ref(), default.enforcing_5xx),
            enforcing_gateway_failure: self.percent(
                "enforcing_consecutive_gateway_failure",
                raw.enforcing_gateway_failure.as_ref(),
                default.enforcing_gateway_failure,
            ),
            enforcing_local_origin_failure: self.percent(
                "enforcing_consecutive_local_origin_failure",
                raw.enforcing_local_origin_failure.as_ref(),
                default.enforcing_local_origin_failure,
            ),
        };
        // As Envoy has it: the longest is never below the first.
        let max_ejection_time = compiled.max_ejection_time.max(compiled.base_ejection_time);
        OutlierDetection { max_ejection_time, ..compiled }
    }

    /// Those given here, for the others those `above`.
    pub(super) fn breakers(&mut self, raw: Option<&RawBreakers>, above: Breakers) -> Breakers {
        let Some(raw) = raw else { return above };
        Breakers {
            max_connections: self.at_least("max_connections", raw.max_connections.as_ref(), 1, above.max_connections),
            max_pending_requests: self.at_least(
                "max_pending_requests",
                raw.max_pending_requests.as_ref(),
                1,
                above.max_pending_requests,
            ),
            max_requests: self.at_least("max_requests", raw.max_requests.as_ref(), 1, above.max_requests),
            max_retries: self.at_least("max_retries", raw.max_retries.as_ref(), 0, above.max_retries),
        }
    }

    /// A whole number, at least this much.
    pub(super) fn at_least(&mut self, key: &str, text: Option<&At<String>>, least: u32, default: u32) -> u32 {
        let Some(text) = text else { return default };
        match text.value.parse() {
            Ok(number) if number >= least => number,
            Ok(_) => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` is {}, which is too little to work with", text.value),
                    format!("Write {least} at least, or leave it out for the default."),
                );
                default
            }
            Err(_) => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` is a whole number"),
                    format!("Write it with digits alone, at most {}.", u32::MAX),
                );
                default
            }
        }
    }

    fn percent(&mut self, key: &str, text: Option<&At<String>>, default: u8) -> u8 {
        let Some(text) = text else { return default };
        if let Some(percent) = text.value.parse().ok().filter(|percent| *percent <= 100) {
            return percent;
        }
        self.problems.error(
            &text.place,
            format!("`{key}` is a share in percent"),
            "Write a whole number from 0 to 100, without `%`.",
        );
        default
    }

    /// A span of time that is none of zero and `never`.
    pub(super) fn time(&mut self, key: &str, span: Option<&At<Span>>, default: Duration) -> Duration {
        let Some(span) = span else { return default };
        match span.value {
            Span::Lasts(time) if !time.is_zero() => time,
            Span::Lasts(_) | Span::Never => {
                self.problems.error(
                    &span.place,
                    format!("`{key}` is a span of time, but here is none"),
                    "Write a number with its unit, as in `10s` or `500ms`.",
                );
                default
            }
        }
    }
}
