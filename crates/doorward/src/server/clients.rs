//! The visitors' certificates, judged by the authorities of the host that is asked.

use std::sync::Arc;
use std::time::SystemTime;

use doorward_certificates::{CertificatesError, ClientTrusts};
use doorward_config::{Config, Enforcement};
use doorward_hygiene::Hostname;
use doorward_identity::Presented;
use doorward_proxy::JudgeClients;
use rustls::pki_types::CertificateDer;

/// Who judges them, in one configuration.
pub(crate) struct Clients(ClientTrusts);

impl Clients {
    /// None where certificates mean nothing on any host.
    ///
    /// # Errors
    /// When what is configured could refuse nobody.
    pub(crate) fn of(config: &Config) -> Result<Option<Arc<dyn JudgeClients>>, CertificatesError> {
        let tls = &config.tls;
        let trusts = ClientTrusts::new(tls.client_certificates.as_ref(), &tls.client_certificates_by_host)?;
        let any = trusts.all().next().is_some();
        Ok(any.then(|| Arc::new(Self(trusts)) as _))
    }
}

impl JudgeClients for Clients {
    fn judge(&self, host: &Hostname, chain: &[CertificateDer<'_>], now: SystemTime) -> Presented {
        self.0.of(host).map_or(Presented::Nothing, |trust| trust.judge(chain, now))
    }

    fn demanded(&self, host: &Hostname) -> bool {
        self.0.of(host).is_some_and(|trust| trust.enforcement() == Enforcement::RejectConnection)
    }
}
