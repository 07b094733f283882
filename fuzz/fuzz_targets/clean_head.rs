//! A request head from the wire: whatever passes names one host and one path, and says the same facts again
//! when it is written out and read once more.
#![no_main]

use doorward_hygiene::{ArrivedOn, CleanHead, ForwardedChain};
use http::Request;
use libfuzzer_sys::fuzz_target;

fn inspect(bytes: &[u8]) -> Option<CleanHead> {
    let mut fields = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut fields);
    if !parsed.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let mut request = Request::builder().method(parsed.method?).uri(parsed.path?);
    for field in parsed.headers.iter() {
        request = request.header(field.name, field.value);
    }
    let (parts, ()) = request.body(()).ok()?.into_parts();
    let arrived = ArrivedOn { client: ForwardedChain::direct([192, 0, 2, 1].into()), sni: None, over_tls: false };
    CleanHead::inspect(parts, &arrived).ok()
}

/// The head as it would be sent on: every line of it, and the host where it belongs.
fn written(head: CleanHead) -> Vec<u8> {
    let (method, authority) = (head.method().clone(), head.authority().to_string());
    let mut bytes = format!("{method} {} HTTP/1.1\r\nhost: {authority}\r\n", head.path_and_query()).into_bytes();
    for (name, value) in head.headers().iter().filter(|(name, _)| *name != http::header::HOST) {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    let Some(head) = inspect(bytes) else { return };
    assert!(head.path().raw().starts_with('/'));
    for reading in head.path().readings() {
        assert!(!reading.split('/').any(|segment| segment == ".." || segment == "."));
    }
    let (method, authority, path) = (head.method().clone(), head.authority().clone(), head.path().clone());
    let (query, upgrades) = (head.query().map(str::to_owned), head.upgrade().is_some());
    let again = written(head);
    let Some(second) = inspect(&again) else {
        panic!("a clean head was refused when written out again: {:?}", again.escape_ascii().to_string());
    };
    assert_eq!((second.method(), second.authority()), (&method, &authority));
    assert_eq!((second.path(), second.path().decoded()), (&path, path.decoded()));
    assert_eq!((second.query(), second.upgrade().is_some()), (query.as_deref(), upgrades));
    let mut plain = second;
    plain.take_slashes_for_plain().expect("a path is as good with plain slashes");
    assert!(!plain.path().escapes_slashes() && plain.query() == query.as_deref());
});
