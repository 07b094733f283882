//! Log set-up: one JSON object a line, or lines for people when a terminal is looking.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, fmt, registry};

use crate::AuditCounts;

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// A short line for a person.
    Human,
}

impl LogFormat {
    /// Human when standard output is a terminal, JSON otherwise.
    pub fn detect() -> Self {
        if std::io::stdout().is_terminal() { Self::Human } else { Self::Json }
    }
}

/// Sends what the process has to say to standard output. Does nothing the second time.
///
/// `level` is one of `off`, `error`, `warn`, `info`, `debug`, `trace`; any other word means `info`. Our own
/// crates speak at that level; libraries only warn, unless it is `debug` or `trace`.
///
/// What comes back counts the audit events from now on, whatever the level.
pub fn init_logging(level: &str, format: LogFormat) -> AuditCounts {
    let filter = match level {
        "trace" | "debug" | "off" | "error" => EnvFilter::new(level),
        "warn" => EnvFilter::new("warn"),
        _ => EnvFilter::new(OURS.iter().fold("warn".to_owned(), |filter, ours| format!("{filter},{ours}=info"))),
    };
    let lines = match format {
        LogFormat::Json => fmt::layer().json().flatten_event(true).with_current_span(false).boxed(),
        LogFormat::Human => fmt::layer().compact().with_target(false).boxed(),
    };
    let counts = AuditCounts::default();
    let counting = counts.clone().with_filter(Targets::new().with_target("audit", LevelFilter::DEBUG));
    // A second initialisation only happens in tests; the first one stands.
    let _already = registry().with(lines.with_filter(filter)).with(counting).try_init();
    counts
}

/// The log targets that are ours.
const OURS: [&str; 8] = [
    "audit",
    "doorward",
    "doorward_authenticate",
    "doorward_certificates",
    "doorward_config",
    "doorward_proxy",
    "doorward_sessions",
    "doorward_transport",
];
