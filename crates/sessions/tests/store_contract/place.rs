//! Where a promise is tried: a store, and the same store as another replica has it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use doorward_sessions::{
    FileStore, MemoryStore, PostgresOptions, PostgresStore, RecordKey, RecordKind, RedisOptions, RedisStore,
    SessionStore,
};
use tempfile::TempDir;

use crate::servers::postgres::Postgres;
use crate::servers::redis::{Cluster, Redis, Watched, redis_server, valkey_server};

pub(crate) type Shared = Arc<dyn SessionStore>;

/// So many seconds after the tests began, about. A time of the day, for there are servers with clocks of their own.
pub(crate) fn at(seconds: u64) -> SystemTime {
    static START: LazyLock<u64> = LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs());
    UNIX_EPOCH + Duration::from_secs(*START + seconds)
}

pub(crate) fn key(id: u8) -> RecordKey {
    RecordKey { kind: RecordKind::Session, id: [id; 32] }
}

/// Patient: many tests share two cores.
pub(crate) fn patient_redis() -> RedisOptions {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let prefix = format!("t{}:", NUMBER.fetch_add(1, Ordering::Relaxed));
    RedisOptions { prefix, timeout: Duration::from_secs(30), ..RedisOptions::default() }
}

pub(crate) fn patient_postgres() -> PostgresOptions {
    PostgresOptions { timeout: Duration::from_secs(30), connections: 4, ..PostgresOptions::default() }
}

pub(crate) enum Place {
    /// Of one process: every replica is the same.
    Alone(Shared, #[expect(dead_code, reason = "it holds the folder")] Option<TempDir>),
    Redis(String, RedisOptions),
    Postgres(String, PostgresOptions),
}

impl Place {
    /// The store, as one more replica has it.
    pub(crate) async fn store(&self) -> Shared {
        match self {
            Self::Alone(store, _) => Arc::clone(store),
            Self::Redis(address, options) => Arc::new(RedisStore::connect(address, options.clone()).await.unwrap()),
            Self::Postgres(address, options) => {
                Arc::new(PostgresStore::connect(address, options.clone()).await.unwrap())
            }
        }
    }
}

// Each of these is a new, empty place; or none, when the server cannot be had.

pub(crate) async fn memory() -> Option<Place> {
    Some(Place::Alone(Arc::new(MemoryStore::new()), None))
}

pub(crate) async fn file() -> Option<Place> {
    let folder = tempfile::tempdir().unwrap();
    let store = FileStore::open(&folder.path().join("sessions.redb")).unwrap();
    Some(Place::Alone(Arc::new(store), Some(folder)))
}

pub(crate) async fn redis() -> Option<Place> {
    static SERVER: OnceLock<Option<Redis>> = OnceLock::new();
    let server = SERVER.get_or_init(|| redis_server().map(|program| Redis::start(&program))).as_ref()?;
    Some(Place::Redis(server.address(), patient_redis()))
}

pub(crate) async fn redis_with_tls() -> Option<Place> {
    static SERVER: OnceLock<Option<Redis>> = OnceLock::new();
    let server = SERVER.get_or_init(|| redis_server().map(|program| Redis::start_with_tls(&program))).as_ref()?;
    Some(Place::Redis(server.address(), RedisOptions { authorities: server.authority.clone(), ..patient_redis() }))
}

pub(crate) async fn valkey() -> Option<Place> {
    static SERVER: OnceLock<Option<Redis>> = OnceLock::new();
    let server = SERVER.get_or_init(|| valkey_server().map(|program| Redis::start(&program))).as_ref()?;
    Some(Place::Redis(server.address(), patient_redis()))
}

pub(crate) async fn redis_sentinel() -> Option<Place> {
    static SERVERS: OnceLock<Option<Watched>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| redis_server().map(|program| Watched::start(&program))).as_ref()?;
    Some(Place::Redis(servers.address(), patient_redis()))
}

pub(crate) async fn redis_cluster() -> Option<Place> {
    static SERVERS: OnceLock<Option<Cluster>> = OnceLock::new();
    let servers = SERVERS.get_or_init(|| redis_server().map(|program| Cluster::start(&program))).as_ref()?;
    Some(Place::Redis(servers.address(), patient_redis()))
}

fn postgres_server() -> Option<&'static Postgres> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    SERVER.get_or_init(Postgres::start).as_ref()
}

pub(crate) async fn postgres() -> Option<Place> {
    Some(Place::Postgres(postgres_server()?.schema("&sslmode=disable").await, patient_postgres()))
}

pub(crate) async fn postgres_with_tls() -> Option<Place> {
    let server = postgres_server()?;
    let options = PostgresOptions { authorities: Some(server.authority.clone()), ..patient_postgres() };
    Some(Place::Postgres(server.schema("").await, options))
}
