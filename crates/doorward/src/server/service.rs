//! Everything that one configuration is made into, and how the next one takes its place.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use doorward_assertion::Signer;
use doorward_authenticate::{Authenticator, AuthenticatorSettings};
use doorward_config::{Config, Provider};
use doorward_identity::Email;
use doorward_proxy::{RefusalCount, Snapshot, SnapshotSettings, Tunnels};
use doorward_sessions::Sessions;
use doorward_telemetry::AuditCounts;
use doorward_transport::{Admission, Drain, Reason};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::ServerError;
use super::gate::Gate;
use super::handshakes::Handshakes;
use super::health::Status;
use super::lasting::Lasting;
use super::metrics::{Figures, Gather, LoadFigures};
use super::needing_restart::needing_restart;
use super::published_keys::PublishedKeys;
use super::served_certificates::{ServedCertificates, Shared};
use super::session_health::SessionHealth;
use crate::invitations::{self, Invited};
use crate::local_authority;
use crate::portal::Portal;

/// The running parts. What stays when the configuration changes is made once; the rest hangs on `snapshot`.
pub(crate) struct Service {
    config: Arc<Config>,
    snapshot: Arc<ArcSwap<Snapshot>>,
    tunnels: Arc<Tunnels>,
    /// None when something in front of us ends TLS.
    certificates: Option<Arc<ServedCertificates>>,
    authenticator: Authenticator,
    /// Ends what the authenticator does in the background.
    background: CancellationToken,
    lasting: Lasting,
    /// What `/status` tells, replaced with each configuration.
    told: Arc<Mutex<Arc<Config>>>,
}

impl Service {
    /// Opens what is kept under the data directory and compiles the configuration.
    ///
    /// # Errors
    /// [`ServerError`]: whatever cannot be opened or compiled.
    pub(crate) async fn open(config: Config, drain: Drain) -> Result<Self, ServerError> {
        let now = SystemTime::now();
        let config = Arc::new(config);
        let lasting = Lasting::open(&config).await?;
        // An insecure server needs no certificate, but may be told to need one by a later configuration: that takes a
        // restart.
        let certificates = if config.listeners.insecure {
            None
        } else {
            let authority = local_authority::open(&config, now)?;
            let shared = Shared { tickets: lasting.tickets.clone(), orders: lasting.shared_certificates() };
            Some(Arc::new(ServedCertificates::open(&config, authority, shared, now).await?))
        };
        lasting.hear(certificates.clone());
        let authenticator = lasting.authenticator(&config, None)?;
        let snapshot = lasting.snapshot(&config, &authenticator, certificates.as_deref(), None)?;
        let background = CancellationToken::new();
        authenticator.start(background.clone());
        let (snapshot, tunnels) = (Arc::new(ArcSwap::from_pointee(snapshot)), Tunnels::new(drain));
        // What is learned of a person may end what they hold open. Weak: both lead back to the sessions, and those that hold
        // themselves would never close their store.
        let (held, decided_by) = (Arc::downgrade(&tunnels), Arc::downgrade(&snapshot));
        lasting.sessions.on_news(move |session| {
            if let (Some(held), Some(decided_by)) = (held.upgrade(), decided_by.upgrade()) {
                held.redecide_session(&decided_by.load(), session, SystemTime::now());
            }
        });
        Ok(Self {
            certificates,
            snapshot,
            tunnels,
            told: Arc::new(Mutex::new(Arc::clone(&config))),
            config,
            authenticator,
            background,
            lasting,
        })
    }

