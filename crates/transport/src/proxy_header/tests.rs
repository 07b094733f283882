//! Headers as the specification shows them, and everything that only looks like one.

use std::io;

use super::*;

fn v1(text: &str) -> Result<Told, InvalidProxyHeader> {
    parse_v1(text.as_bytes())
}

fn v2(command: u8, family: u8, rest: &[u8]) -> (Vec<u8>, Result<Told, InvalidProxyHeader>) {
    let mut fixed = SIGNATURE.to_vec();
    fixed.extend([command, family]);
    fixed.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    let told = parse_v2(fixed.first_chunk().unwrap(), rest);
    fixed.extend(rest);
    (fixed, told)
}

const IPV4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 1, 0xbb];

fn ipv6() -> Vec<u8> {
    let source: Ipv6Addr = "2001:db8::7".parse().unwrap();
    [&source.octets()[..], &[0; 16], &[0x12, 0x67, 1, 0xbb]].concat()
}

fn from(text: &str) -> Told {
    Told::From(text.parse().unwrap())
}

#[test]
fn version_1_says_where_from() {
    assert_eq!(v1("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n"), Ok(from("192.0.2.7:4711")));
    assert_eq!(v1("PROXY TCP6 2001:db8::7 ::1 4711 443\r\n"), Ok(from("[2001:db8::7]:4711")));
    let longest = format!("PROXY TCP6 {0} {0} 65535 65535\r\n", ["ffff"; 8].join(":"));
    assert!(longest.len() <= LONGEST_V1 && v1(&longest).is_ok());
    for unknown in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN ffff::1 ffff::1 65535 65535\r\n", "PROXY UNKNOWN \0\r\n"] {
        assert_eq!(v1(unknown), Ok(Told::Itself));
    }
}

#[test]
fn version_1_is_taken_as_it_is_specified_and_no_other_way() {
    for line in [
        "",
        "PROXY \r\n",
        "PROXY\r\n",
        "proxy TCP4 192.0.2.7 10.0.0.1 4711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443 \r\n",
        "PROXY TCP4  192.0.2.7 10.0.0.1 4711 443\r\n",
        "PROXY TCP4\t192.0.2.7 10.0.0.1 4711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443 80\r\n",
        "PROXY TCP4 2001:db8::7 10.0.0.1 4711 443\r\n",
        "PROXY TCP6 192.0.2.7 ::1 4711 443\r\n",
        "PROXY TCP4 192.0.2.07 10.0.0.1 4711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0 4711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 +4711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 04711 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 -1 443\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 x\r\n",
        "PROXY UDP4 192.0.2.7 10.0.0.1 4711 443\r\n",
        "PROXY UNKNOWNX\r\n",
        "PROXY UNKNOWN\n\r\n",
        "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\nPROXY TCP4 192.0.2.8 10.0.0.1 1 2\r\n",
    ] {
        assert!(v1(line).is_err(), "{line:?}");
    }
    assert_eq!(v1(&format!("PROXY UNKNOWN {}\r\n", "x".repeat(100))), Err(InvalidProxyHeader::TooLong));
}

#[test]
fn version_2_says_where_from() {
    assert_eq!(v2(0x21, 0x11, &IPV4).1, Ok(from("192.0.2.7:4711")));
    assert_eq!(v2(0x21, 0x21, &ipv6()).1, Ok(from("[2001:db8::7]:4711")));
    // Extensions follow.
    assert_eq!(v2(0x21, 0x11, &[&IPV4[..], &[0xea, 0, 3, 1, 2, 3]].concat()).1, Ok(from("192.0.2.7:4711")));
    for (command, family, rest) in
        [(0x20, 0x00, &[][..]), (0x20, 0x11, &IPV4[..]), (0x20, 0x99, &[1]), (0x21, 0x00, &[]), (0x21, 0x00, &[1, 2])]
    {
        assert_eq!(v2(command, family, rest).1, Ok(Told::Itself), "{command:x} {family:x}");
    }
}

#[test]
fn version_2_is_taken_as_it_is_specified_and_no_other_way() {
    use InvalidProxyHeader::{Malformed, NotOne, TooLong, Transport};
    for (command, family, rest, expected) in [
        (0x11, 0x11, &IPV4[..], NotOne),
        (0x31, 0x11, &IPV4, NotOne),
        (0x22, 0x11, &IPV4, Malformed),
        (0x21, 0x13, &IPV4, Malformed),
        (0x21, 0x41, &IPV4, Malformed),
        (0x21, 0x11, &IPV4[..11], Malformed),
        (0x21, 0x21, &IPV4, Malformed),
        (0x21, 0x12, &IPV4, Transport),
        (0x21, 0x31, &[0; 216], Transport),
        (0x21, 0x11, &[0; 4081], TooLong),
        (0x20, 0x00, &vec![0; 65535], TooLong),
    ] {
        assert_eq!(v2(command, family, rest).1, Err(expected), "{command:x} {family:x} {}", rest.len());
    }
    assert!(v2(0x21, 0x11, &[0; 4080]).1.is_ok());
    let mut other = v2(0x21, 0x11, &IPV4).0;
    other[0] = b'P';
    assert_eq!(rest_of_v2(other.first_chunk().unwrap()), Err(NotOne));
}

#[tokio::test]
async fn what_follows_the_header_is_left_alone() {
    let line = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n".to_vec();
    for header in [line, b"PROXY UNKNOWN\r\n".to_vec(), v2(0x21, 0x11, &IPV4).0, v2(0x20, 0, &[]).0] {
        for rest in [&b""[..], b"\x16\x03\x01", b"PROXY UNKNOWN\r\n"] {
            let bytes = [&header[..], rest].concat();
            let mut stream = &bytes[..];
            assert!(read(&mut stream).await.is_ok());
            assert_eq!(stream, rest);
        }
        for cut in 0..header.len() {
            assert!(read(&mut &header[..cut]).await.is_err(), "{cut} of {header:?}");
        }
    }
    for none in [&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..], b"PROXY GARBAGE\n", &[b'P'; 200], &[0x16; 200]] {
        assert_eq!(read(&mut &*none).await.unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
    let endless = [&b"PROXY UNKNOWN "[..], &[b'x'; 200]].concat();
    let mut stream = &endless[..];
    assert!(read(&mut stream).await.is_err());
    assert_eq!(stream.len(), endless.len() - LONGEST_V1);
}
