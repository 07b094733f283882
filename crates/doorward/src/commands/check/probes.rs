//! Who and what is asked about when two configurations are compared.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use doorward_authorize::RouteId;
use doorward_config::{Config, Expectation, PathRule, Person, Question, RequestUrl, Route};
use doorward_hygiene::{HostPattern, Hostname};
use http::{HeaderMap, Method};

use super::named::{Named, Somebody, anybody};

/// Somebody, and what to call them.
pub(super) struct Probe {
    pub(super) label: String,
    /// None: nobody has signed in.
    pub(super) person: Option<Person>,
    /// The routes that name them; none when every route is to be asked about them first of all.
    pub(super) named_on: Option<BTreeSet<RouteId>>,
}

/// A request, and what to call it.
pub(super) struct Request {
    pub(super) label: String,
    /// Of nobody yet.
    pub(super) question: Question,
}

/// What is asked for.
pub(super) struct Requests {
    pub(super) list: Vec<Request>,
    /// Routes that nothing here leads to.
    pub(super) not_asked: Vec<String>,
}

/// Nobody, anybody, the people of the tests, and those whom policies name; nobody twice.
pub(super) fn people(old: &Config, new: &Config) -> Vec<Probe> {
    let mut people = People::default();
    people.add("somebody who has not signed in".to_owned(), None, None);
    people.add("anybody signed in".to_owned(), anybody(), None);
    for test in tests(old, new) {
        if let Some(person) = &test.question.who {
            people.add(person_of_test(person), Some(person.clone()), None);
        }
    }
    let mut named = Named::default();
    named.add(old);
    named.add(new);
    named.as_required([old, new]);
    for (label, Somebody { person, on, everywhere }) in named.into_people() {
        people.add(label, Some(person), (!everywhere).then_some(on));
    }
    people.list
}

#[derive(Default)]
struct People {
    list: Vec<Probe>,
    by_label: HashMap<String, Vec<Option<Person>>>,
}

impl People {
    fn add(&mut self, label: String, person: Option<Person>, named_on: Option<BTreeSet<RouteId>>) {
        let known = self.by_label.entry(label.clone()).or_default();
        if !known.contains(&person) {
            known.push(person.clone());
            self.list.push(Probe { label, person, named_on });
        }
    }
}

fn tests<'c>(old: &'c Config, new: &'c Config) -> impl Iterator<Item = &'c Expectation> {
    old.tests.iter().chain(&new.tests)
}

fn person_of_test(person: &Person) -> String {
    let mut told = Vec::new();
    let groups: Vec<_> = person.groups.iter().collect();
    if !groups.is_empty() {
        told.push(format!("in {}", groups.join(" and ")));
    }
    if !person.user.is_empty() {
        told.push(format!("user {}", person.user));
    }
    told.extend(person.claims.iter().map(|(name, value)| format!("{name} {value}")));
    if !person.verified {
        told.push("unverified".to_owned());
    }
    if told.is_empty() { person.email.to_string() } else { format!("{} ({})", person.email, told.join(", ")) }
}

/// The entrance of each route, and the requests of the tests; none twice, in the order of their labels.
pub(super) fn requests(old: &Config, new: &Config) -> Requests {
    let mut list = Vec::new();
    let mut seen = BTreeSet::new();
    for test in tests(old, new) {
        let question = Question { who: None, ..test.question.clone() };
        let label = request_of_test(&question);
        if seen.insert(label.clone()) {
            list.push(Request { label, question });
        }
    }
    let mut not_asked = BTreeSet::new();
    for config in [old, new] {
        for route in &config.routes {
            let entrance = entrance(config, route).and_then(|url| RequestUrl::parse(&url).ok());
            let Some(url) = entrance else {
                if !tests(old, new).any(|test| leads_to(test, route)) {
                    not_asked.insert(route.id.to_string());
                }
                continue;
            };
            if seen.insert(url.text.clone()) {
                list.push(Request { label: url.text.clone(), question: plain(url) });
            }
        }
    }
    list.sort_by(|one, other| one.label.cmp(&other.label));
    Requests { list, not_asked: not_asked.into_iter().collect() }
}

fn plain(url: RequestUrl) -> Question {
    Question {
        who: None,
        url,
        method: Method::GET,
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        headers: HeaderMap::new(),
        websocket: false,
        time: None,
        certificate: Vec::new(),
    }
}

/// Whether a test is about a route, as far as its host and path tell.
fn leads_to(test: &Expectation, route: &Route) -> bool {
    let url = &test.question.url;
    route.from.host.matches(&url.origin.host) && route.path.matches(url.path.decoded())
}

/// What makes a request another one is part of its name.
fn request_of_test(question: &Question) -> String {
    let method = if question.method == Method::GET { String::new() } else { format!("{} ", question.method) };
    let mut told = vec![format!("{method}{}", question.url.text)];
    if question.websocket {
        told.push("(WebSocket)".to_owned());
    }
    if question.ip != IpAddr::V4(Ipv4Addr::LOCALHOST) {
        told.push(format!("from {}", question.ip));
    }
    let value = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    told.extend(question.headers.iter().map(|(name, text)| format!("with {name}: {}", value(text))));
    if let Some(time) = question.time.and_then(|time| jiff::Timestamp::try_from(time).ok()) {
        told.push(format!("at {time}"));
    }
    if !question.certificate.is_empty() {
        told.push("with a client certificate".to_owned());
    }
    told.join(" ")
}

/// A URL that is for a route, unless another comes before it; none for a regex, which nobody can invert.
fn entrance(config: &Config, route: &Route) -> Option<String> {
    let path = match &route.path {
        PathRule::Exact(path) | PathRule::Prefix(path) => encoded(path),
        PathRule::Regex(_) => return None,
    };
    let host = match &route.from.host {
        HostPattern::Exact(host) => host.clone(),
        HostPattern::Below(parent) => unnamed(config, parent)?,
    };
    Some(format!("{}{path}", route.from.of_host(&host)?))
}

/// A host that a wildcard covers and no route names.
fn unnamed(config: &Config, parent: &Hostname) -> Option<Hostname> {
    let named = |host: &Hostname| config.routes.iter().any(|route| route.from.host.exact() == Some(host));
    let labels =
        std::iter::once("any".to_owned()).chain((1..=config.routes.len()).map(|number| format!("any{number}")));
    labels.filter_map(|label| Hostname::parse(&format!("{label}.{parent}")).ok()).find(|host| !named(host))
}

/// A decoded path as a URL has it.
fn encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    let bytes = path.bytes();
    bytes.map(|byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decoded_path_is_encoded_again() {
        assert_eq!(encoded("/a b/ü/100%/x;y"), "/a%20b/%C3%BC/100%25/x;y");
        let url = RequestUrl::parse(&format!("https://a.example{}", encoded("/a b?c#d"))).unwrap();
        assert_eq!(url.path.decoded(), "/a b?c#d");
    }
}
