//! Servers as processes: pinned to a core, billed for their CPU time with all their children, weighed, and stopped.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Which core does what. On a machine of one core everything shares it, and the figures say little.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Core {
    /// The proxy under test and the services that it asks.
    Proxy,
    /// What makes the load and what answers it.
    Load,
}

impl Core {
    fn number(self) -> &'static str {
        match self {
            Self::Load if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) => "1",
            Self::Load | Self::Proxy => "0",
        }
    }
}

/// Puts the bench itself, and the threads it starts from now on, on the core of the load.
pub(crate) fn pin_this() {
    let this = std::process::id().to_string();
    let done = Command::new("taskset").args(["-pc", Core::Load.number(), &this]).stdout(Stdio::null()).status();
    assert!(
        done.is_ok_and(|status| status.success()),
        "taskset and setpriv (util-linux) are needed to pin processes to cores"
    );
}

/// A running server. Stopped when dropped.
pub(crate) struct Server {
    child: Child,
    started: Instant,
    log: PathBuf,
}

impl Server {
    /// Starts a program on a core; its errors go to a file, and its access log nowhere.
    pub(crate) fn start(core: Core, name: &str, folder: &Path, program: &[&str]) -> Self {
        let log = folder.join(format!("{name}.log"));
        let out = File::create(&log).unwrap();
        let started = Instant::now();
        // A bench that is killed leaves nobody behind.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "taskset", "-c", core.number()])
            .args(program)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { child, started, log }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn started(&self) -> Instant {
        self.started
    }

    /// What it said so far, for a failure.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends it with SIGTERM and waits, so that what it writes at its end is written.
    pub(crate) fn stop(&mut self) {
        let pid = self.pid().to_string();
        let _gone_already = Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status();
        let patience = Instant::now() + Duration::from_secs(12);
        while Instant::now() < patience && !self.has_ended() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// User and system time that these processes and their children have used.
pub(crate) fn cpu(servers: &[Server]) -> Duration {
    let ticks: u64 = family(servers).iter().filter_map(|pid| used(*pid)).sum();
    // USER_HZ is 100 wherever Linux runs.
    Duration::from_millis(ticks * 10)
}

/// Proportional set size of these processes and their children, in kilobytes.
pub(crate) fn memory(servers: &[Server]) -> u64 {
    let of = |pid: u32| {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or_default()
    };
    family(servers).into_iter().map(of).sum()
}

fn used(pid: u32) -> Option<u64> {
    let fields = fields(pid)?;
    Some(fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?)
}

/// The fields of `/proc/PID/stat` behind the program's name.
fn fields(pid: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// The processes and all their descendants.
pub(crate) fn family(servers: &[Server]) -> HashSet<u32> {
    let mut family: HashSet<u32> = servers.iter().map(Server::pid).collect();
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, fields(pid)?.get(1)?.parse().ok()?)))
        .collect();
    loop {
        let before = family.len();
        family.extend(
            parents.iter().filter(|(_, parent)| family.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if family.len() == before {
            return family;
        }
    }
}
