//! How requests are spread over the addresses of an upstream, and when one of them is passed over.

use std::time::Duration;

/// What a route says of its addresses, beyond which they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Balancing {
    /// Which address is next (`load_balancing_policy`).
    pub policy: BalancingPolicy,
    /// The weight of each address, in their order, from 1 to 1,000,000. Empty: they are all alike.
    pub weights: Vec<u32>,
    /// How addresses are asked whether they are well. All of them must say so.
    pub health_checks: Vec<HealthCheck>,
    /// With a smaller share than this of addresses that are well, in percent, all are used (`healthy_panic_threshold`).
    pub panic_threshold: u8,
    /// When an address is left alone for how it answers requests. None: never.
    pub outliers: Option<OutlierDetection>,
    /// How much it is given at once.
    pub breakers: Breakers,
}

impl Default for Balancing {
    fn default() -> Self {
        Self {
            policy: BalancingPolicy::default(),
            weights: Vec::new(),
            health_checks: Vec::new(),
            panic_threshold: 50,
            outliers: None,
            breakers: Breakers::default(),
        }
    }
}

/// Which address is next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum BalancingPolicy {
    /// In turn.
    #[default]
    RoundRobin,
    /// The less busy of two taken at random.
    LeastRequest,
    /// The same for the same visitor, found on a ring.
    RingHash,
    /// The same for the same visitor, found in a table.
    Maglev,
    /// Any.
    Random,
}

/// How an address is asked whether it is well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HealthCheck {
    /// How long an answer may take, connecting included. Never zero.
    pub timeout: Duration,
    /// How long from the end of one check to the next. At least 100 ms.
    pub interval: Duration,
    /// The first check waits for a random part of this.
    pub initial_jitter: Duration,
    /// Each interval is longer by a random part of this.
    pub interval_jitter: Duration,
    /// So many failures in a row make it unwell. At least one.
    pub unhealthy_threshold: u32,
    /// So many successes in a row make it well again. At least one.
    pub healthy_threshold: u32,
    /// What is asked.
    pub kind: CheckKind,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum CheckKind {
    /// A request, and its status.
    Http(HttpCheck),
    /// A connection that comes about, TLS included.
    Tcp,
    /// `grpc.health.v1.Health/Check`.
    Grpc(GrpcCheck),
}

/// A request that asks whether an address is well.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpCheck {
    /// What stands in Host instead of the address's own name.
    pub host: Option<String>,
    /// The path, perhaps with a query.
    pub path: String,
    /// GET, HEAD or OPTIONS.
    pub method: http::Method,
    /// The statuses that are well: from, and up to but not including.
    pub expected: Vec<(u16, u16)>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
}

/// A call that asks whether an address is well.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct GrpcCheck {
    /// The service asked about; empty: the server as a whole.
    pub service: String,
    /// What stands in `:authority` instead of the address's own name.
    pub authority: Option<String>,
}

/// When an address is left alone for a while, for how it answers requests. Zero counts nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OutlierDetection {
    /// So many statuses from 500 on in a row.
    pub consecutive_5xx: u32,
    /// So many of 502, 503 and 504 in a row.
    pub consecutive_gateway_failure: u32,
    /// So many connections in a row that did not come about or broke; counted where these are told apart.
    pub consecutive_local_origin_failure: u32,
    /// Whether what goes wrong with connections is told from what the address answers.
    pub split_local_origin: bool,
    /// An address that was well for this long is left alone for less the next time.
    pub interval: Duration,
    /// How long it is left alone the first time; the second time twice as long, and so on.
    pub base_ejection_time: Duration,
    /// The longest.
    pub max_ejection_time: Duration,
    /// The largest share of addresses that are left alone at once, in percent.
    pub max_ejection_percent: u8,
    /// In how many of a hundred cases it is done.
    pub enforcing_5xx: u8,
    /// In how many of a hundred cases it is done.
    pub enforcing_gateway_failure: u8,
    /// In how many of a hundred cases it is done.
    pub enforcing_local_origin_failure: u8,
}

impl Default for OutlierDetection {
    fn default() -> Self {
        Self {
            consecutive_5xx: 5,
            consecutive_gateway_failure: 5,
            consecutive_local_origin_failure: 5,
            split_local_origin: false,
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection_percent: 10,
            enforcing_5xx: 100,
            enforcing_gateway_failure: 0,
            enforcing_local_origin_failure: 100,
        }
    }
}

/// How much an upstream is given at once. What is beyond is refused, and never waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Breakers {
    /// Connections, tunnels aside.
    pub max_connections: u32,
    /// Requests that wait for a connection to come about.
    pub max_pending_requests: u32,
    /// Requests whose answers have not ended, tunnels aside.
    pub max_requests: u32,
    /// Requests that are sent a second time.
    pub max_retries: u32,
}

impl Default for Breakers {
    fn default() -> Self {
        Self { max_connections: 4096, max_pending_requests: 1024, max_requests: 4096, max_retries: 256 }
    }
}
