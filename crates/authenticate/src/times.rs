//! Points in time, written for people and programs.

use std::time::SystemTime;

use jiff::{Timestamp, Unit};

/// RFC 3339 in UTC, to the second.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time)
        .and_then(|time| time.round(Unit::Second))
        .map_or_else(|_| "unknown".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_to_the_second() {
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_800_000_000_123);
        assert_eq!(rfc3339(time), "2027-01-15T08:00:00Z");
    }
}
