//! What the program says to the person who types.

mod against;
mod agreement;
mod certificate;
mod check;
mod explain;
mod others;
mod policies;
mod test;
