//! Time as the clock on the wall has it.

use super::*;

fn at(text: &str) -> SystemTime {
    text.parse::<Timestamp>().unwrap().into()
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

#[test]
fn office_hours_follow_daylight_saving() {
    let hours = TimeOfDay {
        after: Some(jiff::civil::time(9, 0, 0, 0)),
        before: Some(jiff::civil::time(17, 0, 0, 0)),
        zone: zone("Europe/Berlin"),
    };
    for (moment, open) in [
        // CET, UTC+1.
        ("2026-01-15T08:00:00Z", true),
        ("2026-01-15T07:59:59Z", false),
        ("2026-01-15T15:59:59Z", true),
        ("2026-01-15T16:00:00Z", false),
        // CEST, UTC+2.
        ("2026-07-15T07:00:00Z", true),
        ("2026-07-15T06:59:59Z", false),
        ("2026-07-15T15:00:00Z", false),
        // The day the clocks go forward.
        ("2026-03-29T06:59:59Z", false),
        ("2026-03-29T07:00:00Z", true),
    ] {
        assert_eq!(hours.holds(at(moment)), open, "{moment}");
    }
}

#[test]
fn days_begin_at_midnight_where_they_are() {
    let weekdays = Days::new([Weekday::Monday, Weekday::Friday], zone("Pacific/Auckland"));
    // Sunday noon in UTC is Monday one in the morning there, in summer.
    assert!(weekdays.holds(at("2026-01-18T12:00:00Z")));
    assert!(!weekdays.holds(at("2026-01-18T10:59:59Z")));
    assert_eq!(weekdays.to_string(), "mon,fri in Pacific/Auckland");
}

#[test]
fn dates_include_their_beginning_and_not_their_end() {
    let range = DateRange {
        after: Some("2026-01-01T00:00:00Z".parse().unwrap()),
        before: Some("2027-01-01T00:00:00Z".parse().unwrap()),
    };
    assert!(range.holds(at("2026-01-01T00:00:00Z")) && !range.holds(at("2027-01-01T00:00:00Z")));
    assert!(!range.holds(at("2025-12-31T23:59:59Z")));
}

#[test]
fn ages() {
    let fresh = Age { at_most: Some(Duration::from_secs(60)), at_least: None };
    assert!(fresh.holds(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:01:00Z")));
    assert!(!fresh.holds(at("2026-01-01T00:00:00Z"), at("2026-01-01T00:01:01Z")));
    assert!(fresh.holds(at("2026-01-01T00:00:10Z"), at("2026-01-01T00:00:00Z")), "clocks differ");
}

fn between(after: &str, before: &str, there: &str) -> TimeOfDay {
    TimeOfDay { after: Some(after.parse().unwrap()), before: Some(before.parse().unwrap()), zone: zone(there) }
}

#[test]
fn an_hour_that_does_not_come_holds_nothing_and_one_that_comes_twice_holds_twice() {
    let hours = between("02:00", "03:00", "Europe/Berlin");
    for (moment, open) in [
        // 2026-03-29: from 01:59:59 CET to 03:00 CEST.
        ("2026-03-29T00:59:59Z", false),
        ("2026-03-29T01:00:00Z", false),
        // 2026-10-25: 02:00 CEST, 02:59:59 CEST, 02:00 CET, 02:59:59 CET, 03:00 CET.
        ("2026-10-24T23:59:59Z", false),
        ("2026-10-25T00:00:00Z", true),
        ("2026-10-25T00:59:59Z", true),
        ("2026-10-25T01:00:00Z", true),
        ("2026-10-25T01:59:59Z", true),
        ("2026-10-25T02:00:00Z", false),
    ] {
        assert_eq!(hours.holds(at(moment)), open, "{moment}");
    }
}

#[test]
fn zones_need_not_be_whole_hours_from_utc() {
    for (there, moment, open) in [
        // UTC+5:45.
        ("Asia/Kathmandu", "2026-06-01T03:15:00Z", true),
        ("Asia/Kathmandu", "2026-06-01T03:14:59Z", false),
        // UTC+10:30 in winter and +11 in summer: clocks change by half an hour.
        ("Australia/Lord_Howe", "2026-06-30T22:30:00Z", true),
        ("Australia/Lord_Howe", "2026-06-30T22:29:59Z", false),
        ("Australia/Lord_Howe", "2026-12-31T22:00:00Z", true),
        ("Australia/Lord_Howe", "2026-12-31T21:59:59Z", false),
        // UTC-3:30, and -2:30 in summer.
        ("America/St_Johns", "2026-01-15T12:30:00Z", true),
        ("America/St_Johns", "2026-07-15T11:30:00Z", true),
        ("America/St_Johns", "2026-07-15T11:29:59Z", false),
        // South of the equator the clocks go the other way: UTC-3, all year.
        ("America/Sao_Paulo", "2026-01-15T12:00:00Z", true),
        ("America/Sao_Paulo", "2026-07-15T12:00:00Z", true),
        ("UTC", "2026-07-15T09:00:00Z", true),
    ] {
        assert_eq!(between("09:00", "17:00", there).holds(at(moment)), open, "{there} {moment}");
    }
}

#[test]
fn far_dates_follow_the_rules_known_today() {
    let office = between("09:00", "17:00", "Europe/Berlin");
    assert!(office.holds(at("2200-07-15T07:00:00Z")) && !office.holds(at("2200-07-15T06:59:59Z")));
    assert!(office.holds(at("2200-01-15T08:00:00Z")) && !office.holds(at("2200-01-15T07:59:59Z")));
    assert!(office.holds(at("9999-12-30T08:00:00Z")));
    let ever = DateRange { after: Some(Timestamp::MIN), before: None };
    let last = SystemTime::from(Timestamp::MAX);
    assert!(ever.holds(last) && ever.holds(SystemTime::UNIX_EPOCH) && ever.holds(at("1900-01-01T00:00:00Z")));
    assert!(!DateRange { after: None, before: Some(Timestamp::MAX) }.holds(last), "the end is left out");
    // Behind the end of all calendars nothing is known to hold, and nothing goes wrong.
    let behind = last + Duration::from_secs(2 * 86_400);
    let days = Days::new(Weekday::Monday.cycle_forward().take(7), TimeZone::UTC);
    assert!(!ever.holds(behind) && !office.holds(behind) && !days.holds(behind) && days.holds(last));
    assert_eq!((office.found(behind), days.found(behind)), (String::new(), String::new()));
}

#[test]
fn a_span_that_ends_before_it_begins_never_holds() {
    let night = between("22:00", "06:00", "UTC");
    let nothing = between("09:00", "09:00", "UTC");
    for hour in 0..24 {
        let moment = at(&format!("2026-01-01T{hour:02}:00:00Z"));
        assert!(!night.holds(moment) && !nothing.holds(moment), "{hour}");
    }
    let (after, before) = ("2026-01-02T00:00:00Z".parse().ok(), "2026-01-01T00:00:00Z".parse().ok());
    assert!(!DateRange { after, before }.holds(at("2026-01-01T12:00:00Z")));
}

#[test]
fn days_follow_the_clock_there_across_a_change() {
    let sunday = Days::new([Weekday::Sunday], zone("America/New_York"));
    // 2026-11-01, when the clocks go back: a day of 25 hours.
    for (moment, holds) in [
        ("2026-11-01T03:59:59Z", false),
        ("2026-11-01T04:00:00Z", true),
        ("2026-11-02T04:59:59Z", true),
        ("2026-11-02T05:00:00Z", false),
    ] {
        assert_eq!(sunday.holds(at(moment)), holds, "{moment}");
    }
    assert!(!Days::new([], TimeZone::UTC).holds(at("2026-01-01T00:00:00Z")));
}

#[test]
fn ages_have_two_ends() {
    let window = Age { at_most: Some(Duration::from_secs(60)), at_least: Some(Duration::from_secs(10)) };
    let since = at("2026-01-01T00:00:00Z");
    for (seconds, holds) in [(0, false), (9, false), (10, true), (60, true), (61, false)] {
        assert_eq!(window.holds(since, since + Duration::from_secs(seconds)), holds, "{seconds}");
    }
    assert!(!window.holds(at("2026-01-02T00:00:00Z"), since), "signing in tomorrow is not at least ten seconds ago");
    assert_eq!(window.to_string(), "at_most 1m and at_least 10s");
    assert_eq!(span_of(Duration::MAX), "for ever");
}
