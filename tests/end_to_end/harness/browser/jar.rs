//! Cookies by the rules of RFC 6265bis: who may set which, and where they go.

use std::time::{Duration, SystemTime};

use url::Url;

/// The cookies of one browser.
#[derive(Debug, Clone, Default)]
pub(crate) struct Jar {
    cookies: Vec<StoredCookie>,
    /// `Set-Cookie` lines that a browser does not take, with the reason.
    pub(crate) refused: Vec<String>,
    /// Every `Set-Cookie` line that came, with the host it came from.
    pub(crate) seen: Vec<(String, String)>,
}

/// One cookie.
#[derive(Debug, Clone)]
pub(crate) struct StoredCookie {
    pub(crate) name: String,
    pub(crate) value: String,
    /// The host that set it, or the domain it named.
    pub(crate) domain: String,
    pub(crate) host_only: bool,
    pub(crate) path: String,
    pub(crate) secure: bool,
    /// The `Set-Cookie` line.
    pub(crate) line: String,
    expires: Option<SystemTime>,
}

impl Jar {
    /// Takes a `Set-Cookie` line, or notes why not.
    pub(crate) fn store(&mut self, from: &Url, line: &str) {
        let host = from.host_str().unwrap_or_default();
        self.seen.push((host.to_owned(), line.to_owned()));
        match parse(from, line) {
            Err(reason) => self.refused.push(format!("{reason}: {line}")),
            Ok(cookie) => {
                self.cookies.retain(|old| {
                    (&old.name, &old.domain, old.host_only, &old.path)
                        != (&cookie.name, &cookie.domain, cookie.host_only, &cookie.path)
                });
                self.cookies.push(cookie);
            }
        }
        self.cookies.retain(|cookie| cookie.expires.is_none_or(|at| at > SystemTime::now()));
    }

    /// The `Cookie` header for a request, if any cookie goes there: longer paths first.
    pub(crate) fn header(&self, to: &Url) -> Option<String> {
        let mut fitting: Vec<_> = self.all().filter(|cookie| cookie.goes_to(to)).collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<_> = fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The cookies that are still good.
    pub(crate) fn all(&self) -> impl Iterator<Item = &StoredCookie> {
        let now = SystemTime::now();
        self.cookies.iter().filter(move |cookie| cookie.expires.is_none_or(|at| at > now))
    }

    /// The cookie of this name that is sent to this host.
    pub(crate) fn get(&self, host: &str, name: &str) -> Option<&StoredCookie> {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        self.all().find(|cookie| cookie.name == name && cookie.goes_to(&url))
    }

    /// Puts a cookie in by hand, as malware on the machine could.
    pub(crate) fn plant(&mut self, host: &str, name: &str, value: &str) {
        let url = Url::parse(&format!("https://{host}/")).unwrap();
        let line = format!("{name}={value}; Path=/; Secure");
        let before = self.refused.len();
        self.store(&url, &line);
        assert_eq!(self.refused.len(), before, "{:?}", self.refused);
        self.seen.pop();
    }

    pub(crate) fn clear(&mut self) {
        self.cookies.clear();
    }
}

impl StoredCookie {
    fn goes_to(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let path = url.path();
        let path_fits = path == self.path
            || path.strip_prefix(&self.path).is_some_and(|rest| self.path.ends_with('/') || rest.starts_with('/'));
        let host_fits = host == self.domain || (!self.host_only && is_below(host, &self.domain));
        host_fits && path_fits && (!self.secure || url.scheme() == "https")
    }

    /// Whether the `Set-Cookie` line had this attribute, value included, case aside.
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.line.split(';').skip(1).any(|part| part.trim().eq_ignore_ascii_case(attribute))
    }
}

