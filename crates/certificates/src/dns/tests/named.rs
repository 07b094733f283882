//! BIND's `named` on a free port, with zones that keys may update.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hickory_proto::rr::RecordType;
use tempfile::TempDir;

use super::super::client::{ask, question};
use super::{PATIENCE, SECRET, name};

/// A running server; it ends with this value.
pub(super) struct Named {
    pub(super) address: SocketAddr,
    process: Child,
    _folder: TempDir,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A server of `example.com`, `acme.test` (where names of the first are delegated to) and `sub.example.com`; none,
/// said loudly, where BIND is not installed.
pub(super) async fn start() -> Option<Named> {
    let Some(program) = find() else {
        skip("`named` is not installed (Debian: bind9), so updates were not tried against a real name server");
        return None;
    };
    // Another may take the port before the server does.
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let folder = tempfile::tempdir().unwrap();
        configure(folder.path(), port.port());
        let process = Command::new(&program)
            .args(["-f", "-4", "-n", "1", "-L", "named.log", "-c", "named.conf"])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.path().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let mut named = Named { address: port, process, _folder: folder };
        if answers(&mut named).await {
            return Some(named);
        }
    }
    panic!("named does not start; try it by hand");
}

async fn answers(named: &mut Named) -> bool {
    let asked = question(&name("example.com."), RecordType::SOA);
    tokio::time::timeout(PATIENCE, async {
        loop {
            if ask(named.address, &asked, PATIENCE).await.is_ok_and(|answer| answer.metadata.authoritative) {
                return true;
            }
            if named.process.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await
    .unwrap()
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders.into_iter().map(|folder| folder.join("named")).find(|file| file.is_file())
}

fn configure(folder: &Path, port: u16) {
    let secret = STANDARD.encode(SECRET);
    let mut text = format!(
        "options {{ directory \"{0}\"; pid-file \"{0}/pid\"; session-keyfile \"{0}/session\"; recursion no;\n\
         listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }}; dnssec-validation no; }};\ncontrols {{ }};\n",
        folder.display()
    );
    for (key, algorithm) in
        [("doorward", "hmac-sha256"), ("long", "hmac-sha512"), ("middle", "hmac-sha384"), ("narrow", "hmac-sha256")]
    {
        writeln!(text, "key \"{key}\" {{ algorithm {algorithm}; secret \"{secret}\"; }};").unwrap();
    }
    let policy = "grant doorward zonesub TXT; grant long zonesub TXT; grant middle zonesub TXT; \
                  grant narrow name _acme-challenge.only.example.com. TXT;";
    for zone in ["example.com", "sub.example.com", "acme.test"] {
        writeln!(text, "zone \"{zone}\" {{ type primary; file \"{zone}\"; update-policy {{ {policy} }}; }};").unwrap();
    }
    text += "zone \"open.test\" { type primary; file \"open.test\"; allow-update { 127.0.0.1; }; };\n";
    text += "zone \"static.test\" { type primary; file \"static.test\"; };\n";
    fs::write(folder.join("named.conf"), text).unwrap();
    let apex = "$TTL 60\n@ SOA ns.example.com. admin.example.com. 1 60 60 600 60\n@ NS ns.example.com.\n";
    let records = "ns A 127.0.0.1\n_acme-challenge.far CNAME far.acme.test.\n_acme-challenge.hop CNAME hop2\n\
                   hop2 CNAME hop3\nhop3 CNAME end.acme.test.\n_acme-challenge.loop CNAME loop2\n\
                   loop2 CNAME _acme-challenge.loop\n*.wild CNAME box.wild\nbox.wild A 127.0.0.1\nsub NS ns\n\
                   _acme-challenge.lost CNAME lost.example.org.\n";
    fs::write(folder.join("example.com"), format!("{apex}{records}")).unwrap();
    for zone in ["sub.example.com", "acme.test", "open.test", "static.test"] {
        fs::write(folder.join(zone), apex).unwrap();
    }
}

/// Says loudly that a test did not run, and notes it in the file that `SKIPPED` names.
fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("SKIPPED") {
        let file = File::options().create(true).append(true).open(path);
        writeln!(file.unwrap(), "certificates: {reason}").unwrap();
    }
}
