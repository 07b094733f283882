//! What we tell an upstream about where a request came from.
//!
//! `Forwarded` (RFC 7239) is not sent: its quoted `host="h:8443"` is misread by upstreams that matter here, and
//! one statement is safer than two.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::authority::Authority;
use crate::forwarded_chain::{FORWARDED_FOR, ForwardedChain};
use crate::origin::Scheme;

const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// Whether the other end of the connection is added to `X-Forwarded-For`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// As every proxy does.
    Appended,
    /// What is passed on ends where the trusted proxies before us ended it; nothing, when there are none.
    Skipped,
}

/// Sets `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, in place of whatever was there. `X-Forwarded-For` is the
/// visitor and the trusted proxies between: nothing that a visitor claimed. The host is as the browser sent it, with its
/// port if that is not the scheme's own; the port is always said.
pub fn set_forwarded(
    headers: &mut HeaderMap,
    client: &ForwardedChain,
    peer: Peer,
    scheme: Scheme,
    authority: &Authority,
) {
    let port = authority.port_for(scheme);
    headers.insert(PROTO, HeaderValue::from_static(scheme.as_str()));
    headers.insert(PORT, if port == 443 { HeaderValue::from_static("443") } else { HeaderValue::from(port) });
    match said_of(client, peer) {
        Some(said) => set(headers, FORWARDED_FOR, said),
        None => drop(headers.remove(FORWARDED_FOR)),
    }
    if port == scheme.default_port() {
        set(headers, HOST, authority.host.as_str());
    } else {
        set(headers, HOST, authority.to_string());
    }
}

/// The visitor, then each hop; `hops` ends with our peer.
fn said_of(client: &ForwardedChain, peer: Peer) -> Option<String> {
    let hops = match (peer, client.hops()) {
        (Peer::Appended, hops) => hops,
        (Peer::Skipped, hops) => hops.split_last()?.1,
    };
    let mut said = String::with_capacity(LONGEST_OF_IPV4);
    write(&mut said, client.client());
    for hop in hops {
        said.push_str(", ");
        write(&mut said, *hop);
    }
    Some(said)
}

const LONGEST_OF_IPV4: usize = "255.255.255.255".len();

/// Every request has this written for it; the library's way takes ten times as many instructions.
fn write(said: &mut String, address: IpAddr) {
    let IpAddr::V4(address) = address else { return said.push_str(&address.to_string()) };
    for (place, octet) in address.octets().into_iter().enumerate() {
        if place > 0 {
            said.push('.');
        }
        for (unit, digit) in [(100, octet / 100), (10, octet / 10 % 10), (1, octet % 10)] {
            if octet >= unit || unit == 1 {
                said.push(char::from(b'0' + digit));
            }
        }
    }
}

/// Sets a value, or removes the header: a visitor's own may not stand in for it.
fn set<V: TryInto<HeaderValue>>(headers: &mut HeaderMap, name: HeaderName, value: V) {
    match value.try_into() {
        Ok(value) => headers.insert(name, value),
        Err(_) => headers.remove(name),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(client: &str, scheme: Scheme, authority: &str) -> [String; 4] {
        let mut headers = HeaderMap::new();
        for name in [FORWARDED_FOR, FORWARDED_FOR, PROTO, HOST, PORT] {
            headers.append(name, HeaderValue::from_static("evil"));
        }
        let client = ForwardedChain::direct(client.parse().unwrap());
        set_forwarded(&mut headers, &client, Peer::Appended, scheme, &Authority::parse(authority).unwrap());
        assert_eq!(headers.len(), 4);
        [FORWARDED_FOR, PROTO, HOST, PORT].map(|name| headers[name].to_str().unwrap().to_owned())
    }

    #[test]
    fn what_a_visitor_claimed_is_replaced() {
        for (client, scheme, authority, expected) in [
            ("192.0.2.1", Scheme::Https, "h", ["192.0.2.1", "https", "h", "443"]),
            ("192.0.2.1", Scheme::Https, "h:443", ["192.0.2.1", "https", "h", "443"]),
            ("192.0.2.1", Scheme::Https, "h:8443", ["192.0.2.1", "https", "h:8443", "8443"]),
            ("::ffff:192.0.2.1", Scheme::Http, "h", ["192.0.2.1", "http", "h", "80"]),
            ("2001:db8::1", Scheme::Https, "[::1]:444", ["2001:db8::1", "https", "[::1]:444", "444"]),
        ] {
            assert_eq!(forwarded(client, scheme, authority), expected);
        }
    }

    #[test]
    fn addresses_are_written_as_the_library_writes_them() {
        let octets = |octet: u8| [octet, 255 - octet, octet / 2, octet.wrapping_mul(7)];
        for address in (0..=255).map(|octet| IpAddr::from(octets(octet))).chain(["2001:db8::1".parse().unwrap()]) {
            let mut said = String::new();
            write(&mut said, address);
            assert_eq!(said, address.to_string());
        }
    }

    #[test]
    fn the_visitor_and_the_trusted_proxies_are_told_and_nothing_before_them() {
        let claimed = "6.6.6.6, 203.0.113.9, 10.0.0.2";
        let ours = |address: IpAddr| address.to_string().starts_with("10.");
        for (peer, appended, skipped) in [
            ("10.0.0.1", "203.0.113.9, 10.0.0.2, 10.0.0.1", Some("203.0.113.9, 10.0.0.2")),
            ("192.0.2.1", "192.0.2.1", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(FORWARDED_FOR, HeaderValue::from_static(claimed));
            let chain = ForwardedChain::behind(&headers, peer.parse().unwrap(), ours, 16);
            let authority = Authority::parse("h").unwrap();
            set_forwarded(&mut headers, &chain, Peer::Appended, Scheme::Https, &authority);
            assert_eq!(headers[FORWARDED_FOR], appended);
            set_forwarded(&mut headers, &chain, Peer::Skipped, Scheme::Https, &authority);
            assert_eq!(headers.get(FORWARDED_FOR).map(|said| said.to_str().unwrap()), skipped);
        }
    }
}
