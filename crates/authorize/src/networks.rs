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
    use proptest::prelude::*;

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

    #[test]
    fn the_edges_of_the_address_space_belong_to_their_networks() {
        let halves = networks(&["0.0.0.0/1", "128.0.0.0/1"]);
        let last = networks(&["255.255.255.255", "255.255.255.254/32", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]);
        for (set, address, inside) in [
            (&halves, "0.0.0.0", true),
            (&halves, "127.255.255.255", true),
            (&halves, "128.0.0.0", true),
            (&halves, "255.255.255.255", true),
            (&halves, "::ffff:255.255.255.255", true),
            (&halves, "::", false),
            (&last, "255.255.255.255", true),
            (&last, "255.255.255.254", true),
            (&last, "255.255.255.253", false),
            (&last, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true),
            (&last, "0.0.0.0", false),
        ] {
            assert_eq!(set.contains(address.parse().unwrap()), inside, "{set} / {address}");
        }
    }

    #[test]
    fn mapped_addresses_are_of_ipv4_alone() {
        let all_mapped = networks(&["::ffff:0:0/96"]);
        assert!(all_mapped.contains("192.0.2.1".parse().unwrap()));
        assert!(!all_mapped.contains("::1".parse().unwrap()));
        // Compatible and translated addresses (RFC 4291 §2.5.5.1, RFC 6052) are not mapped ones.
        for address in ["::10.0.0.1", "64:ff9b::10.0.0.1", "2002:a00:1::"] {
            assert!(!networks(&["10.0.0.0/8"]).contains(address.parse().unwrap()), "{address}");
        }
        // A network that is wider than that of mapped addresses is one of IPv6.
        assert!(!networks(&["::/64"]).contains("::ffff:10.0.0.1".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "10",
            "10.0.0",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "10.0.0.256",
            "010.0.0.1",
            "::/129",
            "fe80::1%eth0",
            "10.0.0.1 ",
            "10.0.0.1:80",
            "[::1]",
            "0x7f.1",
            "10.0.0.0/8/8",
            "example.com",
        ] {
            assert_eq!(Networks::parse_one(text), None, "{text:?}");
        }
    }

    /// Addresses that lie close to each other, so that networks touch, overlap and hold each other.
    fn near() -> impl Strategy<Value = IpAddr> {
        let v4 = prop_oneof![0..16_u32, 0x0a00_0000..0x0a00_0010_u32, 0xffff_fff0..=u32::MAX, any::<u32>()];
        prop_oneof![
            v4.clone().prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
            v4.clone().prop_map(|bits| IpAddr::V6(Ipv4Addr::from_bits(bits).to_ipv6_mapped())),
            v4.prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(u128::from(bits)))),
            (0..16_u128).prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(u128::MAX - bits))),
        ]
    }

    fn network() -> impl Strategy<Value = IpNet> {
        (near(), prop_oneof![4 => 0..6_u8, 1 => 0..=128_u8]).prop_map(|(address, free)| {
            let longest = if address.is_ipv4() { 32 } else { 128 };
            IpNet::new(address, longest - free.min(longest)).unwrap()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn bisection_finds_what_asking_each_network_finds(
            written in prop::collection::vec(network(), 0..12), addresses in prop::collection::vec(near(), 1..20),
        ) {
            let set = Networks::new(written.clone());
            for address in addresses {
                let canonical = address.to_canonical();
                let naive = written.iter().any(|network| match (network, canonical) {
                    (IpNet::V4(network), IpAddr::V4(address)) => network.contains(&address),
                    // A network of mapped addresses is one of IPv4; a wider one holds none of them.
                    (IpNet::V6(network), IpAddr::V4(address)) => {
                        network.prefix_len() >= 96 && network.contains(&address.to_ipv6_mapped())
                    }
                    (IpNet::V6(network), IpAddr::V6(address)) => network.contains(&address),
                    (IpNet::V4(_), IpAddr::V6(_)) => false,
                });
                prop_assert_eq!(set.contains(address), naive, "{} / {}", set, address);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-f:./%]{0,40}") {
            if let Some(network) = Networks::parse_one(&text) {
                prop_assert!(Networks::new(vec![network]).contains(network.addr()));
            }
        }
    }
}
