//! A server that is somebody else's, as a child process. It ends with the test, also when the test is killed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::log::Log;

/// Starts what it is given, and kills it once its own standard input ends.
const WATCH: &str = r#""$@" </dev/null & pid=$!; read -r _; kill -9 "$pid"; wait "$pid""#;

/// A running server, killed when dropped.
pub(crate) struct Counterpart {
    pub(crate) log: Log,
    shell: Child,
    input: Option<ChildStdin>,
}

impl Counterpart {
    pub(crate) fn start(
        program: &Path,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: &[(&str, String)],
    ) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", WATCH, "counterpart"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Log::new();
        log.read(shell.stdout.take().unwrap());
        log.read(shell.stderr.take().unwrap());
        let input = shell.stdin.take();
        Self { log, shell, input }
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        drop(self.input.take());
        let _status = self.shell.wait();
    }
}

/// A program that was installed below `.tools/`.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(".tools").join(program);
    path.exists().then_some(path)
}

/// A program of the system, also where only root's PATH has it.
pub(crate) fn of_the_system(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| path.exists())
}
