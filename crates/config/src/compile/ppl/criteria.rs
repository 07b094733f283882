//! Criteria and their matchers.

use doorward_authorize::{Case, Criterion, ListMatcher, ListTest, StringMatcher, StringTest, TextSet};

use crate::compile::Compiler;
use crate::raw::{At, nearest};
use crate::yaml::{Content, Entry, Node, shown};

/// Those that are understood.
const KNOWN: [&str; 11] = [
    "accept",
    "authenticated_user",
    "claim",
    "client_certificate",
    "cors_preflight",
    "domain",
    "email",
    "groups",
    "invalid_client_certificate",
    "reject",
    "user",
];

/// Those that Pomerium has besides.
const LATER: [&str; 15] = [
    "date",
    "day_of_week",
    "device",
    "http_method",
    "http_path",
    "mcp_tool",
    "pomerium_routes",
    "record",
    "source_ip",
    "ssh_ca",
    "ssh_publickey",
    "ssh_username",
    "ssh_username_matches_claim",
    "ssh_username_matches_email",
    "time_of_day",
];

const STRING_TESTS: [&str; 7] = ["is", "not", "contains", "starts_with", "ends_with", "in", "not_in"];
const LIST_TESTS: [&str; 3] = ["has", "is", "exclude"];

/// Whether a criterion of this name exists, here or in Pomerium.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name) || LATER.contains(&name)
}

