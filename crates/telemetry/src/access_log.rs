//! One line a request, written in batches by a thread of its own so that no request waits for a disk.

mod json;

use std::cell::Cell;
use std::fmt;
use std::io::Write;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::LogFormat;

/// How long lines are gathered before they are written together.
const GATHER: Duration = Duration::from_millis(25);
/// Beyond this many waiting bytes lines are dropped and counted: a stuck reader must not eat the memory.
const MOST_WAITING: usize = 4 << 20;

thread_local! {
    /// Where a thread makes its lines, so that none of them allocates.
    static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is said of one request once it is answered. Never the query string, a header value other than the
/// user agent, or anything secret.
#[derive(Debug, Clone)]
pub struct AccessLine<'a> {
    /// The request's id, as the answer carried it.
    pub request_id: &'a str,
    /// The request's method.
    pub method: &'a str,
    /// The authority asked for.
    pub host: &'a str,
    /// The path as it was sent, without the query.
    pub path: &'a str,
    /// `HTTP/1.1` or `HTTP/2`.
    pub protocol: &'static str,
    /// The answer's status.
    pub status: u16,
    /// From the request's head to the answer's head.
    pub duration: Duration,
    /// Who asked: the address of the connection.
    pub client: IpAddr,
    /// The route that matched.
    pub route: Option<&'a str>,
    /// The e-mail address, else the subject, of a known visitor.
    pub user: Option<&'a str>,
    /// `allow`, `deny` or `sign-in`; absent when no policy was asked.
    pub decision: Option<&'static str>,
    /// Why, in kebab-case words, several joined by commas.
    pub reason: Option<&'a str>,
    /// The rule that decided, of those who were denied or asked to sign in.
    pub rule: Option<DecidingRule>,
    /// The line of the configuration that rule stands on.
    pub rule_line: Option<u32>,
    /// What the route's shadow policy would have decided, where it differs.
    pub shadow_decision: Option<&'static str>,
    /// Why it would have.
    pub shadow_reason: Option<&'a str>,
    /// The upstream that answered.
    pub upstream: Option<&'a str>,
    /// What the client says it is.
    pub user_agent: Option<&'a str>,
    /// Whether this request became a WebSocket.
    pub websocket: bool,
}

/// Which rule decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidingRule {
    /// The one of this number, from 1.
    Number(usize),
    /// None of them: no rule held.
    NoneHeld,
}

impl fmt::Display for DecidingRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::NoneHeld => f.write_str("none"),
        }
    }
}

/// Where access lines go. Clones share one writer.
#[derive(Clone, Debug)]
pub struct AccessLog {
    shared: Arc<Shared>,
    /// None when nobody wants the lines.
    format: Option<LogFormat>,
}

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Vec<u8>>,
    arrived: Condvar,
    dropped: AtomicU64,
    /// Whether lines are on their way that no longer wait.
    writing: Arc<AtomicBool>,
}

impl AccessLog {
    /// A log that keeps nothing, for a `log_level` above `info`.
    pub fn to_nowhere() -> Self {
        Self { shared: Arc::default(), format: None }
    }

    /// Lines to standard output.
    ///
    /// # Errors
    /// When the system has no thread left to write them.
    pub fn to_stdout(format: LogFormat) -> std::io::Result<Self> {
        Self::to(format, Box::new(std::io::stdout()))
    }

    /// Lines to any writer.
    ///
    /// # Errors
    /// When the system has no thread left to write them.
    pub fn to(format: LogFormat, mut writer: Box<dyn Write + Send>) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let (weak, writing) = (Arc::downgrade(&shared), Arc::clone(&shared.writing));
        std::thread::Builder::new().name("access-log".into()).spawn(move || {
            let mut batch = Vec::new();
            // Ends by itself when the last clone is gone.
            while let Some(shared) = weak.upgrade() {
                shared.take(&mut batch);
                drop(shared);
                // Nobody is left to tell when standard output is gone.
                let _gone = writer.write_all(&batch).and_then(|()| writer.flush());
                batch.clear();
                writing.store(false, Ordering::Release);
            }
        })?;
        Ok(Self { shared, format: Some(format) })
    }

    /// Hands a line over. Never waits for the writer; drops the line when four megabytes are waiting.
    pub fn write(&self, line: &AccessLine<'_>) {
        let Some(format) = self.format else { return };
        let mut text = LINE.take();
        text.clear();
        let formatted = match format {
            LogFormat::Json => {
                json::write(&mut text, line, SystemTime::now());
                Ok(())
            }
            LogFormat::Human => human(&mut text, line),
        };
        if formatted.is_ok() {
            self.shared.add(&text);
        }
        LINE.set(text);
    }

    /// How many lines were dropped because nobody read them.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }

    /// Waits until what was written is out, at most a second: for the end of the process.
    pub fn flush(&self) {
        for _ in 0..40 {
            std::thread::sleep(GATHER);
            let waiting = self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if waiting.is_empty() && !self.shared.writing.load(Ordering::Acquire) {
                break;
            }
        }
    }
}

impl Shared {
    fn add(&self, text: &[u8]) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() + text.len() > MOST_WAITING {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let first = waiting.is_empty();
        waiting.extend_from_slice(text);
        drop(waiting);
        // Only the first line of a batch wakes the writer; the others ride along.
        if first {
            self.arrived.notify_one();
        }
    }

