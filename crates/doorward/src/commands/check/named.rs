//! The people whom policies name, by address, domain, group, user id or claim.

use std::collections::{BTreeMap, BTreeSet};

use doorward_authorize::{
    Action, Criterion, ListMatcher, ListTest, Operator, Origin, RouteId, Rule, StringMatcher, StringTest,
};
use doorward_config::{Config, Person, Provider};
use doorward_identity::{Claims, Email, Groups};
use serde_json::Map;

/// Of an address that nobody has (RFC 6761 §6.4).
const ANYBODY: &str = "somebody@elsewhere.invalid";
/// How many of those whom a global policy lets in are put together with everybody else.
const MOST_REQUIRED: usize = 8;

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

    /// Adds everybody once more as one of those whom the global policy lets in: whoever is just in a group gets in
    /// nowhere where all have to be of a domain too.
    pub(super) fn as_required(&mut self, configs: [&Config; 2]) {
        let required: BTreeMap<String, Person> = configs.into_iter().flat_map(required).take(MOST_REQUIRED).collect();
        let mut together = Vec::new();
        for ((_, label), somebody) in &self.people {
            for (required_label, required) in &required {
                if let Some((label, person)) = both((label, &somebody.person), (required_label, required)) {
                    let (on, everywhere) = (somebody.on.clone(), somebody.everywhere);
                    together.push(((3, label), Somebody { person, on, everywhere }));
                }
            }
        }
        self.people.extend(together);
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
            Criterion::AuthenticationMethod(matcher) => lists(matcher).for_each(|methods| {
                let label = format!("somebody who signed in by {}", methods.join(" and "));
                let claims = Map::from_iter([("amr".to_owned(), methods.into())]);
                self.somebody(label, |person| person.claims = Claims::new(claims));
            }),
            Criterion::IdentityProvider(matcher) => texts(matcher).for_each(|issuer| {
                let label = format!("somebody from {issuer}");
                self.somebody(label, |person| person.identity_provider = Some(issuer.to_owned()));
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

/// Those whom a global policy lets in, as far as it names them. It stands in every route's policy.
fn required(config: &Config) -> Vec<(String, Person)> {
    let rules = config.routes.first().into_iter().flat_map(|route| route.policy.rules());
    rules
        .filter(|rule| rule.origin == Origin::Global && rule.action == Action::Allow)
        .flat_map(of_rule)
        .take(MOST_REQUIRED)
        .collect()
}

/// Those for whom a rule may hold.
fn of_rule(rule: &Rule) -> Vec<(String, Person)> {
    let named = rule.criteria.iter().map(|criterion| {
        let mut named = Named::default();
        named.criterion(criterion);
        named.into_people().map(|(label, somebody)| (label, somebody.person)).collect::<Vec<_>>()
    });
    match rule.operator {
        Operator::Or => named.flatten().collect(),
        Operator::And => named
            .filter(|people| !people.is_empty())
            .reduce(|some, more| {
                let pairs = some.iter().flat_map(|one| more.iter().map(move |other| (one, other)));
                let both = pairs.filter_map(|(one, other)| both((&one.0, &one.1), (&other.0, &other.1)));
                both.take(MOST_REQUIRED).collect()
            })
            .unwrap_or_default(),
        Operator::Not | Operator::Nor => Vec::new(),
    }
}

/// Somebody who is both; none when nobody can be, or when one is the other already.
fn both(one: (&str, &Person), other: (&str, &Person)) -> Option<(String, Person)> {
    let has_address = |person: &Person| person.email.as_str() != ANYBODY;
    let (first, second) = match (has_address(one.1), has_address(other.1)) {
        (true, true) => return None,
        (false, true) => (other, one),
        (true | false, false) => (one, other),
    };
    // `somebody@example.com in staff and in wheel`
    let and = if first.0.contains(' ') { " and" } else { "" };
    let label = format!("{}{and} {}", first.0, second.0.strip_prefix("somebody ").unwrap_or(second.0));
    let email = &first.1.email;
    let mut user = one.1.user.clone();
    if user.is_empty() {
        user.clone_from(&other.1.user);
    } else if !other.1.user.is_empty() {
        return None;
    }
    let identity_provider = first.1.identity_provider.clone().or_else(|| second.1.identity_provider.clone());
    let groups = Groups::new(one.1.groups.iter().chain(other.1.groups.iter()).map(str::to_owned));
    let claims = one.1.claims.iter().chain(other.1.claims.iter());
    let claims = Claims::new(claims.map(|(name, value)| (name.to_owned(), value.clone())).collect());
    let person = Person { user, groups, claims, identity_provider, ..Person::new(email.clone()) };
    (person != *one.1).then_some((label, person))
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
