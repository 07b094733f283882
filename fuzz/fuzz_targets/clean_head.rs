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

fuzz_target!(|bytes: &[u8]| {
    let Some(head) = inspect(bytes) else { return };
    assert!(head.path().raw().starts_with('/'));
    assert!(!head.path().decoded().split('/').any(|segment| segment == ".." || segment == "."));
    let query = head.query().map(|query| format!("?{query}")).unwrap_or_default();
    let again = format!("{} {}{query} HTTP/1.1\r\nhost: {}\r\n\r\n", head.method(), head.path().raw(), head.authority());
    // The rest of the head may hold what makes it a WebSocket; without it the same request is a plain one.
    if let Some(second) = inspect(again.as_bytes()) {
        assert_eq!(second.host(), head.host());
        assert_eq!(second.path().decoded(), head.path().decoded());
        assert_eq!(second.query(), head.query());
    } else {
        panic!("a clean head was refused when written out again: {again:?}");
    }
});
