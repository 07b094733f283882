//! What criteria say together: what can never hold, and what holds always.

use doorward_authorize::{Criterion, DateRange, Networks, TimeOfDay};

use super::texts::{
    all_hold, contradict, cover, domain_of, folded, list_matcher_of, lists_contradict, lists_cover, matcher_of, only,
};

/// Whether it holds for nobody and of nothing, by itself. [`Criterion::Reject`] is meant to.
pub(super) fn is_impossible(criterion: &Criterion) -> bool {
    match criterion {
        Criterion::Date(range) => is_empty(range.after, range.before),
        Criterion::TimeOfDay(time) => is_empty(time.after, time.before) || begins_the_day(time.before),
        Criterion::AuthenticationAge(age) => {
            matches!((age.at_least, age.at_most), (Some(least), Some(most)) if least > most)
        }
        Criterion::DayOfWeek(days) => days.to_string().starts_with(" in "),
        other => {
            matcher_of(other).is_some_and(|matcher| contradict(&[matcher]))
                || list_matcher_of(other).is_some_and(|matcher| lists_contradict(&[matcher]))
        }
    }
}

/// Whether the two never hold together.
pub(super) fn exclude_each_other(one: &Criterion, other: &Criterion) -> bool {
    match (one, other) {
        (Criterion::Email(email), Criterion::Domain(domain)) | (Criterion::Domain(domain), Criterion::Email(email)) => {
            only(email).is_some_and(|addresses| {
                let mut domains = addresses.iter().filter_map(|address| domain_of(address)).peekable();
                domains.peek().is_some() && !domains.any(|of| all_hold(domain, &folded(domain.case(), of)))
            })
        }
        (Criterion::Websocket(one), Criterion::Websocket(other)) => one != other,
        (Criterion::CorsPreflight, Criterion::HttpMethod(method))
        | (Criterion::HttpMethod(method), Criterion::CorsPreflight) => {
            !all_hold(method, &folded(method.case(), "OPTIONS"))
        }
        (Criterion::Date(one), Criterion::Date(other)) => {
            is_empty(one.after.max(other.after), earlier(one.before, other.before))
        }
        (Criterion::TimeOfDay(one), Criterion::TimeOfDay(other)) if one.zone == other.zone => {
            is_empty(one.after.max(other.after), earlier(one.before, other.before))
        }
        (Criterion::AuthenticationAge(one), Criterion::AuthenticationAge(other)) => {
            let (least, most) = (one.at_least.max(other.at_least), earlier(one.at_most, other.at_most));
            matches!((least, most), (Some(least), Some(most)) if least > most)
        }
        (Criterion::DayOfWeek(one), Criterion::DayOfWeek(other)) => {
            days_apart(&one.to_string(), &other.to_string()).unwrap_or(false)
        }
        (Criterion::SourceIp(one), Criterion::SourceIp(other)) => are_apart(one, other),
        _ if !ask_the_same(one, other) => false,
        _ => match (matcher_of(one), matcher_of(other)) {
            (Some(one), Some(other)) => contradict(&[one, other]),
            _ => match (list_matcher_of(one), list_matcher_of(other)) {
                (Some(one), Some(other)) => lists_contradict(&[one, other]),
                _ => false,
            },
        },
    }
}

/// Whether one of the two always holds: of everybody it is asked of, where it is asked of a person.
pub(super) fn leave_nothing_out(one: &Criterion, other: &Criterion) -> bool {
    match (one, other) {
        (Criterion::Websocket(one), Criterion::Websocket(other)) => one != other,
        (Criterion::TimeOfDay(one), Criterion::TimeOfDay(other)) if one.zone == other.zone => {
            let meets = |one: &TimeOfDay, other: &TimeOfDay| meet((one.after, one.before), (other.after, other.before));
            meets(one, other) || meets(other, one)
        }
        (Criterion::Date(one), Criterion::Date(other)) => {
            let meets = |one: &DateRange, other: &DateRange| meet((one.after, one.before), (other.after, other.before));
            meets(one, other) || meets(other, one)
        }
        _ if !ask_the_same(one, other) => false,
        _ => match (matcher_of(one), matcher_of(other)) {
            (Some(one), Some(other)) => cover(one, other),
            _ => match (list_matcher_of(one), list_matcher_of(other)) {
                (Some(one), Some(other)) => lists_cover(one, other),
                _ => false,
            },
        },
    }
}

/// Whether `broad` holds wherever `narrow` does, and elsewhere too.
pub(super) fn is_part_of(narrow: &Criterion, broad: &Criterion) -> bool {
    let within = match (narrow, broad) {
        (_, Criterion::Accept) => true,
        (narrow, Criterion::AuthenticatedUser) => narrow.is_about_a_person(),
        (Criterion::Email(email), Criterion::Domain(domain)) => only(email).is_some_and(|addresses| {
            let within =
                |address: &&str| domain_of(address).is_some_and(|of| all_hold(domain, &folded(domain.case(), of)));
            !addresses.is_empty() && addresses.iter().all(within)
        }),
        (Criterion::SourceIp(narrow), Criterion::SourceIp(broad)) => {
            let within = |one| broad.written().iter().any(|other| other.contains(one));
            !narrow.written().is_empty() && narrow.written().iter().all(within)
        }
        _ if !ask_the_same(narrow, broad) => false,
        _ => match (matcher_of(narrow), matcher_of(broad)) {
            (Some(narrow), Some(broad)) if narrow.case() == broad.case() => only(narrow)
                .is_some_and(|values| !values.is_empty() && values.iter().all(|value| all_hold(broad, value))),
            _ => false,
        },
    };
    // Last, since lists may be long.
    within && narrow != broad
}

/// Whether both ask of the same thing.
pub(super) fn ask_the_same(one: &Criterion, other: &Criterion) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other) && one.name() == other.name()
}

fn is_empty<T: PartialOrd>(after: Option<T>, before: Option<T>) -> bool {
    matches!((after, before), (Some(after), Some(before)) if after >= before)
}

/// A day begins at midnight, and nothing of it is before that.
fn begins_the_day(before: Option<impl ToString>) -> bool {
    before.is_some_and(|before| before.to_string() == "00:00:00")
}

fn earlier<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// Whether the first reaches from ever to where the second, which has no end, has begun.
fn meet<T: PartialOrd>(first: (Option<T>, Option<T>), second: (Option<T>, Option<T>)) -> bool {
    match (first, second) {
        ((None, Some(before)), (Some(after), None)) => after <= before,
        _ => false,
    }
}

/// Whether two sets of days have none in common, where they speak of the same time zone.
fn days_apart(one: &str, other: &str) -> Option<bool> {
    let ((one, zone), (other, of)) = (one.split_once(" in ")?, other.split_once(" in ")?);
    Some(zone == of && !one.split(',').any(|day| other.split(',').any(|same| same == day)))
}

fn are_apart(one: &Networks, other: &Networks) -> bool {
    let (one, other) = (one.written(), other.written());
    let meet = one.iter().any(|a| other.iter().any(|b| a.contains(b) || b.contains(a)));
    !one.is_empty() && !other.is_empty() && !meet
}
