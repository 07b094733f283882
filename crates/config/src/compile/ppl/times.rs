//! The criteria about the time: dates, days of the week, times of the day.
//!
//! Refuses: what cannot be read as such, and spans without either end.

use doorward_authorize::{Criterion, DateRange, Days, TimeOfDay};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::clock::{DAYS, days_of, time_of};
use crate::compile::Compiler;
use crate::problem::Place;
use crate::raw::{At, nearest};
use crate::yaml::{Content, Node, shown};

impl Compiler<'_> {
    pub(super) fn date(&mut self, node: &Node) -> Option<Criterion> {
        let mut section = self.block("date", node, "after: 2026-01-01, before: 2026-07-01T18:00:00Z")?;
        let after = self.part(&mut section, "after");
        let before = self.part(&mut section, "before");
        let zone = self.part(&mut section, "timezone");
        section.close("`date`", &[], &mut self.reading());
        let zone = match zone? {
            Some(name) => self.zone(&name)?,
            None => TimeZone::UTC,
        };
        let (after, before) = (after?, before?);
        if after.is_none() && before.is_none() {
            self.neither("date", &node.place, "Write `date: {after: 2026-01-01}`.");
            return None;
        }
        let after = after.map(|text| self.moment("after", &text, &zone));
        let before = before.map(|text| self.moment("before", &text, &zone));
        let (after, before) = (all(after)?, all(before)?);
        Some(Criterion::Date(DateRange { after, before }))
    }

    /// A point in time as ISO 8601 writes it.
    fn moment(&mut self, key: &str, text: &At<String>, zone: &TimeZone) -> Option<Timestamp> {
        let word = text.value.trim();
        let read = if word.contains('[') {
            word.parse::<Zoned>().ok().map(|zoned| zoned.timestamp())
        } else {
            let local = || word.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
            word.parse::<Timestamp>().ok().or_else(local)
        };
        if read.is_none() {
            self.problems.error(
                &text.place,
                format!("`{key}` is no date"),
                "Write it as in `2026-01-31`, `2026-01-31T18:00:00` or `2026-01-31T18:00:00+01:00`.",
            );
        }
        read
    }

    pub(super) fn time_of_day(&mut self, node: &Node) -> Option<Criterion> {
        let mut section =
            self.block("time_of_day", node, "timezone: Europe/Berlin, after: \"9:00\", before: \"17:00\"")?;
        let after = self.part(&mut section, "after");
        let before = self.part(&mut section, "before");
        let zone = self.part(&mut section, "timezone");
        section.close("`time_of_day`", &[], &mut self.reading());
        let Some(zone) = zone? else {
            self.problems.error(
                &node.place,
                "`time_of_day` does not say where: it has no `timezone`",
                "Add the name of a city, as in `timezone: Europe/Berlin`, or `timezone: UTC`.",
            );
            return None;
        };
        let zone = self.zone(&zone)?;
        let (after, before) = (after?, before?);
        if after.is_none() && before.is_none() {
            self.neither(
                "time_of_day",
                &node.place,
                "Write `time_of_day: {timezone: Europe/Berlin, after: \"9:00\"}`.",
            );
            return None;
        }
        let after = after.map(|text| self.clock("after", &text));
        let before = before.map(|text| self.clock("before", &text));
        let (after, before) = (all(after)?, all(before)?);
        Some(Criterion::TimeOfDay(TimeOfDay { after, before, zone }))
    }

    fn clock(&mut self, key: &str, text: &At<String>) -> Option<Time> {
        let read = time_of(text.value.trim());
        if read.is_none() {
            self.problems.error(
                &text.place,
                format!("`{key}` is no time of the day"),
                "Write it as in `17:00`, `17:00:30` or `5 PM`; for the end of the day leave `before` off.",
            );
        }
        read
    }

    fn neither(&mut self, criterion: &str, place: &Place, mend: &str) {
        self.problems.error(place, format!("`{criterion}` has neither `after` nor `before`"), mend);
    }

    pub(super) fn day_of_week(&mut self, node: &Node) -> Option<Criterion> {
        let (text, zone) = match &node.content {
            Content::Map(_) => {
                let mut section = self.block("day_of_week", node, "days: mon-fri, timezone: Europe/Berlin")?;
                let days = self.part(&mut section, "days");
                let zone = self.part(&mut section, "timezone");
                section.close("`day_of_week`", &[], &mut self.reading());
                let zone = match zone? {
                    Some(name) => self.zone(&name)?,
                    None => TimeZone::UTC,
                };
                (days?, zone)
            }
            Content::Scalar(_) => (Some(self.value("day_of_week", node)?), TimeZone::UTC),
            Content::List(_) => {
                self.problems.error(
                    &node.place,
                    "`day_of_week` is one text, but here is a list",
                    "Write the days with commas between them: `day_of_week: mon,tue,fri`, or `mon-fri`.",
                );
                return None;
            }
            Content::Null => (None, TimeZone::UTC),
        };
        let Some(text) = text else {
            self.problems.error(
                &node.place,
                "`day_of_week` does not say which days",
                "Write `day_of_week: mon-fri`, or `day_of_week: {days: mon-fri, timezone: Europe/Berlin}`.",
            );
            return None;
        };
        match days_of(&text.value) {
            Ok(days) => Some(Criterion::DayOfWeek(Days::new(days, zone))),
            Err(word) if word.is_empty() => {
                self.problems.error(
                    &text.place,
                    "`day_of_week` has a comma or a dash without a day beside it",
                    "Write names with commas or dashes between them, as in `mon,wed-fri`, or `*` for every day.",
                );
                None
            }
            Err(word) => {
                let mend = match nearest(&word, &DAYS) {
                    Some(meant) => format!("Did you mean `{meant}`?"),
                    None => {
                        "Write names with commas or dashes between them, as in `mon,wed-fri`, or `*` for every day."
                            .into()
                    }
                };
                self.problems.error(&text.place, format!("`{}` is no day of the week", shown(&word)), mend);
                None
            }
        }
    }
}

/// What is not given is right; what is given has to be.
#[allow(clippy::option_option, reason = "two questions: is it right, and is it given")]
fn all<T>(given: Option<Option<T>>) -> Option<Option<T>> {
    match given {
        Some(read) => read.map(Some),
        None => Some(None),
    }
}
