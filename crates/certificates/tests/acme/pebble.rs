//! The ACME server of the tests, and the name server it asks.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls_pki_types::CertificateDer;
use tempfile::TempDir;

/// What differs between servers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    /// In percent.
    pub(crate) nonce_reject: u32,
    /// `(key id, key in base64url)`
    pub(crate) external_account: Option<(&'static str, &'static str)>,
    /// Where HTTP-01 and TLS-ALPN-01 are validated.
    pub(crate) http_port: u16,
    pub(crate) tls_port: u16,
}

/// A running server; ends with this.
pub(crate) struct Pebble {
    folder: TempDir,
    options: Options,
    program: PathBuf,
    port: u16,
    management: u16,
    names: Ended,
    names_port: u16,
    server: Option<Ended>,
    root: CertificateDer<'static>,
}

/// A process that is ended when it is no longer wanted.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The programs, or `None` after it was said aloud that they are missing.
fn programs() -> Option<(PathBuf, PathBuf)> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/pebble");
    let mut folders = vec![workspace];
    if let Some(path) = std::env::var_os("DOORWARD_PEBBLE").map(PathBuf::from) {
        folders.insert(0, path.parent().unwrap_or(&path).to_owned());
    }
    folders.extend(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()));
    let found = folders.into_iter().map(|folder| (folder.join("pebble"), folder.join("pebble-challtestsrv")));
    let found = found.into_iter().find(|(pebble, names)| pebble.is_file() && names.is_file());
    if found.is_none() {
        let test = std::thread::current().name().unwrap_or("?").to_owned();
        eprintln!("SKIPPED {test}: there is no pebble (set DOORWARD_PEBBLE to the program)");
        if let Some(list) = std::env::var_os("SKIPPED") {
            let mut list = fs::OpenOptions::new().create(true).append(true).open(list).unwrap();
            writeln!(list, "doorward-certificates {test}: there is no pebble").unwrap();
        }
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Free for UDP and TCP alike.
fn free_dns_port() -> u16 {
    loop {
        let port = free_port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Pebble {
    /// Prepares and starts one.
    pub(crate) fn start(options: Options) -> Option<Self> {
        let mut pebble = Self::prepare(options)?;
        pebble.up();
        Some(pebble)
    }

    /// Prepares one that is down.
    pub(crate) fn prepare(options: Options) -> Option<Self> {
        let (program, names) = programs()?;
        let folder = tempfile::tempdir().unwrap();
        let root = certify(folder.path());
        let (port, names_port) = (free_port(), free_dns_port());
        let (management, names_management) = (free_port(), free_port());
        // Newer ones serve DNS over HTTPS too, on a fixed port, unless they are told not to.
        let help = Command::new(&names).arg("-h").output().unwrap();
        let newer = String::from_utf8_lossy(&[help.stdout, help.stderr].concat()).contains("-doh");
        let names = Command::new(names)
            .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
            .args(if newer { &["-doh", ""][..] } else { &[] })
            .args(["-defaultIPv6", "", "-defaultIPv4", "127.0.0.1"])
            .args([
                if newer { "-dnsserver" } else { "-dns01" },
                &format!("127.0.0.1:{names_port}"),
                "-management",
                &format!("127.0.0.1:{names_management}"),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        reachable(names_port);
        Some(Self { folder, options, program, port, management, names: Ended(names), names_port, server: None, root })
    }

    pub(crate) fn directory(&self) -> String {
        format!("https://localhost:{}/dir", self.port)
    }

    /// Who vouches for the server's own TLS.
    pub(crate) fn root(&self) -> CertificateDer<'static> {
        self.root.clone()
    }

    /// Starts the server. It remembers nothing of its life before: accounts and orders are gone.
    pub(crate) fn up(&mut self) {
        assert!(self.names.0.try_wait().unwrap().is_none(), "the name server has ended");
        let (folder, options) = (self.folder.path(), &self.options);
        let mut settings = serde_json::json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": format!("127.0.0.1:{}", self.management),
            "certificate": folder.join("server.pem"),
            "privateKey": folder.join("server.key"),
            "httpPort": options.http_port,
            "tlsPort": options.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": options.external_account.is_some(),
            "retryAfter": { "authz": 1, "order": 1 },
            "profiles": { "default": { "description": "for tests", "validityPeriod": 7_776_000 } },
        }});
        if let Some((id, key)) = options.external_account {
            settings["pebble"]["externalAccountMACKeys"] = serde_json::json!({ id: key });
        }
        fs::write(folder.join("pebble.json"), settings.to_string()).unwrap();
        let log = fs::OpenOptions::new().create(true).append(true).open(folder.join("pebble.log")).unwrap();
        let server = Command::new(&self.program)
            .args([OsString::from("-config"), folder.join("pebble.json").into()])
            .args(["-dnsserver", &format!("127.0.0.1:{}", self.names_port)])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_VA_ALWAYS_VALID", "0")
            .env("PEBBLE_AUTHZREUSE", "0")
            .env("PEBBLE_WFE_NONCEREJECT", options.nonce_reject.to_string())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.server = Some(Ended(server));
        reachable(self.port);
    }

    /// Ends the server.
    pub(crate) fn down(&mut self) {
        self.server = None;
    }

    /// Sets the window in which a certificate should be renewed (RFC 9773); `false` when this server has none.
    pub(crate) async fn suggest(&self, certificate: &str, window: serde_json::Value) -> bool {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.root()).unwrap();
        let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::aws_lc_rs::default_provider().into())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap();
        let body = serde_json::json!({ "Certificate": certificate, "ARIResponse": window.to_string() });
        let url = format!("https://localhost:{}/set-renewal-info/", self.management);
        client.post(url).header("user-agent", "tests").json(&body).send().await.unwrap().status().is_success()
    }

    /// What it says it did.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("pebble.log")).unwrap_or_default()
    }

    /// How many certificates it has issued.
    pub(crate) fn issued(&self) -> usize {
        self.log().matches("Issued certificate serial").count()
    }

    /// How many accounts it has made.
    pub(crate) fn accounts(&self) -> usize {
        self.log().matches("accounts in memory").count()
    }
}

fn reachable(port: u16) {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    for _ in 0..400 {
        if TcpStream::connect(address).is_ok() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing listens on {address}");
}

/// An authority for the server's own TLS, and its certificate.
fn certify(folder: &Path) -> CertificateDer<'static> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, "who vouches for pebble");
    let key = KeyPair::generate().unwrap();
    let root = params.self_signed(&key).unwrap();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.join("server.pem"), server.pem()).unwrap();
    fs::write(folder.join("server.key"), key.serialize_pem()).unwrap();
    root.der().clone()
}
