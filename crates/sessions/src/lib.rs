//! Tickets, sessions and the store that keeps them sealed.
//!
//! A session is one sign-in of one identity in one browser. The browser holds a [`Ticket`] for each host; the
//! store holds sealed bytes under hashed names. Neither can be read with the other alone, and neither without
//! the server's secret.
//!
//! Refuses: a ticket on another host than the one it was granted for, a record moved to another name or altered
//! by a single bit, a session that has ended or expired (also when it ends while it is being looked up), a
//! hand-over code used twice, and a damaged store file (which is never silently made anew).

mod error;
mod handover;
mod live;
mod record;
mod registry;
mod seal;
mod server_secret;
mod sessions;
mod store;
mod ticket;

pub use error::{SessionsError, StoreUnavailable};
pub use handover::Handover;
pub use live::{LiveSession, NewSession, Token, Tokens};
pub use seal::{Sealer, Secret32};
pub use server_secret::server_secret;
pub use sessions::Sessions;
pub use store::{
    Change, Changes, Expected, FileStore, MemoryStore, PostgresOptions, PostgresStore, Put, RecordKey, RecordKind,
    RedisOptions, RedisStore, SessionStore, StoreFuture, Stored, Version,
};
pub use ticket::Ticket;
