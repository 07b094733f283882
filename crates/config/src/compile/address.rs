//! Socket addresses as Go writes them: `:443`, `127.0.0.1:8443`, `[::1]:8443`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Compiler;
use crate::raw::At;

impl Compiler<'_> {
    /// The address a key gives. A port alone means every interface, both address families; a host alone gets
    /// `default_port`.
    pub(super) fn address(&mut self, key: &str, text: &At<String>, default_port: u16) -> Option<SocketAddr> {
        match parse(&text.value, default_port) {
            Ok(address) => Some(address),
            Err(reason) => {
                self.problems.error(
                    &text.place,
                    format!("`{key}` is an address to listen on, but {reason}"),
                    format!("Write `:{default_port}` for every interface, or an IP address as in `127.0.0.1:{default_port}`."),
                );
                None
            }
        }
    }
}

fn parse(text: &str, default_port: u16) -> Result<SocketAddr, &'static str> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Some(ip) = ip(text) {
        return Ok(SocketAddr::new(ip, default_port));
    }
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("a port alone is written with a colon before it");
    }
    let (host, port) = text.rsplit_once(':').ok_or("this names a host, not an IP address")?;
    let port = port.parse().map_err(|_| "its port is no number from 0 to 65535")?;
    let ip = match host {
        "" | "*" => Some(IpAddr::V6(Ipv6Addr::UNSPECIFIED)),
        host => ip(host),
    };
    ip.map(|ip| SocketAddr::new(ip, port)).ok_or("this names a host, not an IP address")
}

fn ip(text: &str) -> Option<IpAddr> {
    if text == "localhost" {
        return Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_go_reads_them() {
        for (text, address) in [
            (":443", "[::]:443"),
            ("*:443", "[::]:443"),
            ("0.0.0.0:8443", "0.0.0.0:8443"),
            ("[::1]:8443", "[::1]:8443"),
            ("[::1]", "[::1]:443"),
            ("127.0.0.1", "127.0.0.1:443"),
            ("localhost:0", "127.0.0.1:0"),
        ] {
            assert_eq!(parse(text, 443).map(|address| address.to_string()).as_deref(), Ok(address), "{text}");
        }
        for text in ["", "443", "example.com:443", "example.com", ":65536", ":-1", ":", "1.2.3:4", "https://x:1"] {
            assert!(parse(text, 443).is_err(), "{text}");
        }
    }
}
