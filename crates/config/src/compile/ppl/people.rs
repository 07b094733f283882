//! Groups of people that the configuration names: e-mail addresses, user ids, and other groups.
//!
//! Refuses: groups that contain themselves, addresses that are none, groups that are not there, and groups of more
//! people than a configuration should name.

use std::collections::{BTreeMap, HashMap, HashSet};

use doorward_authorize::{People, TextSet};
use doorward_identity::Email;

use super::shared::{few, nearest_of_few};
use super::values::MOST_TEXTS;
use crate::compile::Compiler;
use crate::problem::Place;
use crate::raw::{At, Named, nearest};
use crate::yaml::{Content, Entry, Node, shown};

/// The most people that all `in_people` of a configuration may ask for together, each counted wherever it stands.
const MOST_ASKED: usize = 1_000_000;

/// How many comparisons of names may be spent on guessing what was meant.
const MOST_GUESSES: usize = 100_000;

/// The groups there are.
#[derive(Default)]
pub(super) struct Groups {
    by_name: BTreeMap<String, Group>,
    /// Everybody in the groups asked for so far.
    found: HashMap<(Vec<String>, PeopleBy), TextSet>,
    asked: usize,
    guesses: usize,
}

struct Group {
    place: Place,
    members: Vec<Member>,
    used: bool,
}

enum Member {
    /// In lower case.
    Address(String),
    Id(String),
    Group(String),
}

/// What a criterion compares people by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PeopleBy {
    Address,
    Id,
}

impl Groups {
    /// Those that no policy and no other group asks for.
    pub(super) fn unused(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.by_name.iter().filter(|(_, group)| !group.used).map(|(name, group)| (name.as_str(), &group.place))
    }

    /// Everybody in any of these groups, and in the groups in them.
    fn members(&mut self, names: &[String], by: PeopleBy) -> TextSet {
        let key = (names.to_vec(), by);
        let members = if let Some(members) = self.found.get(&key) {
            members.clone()
        } else {
            let members = TextSet::new(self.look_for(names, by));
            self.found.insert(key, members.clone());
            members
        };
        self.asked = self.asked.saturating_add(members.len());
        members
    }

    fn look_for(&self, names: &[String], by: PeopleBy) -> Vec<String> {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut open: Vec<&str> = names.iter().rev().map(String::as_str).collect();
        let mut members = Vec::new();
        while let Some(name) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            for member in self.by_name.get(name).iter().flat_map(|group| &group.members) {
                match (member, by) {
                    (Member::Group(name), _) => open.push(name),
                    // An address is no user id: who can choose their own id at a provider could choose somebody
                    // else's address.
                    (Member::Address(text), PeopleBy::Address) | (Member::Id(text), PeopleBy::Id) => {
                        members.push(text.clone());
                    }
                    (Member::Address(_) | Member::Id(_), _) => {}
                }
            }
        }
        members
    }

    /// The first circle that each group is on, as the names along it.
    fn circles(&self) -> Vec<Vec<&str>> {
        let mut circles = Vec::new();
        let mut done: HashSet<&str> = HashSet::new();
        for start in self.by_name.keys() {
            // The way from the start to where we are, with how many members of each have been followed. No
            // recursion: a chain of groups may be as long as the file.
            let mut way: Vec<(&str, usize)> = vec![(start, 0)];
            let mut on_way: HashSet<&str> = HashSet::from([start.as_str()]);
            while let Some((name, next)) = way.last_mut() {
                let name = *name;
                let members = self.by_name.get(name).map_or(&[][..], |group| &group.members);
                let inner = if done.contains(name) { None } else { members.get(*next) };
                *next += 1;
                match inner {
                    None => {
                        done.insert(name);
                        on_way.remove(name);
                        way.pop();
                    }
                    Some(Member::Group(inner)) if on_way.contains(inner.as_str()) => {
                        let circle = way.iter().map(|(name, _)| *name).skip_while(|name| *name != inner.as_str());
                        circles.push(circle.chain([inner.as_str()]).collect());
                    }
                    Some(Member::Group(inner)) if !done.contains(inner.as_str()) => {
                        on_way.insert(inner);
                        way.push((inner, 0));
                    }
                    Some(_) => {}
                }
            }
        }
        circles
    }
}

