//! An acme-dns server: `_acme-challenge` is a CNAME to a name there, whose TXT records we may set (its `POST /update`).
//!
//! Refuses: clear text except to this very machine, redirects, long answers, and proxies from the environment.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use doorward_config::{AcmeDns, AcmeDnsAccount};
use doorward_hygiene::Hostname;
use reqwest::header::HeaderValue;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use url::{Host, Url};

use super::DnsError;
use super::error::shorten;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The largest answer that is read; a right one has some sixty bytes.
const LARGEST: usize = 4 * 1024;

/// An acme-dns server and our accounts with it.
pub(crate) struct AcmeDnsServer {
    api: Url,
    accounts: BTreeMap<Hostname, AcmeDnsAccount>,
    client: reqwest::Client,
}

impl AcmeDnsServer {
    pub(crate) fn new(settings: &AcmeDns, trusted: &[CertificateDer<'static>]) -> Result<Self, DnsError> {
        let mut api = settings.url.clone();
        if !may_be_asked(&api) {
            return Err(DnsError::ClearText { host: server(&api) });
        }
        if let Ok(mut path) = api.path_segments_mut() {
            path.pop_if_empty().push("");
        }
        let client = client(trusted).map_err(|error| DnsError::Settings {
            what: format!("the client for acme-dns cannot be made: {}", chain(&*error)),
        })?;
        Ok(Self { api, accounts: settings.accounts.iter().cloned().collect(), client })
    }

    /// Sets the value beside the one before it.
    pub(crate) async fn update(&self, host: &Hostname, value: &str) -> Result<(), DnsError> {
        let Some(account) = self.accounts.get(host) else {
            return Err(DnsError::NoAccount { host: host.clone(), url: self.api.to_string() });
        };
        let unreachable = |error: reqwest::Error| DnsError::AcmeDnsUnreachable {
            host: server(&self.api),
            why: shorten(&chain(&error.without_url())),
        };
        let mut response = self
            .client
            .post(self.api.join("update").unwrap_or_else(|_| self.api.clone()))
            .header("X-Api-User", secret_header(account.username.as_bytes(), "username")?)
            .header("X-Api-Key", secret_header(account.password.expose(), "password")?)
            .json(&BTreeMap::from([("subdomain", account.subdomain.as_str()), ("txt", value)]))
            .send()
            .await
            .map_err(unreachable)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST {
                return Err(self.refused(status, "a long page", "is `url` really that of an acme-dns server's API?"));
            }
        }
        let said = String::from_utf8_lossy(&body);
        match status {
            // It repeats the value (`{"txt": "…"}`); what answers anything with 200 is something else.
            200 if said.contains(value) => Ok(()),
            401 | 403 => Err(self.refused(
                status,
                &said,
                "are `username`, `password` and `subdomain` of one registration, and does its `allowfrom` have this \
                 machine's address?",
            )),
            500.. => Err(self.refused(status, &said, "its log says why")),
            _ => Err(self.refused(status, &said, "is `url` really that of an acme-dns server's API?")),
        }
    }

    fn refused(&self, status: u16, said: &str, mend: &'static str) -> DnsError {
        DnsError::AcmeDnsRefused { host: server(&self.api), status, said: shorten(said), mend }
    }
}

impl fmt::Debug for AcmeDnsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcmeDnsServer").field("api", &server(&self.api)).finish_non_exhaustive()
    }
}

/// A header's value that no log shows.
fn secret_header(bytes: &[u8], what: &str) -> Result<HeaderValue, DnsError> {
    let mut value = HeaderValue::from_bytes(bytes).map_err(|_| DnsError::Settings {
        what: format!(
            "the `{what}` of an acme-dns account has characters that HTTP cannot send: is it whole, on one line?"
        ),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

fn client(trusted: &[CertificateDer<'static>]) -> Result<reqwest::Client, Box<dyn Error>> {
    let mut roots = RootCertStore::empty();
    // What the system holds that is no certificate is skipped: one bad file there must not stop us here.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    for authority in trusted {
        roots.add(authority.clone())?;
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_WITHIN)
        .timeout(ANSWER_WITHIN)
        .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
        .build()?)
}

/// Whether a password may go there: by https, or by http on this very machine.
fn may_be_asked(url: &Url) -> bool {
    match (url.scheme(), url.host()) {
        ("https", host) => host.is_some(),
        ("http", Some(Host::Ipv4(address))) => address.is_loopback(),
        ("http", Some(Host::Ipv6(address))) => address.is_loopback(),
        ("http", Some(Host::Domain(name))) => name == "localhost",
        _ => false,
    }
}

/// The server without whatever else is in the URL.
fn server(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

/// An error with all of its sources, since the outermost of them says the least.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
