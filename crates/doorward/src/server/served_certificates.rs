//! The certificates that are served and whoever provides them: files, an authority, the local authority.
//!
//! Refuses: a configuration of which one certificate cannot be used; then all of them stay as they were.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use doorward_certificates::{
    AcmeManager, AcmeSettings, CertificateReport, Certificates, LocalAuthority, OrderReport, Pace, Source, Sources,
};
use doorward_config::{Acme, Config};
use doorward_sessions::Change;
use doorward_transport::TicketKeys;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::ServerError;
use super::handshakes::Handshakes;
use super::metrics::{CertificateFigure, Figures};
use super::shared_certificates::SharedCertificates;
use crate::local_authority::{hosts, pairs};

/// How often certificates are looked at: the local authority's are good for a week and renewed at half of that.
pub(super) const RENEWAL_EVERY: Duration = Duration::from_secs(60 * 60);
/// How often is warned of one that is about to end.
const WARN_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// All that belongs to the certificates of the main listener.
#[derive(Debug)]
pub(super) struct ServedCertificates {
    certificates: Certificates,
    handshakes: Arc<Handshakes>,
    authority: LocalAuthority,
    /// Where certificates are ordered in, if not in the configured folder.
    orders: Option<SharedCertificates>,
    changing: Mutex<Changing>,
}

/// What replicas share.
pub(super) struct Shared {
    /// The keys of session tickets, which may also be this process's alone.
    pub(super) tickets: TicketKeys,
    /// Where certificates are ordered in; none for the configured folder.
    pub(super) orders: Option<SharedCertificates>,
}

#[derive(Debug, Default)]
struct Changing {
    ordering: Option<Ordering>,
    warned: Option<SystemTime>,
}

/// Whoever orders certificates, and what ends that.
#[derive(Debug)]
struct Ordering {
    manager: AcmeManager,
    until: CancellationToken,
}

impl Ordering {
    /// Whoever orders, not yet begun.
    fn new(acme: &Acme, certificates: &Certificates, shared: Option<&SharedCertificates>) -> Result<Self, ServerError> {
        let settings = AcmeSettings { acme: acme.clone(), obtained: certificates.obtained(), clock: SystemTime::now };
        let manager = match shared {
            None => AcmeManager::new(settings)?,
            Some(store) => AcmeManager::in_store(settings, Arc::new(store.clone()), Pace::default())?,
        };
        Ok(Self { manager, until: CancellationToken::new() })
    }

    fn begin(&self) {
        self.manager.start(self.until.clone());
    }
}

impl ServedCertificates {
    /// Reads and makes what the configuration asks for. Waits for no authority.
    ///
    /// # Errors
    /// [`ServerError`].
    pub(super) async fn open(
        config: &Config,
        authority: LocalAuthority,
        shared: Shared,
        now: SystemTime,
    ) -> Result<Self, ServerError> {
        let Shared { tickets, orders } = shared;
        let hosts = hosts(config);
        let sources = Sources { pairs: pairs(config), hosts: &hosts, authority: Some(&authority) };
        let certificates = Certificates::new(sources, now)?;
        let versions = super::versions(config.listeners.codec);
        let handshakes = Arc::new(Handshakes::new(certificates.resolver(), &config.tls, tickets, versions)?);
        let ordering = config.tls.acme.as_ref();
        let ordering = ordering.map(|acme| Ordering::new(acme, &certificates, orders.as_ref())).transpose()?;
        if let Some(ordering) = &ordering {
            // So that the first handshake finds what there is. Without its store it is found when that answers.
            if orders.is_some()
                && let Err(error) = ordering.manager.load().await
            {
                warn!(error = %crate::commands::Failure::of(&error), "the certificates that replicas share cannot be read yet");
            }
            ordering.begin();
        }
        handshakes.order_with(ordering.as_ref().map(|ordering| ordering.manager.clone()));
        let changing = Mutex::new(Changing { ordering, warned: None });
        Ok(Self { certificates, handshakes, authority, orders, changing })
    }

