//! A server on a free port of loopback, whose answers tell what it saw.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ::http::{Request, Response, StatusCode};
use bytes::Bytes;
use doorward_authorize::Networks;
use doorward_hygiene::{ArrivedOn, CleanHead, ForwardedChain};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::{
    Admission, Always, Arrival, BoxError, Drain, Ends, Handler, InUse, Kind, Limits, Listener, Peer, Terms, Versions,
    ends_with, serve, server_config,
};

/// The only host there is a certificate for.
pub(super) const HOST: &str = "code.localhost";

/// Limits that a test can wait for.
pub(super) fn short() -> Limits {
    Limits {
        connections: 100,
        handshake_timeout: Duration::from_millis(300),
        head: Duration::from_millis(300),
        idle: Duration::from_millis(1200),
        stalled_write_timeout: Duration::from_millis(300),
        ..Limits::default()
    }
}

/// Limits that no test reaches.
pub(super) fn long() -> Limits {
    Limits { connections: 100, ..Limits::default() }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    pub(super) app: App,
    pub(super) drain: Drain,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) admission: Admission,
}

impl Server {
    pub(super) fn tls(limits: Limits) -> Self {
        Self::tls_on_terms(Terms::of(limits))
    }

    /// As [`Self::cleartext`], behind proxies.
    pub(super) fn behind(limits: Limits, trusted: &str, proxy_header: bool) -> Self {
        let trusted = Networks::new(vec![Networks::parse_one(trusted).unwrap()]);
        let admission = Admission::behind(&limits, trusted, proxy_header);
        let terms = Terms { limits, versions: Versions::Both, admission };
        Self::on_terms(Kind::Cleartext, terms, Vec::new().into())
    }

    /// With a certificate, and everything else as these terms say.
    pub(super) fn tls_on_terms(terms: Terms) -> Self {
        let versions = terms.versions;
        let (resolver, certificate) = one_host();
        let config = server_config(resolver, None, None, versions).unwrap();
        Self::on_terms(Kind::Tls(Arc::new(Always(config))), terms, certificate)
    }

    pub(super) fn cleartext(limits: Limits) -> Self {
        Self::start(Kind::Cleartext, limits, Vec::new().into())
    }

    pub(super) fn redirect(limits: Limits) -> Self {
        Self::start(Kind::Redirect, limits, Vec::new().into())
    }

    pub(super) fn start(kind: Kind, limits: Limits, certificate: CertificateDer<'static>) -> Self {
        Self::on_terms(kind, Terms::of(limits), certificate)
    }

    pub(super) fn on_terms(kind: Kind, terms: Terms, certificate: CertificateDer<'static>) -> Self {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), kind).unwrap();
        let (address, app, drain) = (listener.local_address(), App::default(), Drain::new());
        let admission = terms.admission.clone();
        tokio::spawn(serve(listener, app.clone(), terms, drain.clone()));
        Self { address, app, drain, certificate, admission }
    }
}

