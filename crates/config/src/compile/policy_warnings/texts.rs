//! What tests of texts and of lists say together, found out without evaluating them on requests.

use doorward_authorize::{Case, Criterion, ListMatcher, ListTest, StringMatcher, StringTest, TextSet};

/// More values than this are not tried one by one.
const MOST_TRIED: usize = 2000;

/// What a criterion asks of a text.
pub(super) fn matcher_of(criterion: &Criterion) -> Option<&StringMatcher> {
    match criterion {
        Criterion::User(matcher)
        | Criterion::Email(matcher)
        | Criterion::Domain(matcher)
        | Criterion::IdentityProvider(matcher)
        | Criterion::HttpMethod(matcher)
        | Criterion::HttpPath(matcher)
        | Criterion::HttpHeader { matcher, .. }
        | Criterion::HttpQuery { matcher, .. }
        | Criterion::UserAgent(matcher) => Some(matcher),
        _ => None,
    }
}

/// What a criterion asks of a list.
pub(super) fn list_matcher_of(criterion: &Criterion) -> Option<&ListMatcher> {
    match criterion {
        Criterion::Groups(matcher) | Criterion::Claim { matcher, .. } | Criterion::AuthenticationMethod(matcher) => {
            Some(matcher)
        }
        _ => None,
    }
}

/// Whether all tests hold of a text; it has to be folded already where case does not matter.
pub(super) fn all_hold(matcher: &StringMatcher, value: &str) -> bool {
    matcher.tests().iter().all(|asked| holds(asked, value))
}

fn holds(asked: &StringTest, value: &str) -> bool {
    match asked {
        StringTest::Is(wanted) => value == wanted,
        StringTest::Not(wanted) => value != wanted,
        StringTest::Contains(wanted) => value.contains(wanted.as_str()),
        StringTest::StartsWith(wanted) => value.starts_with(wanted.as_str()),
        StringTest::EndsWith(wanted) => value.ends_with(wanted.as_str()),
        StringTest::In(wanted) => wanted.contains(value),
        StringTest::NotIn(wanted) => !wanted.contains(value),
        StringTest::InPeople(people) => people.members.contains(value),
        StringTest::NotInPeople(people) => !people.members.contains(value),
        StringTest::Matches(pattern) | StringTest::Glob(pattern) => pattern.matches(value),
    }
}

/// The only texts a matcher may hold of, where a test of it names them.
pub(super) fn only(matcher: &StringMatcher) -> Option<Vec<&str>> {
    let named: Vec<&str> = matcher.tests().iter().find_map(|asked| match asked {
        StringTest::Is(text) => Some(vec![text.as_str()]),
        StringTest::In(texts) => listed(texts),
        StringTest::InPeople(people) => listed(&people.members),
        _ => None,
    })?;
    Some(named.into_iter().filter(|value| all_hold(matcher, value)).collect())
}

/// The only texts a matcher does not hold of, where it consists of one test that names them.
pub(super) fn all_but(matcher: &StringMatcher) -> Option<Vec<&str>> {
    match matcher.tests() {
        [StringTest::Not(text)] => Some(vec![text.as_str()]),
        [StringTest::NotIn(texts)] => listed(texts),
        [StringTest::NotInPeople(people)] => listed(&people.members),
        _ => None,
    }
}

fn listed(texts: &TextSet) -> Option<Vec<&str>> {
    (texts.len() <= MOST_TRIED).then(|| texts.iter().collect())
}

/// Whether a matcher only says what a text is not.
pub(super) fn is_negative(matcher: &StringMatcher) -> bool {
    let negative =
        |asked: &StringTest| matches!(asked, StringTest::Not(_) | StringTest::NotIn(_) | StringTest::NotInPeople(_));
    !matcher.tests().is_empty() && matcher.tests().iter().all(negative)
}

/// Whether a list matcher only says what is not in the list.
pub(super) fn is_negative_list(matcher: &ListMatcher) -> bool {
    !matcher.tests().is_empty() && matcher.tests().iter().all(|asked| matches!(asked, ListTest::Exclude(_)))
}

