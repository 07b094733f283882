//! Whole sign-ins and sign-outs over the public face of the crate, against a provider that behaves and one that
//! does not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, also in what the tests share"
)]

mod attempts;
mod built_in;
mod circles;
mod door;
mod endpoints;
mod handover;
mod hostile_provider;
mod jars;
mod limits;
mod logout;
mod max_age;
mod openid;
mod provider;
mod refresh;
mod scripts;
mod sessions;
mod sessions_outage;
mod sign_out;
mod tossed;
