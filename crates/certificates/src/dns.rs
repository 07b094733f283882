//! Proving a name by a TXT record (DNS-01, RFC 8555 §8.4): who puts the record there, and whether it can be seen.
//!
//! Refuses: an address instead of a name, answers that were not asked for, success that a server did not sign though
//! the update was signed, and handing a password to a server in clear text.

mod acme_dns;
mod answer;
mod client;
mod delegation;
mod error;
mod exec;
#[doc(hidden)]
pub mod fuzzing;
mod refusal;
mod resolv_conf;
mod rfc2136;
mod signer;
mod visible;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_config::{Dns, DnsUpdater};
use doorward_hygiene::Hostname;
use hickory_proto::rr::Name;
use rustls_pki_types::CertificateDer;

use acme_dns::AcmeDnsServer;
pub use answer::BadAnswer;
pub use error::DnsError;
use exec::{Action, Program};
pub use refusal::Refusal;
use rfc2136::UpdateServer;

/// The label in front of the host (RFC 8555 §8.4).
const LABEL: &str = "_acme-challenge";

/// Puts TXT records into the DNS and takes them out.
#[derive(Debug, Clone)]
pub(crate) struct DnsSolver {
    updater: Arc<Updater>,
    resolvers: Resolvers,
    propagation: Duration,
}

#[derive(Debug)]
enum Updater {
    Rfc2136(UpdateServer),
    AcmeDns(AcmeDnsServer),
    Exec(Program),
}

/// Whom we ask what the DNS says.
#[derive(Debug, Clone)]
pub(crate) struct Resolvers {
    /// Those of the configuration; may be empty.
    configured: Vec<SocketAddr>,
    /// Those of this machine, read each time, for they change when it moves.
    system: fn() -> Vec<SocketAddr>,
}

impl DnsSolver {
    /// A solver of these settings; `trusted` are authorities believed for an acme-dns server besides the system's.
    ///
    /// # Errors
    /// [`DnsError::Settings`] and [`DnsError::ClearText`].
    pub(crate) fn new(settings: &Dns, trusted: &[CertificateDer<'static>]) -> Result<Self, DnsError> {
        Self::with(settings, trusted, resolv_conf::servers, SystemTime::now)
    }

    fn with(
        settings: &Dns,
        trusted: &[CertificateDer<'static>],
        system: fn() -> Vec<SocketAddr>,
        clock: fn() -> SystemTime,
    ) -> Result<Self, DnsError> {
        let updater = match &settings.updater {
            DnsUpdater::Rfc2136(server) => Updater::Rfc2136(UpdateServer::new(server, clock)?),
            DnsUpdater::AcmeDns(server) => Updater::AcmeDns(AcmeDnsServer::new(server, trusted)?),
            DnsUpdater::Exec(command) => Updater::Exec(Program::new(command)?),
        };
        let resolvers = Resolvers { configured: settings.resolvers.clone(), system };
        Ok(Self { updater: Arc::new(updater), resolvers, propagation: settings.propagation })
    }

    /// Adds `value` as TXT of `_acme-challenge.<host>` beside others that are there; returns once it can be seen, or
    /// when `propagation` is over: then the authority is to say.
    ///
    /// # Errors
    /// [`DnsError`]: the record was not put there.
    pub(crate) async fn present(&self, host: &Hostname, value: &str) -> Result<(), DnsError> {
        let name = challenge_name(host)?;
        let (shown, servers) = match &*self.updater {
            Updater::Rfc2136(server) => {
                let target = delegation::follow(&name, &self.resolvers.for_delegation(server.address())).await;
                server.add(&target, value).await?;
                (target, self.resolvers.or(server.address()))
            }
            Updater::AcmeDns(server) => {
                server.update(host, value).await?;
                (name, self.resolvers.or_system())
            }
            Updater::Exec(program) => {
                program.run(Action::Present, host, &plain(&name), value).await?;
                (name, self.resolvers.or_system())
            }
        };
        if !visible::wait(&shown, value, &servers, self.propagation).await {
            tracing::warn!(
                name = plain(&shown),
                resolvers = ?servers,
                waited = ?self.propagation,
                "the TXT record cannot be seen yet; the authority is asked to look all the same. When it does not find \
                 it either: is the name delegated to where the record was put, and are these the right resolvers?"
            );
        }
        Ok(())
    }

    /// Takes exactly that value out again.
    ///
    /// # Errors
    /// [`DnsError`]: the record is perhaps still there.
    pub(crate) async fn clean_up(&self, host: &Hostname, value: &str) -> Result<(), DnsError> {
        let name = challenge_name(host)?;
        match &*self.updater {
            Updater::Rfc2136(server) => {
                let target = delegation::follow(&name, &self.resolvers.for_delegation(server.address())).await;
                server.remove(&target, value).await
            }
            // It keeps the last two values and knows no way to take one out.
            Updater::AcmeDns(_) => Ok(()),
            Updater::Exec(program) => program.run(Action::CleanUp, host, &plain(&name), value).await,
        }
    }
}

impl Resolvers {
    fn or(&self, server: SocketAddr) -> Vec<SocketAddr> {
        if self.configured.is_empty() { vec![server] } else { self.configured.clone() }
    }

    fn or_system(&self) -> Vec<SocketAddr> {
        if self.configured.is_empty() { (self.system)() } else { self.configured.clone() }
    }

    /// A name that is delegated to the update server is often one of a zone this server does not have, so the
    /// machine's resolvers come after it.
    fn for_delegation(&self, server: SocketAddr) -> Vec<SocketAddr> {
        let mut servers = self.or(server);
        if self.configured.is_empty() {
            servers.extend((self.system)());
        }
        servers
    }
}

/// Where the authority looks.
fn challenge_name(host: &Hostname) -> Result<Name, DnsError> {
    if host.is_ip() {
        return Err(DnsError::NoName { host: host.clone() });
    }
    Name::from_ascii(format!("{LABEL}.{host}.")).map_err(|_| DnsError::NoName { host: host.clone() })
}

/// A name as people write it: without the dot of the root.
fn plain(name: &Name) -> String {
    let text = name.to_ascii();
    if text == "." { text } else { text.trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests;
