//! A route's policy, as keys of the older kind and as PPL; the latter is read by the compiler, as a tree.

use std::rc::Rc;

use super::{At, Reading, Section};
use crate::problem::Severity;
use crate::yaml::Node;

#[derive(Debug)]
pub(crate) struct RawPolicy {
    pub(crate) policy: Option<Rc<Node>>,
    pub(crate) allowed_users: Option<At<Vec<At<String>>>>,
    pub(crate) allowed_domains: Option<At<Vec<At<String>>>>,
    pub(crate) allow_any_authenticated_user: Option<At<bool>>,
    pub(crate) allow_public_unauthenticated_access: Option<At<bool>>,
    pub(crate) cors_allow_preflight: Option<At<bool>>,
    /// Whether some of it is not readable, so that what is missing may be there.
    pub(crate) unreadable: bool,
}

impl RawPolicy {
    pub(super) fn read(section: &mut Section, reading: &mut Reading<'_>) -> Self {
        let before = reading.problems.count(Severity::Error);
        let raw = Self {
            policy: section.node("policy"),
            allowed_users: section.texts("allowed_users", reading),
            allowed_domains: section.texts("allowed_domains", reading),
            allow_any_authenticated_user: section.flag("allow_any_authenticated_user", reading),
            allow_public_unauthenticated_access: section.flag("allow_public_unauthenticated_access", reading),
            cors_allow_preflight: section.flag("cors_allow_preflight", reading),
            unreadable: false,
        };
        Self { unreadable: reading.problems.count(Severity::Error) > before, ..raw }
    }
}
