//! Servers that go away, stand still, come back, or hand over: nothing waits long, nothing is lost.

use std::sync::Arc;
use std::time::{Duration, Instant};

use doorward_sessions::{
    Change, Expected, PostgresOptions, PostgresStore, Put, RecordKind, RedisOptions, RedisStore, Version,
};
use tokio::time::timeout;

use crate::place::{Shared, at, key};
use crate::promises::listening;
use crate::servers::certificates;
use crate::servers::postgres::Postgres;
use crate::servers::redis::{Cluster, PASSWORD, PASSWORD_IN_ADDRESS, Redis, Watched, redis_server, valkey_server};

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

/// However many wait, none waits longer.
async fn is_unavailable_to_many(store: &Shared) {
    let began = Instant::now();
    let calls = (0..100_u8).map(|id| {
        let store = Arc::clone(store);
        tokio::spawn(async move { store.put(&key(id), Expected::Any, b"x", at(60), at(0)).await.is_err() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap(), "a call did not fail");
    }
    assert!(began.elapsed() < BOUND, "a call took {:?}", began.elapsed());
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
        is_unavailable_to_many(&store).await;
    } else {
        let began = Instant::now();
        let late = server.store().await;
        assert!(late.get(&key(1), at(0)).await.is_err());
        assert!(began.elapsed() < 2 * BOUND);
    }
    still(false);
    // What nobody waits for any more may have been done.
    let (version, sealed) = read_again(&store, 1).await.unwrap();
    assert!(version > Version(1) || sealed == b"kept");
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
async fn connections_that_the_server_ends_are_replaced_unnoticed() {
    let mut servers = Vec::new();
    servers.extend(redis_server().map(|program| Server::Redis(Redis::start(&program))));
    servers.extend(Postgres::start().map(|server| Server::Postgres(Box::new(server))));
    for server in servers {
        let store = server.store().await;
        let mut changes = listening(&store).await;
        store.put(&key(1), Expected::Any, b"x", at(600), at(0)).await.unwrap();
        match &server {
            Server::Redis(server) => {
                server.ask(PASSWORD, &["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
                assert!(store.get(&key(1), at(0)).await.unwrap().is_some());
                server.ask(PASSWORD, &["CLIENT", "KILL", "TYPE", "pubsub"]).unwrap();
            }
            Server::Postgres(server) => {
                let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'doorward'";
                server.execute(end).await;
                assert!(store.get(&key(1), at(0)).await.unwrap().is_some());
            }
        }
        let missed = async { while changes.next().await != Some(Change::Missed) {} };
        timeout(Duration::from_secs(30), missed).await.expect("whoever listens is told to look");
        assert!(store.remove(&key(1)).await.unwrap());
        let told = async { while changes.next().await != (Some(Change::Removed { key: key(1) })) {} };
        timeout(Duration::from_secs(30), told).await.expect("changes are told again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_locked_table_holds_nobody_up_for_long() {
    let Some(server) = Postgres::start() else { return };
    let address = server.address("public", "&sslmode=disable");
    let options = PostgresOptions { connections: 3, ..PostgresOptions::default() };
    let store: Shared = Arc::new(PostgresStore::connect(&address, options).await.unwrap());
    store.put(&key(1), Expected::Any, b"x", at(600), at(0)).await.unwrap();
    let lock = "BEGIN; LOCK doorward_records; SELECT pg_sleep(15); COMMIT";
    let began = Instant::now();
    let (locked, ()) = tokio::join!(server.execute(lock), async {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep%' AND wait_event = 'PgSleep'";
        while server.execute(waiting).await != ["1"] {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        is_unavailable(&store).await;
        is_unavailable_to_many(&store).await;
        assert!(began.elapsed() < Duration::from_secs(15), "it was locked all the while: {:?}", began.elapsed());
        // The server does not go on with what nobody waits for.
        let stuck = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'doorward' \
                     AND wait_event_type = 'Lock'";
        tokio::time::sleep(Duration::from_millis(2500)).await;
        assert_eq!(server.execute(stuck).await, ["0"]);
    });
    drop(locked);
    assert_eq!(read_again(&store, 1).await.unwrap().1, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_and_clusters_speak_tls_as_well() {
    let Some(program) = redis_server() else { return };
    let folder = tempfile::tempdir().unwrap();
    let options = RedisOptions { authorities: Some(certificates::write(folder.path())), ..RedisOptions::default() };
    let (_cluster, ports) = Cluster::start_with_tls(&program, folder.path());
    let hosts: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let cluster = format!("rediss+cluster://:{PASSWORD_IN_ADDRESS}@{}", hosts.join(","));
    let (_master, _sentinel, port) = Redis::start_sentinel_with_tls(&program, folder.path());
    let sentinel = format!("rediss+sentinel://:{PASSWORD_IN_ADDRESS}@127.0.0.1:{port}/main");
    for address in [cluster, sentinel] {
        let store: Shared = Arc::new(RedisStore::connect(&address, options.clone()).await.unwrap());
        listening(&store).await;
        for id in 0..50 {
            store.put(&key(id), Expected::Absent, &[id], at(600), at(0)).await.unwrap();
        }
        assert_eq!(store.list(RecordKind::Session, None, 100, at(0)).await.unwrap().len(), 50);
        let strangers = RedisOptions { authorities: None, ..options.clone() };
        let refused = RedisStore::connect(&address, strangers).await.unwrap_err();
        assert!(refused.to_string().contains("certificate"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sentinel_s_new_master_is_found() {
    let Some(program) = redis_server() else { return };
    let mut servers = Watched::start(&program);
    let store: Shared = Arc::new(RedisStore::connect(&servers.address(), RedisOptions::default()).await.unwrap());
    let mut changes = listening(&store).await;
    store.put(&key(1), Expected::Absent, b"kept", at(600), at(0)).await.unwrap();
    // The copy must have it: what only the master has may be lost with it.
    let record = format!("doorward:{{10}}:{}", "01".repeat(32));
    let end = Instant::now() + Duration::from_secs(20);
    while servers.copy.ask(PASSWORD, &["EXISTS", &record]).unwrap() != "int(1)" {
        assert!(Instant::now() < end, "the copy has not got it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
        let keys = node.ask(PASSWORD, &["DBSIZE"]).unwrap();
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
