//! What operators do with sessions and people: with the doorward that runs, over a socket that only its own user may
//! open, or with the store itself where nobody runs.
//!
//! Refuses: every other user of the machine, requests that are too long or too slow, and to take the socket of a process
//! that is alive.

mod client;
mod direct;
mod operations;
mod protocol;
mod socket;

pub(crate) use direct::{Place, perform};
pub(crate) use operations::Operations;
pub(crate) use protocol::{Answer, Ended, Listed, Person, Request, Wanted, stamp};
pub(crate) use socket::AdminSocket;

use std::path::{Path, PathBuf};

/// What the socket is called, below the data directory.
const SOCKET: &str = "admin.sock";

/// Where the socket of a data directory is.
pub(crate) fn socket_of(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET)
}

#[cfg(test)]
mod stage;
