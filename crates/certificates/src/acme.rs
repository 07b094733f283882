//! Certificates ordered from an authority (RFC 8555), renewed in time, one name independent of the other.
//!
//! Refuses: keeping the start waiting, names nobody configured or a route allows, and asking an authority more often
//! than it likes: every attempt is written down before it is made, and the next waits longer. The protocol is
//! `instant-acme`'s; what is kept, when, and who orders is decided here.

mod backoff;
mod book;
mod challenge;
mod check;
mod choice;
mod demand;
mod http;
mod lease;
mod load;
mod manager;
mod order;
mod pace;
mod problem;
mod records;
mod renew;
mod renewal;
mod report;
mod round;
mod session;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use doorward_config::Acme;
use doorward_hygiene::{HostPattern, Hostname};
use futures_util::FutureExt as _;
use rustls::sign::CertifiedKey;
use tokio_util::sync::CancellationToken;

use self::manager::{Inner, Setup};
pub use self::pace::Pace;
use self::records::{RequestRecord, key_of, write};
pub use self::report::{OrderReport, OrderState};
use crate::store::{CertificateStore, RecordKey, RecordKind, StoreError, Waiting};
use crate::{CertificatesError, Obtained};

/// The longest token that is looked up; authorities use 43 letters.
const LONGEST_TOKEN: usize = 200;

/// What ordering needs.
#[derive(Debug)]
pub struct AcmeSettings {
    /// The authority, and what is ordered from it.
    pub acme: Acme,
    /// Where certificates are put in service.
    pub obtained: Obtained,
    /// What time it is.
    pub clock: fn() -> SystemTime,
}

/// Orders and renews certificates. Clones are one.
#[derive(Clone)]
pub struct AcmeManager(Arc<Inner>);

impl AcmeManager {
    /// Reads what is kept in the configured folder and puts it in service. Nobody is asked anything: no network.
    ///
    /// # Errors
    /// [`CertificatesError::Acme`] for settings that cannot be used, [`CertificatesError::Store`].
    pub fn new(settings: AcmeSettings) -> Result<Self, CertificatesError> {
        Self::paced(settings, Pace::default())
    }

