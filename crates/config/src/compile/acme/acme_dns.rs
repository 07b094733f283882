//! An acme-dns server, and an account with it for each host.
//!
//! Refuses: a server that passwords would go to in cleartext, accounts that are not whole, and hosts without one
//! that nothing else could prove.

use doorward_hygiene::Hostname;
use url::{Host, Url};

use super::listed;
use crate::Secret;
use crate::compile::Compiler;
use crate::domain::acme::{AcmeDns, AcmeDnsAccount};
use crate::raw::At;
use crate::raw::acme::{RawAcmeDns, RawAcmeDnsAccount, RawDns};

impl Compiler<'_> {
    pub(super) fn acme_dns(&mut self, raw: &RawAcmeDns) -> Option<AcmeDns> {
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
}
