//! Which settings a handshake gets, what of a client's certificate is handed on, and that neither follows it to
//! another host.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_hygiene::Hostname;
use futures_util::future::BoxFuture;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::client::{
    ClientSessionStore, ResolvesClientCert, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, Error, HandshakeKind, NamedGroup, RootCertStore,
    ServerConfig, SignatureScheme, SupportedProtocolVersion, version,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::clients::{exchange, silence, until_closed};
use super::server::{HOST, Server, long, short};
use crate::{ChooseTls, Chosen, Hello, Kind, Versions, challenge_config, server_config};

/// With one trust, and a host beside it with the same.
const SAME: &str = "same.localhost";
/// With a trust of its own.
const OTHER: &str = "other.localhost";
/// Where a certificate is demanded.
const STRICT: &str = "strict.localhost";
/// Never chosen.
const SLOW: &str = "slow.localhost";

#[derive(Debug)]
struct Key(Arc<CertifiedKey>);

impl ResolvesServerCert for Key {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Believes any certificate, but has its key proven.
#[derive(Debug)]
struct Anybody {
    mandatory: bool,
}

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        self.mandatory
    }
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }
    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Ok(ClientCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &default_provider().signature_verification_algorithms)
    }
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &default_provider().signature_verification_algorithms)
    }
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}

struct ByName {
    first: Arc<ServerConfig>,
    other: Arc<ServerConfig>,
    strict: Arc<ServerConfig>,
    challenge: Arc<ServerConfig>,
}

impl ChooseTls for ByName {
    fn choose<'a>(&'a self, hello: &'a Hello) -> BoxFuture<'a, Option<Chosen>> {
        Box::pin(async move {
            if hello.acme_tls_alpn {
                return Some(Chosen::ChallengeOnly(Arc::clone(&self.challenge)));
            }
            let config = match hello.sni.as_ref().map_or("", Hostname::as_str) {
                HOST | SAME => &self.first,
                OTHER => &self.other,
                STRICT => &self.strict,
                SLOW => return std::future::pending().await,
                _ => return None,
            };
            Some(Chosen::Serve(Arc::clone(config)))
        })
    }
}

fn certified(names: &[&str]) -> (Arc<CertifiedKey>, CertificateDer<'static>) {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let der = made.cert.der().clone();
    (Arc::new(CertifiedKey::new(vec![der.clone()], any_supported_type(&key).unwrap())), der)
}

fn choosing(limits: crate::Limits) -> Server {
    let (key, certificate) = certified(&[HOST, SAME, OTHER, STRICT, SLOW]);
    let config = |mandatory| {
        let clients = Arc::new(Anybody { mandatory });
        server_config(Arc::new(Key(Arc::clone(&key))), Some(clients), None, Versions::Both).unwrap()
    };
    let choose = ByName {
        first: config(false),
        other: config(false),
        strict: config(true),
        challenge: challenge_config(Arc::clone(&key)).unwrap(),
    };
    Server::start(Kind::Tls(Arc::new(choose)), limits, certificate)
}

/// Offers the last session it got to whomever it talks to, which no honest client does.
#[derive(Debug, Default)]
struct OneSession {
    tls12: Mutex<Option<Tls12ClientSessionValue>>,
    tls13: Mutex<Option<Tls13ClientSessionValue>>,
}

impl ClientSessionStore for OneSession {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }
    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        *self.tls12.lock().unwrap() = Some(value);
    }
    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.tls12.lock().unwrap().clone()
    }
    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        *self.tls12.lock().unwrap() = None;
    }
    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        *self.tls13.lock().unwrap() = Some(value);
    }
    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.tls13.lock().unwrap().take()
    }
}

/// Shows its certificate when told to.
#[derive(Debug)]
struct Shows {
    key: Arc<CertifiedKey>,
    now: AtomicBool,
}

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.now.load(Ordering::SeqCst).then(|| Arc::clone(&self.key))
    }
    fn has_certs(&self) -> bool {
        true
    }
}

/// A client of one version of TLS. Its settings stay the same, or it would not offer its sessions.
struct Client<'a> {
    server: &'a Server,
    config: ClientConfig,
    shows: Arc<Shows>,
}

impl<'a> Client<'a> {
    fn new(server: &'a Server, version: &'static SupportedProtocolVersion) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(server.certificate.clone()).unwrap();
        let shows = Arc::new(Shows { key: certified(&["client.example"]).0, now: AtomicBool::new(false) });
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::clone(&shows) as _);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = Resumption::store(Arc::new(OneSession::default()));
        Self { server, config, shows }
    }

    async fn connect(&self, name: &str, certificate: bool) -> io::Result<TlsStream<TcpStream>> {
        self.over(TcpStream::connect(self.server.address).await?, name, certificate).await
    }

    async fn over(&self, stream: TcpStream, name: &str, certificate: bool) -> io::Result<TlsStream<TcpStream>> {
        self.shows.now.store(certificate, Ordering::SeqCst);
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(self.config.clone())).connect(name, stream).await
    }

    /// Which kind of handshake it was, and whose certificate the server then sees.
    async fn ask(&self, name: &str, certificate: bool) -> (HandshakeKind, bool) {
        let mut stream = self.connect(name, certificate).await.unwrap();
        let request = format!("GET /who HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
        let answer = exchange(&mut stream, request.as_bytes()).await;
        let shown = answer.contains("shown: Some(");
        assert!(shown || answer.ends_with("shown: None"), "{answer}");
        let kind = stream.get_ref().1.handshake_kind().unwrap();
        // The first groups offered were not all that the server speaks.
        let kind = if kind == HandshakeKind::FullWithHelloRetryRequest { HandshakeKind::Full } else { kind };
        (kind, shown)
    }
}

