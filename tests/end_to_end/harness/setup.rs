//! A configuration for one test: written as the YAML people write, with addresses of its own.

use std::fmt::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::authority::Authority;
use super::doorward::Doorward;
use super::ports::free_port;

/// The domain of every host of the tests; it does not exist (RFC 6761 §6.2).
pub(crate) const DOMAIN: &str = "example.test";

/// What a Doorward is to be started with.
pub(crate) struct Setup {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) health_port: u16,
    /// The port visitors see, where something stands before the program.
    public_port: u16,
    address: String,
    keys: String,
    routes: String,
    hosts: Vec<String>,
    certificates: Certificates,
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    /// A socket that is handed over under this name, as systemd does it.
    pub(crate) inherits: Option<(String, TcpListener)>,
}

enum Certificates {
    /// One of the tests' authority for every host, in the configuration.
    Given,
    /// None in the configuration.
    Made,
    /// No TLS at all.
    Cleartext,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let port = free_port();
        Self {
            folder: TempDir::with_prefix("doorward-").unwrap(),
            port,
            public_port: port,
            address: format!("127.0.0.1:{port}"),
            health_port: free_port(),
            keys: String::new(),
            routes: String::new(),
            hosts: Vec::new(),
            certificates: Certificates::Given,
            arguments: Vec::new(),
            environment: Vec::new(),
            inherits: None,
        }
    }

    /// The URL of a host of ours, without a path: `app` becomes `https://app.example.test:PORT`.
    pub(crate) fn origin(&self, host: &str) -> String {
        format!("https://{host}.{DOMAIN}:{}", self.public_port)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.yaml")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    pub(crate) fn health_address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.health_port).into()
    }

    /// A top-level key, or several, as YAML.
    pub(crate) fn with(mut self, yaml: &str) -> Self {
        self.keys += yaml.trim_end();
        self.keys.push('\n');
        self
    }

    /// A route of the host `HOST.example.test`; `more` are further keys, one a line.
    pub(crate) fn route(mut self, host: &str, to: &str, more: &str) -> Self {
        self.host(host);
        let from = self.origin(host);
        self.push_route(&format!("from: {from}\nto: {to}\n{more}"));
        self
    }

    /// A route whose every key but `from` is given.
    pub(crate) fn route_without_upstream(mut self, host: &str, keys: &str) -> Self {
        self.host(host);
        let from = self.origin(host);
        self.push_route(&format!("from: {from}\n{keys}"));
        self
    }

    /// Puts the sign-in on a host of its own.
    pub(crate) fn sign_in_host(mut self, host: &str) -> Self {
        self.host(host);
        let origin = self.origin(host);
        self.with(&format!("authenticate_service_url: {origin}"))
    }

    /// No certificate is configured: the program makes its own.
    pub(crate) fn making_certificates(mut self) -> Self {
        self.certificates = Certificates::Made;
        self
    }

    /// Plain HTTP, as behind something else that ends TLS.
    pub(crate) fn cleartext(mut self) -> Self {
        self.certificates = Certificates::Cleartext;
        self
    }

    /// Visitors come to another port; something there passes them on.
    pub(crate) fn seen_at(mut self, port: u16) -> Self {
        self.public_port = port;
        self
    }

    /// The socket of the main address is opened here and handed over.
    pub(crate) fn inheriting(mut self, name: &str) -> Self {
        let socket = TcpListener::bind(("127.0.0.1", self.port)).unwrap();
        self.inherits = Some((name.to_owned(), socket));
        self
    }

    /// Listens on both families, as `:PORT` does.
    pub(crate) fn on_every_address(mut self) -> Self {
        self.address = format!(":{}", self.port);
        self
    }

    pub(crate) fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    pub(crate) fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes a file beside the configuration and gives its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The configuration as text. Its certificate is written beside it.
    pub(crate) fn yaml(&self) -> String {
        let mut yaml = format!(
            "address: \"{}\"\nhealth_check_addr: 127.0.0.1:{}\ndata_dir: {}\n",
            self.address,
            self.health_port,
            self.data_dir().display()
        );
        match self.certificates {
            Certificates::Given => {
                let names: Vec<&str> = self.hosts.iter().map(String::as_str).collect();
                let (certificate, key) = Authority::shared().issue(&names).write(self.folder.path(), "hosts");
                let (certificate, key) = (certificate.display(), key.display());
                write!(yaml, "certificate_file: {certificate}\ncertificate_key_file: {key}\n").unwrap();
            }
            Certificates::Made => {}
            Certificates::Cleartext => yaml += "insecure_server: true\n",
        }
        yaml + &self.keys + "routes:\n" + &self.routes
    }

    /// Writes the configuration, starts the program, and waits until it is ready.
    pub(crate) async fn start(self) -> Doorward {
        self.write();
        self.age();
        Doorward::start(self).await
    }

    /// Makes what is written so far older than the start: what is not may have been read half, and is read again a moment
    /// later, which tests that wait for a reload of their own would take for that.
    fn age(&self) {
        let before = SystemTime::now() - Duration::from_secs(1);
        for entry in std::fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_file() {
                std::fs::File::open(entry.path()).unwrap().set_modified(before).unwrap();
            }
        }
    }

    /// Writes the configuration and gives its path.
    pub(crate) fn write(&self) -> PathBuf {
        let path = self.config_file();
        std::fs::write(&path, self.yaml()).unwrap();
        path
    }

    fn host(&mut self, host: &str) {
        let host = format!("{host}.{DOMAIN}");
        if !self.hosts.contains(&host) {
            self.hosts.push(host);
        }
    }

    fn push_route(&mut self, keys: &str) {
        let mut start = "  - ";
        for line in keys.lines().filter(|line| !line.trim().is_empty()) {
            writeln!(self.routes, "{start}{line}").unwrap();
            start = "    ";
        }
    }
}
