//! The end-to-end suite: starts the built program and drives it over real sockets.
//!
//! One module for each promise or threat. `harness` holds what they share; every test starts a program of its
//! own, so that none can disturb another.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "all of this crate is tests: what goes wrong should end one"
)]
#![allow(
    clippy::format_collect,
    clippy::format_push_string,
    clippy::large_futures,
    clippy::similar_names,
    clippy::too_many_lines,
    reason = "tables of cases are read more often than they are run"
)]

mod accounts;
mod acme;
mod balancing;
mod chaos;
mod client_certificates;
mod command_line;
mod disk_full;
mod forwarding;
mod harness;
mod hostile_provider;
mod hygiene;
mod identity;
mod introductions;
mod lifecycle;
mod limits;
mod load;
mod matrix;
mod policy;
mod proxies;
mod records;
mod refresh;
mod replicas;
mod scanner;
mod sign_in;
mod soak;
mod strangers;
mod tls;
mod websockets;
mod wildcards;