fn parse(from: &Url, line: &str) -> Result<StoredCookie, &'static str> {
    let host = from.host_str().unwrap_or_default();
    let mut parts = line.split(';').map(str::trim);
    let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).ok_or("no name")?;
    let mut cookie = StoredCookie {
        name: name.to_owned(),
        value: value.to_owned(),
        domain: host.to_owned(),
        host_only: true,
        path: from
            .path()
            .rsplit_once('/')
            .map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder })
            .into(),
        secure: false,
        line: line.to_owned(),
        expires: None,
    };
    let mut path_named = false;
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key.to_ascii_lowercase().as_str() {
            "domain" => {
                let domain = value.trim_start_matches('.').to_ascii_lowercase();
                if host != domain && !is_below(host, &domain) {
                    return Err("a domain it is not part of");
                }
                (cookie.domain, cookie.host_only) = (domain, false);
            }
            "path" if value.starts_with('/') => (cookie.path, path_named) = (value.to_owned(), value == "/"),
            "secure" => cookie.secure = true,
            "max-age" => cookie.expires = Some(after(value)?),
            // The program sets Max-Age wherever it sets Expires, and Max-Age wins; an Expires alone only ever removes.
            "expires" if cookie.expires.is_none() && value.contains("1970") => {
                cookie.expires = Some(SystemTime::UNIX_EPOCH);
            }
            _ => {}
        }
    }
    if cookie.secure && from.scheme() != "https" {
        return Err("Secure from a plain connection");
    }
    let folded = name.to_ascii_lowercase();
    if folded.starts_with("__secure-") && !cookie.secure {
        return Err("__Secure- without Secure");
    }
    if folded.starts_with("__host-") && !(cookie.secure && cookie.host_only && path_named) {
        return Err("__Host- without Secure and Path=/, or with Domain");
    }
    if name.len() + value.len() > 4096 {
        return Err("longer than 4096 bytes");
    }
    Ok(cookie)
}

fn after(seconds: &str) -> Result<SystemTime, &'static str> {
    let seconds: i64 = seconds.parse().map_err(|_| "a Max-Age that is no number")?;
    Ok(u64::try_from(seconds).map_or(SystemTime::UNIX_EPOCH, |seconds| {
        if seconds == 0 { SystemTime::UNIX_EPOCH } else { SystemTime::now() + Duration::from_secs(seconds) }
    }))
}

fn is_below(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|front| front.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_host_cookie_stays_on_its_host() {
        let mut jar = Jar::default();
        jar.store(&url("https://a.example.test/x/y"), "__Host-t=1; Secure; Path=/; HttpOnly");
        assert_eq!(jar.header(&url("https://a.example.test/")).as_deref(), Some("__Host-t=1"));
        assert_eq!(jar.header(&url("https://b.example.test/")), None);
        assert_eq!(jar.header(&url("https://b.a.example.test/")), None);
        assert_eq!(jar.header(&url("http://a.example.test/")), None);
    }

    #[test]
    fn what_a_browser_refuses_is_refused() {
        let mut jar = Jar::default();
        let from = url("https://a.example.test/");
        for line in [
            "__Host-t=1; Secure; Path=/; Domain=example.test",
            "__Host-t=1; Secure",
            "__Host-t=1; Path=/",
            "__Secure-t=1; Path=/",
            "t=1; Domain=b.example.test",
            "t=1; Domain=ample.test",
        ] {
            jar.store(&from, line);
        }
        assert_eq!(jar.refused.len(), 6, "{:?}", jar.refused);
        assert_eq!(jar.header(&from), None);
    }

    #[test]
    fn cookies_are_replaced_removed_and_kept_to_their_path() {
        let mut jar = Jar::default();
        let from = url("https://a.example.test/app/x");
        jar.store(&from, "t=1");
        jar.store(&from, "t=2");
        assert_eq!(jar.header(&url("https://a.example.test/app/y")).as_deref(), Some("t=2"));
        assert_eq!(jar.header(&url("https://a.example.test/apple")), None);
        jar.store(&from, "t=; Max-Age=0");
        assert_eq!(jar.header(&from), None);
        jar.store(&from, "wide=1; Domain=example.test; Path=/");
        assert_eq!(jar.header(&url("https://b.example.test/")).as_deref(), Some("wide=1"));
    }
}
