//! The head of a request that was found to have one meaning.
//!
//! Refuses: TRACE, CONNECT for anything but a WebSocket, targets without a path, no host or two hosts, a host that this connection was
//! not opened for, paths that could be read two ways, bodies framed twice, half a WebSocket handshake, and more
//! than 128 header lines.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use http::header::{CONTENT_LENGTH, HOST, SEC_WEBSOCKET_KEY, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{Extensions, HeaderMap, HeaderValue, Method, Uri, Version};

use crate::accepts::{self, Accepts};
use crate::authority::{Authority, InvalidAuthority};
use crate::cookies;
use crate::hostname::{Hostname, InvalidHostname};
use crate::origin::{RequestOrigin, Scheme};
use crate::path::NormalPath;
use crate::unclean::Unclean;
use crate::upgrade::{self, ConnectProtocol, Upgrade, WebSocketHandshake};

#[cfg(test)]
mod tests;

/// The most header lines; one more gets 431.
const MOST_HEADERS: usize = 128;

/// What the connection knows about a request that came over it.
#[derive(Debug, Clone)]
pub struct ArrivedOn {
    /// The other end of the connection.
    pub client: SocketAddr,
    /// The name the client asked for in the TLS handshake. Clients ask for none when the host is an IP
    /// address (RFC 6066 §3), so over TLS `None` allows only those.
    pub sni: Option<Hostname>,
    /// Whether the connection is encrypted.
    pub over_tls: bool,
}

/// A request head with one meaning. There is no other way to one than [`CleanHead::inspect`].
pub struct CleanHead {
    parts: Parts,
    authority: Authority,
    path: NormalPath,
    upgrade: Option<Upgrade>,
    client: IpAddr,
    over_tls: bool,
}

impl CleanHead {
    /// Looks at everything in a request's head that two readers could disagree about.
    ///
    /// An `Upgrade` that nobody could pass on is dropped, and the head is a plain request's. An extended CONNECT (RFC
    /// 8441), for which whoever read the wire puts a [`crate::ConnectProtocol`] among the extensions, is a GET from here
    /// on: what is decided on, and sent to an application, is the same whichever way a WebSocket is asked for.
    ///
    /// # Errors
    /// [`Unclean`] says what was wrong first; it knows the status of the answer.
    pub fn inspect(mut parts: Parts, arrived: &ArrivedOn) -> Result<Self, Unclean> {
        let extended = parts.extensions.get::<ConnectProtocol>().is_some();
        if parts.method == Method::TRACE || (parts.method == Method::CONNECT && !extended) {
            return Err(Unclean::Method);
        }
        if parts.headers.len() > MOST_HEADERS {
            return Err(Unclean::TooManyHeaders);
        }
        let scheme = if arrived.over_tls { Scheme::Https } else { Scheme::Http };
        let authority = one_authority(&parts, arrived.sni.as_ref(), scheme)?;
        if arrived.over_tls && !is_covered(&authority.host, arrived.sni.as_ref()) {
            return Err(Unclean::Misdirected);
        }
        let target = parts.uri.path_and_query().ok_or(Unclean::Target)?;
        if target.as_str() == "*" {
            return Err(Unclean::Target);
        }
        let path = NormalPath::of(target).map_err(Unclean::Path)?;
        check_framing(parts.version, &parts.headers)?;
        let upgrade = upgrade::classify(&parts)?;
        if upgrade.is_none() {
            parts.headers.remove(UPGRADE);
        }
        if extended {
            parts.method = Method::GET;
        }
        let client = arrived.client.ip().to_canonical();
        Ok(Self { parts, authority, path, upgrade, client, over_tls: arrived.over_tls })
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.parts.method
    }

    /// The host the request is for.
    pub fn host(&self) -> &Hostname {
        &self.authority.host
    }

    /// The host with the port, if the client wrote one.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// `https` when the connection is encrypted, else `http`.
    pub fn scheme(&self) -> Scheme {
        if self.over_tls { Scheme::Https } else { Scheme::Http }
    }

    /// The path.
    pub fn path(&self) -> &NormalPath {
        &self.path
    }

    /// What follows the first `?`, as sent.
    pub fn query(&self) -> Option<&str> {
        self.parts.uri.query()
    }

    /// Path and query, exactly as sent.
    pub fn path_and_query(&self) -> &str {
        self.parts.uri.path_and_query().map_or("/", |target| target.as_str())
    }

    /// The headers as they arrived, but for an `Upgrade` that was dropped: nothing is stripped yet.
    pub fn headers(&self) -> &HeaderMap {
        &self.parts.headers
    }

    /// The protocol version.
    pub fn version(&self) -> Version {
        self.parts.version
    }

    /// What the request asks to switch to, if it does.
    pub fn upgrade(&self) -> Option<&Upgrade> {
        self.upgrade.as_ref()
    }