    fn take(&self, batch: &mut Vec<u8>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let (waiting, timed_out) = self
            .arrived
            .wait_timeout_while(waiting, Duration::from_millis(500), |lines| lines.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        drop(waiting);
        if !timed_out.timed_out() {
            std::thread::sleep(GATHER);
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        self.writing.store(!waiting.is_empty(), Ordering::Release);
        std::mem::swap(&mut *waiting, batch);
    }
}

fn human(text: &mut Vec<u8>, line: &AccessLine<'_>) -> std::io::Result<()> {
    // Debug formatting escapes control characters: a path must not be able to draw on a terminal.
    let path = format!("{:?}", line.path);
    write!(text, "{} {} {}{}", line.status, line.method, line.host, path.trim_matches('"'))?;
    write!(text, "  {:.1}ms", line.duration.as_secs_f64() * 1000.0)?;
    for (name, value) in [("user", line.user), ("route", line.route), ("reason", line.reason)] {
        if let Some(value) = value {
            write!(text, " {name}={}", value.escape_debug())?;
        }
    }
    if let Some(rule) = line.rule {
        write!(text, " rule={rule}")?;
    }
    if let Some(line) = line.rule_line {
        write!(text, " rule-line={line}")?;
    }
    for (name, value) in [("shadow-decision", line.shadow_decision), ("shadow-reason", line.shadow_reason)] {
        if let Some(value) = value {
            write!(text, " {name}={value}")?;
        }
    }
    writeln!(text, " id={}", line.request_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);

    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn line(path: &str) -> AccessLine<'_> {
        AccessLine {
            request_id: "abc",
            method: "GET",
            host: "code.example.test",
            path,
            protocol: "HTTP/1.1",
            status: 403,
            duration: Duration::from_micros(1234),
            client: "192.0.2.1".parse().unwrap(),
            route: Some("code"),
            user: Some("eve@example.com"),
            decision: Some("deny"),
            reason: Some("email-unauthorized"),
            rule: Some(DecidingRule::NoneHeld),
            rule_line: None,
            shadow_decision: None,
            shadow_reason: None,
            upstream: None,
            user_agent: None,
            websocket: false,
        }
    }

    fn written(format: LogFormat, lines: &[AccessLine<'_>]) -> String {
        let memory = Memory::default();
        let log = AccessLog::to(format, Box::new(memory.clone())).unwrap();
        for line in lines {
            log.write(line);
        }
        log.flush();
        for _ in 0..100 {
            if String::from_utf8_lossy(&memory.0.lock().unwrap()).lines().count() == lines.len() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        String::from_utf8(memory.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn a_json_line_holds_who_what_and_why() {
        let text = written(LogFormat::Json, &[line("/x")]);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["request-id"], "abc");
        assert_eq!(value["user"], "eve@example.com");
        assert_eq!(value["decision"], "deny");
        assert_eq!(value["reason"], "email-unauthorized");
        assert_eq!(value["duration-ms"], 1.234);
        assert!(value["timestamp"].as_str().unwrap().ends_with('Z'));
    }

    #[test]
    fn the_deciding_rule_and_the_shadow_stand_on_the_line() {
        let decided = AccessLine {
            rule: Some(DecidingRule::Number(2)),
            rule_line: Some(14),
            shadow_decision: Some("allow"),
            shadow_reason: Some("groups-ok"),
            ..line("/x")
        };
        let value: serde_json::Value =
            serde_json::from_str(&written(LogFormat::Json, std::slice::from_ref(&decided))).unwrap();
        assert_eq!((&value["rule"], &value["rule-line"]), (&"2".into(), &14.into()));
        assert_eq!((&value["shadow-decision"], &value["shadow-reason"]), (&"allow".into(), &"groups-ok".into()));
        let human = written(LogFormat::Human, &[decided]);
        assert!(
            human.contains(
                " reason=email-unauthorized rule=2 rule-line=14 shadow-decision=allow shadow-reason=groups-ok id="
            ),
            "{human}"
        );
        let human = written(LogFormat::Human, &[line("/x")]);
        assert!(human.contains(" rule=none id=") && !human.contains("shadow"), "{human}");
        let allowed = AccessLine { rule: None, ..line("/x") };
        let text = written(LogFormat::Json, &[allowed]);
        assert!(!text.contains("rule") && !text.contains("shadow"), "{text}");
    }

    #[test]
    fn a_path_cannot_add_a_line_or_draw_on_a_terminal() {
        let evil = "/a\n{\"status\":200}\u{1b}[2J";
        assert_eq!(written(LogFormat::Json, &[line(evil)]).lines().count(), 1);
        let text = written(LogFormat::Human, &[line(evil)]);
        assert_eq!(text.lines().count(), 1);
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn many_lines_all_arrive_in_order() {
        let paths: Vec<String> = (0..500).map(|n| format!("/{n}")).collect();
        let lines: Vec<_> = paths.iter().map(|path| line(path)).collect();
        let text = written(LogFormat::Human, &lines);
        let seen: Vec<&str> = text.lines().map(|l| l.split(' ').nth(2).unwrap().split_once('/').unwrap().1).collect();
        assert_eq!(seen, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
    }

    /// Standard output into a pipe that is read slowly.
    struct Slow(Memory);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            std::thread::sleep(GATHER * 8);
            self.0.write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_flushed_has_been_written() {
        let memory = Memory::default();
        let log = AccessLog::to(LogFormat::Json, Box::new(Slow(memory.clone()))).unwrap();
        log.write(&line("/last"));
        log.flush();
        assert!(String::from_utf8_lossy(&memory.0.lock().unwrap()).contains("/last"));
    }
}
