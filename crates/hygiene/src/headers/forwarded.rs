//! What we tell an upstream about where a request came from.
//!
//! `Forwarded` (RFC 7239) is not sent: its quoted `host="h:8443"` is misread by upstreams that matter here, and
//! one statement is safer than two.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::authority::Authority;
use crate::origin::Scheme;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// Sets `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, in place of whatever was there: no proxy in front of
/// us is trusted. The host is as the browser sent it, with its port if that is not the scheme's own; the port
/// is always said.
pub fn set_forwarded(headers: &mut HeaderMap, client: IpAddr, scheme: Scheme, authority: &Authority) {
    let port = authority.port_for(scheme);
    headers.insert(PROTO, HeaderValue::from_static(scheme.as_str()));
    headers.insert(PORT, HeaderValue::from(port));
    set(headers, FOR, client.to_canonical().to_string());
    if port == scheme.default_port() {
        set(headers, HOST, authority.host.as_str());
    } else {
        set(headers, HOST, authority.to_string());
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
        for name in [FOR, FOR, PROTO, HOST, PORT] {
            headers.append(name, HeaderValue::from_static("evil"));
        }
        set_forwarded(&mut headers, client.parse().unwrap(), scheme, &Authority::parse(authority).unwrap());
        assert_eq!(headers.len(), 4);
        [FOR, PROTO, HOST, PORT].map(|name| headers[name].to_str().unwrap().to_owned())
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
}
