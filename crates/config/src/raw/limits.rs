//! The `limits` block, and what routes say of limits.

use std::rc::Rc;

use super::duration::Span;
use super::unsupported::NONE;
use super::{At, Reading, Section};
use crate::problem::Place;
use crate::yaml::Node;

/// `limits`. Counts are numbers, sizes are bytes.
#[derive(Debug, Default)]
pub(crate) struct RawLimits {
    pub(crate) connections: Option<At<u64>>,
    pub(crate) connections_per_address: Option<At<u64>>,
    pub(crate) handshake_timeout: Option<At<Span>>,
    pub(crate) header_bytes: Option<At<Size>>,
    pub(crate) header_count: Option<At<u64>>,
    pub(crate) request_line_bytes: Option<At<Size>>,
    pub(crate) streams_per_connection: Option<At<u64>>,
    pub(crate) resets_per_connection: Option<At<u64>>,
    pub(crate) stalled_write_timeout: Option<At<Span>>,
    pub(crate) requests: Option<At<u64>>,
    pub(crate) max_request_bytes: Option<At<Size>>,
    pub(crate) requests_per_address: Option<At<u64>>,
    pub(crate) tunnels_per_session: Option<At<u64>>,
    pub(crate) sign_ins_per_address: Option<At<u64>>,
    pub(crate) failed_sign_ins: Option<At<u64>>,
    pub(crate) failed_sign_ins_per_address: Option<At<u64>>,
    pub(crate) failed_sign_ins_per_account: Option<At<u64>>,
    pub(crate) failed_sign_ins_within: Option<At<Span>>,
    pub(crate) unknown_sessions_per_address: Option<At<u64>>,
}

/// What a route says of limits, and the top of the file.
#[derive(Debug, Default)]
pub(crate) struct RawRouteLimits {
    pub(crate) max_request_bytes: Option<At<Size>>,
    pub(crate) rates: Option<At<Vec<RawRateLimit>>>,
}

/// One item of `rate_limit`.
#[derive(Debug)]
pub(crate) struct RawRateLimit {
    pub(crate) place: Place,
    pub(crate) requests: Option<At<u64>>,
    pub(crate) per: Option<At<Span>>,
    pub(crate) burst: Option<At<u64>>,
    pub(crate) by: Option<At<String>>,
    /// Whether one of them was given and could not be read.
    pub(crate) is_unreadable: bool,
}

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// So many.
    Bytes(u64),
    /// `never`: any number.
    Any,
}

impl RawLimits {
    pub(super) fn read(top: &mut Section, reading: &mut Reading<'_>) -> Self {
        let Some(mut section) = top.block("limits", reading) else { return Self::default() };
        let limits = Self {
            connections: section.count("connections", reading),
            connections_per_address: section.count("connections_per_address", reading),
            handshake_timeout: section.span("handshake_timeout", reading),
            header_bytes: section.size("header_bytes", reading),
            header_count: section.count("header_count", reading),
            request_line_bytes: section.size("request_line_bytes", reading),
            streams_per_connection: section.count("streams_per_connection", reading),
            resets_per_connection: section.count("resets_per_connection", reading),
            stalled_write_timeout: section.span("stalled_write_timeout", reading),
            requests: section.count("requests", reading),
            requests_per_address: section.count("requests_per_address", reading),
            max_request_bytes: section.size("max_request_bytes", reading),
            tunnels_per_session: section.count("tunnels_per_session", reading),
            sign_ins_per_address: section.count("sign_ins_per_address", reading),
            failed_sign_ins: section.count("failed_sign_ins", reading),
            failed_sign_ins_per_address: section.count("failed_sign_ins_per_address", reading),
            failed_sign_ins_per_account: section.count("failed_sign_ins_per_account", reading),
            failed_sign_ins_within: section.span("failed_sign_ins_within", reading),
            unknown_sessions_per_address: section.count("unknown_sessions_per_address", reading),
        };
        section.close("`limits`", NONE, reading);
        limits
    }
}

impl RawRouteLimits {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self { max_request_bytes: section.size("max_request_bytes", reading), rates: rates(section, reading) }
    }
}

/// `rate_limit`: one block or a list of them.
pub(super) fn rates(section: &mut Section, reading: &mut Reading<'_>) -> Option<At<Vec<RawRateLimit>>> {
    let items = section.blocks("rate_limit", reading)?;
    Some(items.map(|items| items.iter().filter_map(|item| RawRateLimit::read(item, reading)).collect()))
}

impl RawRateLimit {
    fn read(item: &Rc<Node>, reading: &mut Reading<'_>) -> Option<Self> {
        let before = reading.problems.count(crate::Severity::Error);
        let mut section = Section::of(item, "`rate_limit`", reading)?;
        let mut raw = Self {
            place: section.place.clone(),
            requests: section.count("requests", reading),
            per: section.span("per", reading),
            burst: section.count("burst", reading),
            by: section.text("by", reading),
            is_unreadable: false,
        };
        section.close("`rate_limit`", NONE, reading);
        raw.is_unreadable = reading.problems.count(crate::Severity::Error) > before;
        Some(raw)
    }
}

impl Section {
    fn count(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<u64>> {
        let text = self.text(key, reading)?;
        if let Ok(count) = text.value.trim().replace('_', "").parse() {
            return Some(At::new(count, &text.place));
        }
        let (what, mend) = (format!("`{key}` is a whole number"), "Write it with digits alone, as `200`.");
        reading.problems.error(&text.place, what, mend);
        None
    }

    fn size(&mut self, key: &'static str, reading: &mut Reading<'_>) -> Option<At<Size>> {
        let text = self.text(key, reading)?;
        match parse_size(&text.value) {
            Ok(size) => Some(At::new(size, &text.place)),
            Err(reason) => {
                reading.problems.error(
                    &text.place,
                    format!("`{key}` is a number of bytes, but {reason}"),
                    "Write a whole number with its unit, as in `64KiB`, `10MB` or `8GiB`; without one it counts bytes.",
                );
                None
            }
        }
    }
}

/// Parses a number of bytes: `65536`, `64KiB`, `64K`, `10MB`, `8GiB`, `never`.
fn parse_size(text: &str) -> Result<Size, &'static str> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("never") {
        return Ok(Size::Any);
    }
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("it does not begin with one");
    }
    let number: u64 = number.parse().map_err(|_| "it is too large")?;
    let unit: u64 = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "k" | "kib" => 1 << 10,
        "mb" => 1_000_000,
        "m" | "mib" => 1 << 20,
        "gb" => 1_000_000_000,
        "g" | "gib" => 1 << 30,
        "tb" => 1_000_000_000_000,
        "t" | "tib" => 1 << 40,
        _ => return Err("its unit is none of KiB, MiB, GiB, TiB, KB, MB, GB, TB"),
    };
    number.checked_mul(unit).map(Size::Bytes).ok_or("it is too large")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("0", 0),
            ("65536", 65_536),
            ("1b", 1),
            ("64KiB", 65_536),
            ("64 kib", 65_536),
            ("64k", 65_536),
            ("10MB", 10_000_000),
            ("10m", 10 << 20),
            ("8GiB", 8 << 30),
            ("2TB", 2_000_000_000_000),
        ] {
            assert_eq!(parse_size(text), Ok(Size::Bytes(bytes)), "{text}");
        }
        assert_eq!(parse_size("Never"), Ok(Size::Any));
    }

    #[test]
    fn other_sizes_are_refused() {
        for text in ["", "KiB", "-1", "1.5MB", "1e3", "10 apples", "18446744073709551616", "99999999999TiB", "1KiB2"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
