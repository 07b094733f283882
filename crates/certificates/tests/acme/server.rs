//! A server that answers challenges with what the manager says, and the manager itself.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use doorward_certificates::{AcmeManager, AcmeSettings, Certificates, OrderReport, OrderState, Pace, Sources};
use doorward_config::{Acme, ChallengeKind};
use doorward_hygiene::{HostPattern, Hostname};
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor, TlsConnector};
use tokio_util::sync::CancellationToken;

use crate::pebble::Pebble;

/// In a hurry, as tests are.
pub(crate) const PACE: Pace = Pace {
    poll: Duration::from_millis(100),
    first_retry: Duration::from_millis(500),
    longest_retry: Duration::from_secs(2),
    lease: Duration::from_secs(10),
    patience: Duration::from_secs(60),
};

/// Answers challenges on two ports.
pub(crate) struct Server {
    pub(crate) http_port: u16,
    pub(crate) tls_port: u16,
    /// Which manager is asked.
    manager: Arc<Mutex<Option<AcmeManager>>>,
    /// Answers by handshake with rubbish.
    pub(crate) tls_broken: Arc<AtomicBool>,
    /// Answers by file with nothing.
    pub(crate) http_broken: Arc<AtomicBool>,
    pub(crate) http_asked: Arc<AtomicUsize>,
    pub(crate) tls_asked: Arc<AtomicUsize>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let (http, tls) =
            (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let server = Self {
            http_port: http.local_addr().unwrap().port(),
            tls_port: tls.local_addr().unwrap().port(),
            manager: Arc::default(),
            tls_broken: Arc::default(),
            http_broken: Arc::default(),
            http_asked: Arc::default(),
            tls_asked: Arc::default(),
        };
        let (manager, broken, asked) = (server.manager.clone(), server.http_broken.clone(), server.http_asked.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = http.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                let (manager, broken) = (manager.lock().unwrap().clone(), broken.load(Ordering::SeqCst));
                tokio::spawn(async move {
                    let mut lines = BufReader::new(&mut stream).lines();
                    let (mut path, mut host) = (String::new(), String::new());
                    while let Ok(Some(line)) = lines.next_line().await {
                        if let Some(rest) = line.strip_prefix("GET ") {
                            path = rest.split(' ').next().unwrap().to_owned();
                        } else if let Some(value) = line.to_ascii_lowercase().strip_prefix("host: ") {
                            host = value.split(':').next().unwrap().to_owned();
                        } else if line.is_empty() {
                            break;
                        }
                    }
                    let mut answer = None;
                    if let (Some(manager), Some(token), false) =
                        (manager, path.strip_prefix("/.well-known/acme-challenge/"), broken)
                    {
                        answer = manager.http01(&Hostname::parse(&host).unwrap(), token).await;
                    }
                    let (status, body) = answer.map_or(("404 Not Found", String::new()), |body| ("200 OK", body));
                    let head =
                        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                });
            }
        });
        let (manager, broken, asked) = (server.manager.clone(), server.tls_broken.clone(), server.tls_asked.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = tls.accept().await {
                asked.fetch_add(1, Ordering::SeqCst);
                let (manager, broken) = (manager.lock().unwrap().clone(), broken.load(Ordering::SeqCst));
                tokio::spawn(async move {
                    let start = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), stream).await.unwrap();
                    let host = Hostname::parse(start.client_hello().server_name().unwrap()).unwrap();
                    let (Some(manager), false) = (manager, broken) else { return };
                    let Some(key) = manager.tls_alpn01(&host).await else { return };
                    let _ = start.into_stream(config(Arc::new(Only(key)), &[b"acme-tls/1"])).await;
                });
            }
        });
        server
    }

    pub(crate) fn answers_for(&self, manager: &AcmeManager) {
        *self.manager.lock().unwrap() = Some(manager.clone());
    }
}

#[derive(Debug)]
struct Only(Arc<CertifiedKey>);

