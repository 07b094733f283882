//! The TLS settings of each handshake: by host, since hosts may believe different visitors' certificates; and the answer
//! to an authority that checks a name.
//!
//! Refuses: to judge a visitor's certificate by another host's authorities, and to answer a check nobody ordered.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::{ArcSwap, ArcSwapOption};
use doorward_certificates::{AcmeManager, ClientTrust, ClientTrusts};
use doorward_config::{Enforcement, Tls};
use doorward_hygiene::Hostname;
use doorward_identity::Presented;
use doorward_proxy::{AnswerChallenges, JudgeClients};
use doorward_transport::{ChooseTls, Chosen, Hello, TicketKeys, Versions, challenge_config, server_config};
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::server::ResolvesServerCert;
use tracing::warn;

use super::ServerError;

/// What handshakes and challenges are answered with; a reload swaps it.
pub(crate) struct Handshakes {
    resolver: Arc<dyn ResolvesServerCert>,
    /// For hosts where visitors' certificates mean nothing. Made once, so that a reload ends nobody's TLS session.
    plain: Arc<ServerConfig>,
    believing: ArcSwap<Believing>,
    acme: ArcSwapOption<AcmeManager>,
    versions: Versions,
}

/// Whose certificates are believed where, and the settings that ask for them.
#[derive(Default)]
pub(crate) struct Believing {
    trusts: ClientTrusts,
    /// By the address of the trust, of which `trusts` holds every one.
    settings: HashMap<usize, Arc<ServerConfig>>,
}

impl Handshakes {
    /// Sessions of hosts where visitors' certificates mean nothing are resumed by tickets under these keys, which other
    /// processes may have too.
    ///
    /// # Errors
    /// [`ServerError`] when the visitors' authorities cannot be used.
    pub(crate) fn new(
        resolver: Arc<dyn ResolvesServerCert>,
        tls: &Tls,
        tickets: TicketKeys,
        versions: Versions,
    ) -> Result<Self, ServerError> {
        let handshakes = Self {
            plain: server_config(Arc::clone(&resolver), None, Some(tickets), versions)?,
            resolver,
            believing: ArcSwap::default(),
            acme: ArcSwapOption::empty(),
            versions,
        };
        handshakes.believe(handshakes.believing(tls)?);
        Ok(handshakes)
    }

    /// Compiles what a configuration says of visitors' certificates.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn believing(&self, tls: &Tls) -> Result<Believing, ServerError> {
        let trusts = ClientTrusts::new(tls.client_certificates.as_ref(), &tls.client_certificates_by_host)?;
        let mut settings = HashMap::new();
        for trust in trusts.all() {
            // Their keys are this process's alone, and new with each configuration: the library does not have a
            // certificate judged again when a session is resumed, so whom others believed is asked again.
            let settings_of = server_config(Arc::clone(&self.resolver), Some(trust.verifier()), None, self.versions)?;
            settings.insert(address(trust), settings_of);
        }
        Ok(Believing { trusts, settings })
    }

    /// Uses it from the next handshake and the next request on.
    pub(crate) fn believe(&self, believing: Believing) {
        self.believing.store(Arc::new(believing));
    }

    /// Who orders certificates now, if anybody.
    pub(crate) fn order_with(&self, acme: Option<AcmeManager>) {
        self.acme.store(acme.map(Arc::new));
    }

    async fn challenge(&self, host: &Hostname) -> Option<Chosen> {
        let acme = self.acme.load_full()?;
        let key = acme.tls_alpn01(host).await?;
        match challenge_config(key) {
            Ok(settings) => Some(Chosen::ChallengeOnly(settings)),
            Err(error) => {
                warn!(%error, %host, "the check of a name could not be answered");
                None
            }
        }
    }
}

impl ChooseTls for Handshakes {
    fn choose<'a>(&'a self, hello: &'a Hello) -> BoxFuture<'a, Option<Chosen>> {
        Box::pin(async move {
            if hello.acme_tls_alpn {
                return self.challenge(hello.sni.as_ref()?).await;
            }
            if let (Some(acme), Some(host)) = (&*self.acme.load(), &hello.sni) {
                acme.asked_for(host);
            }
            let believing = self.believing.load();
            let trust = match &hello.sni {
                Some(host) => believing.trusts.of(host),
                None => believing.trusts.everywhere(),
            };
            let Some(trust) = trust else { return Some(Chosen::Serve(Arc::clone(&self.plain))) };
            believing.settings.get(&address(trust)).cloned().map(Chosen::Serve)
        })
    }
}

impl JudgeClients for Handshakes {
    fn judge(&self, host: &Hostname, chain: &[CertificateDer<'_>], now: SystemTime) -> Presented {
        self.believing.load().trusts.of(host).map(|trust| trust.judge(chain, now)).unwrap_or_default()
    }

    fn demanded(&self, host: &Hostname) -> bool {
        let believing = self.believing.load();
        believing.trusts.of(host).is_some_and(|trust| trust.enforcement() == Enforcement::RejectConnection)
    }
}

impl AnswerChallenges for Handshakes {
    fn http01<'a>(&'a self, host: &'a Hostname, token: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move { self.acme.load_full()?.http01(host, token).await })
    }
}

impl fmt::Debug for Handshakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshakes").finish_non_exhaustive()
    }
}

fn address(trust: &Arc<ClientTrust>) -> usize {
    Arc::as_ptr(trust).addr()
}
