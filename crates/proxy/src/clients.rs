//! The certificate a client showed, judged for the host that is asked.
//!
//! Refuses: to carry a judgement from one host or one configuration to another, and to keep one for longer than the
//! certificate or its revocation list may have changed in.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use doorward_hygiene::Hostname;
use doorward_identity::Presented;
use doorward_transport::ClientChain;
use rustls_pki_types::CertificateDer;

use crate::snapshot::Snapshot;

/// How long a judgement holds: authorities and revocation lists end too, and nobody tells.
const JUDGED_AGAIN: Duration = Duration::from_secs(60);

/// Judges the certificates that clients show.
pub trait JudgeClients: Send + Sync {
    /// What is to be made of a chain, the client's own certificate first, on this host.
    fn judge(&self, host: &Hostname, chain: &[CertificateDer<'_>], now: SystemTime) -> Presented;

    /// Whether nothing on this host is answered without a certificate that is believed. The handshake asks for that
    /// already; this holds for connections that began before they had to.
    fn demanded(&self, host: &Hostname) -> bool;
}

/// A judgement, kept with the connection.
struct Judged {
    generation: u64,
    host: Hostname,
    at: SystemTime,
    presented: Presented,
}

impl Judged {
    fn holds(&self, generation: u64, host: &Hostname, now: SystemTime) -> bool {
        let young = now.duration_since(self.at).is_ok_and(|age| age < JUDGED_AGAIN);
        let ended = self.presented.certificate().is_some_and(|certificate| certificate.not_after < now);
        // One that had ended already is as good as before.
        let same = !ended || matches!(self.presented, Presented::Refused { .. });
        young && same && self.generation == generation && self.host == *host
    }
}

/// What the client of this connection showed, as it counts on this host.
pub(crate) fn presented(
    snapshot: &Snapshot,
    chain: Option<&Arc<ClientChain>>,
    host: &Hostname,
    now: SystemTime,
) -> Presented {
    let (Some(clients), Some(chain)) = (&snapshot.clients, chain) else { return Presented::Nothing };
    if let Some(kept) = chain.kept::<Judged>().filter(|kept| kept.holds(snapshot.generation, host, now)) {
        return kept.presented.clone();
    }
    let presented = clients.judge(host, chain.certificates(), now);
    let (host, generation) = (host.clone(), snapshot.generation);
    chain.keep(Arc::new(Judged { generation, host, at: now, presented: presented.clone() }));
    presented
}

/// Whether a request may be answered at all with this certificate.
pub(crate) fn will_do(snapshot: &Snapshot, presented: &Presented, host: &Hostname) -> bool {
    let demanded = || snapshot.clients.as_ref().is_some_and(|clients| clients.demanded(host));
    matches!(presented, Presented::Accepted(_)) || !demanded()
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Judged").field("host", &self.host).field("at", &self.at).finish_non_exhaustive()
    }
}
