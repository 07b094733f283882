//! Which hosts believe which visitors' certificates.
//!
//! Refuses: to judge a certificate for one host by the authorities of another.

use std::collections::HashMap;
use std::sync::Arc;

use doorward_config::ClientCertificates;
use doorward_hygiene::{HostPattern, Hostname, parent_of};

use super::ClientTrust;
use crate::CertificatesError;

/// The trust of every host.
#[derive(Debug, Default)]
pub struct ClientTrusts {
    everywhere: Option<Arc<ClientTrust>>,
    exact: HashMap<Hostname, Arc<ClientTrust>>,
    /// `*.example.com` by `example.com`.
    below: HashMap<String, Arc<ClientTrust>>,
}

impl ClientTrusts {
    /// Of `everywhere` and of the hosts that differ from it.
    ///
    /// # Errors
    /// [`CertificatesError::ClientTrust`].
    pub fn new(
        everywhere: Option<&ClientCertificates>,
        by_host: &[(HostPattern, ClientCertificates)],
    ) -> Result<Self, CertificatesError> {
        let everywhere = everywhere.map(ClientTrust::new).transpose()?.map(Arc::new);
        let mut trusts = Self { everywhere, ..Self::default() };
        for (hosts, settings) in by_host {
            let trust = Arc::new(ClientTrust::new(settings)?);
            match hosts {
                HostPattern::Exact(host) => trusts.exact.insert(host.clone(), trust),
                HostPattern::Below(parent) => trusts.below.insert(parent.as_str().to_owned(), trust),
            };
        }
        Ok(trusts)
    }

    /// The trust of a host: its own, else that of the wildcard it is below, else that of all; none when client
    /// certificates mean nothing there.
    pub fn of(&self, host: &Hostname) -> Option<&Arc<ClientTrust>> {
        let below = || parent_of(host).and_then(|parent| self.below.get(parent));
        self.exact.get(host).or_else(below).or(self.everywhere.as_ref())
    }

    /// The trust of hosts that clients cannot name in a handshake.
    pub fn everywhere(&self) -> Option<&Arc<ClientTrust>> {
        self.everywhere.as_ref()
    }

    /// Every trust, each once, for making the TLS settings.
    pub fn all(&self) -> impl Iterator<Item = &Arc<ClientTrust>> {
        self.everywhere.iter().chain(self.exact.values()).chain(self.below.values())
    }
}
