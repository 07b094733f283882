//! Headers: nothing a visitor could speak for us with survives, however it is written.
#![no_main]

use doorward_hygiene::headers;
use http::{HeaderMap, HeaderName, HeaderValue};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|fields: Vec<(&str, &[u8])>| {
    let mut map = HeaderMap::new();
    for (name, value) in fields.iter().take(64) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_bytes(value)) {
            map.append(name, value);
        }
    }
    let named: Vec<String> = map
        .get_all("connection")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    headers::strip_hop_by_hop(&mut map);
    headers::strip_reserved(&mut map);
    headers::strip_cookies(&mut map, "doorward");
    for name in map.keys() {
        assert!(!named.iter().any(|hop| hop == name.as_str()), "{name} was named hop-by-hop");
        assert!(!headers::is_reserved(name), "{name}");
    }
    assert!(map.get_all("cookie").iter().count() <= 1);
});