const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS13, &version::TLS12];

#[tokio::test]
async fn a_clients_certificate_is_handed_on_unjudged() {
    let server = choosing(long());
    for version in VERSIONS {
        assert_eq!(Client::new(&server, version).ask(HOST, true).await, (HandshakeKind::Full, true));
        assert_eq!(Client::new(&server, version).ask(HOST, false).await, (HandshakeKind::Full, false));
    }
}

#[tokio::test]
async fn a_resumed_session_keeps_the_certificate_it_began_with() {
    let server = choosing(long());
    for version in VERSIONS {
        let client = Client::new(&server, version);
        assert_eq!(client.ask(HOST, true).await, (HandshakeKind::Full, true));
        assert_eq!(client.ask(HOST, false).await, (HandshakeKind::Resumed, true), "{version:?}");
    }
}

#[tokio::test]
async fn a_session_is_not_resumed_for_another_host() {
    let server = choosing(long());
    for version in VERSIONS {
        for elsewhere in [OTHER, SAME] {
            let client = Client::new(&server, version);
            assert_eq!(client.ask(HOST, true).await, (HandshakeKind::Full, true));
            assert_eq!(client.ask(elsewhere, false).await, (HandshakeKind::Full, false), "{version:?} {elsewhere}");
        }
    }
}

#[tokio::test]
async fn where_a_certificate_is_demanded_it_is_judged_each_time() {
    let server = choosing(long());
    for version in VERSIONS {
        let client = Client::new(&server, version);
        assert_eq!(client.ask(STRICT, true).await, (HandshakeKind::Full, true));
        assert_eq!(client.ask(STRICT, true).await, (HandshakeKind::Full, true), "{version:?}");
        // In TLS 1.3 the client learns of it only with the first answer.
        let refused = match client.connect(STRICT, false).await {
            Ok(mut stream) => {
                let _ = stream.write_all(b"GET / HTTP/1.1\r\n\r\n").await;
                stream.read_u8().await.unwrap_err()
            }
            Err(error) => error,
        };
        let refused = refused.to_string();
        assert!(refused.contains("CertificateRequired") || refused.contains("HandshakeFailure"), "{refused}");
    }
}

#[tokio::test]
async fn a_name_nobody_answers_for_gets_the_alert_for_it() {
    let server = choosing(long());
    for version in VERSIONS {
        let refused = Client::new(&server, version).connect("unknown.localhost", false).await.unwrap_err();
        assert!(refused.to_string().contains("UnrecognisedName"), "{refused}");
    }
}

#[tokio::test]
async fn an_authority_that_checks_a_name_never_speaks_http() {
    let server = choosing(long());
    let mut client = Client::new(&server, &version::TLS13);
    client.config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let mut stream = client.connect(HOST, false).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"acme-tls/1"[..]));
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: code.localhost\r\n\r\n").await;
    assert_eq!(until_closed(&mut stream).await, b"");
    // With any other protocol beside it, it is a client like any (RFC 8737 §3).
    client.config.alpn_protocols = vec![b"acme-tls/1".to_vec(), b"http/1.1".to_vec()];
    let stream = client.connect(HOST, false).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
}

#[tokio::test]
async fn keys_are_exchanged_so_that_a_quantum_computer_does_not_help() {
    let server = choosing(long());
    let stream = Client::new(&server, &version::TLS13).connect(HOST, false).await.unwrap();
    let group = stream.get_ref().1.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
}

/// Passes what comes on to `server`, byte by byte for as long as the client has not heard from it.
async fn byte_by_byte(server: &Server) -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (near, _) = listener.accept().await.unwrap();
    let far = TcpStream::connect(server.address).await.unwrap();
    far.set_nodelay(true).unwrap();
    let ((mut from_client, mut to_client), (mut from_server, mut to_server)) = (near.into_split(), far.into_split());
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&heard);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            counter.fetch_add(read, Ordering::SeqCst);
            to_client.write_all(&buffer[..read]).await.unwrap();
        }
    });
    tokio::spawn(async move {
        while let Ok(byte) = from_client.read_u8().await {
            to_server.write_u8(byte).await.unwrap();
            if heard.load(Ordering::SeqCst) == 0 {
                // Long enough for the other end to read each by itself, more often than not.
                tokio::time::sleep(Duration::from_micros(100)).await;
            }
        }
    });
    client
}

#[tokio::test]
async fn a_hello_that_comes_byte_by_byte_is_one_like_any() {
    let server = choosing(long());
    for version in VERSIONS {
        let client = Client::new(&server, version);
        let mut stream = client.over(byte_by_byte(&server).await, HOST, true).await.unwrap();
        let request = format!("GET /who HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        assert!(exchange(&mut stream, request.as_bytes()).await.contains("shown: Some("));
    }
}

#[tokio::test]
async fn choosing_takes_no_longer_than_a_handshake_may() {
    let server = choosing(short());
    let stream = TcpStream::connect(server.address).await.unwrap();
    let refused = Client::new(&server, &version::TLS13).over(stream, SLOW, false).await;
    assert!(refused.is_err());
    // Neither does a hello that never ends.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").await.unwrap();
    silence(&mut stream).await;
}
