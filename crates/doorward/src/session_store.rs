//! The one place that opens the store of a configuration, and says with which secrets it is sealed.
//!
//! Refuses: a shared store without a configured secret. Each replica would make one of its own, and none could read
//! what another has written.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_config::{Config, StoreSettings};
use doorward_sessions::{
    FileStore, MemoryStore, PostgresOptions, PostgresStore, RedisOptions, RedisStore, Secret32, SecretRing,
    SessionStore, SessionsError, server_secret,
};

/// What a secret that was made is called, below the data directory.
const MADE_SECRET: &str = "server.secret";

/// Why the session store of a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The store itself, or the file of the secret.
    #[error(transparent)]
    Sessions(#[from] SessionsError),
    /// Several processes are to share a store, and nothing says with which secret.
    #[error(
        "`databroker_storage_type: {kind}` needs a configured secret: a secret that each replica makes for itself opens \
         nothing of the others'\n    Give every replica the same `cookie_secret`, made with `head -c32 /dev/urandom | base64`."
    )]
    NoSharedSecret {
        /// The kind of store.
        kind: &'static str,
    },
}

/// The word for a kind of store, as the configuration has it.
pub(crate) fn kind(settings: &StoreSettings) -> &'static str {
    match settings {
        StoreSettings::File => "file",
        StoreSettings::Memory => "memory",
        StoreSettings::Redis(_) => "redis",
        StoreSettings::Postgres(_) => "postgres",
    }
}

/// Whether other processes use the store as well.
pub(crate) fn is_shared(settings: &StoreSettings) -> bool {
    match settings {
        StoreSettings::File | StoreSettings::Memory => false,
        StoreSettings::Redis(_) | StoreSettings::Postgres(_) => true,
    }
}

/// Where the embedded store's file is.
pub(crate) fn file_of(config: &Config) -> PathBuf {
    config.data_dir.join("sessions.redb")
}

/// Opens the store of a configuration, whose data directory is prepared. To be called within the runtime. A shared
/// store that does not answer is no error: it is unavailable until it does.
///
/// # Errors
/// [`SessionsError`]: the file is damaged or in use, the address is none, or the server does not let us in.
pub(crate) async fn open_store(config: &Config) -> Result<Arc<dyn SessionStore>, SessionsError> {
    Ok(match &config.sessions.store {
        StoreSettings::File => Arc::new(FileStore::open(&file_of(config))?),
        StoreSettings::Memory => Arc::new(MemoryStore::default()),
        StoreSettings::Redis(address) => {
            let options = RedisOptions { authorities: authorities(config), ..RedisOptions::default() };
            Arc::new(RedisStore::connect(address.expose(), options).await?)
        }
        StoreSettings::Postgres(address) => {
            // An address that names its authorities means those.
            let own = address.expose().contains("sslrootcert=");
            let authorities = if own { None } else { authorities(config) };
            let options = PostgresOptions { authorities, ..PostgresOptions::default() };
            Arc::new(PostgresStore::connect(address.expose(), options).await?)
        }
    })
}

/// The secrets of a configuration, the newest first: those that are configured, then the one that was made and kept
/// below the data directory, so that configuring the first signs nobody out. It is made when there is no other.
///
/// # Errors
/// [`StoreError`].
pub(crate) fn secrets(config: &Config) -> Result<SecretRing, StoreError> {
    let (newest, older) = secret_keys(config)?;
    Ok(SecretRing::new(newest, older))
}

/// The same as keys, to put them into a ring that is in use.
///
/// # Errors
/// As [`secrets`].
pub(crate) fn secret_keys(config: &Config) -> Result<(Secret32, Vec<Secret32>), StoreError> {
    let settings = &config.sessions;
    let configured = settings.secrets.iter().filter_map(|secret| secret.expose_array::<32>());
    let mut keys: Vec<_> = configured.map(|bytes| Secret32::new(*bytes)).collect();
    if keys.is_empty() && is_shared(&settings.store) {
        return Err(StoreError::NoSharedSecret { kind: kind(&settings.store) });
    }
    if keys.is_empty() {
        return Ok((server_secret(&config.data_dir)?, Vec::new()));
    }
    if config.data_dir.join(MADE_SECRET).exists() {
        keys.push(server_secret(&config.data_dir)?);
    }
    let newest = keys.remove(0);
    Ok((newest, keys))
}

/// PEM of the authorities that may vouch for the store's server: the system's and those configured; None when none are.
fn authorities(config: &Config) -> Option<Vec<u8>> {
    let configured = &config.sessions.authorities;
    if configured.is_empty() {
        return None;
    }
    let system = rustls_native_certs::load_native_certs().certs;
    let usable = |certificate: &&_| rustls::RootCertStore::empty().add(Clone::clone(*certificate)).is_ok();
    let mut pem = String::new();
    // What the system has and nobody can read is left out, as everywhere else.
    for certificate in configured.iter().chain(system.iter().filter(usable)) {
        pem.push_str("-----BEGIN CERTIFICATE-----\n");
        pem.push_str(&STANDARD.encode(certificate));
        pem.push_str("\n-----END CERTIFICATE-----\n");
    }
    Some(pem.into_bytes())
}
