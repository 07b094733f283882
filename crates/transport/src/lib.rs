//! Sockets, TLS accept, limits and drain: from a listening address to one HTTP request at a time.
//!
//! Refuses: what is neither TLS nor HTTP, connections beyond the limits, whoever is silent or slow for too long,
//! and heads over their limits. Nothing here decides on a request; [`Handler`] gets every one that was read whole,
//! extended CONNECT (RFC 8441) included.

mod accept;
mod admission;
mod answer;
mod choose;
mod client_chain;
mod connection;
mod counts;
mod drain;
mod error;
mod framing;
mod guarded;
mod handler;
mod handshake;
mod head_limits;
mod limits;
mod listener;
mod peer;
mod preface;
pub mod proxy_header;
mod socket_options;
mod streams;
mod supervise;
mod terms;
mod tickets;
mod tls;
mod watch;

#[cfg(test)]
mod tests;

pub use accept::serve;
pub use admission::Admission;
pub use choose::{Always, ChooseTls, Chosen, Hello};
pub use client_chain::ClientChain;
pub use counts::{Counts, Reason};
pub use drain::Drain;
pub use error::TransportError;
pub use handler::{BoxError, Handler};
pub use limits::Limits;
pub use listener::{Kind, Listener};
pub use peer::{Arrival, Peer, Protocol};
pub use streams::{Ends, ends_with};
pub use terms::{Terms, Versions};
pub use tickets::{MOST_TICKET_KEYS, TICKET_KEY, TICKET_KEY_NAME, TicketKey, TicketKeys};
pub use tls::{challenge_config, server_config};
pub use watch::InUse;
