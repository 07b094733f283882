//! Addresses and networks that a request may come from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Networks, found by bisection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    written: Vec<IpNet>,
    /// Sorted, none within or next to another.
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

impl Networks {
    /// These networks. One of IPv4-mapped IPv6 addresses (RFC 4291 §2.5.5.2) counts as the one of IPv4 it stands for.
    pub fn new(networks: Vec<IpNet>) -> Self {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for network in &networks {
            match canonical(network.trunc()) {
                IpNet::V4(network) => v4.push(network),
                IpNet::V6(network) => v6.push(network),
            }
        }
        let (mut v4, mut v6) = (Ipv4Net::aggregate(&v4), Ipv6Net::aggregate(&v6));
        v4.sort_unstable_by_key(Ipv4Net::network);
        v6.sort_unstable_by_key(Ipv6Net::network);
        Self { written: networks, v4, v6 }
    }

    /// A network as configurations write it: an address alone, or with `/` and the length of its prefix. An
    /// IPv4-mapped IPv6 address is an IPv4 address.
    pub fn parse_one(text: &str) -> Option<IpNet> {
        text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from)).map(canonical)
    }

    /// Whether an address lies in one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => {
                let after = self.v4.partition_point(|network| network.network() <= address);
                after.checked_sub(1).and_then(|at| self.v4.get(at)).is_some_and(|network| network.contains(&address))
            }
            IpAddr::V6(address) => {
                let after = self.v6.partition_point(|network| network.network() <= address);
                after.checked_sub(1).and_then(|at| self.v6.get(at)).is_some_and(|network| network.contains(&address))
            }
        }
    }

    /// The networks, in the order written.
    pub fn written(&self) -> &[IpNet] {
        &self.written
    }
}

/// The IPv4 network that a network of mapped addresses stands for.
fn canonical(network: IpNet) -> IpNet {
    /// How many bits `::ffff:0:0/96` fixes.
    const MAPPED: u8 = 96;
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= MAPPED => match Ipv6Addr::to_ipv4_mapped(&v6.addr()) {
            Some(address) => mapped(address, v6.prefix_len() - MAPPED).unwrap_or(network),
            None => network,
        },
        other => other,
    }
}

fn mapped(address: Ipv4Addr, length: u8) -> Option<IpNet> {
    Ipv4Net::new(address, length).ok().map(IpNet::V4)
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, network) in self.written.iter().enumerate() {
            if index > 0 {
                f.write_str(" or ")?;
            }
            // A single address is written as one.
            if network.prefix_len() == network.max_prefix_len() {
                network.addr().fmt(f)?;
            } else {
                network.fmt(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks::new(texts.iter().map(|text| Networks::parse_one(text).unwrap()).collect())
    }

    #[test]
    fn addresses_and_networks_of_both_families() {
        let set = networks(&["192.0.2.7", "10.0.0.0/8", "10.1.0.0/16", "2001:db8::/32", "::ffff:198.51.100.0/120"]);
        for (address, inside) in [
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("9.255.255.255", false),
            ("2001:db8::1", true),
            ("2001:db9::1", false),
            ("::ffff:10.0.0.1", true),
            ("198.51.100.9", true),
            ("::1", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), inside, "{address}");
        }
    }

    #[test]
    fn everything_and_nothing() {
        assert!(networks(&["0.0.0.0/0"]).contains("203.0.113.1".parse().unwrap()));
        assert!(!networks(&["0.0.0.0/0"]).contains("2001:db8::1".parse().unwrap()));
        assert!(networks(&["::/0"]).contains("2001:db8::1".parse().unwrap()));
        assert!(!networks(&[]).contains("127.0.0.1".parse().unwrap()));
    }
}
