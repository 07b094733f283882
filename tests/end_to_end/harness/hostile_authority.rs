//! An ACME server that stands before the real one and changes what it says, for what the real one never does.
//!
//! A client signs the URL it calls (RFC 8555 §6.4), so `Host` passes as it came; answers are signed by nobody.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::acme::{Acme, keys_for};
use super::authority::Authority;
use super::browser::{Answer, Ask, Browser};
use super::setup::Setup;

/// What it does in place of what it is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Whim {
    /// Passes everything on.
    #[default]
    Honest,
    /// No more orders for so many seconds (RFC 8555 §6.6).
    RateLimits(u32),
    /// Every certificate is for these names but for another key, of an authority nobody asked.
    WrongKey(Vec<String>),
    /// Every certificate comes with a chain that does not lead anywhere.
    WrongChain,
    /// A page for people, as load balancers show, to everything.
    Unavailable,
    /// Every answer takes this long.
    Slow(Duration),
    /// Keeps everybody waiting who asks for a path that begins so, until something else is wanted of it.
    Holds(&'static str),
    /// Takes orders, and drops the connection when one is to be finished.
    DropsFinalization,
}

/// The server, until dropped.
pub(crate) struct HostileAuthority {
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    port: u16,
    /// Where the real one is, without a path.
    real: String,
    whim: tokio::sync::watch::Sender<Whim>,
    requests: Mutex<Vec<String>>,
}

impl HostileAuthority {
    /// Stands before this one.
    pub(crate) async fn before(acme: &Acme, whim: Whim) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (whim, _) = tokio::sync::watch::channel(whim);
        let shared = Arc::new(Shared { port, real: acme.origin(), whim, requests: Mutex::default() });
        let config = Authority::shared().issue(&["localhost"]).server_config();
        let serving = tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), shared.clone()));
        Self { shared, serving }
    }

    /// `https://localhost:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.shared.port)
    }

    /// The configuration that has Doorward order from it, for this setup.
    pub(crate) fn keys(&self, setup: &Setup) -> String {
        keys_for(&self.origin(), setup)
    }

    pub(crate) fn does(&self, whim: Whim) {
        self.shared.whim.send_replace(whim);
    }

    /// How many requests went to a path that begins so.
    pub(crate) fn requests(&self, path: &str) -> usize {
        self.shared.requests.lock().unwrap().iter().filter(|asked| asked.starts_with(path)).count()
    }

    /// Waits until so many have.
    pub(crate) async fn wait_for_requests(&self, path: &str, count: usize) {
        super::eventually(path, || async { self.requests(path) >= count }).await;
    }
}

/// The paths of the real one.
pub(crate) const DIRECTORY: &str = "/dir";
pub(crate) const NEW_ORDER: &str = "/order-plz";
pub(crate) const CERTIFICATE: &str = "/certZ/";
pub(crate) const FINALIZE: &str = "/finalize-order/";
pub(crate) const RENEWAL_INFO: &str = "/draft-ietf-acme-ari";
const NEW_NONCE: &str = "/nonce-plz";

impl Drop for HostileAuthority {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(converse(stream, acceptor.clone(), shared.clone()));
    }
}

async fn converse(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { shared.answer(request).await }
    });
    let _closed = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

impl Shared {
    async fn answer(&self, request: Request<Incoming>) -> std::io::Result<Response<Full<Bytes>>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(std::io::Error::other)?.to_bytes();
        let path = parts.uri.path().to_owned();
        self.requests.lock().unwrap().push(path.clone());
        let whim = self.whim.borrow().clone();
        match whim {
            Whim::RateLimits(seconds) if path == NEW_ORDER => return Ok(self.rate_limited(seconds).await),
            Whim::Unavailable => return Ok(unavailable()),
            Whim::Slow(time) => tokio::time::sleep(time).await,
            Whim::Holds(held) if path.starts_with(held) => {
                let mut changes = self.whim.subscribe();
                let _ended = changes.wait_for(|now| *now != whim).await;
            }
            Whim::DropsFinalization if path.starts_with(FINALIZE) => {
                return Err(std::io::ErrorKind::ConnectionAborted.into());
            }
            _ => {}
        }
        let answer = self.pass_on(&parts.method, parts.uri.path(), &parts.headers, body).await;
        let genuine = answer.status == StatusCode::OK && path.starts_with(CERTIFICATE);
        let changed = match &*self.whim.borrow() {
            Whim::WrongKey(names) if genuine => Some(foreign(names)),
            Whim::WrongChain if genuine => Some(broken(&answer.text())),
            _ => None,
        };
        Ok(response(answer.status, &answer.headers, changed.map_or(answer.body, Bytes::from)))
    }

    async fn pass_on(&self, method: &Method, path: &str, headers: &HeaderMap, body: Bytes) -> Answer {
        let mut ask = Ask::new(method.as_str(), &format!("{}{path}", self.real)).body(body);
        ask.headers = headers.clone();
        ask.headers.remove("connection");
        // HTTP/1.1 always names the host; the real one builds its URLs of it.
        ask.headers.insert("host", HeaderValue::from_str(&format!("localhost:{}", self.port)).unwrap());
        Browser::speaking("http/1.1").send(ask).await
    }

    async fn rate_limited(&self, seconds: u32) -> Response<Full<Bytes>> {
        let us = HeaderMap::from_iter([(USER_AGENT, HeaderValue::from_static("doorward-tests"))]);
        let nonce = self.pass_on(&Method::HEAD, NEW_NONCE, &us, Bytes::new()).await;
        let problem = json!({
            "type": "urn:ietf:params:acme:error:rateLimited",
            "detail": "too many certificates already issued",
            "status": 429,
        });
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/problem+json"));
        headers.insert("retry-after", HeaderValue::from(seconds));
        headers.insert("replay-nonce", nonce.headers["replay-nonce"].clone());
        response(StatusCode::TOO_MANY_REQUESTS, &headers, problem.to_string().into())
    }
}

fn response(status: StatusCode, headers: &HeaderMap, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers.clone();
    for of_the_connection in ["content-length", "transfer-encoding", "connection"] {
        response.headers_mut().remove(of_the_connection);
    }
    response
}

fn unavailable() -> Response<Full<Bytes>> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("text/html"));
    let page = "<html><title>503</title><script>alert('sorry')</script></html>";
    response(StatusCode::SERVICE_UNAVAILABLE, &headers, page.into())
}

/// A good certificate for these names, and a key that is not the one asked for.
fn foreign(names: &[String]) -> String {
    let foreign = Authority::new("Somebody else");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    foreign.issue(&names).certificate + &foreign.pem()
}

/// The right certificate, followed by one that did not sign it.
fn broken(chain: &str) -> String {
    const END: &str = "-----END CERTIFICATE-----\n";
    let leaf = chain.split_inclusive(END).next().unwrap_or_default();
    leaf.to_owned() + &Authority::new("Somebody else").pem()
}
