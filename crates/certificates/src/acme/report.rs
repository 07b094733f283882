//! What is told of the orders: to people at the command line, and to machines.

use serde::Serialize;

/// How the ordering of one name stands.
#[derive(Debug, Clone, Serialize)]
pub struct OrderReport {
    /// The name, perhaps with a `*.` in front.
    pub name: String,
    /// Where it stands.
    pub state: OrderState,
    /// Until when the certificate is good (RFC 3339).
    pub not_after: Option<String>,
    /// When it will be renewed (RFC 3339).
    pub next_renewal: Option<String>,
    /// Before when nothing is tried, after a failure (RFC 3339).
    pub next_attempt: Option<String>,
    /// How many attempts have failed since the last that did not.
    pub failures: u32,
    /// Why, and how to mend it.
    pub last_error: Option<String>,
}

/// Where the ordering of a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderState {
    /// There is no certificate yet, and nothing has gone wrong.
    Waiting,
    /// It is being ordered or renewed just now.
    Ordering,
    /// There is a certificate.
    Valid,
    /// There is a certificate, but renewing it has failed so far.
    RenewalFailing,
    /// There is none, and ordering one has failed so far.
    Failing,
}
