//! How the authority is spoken to.
//!
//! Refuses: anything but https, redirects, answers over 1 MiB, slow answers, proxies from the environment, and
//! certificates that neither the system nor `autocert_trusted_ca` vouches for. Notes when the authority asks to come
//! back later (RFC 8555 §6.6).

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;

const CONNECT_WITHIN: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const LARGEST: usize = 1024 * 1024;
/// No authority makes us wait longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// What went wrong on the way, as opposed to what the authority said.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpFailure {
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("its answer is larger than 1 MiB")]
    TooLarge,
    #[error("it names an address that is not https")]
    NotHttps,
}

/// A client for one authority; its connections are shared by all conversations.
#[derive(Debug, Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
}

impl Http {
    /// A client that trusts the system's authorities and these.
    pub(crate) fn new(trusted: &[CertificateDer<'static>]) -> Result<Self, Box<dyn StdError + Send + Sync>> {
        let mut roots = RootCertStore::empty();
        // What the system holds that is no certificate is skipped: one bad file there must not stop us here.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        for authority in trusted {
            roots.add(authority.clone())?;
        }
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .pool_max_idle_per_host(2)
            .build()?;
        Ok(Self { client })
    }

    /// A conversation whose notes are its own.
    pub(crate) fn converse(&self, clock: fn() -> SystemTime) -> (Box<dyn HttpClient>, Notes) {
        let notes = Notes::default();
        (Box::new(Conversation { client: self.client.clone(), notes: notes.clone(), clock }), notes)
    }
}

/// What the authority asked for besides its answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Noted>>);

#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    refused_until: Option<SystemTime>,
    retry_after: Option<Duration>,
}

impl Notes {
    /// Until when the last refusal (429 or 503) wants us to stay away.
    pub(crate) fn refused_until(&self) -> Option<SystemTime> {
        self.lock().refused_until
    }

    /// How long the last answer wants us to wait before asking again.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.lock().retry_after
    }

    fn note(&self, status: StatusCode, headers: &HeaderMap, now: SystemTime) {
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
        let refused = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let mut noted = self.lock();
        noted.retry_after = retry_after;
        if refused {
            noted.refused_until = retry_after.and_then(|wait| now.checked_add(wait));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3).
fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let wait = if let Ok(seconds) = value.trim().parse() {
        Duration::from_secs(seconds)
    } else {
        let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
        SystemTime::from(date).duration_since(now).unwrap_or_default()
    };
    Some(wait.min(LONGEST_WAIT))
}

struct Conversation {
    client: reqwest::Client,
    notes: Notes,
    clock: fn() -> SystemTime,
}

type Answer = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for Conversation {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answer {
        let (client, notes, clock) = (self.client.clone(), self.notes.clone(), self.clock);
        Box::pin(
            async move { send(&client, request, &notes, clock).await.map_err(|failure| Error::Other(failure.into())) },
        )
    }
}

async fn send(
    client: &reqwest::Client,
    request: Request<BodyWrapper<Bytes>>,
    notes: &Notes,
    clock: fn() -> SystemTime,
) -> Result<BytesResponse, HttpFailure> {
    let unreachable = |error: reqwest::Error| HttpFailure::Unreachable(chain(&error.without_url()));
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await;
    if parts.uri.scheme_str() != Some("https") {
        return Err(HttpFailure::NotHttps);
    }
    let request = reqwest::Request::try_from(Request::from_parts(parts, body.to_bytes())).map_err(unreachable)?;
    let mut response = client.execute(request).await.map_err(unreachable)?;
    let status = response.status();
    notes.note(status, response.headers(), clock());
    // What is no problem document (RFC 7807) is the word of something in front of the authority.
    let problem = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"));
    if status.is_redirection() || ((status.is_client_error() || status.is_server_error()) && !problem) {
        return Err(HttpFailure::Status(status));
    }
    let mut whole = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        if whole.len() + chunk.len() > LARGEST {
            return Err(HttpFailure::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    let mut answer = Response::new(());
    *answer.status_mut() = status;
    *answer.headers_mut() = std::mem::take(response.headers_mut());
    Ok(BytesResponse { parts: answer.into_parts().0, body: Box::new(whole.freeze()) })
}

/// An error with all of its sources, since the outermost of them says the least.
pub(crate) fn chain(error: &dyn StdError) -> String {
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
    fn an_authority_says_when_to_come_back_in_seconds_or_as_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, seconds) in [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:51:37 GMT", Some(120)),
            ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
            ("99999999999", Some(LONGEST_WAIT.as_secs())),
            ("-1", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn only_a_refusal_keeps_us_away() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let headers = HeaderMap::from_iter([(RETRY_AFTER, "7".parse().unwrap())]);
        let notes = Notes::default();
        notes.note(StatusCode::OK, &headers, now);
        assert_eq!((notes.refused_until(), notes.retry_after()), (None, Some(Duration::from_secs(7))));
        notes.note(StatusCode::TOO_MANY_REQUESTS, &headers, now);
        assert_eq!(notes.refused_until(), Some(now + Duration::from_secs(7)));
        notes.note(StatusCode::OK, &HeaderMap::new(), now);
        assert_eq!((notes.refused_until(), notes.retry_after()), (Some(now + Duration::from_secs(7)), None));
    }
}
