//! A server as a child process. It ends with the test, also when the test is killed.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;

/// Starts what it is given, says its id, and ends it once its own standard input ends; then its folder goes,
/// unless it was told to keep it.
const WATCH: &str = r#"signal=$1; folder=$2; shift 2; "$@" </dev/null >/dev/null 2>&1 & pid=$!; echo "$pid"; exec >/dev/null 2>&1
read -r word; kill -CONT "$pid"; kill "-$signal" "$pid"; wait "$pid"; [ "$word" = keep ] || rm -rf "$folder""#;

/// How to start a server.
#[derive(Debug, Clone)]
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    /// The signal that ends it.
    pub(crate) signal: &'static str,
    /// The user and group it runs as.
    pub(crate) user: Option<(u32, u32)>,
    /// Its data, which go when it does.
    pub(crate) folder: PathBuf,
}

/// A running server, ended when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    shell: Child,
    input: Option<ChildStdin>,
    id: String,
}

impl Recipe {
    pub(crate) fn start(&self) -> Process {
        let mut command = Command::new("sh");
        command.args(["-c", WATCH, "server", self.signal]).arg(&self.folder);
        command.arg(&self.program).args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.current_dir("/");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        let mut shell = command.spawn().unwrap();
        let mut id = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut id).unwrap();
        let input = shell.stdin.take();
        Process { shell, input, id: id.trim().to_owned() }
    }
}

impl Process {
    /// Ends it; its data stay.
    pub(crate) fn stop(mut self) {
        writeln!(self.input.as_mut().unwrap(), "keep").unwrap();
    }

    /// Has it stand still, or go on.
    pub(crate) fn stand_still(&self, still: bool) {
        let signal = if still { "-STOP" } else { "-CONT" };
        assert!(Command::new("kill").args([signal, &self.id]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.input.take());
        let _status = self.shell.wait();
    }
}

/// A free loopback port, given out once by this process.
pub(crate) fn free_port() -> u16 {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap();
    let given = given.get_or_insert_default();
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if given.insert(port) {
            return port;
        }
    }
}
