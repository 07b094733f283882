//! What a decision costs: the code-server policy, and how little it matters how many names and networks there are.
//!
//! Fails when the code-server policy takes a microsecond or more, or when many cost more than a few times what one does
//! ([`POLICIES`]). One thread, its CPU time, rounds of every policy in turn; requests and people are made beforehand.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "a bench prints, and ends when it cannot")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use doorward_authorize::{
    Action, Case, Criterion, Facts, ListMatcher, ListTest, Networks, Operator, Origin, Pattern, Policy, RouteId, Rule,
    StringMatcher, StringTest, TextSet, Verdict, Visitor,
};
use doorward_hygiene::{Hostname, NormalPath};
use doorward_identity::{Claims, Email, Groups, Identity, Presented, Subject, VerifiedEmail};
use http::{HeaderMap, Method};
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 41;
/// How long a round of one policy takes, about.
const ROUND: Duration = Duration::from_millis(2);
/// People who ask in turn, so that no policy is asked about the same one again and again.
const PEOPLE: usize = 64;
/// What a decision on the code-server policy may take, in nanoseconds.
const MOST: u128 = 1000;

/// A policy to measure.
struct Measured {
    name: &'static str,
    policy: Policy,
    people: Vec<Identity>,
    expected: Verdict,
    /// The policy it is compared with, and what it may cost, in hundredths of what that one costs; 0 for no bar.
    to: (usize, u128),
    /// Nanoseconds a decision, by round.
    rounds: Vec<u128>,
}

/// Where the policies of one stand in [`policies`], which others are compared with.
const ONE_ADDRESS: usize = 0;
const ONE_ADDRESS_REFUSED: usize = 4;
const ONE_GROUP: usize = 6;
const ONE_NETWORK: usize = 10;
const ONE_EXPRESSION: usize = 12;

