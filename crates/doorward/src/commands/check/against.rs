//! What a change of configuration changes: who gains and who loses what.
//!
//! Refuses to say "nothing" of what was not asked: what was left out is counted and named.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::time::SystemTime;

use doorward_authorize::{RouteId, Rule, Verdict};
use doorward_config::{Config, Route};
use serde_json::{Value, json};

use super::probes::{Probe, Request, Requests, people, requests};
use crate::commands::Failure;
use crate::commands::tree::harmless;
use crate::judge::{Judge, Ruling};
use crate::terminal::say;

/// How many questions are put to both configurations: some seconds.
const MOST_ASKED: usize = 200_000;
/// What to say of requests that neither configuration has a route for.
const NO_ROUTE: &str = "no route";

/// Everything that differs.
pub(super) struct Changes {
    new_routes: Vec<String>,
    removed_routes: Vec<String>,
    /// By route, and there by URL and person.
    by_route: BTreeMap<String, Vec<Change>>,
    /// Routes that nothing was asked of.
    not_asked: Vec<String>,
    /// Routes whose rules change, and that let in nobody who was asked about, before or after.
    unopened: Vec<String>,
    asked: usize,
    left_out: usize,
}

/// One person, one request, two decisions.
struct Change {
    request: String,
    who: String,
    was: Ruling,
    is: Ruling,
}

impl Change {
    /// `+`, `-` or `~`, and what happens to them.
    fn kind(&self) -> (char, &'static str) {
        match (self.was.verdict, self.is.verdict) {
            (_, Verdict::Allow) => ('+', "gains"),
            (Verdict::Allow, _) => ('-', "loses"),
            (_, Verdict::SignIn) => ('~', "is asked to sign in for"),
            (_, Verdict::Deny) => ('~', "is no longer asked to sign in for"),
        }
    }
}

/// Asks both configurations the same questions.
pub(super) fn changes(old: &Config, new: &Config, now: SystemTime) -> Result<Changes, Failure> {
    changes_up_to(MOST_ASKED, old, new, now)
}

fn changes_up_to(most: usize, old: &Config, new: &Config, now: SystemTime) -> Result<Changes, Failure> {
    let (was, is) = (judge(old)?, judge(new)?);
    let people = people(old, new);
    let Requests { list, not_asked } = requests(old, new);
    let ids = |config: &Config| config.routes.iter().map(|route| route.id.to_string()).collect::<BTreeSet<_>>();
    let (old_ids, new_ids) = (ids(old), ids(new));
    let mut by_route: BTreeMap<String, Vec<Change>> = BTreeMap::new();
    let mut unopened = whose_rules_change(old, new);
    // Of too many questions the last are left out: those about people on routes that do not name them.
    let on = by_route_of(&list, [&was, &is], now);
    let first =
        people.iter().flat_map(|probe| asked_first(probe, &on, list.len()).into_iter().map(move |at| (probe, at)));
    let named = people.iter().filter(|probe| probe.named_on.is_some());
    let then = named.flat_map(|probe| {
        let asked: BTreeSet<_> = asked_first(probe, &on, list.len()).into_iter().collect();
        (0..list.len()).filter(move |at| !asked.contains(at)).map(move |at| (probe, at))
    });
    for (Probe { label, person, .. }, at) in first.chain(then).take(most) {
        let Some(request) = list.get(at) else { continue };
        let mut question = request.question.clone();
        question.who.clone_from(person);
        let (was, is) = (was.rule(&question, now), is.rule(&question, now));
        for ruling in [&was, &is] {
            if let (Verdict::Allow, Some(route)) = (ruling.verdict, &ruling.route) {
                unopened.remove(route.as_str());
            }
        }
        if was.verdict != is.verdict {
            let route = is.route.as_ref().or(was.route.as_ref());
            let route = route.map_or_else(|| NO_ROUTE.to_owned(), ToString::to_string);
            let change = Change { request: request.label.clone(), who: label.clone(), was, is };
            by_route.entry(route).or_default().push(change);
        }
    }
    for changes in by_route.values_mut() {
        changes.sort_by(|one, other| (&one.request, &one.who).cmp(&(&other.request, &other.who)));
    }
    let all = people.len() * list.len();
    Ok(Changes {
        new_routes: new_ids.difference(&old_ids).cloned().collect(),
        removed_routes: old_ids.difference(&new_ids).cloned().collect(),
        by_route,
        unopened: unopened.into_iter().filter(|route| !not_asked.contains(route)).collect(),
        not_asked,
        asked: all.min(most),
        left_out: all.saturating_sub(most),
    })
}

/// The routes of both whose rules are not the same, wherever they stand.
fn whose_rules_change(old: &Config, new: &Config) -> BTreeSet<String> {
    let rules = |route: &Route| -> Vec<Rule> {
        route.policy.rules().iter().cloned().map(|rule| Rule { line: 0, ..rule }).collect()
    };
    let before: HashMap<_, _> = old.routes.iter().map(|route| (&route.id, route)).collect();
    let changed = |route: &&Route| before.get(&route.id).is_some_and(|before| rules(before) != rules(route));
    new.routes.iter().filter(changed).map(|route| route.id.to_string()).collect()
}

