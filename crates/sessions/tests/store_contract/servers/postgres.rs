//! PostgreSQL, with and without TLS at once.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::process::{Process, Recipe, free_port};
use super::{certificates, skip};

const PASSWORD_IN_ADDRESS: &str = "p%40ss%2Fword";
const PASSWORD: &str = "p@ss/word";

/// A server and its data.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) port: u16,
    /// PEM of who vouches for it.
    pub(crate) authority: Vec<u8>,
    recipe: Recipe,
    process: Option<Process>,
}

/// Where the newest server's programs are.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.flatten().map(|entry| entry.path()).filter(|path| path.join("bin/postgres").exists());
    newest.max_by_key(version).map(|path| path.join("bin"))
}

/// The server refuses to be root: somebody who has fewer rights, when we are.
fn user() -> Option<(u32, u32)> {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap();
    let account = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().unwrap());
        Some((numbers.next()?, numbers.next()?))
    };
    Some(account("postgres").or_else(|| account("nobody")).unwrap())
}

impl Postgres {
    /// Starts it; none, said loudly, where it is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(programs) = programs() else {
            skip("PostgreSQL is not installed: scripts/install.sh postgres");
            return None;
        };
        let (folder, user, port) = (TempDir::with_prefix("postgres-").unwrap().keep(), user(), free_port());
        let authority = certificates::write(&folder);
        std::fs::write(folder.join("password"), PASSWORD).unwrap();
        Command::new("chmod").arg("600").arg(folder.join("key.pem")).status().unwrap();
        if let Some((user, group)) = user {
            for path in [&folder, &folder.join("key.pem"), &folder.join("cert.pem"), &folder.join("password")] {
                chown(path, Some(user), Some(group)).unwrap();
            }
        }
        let data = folder.join("data");
        let mut initdb = Command::new(programs.join("initdb"));
        initdb.arg("-D").arg(&data).arg(format!("--pwfile={}", folder.join("password").display()));
        initdb.args(["-A", "scram-sha-256", "-U", "doorward", "--no-sync", "-E", "UTF8", "--locale=C"]);
        if let Some((user, group)) = user {
            initdb.uid(user).gid(group);
        }
        let made = initdb.current_dir("/").output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let set = |name: &str, value: &str| ["-c".into(), format!("{name}={value}").into()];
        let file = |name: &str| folder.join(name).display().to_string();
        let mut arguments = vec!["-D".into(), data.into(), "-p".into(), port.to_string().into()];
        for (name, value) in [
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", &folder.display().to_string()),
            ("fsync", "off"),
            ("shared_buffers", "16MB"),
            ("max_connections", "300"),
            ("ssl", "on"),
            ("ssl_cert_file", &file("cert.pem")),
            ("ssl_key_file", &file("key.pem")),
        ] {
            arguments.extend(set(name, value));
        }
        // INT: connections are ended and the data are written.
        let recipe = Recipe { program: programs.join("postgres"), arguments, signal: "INT", user, folder };
        let mut server = Self { port, authority, recipe, process: None };
        server.go_on();
        Some(server)
    }

    /// Starts it, again on its data.
    pub(crate) fn go_on(&mut self) {
        self.process = Some(self.recipe.start());
        let end = Instant::now() + Duration::from_secs(30);
        // Whoever is asked by a start-up message before it is ready refuses; the file says when it is.
        let ready = self.recipe.folder.join("data/postmaster.pid");
        while !std::fs::read_to_string(&ready)
            .is_ok_and(|text| text.lines().nth(7).is_some_and(|state| state.starts_with("ready")))
        {
            assert!(Instant::now() < end, "no answer from {:?}", self.recipe);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it; its data stay.
    pub(crate) fn stop(&mut self) {
        self.process.take().unwrap().stop();
    }

    pub(crate) fn stand_still(&self, still: bool) {
        self.process.as_ref().unwrap().stand_still(still);
    }

    /// The address of a new, empty schema.
    pub(crate) async fn schema(&self, tls: &str) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let schema = format!("s{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        self.execute(&format!("CREATE SCHEMA {schema}")).await;
        self.address(&schema, tls)
    }

    pub(crate) fn address(&self, schema: &str, tls: &str) -> String {
        format!(
            "postgres://doorward:{PASSWORD_IN_ADDRESS}@127.0.0.1:{}/postgres?options=-csearch_path%3D{schema}{tls}",
            self.port
        )
    }

    /// Runs statements as the owner of everything.
    pub(crate) async fn execute(&self, statements: &str) -> Vec<String> {
        let address = format!("postgres://doorward:{PASSWORD_IN_ADDRESS}@127.0.0.1:{}/postgres", self.port);
        let (client, connection) = tokio_postgres::connect(&address, NoTls).await.unwrap();
        let connection = tokio::spawn(connection);
        let messages = client.simple_query(statements).await.unwrap();
        drop(client);
        connection.await.unwrap().unwrap();
        let row = |message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        };
        messages.into_iter().filter_map(row).collect()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.process.is_none() {
            // It was stopped, and its data were to stay until now.
            let _ = std::fs::remove_dir_all(&self.recipe.folder);
        }
    }
}
