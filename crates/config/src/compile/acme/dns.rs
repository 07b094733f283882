//! How records are put into the DNS: `autocert_dns`.
//!
//! Refuses: none or several of its ways at once, names where addresses have to stand, and waiting for ever.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::Limit;
use crate::compile::Compiler;
use crate::domain::acme::{Dns, DnsCommand, DnsUpdater};
use crate::problem::Place;
use crate::raw::At;
use crate::raw::acme::{RawDns, RawExec};

const PROPAGATION: Duration = Duration::from_secs(2 * 60);
const COMMAND: Duration = Duration::from_secs(60);
/// The longest that anything here may be waited for.
const LONGEST: Duration = Duration::from_secs(60 * 60);

const PORT: u16 = 53;
const MOST_RESOLVERS: usize = 16;

impl Compiler<'_> {
    pub(super) fn dns(&mut self, raw: &RawDns) -> Option<Dns> {
        if raw.ways() != 1 {
            let what = if raw.ways() == 0 { "names no way" } else { "names more than one way" };
            self.problems.error(
                &raw.place,
                format!("`autocert_dns` {what} to put records into the DNS"),
                "It holds exactly one of `rfc2136` (a name server that takes updates), `acme_dns` (an acme-dns server) and \
                 `exec` (a program).",
            );
        }
        let rfc2136 = raw.rfc2136.as_ref().and_then(|raw| self.rfc2136(raw)).map(DnsUpdater::Rfc2136);
        let acme_dns = raw.acme_dns.as_ref().and_then(|raw| self.acme_dns(raw)).map(DnsUpdater::AcmeDns);
        let exec = raw.exec.as_ref().and_then(|raw| self.exec(raw)).map(DnsUpdater::Exec);
        let resolvers = raw.resolvers.as_ref().map(|list| self.resolvers(list)).unwrap_or_default();
        let propagation = self.bounded("propagation_timeout", raw.propagation_timeout.as_ref(), PROPAGATION);
        Some(Dns { updater: rfc2136.or(acme_dns).or(exec)?, resolvers, propagation })
    }

    fn resolvers(&mut self, list: &At<Vec<At<String>>>) -> Vec<SocketAddr> {
        if list.value.len() > MOST_RESOLVERS {
            self.problems.error(
                &list.place,
                format!("`resolvers` has {} addresses", list.value.len()),
                format!("Give at most {MOST_RESOLVERS}."),
            );
        }
        list.value.iter().filter_map(|text| self.name_server("resolvers", text)).collect()
    }

    pub(super) fn name_server(&mut self, key: &str, text: &At<String>) -> Option<SocketAddr> {
        let bare = text.value.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(&text.value);
        let alone = || bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT));
        let address = text.value.parse().ok().or_else(alone).filter(|address: &SocketAddr| address.port() != 0);
        if address.is_none() {
            self.problems.error(
                &text.place,
                format!("`{key}` is the address of a name server, but this is no IP address with a port"),
                "Write it as `192.0.2.53:53` or `[2001:db8::53]:53`; a name would have to be looked up first.",
            );
        }
        address
    }

    /// A span that has to end.
    fn bounded(&mut self, key: &str, given: Option<&At<Limit>>, default: Duration) -> Duration {
        let Some(At { value, place }) = given else { return default };
        match value.duration() {
            Some(duration) if duration <= LONGEST => duration,
            _ => {
                self.problems.error(
                    place,
                    format!("`{key}` has to end, after an hour at most"),
                    format!("Write a span of time; `{}s` is the default.", default.as_secs()),
                );
                default
            }
        }
    }

    fn exec(&mut self, raw: &RawExec) -> Option<DnsCommand> {
        let timeout = self.bounded("timeout", raw.timeout.as_ref(), COMMAND);
        let Some(command) = &raw.command else {
            return self.missing(&raw.place, "exec", "command", "`command: [/usr/local/bin/dns-record]`");
        };
        let words: Vec<_> = command.value.iter().map(|word| word.value.clone()).collect();
        let wrong = match words.first().map(String::as_str) {
            None | Some("") => Some("names no program"),
            Some(_) if words.iter().any(|word| word.contains('\0')) => {
                Some("holds a NUL, which no program can be given")
            }
            Some(_) => None,
        };
        if let Some(wrong) = wrong {
            self.problems.error(
                &command.place,
                format!("`command` {wrong}"),
                "Write the program and its arguments as a list: `command: [/usr/local/bin/dns-record, --zone, example.com]`.",
            );
            return None;
        }
        if let ([program], true) = (words.as_slice(), command.value.iter().all(|word| word.place == command.place))
            && program.contains(char::is_whitespace)
        {
            self.problems.warning(
                &command.place,
                "`command` is the name of one program with spaces in it, since no shell looks at it",
                "Write the program and its arguments as a list: `command: [PROGRAM, ARGUMENT]`.",
            );
        }
        Some(DnsCommand { command: words, timeout })
    }

    pub(super) fn missing<T>(&mut self, place: &Place, block: &str, key: &str, add: &str) -> Option<T> {
        self.problems.error(place, format!("`{block}` has no `{key}`"), format!("Add {add}."));
        None
    }
}
