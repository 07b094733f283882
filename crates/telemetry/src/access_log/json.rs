//! One line of the access log as JSON, written by hand.
//!
//! It is made for every request: a serializer that knows nothing of its shape took more instructions than deciding the
//! request did. What comes from outside is escaped as RFC 8259 §7 has it, so that no path ends a line or adds a member.

use std::cell::Cell;
use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{AccessLine, DecidingRule};

/// How long a date and a time of day are, to the second: `2026-01-31T23:59:59`.
const SECOND: usize = 19;

thread_local! {
    /// The second that a line was last written in, and its text: most lines share theirs with the one before.
    static LAST: Cell<(u64, [u8; SECOND])> = const { Cell::new((u64::MAX, [0; SECOND])) };
}

/// Writes the line of a request that was answered at this time, with the end of the line.
pub(super) fn write(text: &mut Vec<u8>, line: &AccessLine<'_>, now: SystemTime) {
    text.extend_from_slice(b"{\"timestamp\":\"");
    timestamp(text, now);
    text.extend_from_slice(b"\",\"level\":\"INFO\",\"message\":\"request\"");
    member(text, b",\"request-id\":\"", line.request_id);
    member(text, b",\"method\":\"", line.method);
    member(text, b",\"host\":\"", line.host);
    member(text, b",\"path\":\"", line.path);
    member(text, b",\"protocol\":\"", line.protocol);
    text.extend_from_slice(b",\"status\":");
    number(text, line.status.into(), 1);
    text.extend_from_slice(b",\"duration-ms\":");
    milliseconds(text, line.duration);
    text.extend_from_slice(b",\"client\":\"");
    address(text, line.client);
    text.push(b'"');
    optional(text, b",\"route\":\"", line.route);
    optional(text, b",\"user\":\"", line.user);
    optional(text, b",\"decision\":\"", line.decision);
    optional(text, b",\"reason\":\"", line.reason);
    match line.rule {
        None => {}
        Some(DecidingRule::NoneHeld) => text.extend_from_slice(b",\"rule\":\"none\""),
        Some(DecidingRule::Number(rule)) => {
            text.extend_from_slice(b",\"rule\":\"");
            number(text, rule as u64, 1);
            text.push(b'"');
        }
    }
    if let Some(line) = line.rule_line {
        text.extend_from_slice(b",\"rule-line\":");
        number(text, line.into(), 1);
    }
    optional(text, b",\"shadow-decision\":\"", line.shadow_decision);
    optional(text, b",\"shadow-reason\":\"", line.shadow_reason);
    optional(text, b",\"upstream\":\"", line.upstream);
    optional(text, b",\"user-agent\":\"", line.user_agent);
    if line.websocket {
        text.extend_from_slice(b",\"websocket\":true");
    }
    text.extend_from_slice(b"}\n");
}

fn optional(text: &mut Vec<u8>, name: &[u8], value: Option<&str>) {
    if let Some(value) = value {
        member(text, name, value);
    }
}

/// `name` brings the comma before it, the colon, and the quotation mark that opens the value.
fn member(text: &mut Vec<u8>, name: &[u8], value: &str) {
    text.extend_from_slice(name);
    let bytes = value.as_bytes();
    // Nearly always there is nothing to escape; looking at all of it takes fewer instructions than stopping early.
    if bytes.iter().fold(true, |plain, byte| plain & is_plain(*byte)) {
        text.extend_from_slice(bytes);
    } else {
        escaped(text, bytes);
    }
    text.push(b'"');
}

fn is_plain(byte: u8) -> bool {
    byte >= b' ' && byte != b'"' && byte != b'\\'
}

#[cold]
fn escaped(text: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend_from_slice(&[b'\\', *byte]),
            plain if is_plain(*plain) => text.push(*plain),
            control => {
                text.extend_from_slice(b"\\u00");
                for half in [control >> 4, control & 15] {
                    text.extend(DIGITS.get(usize::from(half)));
                }
            }
        }
    }
}

/// The time in UTC, to the microsecond (RFC 3339).
fn timestamp(text: &mut Vec<u8>, now: SystemTime) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut written) = LAST.get();
    if second != since.as_secs() {
        second = since.as_secs();
        written = whole_second(second);
        LAST.set((second, written));
    }
    text.extend_from_slice(&written);
    text.push(b'.');
    number(text, since.subsec_micros().into(), 6);
    text.push(b'Z');
}

fn whole_second(second: u64) -> [u8; SECOND] {
    let time = i64::try_from(second).ok().and_then(|second| jiff::Timestamp::from_second(second).ok());
    let text = time.unwrap_or_default().to_string();
    text.as_bytes().first_chunk().copied().unwrap_or(*b"1970-01-01T00:00:00")
}

/// Three decimals: a microsecond is as fine as anybody reads.
fn milliseconds(text: &mut Vec<u8>, duration: Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    number(text, micros / 1000, 1);
    text.push(b'.');
    number(text, micros % 1000, 3);
}

