//! What is known of every name, in memory: what was tried, what there is, what is due.
//!
//! Refuses: more names on demand than [`demand`] allows.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use doorward_config::Acme;
use doorward_hygiene::{HostPattern, Hostname};
use rustls_pki_types::CertificateDer;

use super::check::Checked;
use super::demand;
use super::records::{Attempts, stamp};
use super::renewal;
use super::report::{OrderReport, OrderState};

/// How long a name that was asked for is remembered without a certificate.
const HOPE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Everything that is known.
#[derive(Default)]
pub(crate) struct Book {
    entries: Mutex<BTreeMap<HostPattern, Entry>>,
    /// How the authority itself has fared.
    gate: Mutex<Attempts>,
}

/// What is known of one name.
#[allow(clippy::struct_excessive_bools, reason = "each says one thing, and none follows from another")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) attempts: Attempts,
    pub(crate) certificate: Option<Owned>,
    /// It is not configured; a handshake asked for it.
    pub(crate) on_demand: bool,
    /// A handshake asked for it since it was tried last.
    pub(crate) asked: bool,
    pub(crate) ordering: bool,
    /// What is kept of it has been read.
    pub(crate) loaded: bool,
    /// What is to be said besides the last error.
    pub(crate) notice: Option<String>,
}

/// The certificate a name has.
#[derive(Debug, Clone)]
pub(crate) struct Owned {
    pub(crate) directory: String,
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) not_before: SystemTime,
    pub(crate) not_after: SystemTime,
}

impl Owned {
    pub(crate) fn of(checked: &Checked, directory: &str) -> Option<Self> {
        let (not_before, not_after) = (checked.facts.not_before, checked.facts.not_after);
        Some(Self { directory: directory.to_owned(), leaf: checked.leaf()?.clone(), not_before, not_after })
    }
}

/// What is to be done for a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// A certificate is to be ordered.
    Order,
    /// The authority is to be asked when the certificate should be renewed.
    Check,
}

impl Entry {
    /// What is due, in the eyes of whoever orders from `directory`.
    pub(crate) fn due(&self, directory: &str, now: SystemTime) -> Option<Due> {
        if self.attempts.next.is_some_and(|next| now < SystemTime::from(next)) {
            return None;
        }
        let Some(certificate) = &self.certificate else {
            return (!self.on_demand || self.asked).then_some(Due::Order);
        };
        if certificate.directory != directory || certificate.not_after <= now {
            return Some(Due::Order);
        }
        match &self.attempts.renewal {
            Some(renewal) if SystemTime::from(renewal.at) <= now => Some(Due::Order),
            Some(renewal) if now < SystemTime::from(renewal.check) => None,
            None if renewal::at_two_thirds(certificate.not_before, certificate.not_after, 0) <= now => Some(Due::Order),
            _ => Some(Due::Check),
        }
    }

    fn report(&self, name: &HostPattern, gate: &Attempts, now: SystemTime) -> OrderReport {
        let certificate = self.certificate.as_ref().filter(|certificate| now < certificate.not_after);
        let failures = self.attempts.failures;
        let closed = gate.last_error.is_some() && failures == 0 && certificate.is_none();
        let failed = failures > 0 && self.attempts.last_error.is_some();
        let state = match certificate {
            _ if self.ordering => OrderState::Ordering,
            Some(_) if failed => OrderState::RenewalFailing,
            Some(_) => OrderState::Valid,
            None if failed || closed => OrderState::Failing,
            None => OrderState::Waiting,
        };
        let renewal = certificate.map(|certificate| {
            let planned = self.attempts.renewal.as_ref().map(|renewal| renewal.at);
            planned.unwrap_or_else(|| stamp(renewal::at_two_thirds(certificate.not_before, certificate.not_after, 0)))
        });
        let own = self.attempts.last_error.clone().filter(|_| failed).or_else(|| self.notice.clone());
        OrderReport {
            name: name.to_string(),
            state,
            not_after: certificate.map(|certificate| stamp(certificate.not_after).to_string()),
            next_renewal: renewal.map(|at| at.to_string()),
            next_attempt: if closed { gate.next } else { self.attempts.next }.map(|at| at.to_string()),
            failures: if closed { gate.failures } else { failures },
            last_error: own.or_else(|| gate.last_error.clone().filter(|_| closed)),
        }
    }
}

