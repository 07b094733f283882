//! What of a route rewrites paths, hosts and the headers of answers.

use std::rc::Rc;

use super::unsupported::NONE;
use super::{At, Reading, Section};
use crate::problem::Place;
use crate::yaml::Node;

#[derive(Debug)]
pub(crate) struct RawRewriting {
    pub(crate) prefix: Option<At<String>>,
    pub(crate) path: RawRegexRewrite,
    pub(crate) host: Option<At<String>>,
    pub(crate) host_header: Option<At<String>>,
    pub(crate) host_by_path: RawRegexRewrite,
    pub(crate) preserve_host_header: Option<At<bool>>,
    pub(crate) response_headers: Option<At<Vec<RawHeaderRewrite>>>,
}

/// A pattern and its substitution, which may be empty.
#[derive(Debug)]
pub(crate) struct RawRegexRewrite {
    pub(crate) pattern: Option<At<String>>,
    pub(crate) substitution: Option<At<String>>,
}

#[derive(Debug)]
pub(crate) struct RawHeaderRewrite {
    pub(crate) place: Place,
    pub(crate) header: Option<At<String>>,
    pub(crate) prefix: Option<At<String>>,
    pub(crate) value: Option<At<String>>,
}

impl RawRewriting {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        Self {
            prefix: section.text("prefix_rewrite", reading),
            path: RawRegexRewrite {
                pattern: section.text("regex_rewrite_pattern", reading),
                substitution: section.text_or_empty("regex_rewrite_substitution", reading),
            },
            host: section.text("host_rewrite", reading),
            host_header: section.text("host_rewrite_header", reading),
            host_by_path: RawRegexRewrite {
                pattern: section.text("host_path_regex_rewrite_pattern", reading),
                substitution: section.text_or_empty("host_path_regex_rewrite_substitution", reading),
            },
            preserve_host_header: section.flag("preserve_host_header", reading),
            response_headers: section.blocks("rewrite_response_headers", reading).map(|blocks| {
                blocks.map(|blocks| blocks.iter().filter_map(|block| RawHeaderRewrite::read(block, reading)).collect())
            }),
        }
    }
}

impl RawRegexRewrite {
    /// Where it is given, if any of it is.
    pub(crate) fn place(&self) -> Option<&Place> {
        self.pattern.as_ref().or(self.substitution.as_ref()).map(|text| &text.place)
    }
}

impl RawHeaderRewrite {
    fn read(block: &Rc<Node>, reading: &mut Reading<'_>) -> Option<Self> {
        let what = "an item of `rewrite_response_headers`";
        let mut section = Section::of(block, what, reading)?;
        let raw = Self {
            place: section.place.clone(),
            header: section.text("header", reading),
            prefix: section.text("prefix", reading),
            value: section.text_or_empty("value", reading),
        };
        section.close(what, NONE, reading);
        Some(raw)
    }
}
