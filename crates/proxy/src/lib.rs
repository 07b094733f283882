//! From a clean request to an upstream's answer: finding the route, asking the policy, forwarding what it allows.
//!
//! [`Pipeline`] is a request's life, read top to bottom in `pipeline.rs`; what it refuses is listed in `refusal.rs`.
//! Refuses above all to connect to an upstream for a request that no policy allowed: the one function that does takes
//! the permit by value.

mod account;
mod answer;
mod arrived;
mod body;
mod by_host;
mod by_text;
mod challenges;
mod clients;
mod error;
mod escaped_slashes;
mod headers;
mod held;
mod identify;
mod limits;
mod pipeline;
mod redirect;
mod refusal;
mod respond;
mod route_table;
mod served_route;
mod snapshot;
mod static_answer;
mod tally;
mod told_headers;
mod tunnels;
mod upgrade;
mod upstreams;

#[cfg(test)]
mod tests;

pub use body::{BoxError, ProxyBody};
pub use challenges::AnswerChallenges;
pub use clients::JudgeClients;
pub use error::{Blame, BuildError, ForwardError};
pub use identify::{Identify, NotIdentified, OwnEndpoints, RefusedFor};
pub use limits::AnswerBody;
pub use pipeline::{Pipeline, PipelineSettings};
pub use route_table::{NotFound, RouteTable, Routed};
pub use snapshot::{Snapshot, SnapshotSettings};
pub use tally::{DecisionCount, DifferenceCount, RateLimitedCount, RefusalCount};
pub use told_headers::passed_on;
pub use tunnels::{End, Tunnels};
pub use upstreams::{CertificateProblem, ClientCertificateProblem, DialError, Threshold, UpstreamFigure};

use doorward_telemetry::RequestId;
