//! Points in time, written for people and programs.

use std::time::SystemTime;

use jiff::{Timestamp, Unit};

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time)
        .and_then(|time| time.round(Unit::Second))
        .map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
}

/// How long ago something was, roughly and in words.
pub(crate) fn ago(time: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(time).unwrap_or_default().as_secs();
    let (count, unit) = match seconds {
        0..60 => return "just now".to_owned(),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_ago_it_was_is_said_in_words() {
        let now = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_800_000_000);
        for (seconds, words) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3599, "59 minutes ago"),
            (3600, "1 hour ago"),
            (86_399, "23 hours ago"),
            (86_400, "1 day ago"),
            (200_000, "2 days ago"),
        ] {
            assert_eq!(ago(now - std::time::Duration::from_secs(seconds), now), words);
        }
        assert_eq!(ago(now + std::time::Duration::from_secs(9), now), "just now", "another replica's clock");
    }

    #[test]
    fn times_are_written_to_the_second() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_800_000_000_123);
        assert_eq!(rfc3339(time), "2027-01-15T08:00:00Z");
    }
}
