//! What a policy asks of the time: dates, days of the week, times of the day, and how long ago somebody signed in.
//!
//! All spans include their beginning and leave out their end, so that two that follow each other neither overlap nor
//! leave a gap.

use std::fmt;
use std::time::{Duration, SystemTime};

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

/// Points in time between which a request has to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateRange {
    /// Not before this; `None` for always.
    pub after: Option<Timestamp>,
    /// Before this; `None` for ever.
    pub before: Option<Timestamp>,
}

impl DateRange {
    pub(crate) fn holds(&self, now: SystemTime) -> bool {
        let Ok(now) = Timestamp::try_from(now) else { return false };
        self.after.is_none_or(|after| after <= now) && self.before.is_none_or(|before| now < before)
    }
}

impl fmt::Display for DateRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        span(f, self.after.as_ref(), self.before.as_ref())
    }
}

/// Days of the week, in a time zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// Monday first.
    days: [bool; 7],
    zone: TimeZone,
}

impl Days {
    /// These days there.
    pub fn new(days: impl IntoIterator<Item = Weekday>, zone: TimeZone) -> Self {
        let mut all = [false; 7];
        for day in days {
            if let Some(slot) = all.get_mut(usize::from(day.to_monday_zero_offset().unsigned_abs())) {
                *slot = true;
            }
        }
        Self { days: all, zone }
    }

    pub(crate) fn holds(&self, now: SystemTime) -> bool {
        let Some(now) = zoned(now, &self.zone) else { return false };
        self.has(now.weekday())
    }

    /// Whether this day is one of them.
    pub fn has(&self, day: Weekday) -> bool {
        self.days.get(usize::from(day.to_monday_zero_offset().unsigned_abs())).copied().unwrap_or(false)
    }

    pub(crate) fn found(&self, now: SystemTime) -> String {
        zoned(now, &self.zone).map_or_else(String::new, |now| now.strftime("%A, %H:%M %Q").to_string())
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let names: Vec<_> = NAMES.iter().zip(self.days).filter(|(_, on)| *on).map(|(name, _)| *name).collect();
        write!(f, "{} in {}", names.join(","), zone_name(&self.zone))
    }
}

/// Times of the day between which a request has to come, in a time zone, by the clock on the wall there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeOfDay {
    /// Not before this.
    pub after: Option<Time>,
    /// Before this.
    pub before: Option<Time>,
    /// Where.
    pub zone: TimeZone,
}

impl TimeOfDay {
    pub(crate) fn holds(&self, now: SystemTime) -> bool {
        let Some(now) = zoned(now, &self.zone) else { return false };
        let now = now.time();
        self.after.is_none_or(|after| after <= now) && self.before.is_none_or(|before| now < before)
    }

    pub(crate) fn found(&self, now: SystemTime) -> String {
        zoned(now, &self.zone).map_or_else(String::new, |now| now.strftime("%H:%M:%S %Q").to_string())
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        span(f, self.after.as_ref(), self.before.as_ref())?;
        write!(f, " in {}", zone_name(&self.zone))
    }
}

/// How long ago somebody really signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Age {
    /// At most this long ago.
    pub at_most: Option<Duration>,
    /// At least this long ago.
    pub at_least: Option<Duration>,
}

impl Age {
    pub(crate) fn holds(&self, since: SystemTime, now: SystemTime) -> bool {
        let age = age(since, now);
        self.at_most.is_none_or(|most| age <= most) && self.at_least.is_none_or(|least| age >= least)
    }
}

/// Somebody who signed in at a time that is yet to come did so just now: clocks differ.
pub(crate) fn age(since: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(since).unwrap_or_default()
}

/// A span of time as people say it, to the second.
pub(crate) fn span_of(duration: Duration) -> String {
    let whole = Duration::from_secs(duration.as_secs());
    SignedDuration::try_from(whole).map_or_else(|_| "for ever".to_owned(), |duration| format!("{duration:#}"))
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_most, self.at_least) {
            (Some(most), None) => write!(f, "at_most {}", span_of(most)),
            (None, Some(least)) => write!(f, "at_least {}", span_of(least)),
            (Some(most), Some(least)) => write!(f, "at_most {} and at_least {}", span_of(most), span_of(least)),
            (None, None) => Ok(()),
        }
    }
}

fn zoned(now: SystemTime, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::try_from(now).ok()?.to_zoned(zone.clone()))
}

fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

fn span<T: fmt::Display>(f: &mut fmt::Formatter<'_>, after: Option<&T>, before: Option<&T>) -> fmt::Result {
    match (after, before) {
        (Some(after), Some(before)) => write!(f, "after {after} and before {before}"),
        (Some(after), None) => write!(f, "after {after}"),
        (None, Some(before)) => write!(f, "before {before}"),
        (None, None) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