fn main() -> ExitCode {
    let (host, path) =
        (Hostname::parse("code.example.test").unwrap(), NormalPath::parse("/teams/49/projects/editor").unwrap());
    let headers = HeaderMap::new();
    let facts = Facts {
        method: &Method::GET,
        host: &host,
        path: &path,
        query: None,
        headers: &headers,
        source_ip: "10.99.1.2".parse().unwrap(),
        client_certificate: &Presented::Nothing,
        websocket: false,
        now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000),
    };
    let mut policies = policies();
    for measured in &mut policies {
        measured.warm_up(&facts);
    }
    for round in 0..ROUNDS {
        // Whoever is first differs, so that none is always the one after the largest.
        for place in 0..policies.len() {
            let next = (round + place) % policies.len();
            policies.get_mut(next).unwrap().round(&facts);
        }
    }
    println!("Policy::decide; medians of {ROUNDS} rounds; CPU time of one core");
    println!("{:<58}  ns a decision  decisions/s  to one", "policy");
    let mut failed = Vec::new();
    for measured in &policies {
        let nanoseconds = median(&measured.rounds);
        let one = &policies.get(measured.to.0).unwrap().rounds;
        // Within one round the machine was the same; across rounds it need not have been.
        let ratios: Vec<_> = measured.rounds.iter().zip(one).map(|(this, one)| this * 100 / one.max(&1)).collect();
        let ratio = median(&ratios);
        println!(
            "{:<58}  {:>7}.{:02} ns  {:>11}  {:>3}.{:02}",
            measured.name,
            nanoseconds / 100,
            nanoseconds % 100,
            100_000_000_000 / nanoseconds.max(1),
            ratio / 100,
            ratio % 100,
        );
        let most = measured.to.1;
        if most > 0 && ratio > most {
            failed.push(format!(
                "{} costs more than {}.{:02} times what one does",
                measured.name,
                most / 100,
                most % 100
            ));
        }
    }
    let code_server = median(&policies.first().unwrap().rounds);
    if code_server >= MOST * 100 {
        failed.push(format!("the code-server policy takes {MOST} ns or more"));
    }
    for failure in &failed {
        println!("FAILED: {failure}");
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is measured. Every hit is late in its list, every miss looks at all there is.
fn policies() -> Vec<Measured> {
    let addresses = || (1..=1000).map(|number| format!("user{number}@example.com"));
    let one = || allow(email(StringTest::Is("user1000@example.com".into())));
    let list = || allow(email(StringTest::In(TextSet::new(addresses()))));
    let of_addresses = |address: String| email(StringTest::Is(address));
    let criteria = || vec![rule(addresses().map(of_addresses).collect())];
    let rules = || addresses().map(of_addresses).flat_map(allow).collect();
    let always_one = || people(|_| "user1000@example.com".to_owned(), |_| Vec::new());
    let many = || people(|number| format!("user{}@example.com", number * 15 + 1), |_| Vec::new());
    let others = || people(|number| format!("other{number}@example.com"), |_| Vec::new());
    let names = || (1..=10_000).map(|number| format!("team-{number}"));
    let group = |name: String| groups(ListTest::Has(name));
    let few = |number: usize| (0..5).map(|place| format!("team-{}", number * 150 + place)).collect();
    let in_five = || people(|number| format!("user{number}@example.com"), move |number| few(number + 1));
    let in_one_of_five = || {
        let five = |number: usize| {
            let mut five = few(number + 1);
            five.push("editors".to_owned());
            five
        };
        people(|number| format!("user{number}@example.com"), five)
    };
    let in_many = || vec![person("user1@example.com", names().collect()); 4];
    let networks = |many: std::ops::Range<u8>| {
        let written = many.map(|number| Networks::parse_one(&format!("10.{number}.0.0/16")).unwrap()).collect();
        allow(Criterion::SourceIp(Networks::new(written)))
    };
    let expressions = |many: std::ops::Range<u8>| {
        let expression =
            |number| Pattern::regex(&format!("/teams/{number}/[a-z]+/(editor|shell)(/.*)?"), Case::Sensitive);
        let test = move |number| vec![StringTest::Matches(expression(number).unwrap())];
        vec![rule(many.map(|number| Criterion::HttpPath(StringMatcher::new(test(number), Case::Sensitive))).collect())]
    };
    let refused = |measured: Measured| Measured { expected: Verdict::Deny, ..measured };
    let (address, stranger, of_group) = (ONE_ADDRESS, ONE_ADDRESS_REFUSED, ONE_GROUP);
    vec![
        measured("one e-mail address: the code-server policy", one(), always_one(), (address, 0)),
        measured("1,000 e-mail addresses in one list", list(), many(), (address, 150)),
        measured("1,000 e-mail addresses, a criterion each", criteria(), many(), (address, 150)),
        measured("1,000 e-mail addresses, a rule each", rules(), many(), (address, 150)),
        refused(measured("one e-mail address, of somebody else", one(), others(), (stranger, 0))),
        refused(measured("1,000 e-mail addresses, of others", rules(), others(), (stranger, 150))),
        measured("one group, a person in 6", allow(group("editors".into())), in_one_of_five(), (of_group, 0)),
        measured(
            "10,000 group names in one list, a person in 5",
            allow(any_group(names())),
            in_five(),
            (of_group, 300),
        ),
        measured(
            "10,000 group names, a rule each, a person in 5",
            names().map(group).flat_map(allow).collect(),
            in_five(),
            (of_group, 600),
        ),
        measured("one group, a person in 10,000", allow(group("team-9999".into())), in_many(), (of_group, 600)),
        measured("one network", networks(99..100), always_one(), (ONE_NETWORK, 0)),
        measured("100 networks", networks(0..100), always_one(), (ONE_NETWORK, 200)),
        measured("one regular expression", expressions(49..50), always_one(), (ONE_EXPRESSION, 0)),
        measured("50 regular expressions", expressions(0..50), always_one(), (ONE_EXPRESSION, 6000)),
    ]
}

fn measured(name: &'static str, rules: Vec<Rule>, people: Vec<Identity>, to: (usize, u128)) -> Measured {
    let policy = Policy::new(RouteId::new("code"), rules);
    Measured { name, policy, people, expected: Verdict::Allow, to, rounds: Vec::new() }
}

fn rule(criteria: Vec<Criterion>) -> Rule {
    Rule { action: Action::Allow, operator: Operator::Or, criteria, origin: Origin::Route, line: 1 }
}

fn allow(criterion: Criterion) -> Vec<Rule> {
    vec![rule(vec![criterion])]
}

fn email(test: StringTest) -> Criterion {
    Criterion::Email(StringMatcher::new(vec![test], Case::Insensitive))
}

fn groups(test: ListTest) -> Criterion {
    Criterion::Groups(ListMatcher::new(vec![test], Case::Sensitive))
}

fn any_group(names: impl Iterator<Item = String>) -> Criterion {
    groups(ListTest::HasAny(TextSet::new(names)))
}

fn people(address: impl Fn(usize) -> String, groups: impl Fn(usize) -> Vec<String>) -> Vec<Identity> {
    (0..PEOPLE).map(|number| person(&address(number), groups(number))).collect()
}

fn person(address: &str, groups: Vec<String>) -> Identity {
    Identity {
        subject: Subject { issuer: "https://idp.example.com".into(), id: address.to_owned() },
        email: VerifiedEmail::Verified(Email::parse(address).unwrap()),
        name: None,
        groups: Groups::new(groups),
        claims: Claims::default(),
        authenticated_at: SystemTime::UNIX_EPOCH,
    }
}

impl Measured {
    /// Makes sure that it measures what it says.
    fn warm_up(&mut self, facts: &Facts<'_>) {
        for person in &self.people {
            assert_eq!(self.policy.decide(facts, Visitor::Known(person)).verdict(), self.expected, "{}", self.name);
        }
        self.round(facts);
        self.rounds.clear();
    }

    /// As many decisions as fit into [`ROUND`], in hundredths of a nanosecond each.
    fn round(&mut self, facts: &Facts<'_>) {
        let (mut decisions, started) = (0, cpu());
        let took = loop {
            for person in &self.people {
                // Dropped as any decision is, permit and all.
                let _ = black_box(self.policy.decide(black_box(facts), Visitor::Known(black_box(person))));
            }
            decisions += self.people.len() as u128;
            let took = cpu().saturating_sub(started);
            if took >= ROUND {
                break took;
            }
        };
        self.rounds.push(took.as_nanos() * 100 / decisions);
    }
}

fn median(of: &[u128]) -> u128 {
    let mut of = of.to_vec();
    of.sort_unstable();
    of.get(of.len() / 2).copied().unwrap()
}

/// This thread's CPU time, which other programs on the machine take nothing from.
fn cpu() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap()
}
