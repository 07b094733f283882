//! The whole pipeline over real sockets: visitors, upstreams, and what each gets to see.

mod attacks;
mod challenges;
mod circles;
mod client_certificates;
mod decisions;
mod forwarding;
mod grpc;
mod http2_upstreams;
mod introductions;
mod long_answers;
mod max_age;
mod reaching;
mod refusals;
mod sessions;
mod streaming;
pub(crate) mod support;
mod tls_upstreams;
mod websockets;
