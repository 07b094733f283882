//! The keys that sign assertions: the configured one, or a ring kept below the data directory.

use std::sync::Arc;
use std::time::SystemTime;

use doorward_assertion::{KeyringFile, SignError, SigningKeys};
use doorward_config::{Assertion, Config};
use tracing::{error, info};

/// The keys in use, and where they are kept.
#[derive(Debug)]
pub(crate) struct AssertionKeys {
    keys: Arc<SigningKeys>,
    file: KeyringFile,
}

impl AssertionKeys {
    /// The configured key; without one, the ring in `data_dir/assertion`, which is made when there is none.
    ///
    /// # Errors
    /// [`SignError`].
    pub(crate) fn open(config: &Config, now: SystemTime) -> Result<Self, SignError> {
        let file = KeyringFile::at(&config.data_dir.join("assertion"));
        let keys = match &config.assertion.signing_key {
            Some(key) => SigningKeys::fixed(key.expose())?,
            None => SigningKeys::of_ring(&file.look_after(now)?)?,
        };
        Ok(Self { keys: Arc::new(keys), file })
    }

    /// Takes the configured key into use, or the ring as it is now.
    ///
    /// # Errors
    /// [`SignError`]; then the keys are those before.
    pub(crate) fn configure(&self, settings: &Assertion, now: SystemTime) -> Result<(), SignError> {
        match &settings.signing_key {
            Some(key) => self.keys.replace_by_fixed(key.expose(), now),
            None => self.keys.replace(&self.file.look_after(now)?, now),
        }
    }

    /// Publishes the next key when its time has come, and drops those nothing of which is good any more.
    pub(crate) fn look_after(&self, settings: &Assertion, now: SystemTime) {
        let before = self.keys.published().etag;
        match self.configure(settings, now) {
            Ok(()) if self.keys.published().etag != before => info!("the published signing keys have changed"),
            Ok(()) => {}
            Err(error) => {
                error!(error = %crate::commands::Failure::of(&error), "the signing keys cannot be looked after; those in use go on");
            }
        }
    }

    pub(crate) fn keys(&self) -> Arc<SigningKeys> {
        Arc::clone(&self.keys)
    }
}
