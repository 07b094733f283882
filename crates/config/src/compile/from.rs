//! The public address of a route: a scheme, a host or a wildcard of hosts, perhaps a port, and nothing else.

use doorward_hygiene::{
    Hostname, InvalidAuthority, InvalidHostPattern, InvalidHostname, InvalidOrigin, InvalidOriginPattern, Origin,
    OriginPattern, Scheme,
};

use super::Compiler;
use crate::raw::At;

/// What `from` says.
pub(super) struct Parsed {
    /// As written, its scheme included.
    pub(super) origin: OriginPattern,
}

/// Why a text is no public address.
pub(super) enum Refused {
    NoScheme,
    /// A scheme of Pomerium that is not supported yet.
    Later(String),
    OtherScheme,
    /// A `*` anywhere but as the whole first label.
    Asterisk,
    /// `*.` before what is no name of ours alone.
    TooWide,
    UserInfo,
    /// A path, with the origin before it.
    Path {
        origin: String,
        path: String,
    },
    QueryOrFragment,
    NotAscii(Option<String>),
    Host(InvalidHostname),
    Port,
}

pub(super) fn parse(text: &str) -> Result<Parsed, Refused> {
    let (scheme, rest) = text.split_once("://").ok_or(Refused::NoScheme)?;
    match scheme.to_ascii_lowercase().as_str() {
        "https" | "http" => {}
        "tcp+https" | "udp+https" | "tcp" | "udp" | "ssh" => return Err(Refused::Later(scheme.to_ascii_lowercase())),
        _ => return Err(Refused::OtherScheme),
    }
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Refused::UserInfo);
    }
    if tail.contains(['?', '#']) {
        return Err(Refused::QueryOrFragment);
    }
    if !authority.is_ascii() {
        let punycode = url::Host::parse(authority.split(':').next().unwrap_or_default()).ok();
        return Err(Refused::NotAscii(punycode.map(|host| host.to_string())));
    }
    let origin = OriginPattern::parse(&format!("{scheme}://{authority}"))?;
    if !matches!(tail, "" | "/") {
        return Err(Refused::Path { origin: origin.to_string(), path: tail.to_owned() });
    }
    Ok(Parsed { origin })
}

impl From<InvalidOriginPattern> for Refused {
    fn from(error: InvalidOriginPattern) -> Self {
        match error {
            InvalidOriginPattern::Host(InvalidHostPattern::Asterisk) => Self::Asterisk,
            InvalidOriginPattern::Host(InvalidHostPattern::TooWide) => Self::TooWide,
            InvalidOriginPattern::Host(InvalidHostPattern::Host(error))
            | InvalidOriginPattern::Origin(InvalidOrigin::Authority(InvalidAuthority::Host(error))) => {
                Self::Host(error)
            }
            InvalidOriginPattern::Origin(InvalidOrigin::Authority(InvalidAuthority::Port)) => Self::Port,
            InvalidOriginPattern::Origin(InvalidOrigin::Scheme | InvalidOrigin::Trailing) => Self::OtherScheme,
        }
    }
}

