//! `X-Forwarded-For` from the wire: nobody who is not trusted is ever believed, and what a visitor writes before what the
//! proxies add changes nothing.
#![no_main]

use std::net::IpAddr;

use doorward_hygiene::{ForwardedChain, MOST_HOPS};
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

const NAME: HeaderName = HeaderName::from_static("x-forwarded-for");

fn ours(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
}

fuzz_target!(|lines: Vec<Vec<u8>>| {
    let mut headers = HeaderMap::new();
    for line in lines {
        let Ok(value) = HeaderValue::from_bytes(&line) else { return };
        headers.append(NAME, value);
    }
    let peer = IpAddr::from([10, 0, 0, 1]);
    let chain = ForwardedChain::behind(&headers, peer, ours, MOST_HOPS);
    assert!(chain.hops().iter().all(|hop| ours(*hop)) && chain.hops().len() <= MOST_HOPS);
    assert_eq!(chain.hops().last().copied().unwrap_or(chain.client()), peer);
    assert!(ForwardedChain::behind(&headers, [192, 0, 2, 1].into(), ours, MOST_HOPS).hops().is_empty());

    headers.append(NAME, HeaderValue::from_static("203.0.113.9, 10.0.0.2"));
    let chain = ForwardedChain::behind(&headers, peer, ours, MOST_HOPS);
    assert_eq!(chain.client(), IpAddr::from([203, 0, 113, 9]));
    assert_eq!(ForwardedChain::counted(&headers, peer, 2).client(), IpAddr::from([203, 0, 113, 9]));
});
