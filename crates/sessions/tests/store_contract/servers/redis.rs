//! Redis and Valkey: one server, with TLS, behind a sentinel, as a cluster.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redis::{Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use tempfile::TempDir;

use super::process::{Process, Recipe, free_port};
use super::{certificates, installed, of_the_system, skip};

pub(crate) const PASSWORD: &str = "p@ss/word";
/// The same as an address holds it.
pub(crate) const PASSWORD_IN_ADDRESS: &str = "p%40ss%2Fword";

/// A server and its data.
#[derive(Debug)]
pub(crate) struct Redis {
    pub(crate) port: u16,
    /// PEM of who vouches for it, when it has TLS.
    pub(crate) authority: Option<Vec<u8>>,
    recipe: Recipe,
    process: Option<Process>,
}

/// The Redis server of the system, or none, said loudly.
pub(crate) fn redis_server() -> Option<PathBuf> {
    let found = of_the_system("redis-server");
    if found.is_none() {
        skip("Redis is not installed: scripts/install.sh redis");
    }
    found
}

/// Valkey's server, or none, said loudly.
pub(crate) fn valkey_server() -> Option<PathBuf> {
    let found = installed("valkey/valkey-server").or_else(|| of_the_system("valkey-server"));
    if found.is_none() {
        skip("Valkey is not installed: scripts/install.sh valkey");
    }
    found
}

fn folder() -> PathBuf {
    TempDir::with_prefix("redis-").unwrap().keep()
}

/// Settings for a port with TLS.
fn tls(certificates: &Path, port: u16) -> String {
    format!(
        "--tls-port {port} --tls-auth-clients no --tls-cert-file {0}/cert.pem --tls-key-file {0}/key.pem \
         --tls-ca-cert-file {0}/ca.pem",
        certificates.display()
    )
}

fn words(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}

impl Redis {
    /// A server with a password that keeps what it has answered.
    pub(crate) fn start(program: &Path) -> Self {
        Self::with(program, "", free_port(), folder(), None)
    }

    /// The same with nothing but TLS.
    pub(crate) fn start_with_tls(program: &Path) -> Self {
        let (folder, port) = (folder(), free_port());
        let authority = certificates::write(&folder);
        let more = format!("--port 0 {}", tls(&folder, port));
        Self::with(program, &more, port, folder, Some(authority))
    }

    /// The same as a copy of another.
    pub(crate) fn start_replica_of(program: &Path, master: &Self) -> Self {
        let more =
            format!("--replicaof 127.0.0.1 {} --masterauth {PASSWORD} --repl-diskless-sync-delay 0", master.port);
        Self::with(program, &more, free_port(), folder(), None)
    }

    fn with(program: &Path, more: &str, port: u16, folder: PathBuf, authority: Option<Vec<u8>>) -> Self {
        // On a busy disk `everysec` puts off the writing itself for up to two seconds, and a server that is killed has lost that.
        let mut arguments = words(&format!(
            "--port {port} --bind 127.0.0.1 --dir {} --appendonly yes --appendfsync always --requirepass {PASSWORD} \
             --loglevel warning {more}",
            folder.display()
        ));
        arguments.extend(["--save".into(), "".into()]);
        let recipe = Recipe { program: program.to_owned(), arguments, signal: "KILL", user: None, folder };
        let mut server = Self { port, authority, recipe, process: None };
        server.go_on();
        server
    }

    /// A server with a second port that has TLS.
    pub(crate) fn start_with_both(program: &Path, certificates: &Path, more: &str) -> (Self, u16) {
        let port = free_port();
        (Self::with(program, &format!("{} {more}", tls(certificates, port)), free_port(), folder(), None), port)
    }

    /// A sentinel with TLS, and the master that it finds by TLS; answers its port with TLS too.
    pub(crate) fn start_sentinel_with_tls(program: &Path, certificates: &Path) -> (Self, Self, u16) {
        let (master, master_port) = Self::start_with_both(program, certificates, "");
        let port = free_port();
        let more = tls(certificates, port).replace("--", "\n");
        let sentinel = Self::sentinel(program, master_port, &format!("tls-replication yes{more}\n"));
        (master, sentinel, port)
    }

    /// A sentinel that watches over the master "main".
    pub(crate) fn start_sentinel(program: &Path, master: &Self) -> Self {
        Self::sentinel(program, master.port, "")
    }