impl Refused {
    /// What is wrong with `text`, the value of `key`, and how to mend it.
    pub(super) fn in_words(&self, key: &str, text: &str) -> (String, String) {
        match self {
            Self::NoScheme => {
                let plausible = Origin::parse(&format!("https://{text}")).map(|origin| origin.to_string());
                let example = plausible.unwrap_or_else(|_| "https://code.example.com".into());
                (format!("`{key}` is without `https://`"), format!("Write `{key}: {example}`."))
            }
            Self::Later(scheme) => (
                format!("`{scheme}://` in `{key}` is not supported yet"),
                "Only web applications (`https://`) are forwarded so far.".into(),
            ),
            Self::OtherScheme => {
                (format!("`{key}` does not begin with `https://`"), format!("Write `{key}: https://HOST`."))
            }
            Self::Asterisk | Self::TooWide if key != "from" => Self::one_host(key),
            Self::Asterisk => (
                "`*` in `from` stands for one whole label, the first, and for nothing else".into(),
                "`from: https://*.dev.example.com` is for every host exactly one label below `dev.example.com`, which \
                 is what a certificate can name. For other hosts write a route each; YAML's `&name` and `<<: *name` \
                 save repeating what they share."
                    .into(),
            ),
            Self::TooWide => (
                "the `*.` in `from` stands before a single label or an address".into(),
                "Put a name of your own behind it, of two labels or more, as in `from: https://*.dev.example.com`; \
                 `*.localhost` is taken too."
                    .into(),
            ),
            Self::UserInfo => (
                format!("`{key}` holds a user name or password before an `@`"),
                format!("Write `{key}: https://HOST`. Who may pass is for `policy` to say."),
            ),
            Self::Path { origin, path } if key == "from" => (
                "`from` has a path, but it is a host alone".into(),
                format!(
                    "Write `from: {origin}`, and on a line of its own `prefix: {path}` for that path \
                     and all below it, or `path: {path}` for it alone."
                ),
            ),
            Self::Path { origin, .. } => {
                (format!("`{key}` has a path, but it is a host alone"), format!("Write `{key}: {origin}`."))
            }
            Self::QueryOrFragment => (
                format!("`{key}` has a query or fragment, but it is a host alone"),
                format!("Write `{key}: https://HOST`."),
            ),
            Self::NotAscii(Some(host)) => (
                format!("the host in `{key}` has letters that are not ASCII"),
                format!("Write it as DNS has it: `https://{host}`."),
            ),
            Self::NotAscii(None) => (
                format!("the host in `{key}` has letters that are not ASCII"),
                "Write it as DNS has it (`xn--…`).".into(),
            ),
            Self::Host(error) => (format!("`{key}`: {error}"), format!("Write `{key}: https://code.example.com`.")),
            Self::Port => (
                format!("the port in `{key}` is no number from 1 to 65535"),
                format!("Write `{key}: https://HOST:PORT`, or leave the port off for 443."),
            ),
        }
    }

    /// What is wrong with a wildcard as the value of a key that is for one host.
    pub(super) fn one_host(key: &str) -> (String, String) {
        (
            format!("`{key}` is one host, but here is a wildcard (`*`)"),
            format!("Write the whole name of one host, as in `{key}: https://auth.example.com`."),
        )
    }
}

/// Why this text, which was found to be no host, is none; `error` where it is not plain what it is instead.
pub(super) fn no_host(text: &str, error: &dyn std::error::Error) -> String {
    if text.contains(['/', '@']) {
        "this is a URL".into()
    } else if text.contains('*') {
        "this is a wildcard".into()
    } else {
        error.to_string()
    }
}

impl Compiler<'_> {
    /// The public origin of a route, or the pattern of origins. It is https, whatever was written: TLS may end in
    /// front of us, but the visitor's browser begins it.
    pub(super) fn from(&mut self, text: &At<String>) -> Option<OriginPattern> {
        let origin = match parse(&text.value) {
            Ok(parsed) => parsed.origin,
            Err(refused) => {
                let (what, mend) = refused.in_words("from", &text.value);
                self.problems.error(&text.place, what, mend);
                return None;
            }
        };
        if origin.scheme == Scheme::Https {
            return Some(origin);
        }
        let port = if origin.port == Scheme::Http.default_port() { Scheme::Https.default_port() } else { origin.port };
        let served = OriginPattern { scheme: Scheme::Https, port, host: origin.host };
        self.problems.hint(
            &text.place,
            format!("`from` begins with `http://`, but the route is served at `{served}`"),
            format!("Write `from: {served}`; visitors always come by https."),
        );
        Some(served)
    }

    /// A host name that a key gives.
    pub(super) fn hostname(&mut self, key: &str, text: &At<String>) -> Option<Hostname> {
        match Hostname::parse(&text.value) {
            Ok(host) => Some(host),
            Err(error) => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` is a host name, but {}", no_host(&text.value, &error)),
                    "Write a name such as `app.example.com`, without scheme, port or path.",
                );
                None
            }
        }
    }
}