fn one_host() -> (Arc<dyn ResolvesServerCert>, CertificateDer<'static>) {
    let made = rcgen::generate_simple_self_signed([HOST.to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let certificate = made.cert.der().clone();
    (Arc::new(OneHost(Arc::new(CertifiedKey::new(vec![certificate.clone()], key)))), certificate)
}

#[derive(Debug)]
struct OneHost(Arc<CertifiedKey>);

impl ResolvesServerCert for OneHost {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        hello.server_name().is_none_or(|name| name == HOST).then(|| Arc::clone(&self.0))
    }
}

/// Answers by path; see [`App::handle`].
#[derive(Clone)]
pub(super) struct App {
    /// `/slow` takes one of these before it answers.
    pub(super) gate: Arc<Semaphore>,
    /// How often `/slow` was asked.
    pub(super) asked: Arc<AtomicUsize>,
    /// What came through `/tunnel`, in bytes, once it ended.
    pub(super) tunnelled: Arc<AtomicUsize>,
    /// Ends what `/ending` answers, and the tunnels of `/pours`.
    pub(super) end: CancellationToken,
}

impl Default for App {
    fn default() -> Self {
        Self {
            gate: Arc::new(Semaphore::new(0)),
            asked: Arc::default(),
            tunnelled: Arc::default(),
            end: CancellationToken::new(),
        }
    }
}

type TestBody = UnsyncBoxBody<Bytes, BoxError>;

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<TestBody> {
    let body = Full::new(text.into()).map_err(|never| match never {}).boxed_unsync();
    Response::builder().status(status).body(body).unwrap()
}

impl Handler for App {
    type Body = TestBody;

    async fn handle(&self, mut request: Request<Incoming>, peer: Arc<Peer>) -> Response<TestBody> {
        match request.uri().path() {
            "/slow" => {
                self.asked.fetch_add(1, Ordering::SeqCst);
                self.gate.acquire().await.unwrap().forget();
                text(StatusCode::OK, "slow")
            }
            "/panic" => panic!("asked for"),
            "/big" => text(StatusCode::OK, vec![b'x'; 64 * 1024 * 1024]),
            "/ending" => {
                ends_with(|| Some(Ends { when: self.end.clone(), at: None }));
                text(StatusCode::OK, vec![b'x'; 1024 * 1024])
            }
            path @ ("/pours" | "/pours/ending") => {
                if path == "/pours/ending" {
                    ends_with(|| Some(Ends { when: self.end.clone(), at: None }));
                }
                let (upgrade, end) = (hyper::upgrade::on(&mut request), self.end.clone());
                let in_use = request.extensions_mut().remove::<InUse>();
                tokio::spawn(async move {
                    let mut tunnel = TokioIo::new(upgrade.await.unwrap());
                    let pouring = async { while tunnel.write_all(&[b'x'; 8 * 1024]).await.is_ok() {} };
                    tokio::select! { () = pouring => {}, () = end.cancelled() => {} }
                    drop((tunnel, in_use));
                });
                text(StatusCode::OK, "")
            }
            "/echo" => {
                let body = request.into_body().collect().await.map(Collected::to_bytes);
                body.map_or_else(|_| text(StatusCode::BAD_REQUEST, ""), |body| text(StatusCode::OK, body))
            }
            "/tunnel" => {
                let upgrade = hyper::upgrade::on(&mut request);
                let tunnelled = Arc::clone(&self.tunnelled);
                tokio::spawn(async move {
                    let mut tunnel = TokioIo::new(upgrade.await.unwrap());
                    // Closes its own direction first, and still wants all that comes.
                    tunnel.write_all(b"hello").await.unwrap();
                    tunnel.shutdown().await.unwrap();
                    let mut rest = Vec::new();
                    tunnel.read_to_end(&mut rest).await.unwrap();
                    tunnelled.store(rest.len(), Ordering::SeqCst);
                });
                let mut response = text(StatusCode::SWITCHING_PROTOCOLS, "");
                response.headers_mut().insert("connection", "upgrade".parse().unwrap());
                response.headers_mut().insert("upgrade", "test".parse().unwrap());
                response
            }
            "/from" => text(StatusCode::OK, format!("{} via {:?}", peer.address, peer.via)),
            "/who" => {
                let shown = peer.client_chain.as_ref().map_or(&[][..], |chain| chain.certificates());
                text(StatusCode::OK, format!("shown: {:?}", shown.first().map(|leaf| leaf.len())))
            }
            _ => inspected(request, &peer),
        }
    }
}

/// Says how the request came in and what hygiene makes of it.
fn inspected(request: Request<Incoming>, peer: &Peer) -> Response<TestBody> {
    let sni = match &peer.arrival {
        Arrival::Tls { sni } => sni.clone(),
        _ => None,
    };
    let over_tls = matches!(peer.arrival, Arrival::Tls { .. });
    let arrived = ArrivedOn { client: ForwardedChain::direct(peer.address.ip()), sni, over_tls };
    match CleanHead::inspect(request.into_parts().0, &arrived) {
        Ok(head) => text(
            StatusCode::OK,
            format!("{:?} {:?} {} {}", peer.protocol, peer.arrival, head.authority(), head.path_and_query()),
        ),
        Err(unclean) => text(unclean.status(), unclean.to_string()),
    }
}
