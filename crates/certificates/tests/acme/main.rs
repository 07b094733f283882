//! Ordering from a real ACME server: `pebble`, the authority's own for tests.
//!
//! It is taken from `$DOORWARD_PEBBLE`, the workspace's `.tools/pebble`, or the path; without it these tests say so
//! and skip.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod faults;
mod issuing;
mod pebble;
mod replicas;
mod server;
