//! Sessions and their cookie.
//!
//! Refuses: sessions without an end, whoever might want one, and a cookie that browsers would not take.

use std::time::Duration;

use doorward_hygiene::{HostPattern, Hostname};
use rustls_pki_types::CertificateDer;

use super::Compiler;
use crate::Secret;
use crate::domain::route::Route;
use crate::domain::sessions::{Cookie, SameSite, SessionSettings};
use crate::domain::sign_in::SignIn;
use crate::domain::timeouts::Limit;
use crate::raw::At;
use crate::raw::duration::Span;
use crate::raw::sessions::RawSessions;
use crate::yaml::shown;

const LIFETIME: Duration = Duration::from_secs(14 * 3600);
const STORE_GRACE: Duration = Duration::from_secs(5 * 60);
const SHORTEST_IDLE: Duration = Duration::from_secs(60);
const LONG_GRACE: Duration = Duration::from_secs(3600);
const STEM: &str = "doorward";

impl Compiler<'_> {
    pub(super) fn sessions(
        &mut self,
        raw: &RawSessions,
        routes: &[Route],
        sign_in: Option<&SignIn>,
        authorities: Vec<CertificateDer<'static>>,
    ) -> SessionSettings {
        let lifetime = self.lifetime(raw.cookie_expire.as_ref());
        SessionSettings {
            cookie: Cookie {
                stem: self.cookie_stem(raw.cookie_name.as_ref()),
                domain: raw.cookie_domain.as_ref().and_then(|text| self.cookie_domain(text, routes, sign_in)),
                same_site: self.same_site(raw.cookie_same_site.as_ref()),
            },
            lifetime,
            idle_timeout: self.idle_timeout(raw.idle_timeout.as_ref(), lifetime),
            store_grace: self.store_grace(raw.store_grace.as_ref()),
            store: self.store(&raw.store),
            authorities,
            secrets: self.secrets(raw),
        }
    }

    /// The keys that seal and open sessions: those of `cookie_secret` first.
    fn secrets(&mut self, raw: &RawSessions) -> Vec<Secret> {
        let mut secrets = self.secret_keys(&raw.cookie_secret, "cookie_secret", "cookie_secret_file");
        for secret in self.secret_keys(&raw.shared_secret, "shared_secret", "shared_secret_file") {
            if !secrets.contains(&secret) {
                secrets.push(secret);
            }
        }
        secrets
    }

    fn idle_timeout(&mut self, given: Option<&At<Limit>>, lifetime: Duration) -> Option<Duration> {
        let At { value, place } = given?;
        let timeout = value.duration()?;
        if timeout < SHORTEST_IDLE {
            self.problems.warning(
                place,
                "with `session_idle_timeout` below a minute, people who stop to read are signed out",
                "Without it, a session ends by `cookie_expire` alone.",
            );
        } else if timeout >= lifetime {
            self.problems.hint(
                place,
                "`session_idle_timeout` is no shorter than `cookie_expire`, by which the session has ended anyway",
                "Make it shorter, or remove it.",
            );
        }
        Some(timeout)
    }

    fn store_grace(&mut self, given: Option<&At<Span>>) -> Duration {
        match given {
            None => STORE_GRACE,
            Some(At { value: Span::Lasts(grace), place }) => {
                if *grace > LONG_GRACE {
                    self.problems.warning(
                        place,
                        "with `session_store_grace` above an hour, who is signed out elsewhere while the store is down stays \
                         signed in here for as long",
                        "The default is `5m`.",
                    );
                }
                *grace
            }
            Some(At { value: Span::Never, place }) => {
                self.problems.error(
                    place,
                    "`session_store_grace` has to end: while the store is down, nobody learns who was signed out",
                    "The default is `5m`; `0s` is no grace at all.",
                );
                STORE_GRACE
            }
        }
    }

    /// An interval that no session lives to see.
    pub(super) fn refresh_within(&mut self, given: Option<&At<Span>>, lifetime: Duration) {
        if let Some(At { value: Span::Lasts(interval), place }) = given
            && *interval >= lifetime
        {
            self.problems.warning(
                place,
                "`idp_refresh_interval` is no shorter than `cookie_expire`, so the provider is never asked again",
                "Who loses their account or a group there stays as they are until the session ends. The default is `10m`.",
            );
        }
    }

    fn lifetime(&mut self, given: Option<&At<Limit>>) -> Duration {
        match given {
            None => LIFETIME,
            Some(At { value: Limit::After(lifetime), place }) => {
                if *lifetime < Duration::from_secs(60) {
                    self.problems.warning(
                        place,
                        "with `cookie_expire` below a minute, people do little but sign in",
                        "The default is `14h`.",
                    );
                }
                *lifetime
            }
            Some(At { value: Limit::Never, place }) => {
                self.problems.error(
                    place,
                    "a session has to end, so `cookie_expire` cannot be never",
                    "The default is `14h`.",
                );
                LIFETIME
            }
        }
    }

    fn cookie_stem(&mut self, given: Option<&At<String>>) -> String {
        let Some(name) = given else { return STEM.to_owned() };
        let prefixed =
            ["__host-", "__secure-"].iter().any(|prefix| name.value.to_ascii_lowercase().starts_with(prefix));
        let token = name.value.len() <= 64
            && name.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
        if prefixed {
            self.problems.error(
                &name.place,
                "`cookie_name` is given with a prefix that Doorward adds itself",
                "Leave `__Host-` or `__Secure-` off.",
            );
        } else if !token {
            self.problems.error(
                &name.place,
                "`cookie_name` is no name a cookie can have here",
                "Use at most 64 letters, digits, `_`, `-` and `.`.",
            );
        } else {
            return name.value.clone();
        }
        STEM.to_owned()
    }

    fn cookie_domain(&mut self, text: &At<String>, routes: &[Route], sign_in: Option<&SignIn>) -> Option<Hostname> {
        if let Some(name) = text.value.strip_prefix("*.") {
            self.problems.error(
                &text.place,
                "`cookie_domain` is a domain, not a pattern of hosts",
                format!("A cookie's domain holds every host below it: write `{}`. Better, leave it out.", shown(name)),
            );
            return None;
        }
        let name = text.value.strip_prefix('.').unwrap_or(&text.value);
        let domain = match Hostname::parse(name) {
            Ok(domain) if !domain.is_ip() && domain.as_str().contains('.') => domain,
            _ => {
                self.problems.error(
                    &text.place,
                    "`cookie_domain` is no domain that browsers take a cookie for",
                    "Write a domain of your own with at least one dot, as `example.com`; or leave it out.",
                );
                return None;
            }
        };
        let hosts = super::tls::hosts(routes, sign_in);
        let mut outside: Vec<String> =
            hosts.iter().filter(|host| !is_within(host, &domain)).map(|host| format!("`{host}`")).collect();
        outside.dedup();
        if !outside.is_empty() {
            self.problems.error(
                &text.place,
                format!(
                    "`cookie_domain` is `{domain}`, but {} is outside it, and browsers would refuse the cookie there",
                    outside.join(", ")
                ),
                "Leave `cookie_domain` out: every host then has a cookie of its own, which is safer.",
            );
        }
        Some(domain)
    }

    fn same_site(&mut self, given: Option<&At<String>>) -> SameSite {
        let Some(text) = given else { return SameSite::Lax };
        match text.value.to_ascii_lowercase().as_str() {
            "lax" => SameSite::Lax,
            "none" => SameSite::None,
            "strict" => {
                self.problems.warning(
                    &text.place,
                    "with `cookie_same_site: strict`, a link from another site opens as if nobody were signed in",
                    "`lax`, the default, keeps the cookie from other sites' requests too, but not from links.",
                );
                SameSite::Strict
            }
            _ => {
                self.problems.error(
                    &text.place,
                    "`cookie_same_site` is none that there is",
                    "It is `lax`, `strict` or `none`.",
                );
                SameSite::Lax
            }
        }
    }
}

/// A wildcard is within the domain when all its hosts are, so when the name behind it is.
fn is_within(hosts: &HostPattern, domain: &Hostname) -> bool {
    let (HostPattern::Exact(host) | HostPattern::Below(host)) = hosts;
    host.as_str().strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
