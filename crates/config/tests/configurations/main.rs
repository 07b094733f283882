//! Configurations, good, bad and hostile, through the crate's public face.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed, in its helpers too"
)]

mod acme;
mod assertion;
mod bad;
mod balancing;
mod certificates;
mod client_certificates;
mod client_pair;
mod documentation;
mod environment;
mod expectations;
mod good;
mod grammar;
mod hostile;
mod limits;
mod people;
mod policies;
mod policy_warnings;
mod pomerium;
mod protect;
mod proxies;
mod rewriting;
mod secrets;
mod sessions;
mod shared_policies;
mod stores;
mod tls;
mod world;
