//! How much is taken on: requests under way, how often who may ask, how large a body may be.
//!
//! Refuses what is beyond, at once and with a word of its own; nothing waits in a queue.

mod measured;
mod rates;
mod stalled;
mod under_way;

pub(crate) use measured::{Measured, UploadError};
pub(crate) use rates::{HeldTo, RateBuckets, When};
pub(crate) use stalled::unless_stalled;
pub use under_way::AnswerBody;
pub(crate) use under_way::{Place, UnderWay};
