//! What there is to tell about the certificates in use.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::Serialize;

use crate::LeafFacts;
use crate::names::Served;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// A certificate with less than this left expires soon.
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Where a certificate is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A configured file.
    File,
    /// Ordered from an authority (RFC 8555).
    Acme,
    /// The local authority.
    Local,
}

/// One certificate in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateReport {
    /// The hosts it names.
    pub names: Vec<String>,
    /// Where it is from.
    pub source: Source,
    /// Who issued it.
    pub issuer: String,
    /// From when it is good (RFC 3339).
    pub not_before: String,
    /// Until when.
    pub not_after: String,
    /// The same, in seconds since 1970.
    #[serde(skip)]
    pub ends: i64,
    /// Whole days until its end; below zero when that is past.
    pub days_left: i64,
    /// Whether it ends within 14 days, or, when it was made for less than 30, within the last quarter of its time.
    pub expires_soon: bool,
    /// What the configuration calls it: the path of its file.
    pub label: Option<String>,
}

impl CertificateReport {
    pub(crate) fn of(served: &Served, now: SystemTime) -> Self {
        Self::about(&served.facts, served.source, served.label.clone(), now)
    }

    pub(crate) fn about(facts: &LeafFacts, source: Source, label: Option<String>, now: SystemTime) -> Self {
        Self {
            names: facts.names.clone(),
            source,
            issuer: facts.issuer.clone(),
            not_before: rfc3339(facts.not_before),
            not_after: rfc3339(facts.not_after),
            ends: seconds(facts.not_after),
            days_left: days_until(facts.not_after, now),
            expires_soon: expires_soon(facts.not_before, facts.not_after, now),
            label,
        }
    }
}

/// Whole days from now until then, rounded down: below zero as soon as it is past.
pub(crate) fn days_until(then: SystemTime, now: SystemTime) -> i64 {
    let days = |duration: Duration| i64::try_from(duration.as_secs() / DAY.as_secs()).unwrap_or(i64::MAX);
    match then.duration_since(now) {
        Ok(left) => days(left),
        Err(past) => -1 - days(past.duration()),
    }
}

/// Short-lived certificates are renewed by the half of their time: a warning that is always there is none.
fn expires_soon(not_before: SystemTime, not_after: SystemTime, now: SystemTime) -> bool {
    let lifetime = not_after.duration_since(not_before).unwrap_or_default();
    let soon = if lifetime < DAY * 30 { lifetime / 4 } else { SOON };
    not_after.duration_since(now).unwrap_or_default() < soon
}

/// A time as RFC 3339 writes it, to the second.
fn seconds(time: SystemTime) -> i64 {
    Timestamp::try_from(time).map_or(i64::MAX, Timestamp::as_second)
}

pub(crate) fn rfc3339(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::from("unknown"), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn day(days: u32) -> SystemTime {
        UNIX_EPOCH + DAY * days
    }

    #[test]
    fn soon_is_a_fortnight_or_a_quarter_of_a_short_life() {
        assert!(!expires_soon(day(0), day(90), day(76)));
        assert!(expires_soon(day(0), day(90), day(76) + Duration::from_secs(1)));
        assert!(expires_soon(day(0), day(90), day(100)));
        assert!(!expires_soon(day(0), day(8), day(6)), "a certificate of eight days with two left");
        assert!(expires_soon(day(0), day(8), day(7)));
    }

    #[test]
    fn days_left_are_whole_and_negative_when_past() {
        assert_eq!(days_until(day(12), day(0)), 12);
        assert_eq!(days_until(day(12), day(0) + Duration::from_secs(1)), 11);
        assert_eq!(days_until(day(0), day(0)), 0);
        assert_eq!(days_until(day(0), day(0) + Duration::from_secs(1)), -1);
        assert_eq!(days_until(day(0), day(2)), -3);
    }
}
