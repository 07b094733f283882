//! Time zones, by the names of the IANA database.
//!
//! Refuses: offsets, abbreviations and whatever else is no name there.

use jiff::tz::TimeZone;

use crate::compile::Compiler;
use crate::raw::{At, nearest};

/// Names that are in the database, but mean one clock all year, or are read as if they did.
const ABBREVIATIONS: [&str; 11] =
    ["CET", "CST6CDT", "EET", "EST", "EST5EDT", "HST", "MET", "MST", "MST7MDT", "PST8PDT", "WET"];

impl Compiler<'_> {
    pub(super) fn zone(&mut self, text: &At<String>) -> Option<TimeZone> {
        let name = text.value.trim();
        if let Some(zone) = TimeZone::get(name).ok().filter(|zone| !zone.is_unknown()) {
            if ABBREVIATIONS.contains(&name.to_ascii_uppercase().as_str()) {
                self.problems.hint(
                    &text.place,
                    "this abbreviation stands for one clock, or is easily taken for one",
                    "Name a city, as in `America/New_York` or `Europe/Berlin`: city names follow daylight saving.",
                );
            }
            return Some(zone);
        }
        // Looking for the nearest name takes its time.
        let meant = if self.problems.are_too_many() { None } else { meant(name) };
        let mend = match meant {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => {
                "Name a city of the IANA database, as in `Europe/Berlin`, or `UTC`: city names follow daylight saving, \
                     offsets and abbreviations do not."
                    .into()
            }
        };
        self.problems.error(&text.place, "`timezone` names no time zone that is known", mend);
        None
    }
}

/// The name that was most likely meant, or the one that ends with the city given.
fn meant(word: &str) -> Option<String> {
    let word = word.replace(' ', "_").to_ascii_lowercase();
    let names: Vec<String> = jiff::tz::db().available().map(|name| name.as_str().to_owned()).collect();
    let city = names.iter().find(|name| {
        name.rsplit_once('/').is_some_and(|(area, city)| area != "Etc" && city.eq_ignore_ascii_case(&word))
    });
    if let Some(name) = city {
        return Some(name.clone());
    }
    if word.len() < 5 {
        return None;
    }
    let lower: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
    let near = nearest(&word, &lower.iter().map(String::as_str).collect::<Vec<_>>())?;
    names.iter().find(|name| name.eq_ignore_ascii_case(near)).cloned()
}
