//! Pebble, the certificate authorities' own test server, as a child process; and the name server it asks.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::authority::Authority;
use super::browser::{Ask, Browser};
use super::counterpart::{Counterpart, installed};
use super::ports::free_port;
use super::setup::Setup;

pub(crate) const KEY_ID: &str = "kid-1";
pub(crate) const MAC_KEY: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
/// How long a certificate of the profile `shortlived` lives.
pub(crate) const SHORT_LIFE: u64 = 6 * 24 * 60 * 60;

/// What an authority is to be started with. Its addresses are known before it runs.
#[derive(Clone)]
pub(crate) struct Terms {
    port: u16,
    management_port: u16,
    tls_port: u16,
    http_port: u16,
    rejected_nonces: u8,
    wants_external_account: bool,
    blocked: Vec<String>,
    lifetime: u64,
    name_server: Option<SocketAddr>,
}

/// An authority, until dropped. It forgets everything when it ends, its own keys too.
pub(crate) struct Acme {
    terms: Terms,
    process: Counterpart,
    _resolver: Option<Counterpart>,
    _folder: TempDir,
}

/// Where the programs are.
struct Programs {
    authority: PathBuf,
    resolver: PathBuf,
}

impl Programs {
    fn find() -> Option<Self> {
        let found = installed("pebble/pebble").zip(installed("pebble/pebble-challtestsrv"));
        if found.is_none() {
            super::skip("the ACME test server is not installed: scripts/install.sh acme");
        }
        found.map(|(authority, resolver)| Self { authority, resolver })
    }
}

impl Terms {
    /// An authority that looks for Doorward where it listens; none, said loudly, where it is not installed.
    pub(crate) fn for_door(setup: &Setup) -> Option<Self> {
        Programs::find()?;
        Some(Self {
            port: free_port(),
            management_port: free_port(),
            tls_port: setup.port,
            http_port: free_port(),
            rejected_nonces: 0,
            wants_external_account: false,
            blocked: Vec::new(),
            lifetime: 90 * 24 * 60 * 60,
            name_server: None,
        })
    }

    /// Where it looks for the main port.
    pub(crate) fn tls_port(mut self, port: u16) -> Self {
        self.tls_port = port;
        self
    }

    /// Where it looks for the redirect port. Nobody listens there unless something is told to.
    pub(crate) fn http_port(mut self, port: u16) -> Self {
        self.http_port = port;
        self
    }

    /// The share of good nonces that it says are bad, in percent.
    pub(crate) fn rejecting_nonces(mut self, percent: u8) -> Self {
        self.rejected_nonces = percent;
        self
    }

    /// Takes nobody without [`KEY_ID`] and [`MAC_KEY`].
    pub(crate) fn wanting_external_account(mut self) -> Self {
        self.wants_external_account = true;
        self
    }

    /// Gives no certificate for this name.
    pub(crate) fn blocking(mut self, name: &str) -> Self {
        self.blocked.push(name.to_owned());
        self
    }

    /// Its certificates live so many seconds.
    pub(crate) fn living(mut self, seconds: u64) -> Self {
        self.lifetime = seconds;
        self
    }

    /// Asks this name server, in place of one that says that every name is this machine.
    pub(crate) fn asking(mut self, name_server: SocketAddr) -> Self {
        self.name_server = Some(name_server);
        self
    }

    /// `https://localhost:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("https://localhost:{}", self.port)
    }

    /// The configuration that has Doorward order from it, for this setup.
    pub(crate) fn keys(&self, setup: &Setup) -> String {
        keys_for(&self.origin(), setup)
    }

    /// Starts it and waits until it answers.
    pub(crate) async fn start(self) -> Acme {
        let programs = Programs::find().unwrap();
        let folder = TempDir::with_prefix("pebble-").unwrap();
        let (name_server, resolver) = match self.name_server {
            Some(address) => (address, None),
            None => start_resolver(&programs),
        };
        let settings = folder.path().join("pebble.json");
        std::fs::write(&settings, self.settings(&folder).to_string()).unwrap();
        let arguments =
            ["-config".as_ref(), settings.as_os_str(), "-dnsserver".as_ref(), name_server.to_string().as_ref()]
                .map(ToOwned::to_owned);
        let environment = [
            ("PEBBLE_VA_NOSLEEP", "1".to_owned()),
            ("PEBBLE_VA_ALWAYS_VALID", "0".to_owned()),
            ("PEBBLE_WFE_NONCEREJECT", self.rejected_nonces.to_string()),
            ("PEBBLE_AUTHZREUSE", "0".to_owned()),
        ];
        let process = Counterpart::start(&programs.authority, arguments, &environment);
        let acme = Acme { terms: self, process, _resolver: resolver, _folder: folder };
        for port in [acme.terms.port, acme.terms.management_port] {
            super::eventually("the ACME server", || async move {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
            })
            .await;
        }
        acme
    }

    fn settings(&self, folder: &TempDir) -> Value {
        let (certificate, key) = Authority::shared().issue(&["localhost", "127.0.0.1"]).write(folder.path(), "api");
        let blocked: &[String] = &self.blocked;
        json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{}", self.port),
            "managementListenAddress": format!("127.0.0.1:{}", self.management_port),
            "certificate": certificate,
            "privateKey": key,
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": self.wants_external_account,
            "externalAccountMACKeys": { KEY_ID: MAC_KEY },
            "domainBlocklist": blocked,
            "keyAlgorithm": "ecdsa",
            "retryAfter": { "authz": 1, "order": 1 },
            // Before there were profiles.
            "certificateValidityPeriod": self.lifetime,
            // Whoever names none gets one of them at random.
            "profiles": {
                "default": { "description": "the usual", "validityPeriod": self.lifetime },
                "shortlived": { "description": "six days", "validityPeriod": self.lifetime.min(SHORT_LIFE) },
            },
        }})
    }
}