    /// Puts another configuration in place, whole or not at all. Says how many tunnels it ended.
    ///
    /// # Errors
    /// [`ServerError`]; then everything goes on as before.
    pub(crate) async fn replace(&mut self, config: Config, now: SystemTime) -> Result<usize, ServerError> {
        for key in needing_restart(&self.config, &config) {
            warn!(key, "this changed, but takes effect only after a restart");
        }
        let config = Arc::new(config);
        let authenticator = self.lasting.authenticator(&config, Some(&self.authenticator))?;
        let certificates = self.certificates.as_deref();
        let snapshot = self.lasting.snapshot(&config, &authenticator, certificates, Some(&self.snapshot.load()))?;
        // Before anything takes effect: it is the one that asks somebody else.
        let secrets = self.lasting.other_secrets(&self.config, &config, now).await?;
        self.lasting.keys.configure(&config.assertion, now)?;
        // Last of what can fail, since it takes effect at once.
        if let Some(certificates) = &self.certificates {
            certificates.replace(&config, now)?;
        }
        self.lasting.replace(&config, secrets);
        let snapshot = Arc::new(snapshot);
        self.snapshot.store(Arc::clone(&snapshot));
        self.background.cancel();
        self.background = CancellationToken::new();
        authenticator.start(self.background.clone());
        self.authenticator = authenticator;
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&config);
        self.config = config;
        Ok(self.tunnels.redecide(&snapshot, now))
    }

    /// Renews what is near its end, and warns of what nobody renews.
    pub(crate) fn look_after_certificates(&self, now: SystemTime) {
        if let Some(certificates) = &self.certificates {
            certificates.look_after(&self.config, now);
        }
    }

    /// Publishes and drops the keys of assertions whose time has come.
    pub(crate) fn look_after_keys(&self, now: SystemTime) {
        self.lasting.keys.look_after(&self.config.assertion, now);
    }

    /// Ends what is open and has become forbidden by the time alone.
    pub(crate) fn redecide_by_time(&self, now: SystemTime) {
        let ended = self.tunnels.redecide_by_time(&self.snapshot.load(), now);
        if ended > 0 {
            info!(ended, "tunnels were ended that policy does not allow any more");
        }
        let sessions = &self.lasting.sessions;
        let ended = self.tunnels.end_unvouched(|session| sessions.vouches_for(session, now));
        if ended > 0 {
            warn!(ended, "tunnels were ended because the session store has been silent for longer than its grace");
        }
    }

    /// New links for the configuration's people who have no password yet.
    ///
    /// # Errors
    /// When the accounts file cannot be written.
    pub(crate) fn invite(&self, invited: Invited, now: SystemTime) -> Result<Vec<(Email, String)>, ServerError> {
        match &self.config.sign_in.provider {
            Provider::Oidc(_) => Ok(Vec::new()),
            Provider::BuiltIn(users) => {
                Ok(invitations::invitations(&self.lasting.accounts, &self.config.sign_in.origin, users, invited, now)?)
            }
        }
    }

    /// Ends what runs in the background.
    pub(crate) fn close(&self) {
        self.background.cancel();
        self.lasting.background.cancel();
        if let Some(certificates) = &self.certificates {
            certificates.close();
        }
    }

    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config)
    }

    pub(crate) fn snapshot(&self) -> Arc<ArcSwap<Snapshot>> {
        Arc::clone(&self.snapshot)
    }

    pub(crate) fn tunnels(&self) -> Arc<Tunnels> {
        Arc::clone(&self.tunnels)
    }

    /// None when something in front of us ends TLS.
    pub(crate) fn handshakes(&self) -> Option<Arc<Handshakes>> {
        self.certificates.as_ref().map(|certificates| certificates.handshakes())
    }

    pub(crate) fn sessions(&self) -> Arc<Sessions> {
        Arc::clone(&self.lasting.sessions)
    }

    /// Cancelled by [`Self::close`].
    pub(crate) fn until_the_end(&self) -> CancellationToken {
        self.lasting.background.clone()
    }

    /// How the sessions are; `counts` counts the audit events.
    pub(crate) fn session_health(&self, counts: AuditCounts) -> SessionHealth {
        SessionHealth::new(self.sessions(), &self.config.sessions.store, counts)
    }

    /// Gathers the metrics.
    pub(crate) fn gather(&self, sessions: &SessionHealth, admission: &Admission) -> Gather {
        let (sessions, admission) = (sessions.clone(), admission.clone());
        let (certificates, tunnels, snapshot) = (self.certificates.clone(), self.tunnels(), self.snapshot());
        Arc::new(move || {
            let snapshot = snapshot.load();
            let mut figures = Figures {
                tunnels: tunnels.count(),
                sessions: sessions.figures(),
                decisions: snapshot.decisions(),
                shadow_differences: snapshot.shadow_differences(),
                load: LoadFigures {
                    requests: tunnels.requests(),
                    refusals: refusals(&snapshot, &admission),
                    rate_limited: snapshot.rate_limited(),
                },
                upstreams: snapshot.upstreams(),
                ..Figures::default()
            };
            if let Some(certificates) = &certificates {
                certificates.measure(&mut figures, SystemTime::now());
            }
            figures
        })
    }

    pub(crate) fn status(&self, sessions: &SessionHealth) -> Status {
        let sessions = sessions.clone();
        let (told, tunnels, certificates) = (Arc::clone(&self.told), self.tunnels(), self.certificates.clone());
        let snapshot = self.snapshot();
        Arc::new(move || {
            let config = Arc::clone(&told.lock().unwrap_or_else(PoisonError::into_inner));
            json!({
                "routes": config.routes.len(),
                "sign_in": config.sign_in.origin.to_string(),
                "tunnels": tunnels.count(),
                "sessions": sessions.status(),
                "upstreams": upstreams(&snapshot.load()),
                "tls": certificates.as_ref().map(|certificates| certificates.status(SystemTime::now())),
            })
        })
    }
}

