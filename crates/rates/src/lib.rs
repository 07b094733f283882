//! How often somebody may do something: token buckets, many of them in bounded memory.
//!
//! Refuses: what comes faster than a [`Rate`] allows, saying how long to wait. Refuses to grow, to let a flood of
//! strangers empty the memory of who has been refused, and to keep anybody out because the memory is full.

mod buckets;
mod network;
mod rate;

pub use buckets::Buckets;
pub use network::network;
pub use rate::{Bucket, Rate, TooSoon};
