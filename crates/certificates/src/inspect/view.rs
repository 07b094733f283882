//! One certificate in words.

use std::fmt::Write as _;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::parsed::Parsed;
use crate::report::{days_until, rfc3339};

/// One certificate of a chain, as people want to read of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CertificateView {
    /// Whom it is for.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The hosts it names.
    pub names: Vec<String>,
    /// The kind of its key: `ECDSA P-256`.
    pub key: String,
    /// Whether it is an authority's.
    pub authority: bool,
    /// From when it is good (RFC 3339).
    pub not_before: String,
    /// Until when.
    pub not_after: String,
    /// Both in words: `expires in 12 days, on 3 December 2026`.
    pub dates: String,
    /// Whole days until its end; below zero when that is past.
    pub days_left: i64,
    /// The SHA-256 of the whole certificate, as browsers show it.
    pub sha256: String,
}

impl CertificateView {
    pub(super) fn of(parsed: &Parsed<'_>, now: SystemTime) -> Self {
        let facts = &parsed.facts;
        Self {
            subject: parsed.subject(),
            issuer: facts.issuer.clone(),
            names: facts.names.clone(),
            key: parsed.key().to_string(),
            authority: parsed.x509.is_ca(),
            not_before: rfc3339(facts.not_before),
            not_after: rfc3339(facts.not_after),
            dates: dates(facts.not_before, facts.not_after, now),
            days_left: days_until(facts.not_after, now),
            sha256: fingerprint(parsed.der),
        }
    }
}

/// Where a certificate is in its time.
pub(super) fn dates(not_before: SystemTime, not_after: SystemTime, now: SystemTime) -> String {
    if now < not_before {
        return format!("not valid before {}, {}", day(not_before), ahead(not_before, now));
    }
    if now > not_after {
        let days = -1 - days_until(not_after, now);
        let ago = match days {
            0 => "less than a day ago".to_owned(),
            1 => "1 day ago".to_owned(),
            days => format!("{days} days ago"),
        };
        return format!("expired {ago}, on {}", day(not_after));
    }
    format!("expires {}, on {}", ahead(not_after, now), day(not_after))
}

fn ahead(then: SystemTime, now: SystemTime) -> String {
    match days_until(then, now) {
        0 => "in less than a day".to_owned(),
        1 => "in 1 day".to_owned(),
        days => format!("in {days} days"),
    }
}

fn day(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(
        |_| "a day beyond all calendars".to_owned(),
        |time| time.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string(),
    )
}

fn fingerprint(der: &[u8]) -> String {
    let mut text = String::new();
    for byte in digest(&SHA256, der).as_ref() {
        if !text.is_empty() {
            text.push(':');
        }
        let _never_fails = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn dates_are_said_as_people_say_them() {
        let at = |hours: u64| UNIX_EPOCH + Duration::from_secs(1_796_083_200 + hours * 3600);
        for (now, expected) in [
            (at(0), "expires in 12 days, on 13 December 2026"),
            (at(11 * 24), "expires in 1 day, on 13 December 2026"),
            (at(11 * 24 + 1), "expires in less than a day, on 13 December 2026"),
            (at(12 * 24 + 1), "expired less than a day ago, on 13 December 2026"),
            (at(13 * 24 + 1), "expired 1 day ago, on 13 December 2026"),
            (at(22 * 24 + 1), "expired 10 days ago, on 13 December 2026"),
        ] {
            assert_eq!(dates(UNIX_EPOCH, at(12 * 24), now), expected);
        }
        assert_eq!(dates(at(48), at(72), at(0)), "not valid before 3 December 2026, in 2 days");
    }
}