/// What was refused: requests, and connections that did not get as far as one.
fn refusals(snapshot: &Snapshot, admission: &Admission) -> Vec<RefusalCount> {
    let counts = admission.counts();
    let of_connections =
        Reason::ALL.map(|reason| RefusalCount { route: None, reason: reason.as_str(), count: counts.of(reason) });
    snapshot.refusals().into_iter().chain(of_connections).collect()
}

/// How many addresses there are, and which of them are not well.
fn upstreams(snapshot: &Snapshot) -> serde_json::Value {
    let figures = snapshot.upstreams();
    let unhealthy: Vec<_> = figures.iter().filter(|figure| !figure.healthy).map(|figure| &*figure.upstream).collect();
    json!({ "addresses": figures.len(), "unhealthy": unhealthy })
}

impl Lasting {
    fn authenticator(&self, config: &Config, previous: Option<&Authenticator>) -> Result<Authenticator, ServerError> {
        let portal = Portal::new(&config.routes);
        let settings = AuthenticatorSettings {
            sign_in: config.sign_in.clone(),
            cookie: config.sessions.cookie.clone(),
            limits: config.limits.sign_in.clone(),
            sessions: Arc::clone(&self.sessions),
            accounts: Some(Arc::clone(&self.accounts)),
            clock: Arc::new(SystemTime::now),
            support_contact: config.support_contact.clone(),
            routes_of: Arc::new(move |identity, client, headers| {
                portal.open_to(identity, client, headers, SystemTime::now())
            }),
        };
        Ok(Authenticator::new(settings, previous)?)
    }

    fn snapshot(
        &self,
        config: &Config,
        authenticator: &Authenticator,
        certificates: Option<&ServedCertificates>,
        previous: Option<&Snapshot>,
    ) -> Result<Snapshot, ServerError> {
        let gate = Arc::new(Gate::new(authenticator.clone(), PublishedKeys::new(self.keys.keys(), config)));
        let settings = SnapshotSettings {
            routes: config.routes.clone(),
            origins: config.sign_in.known_origins.clone(),
            cookie_stem: config.sessions.cookie.stem.clone(),
            underscored: config.underscored,
            stream_idle: config.timeouts.idle,
            limits: config.limits.clone(),
            rate_limits: config.rate_limits.clone(),
            identify: gate.clone(),
            own: gate,
            clients: certificates.map(|certificates| certificates.handshakes() as _),
            support_contact: config.support_contact.clone(),
            proxies: config.proxies.clone(),
            signer: Some(Arc::new(Signer::new(self.keys.keys(), &config.assertion))),
        };
        Ok(Snapshot::build(settings, previous)?)
    }
}
