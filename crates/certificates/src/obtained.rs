//! Certificates ordered from an authority, beside the table: each is put in service by itself, while others answer.
//!
//! Refuses: nothing of what it is given; whoever publishes has checked the certificate.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use arc_swap::ArcSwap;
use doorward_hygiene::HostPattern;
use rustls::sign::CertifiedKey;

use crate::LeafFacts;
use crate::names::{Names, Served, spelled};
use crate::report::Source;

/// How many parts there are. Publishing copies one part, so ten thousand certificates read at start-up cost ten
/// thousand small copies, not ten thousand whole ones.
const PARTS: usize = 64;

/// Puts ordered certificates in service, and takes them out. Clones are one.
#[derive(Clone)]
pub struct Obtained(Arc<Parts>);

struct Parts {
    parts: Vec<ArcSwap<Names>>,
    hasher: RandomState,
}

impl Obtained {
    pub(crate) fn new() -> Self {
        let parts = (0..PARTS).map(|_| ArcSwap::default()).collect();
        Self(Arc::new(Parts { parts, hasher: RandomState::new() }))
    }

    #[allow(clippy::needless_pass_by_value, reason = "it is kept")]
    /// Puts this certificate in service for its name, in place of the one before; open connections keep theirs.
    pub fn publish(&self, name: &HostPattern, key: Arc<CertifiedKey>, facts: LeafFacts) {
        let served = Arc::new(Served { key, facts, source: Source::Acme, label: None });
        self.change(name, |names| names.put(name, Arc::clone(&served)));
    }

    /// Takes the certificate of this name out of service.
    pub fn withdraw(&self, name: &HostPattern) {
        self.change(name, |names| names.take(name));
    }

    fn change(&self, name: &HostPattern, change: impl Fn(&mut Names)) {
        let place = match name {
            HostPattern::Exact(host) => self.part(&spelled(host.as_str())),
            HostPattern::Below(parent) => self.part(parent.as_str()),
        };
        let Some(part) = place else { return };
        part.rcu(|names| {
            let mut names = Names::clone(names);
            change(&mut names);
            names
        });
    }

    /// For a name in lower case: exactly, else by a `*`.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Served>> {
        let exact = self.part(name).and_then(|part| part.load().exact(name).cloned());
        exact.or_else(|| {
            let (_, parent) = name.split_once('.')?;
            self.part(parent)?.load().wildcard(parent).cloned()
        })
    }

    /// Whoever answers this host, or all one label below one.
    pub(crate) fn of(&self, pattern: &HostPattern) -> Option<Arc<Served>> {
        match pattern {
            HostPattern::Exact(host) if host.is_ip() => {
                let name = spelled(host.as_str());
                self.part(&name)?.load().exact(&name).cloned()
            }
            HostPattern::Exact(host) => self.find(host.as_str()),
            HostPattern::Below(parent) => self.part(parent.as_str())?.load().wildcard(parent.as_str()).cloned(),
        }
    }

    /// Every certificate, once for each name it was published for.
    pub(crate) fn all(&self) -> Vec<Arc<Served>> {
        self.0.parts.iter().flat_map(|part| part.load().all().cloned().collect::<Vec<_>>()).collect()
    }

    fn part(&self, name: &str) -> Option<&ArcSwap<Names>> {
        let place = self.0.hasher.hash_one(name) % u64::try_from(PARTS).unwrap_or(1);
        self.0.parts.get(usize::try_from(place).unwrap_or_default())
    }
}

impl fmt::Debug for Obtained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Obtained").finish_non_exhaustive()
    }
}