    /// Takes over another configuration. No connection ends.
    ///
    /// # Errors
    /// [`ServerError`]; then the certificates stay as they were.
    pub(super) fn replace(&self, config: &Config, now: SystemTime) -> Result<(), ServerError> {
        let believing = self.handshakes.believing(&config.tls)?;
        let mut changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = match (&config.tls.acme, &changing.ordering) {
            (Some(acme), Some(ordering)) => {
                ordering.manager.replace(acme.clone())?;
                None
            }
            (Some(acme), None) => Some(Ordering::new(acme, &self.certificates, self.orders.as_ref())?),
            (None, _) => None,
        };
        self.renew(config, now)?;
        self.handshakes.believe(believing);
        if let Some(begun) = &begun {
            begun.begin();
        }
        if begun.is_some() || config.tls.acme.is_none() {
            let ended = std::mem::replace(&mut changing.ordering, begun);
            self.handshakes.order_with(changing.ordering.as_ref().map(|ordering| ordering.manager.clone()));
            if let Some(ended) = ended {
                ended.until.cancel();
            }
        }
        Ok(())
    }

    /// Hands on what another replica has done in the store.
    pub(super) fn hear(&self, change: &Change) {
        let Some(shared) = &self.orders else { return };
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ordering) = &changing.ordering else { return };
        match change {
            Change::Missed => ordering.manager.look_again(),
            Change::Written { key, .. } => {
                if let Some(certificate) = shared.named(key) {
                    ordering.manager.changed(&certificate);
                }
            }
            Change::Removed { .. } => {}
        }
    }

    /// Issues the local authority's certificates anew when they are near their end, and warns of those that are and
    /// that nobody renews.
    pub(super) fn look_after(&self, config: &Config, now: SystemTime) {
        if let Err(error) = self.renew(config, now) {
            error!(error = %crate::commands::Failure::of(&error), "the certificates were not renewed; those in use stay");
        }
        let mut changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if changing.warned.is_some_and(|then| now.duration_since(then).is_ok_and(|since| since < WARN_EVERY)) {
            return;
        }
        for report in self.certificates.report(now).iter().filter(|report| report.expires_soon) {
            changing.warned = Some(now);
            let (names, ends, file) = (report.names.join(", "), &report.not_after, report.label.as_deref());
            warn!(names, ends, days_left = report.days_left, file, "a certificate is about to end");
        }
    }

    /// For the listener, the proxy and the listener of plain HTTP.
    pub(super) fn handshakes(&self) -> Arc<Handshakes> {
        Arc::clone(&self.handshakes)
    }

    /// For `/status`.
    pub(super) fn status(&self, now: SystemTime) -> Value {
        json!({ "certificates": self.certificates.report(now), "orders": self.orders() })
    }

    /// For the metrics.
    pub(super) fn measure(&self, figures: &mut Figures, now: SystemTime) {
        figures.certificates = self.certificates.report(now).iter().map(figure).collect();
        if let Some(ordering) = &self.changing.lock().unwrap_or_else(PoisonError::into_inner).ordering {
            figures.renewals = ordering.manager.renewals();
            figures.failures = ordering.manager.failures();
        }
    }

    /// Ends what runs in the background.
    pub(super) fn close(&self) {
        if let Some(ordering) = &self.changing.lock().unwrap_or_else(PoisonError::into_inner).ordering {
            ordering.until.cancel();
        }
    }

    fn orders(&self) -> Vec<OrderReport> {
        let changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        changing.ordering.as_ref().map(|ordering| ordering.manager.report()).unwrap_or_default()
    }

    fn renew(&self, config: &Config, now: SystemTime) -> Result<(), ServerError> {
        let hosts = hosts(config);
        let sources = Sources { pairs: pairs(config), hosts: &hosts, authority: Some(&self.authority) };
        Ok(self.certificates.replace(sources, now)?)
    }
}

fn figure(report: &CertificateReport) -> CertificateFigure {
    let source = match report.source {
        Source::File => "file",
        Source::Acme => "acme",
        Source::Local => "local",
    };
    CertificateFigure { name: report.names.first().cloned().unwrap_or_default(), source, ends: report.ends }
}
