//! Headers of the PROXY protocol from the wire, both versions: refused or read, within their sizes, and never past their end.
#![no_main]

use doorward_transport::proxy_header::{LONGEST_V1, LONGEST_V2, Told, parse_v1, parse_v2, rest_of_v2};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(told) = parse_v1(bytes) {
        assert!(bytes.len() <= LONGEST_V1 && bytes.ends_with(b"\r\n"));
        assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1);
        if let Told::From(address) = told {
            // What was read says the same again.
            let (family, ip, port) = (if address.is_ipv4() { 4 } else { 6 }, address.ip(), address.port());
            let again = format!("PROXY TCP{family} {ip} {ip} {port} 443\r\n");
            assert_eq!(parse_v1(again.as_bytes()), Ok(told));
        }
    }
    let Some((fixed, rest)) = bytes.split_first_chunk::<16>() else { return };
    if let Ok(told) = parse_v2(fixed, rest) {
        assert_eq!(rest_of_v2(fixed), Ok(rest.len()));
        assert!(bytes.len() <= LONGEST_V2);
        if let Told::From(address) = told {
            assert!(rest.len() >= if address.is_ipv4() { 12 } else { 36 });
        }
    }
});
