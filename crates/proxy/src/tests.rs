//! The whole pipeline over real sockets: visitors, upstreams, and what each gets to see.

mod attacks;
mod balancing;
mod challenges;
mod circles;
mod client_certificates;
mod decisions;
mod escaped_slashes;
mod expectations;
mod forwarding;
mod grpc;
mod http2_upstreams;
mod interim;
mod introductions;
mod kubernetes;
mod limits;
mod long_answers;
mod max_age;
mod preflight;
mod reaching;
mod refusals;
mod rewriting;
mod sessions;
mod streaming;
pub(crate) mod support;
mod tls_upstreams;
mod websockets;
