//! Over real sockets, on loopback: what a client sees of every limit and every door.

mod clients;
mod drain;
mod handshakes;
mod http;
mod limits;
mod server;
mod tls;
mod wire;