/// Whether no text satisfies all of these.
pub(super) fn contradict(matchers: &[&StringMatcher]) -> bool {
    let Some((first, rest)) = matchers.split_first() else { return false };
    if rest.iter().any(|other| other.case() != first.case()) {
        return false;
    }
    // Of a list that is empty, there is a warning where it is made.
    if matchers.iter().flat_map(|matcher| matcher.tests()).any(names_nobody) {
        return false;
    }
    if let Some(values) = matchers.iter().find_map(|matcher| only(matcher)) {
        return !values.iter().any(|value| matchers.iter().all(|matcher| all_hold(matcher, value)));
    }
    let everything = || matchers.iter().flat_map(|matcher| matcher.tests());
    let begins: Vec<_> = everything()
        .filter_map(|asked| if let StringTest::StartsWith(text) = asked { Some(text) } else { None })
        .collect();
    let ends: Vec<_> = everything()
        .filter_map(|asked| if let StringTest::EndsWith(text) = asked { Some(text) } else { None })
        .collect();
    disagree(&begins, |long, short| long.starts_with(short)) || disagree(&ends, |long, short| long.ends_with(short))
}

fn names_nobody(asked: &StringTest) -> bool {
    match asked {
        StringTest::In(texts) => texts.is_empty(),
        StringTest::InPeople(people) => people.members.is_empty(),
        _ => false,
    }
}

/// Whether two of them cannot be the beginning (or the end) of the same text.
fn disagree(parts: &[&String], fits: impl Fn(&str, &str) -> bool) -> bool {
    let Some(longest) = parts.iter().max_by_key(|part| part.len()) else { return false };
    parts.iter().any(|part| !fits(longest, part))
}

/// Whether every text satisfies one of the two.
pub(super) fn cover(one: &StringMatcher, other: &StringMatcher) -> bool {
    let covered = |one: &StringMatcher, other: &StringMatcher| {
        all_but(one).is_some_and(|values| !values.is_empty() && values.iter().all(|value| all_hold(other, value)))
    };
    one.case() == other.case() && (covered(one, other) || covered(other, one))
}

/// Whether no list satisfies all of these.
pub(super) fn lists_contradict(matchers: &[&ListMatcher]) -> bool {
    let Some((first, rest)) = matchers.split_first() else { return false };
    if rest.iter().any(|other| other.case() != first.case()) {
        return false;
    }
    let everything = || matchers.iter().flat_map(|matcher| matcher.tests());
    // What has to be in the list.
    let has: Vec<&str> = everything()
        .flat_map(|asked| match asked {
            ListTest::Has(text) | ListTest::Is(text) => vec![text.as_str()],
            ListTest::HasAll(texts) => texts.iter().take(MOST_TRIED).collect(),
            _ => Vec::new(),
        })
        .collect();
    everything().any(|asked| match asked {
        ListTest::Is(only) => has.iter().any(|text| text != only),
        ListTest::Exclude(unwanted) => has.iter().any(|text| text == unwanted),
        ListTest::HasAny(wanted) => {
            everything().any(|asked| matches!(asked, ListTest::Is(only) if !wanted.contains(only)))
        }
        _ => false,
    })
}

/// Whether every list satisfies one of the two.
pub(super) fn lists_cover(one: &ListMatcher, other: &ListMatcher) -> bool {
    one.case() == other.case()
        && matches!(
            (one.tests(), other.tests()),
            ([ListTest::Has(with)], [ListTest::Exclude(without)]) | ([ListTest::Exclude(without)], [ListTest::Has(with)])
                if with == without
        )
}

/// What stands behind the `@`, where there is one.
pub(super) fn domain_of(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
}

/// A text as a matcher of this case compares it.
pub(super) fn folded(case: Case, text: &str) -> String {
    if case == Case::Insensitive { text.to_ascii_lowercase() } else { text.to_owned() }
}
