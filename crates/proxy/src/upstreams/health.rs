//! Whether an address is well, as the configured checks find it.
//!
//! Checks run in the background for as long as a configuration in service wants them; a reload that changes nothing about
//! an address leaves its checks alone.

mod grpc;
mod probe;
mod streak;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use doorward_config::HealthCheck;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::address::Address;
use super::{balance, seed};
use streak::Streak;

/// How many addresses are asked at once.
const AT_ONCE: usize = 64;

/// What bounds how many are asked at once. Clones are one.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// The health of one address. Dropping it ends the checks.
#[derive(Debug)]
pub(super) struct Checked {
    /// One for each check. Until the first answer it counts as well: nobody is turned away for what is not known.
    unwell: Arc<[AtomicBool]>,
    tasks: Vec<AbortHandle>,
}

impl Checked {
    /// Begins to ask.
    pub(super) fn begin(address: &Arc<Address>, checks: &[HealthCheck], turns: &Turns) -> Self {
        let unwell: Arc<[AtomicBool]> = checks.iter().map(|_| AtomicBool::new(false)).collect();
        let watch = |(index, check): (usize, &HealthCheck)| {
            let task = watch(Arc::clone(address), check.clone(), Arc::clone(&unwell), index, turns.clone());
            tokio::spawn(task).abort_handle()
        };
        Self { tasks: checks.iter().enumerate().map(watch).collect(), unwell }
    }

    /// Whether every check says so.
    pub(super) fn is_well(&self) -> bool {
        !self.unwell.iter().any(|unwell| unwell.load(Ordering::Relaxed))
    }
}

impl Drop for Checked {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Asks again and again.
async fn watch(address: Arc<Address>, check: HealthCheck, unwell: Arc<[AtomicBool]>, index: usize, turns: Turns) {
    let upstream = &address.endpoint.label;
    let mut random = seed();
    let mut part_of = |time: Duration| {
        random = balance::mix(random);
        time.mul_f64(f64::from(u32::try_from(random % 1000).unwrap_or(0)) / 1000.0)
    };
    let mut streak = Streak::default();
    tokio::time::sleep(part_of(check.initial_jitter)).await;
    loop {
        // Never closed.
        let Ok(turn) = turns.0.acquire().await else { return };
        let asked = probe::ask(&address.endpoint, &check).await;
        drop(turn);
        if streak.note(asked.is_ok(), &check) {
            if let Some(unwell) = unwell.get(index) {
                unwell.store(!streak.is_well(), Ordering::Relaxed);
            }
            match &asked {
                Ok(()) => tracing::info!(%upstream, "is well again by its health check"),
                Err(reason) => tracing::warn!(%upstream, "is unwell by its health check: {reason}"),
            }
        } else if let Err(reason) = &asked {
            tracing::debug!(%upstream, "failed a health check: {reason}");
        }
        tokio::time::sleep(check.interval + part_of(check.interval_jitter)).await;
    }
}
