//! Hashes that are the same on every replica and in every version.

use std::net::IpAddr;

/// Spreads every bit over all of them (the finaliser of `SplitMix64`).
pub(in crate::upstreams) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Of a text (FNV-1a, mixed).
pub(super) fn text(text: &str) -> u64 {
    bytes(text.as_bytes())
}

fn bytes(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// Of a visitor: their session where there is one, else their address.
pub(in crate::upstreams) fn key(session: Option<&str>, client: IpAddr) -> u64 {
    match (session, client) {
        (Some(session), _) => text(session),
        (None, IpAddr::V4(address)) => bytes(&address.octets()),
        (None, IpAddr::V6(address)) => bytes(&address.octets()),
    }
}