fn address(text: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            for (place, part) in address.octets().into_iter().enumerate() {
                if place > 0 {
                    text.push(b'.');
                }
                number(text, part.into(), 1);
            }
        }
        // Writing to memory never fails.
        IpAddr::V6(address) => drop(write!(text, "{address}")),
    }
}

/// A number with at least so many digits.
fn number(text: &mut Vec<u8>, mut number: u64, least: usize) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        if number == 0 {
            break;
        }
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        first = place;
    }
    let first = first.min(digits.len().saturating_sub(least));
    text.extend_from_slice(digits.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> AccessLine<'static> {
        AccessLine {
            request_id: "abc",
            method: "GET",
            host: "code.example.test:8443",
            path: "/x",
            protocol: "HTTP/1.1",
            status: 403,
            duration: Duration::from_micros(1_234_056),
            client: "192.0.2.10".parse().unwrap(),
            route: None,
            user: None,
            decision: None,
            reason: None,
            rule: None,
            rule_line: None,
            shadow_decision: None,
            shadow_reason: None,
            upstream: None,
            user_agent: None,
            websocket: false,
        }
    }

    fn at(micros: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(micros)
    }

    fn written(line: &AccessLine<'_>, now: SystemTime) -> String {
        let mut text = Vec::new();
        write(&mut text, line, now);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn every_member_stands_in_its_place() {
        let line = AccessLine {
            route: Some("code"),
            user: Some("eve@example.com"),
            decision: Some("deny"),
            reason: Some("email-unauthorized"),
            rule: Some(DecidingRule::Number(12)),
            rule_line: Some(140),
            shadow_decision: Some("allow"),
            shadow_reason: Some("groups-ok"),
            upstream: Some("http://10.0.0.1:8080"),
            user_agent: Some("curl"),
            websocket: true,
            client: "2001:db8::1".parse().unwrap(),
            ..line()
        };
        assert_eq!(
            written(&line, at(1_800_000_000_000_042)),
            "{\"timestamp\":\"2027-01-15T08:00:00.000042Z\",\"level\":\"INFO\",\"message\":\"request\",\
             \"request-id\":\"abc\",\"method\":\"GET\",\"host\":\"code.example.test:8443\",\"path\":\"/x\",\
             \"protocol\":\"HTTP/1.1\",\"status\":403,\"duration-ms\":1234.056,\"client\":\"2001:db8::1\",\
             \"route\":\"code\",\"user\":\"eve@example.com\",\"decision\":\"deny\",\"reason\":\"email-unauthorized\",\
             \"rule\":\"12\",\"rule-line\":140,\"shadow-decision\":\"allow\",\"shadow-reason\":\"groups-ok\",\
             \"upstream\":\"http://10.0.0.1:8080\",\"user-agent\":\"curl\",\"websocket\":true}\n"
        );
    }

    #[test]
    fn what_is_not_known_is_not_said() {
        let text = written(&line(), at(0));
        assert!(text.ends_with(",\"duration-ms\":1234.056,\"client\":\"192.0.2.10\"}\n"), "{text}");
    }

    #[test]
    fn a_reader_finds_every_text_as_it_was() {
        for evil in [
            "/a\n{\"status\":200}",
            "\",\"user\":\"root",
            "\\",
            "\\\"",
            "\u{1b}[2J\u{0}\u{1f}\r\t\u{7f}",
            "caf\u{e9} \u{1f980} \u{2028}",
            "",
        ] {
            let text = written(&AccessLine { path: evil, user: Some(evil), user_agent: Some(evil), ..line() }, at(7));
            assert_eq!(text.lines().count(), 1, "{text:?}");
            let value: serde_json::Value = serde_json::from_str(&text).unwrap();
            for name in ["path", "user", "user-agent"] {
                assert_eq!(value[name], evil, "{name} in {text}");
            }
            assert_eq!(value["status"], 403);
        }
    }

    #[test]
    fn time_goes_on_and_numbers_are_whole() {
        for (micros, expected) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (999_999, "1970-01-01T00:00:00.999999Z"),
            (1_000_000, "1970-01-01T00:00:01.000000Z"),
            (1_709_164_800_500_000, "2024-02-29T00:00:00.500000Z"),
        ] {
            let value: serde_json::Value = serde_json::from_str(&written(&line(), at(micros))).unwrap();
            assert_eq!(value["timestamp"], expected);
        }
        let before = UNIX_EPOCH.checked_sub(Duration::from_secs(1)).unwrap();
        assert!(written(&line(), before).contains("1970-01-01T00:00:00.000000Z"));
        for (value, expected) in [(0, "0"), (7, "7"), (10, "10"), (u64::MAX, "18446744073709551615")] {
            let mut text = Vec::new();
            number(&mut text, value, 1);
            assert_eq!(String::from_utf8(text).unwrap(), expected);
        }
    }
}
