//! What comes out of a policy.

use std::fmt;
use std::sync::Arc;

use crate::Reasons;

/// The name of a route, the same in the log, in explanations and in a permit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(Arc<str>);

impl RouteId {
    /// A route of this name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteId({})", self.0)
    }
}

/// Which rule of a policy, counted from 1 in the order written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleNumber(pub usize);

/// What a decision rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grounds {
    /// The reasons the deciding rules gave.
    pub reasons: Reasons,
    /// The first rule that held; none when it was decided because no rule held.
    pub rule: Option<RuleNumber>,
    /// The line of the configuration that rule stands on; 0 for none.
    pub line: u32,
}

/// The proof that policy allowed one request, spent by forwarding it.
///
/// It cannot be made, copied or read from anywhere: only [`crate::Policy::decide`] gives one out.
///
/// ```compile_fail
/// let forged = doorward_authorize::Permit { route: todo!(), grounds: todo!() };
/// ```
/// ```compile_fail
/// fn twice(permit: doorward_authorize::Permit) -> [doorward_authorize::Permit; 2] { [permit.clone(), permit] }
/// ```
#[derive(Debug)]
pub struct Permit {
    route: RouteId,
    grounds: Grounds,
}

impl Permit {
    pub(crate) fn new(route: RouteId, grounds: Grounds) -> Self {
        Self { route, grounds }
    }

    /// The route it is good for.
    pub fn route(&self) -> &RouteId {
        &self.route
    }

    /// Why it was given.
    pub fn grounds(&self) -> Grounds {
        self.grounds
    }
}

/// What policy says to a request.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// Let it through; the permit is the key.
    Allow(Permit),
    /// Ask who it is first.
    SignIn(Grounds),
    /// No.
    Deny(Grounds),
}

impl Decision {
    /// What is decided, by name.
    pub fn verdict(&self) -> crate::Verdict {
        match self {
            Self::Allow(_) => crate::Verdict::Allow,
            Self::SignIn(_) => crate::Verdict::SignIn,
            Self::Deny(_) => crate::Verdict::Deny,
        }
    }

    /// Why.
    pub fn grounds(&self) -> Grounds {
        match self {
            Self::Allow(permit) => permit.grounds(),
            Self::SignIn(grounds) | Self::Deny(grounds) => *grounds,
        }
    }
}
