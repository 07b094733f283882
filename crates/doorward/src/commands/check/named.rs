//! The people whom policies name, by address, domain, group, user id or claim.

use std::collections::{BTreeMap, BTreeSet};

use doorward_authorize::{Criterion, ListMatcher, ListTest, RouteId, StringMatcher, StringTest};
use doorward_config::{Config, Person, Provider};
use doorward_identity::{Claims, Email, Groups};
use serde_json::Map;

/// Of an address that nobody has (RFC 6761 §6.4).
const ANYBODY: &str = "somebody@elsewhere.invalid";

/// Somebody of whom nothing is known.
pub(super) fn anybody() -> Option<Person> {
    Email::parse(ANYBODY).ok().map(Person::new)
}

/// Everybody whom a configuration names, by what to call them; addresses first, then domains, groups and the rest.
#[derive(Default)]
pub(super) struct Named {
    people: BTreeMap<(u8, String), Somebody>,
    /// The route whose policy is being looked at; none for what is not of one route.
    route: Option<RouteId>,
}

/// Somebody who is named.
pub(super) struct Somebody {
    pub(super) person: Person,
    /// The routes whose policies name them.
    pub(super) on: BTreeSet<RouteId>,
    /// Whether they are named for all routes.
    pub(super) everywhere: bool,
}

impl Named {
    pub(super) fn add(&mut self, config: &Config) {
        self.route = None;
        if let Provider::BuiltIn(users) = &config.sign_in.provider {
            for user in users {
                self.email(user.email.as_str());
            }
        }
        for route in &config.routes {
            self.route = Some(route.id.clone());
            route.policy.criteria().for_each(|criterion| self.criterion(criterion));
        }
    }

    pub(super) fn into_people(self) -> impl Iterator<Item = (String, Somebody)> {
        self.people.into_iter().map(|((_, label), somebody)| (label, somebody))
    }

    fn insert(&mut self, rank: u8, label: String, person: Person) {
        let new = || Somebody { person, on: BTreeSet::new(), everywhere: false };
        let somebody = self.people.entry((rank, label)).or_insert_with(new);
        somebody.everywhere |= self.route.is_none();
        somebody.on.extend(self.route.clone());
    }

    fn criterion(&mut self, criterion: &Criterion) {
        match criterion {
            Criterion::Email(matcher) => {
                texts(matcher).for_each(|text| self.email(text));
                // What people write who mean a domain.
                let ends = matcher.tests().iter().filter_map(|test| match test {
                    StringTest::EndsWith(end) => end.strip_prefix('@'),
                    _ => None,
                });
                ends.for_each(|domain| self.domain(domain));
            }
            Criterion::Domain(matcher) => texts(matcher).for_each(|text| self.domain(text)),
            Criterion::User(matcher) => texts(matcher).for_each(|text| {
                self.somebody(format!("user {text}"), |person| text.clone_into(&mut person.user));
            }),
            Criterion::Groups(matcher) => lists(matcher).for_each(|groups| {
                let label = format!("somebody in {}", groups.join(" and "));
                self.somebody(label, |person| person.groups = Groups::new(groups));
            }),
            Criterion::Claim { path, matcher } => lists(matcher).for_each(|values| {
                let label = format!("somebody with claim/{path} {}", values.join(" and "));
                let claims = Map::from_iter([(path.clone(), values.into())]);
                self.somebody(label, |person| person.claims = Claims::new(claims));
            }),
            _ => {}
        }
    }

    fn email(&mut self, text: &str) {
        if let Ok(email) = Email::parse(text) {
            self.insert(0, email.to_string(), Person::new(email));
        }
    }

    fn domain(&mut self, text: &str) {
        if let Ok(email) = Email::parse(&format!("somebody@{text}")) {
            self.insert(1, email.to_string(), Person::new(email));
        }
    }

    fn somebody(&mut self, label: String, change: impl FnOnce(&mut Person)) {
        if let Some(mut person) = anybody() {
            change(&mut person);
            self.insert(2, label, person);
        }
    }
}

/// The texts a matcher names, whatever it does to those who have them.
fn texts(matcher: &StringMatcher) -> impl Iterator<Item = &str> {
    matcher.tests().iter().flat_map(|test| -> Box<dyn Iterator<Item = &str>> {
        match test {
            StringTest::Is(text) | StringTest::Not(text) => Box::new(std::iter::once(text.as_str())),
            StringTest::In(set) | StringTest::NotIn(set) => Box::new(set.iter()),
            StringTest::InPeople(people) | StringTest::NotInPeople(people) => Box::new(people.members.iter()),
            StringTest::Contains(_)
            | StringTest::StartsWith(_)
            | StringTest::EndsWith(_)
            | StringTest::Matches(_)
            | StringTest::Glob(_) => Box::new(std::iter::empty()),
        }
    })
}

/// The lists that would be matched, or kept out.
fn lists(matcher: &ListMatcher) -> impl Iterator<Item = Vec<String>> {
    matcher.tests().iter().flat_map(|test| match test {
        ListTest::Has(text) | ListTest::Is(text) | ListTest::Exclude(text) => vec![vec![text.clone()]],
        ListTest::HasAny(set) => set.iter().map(|text| vec![text.to_owned()]).collect(),
        ListTest::HasAll(set) => vec![set.iter().map(str::to_owned).collect()],
        ListTest::Matches(_) | ListTest::Glob(_) => Vec::new(),
    })
}
