//! Over real sockets, on loopback: what a client sees of every limit and every door.

mod clients;
mod drain;
mod floods;
mod handshakes;
mod http;
mod limits;
mod proxies;
mod server;
mod stalled_streams;
mod tls;
mod versions;
mod wire;
