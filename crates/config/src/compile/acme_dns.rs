//! How records are put into the DNS: `autocert_dns`.
//!
//! Refuses: none or several of its ways at once, names where addresses have to stand, keys that are not whole,
//! algorithms that are no longer to be used, and programs that may run for ever.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use doorward_hygiene::Hostname;
use url::{Host, Url};
use zeroize::Zeroizing;

use super::Compiler;
use super::acme::listed;
use crate::domain::acme::{AcmeDns, AcmeDnsAccount, Dns, DnsCommand, DnsUpdater, Rfc2136, TsigAlgorithm, TsigKey};
use crate::problem::Place;
use crate::raw::At;
use crate::raw::acme::{RawAcmeDns, RawAcmeDnsAccount, RawDns, RawExec, RawRfc2136};
use crate::{Limit, Secret};

const PROPAGATION: Duration = Duration::from_secs(2 * 60);
const COMMAND: Duration = Duration::from_secs(60);
/// The longest that anything here may be waited for.
const LONGEST: Duration = Duration::from_secs(60 * 60);

const PORT: u16 = 53;
const MOST_RESOLVERS: usize = 16;
const LONGEST_KEY_NAME: usize = 253;

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

    fn name_server(&mut self, key: &str, text: &At<String>) -> Option<SocketAddr> {
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

    fn rfc2136(&mut self, raw: &RawRfc2136) -> Option<Rfc2136> {
        let server = match &raw.server {
            Some(text) => self.name_server("server", text),
            None => self.missing(&raw.place, "rfc2136", "server", "`server: 192.0.2.53:53`"),
        };
        let zone = raw.zone.as_ref().map(|text| {
            let absolute = text.value.strip_suffix('.').unwrap_or(&text.value);
            self.hostname("zone", &At::new(absolute.to_owned(), &text.place))
        });
        let key = self.tsig_key(raw);
        // One that is given, but wrong, has been complained of.
        Some(Rfc2136 { server: server?, zone: zone.flatten(), key })
    }

    fn tsig_key(&mut self, raw: &RawRfc2136) -> Option<TsigKey> {
        let algorithm = raw.algorithm.as_ref().map(|text| (self.tsig_algorithm(text), &text.place));
        let name = raw.key_name.as_ref();
        let secret = raw.secret.place().cloned();
        match (name, &secret) {
            (Some(name), Some(_)) => {
                let named = self.tsig_key_name(name);
                let secret = self.tsig_secret(raw);
                let algorithm = algorithm.map_or(Some(TsigAlgorithm::HmacSha256), |(algorithm, _)| algorithm);
                Some(TsigKey { name: named?, algorithm: algorithm?, secret: secret? })
            }
            (None, None) => {
                if let Some((_, place)) = algorithm {
                    self.half_a_key(place, "tsig_algorithm", "`tsig_key_name` and `tsig_secret`");
                }
                None
            }
            (Some(name), None) => {
                self.half_a_key(&name.place, "tsig_key_name", "`tsig_secret` (or `tsig_secret_file`)");
                None
            }
            (None, Some(place)) => {
                self.half_a_key(place, "tsig_secret", "`tsig_key_name`");
                None
            }
        }
    }

    fn half_a_key(&mut self, place: &Place, key: &str, other: &str) {
        self.problems.error(
            place,
            format!("`{key}` is given without {other}"),
            "A key that signs updates is a name and a secret, as the name server has them.",
        );
    }

    fn tsig_key_name(&mut self, text: &At<String>) -> Option<String> {
        let name = text.value.strip_suffix('.').unwrap_or(&text.value);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() <= LONGEST_KEY_NAME && name.split('.').all(is_label) {
            return Some(name.to_ascii_lowercase());
        }
        self.problems.error(
            &text.place,
            "`tsig_key_name` is no name of a key",
            "Write it as the name server has it, as in `doorward` or `doorward.example.com`.",
        );
        None
    }

    fn tsig_algorithm(&mut self, text: &At<String>) -> Option<TsigAlgorithm> {
        let name = text.value.to_ascii_lowercase();
        let what = match name.strip_suffix('.').unwrap_or(&name) {
            "hmac-sha256" => return Some(TsigAlgorithm::HmacSha256),
            "hmac-sha384" => return Some(TsigAlgorithm::HmacSha384),
            "hmac-sha512" => return Some(TsigAlgorithm::HmacSha512),
            "hmac-md5" | "hmac-md5.sig-alg.reg.int" | "hmac-sha1" => {
                "`tsig_algorithm` is one that is no longer to be used (RFC 8945 §6)"
            }
            _ => "`tsig_algorithm` is none that there is",
        };
        self.problems.error(
            &text.place,
            what,
            "Make a key with `tsig-keygen -a hmac-sha256 NAME`; `hmac-sha256`, `hmac-sha384` and `hmac-sha512` are supported.",
        );
        None
    }

    fn tsig_secret(&mut self, raw: &RawRfc2136) -> Option<Secret> {
        let (text, place) = self.secret_text(&raw.secret, "tsig_secret", "tsig_secret_file")?;
        match STANDARD.decode(text.as_slice()).map(Zeroizing::new) {
            Ok(key) if !key.is_empty() => Some(Secret::new(key.as_slice())),
            _ => {
                self.problems.error(
                    &place,
                    "`tsig_secret` is not base64, or has white space around it",
                    "It is what stands behind `secret` in the name server's configuration.",
                );
                None
            }
        }
    }

    fn acme_dns(&mut self, raw: &RawAcmeDns) -> Option<AcmeDns> {
        let url = match &raw.url {
            Some(text) => self.acme_dns_url(text),
            None => self.missing(&raw.place, "acme_dns", "url", "`url: https://acme-dns.example.com`"),
        };
        if raw.accounts.is_empty() {
            self.missing::<()>(&raw.place, "acme_dns", "accounts", "an account for each host below `accounts`");
        }
        let mut accounts: Vec<(Hostname, AcmeDnsAccount)> = Vec::new();
        for (name, raw) in &raw.accounts {
            let account = self.account(raw);
            let bare = name.value.strip_prefix("*.").unwrap_or(&name.value).to_owned();
            let Some(host) = self.hostname("accounts", &At::new(bare, &name.place)) else { continue };
            if accounts.iter().any(|(other, _)| *other == host) {
                self.problems.error(
                    &name.place,
                    format!("there are two accounts for `{host}`; one with `*.` before it is the same"),
                    "Keep one of them.",
                );
                continue;
            }
            accounts.extend(account.map(|account| (host, account)));
        }
        Some(AcmeDns { url: url?, accounts })
    }

    fn account(&mut self, raw: &RawAcmeDnsAccount) -> Option<AcmeDnsAccount> {
        let what = "an account of `acme_dns`";
        let mut text = |key: &str, given: &Option<At<String>>| match given {
            Some(text) if text.value.chars().all(|c| c.is_ascii_graphic()) => Some(text.value.clone()),
            Some(text) => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` has a character that acme-dns gives to nobody"),
                    "Write it as the server answered when you registered.",
                );
                None
            }
            None => {
                self.problems.error(
                    &raw.place,
                    format!("{what} has no `{key}`"),
                    "It is in what the server answered when you registered (`curl -X POST URL/register`).",
                );
                None
            }
        };
        let username = text("username", &raw.username);
        let subdomain = text("subdomain", &raw.subdomain);
        if raw.password.place().is_none() {
            text("password", &None);
        }
        let password = self.secret_text(&raw.password, "password", "password_file");
        let password = password.map(|(text, _)| Secret::new(text.as_slice()));
        Some(AcmeDnsAccount { username: username?, password: password?, subdomain: subdomain? })
    }

    fn acme_dns_url(&mut self, text: &At<String>) -> Option<Url> {
        let loopback = |url: &Url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let reason = match Url::parse(&text.value) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => "holds a user name or password",
            Ok(url) if url.query().is_some() || url.fragment().is_some() => "has a query or fragment",
            Ok(url) if url.scheme() == "https" || (url.scheme() == "http" && loopback(&url)) => return Some(url),
            Ok(url) if url.scheme() == "http" => "begins with `http://`, so that the password would go in cleartext",
            _ => "does not begin with `https://`",
        };
        self.problems.error(
            &text.place,
            format!("`url` is where an acme-dns server is, but this {reason}"),
            "Write `url: https://acme-dns.example.com`; `http://` does for one on this machine (`http://127.0.0.1:PORT`).",
        );
        None
    }

    /// Hosts that need a record and have no account to set it with.
    pub(super) fn without_account(&mut self, raw: &RawDns, updater: &AcmeDns, hosts: &[&Hostname]) {
        let lacking: Vec<_> =
            hosts.iter().filter(|host| !updater.accounts.iter().any(|(known, _)| known == **host)).collect();
        if !lacking.is_empty() {
            self.problems.error(
                &raw.place,
                format!("`acme_dns` has no account for {}, which only a record in the DNS can prove", listed(&lacking)),
                "Register one for each (`curl -X POST URL/register`), point `_acme-challenge.HOST` at it by CNAME, and add it \
                 to `accounts`.",
            );
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

    fn missing<T>(&mut self, place: &Place, block: &str, key: &str, add: &str) -> Option<T> {
        self.problems.error(place, format!("`{block}` has no `{key}`"), format!("Add {add}."));
        None
    }
}
