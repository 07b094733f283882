//! Finding out about the provider: at start, again while it is down, and again when somebody needs it.
//!
//! Refuses: to stop anything because a provider is down, and to ask it from many places at once.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use doorward_config::OidcProvider;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::http::HttpClient;
use super::keys::Keys;
use super::metadata::Metadata;
use crate::AuthenticateError;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often a provider that is up is asked whether its document has changed.
const REFRESH: Duration = Duration::from_secs(60 * 60);
/// How long a failure answers for those who ask on demand.
const FAILURE_STANDS: Duration = Duration::from_millis(500);

/// A provider that has answered.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) metadata: Metadata,
    pub(crate) keys: Keys,
}

/// What is known of a provider; the last good state is kept.
#[derive(Debug, Default)]
pub(super) struct Discovery {
    known: ArcSwapOption<Ready>,
    /// When asking last failed, and why. Held while asking, so that one answer serves all who wait.
    failed: Mutex<Option<(Instant, String)>>,
}

impl Discovery {
    /// What is known without asking.
    pub(super) fn known(&self) -> Option<Arc<Ready>> {
        self.known.load_full()
    }

    /// What is known, else what the provider answers now.
    pub(super) async fn ready(
        &self,
        http: &HttpClient,
        settings: &OidcProvider,
    ) -> Result<Arc<Ready>, AuthenticateError> {
        if let Some(ready) = self.known() {
            return Ok(ready);
        }
        let mut failed = self.failed.lock().await;
        if let Some(ready) = self.known() {
            return Ok(ready);
        }
        if let Some((when, why)) = failed.as_ref()
            && when.elapsed() < FAILURE_STANDS
        {
            return Err(AuthenticateError::ProviderUnreachable(why.clone()));
        }
        match self.ask(http, settings).await {
            Ok(ready) => {
                *failed = None;
                Ok(ready)
            }
            Err(error) => {
                *failed = Some((Instant::now(), error.to_string()));
                Err(error)
            }
        }
    }

    /// Asks until the provider answers, with longer and longer pauses, then every hour. Never ends by itself.
    pub(super) async fn keep(&self, http: &HttpClient, settings: &OidcProvider) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.ready(http, settings).await {
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(
                        issuer = settings.issuer,
                        %error,
                        again_in_s = pause.as_secs(),
                        "nobody can sign in: the identity provider cannot be used"
                    );
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        tracing::info!(issuer = settings.issuer, "the identity provider is ready");
        loop {
            tokio::time::sleep(REFRESH).await;
            if let Err(error) = self.ask(http, settings).await {
                tracing::warn!(issuer = settings.issuer, %error, "asking the identity provider again failed; what is known stays");
            }
        }
    }

    async fn ask(&self, http: &HttpClient, settings: &OidcProvider) -> Result<Arc<Ready>, AuthenticateError> {
        let metadata = Metadata::discover(http, settings.kind, &settings.issuer).await?;
        let keys = Keys::fetch(http, metadata.jwks_uri.clone()).await?;
        let ready = Arc::new(Ready { metadata, keys });
        self.known.store(Some(Arc::clone(&ready)));
        Ok(ready)
    }
}
