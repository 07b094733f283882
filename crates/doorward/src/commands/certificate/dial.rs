//! A TLS handshake with a server, to see what it shows. Whatever certificate it shows is taken, and nothing is sent
//! after the handshake.
//!
//! Refuses: to wait longer than ten seconds for all of it, and a server that does not prove that the key is its own.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use doorward_hygiene::Hostname;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, ProtocolVersion, SignatureScheme,
};

use crate::commands::Failure;

/// How long all of it may take: finding the address, connecting, shaking hands.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server to shake hands with.
#[derive(Debug, Clone)]
pub(super) struct Server {
    pub(super) host: Hostname,
    pub(super) port: u16,
    /// Where it is, when it is not to be looked up.
    pub(super) address: Option<SocketAddr>,
}

/// What a server showed.
pub(super) struct Shown {
    pub(super) address: SocketAddr,
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// `TLS 1.3`.
    pub(super) version: Option<&'static str>,
    /// How the keys were agreed on: `X25519MLKEM768`.
    pub(super) group: Option<String>,
    /// Why the handshake ended after the certificate was shown, if it did.
    pub(super) failed: Option<String>,
}

impl Server {
    /// Reads `HOST:PORT`, or the URL of a host.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, default) = match text.strip_prefix("https://") {
            Some(rest) => (rest.split('/').next()?, Some(443)),
            None => (text, None),
        };
        let with_port = || {
            let (host, port) = text.rsplit_once(':')?;
            Some((Hostname::parse(host).ok()?, port.parse().ok()?))
        };
        let (host, port) = with_port().or_else(|| Some((Hostname::parse(text).ok()?, default?)))?;
        Some(Self { host, port, address: None })
    }

    /// Shakes hands, naming the host (SNI).
    pub(super) fn dial(&self) -> Result<Shown, Failure> {
        let (send, receive) = mpsc::channel();
        let server = self.clone();
        // In a thread of its own, since looking up an address takes as long as it likes.
        let dialling = move || drop(send.send(server.shake_hands()));
        std::thread::Builder::new()
            .spawn(dialling)
            .map_err(|error| Failure::Said(format!("a thread cannot be started: {error}")))?;
        let outcome = receive.recv_timeout(PATIENCE).unwrap_or_else(|_| {
            Err(format!("no handshake within {} seconds: something on the way swallows it", PATIENCE.as_secs()))
        });
        outcome.map_err(|why| Failure::Said(format!("{}:{}: {why}", self.host, self.port)))
    }

    fn shake_hands(&self) -> Result<Shown, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let seen = Arc::new(Seen { provider: Arc::clone(&provider), chain: Mutex::default() });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&seen) as _)
            .with_no_client_auth();
        let name = self.host.ip().map_or_else(
            || ServerName::try_from(self.host.to_string()).map_err(|error| error.to_string()),
            |address| Ok(ServerName::from(address)),
        )?;
        let mut socket = self.connect()?;
        let address = socket.peer_addr().map_err(|error| error.to_string())?;
        let mut session = ClientConnection::new(Arc::new(config), name).map_err(|error| error.to_string())?;
        let outcome = session.complete_io(&mut socket);
        let chain = std::mem::take(&mut *seen.chain.lock().unwrap_or_else(PoisonError::into_inner));
        let failed = match outcome {
            Ok(_) => None,
            Err(error) if chain.is_empty() => return Err(self.explain(&error)),
            Err(error) => Some(self.explain(&error)),
        };
        session.send_close_notify();
        let _gone = session.complete_io(&mut socket);
        Ok(Shown {
            address,
            chain,
            version: session.protocol_version().map(version),
            group: session.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            failed,
        })
    }

    fn connect(&self) -> Result<TcpStream, String> {
        let addresses = match (self.address, self.host.ip()) {
            (Some(address), _) => vec![address],
            (None, Some(ip)) => vec![SocketAddr::new(ip, self.port)],
            (None, None) => (self.host.as_str(), self.port)
                .to_socket_addrs()
                .map_err(|error| format!("the name has no address ({error}); --connect ADDRESS:PORT names one"))?
                .collect(),
        };
        let mut refused = "the name has no address".to_owned();
        for address in addresses {
            match TcpStream::connect_timeout(&address, PATIENCE) {
                Ok(socket) => {
                    socket.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
                    socket.set_write_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
                    return Ok(socket);
                }
                Err(error) => refused = format!("no connection to {address}: {error}"),
            }
        }
        Err(refused)
    }

    fn explain(&self, error: &std::io::Error) -> String {
        let tls = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::AlertReceived(AlertDescription::UnrecognisedName)) => format!(
                "the server has no certificate for {} (unrecognized_name): none of its routes has this host",
                self.host
            ),
            Some(rustls::Error::AlertReceived(
                AlertDescription::HandshakeFailure | AlertDescription::ProtocolVersion,
            )) => "the server refuses the handshake: it speaks neither TLS 1.2 nor 1.3 with the ciphers of today, or \
                   has no certificate for this name"
                .to_owned(),
            Some(rustls::Error::AlertReceived(alert)) => format!("the server refuses the handshake ({alert:?})"),
            Some(rustls::Error::InvalidMessage(_)) => "what answers there does not speak TLS".to_owned(),
            Some(error) => format!("the handshake failed: {error}"),
            None if error.kind() == ErrorKind::UnexpectedEof => "the server hung up in the handshake".to_owned(),
            None => format!("the handshake failed: {error}"),
        }
    }
}

fn version(version: ProtocolVersion) -> &'static str {
    match version {
        ProtocolVersion::TLSv1_3 => "TLS 1.3",
        ProtocolVersion::TLSv1_2 => "TLS 1.2",
        _ => "another version of TLS",
    }
}

/// Takes every certificate, and remembers it.
#[derive(Debug)]
struct Seen {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Vec<CertificateDer<'static>>>,
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        further: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let chain = std::iter::once(own).chain(further).map(|certificate| certificate.clone().into_owned()).collect();
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) = chain;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_and_a_port_or_a_url() {
        let read = |text| Server::parse(text).map(|server| (server.host.to_string(), server.port));
        assert_eq!(read("a.example:8443"), Some(("a.example".into(), 8443)));
        assert_eq!(read("[::1]:443"), Some(("[::1]".into(), 443)));
        assert_eq!(read("https://a.example/x?y"), Some(("a.example".into(), 443)));
        assert_eq!(read("https://a.example:8443"), Some(("a.example".into(), 8443)));
        for text in ["a.example", "cert.pem", "a.example:", "a.example:99999", ":443", "http://a.example/", "", "/x:1"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_server_that_says_nothing_and_one_that_speaks_something_else_are_told_apart() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server { host: Hostname::parse("a.example").unwrap(), port: 443, address: Some(address) };
        let answering = std::thread::spawn(move || {
            use std::io::Write as _;
            let (mut plain, _) = listener.accept().unwrap();
            plain.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
            drop(listener.accept().unwrap());
        });
        let said = |server: &Server| server.dial().map(drop).unwrap_err().to_string();
        assert!(said(&server).contains("does not speak TLS"));
        let hung_up = said(&server);
        assert!(hung_up.contains("a.example:443") && !hung_up.contains("speak TLS"), "{hung_up}");
        answering.join().unwrap();
        assert!(said(&server).contains("no connection to 127.0.0.1"));
    }
}
