//! A program that changes the DNS, for every provider that has a tool or an API.
//!
//! Refuses: a shell, input, our environment (which may hold secrets), output without end, and running for ever.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsString;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use doorward_config::DnsCommand;
use doorward_hygiene::Hostname;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::DnsError;
use super::error::shorten;

/// What the program finds in its environment of ours.
const KEPT: [&str; 3] = ["PATH", "HOME", "LANG"];
/// How much of what it writes is remembered: the end.
const REMEMBERED: usize = 4 * 1024;
/// How long a program that has ended may hold its output open through others it started.
const LINGER: Duration = Duration::from_secs(1);

/// What the program is to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    Present,
    CleanUp,
}

impl Action {
    fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::CleanUp => "cleanup",
        }
    }
}

/// The program, as it is configured.
#[derive(Debug)]
pub(crate) struct Program {
    path: String,
    arguments: Vec<String>,
    timeout: Duration,
}

impl Program {
    pub(crate) fn new(settings: &DnsCommand) -> Result<Self, DnsError> {
        let (path, arguments) = settings.command.split_first().ok_or_else(|| DnsError::Settings {
            what: "`command` is empty: give a program, and its arguments".into(),
        })?;
        Ok(Self { path: path.clone(), arguments: arguments.to_vec(), timeout: settings.timeout })
    }

    /// Runs the program to its end.
    pub(crate) async fn run(&self, action: Action, host: &Hostname, name: &str, value: &str) -> Result<(), DnsError> {
        let program = || self.path.clone();
        let mut child = self
            .command(action, host, name, value)
            .spawn()
            .map_err(|why| DnsError::NotStarted { program: program(), why })?;
        let mut group = Group::of(child.id());
        let (mut output, mut errors) = (Tail::default(), Tail::default());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = {
            let mut writing = pin!(async { tokio::join!(output.read(stdout), errors.read(stderr)) });
            let mut written = false;
            let ending = async {
                loop {
                    tokio::select! {
                        ended = child.wait() => return ended,
                        _ = &mut writing, if !written => written = true,
                    }
                }
            };
            let ended = timeout(self.timeout, ending).await;
            if ended.is_ok() {
                group.has_ended();
                if !written {
                    // What it left running may hold on to its output; that it may.
                    let _ = timeout(LINGER, writing).await;
                }
            }
            ended
        };
        drop(group);
        let said = errors.last_line().or_else(|| output.last_line()).unwrap_or_else(|| "it wrote nothing".into());
        match ended {
            Err(_) => Err(DnsError::ProgramTooSlow { program: program(), after: self.timeout, said }),
            Ok(Err(why)) => Err(DnsError::NotStarted { program: program(), why }),
            Ok(Ok(status)) if !status.success() => Err(DnsError::ProgramFailed { program: program(), status, said }),
            Ok(Ok(_)) => Ok(()),
        }
    }

    fn command(&self, action: Action, host: &Hostname, name: &str, value: &str) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(&self.arguments)
            .args([action.as_str(), name, value])
            .env_clear()
            .envs(KEPT.iter().filter_map(|key| Some((*key, env::var_os(key)?))).collect::<Vec<(&str, OsString)>>())
            .envs([
                ("DOORWARD_DNS_ACTION", action.as_str()),
                ("DOORWARD_DNS_NAME", name),
                ("DOORWARD_DNS_VALUE", value),
                ("DOORWARD_DNS_HOST", host.as_str()),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        command
    }
}

/// The processes of one run: killed together when they are no longer wanted.
#[derive(Debug)]
struct Group(Option<Pid>);

impl Group {
    fn of(leader: Option<u32>) -> Self {
        Self(leader.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// The leader's number may be another's from now on.
    fn has_ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0.take()
            && let Err(error) = kill_process_group(leader, Signal::KILL)
        {
            tracing::debug!(%error, "the program's processes could not be killed");
        }
    }
}

/// The end of what a program writes; the rest is read, so that it can go on, and forgotten.
#[derive(Debug, Default)]
struct Tail(VecDeque<u8>);

impl Tail {
    async fn read(&mut self, from: Option<impl AsyncRead + Unpin>) {
        let Some(mut from) = from else { return };
        let mut buffer = [0; REMEMBERED];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            self.0.extend(buffer.iter().take(count));
            self.0.drain(..self.0.len().saturating_sub(REMEMBERED));
        }
    }

    /// The last line that is not blank.
    fn last_line(&self) -> Option<String> {
        let bytes: Vec<u8> = self.0.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        text.lines().rev().map(|line| shorten(line.trim())).find(|line| !line.is_empty())
    }
}
