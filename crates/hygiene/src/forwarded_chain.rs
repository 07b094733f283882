//! Where a request comes from when proxies stand before us: `X-Forwarded-For`, read from the right.
//!
//! Refuses to believe more than was said by somebody who is trusted. An entry that is no plain address ends the reading
//! at the hop before it: what a visitor wrote is never taken for where they are.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName};

pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most proxies that are believed to stand between a visitor and us.
pub const MOST_HOPS: usize = 16;

/// A visitor's address, and the trusted proxies between them and us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForwardedChain {
    client: IpAddr,
    /// The nearest to the visitor first; the last is the other end of the connection.
    hops: Vec<IpAddr>,
}

impl ForwardedChain {
    /// Whoever is at the other end of the connection is the visitor, whatever the request says.
    pub fn direct(peer: IpAddr) -> Self {
        Self { client: peer.to_canonical(), hops: Vec::new() }
    }

    /// Believes the other end of the connection, and each hop after it, as long as `is_trusted` says so of that hop,
    /// and no more than `most` of them. The visitor is the first one who is not trusted; of entries that are all
    /// trusted, the leftmost.
    pub fn behind(headers: &HeaderMap, peer: IpAddr, is_trusted: impl Fn(IpAddr) -> bool, most: usize) -> Self {
        let mut chain = Self::direct(peer);
        let mut entries = from_the_right(headers).take(most.min(MOST_HOPS));
        while is_trusted(chain.client) {
            let Some(Some(address)) = entries.next() else { break };
            chain.hops.push(std::mem::replace(&mut chain.client, address));
        }
        chain.hops.reverse();
        chain
    }

    /// Believes as many entries as there are said to be proxies, whoever wrote them: the visitor is the one at place
    /// `hops` from the right. With fewer entries it is the other end of the connection, as Envoy has it.
    pub fn counted(headers: &HeaderMap, peer: IpAddr, hops: usize) -> Self {
        let chain = Self::behind(headers, peer, |_| true, hops);
        let is_short = from_the_right(headers).take(hops.min(MOST_HOPS)).count() < hops;
        if is_short { Self::direct(peer) } else { chain }
    }

    /// The visitor's address; an IPv4 address is written as one, also on a socket that serves both families.
    pub fn client(&self) -> IpAddr {
        self.client
    }

    /// The trusted proxies, the nearest to the visitor first; the last is the other end of the connection.
    pub fn hops(&self) -> &[IpAddr] {
        &self.hops
    }
}

/// The entries over all lines, the last first: every proxy adds its own behind those that are there, in the same line or
/// in one of its own (RFC 9110 §5.3). None stands for an entry that is no plain address.
fn from_the_right(headers: &HeaderMap) -> impl Iterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b',')).map(address)
}

