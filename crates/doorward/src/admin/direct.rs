//! Where a request is done: by the doorward that runs, or, when none does, with the store itself.
//!
//! Refuses: to guess. A store that another process holds and sessions in a memory that nobody has are said to be that.

use std::sync::Arc;
use std::time::SystemTime;

use doorward_config::{Config, StoreSettings};
use doorward_sessions::{Limits, MemoryStore, SecretRing, SessionStore, Sessions, SessionsError};

use super::client::{AskError, ask};
use super::operations::Operations;
use super::protocol::{Answer, Request};
use crate::commands::Failure;
use crate::data_dir;
use crate::session_store::{StoreError, file_of, open_store, secrets};

/// Who did what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The doorward that runs.
    Running,
    /// This command, with the embedded store, which no process uses.
    File,
    /// This command, with the store that others may use too: it tells them.
    Shared,
}

/// Has a request done, and says by whom.
///
/// # Errors
/// [`Failure`], when it cannot be done, or is answered with a failure.
pub(crate) fn perform(config: &Config, request: &Request) -> Result<(Answer, Place), Failure> {
    // For stores behind TLS; the one provider of cryptography, as in the server.
    let _installed_before = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Said(format!("the system has no thread for this: {error}")))?;
    let (answer, place) = runtime.block_on(async {
        match ask(&config.data_dir, request).await {
            Ok(answer) => Ok((answer, Place::Running)),
            Err(unasked @ (AskError::Nobody(_) | AskError::TooLong(_))) => directly(config, request, &unasked).await,
            Err(error) => Err(Failure::of(&error)),
        }
    })?;
    match answer {
        Answer::Failed { message } => Err(Failure::Said(message)),
        answer => Ok((answer, place)),
    }
}

/// Opens the store and does it; `unasked` is why nobody else does.
async fn directly(config: &Config, request: &Request, unasked: &AskError) -> Result<(Answer, Place), Failure> {
    let now = SystemTime::now();
    let (store, secrets, place): (Arc<dyn SessionStore>, SecretRing, Place) = match &config.sessions.store {
        StoreSettings::Memory => return Err(nothing_there(unasked)),
        StoreSettings::File if !file_of(config).exists() && !matches!(request, Request::Block { .. }) => {
            // Nothing was ever kept, and looking makes nothing: an empty store that is forgotten says so.
            (Arc::new(MemoryStore::new()), SecretRing::from([0; 32]), Place::File)
        }
        settings => {
            let refused = |error: StoreError| refused(&error, unasked);
            data_dir::prepare(&config.data_dir).map_err(|error| Failure::of(&error))?;
            let secrets = secrets(config).map_err(refused)?;
            let store = open_store(config).await.map_err(|error| refused(error.into()))?;
            let place = if matches!(settings, StoreSettings::File) { Place::File } else { Place::Shared };
            (store, secrets, place)
        }
    };
    let limits = Limits {
        lifetime: config.sessions.lifetime,
        idle: config.sessions.idle_timeout,
        grace: config.sessions.store_grace,
    };
    let sessions = Arc::new(Sessions::new(store, secrets, limits));
    sessions.vault().prepare(now).await.map_err(|error| refused(&error.into(), unasked))?;
    Ok((Operations::new(sessions).perform(request, now).await, place))
}

fn nothing_there(unasked: &AskError) -> Failure {
    Failure::Said(format!(
        "{unasked}\n    \
         With `databroker_storage_type: memory`, sessions are in the memory of a running doorward and nowhere else: \
         there is nothing to be found."
    ))
}

fn refused(error: &StoreError, unasked: &AskError) -> Failure {
    let StoreError::Sessions(SessionsError::StoreInUse { path }) = error else { return Failure::of(error) };
    let why = match unasked {
        AskError::TooLong(_) => "Name a shorter `data_dir`, and start doorward again.",
        _ => {
            "It may be starting or ending at this moment, or could make no socket: then its log says why, at its start."
        }
    };
    Failure::Said(format!("{} is in use by a process that cannot be asked: {unasked}\n    {why}", path.display()))
}
