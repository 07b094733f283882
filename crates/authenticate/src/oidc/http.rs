//! The one way this crate speaks to an identity provider.
//!
//! Refuses: redirects, answers over 1 MiB, slow answers, cleartext except to this very machine, proxies from
//! the environment, and certificates that neither the system nor `certificate_authority` vouches for.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use oauth2::{AsyncHttpClient, HttpRequest, HttpResponse};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use url::{Host, Url};

use crate::AuthenticateError;
use crate::shorten::shorten;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);
/// The largest answer that is read.
const LARGEST: usize = 1024 * 1024;

/// A client for identity providers.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    client: reqwest::Client,
}

impl HttpClient {
    /// A client that trusts the system's authorities and these.
    pub(crate) fn new(authorities: &[CertificateDer<'static>]) -> Result<Self, AuthenticateError> {
        let settings = |error: &dyn std::error::Error| AuthenticateError::Settings(chain(error));
        let mut roots = RootCertStore::empty();
        // What the system holds that is no certificate is skipped: one bad file there must not stop us here.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for authority in authorities {
            roots.add(authority.clone()).map_err(|error| settings(&error))?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| settings(&error))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(2)
            .user_agent(concat!("doorward/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| settings(&error))?;
        Ok(Self { client })
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    /// [`AuthenticateError::ProviderUnreachable`] when no whole answer came; [`AuthenticateError::Untrusted`]
    /// for one that is too large, or an address that may not be asked.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, AuthenticateError> {
        let request = reqwest::Request::try_from(request).map_err(|error| unreachable(&error))?;
        if !may_be_asked(request.url()) {
            return Err(AuthenticateError::Untrusted("it names an address that is not https".into()));
        }
        let mut response = self.client.execute(request).await.map_err(|error| unreachable(&error.without_url()))?;
        let mut answer = HttpResponse::new(Vec::new());
        *answer.status_mut() = response.status();
        *answer.headers_mut() = std::mem::take(response.headers_mut());
        while let Some(chunk) = response.chunk().await.map_err(|error| unreachable(&error.without_url()))? {
            if answer.body().len() + chunk.len() > LARGEST {
                return Err(AuthenticateError::Untrusted("it is larger than 1 MiB".into()));
            }
            answer.body_mut().extend_from_slice(&chunk);
        }
        Ok(answer)
    }

    /// Gets a JSON object or array; anything but status 200 is an error.
    pub(crate) async fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        what: &str,
        url: &str,
        bearer: Option<&str>,
    ) -> Result<T, AuthenticateError> {
        let mut request = http::Request::get(url).header(http::header::ACCEPT, "application/json");
        if let Some(token) = bearer {
            request = request.header(http::header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request
            .body(Vec::new())
            .map_err(|_| AuthenticateError::Untrusted(format!("the address of its {what} is malformed")))?;
        let answer = self.send(request).await?;
        let status = answer.status();
        if status.is_server_error() || status == http::StatusCode::TOO_MANY_REQUESTS {
            return Err(AuthenticateError::ProviderUnreachable(format!("its {what} answers {status}")));
        }
        if status != http::StatusCode::OK {
            return Err(AuthenticateError::Untrusted(format!("its {what} answers {status}")));
        }
        serde_json::from_slice(answer.body())
            .map_err(|error| AuthenticateError::Untrusted(format!("its {what} is not understood: {error}")))
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = AuthenticateError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, AuthenticateError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Whether a provider's address is one that may be asked: https, or http on this very machine.
pub(crate) fn may_be_asked(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        },
        _ => false,
    }
}

fn unreachable(error: &dyn std::error::Error) -> AuthenticateError {
    AuthenticateError::ProviderUnreachable(shorten(&chain(error)))
}

/// An error with all of its sources, since the outermost of them says the least.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for (url, allowed) in [
            ("https://idp.example/x", true),
            ("http://127.0.0.1:8080/", true),
            ("http://[::1]/", true),
            ("http://localhost/", true),
            ("http://idp.example/", false),
            ("http://127.0.0.1.example/", false),
            ("http://169.254.169.254/", false),
            ("ftp://127.0.0.1/", false),
            ("file:///etc/passwd", false),
            ("data:text/plain,x", false),
        ] {
            assert_eq!(may_be_asked(&Url::parse(url).unwrap()), allowed, "{url}");
        }
    }
}
