//! Servers that go away, stand still, come back, or hand over: nothing waits long, nothing is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_sessions::{
    Change, Expected, PostgresOptions, PostgresStore, Put, RecordKind, RedisOptions, RedisStore, Version,
};
use tokio::time::timeout;

use crate::place::{Shared, at, key};
use crate::promises::listening;
use crate::servers::postgres::Postgres;
use crate::servers::redis::{Cluster, PASSWORD_IN_ADDRESS, Redis, Watched, redis_server, valkey_server};

/// What a call may take when the store is down: its two seconds, and what a busy machine adds.
const BOUND: Duration = Duration::from_millis(3500);

/// A server that can be taken away.
enum Server {
    Redis(Redis),
    Postgres(Box<Postgres>),
}

impl Server {
    fn stop(&mut self) {
        match self {
            Self::Redis(server) => server.stop(),
            Self::Postgres(server) => server.stop(),
        }
    }

    fn go_on(&mut self) {
        match self {
            Self::Redis(server) => server.go_on(),
            Self::Postgres(server) => server.go_on(),
        }
    }

    async fn store(&self) -> Shared {
        match self {
            Self::Redis(server) => Arc::new(
                RedisStore::connect(
                    &server.address(),
                    RedisOptions { authorities: server.authority.clone(), ..RedisOptions::default() },
                )
                .await
                .unwrap(),
            ),
            Self::Postgres(server) => {
                let options = PostgresOptions { authorities: Some(server.authority.clone()), ..Default::default() };
                Arc::new(PostgresStore::connect(&server.address("public", ""), options).await.unwrap())
            }
        }
    }
}

/// Every kind of call fails, and soon.
async fn is_unavailable(store: &Shared) {
    for call in ["get", "put", "remove", "list", "sweep"] {
        let began = Instant::now();
        let failed = match call {
            "get" => store.get(&key(1), at(0)).await.is_err(),
            "put" => store.put(&key(2), Expected::Any, b"x", at(60), at(0)).await.is_err(),
            "remove" => store.remove(&key(2)).await.is_err(),
            "list" => store.list(RecordKind::Session, None, 10, at(0)).await.is_err(),
            _ => store.sweep(at(0)).await.is_err(),
        };
        assert!(failed, "{call} did not fail");
        assert!(began.elapsed() < BOUND, "{call} took {:?}", began.elapsed());
    }
}