fn address(entry: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(entry.trim_ascii()).ok()?.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (FORWARDED_FOR, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn ours(address: IpAddr) -> bool {
        matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
    }

    fn told(chain: &ForwardedChain) -> String {
        std::iter::once(chain.client())
            .chain(chain.hops().iter().copied())
            .map(|hop| hop.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn the_client_is_the_first_from_the_right_who_is_not_trusted() {
        for (peer, lines, expected) in [
            ("192.0.2.1", &["1.1.1.1"][..], "192.0.2.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1"], "1.1.1.1 10.0.0.1"),
            ("::ffff:10.0.0.1", &["::ffff:1.1.1.1"], "1.1.1.1 10.0.0.1"),
            ("10.0.0.1", &["6.6.6.6, 1.1.1.1"], "1.1.1.1 10.0.0.1"),
            ("10.0.0.1", &["6.6.6.6 ,1.1.1.1,\t10.0.0.2"], "1.1.1.1 10.0.0.2 10.0.0.1"),
            ("10.0.0.1", &["2001:db8::1"], "2001:db8::1 10.0.0.1"),
            // All of ours: somebody at one of the proxies.
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3 10.0.0.2 10.0.0.1"),
            // Proxies that add a line instead of an entry add it behind.
            ("10.0.0.1", &["6.6.6.6", "1.1.1.1"], "1.1.1.1 10.0.0.1"),
            ("10.0.0.1", &["6.6.6.6, 1.1.1.1", "10.0.0.2"], "1.1.1.1 10.0.0.2 10.0.0.1"),
        ] {
            let chain = ForwardedChain::behind(&headers(lines), ip(peer), ours, MOST_HOPS);
            assert_eq!(told(&chain), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn what_is_no_plain_address_ends_the_reading_at_the_hop_before() {
        for bad in [
            "",
            " ",
            "unknown",
            "_hidden",
            "1.1.1.1:80",
            "[2001:db8::1]",
            "[2001:db8::1]:80",
            "\"1.1.1.1\"",
            "1.1.1",
            "01.1.1.1",
            "1.1.1.1/32",
            "fe80::1%eth0",
            "1.1.1.1;2.2.2.2",
            "1.1.1.1 2.2.2.2",
            "caf\u{e9}",
            "localhost",
        ] {
            let line = headers(&[&format!("6.6.6.6, {bad}, 10.0.0.2")]);
            let chain = ForwardedChain::behind(&line, ip("10.0.0.1"), ours, MOST_HOPS);
            assert_eq!(told(&chain), "10.0.0.2 10.0.0.1", "{bad:?}");
            assert_eq!(told(&ForwardedChain::counted(&line, ip("10.0.0.1"), 2)), "10.0.0.2 10.0.0.1", "{bad:?}");
        }
    }

    #[test]
    fn no_more_hops_are_believed_than_are_allowed() {
        let line = headers(&["6.6.6.6, 1.1.1.1, 10.0.0.3, 10.0.0.2"]);
        for (most, expected) in [
            (0, "10.0.0.1"),
            (1, "10.0.0.2 10.0.0.1"),
            (2, "10.0.0.3 10.0.0.2 10.0.0.1"),
            (9, "1.1.1.1 10.0.0.3 10.0.0.2 10.0.0.1"),
        ] {
            assert_eq!(told(&ForwardedChain::behind(&line, ip("10.0.0.1"), ours, most)), expected, "{most}");
        }
        let endless = headers(&[&vec!["10.0.0.2"; 1000].join(", "), "10.0.0.2"]);
        let chain = ForwardedChain::behind(&endless, ip("10.0.0.1"), ours, usize::MAX);
        assert_eq!(chain.hops().len(), MOST_HOPS);
    }

    #[test]
    fn a_count_of_hops_is_envoys() {
        let line = headers(&["1.1.1.1, 2.2.2.2, 3.3.3.3"]);
        for (hops, expected) in
            [(1, "3.3.3.3 192.0.2.1"), (3, "1.1.1.1 2.2.2.2 3.3.3.3 192.0.2.1"), (4, "192.0.2.1"), (17, "192.0.2.1")]
        {
            assert_eq!(told(&ForwardedChain::counted(&line, ip("192.0.2.1"), hops)), expected, "{hops}");
        }
        assert_eq!(told(&ForwardedChain::counted(&HeaderMap::new(), ip("192.0.2.1"), 1)), "192.0.2.1");
    }

    fn any_hop() -> impl Strategy<Value = String> {
        prop_oneof![
            3 => (0..4_u8).prop_map(|last| format!("10.0.0.{last}")),
            2 => (0..4_u8).prop_map(|last| format!("198.51.100.{last}")),
            1 => "[0-9a-z:.,\\[\\] _\"]{0,12}",
        ]
    }

    proptest! {
        /// Whatever the visitor writes before what the proxies add changes nothing.
        #[test]
        fn a_visitor_cannot_choose(
            claims in prop::collection::vec(any_hop(), 0..6),
            proxies in 1..5_u8,
            own_lines in any::<bool>(),
        ) {
            // The visitor, as the first proxy saw them, then each proxy as the next one saw it.
            let mut added = vec!["203.0.113.9".to_owned()];
            added.extend((2..=proxies).rev().map(|proxy| format!("10.0.0.{proxy}")));
            let lines = if own_lines {
                claims.into_iter().chain(added).collect()
            } else {
                vec![claims.into_iter().chain(added).collect::<Vec<_>>().join(", ")]
            };
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let by_list = ForwardedChain::behind(&headers(&lines), ip("10.0.0.1"), ours, MOST_HOPS);
            let by_count = ForwardedChain::counted(&headers(&lines), ip("10.0.0.1"), proxies.into());
            for chain in [by_list, by_count] {
                prop_assert_eq!(chain.client(), ip("203.0.113.9"));
                prop_assert_eq!(chain.hops().len(), usize::from(proxies));
                prop_assert!(chain.hops().iter().all(|hop| ours(*hop)));
            }
        }

        /// Everybody before the visitor is trusted, and the visitor is not, or nothing stands before them.
        #[test]
        fn the_rule_holds_for_every_line(
            peer in prop_oneof![Just("10.0.0.9"), Just("192.0.2.1")], lines in prop::collection::vec(any_hop(), 0..6),
        ) {
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            let chain = ForwardedChain::behind(&headers(&lines), ip(peer), ours, MOST_HOPS);
            prop_assert!(chain.hops().iter().all(|hop| ours(*hop)));
            let outermost = chain.hops().last().copied().unwrap_or(chain.client());
            prop_assert_eq!(outermost, ip(peer));
        }
    }
}
