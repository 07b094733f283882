//! What lasts from the start of the process to its end: the session store, its secrets, accounts, and keys.
//!
//! Refuses: a store that was sealed with another secret, also when a reload would bring that about. A shared store that
//! does not answer is no reason not to start: it is waited for.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_authenticate::Accounts;
use doorward_config::Config;
use doorward_sessions::{
    Change, Limits, RecordKind, Secret32, SecretRing, SessionStore, Sessions, SessionsError, Vault,
};
use doorward_transport::TicketKeys;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::ServerError;
use super::assertion_keys::AssertionKeys;
use super::served_certificates::ServedCertificates;
use super::shared_certificates::SharedCertificates;
use super::ticket_keys::{Rotation, own_keys};
use crate::{data_dir, session_store};

/// How often a store that did not answer at the start is asked again.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// See the module.
pub(super) struct Lasting {
    pub(super) sessions: Arc<Sessions>,
    pub(super) keys: Arc<AssertionKeys>,
    pub(super) accounts: Arc<Accounts>,
    pub(super) tickets: TicketKeys,
    store: Arc<dyn SessionStore>,
    secrets: SecretRing,
    /// Told when another replica has written keys: those of tickets, those of assertions.
    keys_news: [Arc<Notify>; 2],
    /// Ends what runs in the background for the whole life of the process.
    pub(super) background: CancellationToken,
}

/// Secrets that the store opens with.
pub(super) struct Secrets {
    newest: Secret32,
    older: Vec<Secret32>,
}

impl Lasting {
    /// Opens what is kept, and looks after it in the background. To be called within the runtime.
    ///
    /// # Errors
    /// [`ServerError`].
    pub(super) async fn open(config: &Config) -> Result<Self, ServerError> {
        data_dir::prepare(&config.data_dir)?;
        if let Some(advice) = session_store::advice(config) {
            warn!("{advice}");
        }
        let secrets = session_store::secrets(config)?;
        let store = session_store::open_store(config).await?;
        let sessions = Arc::new(Sessions::new(Arc::clone(&store), secrets.clone(), limits(config)));
        let shared = store.is_shared().then(|| sessions.vault().clone());
        let lasting = Self {
            keys: Arc::new(AssertionKeys::open(config, shared, SystemTime::now()).await?),
            sessions,
            accounts: Arc::new(Accounts::open(&config.data_dir)?),
            tickets: own_keys()?,
            store,
            secrets,
            keys_news: Default::default(),
            background: CancellationToken::new(),
        };
        lasting.prepare(session_store::kind(&config.sessions.store)).await?;
        lasting.look_after();
        Ok(lasting)
    }

    /// Where certificates are ordered in; none for the configured folder.
    pub(super) fn shared_certificates(&self) -> Option<SharedCertificates> {
        let shared =
            || SharedCertificates::new(self.sessions.vault().clone(), Arc::clone(&self.store), SystemTime::now);
        self.store.is_shared().then(shared)
    }

    /// Hands on what other replicas do.
    pub(super) fn hear(&self, certificates: Option<Arc<ServedCertificates>>) {
        if !self.store.is_shared() {
            return;
        }
        let (mut changes, keys, stop) = (self.store.changes(), self.keys_news.clone(), self.background.clone());
        tokio::spawn(async move {
            while let Some(Some(change)) = stop.run_until_cancelled(changes.next()).await {
                let about_keys = match &change {
                    Change::Written { key, .. } | Change::Removed { key } => key.kind == RecordKind::Server,
                    Change::Missed => true,
                };
                if about_keys {
                    for news in &keys {
                        news.notify_one();
                    }
                }
                if let Some(certificates) = &certificates {
                    certificates.hear(&change);
                }
            }
        });
    }

    /// The secrets of another configuration, if they differ and the store can be opened with them.
    ///
    /// # Errors
    /// [`ServerError`] when it could not be.
    pub(super) async fn other_secrets(
        &self,
        old: &Config,
        new: &Config,
        now: SystemTime,
    ) -> Result<Option<Secrets>, ServerError> {
        // The store itself stays until a restart, whatever the configuration says of it: so do its secrets.
        if old.sessions.secrets == new.sessions.secrets || old.sessions.store != new.sessions.store {
            return Ok(None);
        }
        let (newest, older) = session_store::secret_keys(new)?;
        let ring = SecretRing::new(newest.clone(), older.clone());
        // Nothing is sealed with them yet: the configuration may be refused for another reason.
        match Vault::new(Arc::clone(&self.store), ring).check(now).await {
            Ok(()) => {}
            Err(SessionsError::StoreUnavailable(_)) => {
                warn!("the session store does not answer: whether it opens with the new secrets is not known");
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Some(Secrets { newest, older }))
    }

    /// Takes over another configuration, and its secrets if they differ.
    pub(super) fn replace(&self, new: &Config, secrets: Option<Secrets>) {
        if let Some(Secrets { newest, older }) = secrets {
            info!(older = older.len(), "the secrets of sessions were replaced");
            self.secrets.replace(newest, older);
        }
        self.sessions.set_limits(limits(new));
    }

    /// Finds out whether the store can be used with our secrets, now or as soon as it answers.
    async fn prepare(&self, kind: &'static str) -> Result<(), ServerError> {
        match self.sessions.vault().prepare(SystemTime::now()).await {
            Ok(()) => return Ok(()),
            Err(SessionsError::StoreUnavailable(error)) => {
                let error = crate::commands::Failure::of(&error);
                warn!(store = kind, %error, "the session store does not answer: nobody can sign in until it does");
            }
            Err(error) => return Err(error.into()),
        }
        let (vault, stop) = (self.sessions.vault().clone(), self.background.clone());
        tokio::spawn(stop.run_until_cancelled_owned(async move {
            loop {
                tokio::time::sleep(ASK_AGAIN).await;
                match vault.prepare(SystemTime::now()).await {
                    Ok(()) => return info!(store = kind, "the session store answers: everybody can sign in"),
                    Err(SessionsError::StoreUnavailable(_)) => {}
                    Err(error) => {
                        let error = crate::commands::Failure::of(&error);
                        return error!(store = kind, %error, "the session store cannot be used: nobody can sign in");
                    }
                }
            }
        }));
        Ok(())
    }

    fn look_after(&self) {
        let (sessions, stop) = (Arc::clone(&self.sessions), self.background.clone());
        tokio::spawn(async move { sessions.run_keeper(SystemTime::now, stop).await });
        let (sessions, stop) = (Arc::clone(&self.sessions), self.background.clone());
        tokio::spawn(async move { sessions.run_changes(SystemTime::now, stop).await });
        let [of_tickets, of_assertions] = self.keys_news.clone();
        tokio::spawn(Arc::clone(&self.keys).run(of_assertions, self.background.clone()));
        let vault = self.store.is_shared().then(|| self.sessions.vault().clone());
        let rotation = Rotation { keys: self.tickets.clone(), vault, clock: SystemTime::now, news: of_tickets };
        tokio::spawn(rotation.run(self.background.clone()));
    }
}

fn limits(config: &Config) -> Limits {
    let settings = &config.sessions;
    Limits { lifetime: settings.lifetime, idle: settings.idle_timeout, grace: settings.store_grace }
}
