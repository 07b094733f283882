//! Spans of time as Go writes them: `30s`, `1h30m`, `1.5h`, `500ms`.

use std::time::Duration;

use crate::Limit;

/// The longest span, in hours: ten years.
const LONGEST_HOURS: f64 = 87_600.0;

/// A span as it was written, for keys where zero is not the same as no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// This long, perhaps no time at all.
    Lasts(Duration),
    /// `never`.
    Never,
}

/// Parses a span. `never` and zero both mean no limit.
pub(crate) fn parse(text: &str) -> Result<Limit, &'static str> {
    parse_span(text).map(|span| match span {
        Span::Lasts(duration) => Limit::from(duration),
        Span::Never => Limit::Never,
    })
}

/// Parses a span, and tells `never` from zero.
pub(crate) fn parse_span(text: &str) -> Result<Span, &'static str> {
    let text = text.trim();
    match text {
        "" => return Err("nothing is given"),
        "0" => return Ok(Span::Lasts(Duration::ZERO)),
        "never" => return Ok(Span::Never),
        _ => {}
    }
    if text.starts_with('-') {
        return Err("it is negative");
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or("it has no unit")?;
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| "it has no number before a unit")?;
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        seconds += number * unit_in_seconds(unit)?;
        rest = after;
    }
    if seconds > LONGEST_HOURS * 3600.0 {
        return Err("it is longer than ten years");
    }
    Duration::try_from_secs_f64(seconds).map(Span::Lasts).map_err(|_| "it is out of range")
}

fn unit_in_seconds(unit: &str) -> Result<f64, &'static str> {
    match unit {
        "ns" => Ok(1e-9),
        "us" | "µs" | "μs" => Ok(1e-6),
        "ms" => Ok(1e-3),
        "s" => Ok(1.0),
        "m" => Ok(60.0),
        "h" => Ok(3600.0),
        "d" | "w" | "y" => Err("the longest unit is the hour, `h`"),
        _ => Err("its unit is none of h, m, s, ms, us, ns"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_spans_are_read() {
        for (text, millis) in
            [("30s", 30_000), ("1h30m", 5_400_000), ("500ms", 500), ("1.5h", 5_400_000), ("1m0.5s", 60_500)]
        {
            assert_eq!(parse(text), Ok(Limit::After(Duration::from_millis(millis))), "{text}");
        }
        for text in ["0", "0s", "never", "0h0m"] {
            assert_eq!(parse(text), Ok(Limit::Never), "{text}");
        }
    }

    #[test]
    fn never_is_told_from_zero() {
        assert_eq!(parse_span("never"), Ok(Span::Never));
        for text in ["0", "0s", "+0m0s"] {
            assert_eq!(parse_span(text), Ok(Span::Lasts(Duration::ZERO)), "{text}");
        }
    }

    #[test]
    fn other_spans_are_refused() {
        for text in ["", "30", "s", "1d", "-5s", "5 s", "1..5s", ".s", "1h30", "99999999h", "1e9s", "∞", "5S"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