    /// Whether it asks for a WebSocket.
    pub fn is_websocket(&self) -> bool {
        self.upgrade.as_ref().is_some_and(Upgrade::is_websocket)
    }

    /// Makes the WebSocket of an extended CONNECT one that HTTP/1.1 can ask for: by a handshake of ours.
    pub fn bridge(&mut self, handshake: WebSocketHandshake) {
        self.parts.headers.insert(SEC_WEBSOCKET_KEY, handshake.key.clone());
        self.upgrade = Some(Upgrade::WebSocket(handshake));
    }

    /// Makes it a plain request: the upgrade it asks for is not to be had, and a server may ignore that it was asked
    /// for (RFC 9110 §7.8). Not for a WebSocket, whose client cannot do with less.
    pub fn drop_upgrade(&mut self) {
        self.upgrade = None;
        self.parts.headers.remove(UPGRADE);
    }

    /// The address at the other end of the connection; an IPv4 address is written as one, also on a socket
    /// that serves both families.
    pub fn client_ip(&self) -> IpAddr {
        self.client
    }

    /// What an error answer should be written in.
    pub fn accepts(&self) -> Accepts {
        Accepts::of(&self.parts.headers)
    }

    /// Whether a browser is opening a page, so that a redirect to sign in leads somewhere.
    pub fn is_page_load(&self) -> bool {
        self.upgrade.is_none() && accepts::is_page_load(&self.parts)
    }

    /// Which page caused the request, compared with the host it is for.
    pub fn origin(&self) -> RequestOrigin {
        RequestOrigin::of(&self.parts.headers, &self.authority, self.over_tls)
    }

    /// `(name, value)` of every cookie over all `Cookie` lines, at most 256.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        cookies::of(&self.parts.headers)
    }

    /// What the HTTP library keeps beside a request; its handle for upgrades lives there.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.parts.extensions
    }

    /// The head as it arrived, for handlers of our own.
    pub fn request_parts(self) -> Parts {
        self.parts
    }
}

/// Names the request without its headers and query, which hold secrets.
impl fmt::Debug for CleanHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CleanHead({} {}{})", self.parts.method, self.authority, self.path.raw())
    }
}

/// The one host that the target and all `Host` lines agree on.
fn one_authority(parts: &Parts, sni: Option<&Hostname>, scheme: Scheme) -> Result<Authority, Unclean> {
    let mut lines = parts.headers.get_all(HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(Unclean::SeveralHosts);
    }
    let from_header = line.map(|line| read_host(line, sni)).transpose()?;
    let from_target = read_target(&parts.uri, sni)?;
    match (from_target, from_header) {
        (Some(target), Some(header)) if !target.is_same(&header, scheme) => Err(Unclean::HostsDisagree),
        // RFC 9112 §3.2.2: the header has to be there even when the target names the host.
        (_, None) if parts.version < Version::HTTP_2 => Err(Unclean::NoHost),
        (Some(authority), _) | (None, Some(authority)) => Ok(authority),
        (None, None) => Err(Unclean::NoHost),
    }
}

fn read_host(line: &HeaderValue, sni: Option<&Hostname>) -> Result<Authority, Unclean> {
    if line.is_empty() {
        return Err(Unclean::NoHost);
    }
    let text = line.to_str().map_err(|_| Unclean::Host(InvalidAuthority::Host(InvalidHostname::Characters)))?;
    Authority::parse_knowing(text, sni).map_err(Unclean::Host)
}

/// The host of an absolute target (HTTP/1.1) or of `:authority` (HTTP/2).
fn read_target(uri: &Uri, sni: Option<&Hostname>) -> Result<Option<Authority>, Unclean> {
    if let Some(scheme) = uri.scheme_str()
        && scheme != "http"
        && scheme != "https"
    {
        return Err(Unclean::Scheme);
    }
    uri.authority()
        .map(|authority| Authority::parse_knowing(authority.as_str(), sni).map_err(Unclean::Host))
        .transpose()
}

/// Whether the TLS connection was opened for this host.
fn is_covered(host: &Hostname, sni: Option<&Hostname>) -> bool {
    match sni {
        Some(sni) => sni == host,
        None => host.is_ip(),
    }
}

/// The HTTP library frames bodies; this refuses what it might let by.
fn check_framing(version: Version, headers: &HeaderMap) -> Result<(), Unclean> {
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
    let length = lengths.next();
    if lengths.next().is_some() {
        return Err(Unclean::Framing);
    }
    // One coding, which is chunked: of several, or of any other, two readers may see two ends of the body.
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None)
            if coding.as_bytes().eq_ignore_ascii_case(b"chunked")
                && length.is_none()
                && version == Version::HTTP_11 =>
        {
            Ok(())
        }
        _ => Err(Unclean::Framing),
    }
}
