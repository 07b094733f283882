//! The name servers of this machine (resolv.conf(5)).

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const FILE: &str = "/etc/resolv.conf";
/// More than any such file has, so that a wrong one does not fill the memory.
const LONGEST: u64 = 64 * 1024;
/// As many as the C library asks.
const MOST: usize = 3;
const PORT: u16 = 53;

/// The servers of `/etc/resolv.conf`; this machine, when it names none, as the manual has it.
pub(crate) fn servers() -> Vec<SocketAddr> {
    let mut text = Vec::new();
    if let Err(error) = File::open(FILE).and_then(|file| file.take(LONGEST).read_to_end(&mut text)) {
        tracing::debug!(file = FILE, %error, "the system's resolvers cannot be read");
    }
    parse(&String::from_utf8_lossy(&text))
}

/// What such a file says. An address with a zone (`fe80::1%eth0`) is passed over.
fn parse(text: &str) -> Vec<SocketAddr> {
    let mut servers: Vec<_> = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = words.next().filter(|word| *word == "nameserver").and_then(|_| words.next())?;
            address.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, PORT))
        })
        .take(MOST)
        .collect();
    if servers.is_empty() {
        servers.push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT));
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_servers_are_taken_and_the_rest_of_the_file_is_passed_over() {
        let text = "# nameserver 9.9.9.9\nsearch example.com\nnameserver\nnameserver 192.0.2.1 # one\n\
                    \tnameserver 2001:db8::1\nnameserver fe80::1%eth0\nnameservers 192.0.2.9\noptions edns0\n\
                    nameserver not-an-address\nnameserver 192.0.2.2\nnameserver 192.0.2.3\n";
        let servers: Vec<_> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "192.0.2.2:53"]);
    }

    #[test]
    fn a_file_without_servers_means_this_machine() {
        assert_eq!(parse("search example.com\n\u{fffd}"), ["127.0.0.1:53".parse().unwrap()]);
    }
}