    fn sentinel(program: &Path, master: u16, more: &str) -> Self {
        let (folder, port) = (folder(), free_port());
        let settings = folder.join("sentinel.conf");
        let text = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor main 127.0.0.1 {master} 1\n\
             sentinel auth-pass main {PASSWORD}\nsentinel down-after-milliseconds main 3000\n\
             sentinel failover-timeout main 2000\n{more}",
            folder.display()
        );
        std::fs::write(&settings, text).unwrap();
        let arguments = vec![settings.into(), "--sentinel".into()];
        let recipe = Recipe { program: program.to_owned(), arguments, signal: "KILL", user: None, folder };
        let mut server = Self { port, authority: None, recipe, process: None };
        server.process = Some(server.recipe.start());
        server.answers(|| server.ask("", &["PING"]).is_ok());
        server
    }

    pub(crate) fn address(&self) -> String {
        let scheme = if self.authority.is_some() { "rediss" } else { "redis" };
        format!("{scheme}://:{PASSWORD_IN_ADDRESS}@127.0.0.1:{}", self.port)
    }

    /// Starts it again on its data, on its port.
    pub(crate) fn go_on(&mut self) {
        self.process = Some(self.recipe.start());
        if self.authority.is_some() {
            self.answers(|| std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        } else {
            self.answers(|| self.ask(PASSWORD, &["PING"]).is_ok());
        }
    }

    /// Kills it; its data stay.
    pub(crate) fn stop(&mut self) {
        self.process.take().unwrap().stop();
    }

    pub(crate) fn stand_still(&self, still: bool) {
        self.process.as_ref().unwrap().stand_still(still);
    }

    fn answers(&self, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < end, "no answer from {:?}", self.recipe);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// The answer to a command, as a line.
    pub(crate) fn ask(&self, password: &str, command: &[&str]) -> redis::RedisResult<String> {
        let mut settings = RedisConnectionInfo::default();
        if !password.is_empty() {
            settings = settings.set_password(password);
        }
        let address = ConnectionAddr::Tcp("127.0.0.1".to_owned(), self.port).into_connection_info()?;
        let client = Client::open(address.set_redis_settings(settings))?;
        let mut connection = client.get_connection_with_timeout(Duration::from_secs(2))?;
        let (name, arguments) = command.split_first().unwrap();
        redis::cmd(name).arg(arguments).query::<redis::Value>(&mut connection).map(|value| format!("{value:?}"))
    }
}

/// Three servers that share the records among them.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Redis>,
}

impl Cluster {
    pub(crate) fn start(program: &Path) -> Self {
        let node = |more: String| Redis::with(program, &more, free_port(), folder(), None);
        let buses: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let nodes: Vec<Redis> = buses.iter().map(|bus| node(clustered(*bus))).collect();
        let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
        Self { nodes: meet(nodes, &ports, &buses) }
    }

    /// The same with TLS for clients; answers their ports too.
    pub(crate) fn start_with_tls(program: &Path, certificates: &Path) -> (Self, Vec<u16>) {
        let buses: Vec<u16> = (0..3).map(|_| free_port()).collect();
        let node = |bus: &u16| {
            Redis::start_with_both(program, certificates, &format!("{} --tls-cluster yes", clustered(*bus)))
        };
        let (nodes, ports): (_, Vec<u16>) = buses.iter().map(node).unzip();
        (Self { nodes: meet(nodes, &ports, &buses) }, ports)
    }

    pub(crate) fn address(&self) -> String {
        let hosts: Vec<String> = self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://:{PASSWORD_IN_ADDRESS}@{}", hosts.join(","))
    }
}

fn clustered(bus: u16) -> String {
    format!("--cluster-enabled yes --cluster-node-timeout 1000 --cluster-port {bus}")
}

/// Makes a cluster of nodes that do not know each other.
fn meet(nodes: Vec<Redis>, ports: &[u16], buses: &[u16]) -> Vec<Redis> {
    for (node, slots) in nodes.iter().zip([["0", "5460"], ["5461", "10922"], ["10923", "16383"]]) {
        node.ask(PASSWORD, &["CLUSTER", "ADDSLOTSRANGE", slots[0], slots[1]]).unwrap();
    }
    for (port, bus) in ports.iter().zip(buses) {
        let (port, bus) = (port.to_string(), bus.to_string());
        nodes[0].ask(PASSWORD, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).unwrap();
    }
    for node in &nodes {
        node.answers(|| {
            let info = node.ask(PASSWORD, &["CLUSTER", "INFO"]).unwrap();
            info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3")
        });
    }
    nodes
}

/// A master with a copy, and the sentinel that knows which is which.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) master: Redis,
    pub(crate) copy: Redis,
    pub(crate) sentinel: Redis,
}

impl Watched {
    pub(crate) fn start(program: &Path) -> Self {
        let master = Redis::start(program);
        let copy = Redis::start_replica_of(program, &master);
        copy.answers(|| copy.ask(PASSWORD, &["INFO", "replication"]).unwrap().contains("master_link_status:up"));
        let sentinel = Redis::start_sentinel(program, &master);
        // It learns of the copy from the master.
        sentinel
            .answers(|| sentinel.ask("", &["SENTINEL", "REPLICAS", "main"]).unwrap().contains(&copy.port.to_string()));
        Self { master, copy, sentinel }
    }

    pub(crate) fn address(&self) -> String {
        format!("redis+sentinel://:{PASSWORD_IN_ADDRESS}@127.0.0.1:{}/main", self.sentinel.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.process.is_none() {
            // It was stopped, and its data were to stay until now.
            let _ = std::fs::remove_dir_all(&self.recipe.folder);
        }
    }
}
