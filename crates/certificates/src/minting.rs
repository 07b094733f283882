//! Certificates made in the handshake, for the hosts directly below a single label (`*.localhost`): clients take no
//! wildcard there (Chromium and rustls alike), and some refuse all of a certificate that has one.
//!
//! Refuses: names that are not exactly one label below, and to remember more than a few hundred.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use doorward_hygiene::{HostPattern, Hostname, parent_of};

use crate::authority::Authority;
use crate::leaf;
use crate::names::Served;
use crate::report::Source;

/// How many certificates are remembered. Beyond that all are forgotten: making one costs less than the handshake.
const MOST: usize = 256;

/// Makes certificates for names as they are asked for.
#[derive(Default)]
pub(crate) struct Minting {
    /// By the label the hosts are below.
    authorities: HashMap<Box<str>, Arc<Authority>>,
    /// When the certificates begin: the table they belong to is made anew every hour.
    now: Option<SystemTime>,
    made: ArcSwap<HashMap<Box<str>, Arc<Served>>>,
}

/// Whether no client would take a certificate with this name.
pub(crate) fn is_needed(host: &HostPattern) -> bool {
    matches!(host, HostPattern::Below(parent) if !parent.as_str().contains('.'))
}

impl Minting {
    pub(crate) fn new(authorities: HashMap<Box<str>, Arc<Authority>>, now: SystemTime) -> Self {
        Self { authorities, now: Some(now), made: ArcSwap::default() }
    }

    /// For a name in lower case.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Served>> {
        let authority = self.authorities.get(name.split_once('.')?.1)?;
        if let Some(served) = self.made.load().get(name) {
            return Some(Arc::clone(served));
        }
        let host = Hostname::parse(name).ok().filter(|host| parent_of(host).is_some())?;
        let (key, facts) = leaf::make(authority, &HostPattern::Exact(host), self.now?)
            .inspect_err(|error| tracing::error!(%error, name, "the local authority could not issue a certificate"))
            .ok()?;
        let served = Arc::new(Served { key, facts, source: Source::Local, label: None });
        self.made.rcu(|made| {
            let mut made = if made.len() < MOST { HashMap::clone(made) } else { HashMap::new() };
            made.insert(name.into(), Arc::clone(&served));
            made
        });
        Some(served)
    }
}
