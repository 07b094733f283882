//! Days of the week and times of the day, as people write them.
//!
//! Refuses: every word and number that is none.

use jiff::civil::{Time, Weekday};

/// The days by their names, Monday first.
pub(super) const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// The days a text names, or the word that names none.
pub(super) fn days_of(text: &str) -> Result<Vec<Weekday>, String> {
    if text.trim() == "*" {
        return (0..7)
            .map(|offset| Weekday::from_monday_zero_offset(offset).map_err(|error| error.to_string()))
            .collect();
    }
    let mut days = Vec::new();
    for part in text.split(',').map(str::trim) {
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (day_of(first)?, day_of(last)?);
                days.extend(first.cycle_forward().take(usize::from(first.until(last).unsigned_abs()) + 1));
            }
            None => days.push(day_of(part)?),
        }
        // More than the week has cannot be meant; and a text is no longer than it is.
        if days.len() > 1000 {
            return Err(part.to_owned());
        }
    }
    Ok(days)
}

fn day_of(word: &str) -> Result<Weekday, String> {
    let lower = word.trim().to_ascii_lowercase();
    let at = DAYS.iter().position(|day| *day == lower || (lower.len() == 3 && day.starts_with(&lower)));
    let offset = at.and_then(|at| i8::try_from(at).ok()).ok_or_else(|| word.trim().to_owned())?;
    Weekday::from_monday_zero_offset(offset).map_err(|error| error.to_string())
}

/// A time of the day in any of the ways Pomerium reads: `15:04`, `15:04:05`, `15:04:05.999999999`, `3:04 PM`, `3:04PM`,
/// `3 PM`, `3PM`.
pub(super) fn time_of(text: &str) -> Option<Time> {
    let upper = text.to_ascii_uppercase();
    let (clock, noon) = if let Some(clock) = upper.strip_suffix("AM") {
        (clock.trim_end(), Some(0))
    } else if let Some(clock) = upper.strip_suffix("PM") {
        (clock.trim_end(), Some(12))
    } else {
        (upper.as_str(), None)
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hour, minute, second) = match (parts.as_slice(), noon) {
        ([hour], Some(_)) => (*hour, "00", "00"),
        ([hour, minute], _) => (*hour, *minute, "00"),
        ([hour, minute, second], None) => (*hour, *minute, *second),
        _ => return None,
    };
    let hour = match (number(hour, 1..=2)?, noon) {
        (hour @ 1..=12, Some(noon)) => hour % 12 + noon,
        (_, Some(_)) => return None,
        (hour, None) => hour,
    };
    let (second, fraction) =
        second.split_once('.').map_or((second, None), |(second, fraction)| (second, Some(fraction)));
    let nanosecond = match fraction {
        Some(digits) => {
            number(digits, 1..=9)?;
            format!("{digits:0<9}").parse().ok()?
        }
        None => 0,
    };
    let small = |number: i32| i8::try_from(number).ok();
    Time::new(small(hour)?, small(number(minute, 2..=2)?)?, small(number(second, 2..=2)?)?, nanosecond).ok()
}

/// A number of so many digits.
fn number(text: &str, digits: std::ops::RangeInclusive<usize>) -> Option<i32> {
    (digits.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use doorward_authorize::Days;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn times_are_read_in_every_way_pomerium_reads_them() {
        for (text, expected) in [
            ("3:04 PM", "15:04:00"),
            ("3:04PM", "15:04:00"),
            ("3 PM", "15:00:00"),
            ("3PM", "15:00:00"),
            ("3pm", "15:00:00"),
            ("12 AM", "00:00:00"),
            ("12:30 PM", "12:30:00"),
            ("15:04", "15:04:00"),
            ("9:04", "09:04:00"),
            ("15:04:05", "15:04:05"),
            ("15:04:05.5", "15:04:05.5"),
            ("23:59:59.999999999", "23:59:59.999999999"),
        ] {
            assert_eq!(time_of(text).unwrap().to_string(), expected, "{text}");
        }
        for text in [
            "",
            "24:00",
            "15",
            "15:4",
            "13 PM",
            "0 AM",
            "3:04:05 PM",
            "15:04:60",
            "15:04:05.",
            "-1:00",
            "１５:04",
            "PM",
            "1:00:00.1234567890",
        ] {
            assert_eq!(time_of(text), None, "{text}");
        }
    }

    #[test]
    fn days_are_lists_and_ranges_that_may_wrap() {
        let names = |text: &str| Days::new(days_of(text).unwrap(), TimeZone::UTC).to_string();
        for (text, expected) in [
            ("*", "mon,tue,wed,thu,fri,sat,sun in UTC"),
            ("mon,wed-fri", "mon,wed,thu,fri in UTC"),
            ("Sunday", "sun in UTC"),
            ("fri-MON", "mon,fri,sat,sun in UTC"),
            ("tue - tue", "tue in UTC"),
            ("Saturday, sun", "sat,sun in UTC"),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
        for (text, word) in [
            ("", ""),
            ("mon,", ""),
            ("mon-", ""),
            ("tues", "tues"),
            ("mon-fri-sat", "fri-sat"),
            ("*,mon", "*"),
            ("m", "m"),
        ] {
            assert_eq!(days_of(text), Err(word.to_owned()), "{text}");
        }
    }
}
