//! What the program says to the person who types.

mod certificate;
mod check;
mod explain;
mod others;
