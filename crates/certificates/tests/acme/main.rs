//! Ordering from a real ACME server: `pebble`, the authority's own for tests.
//!
//! It is taken from `$DOORWARD_PEBBLE`, the workspace's `.tools/pebble`, or the path; without it these tests say so
//! and skip.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::similar_names,
    clippy::assigning_clones,
    reason = "a test fails by panicking, says aloud what it skips, and may be plain"
)]

mod faults;
mod issuing;
mod pebble;
mod replicas;
mod server;
