//! Tests of policies, as they stand below `tests` or in a file of their own.
//!
//! Refuses: more than 10,000 of them.

use super::section::Section;
use super::unsupported::NONE;
use super::{At, Given, Named, Reading};
use crate::Limit;
use crate::problem::Place;
use crate::yaml::{Content, Node};

/// The most tests in one file.
const MOST_TESTS: usize = 10_000;

/// A file of tests.
#[derive(Debug)]
pub(crate) struct RawExpectations {
    pub(crate) config: Option<At<String>>,
    pub(crate) tests: Vec<RawExpectation>,
}

/// One test.
#[derive(Debug)]
pub(crate) struct RawExpectation {
    pub(crate) place: Place,
    pub(crate) name: Option<At<String>>,
    /// `as`.
    pub(crate) who: Option<At<String>>,
    pub(crate) groups: Option<At<Vec<At<String>>>>,
    pub(crate) claims: Option<At<Named<Vec<At<String>>>>>,
    pub(crate) user: Option<At<String>>,
    pub(crate) unverified: Option<At<bool>>,
    pub(crate) identity_provider: Option<At<String>>,
    pub(crate) authentication_age: Option<At<Limit>>,
    pub(crate) url: Given<At<String>>,
    pub(crate) method: Option<At<String>>,
    pub(crate) ip: Option<At<String>>,
    pub(crate) headers: Option<At<Named<Vec<At<String>>>>>,
    pub(crate) websocket: Option<At<bool>>,
    pub(crate) time: Option<At<String>>,
    pub(crate) client_certificate: Option<At<String>>,
    pub(crate) expect: Given<At<String>>,
    pub(crate) reason: Option<At<String>>,
}

impl RawExpectations {
    /// A file of its own: `tests` and perhaps `config`, or the list of tests alone.
    pub(crate) fn read(root: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        if let Content::List(_) = root.content {
            return Some(Self { config: None, tests: tests(root, reading) });
        }
        let mut section = Section::of(root, "a file of tests", reading)?;
        let config = section.text("config", reading);
        let node = section.node("tests");
        section.close("a file of tests", NONE, reading);
        Some(Self { config, tests: node.map(|node| tests(&node, reading)).unwrap_or_default() })
    }
}

/// The tests of a list.
pub(crate) fn tests(node: &Node, reading: &mut Reading<'_>) -> Vec<RawExpectation> {
    let items = match &node.content {
        Content::Null => return Vec::new(),
        Content::List(items) => items,
        Content::Scalar(_) | Content::Map(_) => {
            reading.problems.error(
                &node.place,
                format!("`tests` is a list, but here is {}", node.kind()),
                "Write each test below `tests:`, beginning with `- `, as in `- {url: https://…, expect: deny}`.",
            );
            return Vec::new();
        }
    };
    if items.len() > MOST_TESTS {
        reading.problems.error(
            &node.place,
            format!("these are {} tests; one file may have {MOST_TESTS}", items.len()),
            "Put them into several files, and name them all: `doorward test FILE FILE`.",
        );
        return Vec::new();
    }
    items.iter().filter_map(|item| RawExpectation::read(item, reading)).collect()
}

impl RawExpectation {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        let mut section = Section::of(node, "a test", reading)?;
        let raw = Self {
            place: section.place.clone(),
            name: section.text("name", reading),
            who: section.text_or_empty("as", reading),
            groups: section.texts("groups", reading),
            claims: lists(&mut section, "claims", reading),
            user: section.text("user", reading),
            unverified: section.flag("unverified", reading),
            identity_provider: section.text("identity_provider", reading),
            authentication_age: section.limit("authentication_age", reading),
            url: Given::read(reading, |reading| section.text("url", reading)),
            method: section.text("method", reading),
            ip: section.text("ip", reading),
            headers: lists(&mut section, "headers", reading),
            websocket: section.flag("websocket", reading),
            time: section.text("time", reading),
            client_certificate: section.text("client_certificate", reading),
            expect: Given::read(reading, |reading| section.text("expect", reading)),
            reason: section.text("reason", reading),
        };
        section.close("a test", NONE, reading);
        Some(raw)
    }
}

/// Names with a text each, or a list of texts.
fn lists(section: &mut Section, key: &'static str, reading: &mut Reading<'_>) -> Option<At<Named<Vec<At<String>>>>> {
    let node = section.node(key)?;
    reading.named(key, &node, Reading::texts)
}
