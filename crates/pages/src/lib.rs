//! Every page and JSON answer of ours that a person or client may meet, from sign-in to "the upstream is down".
//!
//! Refuses by construction: scripts (there are none, and the policy header forbids them), markup out of
//! anything a visitor or provider said (templates escape), framing, caching, and links that are no http(s).

mod format;
mod page;
mod render;
mod respond;

#[cfg(test)]
mod tests;

pub use format::Format;
pub use page::{
    ClientCertificate, Denied, Onward, Page, Problem, RouteAddress, RouteCard, Routes, SetPassword, SignIn,
    SignInRequired, SignOutConfirm, SignedOut, UserInfo,
};
pub use respond::{INTERCEPTED, respond};

/// The one style sheet, inlined into every page; its hash is in the policy header.
const STYLE: &str = include_str!("../templates/style.css");
