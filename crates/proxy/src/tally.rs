//! How a route decided, counted: what, and for which reason first of all.
//!
//! Refuses to count what was no decision of a policy: hosts and paths nobody serves, requests without one meaning.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use doorward_authorize::{Decision, Judgement, Reason, RouteId, Verdict};

const VERDICTS: [Verdict; 3] = [Verdict::Allow, Verdict::SignIn, Verdict::Deny];
/// Each reason, and none.
const REASONS: usize = Reason::ALL.len() + 1;

/// The counts of one route. They go on when the configuration changes and the route stays.
///
/// Only routes somebody asked for take memory: about a kilobyte.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    decisions: OnceLock<Box<[[AtomicU64; REASONS]; VERDICTS.len()]>>,
    /// What was decided, and what the shadow would have.
    differences: OnceLock<Box<[[AtomicU64; VERDICTS.len()]; VERDICTS.len()]>>,
}

fn place(verdict: Verdict) -> usize {
    match verdict {
        Verdict::Allow => 0,
        Verdict::SignIn => 1,
        Verdict::Deny => 2,
    }
}

fn zeros<const N: usize, const M: usize>() -> [[AtomicU64; N]; M] {
    std::array::from_fn(|_| std::array::from_fn(|_| AtomicU64::new(0)))
}

fn add<const N: usize, const M: usize>(table: &[[AtomicU64; N]; M], row: usize, column: usize) {
    if let Some(count) = table.get(row).and_then(|row| row.get(column)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Tally {
    pub(crate) fn count(&self, decision: &Decision) {
        let reason = decision.grounds().reasons.iter().next().map_or(Reason::ALL.len(), |reason| reason as usize);
        add(self.decisions.get_or_init(|| Box::new(zeros())), place(decision.verdict()), reason);
    }

    pub(crate) fn count_difference(&self, decided: Verdict, shadow: &Judgement) {
        add(self.differences.get_or_init(|| Box::new(zeros())), place(decided), place(shadow.verdict));
    }

    fn decisions<'a>(&'a self, route: &'a RouteId) -> impl Iterator<Item = DecisionCount> + 'a {
        VERDICTS.into_iter().zip(self.decisions.get().into_iter().flat_map(|table| table.iter())).flat_map(
            move |(decision, row)| {
                let reasons = Reason::ALL.iter().map(|reason| reason.as_str()).chain(["none"]);
                reasons.zip(row).filter_map(move |(reason, count)| {
                    let count = count.load(Ordering::Relaxed);
                    (count > 0).then(|| DecisionCount { route: route.clone(), decision, reason, count })
                })
            },
        )
    }

    fn differences<'a>(&'a self, route: &'a RouteId) -> impl Iterator<Item = DifferenceCount> + 'a {
        VERDICTS.into_iter().zip(self.differences.get().into_iter().flat_map(|table| table.iter())).flat_map(
            move |(decision, row)| {
                VERDICTS.into_iter().zip(row).filter_map(move |(shadow, count)| {
                    let count = count.load(Ordering::Relaxed);
                    (count > 0).then(|| DifferenceCount { route: route.clone(), decision, shadow, count })
                })
            },
        )
    }
}

/// How often a route decided one thing for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionCount {
    /// The route.
    pub route: RouteId,
    /// What was decided.
    pub decision: Verdict,
    /// The first of its reasons, in kebab case; `none` where it had none.
    pub reason: &'static str,
    /// How often, since the process began or the route came.
    pub count: u64,
}

/// How often a route's shadow policy would have decided something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DifferenceCount {
    /// The route.
    pub route: RouteId,
    /// What was decided.
    pub decision: Verdict,
    /// What the shadow would have decided.
    pub shadow: Verdict,
    /// How often.
    pub count: u64,
}

/// The counts of every route of a configuration, by its name.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<RouteId, Arc<Tally>>);

impl Tallies {
    /// Those of these routes. One that was there before goes on counting; those that are gone are forgotten.
    pub(crate) fn of<'a>(routes: impl Iterator<Item = &'a RouteId>, previous: Option<&Self>) -> Self {
        let before = |route| previous.and_then(|previous| previous.0.get(route)).cloned();
        Self(routes.map(|route| (route.clone(), before(route).unwrap_or_default())).collect())
    }

    pub(crate) fn get(&self, route: &RouteId) -> Arc<Tally> {
        self.0.get(route).cloned().unwrap_or_default()
    }

    pub(crate) fn decisions(&self) -> Vec<DecisionCount> {
        self.0.iter().flat_map(|(route, tally)| tally.decisions(route)).collect()
    }

    pub(crate) fn differences(&self) -> Vec<DifferenceCount> {
        self.0.iter().flat_map(|(route, tally)| tally.differences(route)).collect()
    }
}
