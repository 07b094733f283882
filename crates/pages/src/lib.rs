//! Every page and JSON answer of ours that a person or client may meet, from sign-in to "the upstream is down".
//!
//! Refuses by construction: scripts (there are none, and the policy header forbids them; the one page that ends a
//! sign-in in a pop-up may run files of its own host), markup out of
//! anything a visitor or provider said (templates escape), framing, caching, and links that are no http(s).

mod contact;
mod format;
mod page;
mod render;
mod respond;
mod session;

#[cfg(test)]
mod tests;

pub use format::Format;
pub use page::{
    ClientCertificate, Denied, Onward, Page, Problem, RouteAddress, RouteCard, Routes, SetPassword, SignIn,
    SignInRequired, SignOutConfirm, SignedOut, UserInfo,
};
pub use respond::{INTERCEPTED, respond};
pub use session::{Blocked, SessionEntry, SessionList, SignedIn, When};

/// The one style sheet, inlined into every page; its hash is in the policy header.
const STYLE: &str = include_str!("../templates/style.css");
