//! Which TLS settings a connection gets, once it said whom it wants.
//!
//! Refuses: to shake hands before it is known for whom. A name nobody answers for gets the alert `unrecognized_name`
//! (RFC 6066 §3).

use std::sync::Arc;

use doorward_hygiene::Hostname;
use futures_util::future::BoxFuture;
use rustls::ServerConfig;
use rustls::server::ClientHello;

use crate::tls::ACME;

/// What a ClientHello says that settings are chosen by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The name the client asks for; clients ask for none when the host is an IP address.
    pub sni: Option<Hostname>,
    /// Whether it speaks `acme-tls/1` and nothing else: an authority that checks a name (RFC 8737 §3).
    pub acme_tls_alpn: bool,
}

impl Hello {
    /// None when it asks for a name that is no host name.
    pub(crate) fn read(hello: &ClientHello<'_>) -> Option<Self> {
        let sni = hello.server_name().map(Hostname::parse).transpose().ok()?;
        let acme_tls_alpn = hello.alpn().is_some_and(|mut protocols| {
            let first = protocols.next();
            first == Some(ACME) && protocols.next().is_none()
        });
        Some(Self { sni, acme_tls_alpn })
    }
}

/// What is done with a connection.
#[derive(Debug, Clone)]
pub enum Chosen {
    /// Shake hands with these settings, then speak HTTP.
    Serve(Arc<ServerConfig>),
    /// Shake hands with these settings, then close.
    ChallengeOnly(Arc<ServerConfig>),
}

/// Chooses TLS settings.
pub trait ChooseTls: Send + Sync + 'static {
    /// The settings for this client; none refuses it. The time limit of the handshake holds for this too.
    fn choose<'a>(&'a self, hello: &'a Hello) -> BoxFuture<'a, Option<Chosen>>;
}

/// The same settings for everybody; whom there is a certificate for, they say themselves.
#[derive(Debug)]
pub struct Always(pub Arc<ServerConfig>);

impl ChooseTls for Always {
    fn choose<'a>(&'a self, _: &'a Hello) -> BoxFuture<'a, Option<Chosen>> {
        Box::pin(std::future::ready(Some(Chosen::Serve(Arc::clone(&self.0)))))
    }
}
