//! The stage that all peers stand on: a folder, a certificate, the upstreams.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::RootCertStore;
use tempfile::TempDir;

use super::client::{self, Target};
use super::process::{Core, Server};
use super::upstream;

/// The host that is asked for.
pub(crate) const HOST: &str = "bench.test";

/// The stage.
pub(crate) struct Stage {
    folder: TempDir,
    roots: RootCertStore,
    /// Small answers, and the big file.
    pub(crate) small: u16,
    /// Uploads and WebSockets.
    pub(crate) behind: u16,
    _upstreams: [Server; 2],
}

impl Stage {
    pub(crate) fn new() -> Self {
        let folder = TempDir::with_prefix("doorward-bench-").unwrap();
        // Servers give up root and have to get here all the same.
        let done = std::process::Command::new("chmod").arg("755").arg(folder.path()).status().unwrap();
        assert!(done.success());
        let roots = certificate(&folder);
        let (small, behind) = (free_port(), free_port());
        let upstreams = [
            upstream::nginx(folder.path(), small),
            upstream::this(Core::Load, upstream::BEHIND, folder.path(), behind),
        ];
        let stage = Self { folder, roots, small, behind, _upstreams: upstreams };
        until_listening(small);
        until_listening(behind);
        stage
    }

    /// A folder of its own for somebody.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    pub(crate) fn certificate(&self) -> String {
        self.folder.path().join("certificate.pem").display().to_string()
    }

    pub(crate) fn key(&self) -> String {
        self.folder.path().join("key.pem").display().to_string()
    }

    /// Certificate and key in one file.
    pub(crate) fn both(&self) -> String {
        self.folder.path().join("both.pem").display().to_string()
    }

    /// A server with TLS on this port.
    pub(crate) fn target(&self, port: u16) -> Target {
        Target { address: at(port), tls: Some(client::connector(self.roots.clone())) }
    }
}

/// One ECDSA P-256 certificate, signed by an authority, for the host and all below it.
fn certificate(folder: &TempDir) -> RootCertStore {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let mut roots = RootCertStore::empty();
    roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![HOST.to_owned(), format!("*.{HOST}")]).unwrap();
    let (certificate, key) = (params.signed_by(&key, &issuer).unwrap().pem(), key.serialize_pem());
    let write = |name, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("certificate.pem", &certificate);
    write("key.pem", &key);
    write("both.pem", &format!("{certificate}{key}"));
    roots
}

pub(crate) fn at(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

/// A port that nothing listens on, below those that systems give to clients: no connection made meanwhile takes it.
pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    loop {
        let number = u32::from(TRIED.fetch_add(1, Ordering::Relaxed)) + std::process::id() * 97;
        let port = u16::try_from(20_000 + number % 10_000).unwrap();
        if TcpListener::bind(at(port)).is_ok() {
            return port;
        }
    }
}

pub(crate) fn until_listening(port: u16) {
    let patience = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(at(port)).is_err() {
        assert!(Instant::now() < patience, "nothing listens on port {port}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
