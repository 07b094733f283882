//! The provider's signing keys, fetched again when a token is signed with one that is not known.
//!
//! Refuses: being made to fetch again and again by tokens nobody signed. A fetch that brought nothing new is
//! followed by ten seconds without any; the last good set stays whatever happens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use openidconnect::core::CoreJsonWebKeySet;
use tokio::sync::Mutex;
use url::Url;

use super::http::HttpClient;
use crate::AuthenticateError;

/// How long nothing is fetched after a fetch that was of no use.
const PAUSE: Duration = Duration::from_secs(10);

/// The key set of one provider.
#[derive(Debug)]
pub(crate) struct Keys {
    url: Url,
    current: ArcSwap<CoreJsonWebKeySet>,
    /// When a fetch was last of no use. Held while fetching, so that one fetch serves all who wait.
    useless_at: Mutex<Option<SystemTime>>,
}

impl Keys {
    /// Fetches the set for the first time.
    pub(crate) async fn fetch(http: &HttpClient, url: Url) -> Result<Self, AuthenticateError> {
        let keys = get(http, &url).await?;
        Ok(Self { url, current: ArcSwap::from_pointee(keys), useless_at: Mutex::new(None) })
    }

    /// The set as last fetched.
    pub(crate) fn current(&self) -> Arc<CoreJsonWebKeySet> {
        self.current.load_full()
    }

    /// A set newer than `known`, if there is one and it may be asked for now.
    pub(crate) async fn newer_than(
        &self,
        known: &Arc<CoreJsonWebKeySet>,
        http: &HttpClient,
        now: SystemTime,
    ) -> Option<Arc<CoreJsonWebKeySet>> {
        let mut useless_at = self.useless_at.lock().await;
        let current = self.current();
        if !Arc::ptr_eq(&current, known) {
            return Some(current);
        }
        if useless_at.is_some_and(|then| now.duration_since(then).is_ok_and(|since| since < PAUSE)) {
            return None;
        }
        match get(http, &self.url).await {
            Ok(keys) if keys != *current => {
                *useless_at = None;
                let keys = Arc::new(keys);
                self.current.store(Arc::clone(&keys));
                tracing::info!(url = %self.url, "the identity provider's keys have changed");
                Some(keys)
            }
            outcome => {
                *useless_at = Some(now);
                if let Err(error) = outcome {
                    tracing::warn!(url = %self.url, %error, "fetching the identity provider's keys failed; the old ones stay");
                }
                None
            }
        }
    }
}

async fn get(http: &HttpClient, url: &Url) -> Result<CoreJsonWebKeySet, AuthenticateError> {
    let keys: CoreJsonWebKeySet = http.get_json("key set", url.as_str(), None).await?;
    if keys.keys().is_empty() {
        return Err(AuthenticateError::Untrusted("its key set holds no key that is understood".into()));
    }
    Ok(keys)
}
