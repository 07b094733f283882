//! The session cookie: its name, its reach and its attributes.
//!
//! Refuses: to be read from a name that another host could have set where that can be helped (`__Host-`), and
//! to look at more than 32 cookies of our name, which a sibling domain may have tossed in beside the real one.

use std::time::{Duration, SystemTime};

use cookie::{Cookie, CookieBuilder, SameSite};
use doorward_config::Cookie as CookieSettings;
use doorward_hygiene::{CleanHead, Hostname};
use doorward_sessions::{MOST_TICKETS, Ticket};
use http::HeaderValue;

use crate::AuthenticateError;

/// How session cookies are called and where they go.
#[derive(Debug, Clone)]
pub(crate) struct SessionCookies {
    host_name: Box<str>,
    domain_name: Box<str>,
    domain: Option<Hostname>,
    same_site: SameSite,
}

/// The session cookie as one host sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The cookie's name.
    pub(crate) name: &'a str,
    /// What its ticket is granted for: the host, or the domain that many share.
    pub(crate) audience: &'a str,
    domain: Option<&'a str>,
}

/// Some values of our cookie, kept without allocating.
#[derive(Debug, Default)]
pub(crate) struct Values<'a> {
    last: [&'a str; MOST_TICKETS],
    count: usize,
}

impl<'a> Values<'a> {
    fn push(&mut self, value: &'a str) {
        if self.count == MOST_TICKETS {
            self.last.rotate_left(1);
            self.count -= 1;
        }
        if let Some(place) = self.last.get_mut(self.count) {
            *place = value;
            self.count += 1;
        }
    }

    pub(crate) fn as_slice(&self) -> &[&'a str] {
        self.last.get(..self.count).unwrap_or_default()
    }
}

impl SessionCookies {
    pub(crate) fn new(settings: &CookieSettings) -> Self {
        Self {
            host_name: format!("__Host-{}", settings.stem).into(),
            domain_name: format!("__Secure-{}", settings.stem).into(),
            domain: settings.domain.clone(),
            same_site: match settings.same_site {
                doorward_config::SameSite::Strict => SameSite::Strict,
                doorward_config::SameSite::Lax => SameSite::Lax,
                doorward_config::SameSite::None => SameSite::None,
            },
        }
    }

    /// The cookie of this host. A host outside the shared domain has its own.
    pub(crate) fn scope<'a>(&'a self, host: &'a Hostname) -> Scope<'a> {
        match &self.domain {
            Some(domain) if is_within(host.as_str(), domain.as_str()) => {
                Scope { name: &self.domain_name, audience: domain.as_str(), domain: Some(domain.as_str()) }
            }
            _ => Scope { name: &self.host_name, audience: host.as_str(), domain: None },
        }
    }

    /// Whether the cookie of this host is one that many hosts share.
    pub(crate) fn is_for_domain(&self, host: &Hostname) -> bool {
        self.scope(host).domain.is_some()
    }

    /// Whether browsers keep the cookie back from visits that began on another site, as those from a provider do.
    pub(crate) fn are_strict(&self) -> bool {
        self.same_site == SameSite::Strict
    }

    /// The values of our cookie in a request that may be tickets, in the order they came in: the last ones, since the
    /// real one comes after what was tossed in under a longer path (RFC 6265 §5.4).
    pub(crate) fn values<'a>(&self, head: &'a CleanHead) -> Values<'a> {
        let name = self.scope(head.host()).name;
        let mut values = Values::default();
        for (_, value) in head.cookies().filter(|(other, value)| *other == name && value.len() == Ticket::LENGTH) {
            values.push(value);
        }
        values
    }

    /// Sets the cookie until the session is over.
    pub(crate) fn set(
        &self,
        scope: Scope<'_>,
        value: String,
        expires_at: SystemTime,
        now: SystemTime,
    ) -> Result<HeaderValue, AuthenticateError> {
        let left = expires_at.duration_since(now).unwrap_or_default();
        header(self.build(scope, value).max_age(seconds(left)))
    }

    /// Takes the cookie away.
    pub(crate) fn remove(&self, scope: Scope<'_>) -> Result<HeaderValue, AuthenticateError> {
        header(self.build(scope, String::new()).max_age(seconds(Duration::ZERO)))
    }

    fn build<'a>(&self, scope: Scope<'a>, value: String) -> CookieBuilder<'a> {
        let cookie =
            Cookie::build((scope.name, value)).path("/").secure(true).http_only(true).same_site(self.same_site);
        match scope.domain {
            Some(domain) => cookie.domain(domain),
            None => cookie,
        }
    }
}

/// As a `Set-Cookie` line.
pub(crate) fn header(cookie: CookieBuilder<'_>) -> Result<HeaderValue, AuthenticateError> {
    let mut value = HeaderValue::try_from(cookie.build().to_string())
        .map_err(|_| AuthenticateError::Settings("`cookie_name` is no cookie name".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Whole seconds, as `Max-Age` counts.
pub(crate) fn seconds(duration: Duration) -> cookie::time::Duration {
    cookie::time::Duration::seconds(i64::try_from(duration.as_secs()).unwrap_or(i64::MAX))
}

fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookies(domain: Option<&str>) -> SessionCookies {
        SessionCookies::new(&CookieSettings {
            stem: "doorward".into(),
            domain: domain.map(|domain| Hostname::parse(domain).unwrap()),
            same_site: doorward_config::SameSite::Lax,
        })
    }

    fn host(text: &str) -> Hostname {
        Hostname::parse(text).unwrap()
    }

    #[test]
    fn a_cookie_belongs_to_its_host_and_is_short() {
        let cookies = cookies(None);
        let host = host("code.example.com");
        let scope = cookies.scope(&host);
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let line = cookies.set(scope, "x".repeat(64), now + Duration::from_secs(50_400), now).unwrap();
        let line = line.to_str().unwrap();
        assert!(line.len() < 200, "{line}");
        assert!(line.starts_with("__Host-doorward=xxx"), "{line}");
        for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax", "Max-Age=50400"] {
            assert!(line.split("; ").any(|part| part == attribute), "{attribute} is missing: {line}");
        }
        assert!(!line.contains("Domain"), "a __Host- cookie with a Domain is dropped by browsers");
        assert_eq!(scope.audience, "code.example.com");
    }

    #[test]
    fn of_very_many_values_the_last_ones_are_looked_at_in_their_order() {
        let texts: Vec<String> = (0..100).map(|number| format!("{number:0>64}")).collect();
        let mut values = Values::default();
        assert!(values.as_slice().is_empty());
        for text in &texts {
            values.push(text);
        }
        assert_eq!(values.as_slice(), &texts[100 - MOST_TICKETS..]);
    }

    #[test]
    fn a_shared_cookie_reaches_its_domain_and_no_further() {
        let cookies = cookies(Some("example.com"));
        for (text, shared) in [
            ("example.com", true),
            ("code.example.com", true),
            ("a.b.example.com", true),
            ("evilexample.com", false),
            ("example.com.evil.test", false),
            ("other.test", false),
        ] {
            let host = host(text);
            let scope = cookies.scope(&host);
            assert_eq!(scope.name == "__Secure-doorward", shared, "{text}");
            assert_eq!(scope.audience, if shared { "example.com" } else { text });
            let line = cookies.remove(scope).unwrap();
            let line = line.to_str().unwrap();
            assert_eq!(line.contains("Domain=example.com"), shared, "{line}");
            assert!(line.contains("Max-Age=0") && line.contains("Secure"), "{line}");
        }
    }
}
