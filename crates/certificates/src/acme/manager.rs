//! The parts of ordering that live as long as the server does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use aws_lc_rs::rand;
use doorward_config::Acme;
use tokio::sync::Notify;

use super::book::Book;
use super::challenge::Pending;
use super::http::{Http, chain};
use super::pace::Pace;
use crate::dns::DnsSolver;
use crate::store::{CertificateStore, FileCertificateStore};
use crate::{CertificatesError, Obtained};

/// What a reload replaces.
pub(crate) struct Setup {
    pub(crate) acme: Acme,
    pub(crate) store: Arc<dyn CertificateStore>,
    /// Whether the store is the configured folder, or one that was handed in.
    pub(crate) in_folder: bool,
    pub(crate) http: Http,
    pub(crate) dns: Option<DnsSolver>,
}

impl Setup {
    pub(crate) fn new(acme: Acme, store: Option<Arc<dyn CertificateStore>>) -> Result<Self, CertificatesError> {
        let http = Http::new(&acme.trusted).map_err(|error| CertificatesError::Acme(chain(&*error)))?;
        let dns = acme.dns.as_ref().map(|dns| DnsSolver::new(dns, &acme.trusted));
        let dns = dns.transpose().map_err(|error| CertificatesError::Acme(chain(&error)))?;
        let in_folder = store.is_none();
        let store = store.unwrap_or_else(|| in_folder_of(&acme.folder));
        Ok(Self { acme, store, in_folder, http, dns })
    }
}

fn in_folder_of(folder: &Path) -> Arc<dyn CertificateStore> {
    Arc::new(FileCertificateStore::new(folder))
}

/// What all clones of the manager share.
pub(crate) struct Inner {
    pub(crate) setup: ArcSwap<Setup>,
    pub(crate) obtained: Obtained,
    pub(crate) clock: fn() -> SystemTime,
    pub(crate) pace: Pace,
    /// What this process is called as a holder of the lease.
    pub(crate) holder: String,
    pub(crate) book: Book,
    pub(crate) pending: Pending,
    pub(crate) wake: Notify,
    pub(crate) renewals: AtomicU64,
    pub(crate) failures: AtomicU64,
    /// Whether all that is kept has been read once.
    pub(crate) loaded: AtomicBool,
    /// When an account was last made because the authority had forgotten the one before.
    pub(crate) account_remade: std::sync::Mutex<Option<SystemTime>>,
}

impl Inner {
    pub(crate) fn new(setup: Setup, obtained: Obtained, clock: fn() -> SystemTime, pace: Pace) -> Self {
        Self {
            setup: ArcSwap::from_pointee(setup),
            obtained,
            clock,
            pace,
            holder: format!("{:016x}{:016x}", random(), random()),
            book: Book::default(),
            pending: Pending::default(),
            wake: Notify::new(),
            renewals: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            loaded: AtomicBool::new(false),
            account_remade: std::sync::Mutex::new(None),
        }
    }
}

/// Chance; where there is none, delays are simply not spread.
pub(crate) fn random() -> u64 {
    let mut bytes = [0; 8];
    match rand::fill(&mut bytes) {
        Ok(()) => u64::from_ne_bytes(bytes),
        Err(_) => 0,
    }
}
