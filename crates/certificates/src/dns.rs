//! Puts TXT records into the DNS and takes them out (placeholder until the updaters are merged).

use doorward_config::Dns;
use doorward_hygiene::Hostname;
use rustls_pki_types::CertificateDer;

/// Why a record could not be put into the DNS.
#[derive(Debug, thiserror::Error)]
#[error("no way to change the DNS is built in")]
pub(crate) struct DnsError;

/// Puts TXT records into the DNS and takes them out.
#[derive(Debug, Clone)]
pub(crate) struct DnsSolver;

impl DnsSolver {
    #[allow(clippy::unnecessary_wraps, reason = "as the updaters have it")]
    pub(crate) fn new(_settings: &Dns, _trusted: &[CertificateDer<'static>]) -> Result<Self, DnsError> {
        Ok(Self)
    }

    #[allow(clippy::unused_async, reason = "as the updaters have it")]
    pub(crate) async fn present(&self, _host: &Hostname, _value: &str) -> Result<(), DnsError> {
        Err(DnsError)
    }

    #[allow(clippy::unused_async, reason = "as the updaters have it")]
    pub(crate) async fn clean_up(&self, _host: &Hostname, _value: &str) -> Result<(), DnsError> {
        Ok(())
    }
}