/// The requests that each route answers, in either configuration, by their place in the list.
fn by_route_of(list: &[Request], judges: [&Judge<'_>; 2], now: SystemTime) -> HashMap<RouteId, BTreeSet<usize>> {
    let mut on: HashMap<RouteId, BTreeSet<usize>> = HashMap::new();
    for (at, request) in list.iter().enumerate() {
        for route in judges.iter().filter_map(|judge| judge.rule(&request.question, now).route) {
            on.entry(route).or_default().insert(at);
        }
    }
    on
}

/// The requests of the routes that name somebody; all, for those who are asked about everywhere.
fn asked_first(probe: &Probe, on: &HashMap<RouteId, BTreeSet<usize>>, all: usize) -> Vec<usize> {
    match &probe.named_on {
        None => (0..all).collect(),
        Some(routes) => {
            let requests = routes.iter().filter_map(|route| on.get(route)).flatten();
            requests.copied().collect::<BTreeSet<_>>().into_iter().collect()
        }
    }
}

fn judge(config: &Config) -> Result<Judge<'_>, Failure> {
    Judge::new(config).map_err(|error| Failure::of(&error))
}

impl Changes {
    fn are_none(&self) -> bool {
        self.by_route.is_empty() && self.new_routes.is_empty() && self.removed_routes.is_empty()
    }

    /// For a person.
    pub(super) fn tell(&self, old: &Path, new: &Path) {
        say(format_args!("\nfrom {} to {}:", old.display(), new.display()));
        for route in &self.new_routes {
            say(format_args!("  new route      {route}"));
        }
        for route in &self.removed_routes {
            say(format_args!("  removed route  {route}"));
        }
        for (route, changes) in &self.by_route {
            say(format_args!("  {route}"));
            for change in changes {
                let (mark, happens) = change.kind();
                let Change { request, who, was, is } = change;
                say(harmless(&format!("    {mark} {who} {happens} {request}: was {was}, is {is}")));
            }
        }
        if self.are_none() {
            let some = if self.left_out > 0 { " that were asked about" } else { "" };
            say(format_args!("  nothing changes for the people and requests named{some}"));
        }
        for route in &self.unopened {
            say(format_args!(
                "  unclear: {route} has other rules, but nobody who was asked about may open it, before or after; \
                 a test of somebody who may would tell"
            ));
        }
        for route in &self.not_asked {
            say(format_args!("  not asked: {route}, since no test has a URL for it"));
        }
        if self.left_out > 0 {
            say(format_args!(
                "  not asked: {} of {} questions, since there are so many people and routes",
                self.left_out,
                self.asked + self.left_out
            ));
        }
    }

    /// The shape that `docs/testing-policies.md` documents.
    pub(super) fn in_json(&self, old: &Path, new: &Path) -> Value {
        let ruling = |ruling: &Ruling| json!({ "decision": ruling.verdict.as_str(), "reasons": ruling.reasons });
        let changes = self.by_route.iter().flat_map(|(route, changes)| {
            changes.iter().map(move |change| {
                let kind = match change.kind().0 {
                    '+' => "gains",
                    '-' => "loses",
                    _ => "sign-in",
                };
                json!({ "route": route, "who": change.who, "request": change.request, "change": kind,
                        "was": ruling(&change.was), "is": ruling(&change.is) })
            })
        });
        json!({
            "file": new.display().to_string(),
            "against": old.display().to_string(),
            "new_routes": self.new_routes,
            "removed_routes": self.removed_routes,
            "changes": changes.collect::<Vec<_>>(),
            "routes_not_asked": self.not_asked,
            "routes_nobody_opens": self.unopened,
            "asked": self.asked,
            "left_out": self.left_out,
        })
    }
}

#[cfg(test)]
mod tests {
    use doorward_config::{DiskFiles, Env, Overrides, Source, load};

    use super::*;

    struct Nothing;

    impl Env for Nothing {
        fn get(&self, _: &str) -> Option<String> {
            None
        }
    }

    fn config(yaml: &str) -> Config {
        let source = Source::new("c.yaml", yaml);
        load(&source, &Overrides::default(), &Nothing, &DiskFiles, SystemTime::now()).unwrap().config
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let open = config(
            "routes: [{from: 'https://a.example.com', to: 'http://b', allow_public_unauthenticated_access: true}]",
        );
        let shut = config("routes: [{from: 'https://a.example.com', to: 'http://b', allowed_users: [x@y.example]}]");
        let all = changes(&open, &shut, SystemTime::now()).unwrap();
        // Nobody, anybody, and the one who is named.
        assert_eq!((all.asked, all.left_out), (3, 0));
        let some = changes_up_to(1, &open, &shut, SystemTime::now()).unwrap();
        assert_eq!((some.asked, some.left_out), (1, 2));
        // Who is named comes before who is asked about on routes of others.
        let many = |name: &str| {
            let route = |at: usize| {
                let who = if at == 40 { name.to_owned() } else { format!("p{at}@y.example") };
                format!("  - {{from: 'https://a{at}.example.com', to: 'http://b', allowed_users: [{who}]}}\n")
            };
            config(&format!("routes:\n{}", (0..50).map(route).collect::<String>()))
        };
        let few = changes_up_to(200, &many("x@y.example"), &many("z@y.example"), SystemTime::now()).unwrap();
        let told = few.in_json(Path::new("old"), Path::new("new"));
        let who: Vec<_> = told["changes"].as_array().unwrap().iter().map(|change| change["who"].clone()).collect();
        assert_eq!(who, ["x@y.example", "z@y.example"], "{told}");
        let told = some.in_json(Path::new("old"), Path::new("new"));
        assert_eq!(told["changes"][0]["who"], "somebody who has not signed in");
        assert_eq!(told["changes"][0]["is"]["decision"], "sign-in");
    }
}
