//! The application behind a route: `to` and its TLS.

use doorward_hygiene::{Authority, Hostname, NormalPath, Scheme};
use rustls_pki_types::CertificateDer;

use super::Compiler;
use crate::domain::dns::LookupFamily;
use crate::domain::upstream::{Upstream, UpstreamScheme, UpstreamTls, UpstreamUrl};
use crate::raw::At;
use crate::raw::route::RawUpstreamTls;

/// The most addresses of one upstream.
const MOST_ADDRESSES: usize = 256;

/// One item of `to`, taken apart.
struct Address {
    url: UpstreamUrl,
    /// Its path, unless that is empty or `/`.
    base: Option<String>,
}

impl Compiler<'_> {
    /// The upstream, and the path of its addresses.
    pub(super) fn upstream(
        &mut self,
        to: &At<Vec<At<String>>>,
        raw_tls: &RawUpstreamTls,
        global: &[CertificateDer<'static>],
    ) -> Option<(Upstream, Option<At<String>>)> {
        if to.value.is_empty() || to.value.len() > MOST_ADDRESSES {
            self.problems.error(
                &to.place,
                format!("`to` has {} addresses", to.value.len()),
                format!("Give at least one and at most {MOST_ADDRESSES}."),
            );
            return None;
        }
        let mut addresses: Vec<UpstreamUrl> = Vec::new();
        let mut base: Option<At<Option<String>>> = None;
        let mut whole = true;
        for text in &to.value {
            let address = match parse(&text.value) {
                Ok(address) => address,
                Err((what, mend)) => {
                    self.problems.error(&text.place, what, mend);
                    whole = false;
                    continue;
                }
            };
            match &base {
                Some(base) if base.value != address.base => {
                    self.problems.error(
                        &text.place,
                        "the addresses in `to` have different paths",
                        "Give all the same path, or none and `prefix_rewrite`.",
                    );
                    whole = false;
                }
                Some(_) => {}
                None => base = Some(At::new(address.base, &text.place)),
            }
            if !addresses.contains(&address.url) {
                addresses.push(address.url);
            }
        }
        let tls = self.upstream_tls(raw_tls, global, &addresses);
        let base = base.and_then(|base| Some(At::new(base.value?, &base.place)));
        whole.then_some((Upstream { addresses, lookup: LookupFamily::default(), tls }, base))
    }

    fn upstream_tls(
        &mut self,
        raw: &RawUpstreamTls,
        global: &[CertificateDer<'static>],
        addresses: &[UpstreamUrl],
    ) -> UpstreamTls {
        let mut authorities = global.to_vec();
        authorities.extend(self.authorities(&raw.custom_ca, "tls_custom_ca", "tls_custom_ca_file"));
        let server_name = self.upstream_server_name(raw);
        let skip_verify = raw.skip_verify.as_ref().is_some_and(|flag| flag.value);
        let over_tls = addresses.iter().any(|address| address.scheme.is_tls());
        if let Some(flag) = raw.skip_verify.as_ref().filter(|flag| flag.value) {
            if over_tls {
                self.problems.warning(
                    &flag.place,
                    "with `tls_skip_verify`, anybody between Doorward and the application can read and change everything",
                    "Name the authority of its certificate with `tls_custom_ca_file`; \
                     and if only the name differs, give that with `tls_server_name`.",
                );
            } else if !addresses.is_empty() {
                self.problems.hint(
                    &flag.place,
                    "`tls_skip_verify` has no effect: no address in `to` is reached over TLS",
                    "Remove it.",
                );
            }
        }
        UpstreamTls {
            skip_verify,
            server_name: server_name.map(|name| name.as_str().trim_matches(['[', ']']).to_owned()),
            authorities,
            client_certificate: self.client_pair(raw, over_tls || addresses.is_empty()),
        }
    }

    /// The newer key before the older, as Pomerium has it.
    fn upstream_server_name(&mut self, raw: &RawUpstreamTls) -> Option<Hostname> {
        let older = raw.server_name.as_ref().and_then(|text| self.hostname("tls_server_name", text));
        let Some(text) = &raw.upstream_server_name else { return older };
        if let Some(older) = &raw.server_name {
            self.problems.hint(
                &older.place,
                "`tls_server_name` has no effect, since `tls_upstream_server_name` is given",
                "Remove it.",
            );
        }
        self.hostname("tls_upstream_server_name", text)
    }
}

type Wrong = (String, String);

fn parse(text: &str) -> Result<Address, Wrong> {
    let example = || "Write `to: http://HOST:PORT` or `to: https://HOST`.".to_owned();
    let Some((scheme, rest)) = text.split_once("://") else {
        let plain = Authority::parse(text).map(|authority| format!("Write `to: http://{authority}`."));
        return Err(("`to` is without `http://` or `https://`".into(), plain.unwrap_or_else(|_| example())));
    };
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "http" => UpstreamScheme::Http,
        "https" => UpstreamScheme::Https,
        "h2c" => UpstreamScheme::H2c,
        "unix" | "http+unix" => return socket(UpstreamScheme::Unix, rest),
        "https+unix" => return socket(UpstreamScheme::UnixTls, rest),
        other @ ("tcp" | "udp" | "ssh") => {
            return Err((format!("`{other}://` in `to` is not supported: only HTTP is forwarded"), example()));
        }
        _ => return Err(("`to` begins with none of `http://`, `https://`, `h2c://` and `unix://`".into(), example())),
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err((
            "`to` holds a user name or password before an `@`".into(),
            "Send it as a header: `set_request_headers: {Authorization: \"Basic ${BASIC_CREDENTIALS}\"}`.".into(),
        ));
    }
    let weighted = |part: &str| part.rsplit_once(',').is_some_and(|(_, weight)| weight.parse::<u32>().is_ok());
    if weighted(authority) || weighted(path) {
        return Err((
            "a weight (`,N`) behind an address in `to` is not supported yet".into(),
            "Leave it off; the addresses take turns.".into(),
        ));
    }
    if authority.contains('*') {
        return Err((
            "`to` is the address of one application, but here is a wildcard (`*`)".into(),
            "Write where it is reached. With `preserve_host_header: true` it is told which host the visitor asked for."
                .into(),
        ));
    }
    let authority = Authority::parse(authority).map_err(|error| (format!("`to`: {error}"), example()))?;
    if path.contains(['?', '#']) {
        return Err((
            "`to` has a query or fragment, but the visitor's query is what is sent".into(),
            "Leave it off.".into(),
        ));
    }
    let base = match path {
        "" | "/" => None,
        path if NormalPath::parse(path).is_ok() => Some(path.to_owned()),
        _ => {
            return Err((
                "the path in `to` could be read two ways".into(),
                "Write it without `.` and `..` segments, backslashes and escaped slashes.".into(),
            ));
        }
    };
    let host = authority.host.as_str().trim_matches(['[', ']']).to_owned();
    let port = authority.port_for(if scheme.is_tls() { Scheme::Https } else { Scheme::Http });
    Ok(Address { url: UpstreamUrl { scheme, host, port }, base })
}

