//! What an upstream gets to see of a request, and a visitor of an answer.

pub(crate) mod regex_rewrite;
pub(crate) mod response_rewrite;
pub(crate) mod rewrite;
pub(crate) mod telling;
mod template;
pub(crate) mod to_upstream;
pub(crate) mod to_visitor;
