//! WebSockets: who may ask for one, and what counts as an upstream's yes.
//!
//! Refuses a handshake on a route without `allow_websockets`, and one that a page of another origin caused: browsers
//! send cookies along with those, and no CORS check holds them back. Refuses to believe a 101 that does not prove it
//! was meant for this very handshake (RFC 6455 §4.1). Not a byte passes before that.

use std::sync::Arc;

use doorward_hygiene::{CleanHead, RequestOrigin, Upgrade, WebSocketHandshake};
use http::header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, UPGRADE};
use http::{HeaderMap, HeaderValue, Response};
use hyper::upgrade::OnUpgrade;

use crate::ProxyBody;
use crate::error::ForwardError;
use crate::headers::to_visitor::clean;
use crate::held::{Terms, Watch};
use crate::refusal::Refusal;
use crate::served_route::ServedRoute;
use crate::tunnels::{Tunnel, TunnelLog};
use crate::upstreams::Exchange;

/// A WebSocket that may be asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    handshake: WebSocketHandshake,
    /// The visitor's side, once our 101 is written.
    client: OnUpgrade,
}

/// The WebSocket a request asks for, if it asks for one and may.
///
/// # Errors
/// 403 with the reason.
pub(crate) fn asked(head: &mut CleanHead, route: &ServedRoute) -> Result<Option<Asked>, Refusal> {
    let Some(Upgrade::WebSocket(handshake)) = head.upgrade() else { return Ok(None) };
    let handshake = handshake.clone();
    if !route.settings.websockets {
        return Err(Refusal::NoWebSockets);
    }
    match head.origin() {
        // Without an Origin it is no browser, and then nobody else's cookies are sent along.
        RequestOrigin::Same | RequestOrigin::Absent => {}
        RequestOrigin::Other(_) | RequestOrigin::Opaque => return Err(Refusal::CrossOrigin),
    }
    let client = head
        .extensions_mut()
        .remove::<OnUpgrade>()
        .ok_or(ForwardError::Internal("a handshake came over a connection that cannot be upgraded"))?;
    Ok(Some(Asked { handshake, client }))
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
        if let Err(reason) = self.check(response.headers()) {
            return Err(misbehaved(reason));
        }
        let upstream_side = hyper::upgrade::on(&mut response);
        let (mut parts, _empty) = response.into_parts();
        clean(&mut parts, route, cookie_stem).map_err(misbehaved)?;
        parts.headers.remove(CONTENT_LENGTH);
        parts.headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        parts.headers.insert(UPGRADE, HeaderValue::from_static("websocket"));

        let tunnels = Arc::clone(&terms.tunnels);
        let log = TunnelLog {
            request_id: terms.request_id,
            route: terms.route.clone(),
            user: terms.session.as_deref().map(|session| session.known().identity.label().to_owned()),
        };
        let watch = Watch::on(Terms { idle: route.tunnel_idle, ..terms });
        let tunnel = Tunnel { client: self.client, upstream: upstream_side, watch, log };
        tunnels.drain().track(tunnel.run());
        Ok(Response::from_parts(parts, ProxyBody::empty()))
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), &'static str> {
        if !only(headers, UPGRADE).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket")) {
            return Err("its 101 does not say `Upgrade: websocket`");
        }
        let says_upgrade = headers.get_all(CONNECTION).iter().any(|line| {
            line.as_bytes().split(|byte| *byte == b',').any(|word| word.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
        });
        if !says_upgrade {
            return Err("its 101 does not say `Connection: upgrade`");
        }
        let expected = self.handshake.expected_accept();
        if only(headers, SEC_WEBSOCKET_ACCEPT).is_none_or(|value| value.as_bytes() != expected.as_bytes()) {
            return Err("the Sec-WebSocket-Accept of its 101 does not belong to this handshake");
        }
        Ok(())
    }
}

fn only(headers: &HeaderMap, name: http::HeaderName) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next(), lines.next()) {
        (line, None) => line,
        _ => None,
    }
}
