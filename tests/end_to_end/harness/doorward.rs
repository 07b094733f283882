//! The program itself: built, started on a configuration, watched, and stopped.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::browser::Browser;
use super::log::Log;
use super::raw::{Raw, RawAnswer};
use super::setup::Setup;
use super::{PATIENCE, within};

/// A running program. Killed when dropped; what it said is printed when the test fails.
pub(crate) struct Doorward {
    pub(crate) setup: Setup,
    pub(crate) log: Log,
    /// From the start of the process until it said that it is ready.
    pub(crate) ready_after: Duration,
    child: Child,
}

/// What a command that ends by itself said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Doorward {
    /// Starts the program on a configuration that was written, and waits until `/readyz` says 200.
    pub(crate) async fn start(setup: Setup) -> Self {
        Self::start_until(setup, "/readyz").await
    }

    /// The same for one that cannot get ready: waits until it is alive and has started.
    pub(crate) async fn start_unready(setup: Setup) -> Self {
        Self::start_until(setup, "/startupz").await
    }

    async fn start_until(setup: Setup, path: &str) -> Self {
        // Building it, the first time, is no part of starting it.
        binary();
        let started = Instant::now();
        let (mut child, log) = spawn(&setup);
        let health = setup.health_address();
        let ready = async {
            while !answers_200(health, path).await {
                if let Some(status) = child.try_wait().unwrap() {
                    panic!("doorward ended with {status} instead of getting ready:\n{}\n{}", log.text(), setup.yaml());
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, ready).await.is_ok();
        let this = Self { setup, log, ready_after: started.elapsed(), child };
        assert!(waited, "doorward never said that it is ready");
        this
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `https://HOST.example.test:PORT` with this path and query.
    pub(crate) fn url(&self, host: &str, path_and_query: &str) -> String {
        self.setup.origin(host) + path_and_query
    }

    /// A raw TLS connection to a host of ours.
    pub(crate) async fn raw(&self, host: &str) -> Raw {
        Raw::tls(self.setup.address(), &format!("{host}.{}", super::setup::DOMAIN)).await
    }

    /// Sends these bytes to a host of ours; `HOST` in them becomes the host with its port.
    pub(crate) async fn exchange(&self, host: &str, request: &str) -> RawAnswer {
        let mut raw = self.raw(host).await;
        raw.send(request.replace("HOST", &self.authority(host))).await;
        raw.answer_to(request.split(' ').next().unwrap()).await.expect("an answer")
    }

    /// `HOST.example.test:PORT`.
    pub(crate) fn authority(&self, host: &str) -> String {
        format!("{host}.{}:{}", super::setup::DOMAIN, self.setup.port)
    }

    /// An answer of the health listener.
    pub(crate) async fn health(&self, path: &str) -> RawAnswer {
        let mut raw = Raw::plain(self.setup.health_address()).await;
        raw.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await;
        raw.answer().await
    }

    /// `TERM`, `HUP`, …
    pub(crate) fn signal(&self, name: &str) {
        kill(name, self.pid());
    }

    /// Puts another configuration in place of the one there, whole or not at all, as editors do.
    pub(crate) fn replace_config(&self, yaml: &str) {
        let aside = self.setup.file("config.yaml.new", yaml);
        std::fs::rename(aside, self.setup.config_file()).unwrap();
    }

    /// Waits for the process to end by itself.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        within("waiting for doorward to end", async {
            loop {
                if let Some(status) = child.try_wait().unwrap() {
                    return status;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Ends it with SIGTERM and starts it again on the same configuration, data and addresses.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_after("TERM").await
    }

    /// The same with another signal, such as `KILL`.
    pub(crate) async fn restarted_after(mut self, signal: &str) -> Self {
        self.signal(signal);
        self.ended().await;
        self.started_again().await
    }

    /// Starts what has ended again, on the same configuration, data and addresses.
    pub(crate) async fn started_again(mut self) -> Self {
        let (child, log) = spawn(&self.setup);
        let previous = std::mem::replace(&mut self.child, child);
        drop(previous.wait_with_output());
        self.log = log;
        let health = self.setup.health_address();
        within("waiting for the restarted doorward", async {
            while !answers_200(health, "/readyz").await {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        })
        .await;
        self
    }

    /// A line of `/proc/PID/status`, in kilobytes: `VmRSS`, `VmHWM`.
    pub(crate) fn memory(&self, line: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':')).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    /// Runs another command of the program on the same configuration: `--config` is added.
    pub(crate) async fn command(&self, arguments: &[&str]) -> Said {
        command_on(&self.setup, arguments).await
    }

    /// A browser whose person is signed in, by way of a page load; the provider decides as whom.
    pub(crate) async fn signed_in(&self, host: &str) -> Browser {
        let mut browser = Browser::new();
        let answer = browser.visit(&self.url(host, "/")).await;
        assert_eq!(answer.status, 200, "signing in:\n{}{}", browser.trail_as_text(), answer.text());
        browser
    }
}

impl Drop for Doorward {
    fn drop(&mut self) {
        let _gone_already = self.child.kill();
        let _status = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- what doorward said ---\n{}\n---", self.log.text());
        } else {
            // Whatever the test was about: no input may make the program panic.
            assert!(!self.log.text().contains("panicked"), "doorward panicked:\n{}", self.log.text());
        }
    }
}

/// Hands the standard input over as systemd hands over sockets. The shell becomes the program, so its id stays.
const HANDING_OVER: &str =
    r#"exec 3<&0 0</dev/null; export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES="$NAME"; exec "$@""#;

fn spawn(setup: &Setup) -> (Child, Log) {
    let (mut command, input) = match &setup.inherits {
        None => (Command::new(binary()), Stdio::null()),
        Some((name, socket)) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", HANDING_OVER, "sh"]).arg(binary()).env("NAME", name);
            (shell, Stdio::from(std::os::fd::OwnedFd::from(socket.try_clone().unwrap())))
        }
    };
    let mut child = command
        .arg("run")
        .arg("--config")
        .arg(setup.config_file())
        .args(&setup.arguments)
        .env("HOME", setup.folder())
        .env_remove("XDG_DATA_HOME")
        .envs(setup.environment.iter().cloned())
        .current_dir(setup.folder())
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = Log::new();
    log.read(child.stdout.take().unwrap());
    log.read(child.stderr.take().unwrap());
    (child, log)
}

async fn answers_200(address: std::net::SocketAddr, path: &str) -> bool {
    let Ok(stream) = tokio::net::TcpStream::connect(address).await else { return false };
    drop(stream);
    let mut raw = Raw::plain(address).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    raw.try_send(request).await.is_ok() && raw.answer_to("GET").await.is_ok_and(|answer| answer.status == 200)
}

/// Starts the program as it would serve, for a configuration that it cannot serve.
pub(crate) async fn handed_over(setup: &Setup) -> Said {
    let (child, log) = spawn(setup);
    let pid = child.id();
    let mut running = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let Ok(output) = tokio::time::timeout(PATIENCE, &mut running).await else {
        kill("KILL", pid);
        panic!("it serves what it should refuse: {}", log.text());
    };
    Said { code: output.unwrap().status.code(), out: String::new(), err: log.settled().await }
}

/// Runs a command of the program that ends by itself, on a configuration that was written.
pub(crate) async fn command_on(setup: &Setup, arguments: &[&str]) -> Said {
    let config = setup.config_file();
    let mut all = arguments.to_vec();
    let config = config.to_str().unwrap();
    all.extend(["--config", config]);
    command_in(setup.folder(), &all).await
}

/// Runs a command of the program that ends by itself; one that does not is killed.
pub(crate) async fn command_in(folder: &Path, arguments: &[&str]) -> Said {
    let child = Command::new(binary())
        .args(arguments)
        .env("HOME", folder)
        .env_remove("XDG_DATA_HOME")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let (pid, what) = (child.id(), format!("doorward {}", arguments.join(" ")));
    let mut running = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let Ok(output) = tokio::time::timeout(PATIENCE, &mut running).await else {
        kill("KILL", pid);
        panic!("{what}: does not end: {:?}", running.await);
    };
    let output = output.unwrap();
    Said {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

fn kill(signal: &str, pid: u32) {
    let done = Command::new("sh").args(["-c", &format!("kill -{signal} {pid}")]).status().unwrap();
    assert!(done.success());
}

/// The program, built from the sources as they are now, in this build's profile. `DOORWARD_BINARY` names
/// another one.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(given) = std::env::var_os("DOORWARD_BINARY") {
            return given.into();
        }
        let this = std::env::current_exe().unwrap();
        let folder = this.ancestors().nth(2).unwrap();
        let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        build.args(["build", "--quiet", "--offline", "-p", "doorward"]).current_dir(env!("CARGO_MANIFEST_DIR"));
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "doorward does not build");
        folder.join("doorward")
    })
}

/// Whether the program is the optimised build.
pub(crate) fn is_release() -> bool {
    binary().components().any(|part| part.as_os_str() == "release")
}
