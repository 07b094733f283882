//! What the program says to the person who types.

mod check;
mod explain;
mod others;
