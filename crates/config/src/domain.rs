//! What a configuration means, in types: the whole of it, and each section in its own file.

pub(crate) mod acme;
pub(crate) mod assertion;
pub(crate) mod client_certificates;
pub(crate) mod dns;
pub(crate) mod expectations;
pub(crate) mod listeners;
pub(crate) mod route;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod timeouts;
pub(crate) mod tls;
pub(crate) mod upgrades;
pub(crate) mod upstream;

use std::net::SocketAddr;
use std::path::PathBuf;

use assertion::Assertion;
use expectations::Expectation;
use listeners::Listeners;
use route::Route;
use sessions::SessionSettings;
use sign_in::SignIn;
use timeouts::Timeouts;
use tls::Tls;

/// One configuration, complete and checked.
#[derive(Debug)]
pub struct Config {
    /// The sockets that are listened on.
    pub listeners: Listeners,
    /// The certificates that are served.
    pub tls: Tls,
    /// Where and how people sign in.
    pub sign_in: SignIn,
    /// Sessions and their cookie.
    pub sessions: SessionSettings,
    /// What applications are told of their visitors.
    pub assertion: Assertion,
    /// Timeouts of the listener, and the default of routes.
    pub timeouts: Timeouts,
    /// Whom a denied visitor may ask, as text: a name, an address, a URL.
    pub support_contact: Option<String>,
    /// The routes, in the order of the file. At least one; no two have the same host and path rule.
    pub routes: Vec<Route>,
    /// What it expects of its own policies. Nothing here says that they do it: whoever serves it asks them first.
    pub tests: Vec<Expectation>,
    /// Where sessions, accounts, keys and made certificates are kept. Not necessarily there yet.
    pub data_dir: PathBuf,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Where health checks are answered; none when turned off.
    pub health: Option<SocketAddr>,
    /// Where metrics are served; none when nowhere.
    pub metrics: Option<SocketAddr>,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing at all.
    Off,
    /// What does not work.
    Error,
    /// And what may not.
    Warn,
    /// And what happens.
    Info,
    /// And how.
    Debug,
    /// And every step.
    Trace,
}

impl LogLevel {
    /// The name, as log filters spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}
