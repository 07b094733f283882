//! The promises of every store of certificates, kept by the one in the vault; on real servers too.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use doorward_sessions::{MemoryStore, PostgresOptions, PostgresStore, RedisOptions, RedisStore, SecretRing};

use self::promises::{Open, Shared, key};
use self::servers::postgres::Postgres;
use self::servers::redis::{Redis, redis_server};
use super::*;

#[path = "../../../../certificates/tests/store_contract/promises.rs"]
mod promises;
#[allow(dead_code, reason = "not every server there is needed here")]
mod servers;

const PATIENCE: Duration = Duration::from_secs(30);

fn certificates(store: Arc<dyn SessionStore>) -> SharedCertificates {
    SharedCertificates::new(Vault::new(Arc::clone(&store), SecretRing::from([7; 32])), store, SystemTime::now)
}

/// Makes handles over connections to one store of their own, as processes would have.
fn over(stores: Vec<Arc<dyn SessionStore>>) -> Open {
    let next = AtomicU32::new(0);
    Arc::new(move || {
        let index = usize::try_from(next.fetch_add(1, Ordering::Relaxed)).unwrap() % stores.len();
        Arc::new(certificates(Arc::clone(&stores[index]))) as Shared
    })
}

async fn memory() -> Option<Open> {
    Some(over(vec![Arc::new(MemoryStore::new())]))
}

async fn redis() -> Option<Open> {
    static SERVER: OnceLock<Option<Redis>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let server = SERVER.get_or_init(|| redis_server().map(|program| Redis::start(&program))).as_ref()?;
    let prefix = format!("t{}:", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut stores: Vec<Arc<dyn SessionStore>> = Vec::new();
    for _ in 0..3 {
        let options = RedisOptions { prefix: prefix.clone(), timeout: PATIENCE, ..RedisOptions::default() };
        stores.push(Arc::new(RedisStore::connect(&server.address(), options).await.unwrap()));
    }
    Some(over(stores))
}

async fn postgres() -> Option<Open> {
    static SERVER: OnceLock<Option<Postgres>> = OnceLock::new();
    let server = SERVER.get_or_init(Postgres::start).as_ref()?;
    let address = server.schema("&sslmode=disable").await;
    let mut stores: Vec<Arc<dyn SessionStore>> = Vec::new();
    for _ in 0..3 {
        let options = PostgresOptions { timeout: PATIENCE, connections: 4, ..PostgresOptions::default() };
        stores.push(Arc::new(PostgresStore::connect(&address, options).await.unwrap()));
    }
    Some(over(stores))
}

macro_rules! promised_by {
    ($place:ident: $($promise:ident)*) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    if let Some(open) = super::$place().await {
                        super::promises::$promise(open).await;
                    }
                }
            )*
        }
    };
}

macro_rules! contract {
    ($($place:ident)*) => {
        $(promised_by! { $place:
            a_record_is_read_back_by_every_handle
            kinds_do_not_mix
            what_is_set_aside_is_out_of_the_way
            a_reader_never_sees_half_a_record
            one_of_many_gets_the_lease
            a_lease_that_is_over_is_lost
        })*
    };
}

contract! { memory redis postgres }

#[tokio::test]
async fn the_stores_reader_learns_neither_names_nor_keys() {
    let store = Arc::new(MemoryStore::new());
    let ours = certificates(store.clone());
    ours.write(&key(Kind::Certificate, "secret.example.com"), b"-----BEGIN PRIVATE KEY-----").await.unwrap();
    ours.acquire("holder", promises::term(0, 30)).await.unwrap();
    let now = promises::term(0, 30).now;
    for kind in [RecordKind::Certificate, RecordKind::Server, RecordKind::Lease] {
        let records = store.list(kind, None, 100, now).await.unwrap();
        assert!(!records.is_empty());
        for (_, stored) in records {
            for word in ["secret.example", "PRIVATE", "certificates", "holder"] {
                let found = stored.sealed.windows(word.len()).any(|part| part == word.as_bytes());
                assert!(!found, "{word}");
            }
        }
    }
    // Another secret is an error and not an empty store: nothing would be ordered anew for its sake.
    let vault = Vault::new(store.clone(), SecretRing::from([8; 32]));
    let stranger = SharedCertificates::new(vault, store, SystemTime::now);
    let error = stranger.list(Kind::Certificate).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
}

#[tokio::test]
async fn a_certificate_that_was_asked_for_is_known_when_another_replica_writes_it() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::new());
    let (ours, other) = (certificates(Arc::clone(&store)), certificates(Arc::clone(&store)));
    let (name, challenge) = (key(Kind::Certificate, "a.example.com"), key(Kind::Challenge, "a.example.com"));
    assert!(ours.read(&name).await.unwrap().is_none());
    let mut changes = store.changes();
    other.write(&name, b"whole").await.unwrap();
    other.write(&challenge, b"answer").await.unwrap();
    let mut told = Vec::new();
    while told.len() < 2 {
        if let Some(doorward_sessions::Change::Written { key, .. }) = changes.next().await {
            told.push(ours.named(&key));
        }
    }
    assert_eq!(told, [Some(name), None]);
}

#[test]
fn a_record_whose_name_is_cut_off_is_none() {
    let record = with_name("a.example.com", b"bytes");
    assert_eq!(named_bytes(&record), Some(("a.example.com", b"bytes".as_slice())));
    for length in 0..14 {
        assert_eq!(named_bytes(&record[..length]), None);
    }
    assert_eq!(named_bytes(&[1, 0xff]), None);
}
