//! BIND, for a zone that takes updates signed by a key.

use std::net::SocketAddr;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;

use super::counterpart::{Counterpart, of_the_system};
use super::ports::free_port;
use super::setup::DOMAIN;

const KEY_NAME: &str = "doorward-tests";
const KEY: [u8; 32] = *b"thirty-two bytes nobody may see.";

/// The name server of `example.test`, until dropped: every host of it is this machine.
pub(crate) struct NameServer {
    process: Counterpart,
    port: u16,
    _folder: TempDir,
}

impl NameServer {
    /// Starts it; none, said loudly, where it is not installed.
    pub(crate) async fn start() -> Option<Self> {
        let Some(installed) = of_the_system("named") else {
            super::skip("BIND is not installed: scripts/install.sh dns-server");
            return None;
        };
        let (port, folder) = (free_port(), TempDir::with_prefix("named-").unwrap());
        // A copy: where AppArmor is in force, the one in its place may write below its own folders alone.
        let program = folder.path().join("named");
        std::fs::copy(installed, &program).unwrap();
        std::fs::write(folder.path().join("zone"), zone()).unwrap();
        let settings = folder.path().join("named.conf");
        std::fs::write(&settings, configuration(folder.path(), port)).unwrap();
        let arguments = ["-g".as_ref(), "-n".as_ref(), "1".as_ref(), "-c".as_ref(), settings.as_os_str()];
        let process = Counterpart::start(&program, arguments, &[]);
        process.log.wait_for_line("running", |line| line.trim_end().ends_with(" running")).await;
        Some(Self { process, port, _folder: folder })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// The configuration that has Doorward change its zone.
    pub(crate) fn keys(&self) -> String {
        self.keys_with(&KEY)
    }

    /// The same with another key under the same name.
    pub(crate) fn keys_with(&self, key: &[u8]) -> String {
        format!(
            "autocert_dns:\n  rfc2136:\n    server: {}\n    zone: {DOMAIN}\n    tsig_key_name: {KEY_NAME}\n    \
             tsig_algorithm: hmac-sha256\n    tsig_secret: {}\n",
            self.address(),
            STANDARD.encode(key)
        )
    }

    /// The key as it must not be seen anywhere.
    pub(crate) fn secret() -> String {
        STANDARD.encode(KEY)
    }

    /// Every TXT record that an update put there or took out, in order.
    pub(crate) async fn changes(&self) -> Vec<Change> {
        let text = self.process.log.settled().await;
        text.lines().filter_map(Change::of).collect()
    }
}

/// A change of the zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    Added(String),
    Removed(String),
}

impl Change {
    fn of(line: &str) -> Option<Self> {
        let (_, update) = line.split_once(": updating zone '")?;
        // adding an RR at 'NAME' TXT "VALUE" · deleting an RR at NAME TXT · deleting rrset at 'NAME' TXT
        let name = |after: &str| {
            let name = after.split_whitespace().next()?.trim_matches('\'').trim_end_matches('.');
            after.contains(" TXT").then(|| name.to_owned())
        };
        if let Some((_, after)) = update.split_once("adding an RR at ") {
            return name(after).map(Self::Added);
        }
        let after = update.split_once("deleting an RR at ").or_else(|| update.split_once("deleting rrset at "))?.1;
        name(after).map(Self::Removed)
    }
}

fn zone() -> String {
    format!(
        "$TTL 1\n@ SOA ns.{DOMAIN}. root.{DOMAIN}. 1 3600 600 86400 1\n@ NS ns\n@ A 127.0.0.1\nns A 127.0.0.1\n* A 127.0.0.1\n"
    )
}

fn configuration(folder: &Path, port: u16) -> String {
    let (folder, secret) = (folder.display(), STANDARD.encode(KEY));
    format!(
        r#"
        options {{
            directory "{folder}";
            listen-on port {port} {{ 127.0.0.1; }};
            listen-on-v6 {{ none; }};
            pid-file none;
            session-keyfile none;
            recursion no;
            dnssec-validation no;
            empty-zones-enable no;
            notify no;
        }};
        controls {{ }};
        key "{KEY_NAME}" {{ algorithm hmac-sha256; secret "{secret}"; }};
        zone "{DOMAIN}" {{ type primary; file "zone"; update-policy {{ grant {KEY_NAME} zonesub TXT; }}; }};
        "#
    )
}
