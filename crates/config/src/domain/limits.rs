//! How much of everything there may be: what the `limits` block and `rate_limit` say.

use std::time::Duration;

/// The limits of the whole process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Of each listener and each connection.
    pub connection: ConnectionLimits,
    /// Requests under way at once (`requests`).
    pub requests: usize,
    /// The same of one address (`requests_per_address`).
    pub requests_per_address: usize,
    /// WebSockets open at once in one session, or from one address for who is not signed in (`tunnels_per_session`).
    pub tunnels_per_session: u32,
    /// Of signing in.
    pub sign_in: SignInLimits,
}

/// The limits of a listener and of its connections. They are taken when it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at once, tunnels included.
    pub connections: usize,
    /// The same from one address.
    pub connections_per_address: usize,
    /// From accept to the end of the TLS handshake.
    pub handshake_timeout: Duration,
    /// Bytes of a request's head.
    pub header_bytes: usize,
    /// Lines of a request's head.
    pub header_count: usize,
    /// Bytes of a request's first line.
    pub request_line_bytes: usize,
    /// HTTP/2: requests at once on one connection.
    pub streams_per_connection: u32,
    /// HTTP/2: requests begun and taken back at once on one connection.
    pub resets_per_connection: usize,
    /// How long a visitor may take nothing at all of an answer.
    pub stalled_write_timeout: Duration,
}

/// The limits of signing in. Addresses are IPv4 addresses and /64 networks of IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInLimits {
    /// Sign-ins begun from one address in a minute (`sign_ins_per_address`).
    pub begun_per_address: u32,
    /// Failures for one account from one address within `failures_within` (`failed_sign_ins`).
    pub failures: u32,
    /// Failures from one address (`failed_sign_ins_per_address`).
    pub failures_per_address: u32,
    /// Failures for one account from anywhere (`failed_sign_ins_per_account`).
    pub failures_per_account: u32,
    /// How long a failure counts (`failed_sign_ins_within`).
    pub failures_within: Duration,
    /// Session cookies that nobody knows, from one address in a second (`unknown_sessions_per_address`).
    pub unknown_sessions_per_address: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connection: ConnectionLimits::default(),
            requests: 20_000,
            requests_per_address: 5000,
            tunnels_per_session: 256,
            sign_in: SignInLimits::default(),
        }
    }
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 1024,
            handshake_timeout: Duration::from_secs(10),
            header_bytes: 64 << 10,
            header_count: 100,
            request_line_bytes: 16 << 10,
            streams_per_connection: 128,
            resets_per_connection: 20,
            stalled_write_timeout: Duration::from_secs(2 * 60),
        }
    }
}

impl Default for SignInLimits {
    fn default() -> Self {
        Self {
            begun_per_address: 300,
            failures: 10,
            failures_per_address: 30,
            failures_per_account: 100,
            failures_within: Duration::from_secs(15 * 60),
            unknown_sessions_per_address: 20,
        }
    }
}

/// The limits of one route.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteLimits {
    /// Bytes of a request's body; none for any number.
    pub max_request_bytes: Option<u64>,
    /// How often it may be asked.
    pub rates: Vec<RateLimit>,
}

/// How often something may be asked for: so many requests at once, and then so many in a span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RateLimit {
    /// How many in each `per`. Never zero.
    pub requests: u32,
    /// Never zero.
    pub per: Duration,
    /// How many at once. Never zero.
    pub burst: u32,
    /// Whose requests are counted together.
    pub by: RateKey,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RateKey {
    /// Those of one IPv4 address, or of one /64 network of IPv6.
    Address,
    /// Those of one person, in all their sessions; of who is not signed in, those of the address.
    Identity,
    /// All of the route.
    Route,
}
