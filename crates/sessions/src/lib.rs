//! Tickets, sessions and the store that keeps them sealed.
//!
//! A session is one sign-in of one identity in one browser. The browser holds a [`Ticket`] for each host; the
//! store holds sealed bytes under hashed names. Neither can be read with the other alone, and neither without
//! the server's secret.
//!
//! Refuses: a ticket on another host than the one it was granted for, a record moved to another name or altered
//! by a single bit, a session that has ended or expired (also when it ends while it is being looked up), a
//! hand-over code used twice, and a damaged store file (which is never silently made anew).

mod browser;
mod card;
mod error;
mod handover;
mod lease;
mod limits;
mod live;
mod record;
mod refreshing;
mod registry;
mod rights;
mod seal;
mod secrets;
mod server_secret;
mod sessions;
mod store;
mod ticket;
mod token;
mod vault;

pub use browser::BrowserId;
pub use card::SessionCard;
pub use error::{SessionsError, StoreUnavailable};
pub use handover::Handover;
pub use lease::{Clock, Holder, Lease};
pub use limits::Limits;
pub use live::{Known, LiveSession, NewSession};
pub use seal::{Sealer, Secret32};
pub use secrets::SecretRing;
pub use server_secret::server_secret;
pub use sessions::{BlockedPerson, Blocking, Heard, LastHeard, MOST_TICKETS, Recognised, Refreshed, Renewed, Sessions};
pub use store::{
    Change, Changes, Expected, FileStore, MemoryStore, PostgresOptions, PostgresStore, Put, RecordKey, RecordKind,
    RedisOptions, RedisStore, SessionStore, StoreFuture, Stored, Version,
};
pub use ticket::Ticket;
pub use token::{Token, Tokens};
pub use vault::{Opened, Vault};
