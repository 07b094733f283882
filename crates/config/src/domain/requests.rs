//! What of a request's form is taken as it is, and what is refused or made plain.

pub use doorward_hygiene::Underscored;

/// What becomes of a path in which a slash is escaped (`%2F`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EscapedSlashes {
    /// Refused.
    #[default]
    Reject,
    /// Passed on as it is, where policy allows it in both readings: as a slash, and as three characters of a name.
    Keep,
    /// The client is sent to the same path with plain slashes.
    Redirect,
    /// Taken for the same path with plain slashes, by policy as by the upstream.
    Unescape,
}
