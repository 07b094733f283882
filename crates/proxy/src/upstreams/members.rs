//! The addresses of one upstream, which of them are well, and which is next.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use doorward_config::{Balancing, OutlierDetection};
use tokio::time::Instant;

use super::address::{Address, Outcome};
use super::balance::{self, Balancer, Choice, Tried};
use super::health::Checked;
use super::outlier::{Ejecting, Record, Sign};

/// One address, as this upstream sees it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) address: Arc<Address>,
    checked: Option<Arc<Checked>>,
    record: Record,
}

impl Member {
    pub(super) fn new(address: Arc<Address>, checked: Option<Arc<Checked>>) -> Self {
        Self { address, checked, record: Record::default() }
    }

    pub(super) fn checked(&self) -> Option<&Arc<Checked>> {
        self.checked.as_ref()
    }
}

/// See the module.
#[derive(Debug)]
pub(super) struct Members {
    list: Box<[Member]>,
    balancer: Balancer,
    outliers: Option<OutlierDetection>,
    ejecting: Ejecting,
    panic_threshold: usize,
    /// Whether it has been said that all are used, well or not.
    panicking: AtomicBool,
    /// Whether anything can make an address one that is passed over.
    judged: bool,
    turn: AtomicU64,
    seed: u64,
    begun: Instant,
}

impl Members {
    /// `seed` is a number nobody knows.
    pub(super) fn new(list: Vec<Member>, balancing: &Balancing, seed: u64) -> Self {
        let names: Vec<&str> = list.iter().map(|member| &*member.address.endpoint.label).collect();
        let balancer = Balancer::new(balancing.policy, &names, &balancing.weights);
        let judged = balancing.outliers.is_some() || list.iter().any(|member| member.checked.is_some());
        Self {
            balancer,
            outliers: balancing.outliers.clone(),
            ejecting: Ejecting::default(),
            panic_threshold: balancing.panic_threshold.into(),
            panicking: AtomicBool::new(false),
            judged,
            // Several processes that start at once do not all begin with the first.
            turn: AtomicU64::new(balance::mix(seed)),
            seed,
            begun: Instant::now(),
            list: list.into(),
        }
    }

    pub(super) fn get(&self, index: usize) -> Option<&Member> {
        self.list.get(index)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Member> {
        self.list.iter()
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.list.iter().map(|member| &*member.address)
    }

    /// As the configuration names it first.
    pub(super) fn label(&self) -> Arc<str> {
        self.list.first().map_or_else(|| "nowhere".into(), |member| member.address.endpoint.label.clone())
    }

    /// Whether whose request it is matters.
    pub(super) fn wants_key(&self) -> bool {
        self.balancer.wants_key() && self.list.len() > 1
    }

    /// Which of them is next, of those not tried yet; None when none may be used.
    pub(super) fn choose(&self, tried: &Tried, key: u64) -> Option<usize> {
        if self.list.len() == 1 && !self.judged {
            return tried.is_empty().then_some(0);
        }
        let any = !self.judged || self.panics();
        let choice = Choice {
            turn: &self.turn,
            seed: self.seed,
            key,
            usable: |index: usize| !tried.has(index) && (any || self.get(index).is_some_and(|it| self.is_well(it))),
            busy: |index: usize| self.get(index).map_or(0, |member| member.address.active()),
        };
        self.balancer.next(&choice)
    }

    /// Whether its checks say that it is well, and its answers do too.
    pub(super) fn is_well(&self, member: &Member) -> bool {
        member.checked.as_ref().is_none_or(|checked| checked.is_well()) && !member.record.is_ejected(|| self.now())
    }

    /// Whether so few are well that those few could not bear the load of all.
    fn panics(&self) -> bool {
        let well = self.list.iter().filter(|member| self.is_well(member)).count();
        let panics = well * 100 < self.panic_threshold * self.list.len();
        if panics != self.panicking.load(Ordering::Relaxed) && self.panicking.swap(panics, Ordering::Relaxed) != panics
        {
            let (upstream, all) = (self.label(), self.list.len());
            if panics {
                tracing::warn!(
                    %upstream, well, all,
                    "too few addresses are well (healthy_panic_threshold), so all are used, well or not"
                );
            } else {
                tracing::info!(%upstream, well, all, "enough addresses are well again, so only these are used");
            }
        }
        panics
    }

    /// Counts what came of a request, and leaves an address alone that has failed too often.
    pub(super) fn note(&self, member: &Member, outcome: Outcome, status: Option<u16>) {
        member.address.counts.count(outcome);
        let Some(settings) = &self.outliers else { return };
        let Some(sign) = Sign::of(outcome, status) else { return };
        if sign == Sign::Well {
            member.record.note(sign, settings, 0);
            return;
        }
        let random = balance::mix(self.seed ^ self.turn.load(Ordering::Relaxed) ^ self.now());
        let chance = u8::try_from(random % 100).unwrap_or(0);
        if !member.record.note(sign, settings, chance) {
            return;
        }
        let records = self.list.iter().map(|member| &member.record);
        if let Some(alone) = self.ejecting.eject(&member.record, records, settings, self.now()) {
            member.address.counts.ejections.fetch_add(1, Ordering::Relaxed);
            let upstream = &member.address.endpoint.label;
            let seconds = alone.as_secs_f32();
            tracing::warn!(%upstream, seconds, "failed too often in a row (outlier_detection) and is left alone");
        }
    }

    /// Milliseconds since it was put together.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
