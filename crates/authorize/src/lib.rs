//! The decision, as a pure function: facts and a visitor in, a permit or the grounds of a refusal out.
//!
//! Refuses: everything that no rule allows. A [`Permit`] comes out of [`Policy::decide`] and from nowhere
//! else, so whoever holds one holds the proof that policy allowed this very request.
//!
//! The language is Pomerium's policy language (PPL), with the same semantics, corner cases included, so
//! that a policy moved from there decides the same here.

mod advice;
mod certificate;
mod criterion;
mod decision;
mod explain;
mod facts;
mod matcher;
mod networks;
mod policy;
mod reason;
mod rule;
mod times;

pub use certificate::CertificateMatcher;
pub use criterion::Criterion;
pub use decision::{Decision, Grounds, Permit, RouteId, RuleNumber};
pub use explain::{CriterionExplanation, Explanation, RuleExplanation, Verdict};
pub use facts::{Facts, Visitor};
pub use matcher::{
    Case, InvalidPattern, LONGEST_PATTERN, ListMatcher, ListTest, Pattern, People, StringMatcher, StringTest, TextSet,
};
pub use networks::Networks;
pub use policy::{Judgement, Policy, Shadow};
pub use reason::{Reason, Reasons};
pub use rule::{Action, Operator, Origin, Rule};
pub use times::{Age, DateRange, Days, TimeOfDay};