impl Acme {
    /// The configuration that has Doorward order from it, for this setup.
    pub(crate) fn keys(&self, setup: &Setup) -> String {
        self.terms.keys(setup)
    }

    pub(crate) fn origin(&self) -> String {
        self.terms.origin()
    }

    /// The root that its certificates lead to, PEM.
    pub(crate) async fn root(&self) -> String {
        let answer = self.manage(Ask::new("GET", &self.management("/roots/0"))).await;
        assert_eq!(answer.status, 200);
        answer.text()
    }

    /// Has it suggest this window for the renewal of a certificate (PEM): RFC 3339, start and end.
    pub(crate) async fn suggest_renewal(&self, certificate: &str, start: &str, end: &str) {
        let window = json!({ "suggestedWindow": { "start": start, "end": end } });
        let body = json!({ "Certificate": certificate, "ARIResponse": window.to_string() }).to_string();
        let answer = self.manage(Ask::new("POST", &self.management("/set-renewal-info/")).body(body)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    /// Whether it suggests when to renew (RFC 9773) and lets a test move that.
    pub(crate) async fn knows_renewal_info(&self) -> bool {
        let probe = Ask::new("POST", &self.management("/set-renewal-info/")).body("{}");
        self.suggests_renewals().await && self.manage(probe).await.status != 404 || missing("renewal information")
    }

    async fn suggests_renewals(&self) -> bool {
        self.directory().await.get("renewalInfo").is_some()
    }

    /// Waits until it was asked when to renew; no time at all where it cannot be.
    pub(crate) async fn asked_when_to_renew(&self) {
        if self.suggests_renewals().await {
            super::eventually("the question when to renew", || async { self.count("/renewalInfo/").await > 0 }).await;
        }
    }

    pub(crate) async fn knows_profiles(&self) -> bool {
        self.directory().await["meta"]["profiles"].is_object() || missing("profiles")
    }

    /// How many orders were made so far.
    pub(crate) async fn orders(&self) -> usize {
        self.count("Added order").await
    }

    /// How often an order was asked for so far, also in vain.
    pub(crate) async fn asked_for_orders(&self) -> usize {
        self.count("POST /order-plz ").await
    }

    /// How many certificates were given out so far.
    pub(crate) async fn issued(&self) -> usize {
        self.count("Issued certificate serial").await
    }

    /// How many accounts were made so far.
    pub(crate) async fn accounts(&self) -> usize {
        self.count("accounts in memory").await
    }

    /// How many requests it has seen so far.
    pub(crate) async fn requests(&self) -> usize {
        self.count("-> calling handler()").await
    }

    /// What it said so far.
    pub(crate) async fn log(&self) -> String {
        self.process.log.settled().await
    }

    async fn count(&self, words: &str) -> usize {
        self.log().await.lines().filter(|line| line.contains(words)).count()
    }

    async fn directory(&self) -> Value {
        let answer = self.manage(Ask::new("GET", &format!("{}/dir", self.origin()))).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()
    }

    fn management(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.terms.management_port)
    }

    async fn manage(&self, ask: Ask) -> super::browser::Answer {
        // A client that does not say who it is is refused (RFC 8555 §6.1).
        Browser::speaking("http/1.1").send(ask.header("user-agent", "doorward-tests")).await
    }
}

/// The configuration that has Doorward order from whatever is at this origin.
pub(crate) fn keys_for(origin: &str, setup: &Setup) -> String {
    let trusted = setup.file("acme-api.pem", &Authority::shared().pem());
    format!(
        "autocert: true\nautocert_ca: {origin}/dir\nautocert_email: keeper@example.test\nautocert_trusted_ca_file: {}\n",
        trusted.display()
    )
}

/// Says that every name is this machine. Its flags differ from version to version.
fn start_resolver(programs: &Programs) -> (SocketAddr, Option<Counterpart>) {
    let help = Command::new(&programs.resolver).arg("-help").output().unwrap();
    let help = String::from_utf8_lossy(&help.stdout).into_owned() + &String::from_utf8_lossy(&help.stderr);
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let management = format!("127.0.0.1:{}", free_port());
    let wanted = [
        ("-dnsserver", address.to_string()),
        ("-dns01", address.to_string()),
        ("-management", management),
        ("-defaultIPv4", "127.0.0.1".to_owned()),
        ("-defaultIPv6", String::new()),
        // The answers to challenges are ours to give.
        ("-http01", String::new()),
        ("-https01", String::new()),
        ("-tlsalpn01", String::new()),
        ("-doh", String::new()),
    ];
    let known = wanted.into_iter().filter(|(flag, _)| help.contains(&format!("{flag} ")));
    let arguments: Vec<String> = known.flat_map(|(flag, value)| [flag.to_owned(), value]).collect();
    (address, Some(Counterpart::start(&programs.resolver, arguments, &[])))
}

fn missing(what: &str) -> bool {
    super::skip(&format!("the ACME test server installed here is too old for {what}: scripts/install.sh acme"));
    false
}