impl Book {
    pub(crate) fn entries(&self) -> MutexGuard<'_, BTreeMap<HostPattern, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn gate(&self) -> MutexGuard<'_, Attempts> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in the configured names, and gives back those that are wanted no longer.
    pub(crate) fn adjust(&self, acme: &Acme) -> Vec<HostPattern> {
        let mut entries = self.entries();
        for name in &acme.names {
            entries.entry(name.clone()).or_default().on_demand = false;
        }
        let configured: std::collections::HashSet<_> = acme.names.iter().collect();
        let mut gone = Vec::new();
        entries.retain(|name, entry| {
            entry.on_demand = !configured.contains(name);
            let wanted = !entry.on_demand || on_demand(acme, name);
            if !wanted {
                gone.push(name.clone());
            }
            wanted
        });
        gone
    }

    /// A handshake asked for this host; whether it will be ordered now.
    pub(crate) fn ask(&self, acme: &Acme, host: &Hostname, now: SystemTime) -> bool {
        let name = HostPattern::Exact(host.clone());
        if !on_demand(acme, &name) {
            return false;
        }
        let mut entries = self.entries();
        if let Some(entry) = entries.get_mut(&name) {
            let news = !entry.asked;
            entry.asked = true;
            return news && entry.certificate.is_none();
        }
        if acme.names.iter().any(|configured| configured.matches(host)) {
            return false;
        }
        let others = entries.values().filter(|entry| entry.on_demand);
        let begun = others.map(|entry| entry.attempts.begun.map_or(now, SystemTime::from));
        if !demand::one_more(begun, now) {
            tracing::debug!(%host, "too many new names were asked for; this one is not ordered now");
            return false;
        }
        let attempts = Attempts { name: name.to_string(), begun: Some(stamp(now)), ..Attempts::default() };
        entries.insert(name, Entry { attempts, on_demand: true, asked: true, ..Entry::default() });
        true
    }

    /// Takes out the names on demand that have had no certificate for a week, and that nobody asks for now.
    pub(crate) fn hopeless(&self, now: SystemTime) -> Vec<HostPattern> {
        let old = |begun| now.duration_since(SystemTime::from(begun)).unwrap_or_default() > HOPE;
        let hopeless = |entry: &Entry| {
            let idle = entry.on_demand && !entry.asked && !entry.ordering && entry.certificate.is_none();
            idle && entry.attempts.begun.is_some_and(old)
        };
        let mut gone = Vec::new();
        self.entries().retain(|name, entry| {
            let hopeless = hopeless(entry);
            if hopeless {
                gone.push(name.clone());
            }
            !hopeless
        });
        gone
    }

    /// Every name for which something is due.
    pub(crate) fn due(&self, directory: &str, now: SystemTime) -> Vec<(HostPattern, Due)> {
        let entries = self.entries();
        entries.iter().filter_map(|(name, entry)| Some((name.clone(), entry.due(directory, now)?))).collect()
    }

    pub(crate) fn notice(&self, name: &HostPattern, notice: Option<String>) {
        if let Some(text) = &notice {
            tracing::warn!(%name, "{text}");
        }
        if let Some(entry) = self.entries().get_mut(name) {
            entry.notice = notice;
        }
    }

    /// Has what is kept of these names read again.
    pub(crate) fn reread(&self, which: impl Fn(&HostPattern) -> bool) {
        for (_, entry) in self.entries().iter_mut().filter(|(name, _)| which(name)) {
            entry.loaded = false;
        }
    }

    pub(crate) fn report(&self, now: SystemTime) -> Vec<OrderReport> {
        let gate = self.gate().clone();
        self.entries().iter().map(|(name, entry)| entry.report(name, &gate, now)).collect()
    }
}

/// Whether the name may be ordered because a handshake asked for it.
pub(crate) fn on_demand(acme: &Acme, name: &HostPattern) -> bool {
    name.exact().is_some_and(|host| !host.is_ip() && acme.on_demand.iter().any(|pattern| pattern.matches(host)))
}

/// Whether this host's certificate is ordered at all.
pub(crate) fn wanted(acme: &Acme, host: &Hostname) -> bool {
    let name = HostPattern::Exact(host.clone());
    acme.names.contains(&name) || on_demand(acme, &name)
}

#[cfg(test)]
mod tests;
