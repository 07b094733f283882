//! Which TLS settings a visitor gets: those of the host they ask for.
//!
//! Refuses to let a session of one host's authorities be resumed under another's: each has settings of its own.

use std::collections::HashMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use doorward_certificates::{ClientTrust, ClientTrusts};
use doorward_config::Config;
use doorward_transport::{ChooseTls, Chosen, Hello, server_config};
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use rustls::server::ResolvesServerCert;

use super::ServerError;

/// The settings in use.
pub(crate) struct TlsByHost {
    resolver: Arc<dyn ResolvesServerCert>,
    /// Where no certificate is asked for. It stays, and with it the sessions that visitors keep.
    plain: Arc<ServerConfig>,
    asking: ArcSwap<Asking>,
}

/// Where certificates are asked for, replaced whole at a reload.
#[derive(Default)]
struct Asking {
    trusts: ClientTrusts,
    /// By where their trust is kept, which is here, so that none can take the place of another.
    settings: HashMap<usize, Arc<ServerConfig>>,
}

impl TlsByHost {
    /// Settings whose certificates `resolver` chooses.
    ///
    /// # Errors
    /// When client certificates cannot be judged as configured.
    pub(crate) fn new(config: &Config, resolver: Arc<dyn ResolvesServerCert>) -> Result<Self, ServerError> {
        let plain = server_config(Arc::clone(&resolver), None)?;
        let tls = Self { resolver, plain, asking: ArcSwap::default() };
        tls.replace(tls.prepare(config)?);
        Ok(tls)
    }

    /// Makes the settings of another configuration, without putting them in place.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn prepare(&self, config: &Config) -> Result<Prepared, ServerError> {
        let tls = &config.tls;
        let trusts = ClientTrusts::new(tls.client_certificates.as_ref(), &tls.client_certificates_by_host)?;
        let mut settings = HashMap::new();
        for trust in trusts.all() {
            let config = server_config(Arc::clone(&self.resolver), Some(trust.verifier()))?;
            settings.insert(place(trust), config);
        }
        Ok(Prepared(Asking { trusts, settings }))
    }

    /// Puts them in place; open connections keep theirs.
    pub(crate) fn replace(&self, prepared: Prepared) {
        self.asking.store(Arc::new(prepared.0));
    }

    fn of(&self, hello: &Hello) -> Arc<ServerConfig> {
        let asking = self.asking.load();
        let trust = match &hello.sni {
            Some(host) => asking.trusts.of(host),
            None => asking.trusts.everywhere(),
        };
        let settings = trust.and_then(|trust| asking.settings.get(&place(trust)));
        Arc::clone(settings.unwrap_or(&self.plain))
    }
}

fn place(trust: &Arc<ClientTrust>) -> usize {
    Arc::as_ptr(trust).addr()
}

impl ChooseTls for TlsByHost {
    fn choose<'a>(&'a self, hello: &'a Hello) -> BoxFuture<'a, Option<Chosen>> {
        Box::pin(std::future::ready(Some(Chosen::Serve(self.of(hello)))))
    }
}

/// Settings that were made and can no longer fail.
pub(crate) struct Prepared(Asking);
