//! How the process speaks: log lines, one access line a request, audit events, request ids.
//!
//! Refuses: secrets. Nothing here takes a cookie, a token, a password or a query string.

mod access_log;
mod audit;
mod audit_counts;
mod logging;
mod request_id;

pub use access_log::{AccessLine, AccessLog, DecidingRule};
pub use audit::{AuditEvent, audit};
pub use audit_counts::AuditCounts;
pub use logging::{LogFormat, init_logging};
pub use request_id::RequestId;
