//! One file a header concern: what is taken off a message before it passes us, and what we put on it.
//!
//! Order is security: hop-by-hop first, then the reserved names, then ours are added; else a `Connection` line
//! could name one of ours for removal.

mod cookies;
mod forwarded;
mod hop_by_hop;
mod reserved;
mod response;

use http::{HeaderMap, HeaderName};

pub use cookies::strip_cookies;
pub use forwarded::{Peer, set_forwarded};
pub use hop_by_hop::strip_hop_by_hop;
pub use reserved::{is_reserved, strip_reserved};
pub use response::strip_response;

/// The members of a comma-separated list over all its lines (RFC 9110 §5.6.1), empty ones left out.
pub(crate) fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|token| !token.is_empty())
}
