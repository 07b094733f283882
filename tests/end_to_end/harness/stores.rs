//! Real servers that replicas share: Redis, Valkey, a cluster of them, PostgreSQL; the same as the contract of the
//! session stores has.

#[path = "../../../crates/sessions/tests/store_contract/servers/certificates.rs"]
pub(crate) mod certificates;
#[path = "../../../crates/sessions/tests/store_contract/servers/postgres.rs"]
pub(crate) mod postgres;
#[path = "../../../crates/sessions/tests/store_contract/servers/process.rs"]
pub(crate) mod process;
#[path = "../../../crates/sessions/tests/store_contract/servers/redis.rs"]
pub(crate) mod redis;

use self::postgres::Postgres;
use self::redis::{Cluster, Redis, redis_server, valkey_server};
use super::counterpart::{installed, of_the_system};
use super::skip;

/// A server, until dropped.
pub(crate) enum Store {
    Redis(Redis),
    Cluster(Cluster),
    Postgres(Postgres),
}

impl Store {
    /// Redis, or none, said loudly.
    pub(crate) fn redis() -> Option<Self> {
        redis_server().map(|program| Self::Redis(Redis::start(&program)))
    }

    /// Redis with TLS under an authority of its own.
    pub(crate) fn redis_with_tls() -> Option<Self> {
        redis_server().map(|program| Self::Redis(Redis::start_with_tls(&program)))
    }

    pub(crate) fn valkey() -> Option<Self> {
        valkey_server().map(|program| Self::Redis(Redis::start(&program)))
    }

    /// Three servers of Redis that share the records among them.
    pub(crate) fn cluster() -> Option<Self> {
        redis_server().map(|program| Self::Cluster(Cluster::start(&program)))
    }

    pub(crate) fn postgres() -> Option<Self> {
        Postgres::start().map(Self::Postgres)
    }

    /// The configuration that has Doorward keep its sessions there.
    pub(crate) fn keys(&self) -> String {
        let (kind, address) = match self {
            Self::Redis(server) => ("redis", server.address()),
            Self::Cluster(cluster) => ("redis", cluster.address()),
            Self::Postgres(server) => ("postgres", server.address("public", "&sslmode=disable")),
        };
        format!("databroker_storage_type: {kind}\ndatabroker_storage_connection_string: \"{address}\"\n")
    }

    /// PEM of who vouches for it, where the system does not.
    pub(crate) fn authority(&self) -> Option<String> {
        match self {
            Self::Redis(server) => server.authority.clone().map(|pem| String::from_utf8(pem).unwrap()),
            Self::Cluster(_) | Self::Postgres(_) => None,
        }
    }

    /// Ends it; its data stay.
    pub(crate) fn stop(&mut self) {
        match self {
            Self::Redis(server) => server.stop(),
            Self::Cluster(cluster) => cluster.nodes.iter_mut().for_each(Redis::stop),
            Self::Postgres(server) => server.stop(),
        }
    }

    /// Starts it again on its data.
    pub(crate) fn go_on(&mut self) {
        match self {
            Self::Redis(server) => server.go_on(),
            Self::Cluster(cluster) => cluster.nodes.iter_mut().for_each(Redis::go_on),
            Self::Postgres(server) => server.go_on(),
        }
    }
}