/// The record of the key, as soon as there is an answer.
async fn read_again(store: &Shared, id: u8) -> Option<(Version, Vec<u8>)> {
    let end = Instant::now() + Duration::from_secs(40);
    loop {
        match store.get(&key(id), at(0)).await {
            Ok(found) => return found.map(|stored| (stored.version, stored.sealed)),
            Err(error) => assert!(Instant::now() < end, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn comes_and_goes(mut server: Server) {
    let store = server.store().await;
    let mut changes = listening(&store).await;
    store.put(&key(1), Expected::Absent, b"kept", at(600), at(0)).await.unwrap();
    assert!(matches!(changes.next().await, Some(Change::Written { .. })));
    // What the file is given each second must have reached it.
    tokio::time::sleep(Duration::from_millis(1500)).await;

    server.stop();
    is_unavailable(&store).await;
    let late = server.store().await;
    is_unavailable(&late).await;

    server.go_on();
    assert_eq!(read_again(&store, 1).await, Some((Version(1), b"kept".to_vec())));
    assert_eq!(read_again(&late, 1).await, Some((Version(1), b"kept".to_vec())), "connected while there was nobody");
    let missed = async { while changes.next().await != Some(Change::Missed) {} };
    timeout(Duration::from_secs(40), missed).await.expect("whoever listens is told to look");
    late.put(&key(1), Expected::Version(Version(1)), b"new", at(600), at(0)).await.unwrap();
    let told = async { while changes.next().await != Some(Change::Written { key: key(1), version: Version(2) }) {} };
    timeout(Duration::from_secs(40), told).await.expect("changes are told again");
    assert_eq!(
        store.put(&key(1), Expected::Version(Version(2)), b"x", at(600), at(0)).await.unwrap(),
        Put::Stored(Version(3))
    );
}

async fn stands_still(server: Server) {
    let store = server.store().await;
    store.put(&key(1), Expected::Absent, b"kept", at(600), at(0)).await.unwrap();
    let still = |still| match &server {
        Server::Redis(server) => server.stand_still(still),
        Server::Postgres(server) => server.stand_still(still),
    };
    still(true);
    // The processes that have the connections do not all stand still in one of these.
    if matches!(server, Server::Redis(_)) {
        is_unavailable(&store).await;
    } else {
        let began = Instant::now();
        let late = server.store().await;
        assert!(late.get(&key(1), at(0)).await.is_err());
        assert!(began.elapsed() < 2 * BOUND);
    }
    still(false);
    assert_eq!(read_again(&store, 1).await, Some((Version(1), b"kept".to_vec())));
}

macro_rules! outages {
    ($($place:ident = $server:expr;)*) => {$(
        mod $place {
            use super::*;

            #[tokio::test(flavor = "multi_thread")]
            async fn a_server_that_goes_away_and_comes_back() {
                let Some(server) = $server else { return };
                comes_and_goes(server).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn a_server_that_stands_still() {
                let Some(server) = $server else { return };
                stands_still(server).await;
            }
        }
    )*};
}

outages! {
    redis = redis_server().map(|program| Server::Redis(Redis::start(&program)));
    redis_with_tls = redis_server().map(|program| Server::Redis(Redis::start_with_tls(&program)));
    valkey = valkey_server().map(|program| Server::Redis(Redis::start(&program)));
    postgres = Postgres::start().map(|server| Server::Postgres(Box::new(server)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_s_new_master_is_found() {
    let Some(program) = redis_server() else { return };
    let mut servers = Watched::start(&program);
    let store: Shared = Arc::new(RedisStore::connect(&servers.address(), RedisOptions::default()).await.unwrap());
    let mut changes = listening(&store).await;
    store.put(&key(1), Expected::Absent, b"kept", at(600), at(0)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    servers.master.stop();
    is_unavailable(&store).await;
    assert_eq!(read_again(&store, 1).await, Some((Version(1), b"kept".to_vec())));
    let put = store.put(&key(1), Expected::Version(Version(1)), b"new", at(600), at(0)).await.unwrap();
    assert_eq!(put, Put::Stored(Version(2)));
    timeout(Duration::from_secs(40), async { while changes.next().await != Some(Change::Missed) {} }).await.unwrap();
    let copy = format!("redis://:{PASSWORD_IN_ADDRESS}@127.0.0.1:{}", servers.copy.port);
    let direct = RedisStore::connect(&copy, RedisOptions::default()).await.unwrap();
    let direct: Shared = Arc::new(direct);
    assert_eq!(read_again(&direct, 1).await, Some((Version(2), b"new".to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_s_node_that_goes_away_and_comes_back() {
    let Some(program) = redis_server() else { return };
    let mut cluster = Cluster::start(&program);
    let store: Shared = Arc::new(RedisStore::connect(&cluster.address(), RedisOptions::default()).await.unwrap());
    for id in 0..=u8::MAX {
        store.put(&key(id), Expected::Absent, &[id], at(600), at(0)).await.unwrap();
    }
    for node in &cluster.nodes {
        let keys = node.ask(crate::servers::redis::PASSWORD, &["DBSIZE"]).unwrap();
        assert!(!keys.contains("int(0)"), "the records are spread over all nodes");
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    // The first is also the one that changes are heard from.
    cluster.nodes[0].stop();
    let (began, mut lost) = (Instant::now(), 0);
    for id in (0..=u8::MAX).step_by(16) {
        lost += usize::from(store.get(&key(id), at(0)).await.is_err());
    }
    assert!(lost > 0, "a third of the records was on it");
    assert!(began.elapsed() < 16 * BOUND);
    cluster.nodes[0].go_on();
    for id in 0..=u8::MAX {
        assert_eq!(read_again(&store, id).await, Some((Version(1), vec![id])));
    }
    let put = async {
        while !matches!(store.put(&key(1), Expected::Any, b"new", at(600), at(0)).await, Ok(Put::Stored(_))) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(30), put).await.expect("it takes writes again");
    listening(&store).await;
}
