//! How a route decided, counted: what, and for which reason first of all.
//!
//! Refuses to count what was no decision of a policy: hosts and paths nobody serves, requests without one meaning.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

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
    refused: Words,
    rate_limited: Words,
}

/// Counts by a word of ours. Only what is refused comes here, and there is a lock for it.
#[derive(Debug, Default)]
struct Words(Mutex<BTreeMap<&'static str, u64>>);

impl Words {
    fn count(&self, word: &'static str) {
        *self.lock().entry(word).or_default() += 1;
    }

    fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

    pub(crate) fn count_rate_limited(&self, by: &'static str) {
        self.rate_limited.count(by);
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

/// How often requests were refused for something that is no policy's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalCount {
    /// The route; none where the request was refused before one was found, or is for an endpoint of ours.
    pub route: Option<RouteId>,
    /// The reason, as the access line has it.
    pub reason: &'static str,
    /// How often, since the process began or the route came.
    pub count: u64,
}

/// How often requests of a route came faster than a `rate_limit` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimitedCount {
    /// The route.
    pub route: RouteId,
    /// What was counted by: `address`, `identity` or `route`.
    pub by: &'static str,
    /// How often.
    pub count: u64,
}

/// The counts of every route of a configuration, by its name.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    routes: BTreeMap<RouteId, Arc<Tally>>,
    /// What was refused without a route.
    no_route: Arc<Words>,
}

impl Tallies {
    /// Those of these routes. One that was there before goes on counting; those that are gone are forgotten.
    pub(crate) fn of<'a>(routes: impl Iterator<Item = &'a RouteId>, previous: Option<&Self>) -> Self {
        let before = |route| previous.and_then(|previous| previous.routes.get(route)).cloned();
        let routes = routes.map(|route| (route.clone(), before(route).unwrap_or_default())).collect();
        Self { routes, no_route: previous.map(|previous| Arc::clone(&previous.no_route)).unwrap_or_default() }
    }

    pub(crate) fn get(&self, route: &RouteId) -> Arc<Tally> {
        self.routes.get(route).cloned().unwrap_or_default()
    }

    pub(crate) fn decisions(&self) -> Vec<DecisionCount> {
        self.routes.iter().flat_map(|(route, tally)| tally.decisions(route)).collect()
    }

    pub(crate) fn differences(&self) -> Vec<DifferenceCount> {
        self.routes.iter().flat_map(|(route, tally)| tally.differences(route)).collect()
    }

    pub(crate) fn count_refusal(&self, route: Option<&RouteId>, reason: &'static str) {
        match route.and_then(|route| self.routes.get(route)) {
            Some(tally) => tally.refused.count(reason),
            None => self.no_route.count(reason),
        }
    }

    pub(crate) fn refusals(&self) -> Vec<RefusalCount> {
        let of_routes = self.routes.iter().map(|(route, tally)| (Some(route), tally.refused.counts()));
        std::iter::once((None, self.no_route.counts()))
            .chain(of_routes)
            .flat_map(|(route, counts)| {
                counts.into_iter().map(move |(reason, count)| RefusalCount { route: route.cloned(), reason, count })
            })
            .collect()
    }

    pub(crate) fn rate_limited(&self) -> Vec<RateLimitedCount> {
        let of_routes = self.routes.iter().map(|(route, tally)| (route, tally.rate_limited.counts()));
        of_routes
            .flat_map(|(route, counts)| {
                counts.into_iter().map(|(by, count)| RateLimitedCount { route: route.clone(), by, count })
            })
            .collect()
    }
}
