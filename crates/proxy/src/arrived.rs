//! How a request arrived: by which door, and from whom.
//!
//! Refuses to take a proxy's word for a visitor when the PROXY protocol said that the connection is the proxy's own.

use doorward_config::Proxies;
use doorward_hygiene::{ArrivedOn, ForwardedChain, MOST_HOPS};
use doorward_transport::{Arrival, Peer};
use http::HeaderMap;

/// What a connection says about a request on it.
pub(crate) fn arrived_on(peer: &Peer, client: ForwardedChain) -> ArrivedOn {
    let (sni, over_tls) = match &peer.arrival {
        Arrival::Tls { sni } => (sni.clone(), true),
        Arrival::PlainOnTlsPort | Arrival::RedirectPort | Arrival::Cleartext => (None, false),
    };
    ArrivedOn { client, sni, over_tls }
}

/// The visitor, and the proxies between that are believed.
pub(crate) fn client(peer: &Peer, headers: &HeaderMap, proxies: &Proxies) -> ForwardedChain {
    let next = peer.address.ip();
    let most = proxies.hops.map_or(MOST_HOPS, usize::from);
    match proxies.hops {
        _ if peer.is_the_proxy_itself() => ForwardedChain::direct(next),
        Some(_) if proxies.trusted.written().is_empty() => ForwardedChain::counted(headers, next, most),
        _ => ForwardedChain::behind(headers, next, |hop| proxies.trusted.contains(hop), most),
    }
}

#[cfg(test)]
mod tests {
    use doorward_authorize::Networks;
    use doorward_transport::Protocol;
    use http::HeaderValue;

    use super::*;

    const CLAIM: &str = "6.6.6.6, 203.0.113.9, 10.0.0.2";

    fn proxies(trusted: &[&str], hops: Option<u16>) -> Proxies {
        let trusted = Networks::new(trusted.iter().map(|text| Networks::parse_one(text).unwrap()).collect());
        Proxies { trusted, protocol: false, hops, skip_append: false }
    }

    fn client_of(address: &str, via: Option<&str>, proxies: &Proxies) -> String {
        let peer = Peer {
            address: address.parse().unwrap(),
            via: via.map(|via| via.parse().unwrap()),
            arrival: Arrival::Cleartext,
            protocol: Protocol::Http1,
            client_chain: None,
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", HeaderValue::from_static(CLAIM));
        client(&peer, &headers, proxies).client().to_string()
    }

    #[test]
    fn list_and_count_have_to_hold_both() {
        let ours = &["10.0.0.0/8"][..];
        for (address, via, proxies, expected) in [
            ("192.0.2.1:1", None, proxies(&[], None), "192.0.2.1"),
            ("10.0.0.1:1", None, proxies(&[], None), "10.0.0.1"),
            ("10.0.0.1:1", None, proxies(ours, None), "203.0.113.9"),
            ("192.0.2.1:1", None, proxies(ours, None), "192.0.2.1"),
            ("10.0.0.1:1", None, proxies(ours, Some(1)), "10.0.0.2"),
            ("10.0.0.1:1", None, proxies(ours, Some(3)), "203.0.113.9"),
            ("192.0.2.1:1", None, proxies(ours, Some(3)), "192.0.2.1"),
            ("192.0.2.1:1", None, proxies(&[], Some(3)), "6.6.6.6"),
            ("192.0.2.1:1", None, proxies(&[], Some(4)), "192.0.2.1"),
            // Told by the PROXY protocol: the address told is the next hop.
            ("10.0.0.1:1", Some("10.9.9.9:1"), proxies(ours, None), "203.0.113.9"),
            ("192.0.2.1:1", Some("10.9.9.9:1"), proxies(ours, None), "192.0.2.1"),
            // The proxy's own connection.
            ("10.9.9.9:1", Some("10.9.9.9:1"), proxies(ours, None), "10.9.9.9"),
        ] {
            assert_eq!(client_of(address, via, &proxies), expected, "{address} {via:?} {proxies:?}");
        }
    }
}