/// The longest path of a unix socket, in bytes: what the systems' addresses have room for.
const LONGEST_SOCKET_PATH: usize = 103;

/// A unix socket: all of the rest is its path.
fn socket(scheme: UpstreamScheme, path: &str) -> Result<Address, Wrong> {
    let mend = || {
        format!(
            "Write `to: {}:///run/app.sock`; what comes before the visitor's path is `prefix_rewrite`.",
            scheme.as_str()
        )
    };
    if !path.starts_with('/') || path.ends_with('/') {
        return Err(("a unix socket in `to` needs an absolute path, with three slashes".into(), mend()));
    }
    if path.len() > LONGEST_SOCKET_PATH {
        let what =
            format!("the path of a unix socket has at most {LONGEST_SOCKET_PATH} bytes, and this one {}", path.len());
        return Err((what, "Put the socket elsewhere, or reach it through a symbolic link.".into()));
    }
    if path.contains(['?', '#', '%', '\\', ',']) || path.chars().any(char::is_control) {
        return Err((
            "the path of a unix socket in `to` may not hold `?`, `#`, `%`, `,`, `\\` or control characters".into(),
            mend(),
        ));
    }
    Ok(Address { url: UpstreamUrl { scheme, host: path.to_owned(), port: 0 }, base: None })
}
