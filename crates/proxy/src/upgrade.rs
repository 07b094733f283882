//! Leaving HTTP, for a WebSocket or another protocol: who may ask for it, and what counts as an upstream's yes.
//!
//! Refuses a handshake on a route that does not allow its protocol, and one that a page of another origin caused: browsers
//! send cookies along with those, and no CORS check holds them back. Refuses to believe a 101 that does not prove it
//! was meant for this very handshake (RFC 6455 §4.1). Not a byte passes before that.

use std::sync::Arc;

use aws_lc_rs::rand;
use doorward_hygiene::{CleanHead, ConnectProtocol, RequestOrigin, Upgrade, UpgradeToken, WebSocketHandshake};
use doorward_transport::{InUse, ends_with};
use http::header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::ext::Protocol;
use hyper::upgrade::OnUpgrade;

use crate::ProxyBody;
use crate::error::ForwardError;
use crate::headers::to_visitor::clean;
use crate::held::{Terms, Watch};
use crate::refusal::Refusal;
use crate::served_route::ServedRoute;
use crate::tunnels::{Tunnel, TunnelLog};
use crate::upstreams::Exchange;

/// An upgrade that may be asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    wanted: Wanted,
    /// The visitor's side, once our answer is written.
    client: OnUpgrade,
    /// The HTTP/2 connection that the visitor's side is a stream of: then our answer is a 200 (RFC 8441 §5).
    connection: Option<InUse>,
    bridged: bool,
}

#[derive(Debug)]
enum Wanted {
    WebSocket(WebSocketHandshake),
    Other(UpgradeToken),
}

/// Notes the `:protocol` of an extended CONNECT where hygiene looks for it.
pub(crate) fn note_protocol(parts: &mut Parts) {
    if parts.method == Method::CONNECT
        && let Some(protocol) = parts.extensions.remove::<Protocol>()
    {
        parts.extensions.insert(ConnectProtocol(protocol.as_str().into()));
    }
}

/// The upgrade a request asks for, if it asks for one and may. One to a protocol that the route does not name is dropped:
/// the request goes on as a plain one.
///
/// # Errors
/// 403 with the reason.
pub(crate) fn asked(head: &mut CleanHead, route: &ServedRoute) -> Result<Option<Asked>, Refusal> {
    let Some(upgrade) = head.upgrade().cloned() else { return Ok(None) };
    let allowed = &route.settings.upgrades;
    if let Upgrade::Other(token) = &upgrade
        && !allowed.others.contains(token)
    {
        head.drop_upgrade();
        return Ok(None);
    }
    if upgrade.is_websocket() && !allowed.websocket {
        return Err(Refusal::NoWebSockets);
    }
    match head.origin() {
        // Without an Origin it is no browser, and then nobody else's cookies are sent along.
        RequestOrigin::Same | RequestOrigin::Absent => {}
        RequestOrigin::Other(_) | RequestOrigin::Opaque => return Err(Refusal::CrossOrigin),
    }
    let extensions = head.extensions_mut();
    let connection = extensions.remove::<InUse>();
    let client = extensions
        .remove::<OnUpgrade>()
        .ok_or(ForwardError::Internal("a handshake came over a connection that cannot be upgraded"))?;
    let bridged = upgrade == Upgrade::ExtendedConnect;
    let wanted = match upgrade {
        Upgrade::WebSocket(handshake) => Wanted::WebSocket(handshake),
        Upgrade::ExtendedConnect => {
            let handshake = new_handshake()?;
            head.bridge(handshake.clone());
            Wanted::WebSocket(handshake)
        }
        Upgrade::Other(token) => Wanted::Other(token),
    };
    Ok(Some(Asked { wanted, client, connection, bridged }))
}

fn new_handshake() -> Result<WebSocketHandshake, ForwardError> {
    let mut nonce = [0; 16];
    rand::fill(&mut nonce).map_err(|_| ForwardError::Internal("no random bytes for a WebSocket's key"))?;
    WebSocketHandshake::with_nonce(nonce).ok_or(ForwardError::Internal("a WebSocket's key is no header"))
}

impl Asked {
    /// Answers an upstream's 101 with ours, and joins the two sides in a tunnel.
    ///
    /// # Errors
    /// When the 101 is none.
    pub(crate) fn switch(
        self,
        exchange: Exchange,
        route: &ServedRoute,
        cookie_stem: &str,
        terms: Terms,
    ) -> Result<Response<ProxyBody>, ForwardError> {
        let Exchange { mut response, upstream, .. } = exchange;
        let misbehaved = |reason| ForwardError::Misbehaved { upstream, reason };
        let protocol = match self.check(response.headers()) {
            Ok(protocol) => protocol,
            Err(reason) => return Err(misbehaved(reason)),
        };
        let upstream_side = hyper::upgrade::on(&mut response);
        let (mut parts, _empty) = response.into_parts();
        // A 101 has no body, whatever it says of one (RFC 9112 §6.3).
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.remove(TRANSFER_ENCODING);
        clean(&mut parts, route, cookie_stem).map_err(misbehaved)?;
        if self.bridged {
            parts.status = StatusCode::OK;
            parts.headers.remove(SEC_WEBSOCKET_ACCEPT);
        } else {
            parts.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            parts.headers.insert(UPGRADE, protocol);
        }

        let tunnels = Arc::clone(&terms.tunnels);
        let log = TunnelLog {
            request_id: terms.request_id,
            route: terms.route.clone(),
            user: terms.session.as_deref().map(|session| session.known().identity.label().to_owned()),
        };
        let facts = terms.facts.detached();
        let watch = Watch::on(Terms { idle: route.tunnel_idle, facts, ..terms });
        ends_with(|| Some(watch.ends()));
        let tunnel = Tunnel { client: self.client, upstream: upstream_side, watch, log, connection: self.connection };
        tunnels.drain().track(tunnel.run());
        Ok(Response::from_parts(parts, ProxyBody::empty()))
    }

    /// The protocol that was agreed on, as the upstream writes it.
    fn check(&self, headers: &HeaderMap) -> Result<HeaderValue, &'static str> {
        let protocol = only(headers, UPGRADE).ok_or("its 101 does not name one protocol in `Upgrade`")?;
        let says_upgrade = headers.get_all(CONNECTION).iter().any(|line| {
            line.as_bytes().split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        });
        if !says_upgrade {
            return Err("its 101 does not say `Connection: upgrade`");
        }
        match &self.wanted {
            Wanted::Other(token) if token.is(protocol.as_bytes()) => Ok(protocol.clone()),
            Wanted::Other(_) => Err("its 101 names another protocol than was asked for"),
            Wanted::WebSocket(_) if !protocol.as_bytes().eq_ignore_ascii_case(b"websocket") => {
                Err("its 101 does not say `Upgrade: websocket`")
            }
            Wanted::WebSocket(handshake) => {
                let expected = handshake.expected_accept();
                if only(headers, SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
                    return Err("the Sec-WebSocket-Accept of its 101 does not belong to this handshake");
                }
                Ok(HeaderValue::from_static("websocket"))
            }
        }
    }
}

fn only(headers: &HeaderMap, name: http::HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (line, None) => line,
        _ => None,
    }
}