impl Compiler<'_> {
    /// Reads the groups.
    pub(super) fn groups_of_people(&mut self, raw: Option<&At<Named<Vec<At<String>>>>>) {
        let Some(raw) = raw else { return };
        for (name, _) in &raw.value {
            if self.is_name(&name.value, &name.place, "a group of people") {
                let group = Group { place: name.place.clone(), members: Vec::new(), used: false };
                self.shared.groups.by_name.insert(name.value.clone(), group);
            }
        }
        for (name, entries) in &raw.value {
            let members = self.members(&name.value, entries);
            if let Some(group) = self.shared.groups.by_name.get_mut(&name.value) {
                group.members = members;
            }
        }
        let told: Vec<_> =
            self.shared.groups.circles().into_iter().filter_map(|circle| self.circle_in_words(&circle)).collect();
        for (place, circle) in told {
            self.problems.error(
                &place,
                format!("these groups of people contain each other: {circle}"),
                "Remove one of them from the group before it.",
            );
        }
    }

    /// Where a circle begins, and its names.
    fn circle_in_words(&self, circle: &[&str]) -> Option<(Place, String)> {
        const MOST_SHOWN: usize = 10;
        let group = self.shared.groups.by_name.get(*circle.first()?)?;
        let mut names: Vec<_> = circle.iter().take(MOST_SHOWN).map(|name| format!("`{name}`")).collect();
        if circle.len() > MOST_SHOWN {
            names.push("…".into());
        }
        Some((group.place.clone(), names.join(" → ")))
    }

    fn members(&mut self, group: &str, entries: &At<Vec<At<String>>>) -> Vec<Member> {
        if entries.value.len() > MOST_TEXTS {
            self.too_many_people(&entries.place);
            return Vec::new();
        }
        entries.value.iter().filter_map(|entry| self.member(group, entry)).collect()
    }

    fn member(&mut self, group: &str, entry: &At<String>) -> Option<Member> {
        let text = entry.value.trim();
        if text.is_empty() {
            self.problems.error(
                &entry.place,
                format!("one of the people of `{}` is empty", shown(group)),
                "Remove it, or fill it in.",
            );
            return None;
        }
        if text.contains('@') {
            return match Email::parse(text) {
                Ok(email) => Some(Member::Address(email.as_str().to_owned())),
                Err(error) => {
                    self.problems.error(
                        &entry.place,
                        format!("one of the people of `{}` is no e-mail address: {error}", shown(group)),
                        "Write it as in `you@example.com`. A user id is written without `@`.",
                    );
                    None
                }
            };
        }
        if let Some(inner) = self.shared.groups.by_name.get_mut(text) {
            inner.used |= text != group;
            return Some(Member::Group(text.to_owned()));
        }
        if !self.is_short_enough("people", text, &entry.place) {
            return None;
        }
        let names = &self.shared.groups.by_name;
        self.shared.groups.guesses = self.shared.groups.guesses.saturating_add(names.len());
        if self.shared.groups.guesses <= MOST_GUESSES {
            let names: Vec<&str> = names.keys().map(String::as_str).collect();
            if let Some(meant) = nearest(text, &names) {
                self.problems.hint(
                    &entry.place,
                    format!("there is no group of people `{}`, so this is taken for a user id", shown(text)),
                    format!("If the group `{meant}` is meant, write its name."),
                );
            }
        }
        Some(Member::Id(text.to_owned()))
    }

    fn too_many_people(&mut self, place: &Place) {
        self.problems.error(
            place,
            format!("here are more than {MOST_TEXTS} people"),
            "Let the identity provider keep such a group, and ask for it with `groups`.",
        );
    }

    /// The groups that `in_people` or `not_in_people` names.
    pub(super) fn people(&mut self, entry: &Entry, by: PeopleBy) -> Option<People> {
        let test = entry.key.as_str();
        let nodes: Vec<&Node> = match &entry.value.content {
            Content::List(items) => items.iter().map(AsRef::as_ref).collect(),
            _ => vec![&*entry.value],
        };
        if nodes.is_empty() {
            self.problems.error(
                &entry.value.place,
                format!("`{test}` has nothing to compare with"),
                "Give it a value.",
            );
            return None;
        }
        let names: Vec<_> = nodes.into_iter().map(|node| self.group_named(test, node)).collect();
        let mut names = names.into_iter().collect::<Option<Vec<_>>>()?;
        names.dedup();
        let members = self.shared.groups.members(&names, by);
        if members.len() > MOST_TEXTS || self.shared.groups.asked > MOST_ASKED {
            self.too_many_people(&entry.value.place);
            return None;
        }
        if members.is_empty() {
            let (what, mend) = match by {
                PeopleBy::Address => (
                    "nobody of these people is listed by an e-mail address, so `email` is never one of theirs",
                    "Add e-mail addresses to them, or ask for `user`.",
                ),
                PeopleBy::Id => (
                    "nobody of these people is listed by a user id, so `user` is never one of theirs",
                    "Add user ids to them, or ask for `email`.",
                ),
            };
            self.problems.warning(&entry.value.place, what, mend);
        }
        Some(People { names, members })
    }

    fn group_named(&mut self, test: &str, node: &Node) -> Option<String> {
        let name = self.value(test, node)?;
        if let Some(group) = self.shared.groups.by_name.get_mut(&name.value) {
            group.used = true;
            return Some(name.value);
        }
        let names: Vec<&str> = self.shared.groups.by_name.keys().map(String::as_str).collect();
        let mend = match nearest_of_few(&name.value, &names) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None if names.is_empty() => {
                "Groups of people stand at the top: `people: {admins: [you@example.com]}`.".into()
            }
            None => format!("There are: {}.", few(&names)),
        };
        self.problems.error(
            &name.place,
            format!("there is no group of people `{}` in `people`", shown(&name.value)),
            mend,
        );
        None
    }
}
