//! What a store refuses to start with, and that nobody sees its password.

use std::error::Error;

use doorward_sessions::{
    Expected, PostgresOptions, PostgresStore, Put, RedisOptions, RedisStore, SessionStore, SessionsError, Version,
};

use crate::place::{at, key};
use crate::servers::postgres::Postgres;
use crate::servers::redis::{PASSWORD, Redis, redis_server};

/// All that a log could show of it.
fn shown(error: &SessionsError) -> String {
    let mut shown = format!("{error:?} {error}");
    let mut source = error.source();
    while let Some(error) = source {
        shown = format!("{shown} {error:?} {error}");
        source = error.source();
    }
    shown
}

#[track_caller]
fn is_refused(outcome: Result<impl std::fmt::Debug, SessionsError>, because: &str) {
    let error = outcome.unwrap_err();
    assert!(matches!(error, SessionsError::StoreRefused { .. }), "{error:?}");
    assert!(error.to_string().contains(because), "{error}");
    assert!(!shown(&error).contains("s3cret"), "{}", shown(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_lets_nobody_in_with_a_wrong_password() {
    let Some(program) = redis_server() else { return };
    let server = Redis::start(&program);
    for login in [":s3cret@", "door:s3cret@", ""] {
        let address = format!("redis://{login}127.0.0.1:{}", server.port);
        is_refused(RedisStore::connect(&address, RedisOptions::default()).await, "Redis refuses");
    }
    // The number of a database there is not.
    let address = format!("{}/400", server.address());
    let store = RedisStore::connect(&address, RedisOptions::default()).await;
    if let Ok(store) = store {
        store.get(&key(1), at(0)).await.unwrap_err();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_needs_no_more_rights_than_these() {
    let Some(program) = redis_server() else { return };
    let server = Redis::start(&program);
    let rights = [
        "ACL",
        "SETUSER",
        "door",
        "on",
        ">s3cret",
        "resetkeys",
        "~doorward:*",
        "resetchannels",
        "&doorward:*",
        "-@all",
        "+ping",
        "+hget",
        "+hmget",
        "+hset",
        "+del",
        "+pexpireat",
        "+zadd",
        "+zrem",
        "+zscore",
        "+zrangebylex",
        "+zrangebyscore",
        "+eval",
        "+evalsha",
        "+publish",
        "+subscribe",
    ];
    server.ask(PASSWORD, &rights).unwrap();
    let address = format!("redis://door:s3cret@127.0.0.1:{}", server.port);
    let store = RedisStore::connect(&address, RedisOptions::default()).await.unwrap();
    assert!(!format!("{store:?}").contains("s3cret"));
    let store: crate::place::Shared = std::sync::Arc::new(store);
    crate::promises::listening(&store).await;
    store.put(&key(1), Expected::Absent, b"x", at(60), at(0)).await.unwrap();
    assert_eq!(store.list(key(1).kind, None, 10, at(0)).await.unwrap().len(), 1);
    assert_eq!(store.sweep(at(60)).await.unwrap(), 1);
    // Somebody else's names are not ours.
    let options = RedisOptions { prefix: "other:".to_owned(), ..RedisOptions::default() };
    let other = RedisStore::connect(&address, options).await.unwrap();
    let error = other.put(&key(1), Expected::Any, b"x", at(60), at(0)).await.unwrap_err();
    assert!(!format!("{error:?}").contains("s3cret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_must_prove_who_it_is() {
    let Some(program) = redis_server() else { return };
    let server = Redis::start_with_tls(&program);
    let other = tempfile::tempdir().unwrap();
    let stranger = crate::servers::certificates::write(other.path());
    for authorities in [Some(stranger), None] {
        let options = RedisOptions { authorities, ..RedisOptions::default() };
        is_refused(RedisStore::connect(&server.address(), options).await, "certificate");
    }
    let options = RedisOptions { authorities: server.authority.clone(), ..RedisOptions::default() };
    // The certificate is for 127.0.0.1.
    let address = server.address().replace("127.0.0.1", "localhost");
    is_refused(RedisStore::connect(&address, options.clone()).await, "certificate");
    // Without TLS nothing is said that the server would understand.
    let address = server.address().replace("rediss:", "redis:");
    let store = RedisStore::connect(&address, options.clone()).await;
    if let Ok(store) = store {
        store.get(&key(1), at(0)).await.unwrap_err();
    }
    let options = RedisOptions { authorities: Some(b"no PEM".to_vec()), ..options };
    let error = RedisStore::connect(&server.address(), options).await.unwrap_err();
    assert!(matches!(error, SessionsError::StoreAddress { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_lets_nobody_in_with_a_wrong_password_or_trust() {
    let Some(server) = Postgres::start() else { return };
    let options = PostgresOptions { authorities: Some(server.authority.clone()), ..PostgresOptions::default() };
    let connect =
        |address: String, options: PostgresOptions| async move { PostgresStore::connect(&address, options).await };
    let port = server.port;
    let wrong = format!("postgres://doorward:s3cret@127.0.0.1:{port}/postgres");
    is_refused(connect(wrong.clone(), options.clone()).await, "password authentication failed");
    is_refused(connect(format!("{wrong}?sslmode=disable"), options.clone()).await, "password authentication failed");
    let right = |tls: &str| server.address("public", tls);
    let missing = right("").replace("/postgres?", "/nowhere?");
    is_refused(connect(missing, options.clone()).await, "does not exist");
    // The system's authorities do not know it, and neither does somebody else's.
    let folder = tempfile::tempdir().unwrap();
    let stranger = crate::servers::certificates::write(folder.path());
    for mode in ["", "&sslmode=verify-full", "&sslmode=require", "&sslmode=verify-ca"] {
        let options = PostgresOptions { authorities: Some(stranger.clone()), ..PostgresOptions::default() };
        is_refused(connect(right(mode), options).await, "certificate");
    }
    // The certificate is for 127.0.0.1: the name counts, unless the address says that it does not.
    let local = |tls: &str| right(tls).replace("127.0.0.1", "localhost");
    is_refused(connect(local(""), options.clone()).await, "certificate");
    is_refused(connect(local("&sslmode=require"), options.clone()).await, "certificate");
    let store = connect(local("&sslmode=verify-ca"), options.clone()).await.unwrap();
    store.put(&key(1), Expected::Any, b"x", at(60), at(0)).await.unwrap();
    assert!(!format!("{store:?}").contains("word"));
    // The file that the address names does as well.
    let file = folder.path().join("trusted.pem");
    std::fs::write(&file, &server.authority).unwrap();
    let address = right(&format!("&sslmode=verify-full&sslrootcert={}", file.display()));
    let store = connect(address, PostgresOptions::default()).await.unwrap();
    assert!(store.get(&key(1), at(0)).await.unwrap().is_some());
    // It is TLS indeed, and without it is not.
    let encrypted = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE application_name = 'doorward' AND NOT ssl";
    assert_eq!(server.execute(encrypted).await, ["0"]);
    let plain = connect(right("&sslmode=disable"), options).await.unwrap();
    plain.get(&key(1), at(0)).await.unwrap();
    assert_ne!(server.execute(encrypted).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_tables_are_made_once_by_many_and_newer_ones_are_refused() {
    let Some(server) = Postgres::start() else { return };
    let options = PostgresOptions { authorities: Some(server.authority.clone()), ..PostgresOptions::default() };
    let address = server.schema("").await;
    let replicas = (0..8).map(|_| {
        let (address, options) = (address.clone(), options.clone());
        tokio::spawn(async move { PostgresStore::connect(&address, options).await.unwrap() })
    });
    let mut stores = Vec::new();
    for replica in replicas.collect::<Vec<_>>() {
        stores.push(replica.await.unwrap());
    }
    for (id, store) in (0..).zip(&stores) {
        assert_eq!(store.put(&key(id), Expected::Absent, b"x", at(60), at(0)).await.unwrap(), Put::Stored(Version(1)));
    }
    assert_eq!(stores[0].list(key(0).kind, None, 100, at(0)).await.unwrap().len(), 8);
    let table = |what: &str| what.replace('#', address.split("%3D").nth(1).unwrap());
    assert_eq!(server.execute(&table("SELECT version FROM #.doorward_schema")).await, ["1"]);
    drop(stores);

    // Somebody who may not make tables can use those there are.
    server
        .execute(&table(
            "CREATE ROLE plain LOGIN PASSWORD 'plain'; GRANT USAGE ON SCHEMA # TO plain; \
             GRANT SELECT, INSERT, UPDATE, DELETE ON #.doorward_records TO plain; GRANT SELECT ON #.doorward_schema TO plain",
        ))
        .await;
    let plain = address.replace("doorward:p%40ss%2Fword@", "plain:plain@");
    let store = PostgresStore::connect(&plain, options.clone()).await.unwrap();
    assert!(store.remove(&key(0)).await.unwrap());
    // But none can be made by them elsewhere.
    let elsewhere = format!("{}%3Dpublic", plain.split("%3D").next().unwrap());
    is_refused(PostgresStore::connect(&elsewhere, options.clone()).await, "permission denied");

    server.execute(&table("UPDATE #.doorward_schema SET version = 2")).await;
    is_refused(PostgresStore::connect(&address, options.clone()).await, "version 2");
    assert!(store.get(&key(1), at(0)).await.is_ok(), "who is at work goes on");
    let nowhere = server.address("nowhere", "");
    is_refused(PostgresStore::connect(&nowhere, options).await, "search_path");
}