impl Compiler<'_> {
    pub(super) fn ppl_criterion(&mut self, node: &Node) -> Option<Criterion> {
        let Content::Map(entries) = &node.content else {
            let mend = match &node.content {
                Content::Scalar(scalar) if is_known(&scalar.text) => format!("Write `- {}: true`.", scalar.text),
                _ => "Write `- NAME: VALUE`, as in `- email: {is: you@example.com}`.".into(),
            };
            let what = format!("a criterion is a name with a value, but here is {}", node.kind());
            self.problems.error(&node.place, what, mend);
            return None;
        };
        let [entry] = entries.as_slice() else {
            let (what, place) = match entries.get(1) {
                Some(second) => ("a criterion has one name, but here are several", &second.place),
                None => ("here is a criterion without a name", &node.place),
            };
            self.problems.error(place, what, "Put `- ` before each, so that every item of the list is one criterion.");
            return None;
        };
        let (name, path) = match entry.key.split_once('/') {
            Some((name, path)) => (name, Some(path)),
            None => (entry.key.as_str(), None),
        };
        if !KNOWN.contains(&name) {
            self.unknown_criterion(name, entry);
            return None;
        }
        if path.is_some() && name != "claim" {
            self.problems.error(
                &entry.place,
                format!("`{name}` has nothing below it that `/` could lead to"),
                format!("Write `{name}`. Claims are `claim/NAME`."),
            );
            return None;
        }
        let data = &entry.value;
        match name {
            "accept" => self.plain(entry, Criterion::Accept),
            "reject" => self.plain(entry, Criterion::Reject),
            "authenticated_user" => self.plain(entry, Criterion::AuthenticatedUser),
            "cors_preflight" => self.plain(entry, Criterion::CorsPreflight),
            "client_certificate" => self.client_certificate(data),
            "invalid_client_certificate" => self.plain(entry, Criterion::InvalidClientCertificate),
            "user" => self.string_matcher(name, data, Case::Sensitive).map(Criterion::User),
            "email" => {
                let matcher = self.string_matcher(name, data, Case::Insensitive)?;
                Some(Criterion::Email(matcher))
            }
            "domain" => {
                let matcher = self.string_matcher(name, data, Case::Insensitive)?;
                Some(Criterion::Domain(matcher))
            }
            "groups" => self.list_matcher(name, data).map(Criterion::Groups),
            _ => self.claim(path, entry),
        }
    }

    fn unknown_criterion(&mut self, name: &str, entry: &Entry) {
        if LATER.contains(&name) {
            self.problems.error(
                &entry.place,
                format!("the criterion `{name}` is known, but not supported yet"),
                format!("So far there are: {}.", KNOWN.join(", ")),
            );
            return;
        }
        let all: Vec<&str> = KNOWN.into_iter().chain(LATER).collect();
        let mend = match nearest(name, &all) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => format!("The criteria are: {}.", KNOWN.join(", ")),
        };
        self.problems.error(&entry.place, format!("there is no criterion `{}`", shown(&entry.key)), mend);
    }

    /// A criterion whose value says nothing. Pomerium takes `false` for `true` here.
    fn plain(&mut self, entry: &Entry, criterion: Criterion) -> Option<Criterion> {
        let off = match &entry.value.content {
            Content::Scalar(scalar) => scalar.text.eq_ignore_ascii_case("false"),
            _ => false,
        };
        if off {
            self.problems.error(
                &entry.value.place,
                format!("`{0}: false` would mean the same as `{0}: true`", entry.key),
                "Remove the criterion; to turn one round, put it under `not`.",
            );
            return None;
        }
        Some(criterion)
    }

    fn claim(&mut self, path: Option<&str>, entry: &Entry) -> Option<Criterion> {
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            self.problems.error(
                &entry.place,
                "`claim` does not say which",
                "Write its name behind a slash, as in `claim/department: {is: security}`.",
            );
            return None;
        };
        let matcher = self.list_matcher("claim", &entry.value)?;
        Some(Criterion::Claim { path: path.to_owned(), matcher })
    }

    fn string_matcher(&mut self, criterion: &str, node: &Node, case: Case) -> Option<StringMatcher> {
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::Scalar(_) => {
                let text = self.reading().text(criterion, node)?;
                return Some(StringMatcher::new(vec![StringTest::Is(text.value)], case));
            }
            Content::List(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{criterion}` compares with one value, but here is a list"),
                    format!("Write `{criterion}: {{in: [ONE, OTHER]}}`."),
                );
                return None;
            }
            Content::Null => {
                self.nothing_to_compare(criterion, node, "is");
                return None;
            }
        };
        let tests: Vec<_> = entries.iter().map(|entry| self.string_test(criterion, entry)).collect();
        if tests.is_empty() {
            self.nothing_to_compare(criterion, node, "is");
            return None;
        }
        tests.into_iter().collect::<Option<Vec<_>>>().map(|tests| StringMatcher::new(tests, case))
    }

    fn string_test(&mut self, criterion: &str, entry: &Entry) -> Option<StringTest> {
        let name = entry.key.as_str();
        if matches!(name, "in" | "not_in") {
            let values = self.values(name, &entry.value)?;
            return Some(if name == "in" {
                StringTest::In(TextSet::new(values))
            } else {
                StringTest::NotIn(TextSet::new(values))
            });
        }
        let test: fn(String) -> StringTest = match name {
            "is" => StringTest::Is,
            "not" => StringTest::Not,
            "contains" => StringTest::Contains,
            "starts_with" => StringTest::StartsWith,
            "ends_with" => StringTest::EndsWith,
            _ => {
                self.no_test(criterion, entry, &STRING_TESTS);
                return None;
            }
        };
        self.value(name, &entry.value).map(|text| test(text.value))
    }

    fn list_matcher(&mut self, criterion: &str, node: &Node) -> Option<ListMatcher> {
        let entries = match &node.content {
            Content::Map(entries) => entries,
            Content::Scalar(_) => {
                let text = self.reading().text(criterion, node)?;
                return Some(ListMatcher::new(vec![ListTest::Has(text.value)], Case::Sensitive));
            }
            Content::List(_) => {
                self.problems.error(
                    &node.place,
                    format!("`{criterion}` compares with one value, but here is a list"),
                    format!("Write one criterion for each below `or`: `- {criterion}: {{has: ONE}}`."),
                );
                return None;
            }
            Content::Null => {
                self.nothing_to_compare(criterion, node, "has");
                return None;
            }
        };
        let tests: Vec<_> = entries.iter().map(|entry| self.list_test(criterion, entry)).collect();
        if tests.is_empty() {
            self.nothing_to_compare(criterion, node, "has");
            return None;
        }
        tests.into_iter().collect::<Option<Vec<_>>>().map(|tests| ListMatcher::new(tests, Case::Sensitive))
    }

    fn list_test(&mut self, criterion: &str, entry: &Entry) -> Option<ListTest> {
        let test: fn(String) -> ListTest = match entry.key.as_str() {
            "has" => ListTest::Has,
            "is" => ListTest::Is,
            "exclude" => ListTest::Exclude,
            _ => {
                self.no_test(criterion, entry, &LIST_TESTS);
                return None;
            }
        };
        self.value(&entry.key, &entry.value).map(|text| test(text.value))
    }

    /// One value to compare with. The empty text would be found in, before and after everything.
    fn value(&mut self, test: &str, node: &Node) -> Option<At<String>> {
        if matches!(node.content, Content::List(_)) {
            self.problems.error(
                &node.place,
                format!("`{test}` compares with one value, but here is a list"),
                "Write one criterion for each below `or`; texts have `in: [ONE, OTHER]` too.",
            );
            return None;
        }
        let given = if matches!(node.content, Content::Null) { None } else { Some(self.reading().text(test, node)?) };
        let value = given.filter(|given| !given.value.is_empty());
        if value.is_none() {
            self.problems.error(&node.place, format!("`{test}` has nothing to compare with"), "Give it a value.");
        }
        value
    }

    fn values(&mut self, test: &str, node: &Node) -> Option<Vec<String>> {
        let Content::List(items) = &node.content else {
            self.problems.error(
                &node.place,
                format!("`{test}` compares with a list of values, but here is {}", node.kind()),
                format!("Write `{test}: [ONE, OTHER]`."),
            );
            return None;
        };
        let values: Vec<_> = items.iter().map(|item| self.value(test, item).map(|text| text.value)).collect();
        values.into_iter().collect()
    }

    fn no_test(&mut self, criterion: &str, entry: &Entry, tests: &[&str]) {
        let mend = match nearest(&entry.key, tests) {
            Some(meant) => format!("Did you mean `{meant}`?"),
            None => format!("It can be compared by: {}.", tests.join(", ")),
        };
        self.problems.error(&entry.place, format!("`{criterion}` cannot be compared by `{}`", shown(&entry.key)), mend);
    }

    fn nothing_to_compare(&mut self, criterion: &str, node: &Node, test: &str) {
        self.problems.error(
            &node.place,
            format!("`{criterion}` has nothing to compare with"),
            format!("Write `{criterion}: {{{test}: VALUE}}`."),
        );
    }
}
