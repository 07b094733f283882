//! Everything that must be right about an HTTP message before anybody decides on it; no I/O.
//!
//! [`CleanHead::inspect`] is the only door: what passes it names one host, one path and one protocol, read the
//! same way by every part behind it. Refuses whatever could be read two ways, instead of repairing it.

mod accepts;
mod authority;
mod clean_head;
mod cookies;
pub mod headers;
mod host_pattern;
mod hostname;
mod origin;
mod path;
mod unclean;
mod upgrade;

pub use accepts::Accepts;
pub use authority::{Authority, InvalidAuthority};
pub use clean_head::{ArrivedOn, CleanHead};
pub use host_pattern::{HostPattern, InvalidHostPattern, InvalidOriginPattern, OriginPattern, parent_of};
pub use hostname::{Hostname, InvalidHostname};
pub use origin::{InvalidOrigin, Origin, RequestOrigin, Scheme};
pub use path::{InvalidPath, NormalPath, starts_with_segments};
pub use unclean::Unclean;
pub use upgrade::{ConnectProtocol, InvalidUpgrade, Upgrade, UpgradeToken, WebSocketHandshake};
