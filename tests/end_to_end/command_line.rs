//! What the program says to the person who types.

mod against;
mod agreement;
mod certificate;
mod check;
mod explain;
mod others;
mod policies;
mod session;
mod session_places;
mod session_records;
mod test;