impl ResolvesServerCert for Only {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

fn config(resolver: Arc<dyn ResolvesServerCert>, protocols: &[&[u8]]) -> Arc<rustls::ServerConfig> {
    let mut config = rustls::ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    Arc::new(config)
}

/// The real time, which the authority goes by.
pub(crate) fn clock() -> SystemTime {
    SystemTime::now()
}

/// Makes the next manager ask the authority at once when this name's certificate should be renewed.
pub(crate) async fn hurry(folder: &Path, name: &str) {
    let path = folder.join(format!("attempts/{name}.json"));
    let mut record: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    while record["renewal"]["check"].as_str().unwrap() < jiff::Timestamp::now().to_string().as_str() {
        tokio::time::sleep(PACE.poll).await;
        record = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    }
    record["renewal"]["check"] = "2020-01-01T00:00:00Z".into();
    std::fs::write(path, record.to_string()).unwrap();
}

/// What is ordered, and where it is served from.
pub(crate) struct Running {
    pub(crate) manager: AcmeManager,
    pub(crate) certificates: Certificates,
    pub(crate) stop: CancellationToken,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub(crate) fn acme(pebble: &Pebble, folder: &Path, names: &[&str], challenges: &[ChallengeKind]) -> Acme {
    Acme {
        directory: pebble.directory().parse().unwrap(),
        contact: Some("hostmaster@example.com".into()),
        external_account: None,
        trusted: vec![pebble.root()],
        profile: None,
        folder: folder.to_owned(),
        names: names.iter().map(|name| HostPattern::parse(name).unwrap()).collect(),
        on_demand: Vec::new(),
        challenges: challenges.to_vec(),
        dns: None,
    }
}

impl Running {
    /// A manager that has not been started.
    pub(crate) fn new(acme: Acme, pace: Pace) -> Self {
        let sources = Sources { pairs: &[], hosts: &[], authority: None };
        let certificates = Certificates::new(sources, clock()).unwrap();
        let settings = AcmeSettings { acme, obtained: certificates.obtained(), clock };
        let manager = AcmeManager::paced(settings, pace).unwrap();
        Self { manager, certificates, stop: CancellationToken::new() }
    }

    pub(crate) fn start(self) -> Self {
        self.manager.start(self.stop.clone());
        self
    }

    pub(crate) fn report(&self, name: &str) -> OrderReport {
        self.manager.report().into_iter().find(|report| report.name == name).unwrap()
    }

    /// Waits until the report of this name says so.
    pub(crate) async fn until(&self, name: &str, so: impl Fn(&OrderReport) -> bool) -> OrderReport {
        let mut last = None;
        for _ in 0..2400 {
            let report = self.report(name);
            if so(&report) {
                return report;
            }
            last = Some(report);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it never came to that; the last word was {last:?}");
    }

    pub(crate) async fn until_valid(&self, name: &str) -> OrderReport {
        self.until(name, |report| report.state == OrderState::Valid).await
    }

    /// The certificate a client meets that asks for this host.
    pub(crate) async fn served(&self, host: &str) -> Option<Vec<u8>> {
        let (client, server) = tokio::io::duplex(16 * 1024);
        let acceptor = TlsAcceptor::from(config(self.certificates.resolver(), &[]));
        let accepting = tokio::spawn(async move { acceptor.accept(server).await });
        let provider = Arc::new(aws_lc_rs::default_provider());
        let client_config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(anyone::Anyone(provider)))
            .with_no_client_auth();
        let name = host.to_owned().try_into().unwrap();
        let connection = TlsConnector::from(Arc::new(client_config)).connect(name, client).await;
        let _ = accepting.await;
        let connection = connection.ok()?;
        let chain = connection.get_ref().1.peer_certificates()?;
        Some(chain.first()?.to_vec())
    }
}

mod anyone {
    use std::sync::Arc;

    use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
    use rustls::crypto::CryptoProvider;
    use rustls::{DigitallySignedStruct, Error, SignatureScheme};
    use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

    /// Takes any certificate: the tests look at it themselves.
    #[derive(Debug)]
    pub(super) struct Anyone(pub(super) Arc<CryptoProvider>);

    impl ServerCertVerifier for Anyone {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls12_signature(
                message,
                certificate,
                signed,
                &self.0.signature_verification_algorithms,
            )
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            rustls::crypto::verify_tls13_signature(
                message,
                certificate,
                signed,
                &self.0.signature_verification_algorithms,
            )
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.signature_verification_algorithms.supported_schemes()
        }
    }
}
