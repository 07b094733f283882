//! Why a record was not put into the DNS, or not taken out of it.

use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;
use std::time::Duration;

use doorward_hygiene::Hostname;

use super::answer::BadAnswer;
use super::refusal::Refusal;

/// What went wrong with a TXT record.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// There are no records under addresses, nor under names that leave no room for the label in front of them.
    #[error("{host} cannot be proved by DNS: it is an address, or too long a name")]
    NoName {
        /// The host.
        host: Hostname,
    },
    /// The settings cannot be used.
    #[error("{what}")]
    Settings {
        /// What is wrong, and how to mend it.
        what: String,
    },
    /// A password would be sent in clear text.
    #[error("the acme-dns server {host} is to be asked by http, which shows the password to the network: use https")]
    ClearText {
        /// The server.
        host: String,
    },
    /// The message does not fit into the format.
    #[error("the record does not fit into a DNS message")]
    Unwritable,
    /// No answer came.
    #[error(
        "the name server {server} did not answer by TCP ({why}): is this its address, and does the firewall let TCP through?"
    )]
    Unreachable {
        /// The server.
        server: SocketAddr,
        /// What the system said.
        why: io::Error,
    },
    /// An answer came that is not believed.
    #[error("the answer of the name server {server} is not believed: {why}")]
    Answer {
        /// The server.
        server: SocketAddr,
        /// Why.
        why: BadAnswer,
    },
    /// The server does not have a zone for the name.
    #[error(
        "the name server {server} has no zone that {name} is in: set `zone` and `server` to the zone's primary server, \
         or delegate {name} to a zone it has, by a CNAME record"
    )]
    NoZone {
        /// The server.
        server: SocketAddr,
        /// The name.
        name: String,
    },
    /// The name is outside of the configured zone.
    #[error(
        "{name} is not in the zone {zone}: leave `zone` out so that the server is asked for the right one, or delegate \
         {name} to this zone, by a CNAME record"
    )]
    OutsideZone {
        /// The name.
        name: String,
        /// The configured zone.
        zone: String,
    },
    /// The server understood, and said no.
    #[error("the name server {server} {why}")]
    Refused {
        /// The server.
        server: SocketAddr,
        /// Its reason.
        why: Refusal,
    },
    /// Nobody registered this host with the acme-dns server.
    #[error(
        "there is no acme-dns account for {host}: register one with `curl -X POST {url}register`, put its `username`, \
         `password` and `subdomain` under `accounts: {host}:`, and set a CNAME record _acme-challenge.{host} to its \
         `fulldomain`"
    )]
    NoAccount {
        /// The host.
        host: Hostname,
        /// The server's API, with a slash at its end.
        url: String,
    },
    /// The acme-dns server gave no answer.
    #[error("the acme-dns server {host} cannot be reached: {why}")]
    AcmeDnsUnreachable {
        /// The server.
        host: String,
        /// What the HTTP client said.
        why: String,
    },
    /// The acme-dns server said no.
    #[error("the acme-dns server {host} answered {status} ({said}): {mend}")]
    AcmeDnsRefused {
        /// The server.
        host: String,
        /// The status.
        status: u16,
        /// What it said, shortened.
        said: String,
        /// What to do.
        mend: &'static str,
    },
    /// The program could not be started.
    #[error(
        "the program {program} cannot be started ({why}): is it there, by its whole path, and may this user run it?"
    )]
    NotStarted {
        /// The program.
        program: String,
        /// What the system said.
        why: io::Error,
    },
    /// The program failed.
    #[error("the program {program} failed ({status}): {said}")]
    ProgramFailed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The last line it wrote.
        said: String,
    },
    /// The program did not end in time.
    #[error("the program {program} was stopped after {after:?}: {said}. Allow it more time by `timeout`")]
    ProgramTooSlow {
        /// The program.
        program: String,
        /// How long it was allowed to run.
        after: Duration,
        /// The last line it wrote.
        said: String,
    },
}

/// The most characters of foreign text that are repeated.
const LONGEST: usize = 300;

/// Foreign text on one line, without characters that make it read differently, at most 300 of them.
pub(crate) fn shorten(text: &str) -> String {
    let treacherous = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().filter(|c| !treacherous(*c)).take(LONGEST).collect()
}