    /// As [`Self::new`], for those in a hurry.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn paced(settings: AcmeSettings, pace: Pace) -> Result<Self, CertificatesError> {
        let waiting = Waiting::new(&settings.acme.folder);
        let manager = Self::with(settings, pace, None)?;
        let setup = manager.0.setup.load_full();
        // This store waits for the disk and is done when it is asked.
        match load::everything(&manager.0, &setup.acme, &waiting).now_or_never() {
            Some(outcome) => outcome?,
            None => return Err(StoreError::Stopping.into()),
        }
        Ok(manager)
    }

    /// With another store than the configured folder: one that several machines share. Reads nothing yet; that is for
    /// [`Self::load`], or else done in the background once it can be.
    ///
    /// # Errors
    /// [`CertificatesError::Acme`].
    pub fn in_store(
        settings: AcmeSettings,
        store: Arc<dyn CertificateStore>,
        pace: Pace,
    ) -> Result<Self, CertificatesError> {
        Self::with(settings, pace, Some(store))
    }

    /// Reads what is kept and puts it in service.
    ///
    /// # Errors
    /// [`CertificatesError::Store`].
    pub async fn load(&self) -> Result<(), CertificatesError> {
        let setup = self.0.setup.load_full();
        Ok(load::everything(&self.0, &setup.acme, &*setup.store).await?)
    }

    /// Somebody else has written this record: what is known of it is looked at again, at once.
    pub fn changed(&self, key: &RecordKey) {
        if key.kind() == RecordKind::Certificate {
            self.0.book.reread(|name| key_of(RecordKind::Certificate, name).is_ok_and(|other| other == *key));
        }
        self.0.wake.notify_one();
    }

    /// Others may have written anything: all that is known is looked at again, at once.
    pub fn look_again(&self) {
        self.0.book.reread(|_| true);
        self.0.wake.notify_one();
    }

    fn with(
        settings: AcmeSettings,
        pace: Pace,
        store: Option<Arc<dyn CertificateStore>>,
    ) -> Result<Self, CertificatesError> {
        let AcmeSettings { acme, obtained, clock } = settings;
        Ok(Self(Arc::new(Inner::new(Setup::new(acme, store)?, obtained, clock, pace))))
    }

    /// Takes over new settings: new names are ordered, others are taken out of service but kept.
    ///
    /// # Errors
    /// [`CertificatesError::Acme`]; then everything stays as it was.
    pub fn replace(&self, acme: Acme) -> Result<(), CertificatesError> {
        let now = self.0.setup.load();
        let store = (!now.in_folder).then(|| Arc::clone(&now.store));
        self.0.setup.store(Arc::new(Setup::new(acme, store)?));
        self.0.wake.notify_one();
        Ok(())
    }

    /// Orders and renews in the background until it is told to stop. Returns at once.
    pub fn start(&self, until: CancellationToken) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            while !until.is_cancelled() {
                match round::round(&inner, &until).await {
                    Ok(()) => {}
                    // Told once by whoever asks the store for sessions; all of it is gone on with when it is back.
                    Err(error @ StoreError::Unavailable(_)) => {
                        tracing::debug!(error = %http::chain(&error), "nothing can be ordered for now");
                    }
                    Err(error) => {
                        tracing::error!(error = %http::chain(&error), "what is ordered cannot be read or kept");
                    }
                }
                tokio::select! {
                    () = until.cancelled() => {}
                    () = inner.wake.notified() => {}
                    () = tokio::time::sleep(inner.pace.poll) => {}
                }
            }
        });
    }

    /// The answer to `GET /.well-known/acme-challenge/TOKEN` for this host (RFC 8555 §8.3), if one is pending here
    /// or with another replica.
    pub async fn http01(&self, host: &Hostname, token: &str) -> Option<String> {
        let setup = self.0.setup.load_full();
        if token.len() > LONGEST_TOKEN || !book::wanted(&setup.acme, host) {
            return None;
        }
        self.0.pending.of(&*setup.store, host).await?.http01(token, (self.0.clock)())
    }

    /// The certificate for a handshake of `acme-tls/1` for this host (RFC 8737), if one is pending here or with
    /// another replica.
    pub async fn tls_alpn01(&self, host: &Hostname) -> Option<Arc<CertifiedKey>> {
        let setup = self.0.setup.load_full();
        if !book::wanted(&setup.acme, host) {
            return None;
        }
        self.0.pending.of(&*setup.store, host).await?.tls_alpn01((self.0.clock)())
    }

    /// A handshake asked for this host. Ordered on demand if the settings allow it, and not too many were asked for;
    /// the handshake does not wait.
    pub fn asked_for(&self, host: &Hostname) {
        let setup = self.0.setup.load();
        if self.0.book.ask(&setup.acme, host, (self.0.clock)()) {
            self.0.wake.notify_one();
        }
    }

    /// How each name stands.
    pub fn report(&self) -> Vec<OrderReport> {
        self.0.book.report((self.0.clock)())
    }

    /// Has this name's certificate renewed soon, by whichever process orders. What the authority said about waiting
    /// still holds.
    ///
    /// # Errors
    /// [`CertificatesError::NotOrdered`], [`CertificatesError::Store`].
    pub async fn renew_now(&self, name: &HostPattern) -> Result<(), CertificatesError> {
        let setup = self.0.setup.load_full();
        let not_ordered = || CertificatesError::NotOrdered { name: name.to_string() };
        if !setup.acme.names.contains(name) && !book::on_demand(&setup.acme, name) {
            return Err(not_ordered());
        }
        let key = key_of(RecordKind::Request, name).map_err(|_| not_ordered())?;
        write(&*setup.store, &key, &RequestRecord { name: name.to_string() }).await?;
        self.0.wake.notify_one();
        Ok(())
    }

    /// How many certificates were obtained since the start, first ones and renewals.
    pub fn renewals(&self) -> u64 {
        self.0.renewals.load(Ordering::Relaxed)
    }

    /// How many attempts failed since the start.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for AcmeManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcmeManager").finish_non_exhaustive()
    }
}
