//! The store of several replicas in PostgreSQL 15 or newer.
//!
//! Every write is one statement that also notifies, so both happen or neither does. One connection of its own
//! prepares the tables (`doorward_records`, `doorward_schema`, in the first schema of the search path) and hears the
//! notifications; a bounded pool does the rest, with statements that need no preparing.
//!
//! A pooler that lends connections for single transactions breaks `LISTEN`: let the address name the server itself.
//!
//! Refuses: the server's clock (expiry is compared with ours), tables of a newer program, a server whose certificate
//! proves less than the address wants, and to wait longer than its bound for anything.

mod address;
mod keeper;
mod schema;
mod statements;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod};
use tokio::sync::watch;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

use self::address::Address;
use self::keeper::{Ended, Keeper, Readiness};
use self::statements::{GET, LIST, PORTION, PUT_ABSENT, PUT_ANY, PUT_VERSION, REMOVE, SWEEP};
use self::tls::Tls;
use super::change::{Change, Changes, Feed};
use super::{Expected, Put, RecordKey, RecordKind, SessionStore, StoreFuture, Stored, Version, millis, time_of};
use crate::{SessionsError, StoreUnavailable};

type Parameter<'a> = (&'a (dyn ToSql + Sync), Type);

/// How a [`PostgresStore`] is to be reached.
#[derive(Clone)]
pub struct PostgresOptions {
    /// PEM of the authorities that may vouch for the server, instead of what `sslrootcert` names or the system's.
    pub authorities: Option<Vec<u8>>,
    /// How many connections there are at most, besides the one that hears of changes; ten.
    pub connections: usize,
    /// How long a call may take, connecting included, before the store is unavailable; two seconds.
    pub timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self { authorities: None, connections: 10, timeout: Duration::from_secs(2) }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { authorities, connections, timeout } = self;
        f.debug_struct("PostgresOptions")
            .field("own_authorities", &authorities.is_some())
            .field("connections", connections)
            .field("timeout", timeout)
            .finish()
    }
}

/// A [`SessionStore`] in PostgreSQL.
pub struct PostgresStore {
    pool: Pool,
    readiness: watch::Receiver<Readiness>,
    feed: Feed,
    timeout: Duration,
    _keeper: Ended,
}

impl PostgresStore {
    /// The store at `postgres://USER:PASSWORD@HOST[:PORT]/DATABASE[?sslmode=MODE]`.
    ///
    /// `sslmode` is `verify-full` when not given, `verify-ca` to leave the name unchecked, `disable` to do without
    /// TLS; `require` checks as `verify-full` does. `sslrootcert` names a file of authorities. A server that does
    /// not answer is no error: the store is unavailable until it does. Must be called within the runtime.
    ///
    /// # Errors
    /// [`SessionsError::StoreAddress`] for what is no address, [`SessionsError::StoreRefused`] when the server does
    /// not let us in, its certificate is not trusted, or its tables are newer than this program.
    pub async fn connect(address: &str, options: PostgresOptions) -> Result<Self, SessionsError> {
        let address = Address::parse(address, options.timeout)?;
        let tls = Tls::new(&address, options.authorities.as_deref())?;
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(address.config.clone(), tls.clone(), recycling);
        // What we no longer wait for must not go on waiting in the server.
        let limit = format!("SET statement_timeout = {}", options.timeout.as_millis().max(1));
        let limiting = Hook::async_fn(move |client, _| {
            let limit = limit.clone();
            Box::pin(async move { client.batch_execute(&limit).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager).max_size(options.connections.max(1)).post_create(limiting).build();
        let pool = pool.map_err(|error| SessionsError::StoreUnavailable(StoreUnavailable::new(error)))?;
        let (sender, mut readiness) = watch::channel(Readiness::Unknown);
        let feed = Feed::default();
        let keeper =
            Keeper { config: address.config, tls, timeout: options.timeout, readiness: sender, feed: feed.clone() };
        let keeper = Ended(tokio::spawn(keeper.run()).abort_handle());
        let known = readiness.wait_for(|readiness| !matches!(readiness, Readiness::Unknown));
        if let Ok(Ok(known)) = tokio::time::timeout(options.timeout, known).await
            && let Readiness::Refused(error) = &*known
        {
            return Err(SessionsError::StoreRefused { store: "PostgreSQL", source: Box::new(Arc::clone(error)) });
        }
        Ok(Self { pool, readiness, feed, timeout: options.timeout, _keeper: keeper })
    }

    /// Whether [`Self::connect`] would take this address. Nobody is asked anything, and no file is read.
    ///
    /// # Errors
    /// [`SessionsError::StoreAddress`].
    pub fn check_address(address: &str) -> Result<(), SessionsError> {
        Address::parse(address, PostgresOptions::default().timeout).map(drop)
    }

    /// The channel of changes, once the tables are ready.
    async fn channel(&self) -> Result<Arc<str>, StoreUnavailable> {
        let mut readiness = self.readiness.clone();
        let known = readiness.wait_for(|readiness| !matches!(readiness, Readiness::Unknown)).await;
        match &*known.map_err(StoreUnavailable::new)? {
            Readiness::Ready(channel) => Ok(Arc::clone(channel)),
            Readiness::Refused(error) | Readiness::Unreachable(error) => Err(StoreUnavailable::new(Arc::clone(error))),
            Readiness::Unknown => Err(StoreUnavailable::new("nothing is known of the server yet")),
        }
    }

    /// The rows of a statement, within the time there is. A read is tried again when its connection has ended.
    async fn rows(&self, statement: &str, of: &[Parameter<'_>], reads: bool) -> Result<Vec<Row>, StoreUnavailable> {
        self.within(async {
            self.channel().await?;
            let first = self.attempt(statement, of).await;
            if reads && first.is_err() { self.attempt(statement, of).await } else { first }
        })
        .await
    }

    async fn attempt(&self, statement: &str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, StoreUnavailable> {
        let mut loan = Loan(Some(self.pool.get().await.map_err(StoreUnavailable::new)?));
        let Some(client) = loan.0.as_ref() else { return Err(StoreUnavailable::new("the pool lent nothing")) };
        let rows = client.query_typed(statement, parameters).await.map_err(StoreUnavailable::new)?;
        // Done with, and good for the next.
        drop(loan.0.take());
        Ok(rows)
    }

    async fn within<T>(&self, work: impl Future<Output = Result<T, StoreUnavailable>>) -> Result<T, StoreUnavailable> {
        tokio::time::timeout(self.timeout, work).await.map_err(StoreUnavailable::new)?
    }
}

/// A connection that goes back to the pool only when taken out: one whose statement failed or never ended does not.
struct Loan(Option<Object>);

impl Drop for Loan {
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            drop(Object::take(object));
        }
    }
}

impl SessionStore for PostgresStore {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        let (kind, id, now) = (tag(key.kind), key.id, whole(millis(now)));
        Box::pin(async move {
            let of: [Parameter<'_>; 3] = [(&kind, Type::INT2), (&id.as_slice(), Type::BYTEA), (&now, Type::INT8)];
            let rows = self.rows(GET, &of, true).await?;
            rows.first().map(stored).transpose()
        })
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        let (kind, id) = (tag(key.kind), key.id);
        let (now, expires, sealed) = (whole(millis(now)), whole(millis(expires_at)), sealed.to_vec());
        // The change without its version, which the statement adds.
        let change = Change::Written { key: *key, version: Version(0) }.to_line();
        let change = change.strip_suffix('0').unwrap_or(&change).to_owned();
        let (statement, version) = match expected {
            Expected::Absent => (PUT_ABSENT, None),
            Expected::Any => (PUT_ANY, None),
            Expected::Version(version) => (PUT_VERSION, Some(whole(version.0))),
        };
        Box::pin(async move {
            let channel = self.within(self.channel()).await?;
            let channel = &*channel;
            let id = id.as_slice();
            let mut of: Vec<Parameter<'_>> = vec![
                (&kind, Type::INT2),
                (&id, Type::BYTEA),
                (&now, Type::INT8),
                (&expires, Type::INT8),
                (&sealed, Type::BYTEA),
                (&channel, Type::TEXT),
                (&change, Type::TEXT),
            ];
            if let Some(version) = &version {
                of.push((version, Type::INT8));
            }
            match self.rows(statement, &of, false).await?.first() {
                Some(row) => Ok(Put::Stored(Version(unsigned(row, 0)?))),
                None => Ok(Put::Conflict),
            }
        })
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        let (kind, id) = (tag(key.kind), key.id);
        let change = Change::Removed { key: *key }.to_line();
        // No record has a version below 1.
        let (any, version) = match expected {
            Expected::Any => (true, 0),
            Expected::Absent => (false, 0),
            Expected::Version(version) => (false, whole(version.0)),
        };
        Box::pin(async move {
            let channel = self.within(self.channel()).await?;
            let channel = &*channel;
            let of: [Parameter<'_>; 6] = [
                (&kind, Type::INT2),
                (&id.as_slice(), Type::BYTEA),
                (&any, Type::BOOL),
                (&version, Type::INT8),
                (&channel, Type::TEXT),
                (&change, Type::TEXT),
            ];
            Ok(!self.rows(REMOVE, &of, false).await?.is_empty())
        })
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        let (tag, now) = (tag(kind), whole(millis(now)));
        let after = after.map_or_else(Vec::new, |id| id.to_vec());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        Box::pin(async move {
            let of: [Parameter<'_>; 4] =
                [(&tag, Type::INT2), (&after, Type::BYTEA), (&now, Type::INT8), (&most, Type::INT8)];
            let rows = self.rows(LIST, &of, true).await?;
            let entry = |row: &Row| {
                let id: &[u8] = row.try_get(3).map_err(StoreUnavailable::new)?;
                Ok((RecordKey { kind, id: id.try_into().map_err(StoreUnavailable::new)? }, stored(row)?))
            };
            rows.iter().map(entry).collect()
        })
    }

    fn changes(&self) -> Changes {
        self.feed.changes()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        let now = whole(millis(now));
        Box::pin(async move {
            let mut swept = 0;
            loop {
                let rows = self.rows(SWEEP, &[(&now, Type::INT8), (&PORTION, Type::INT8)], false).await?;
                match rows.first().map(|row| unsigned(row, 0)).transpose()?.unwrap_or(0) {
                    0 => return Ok(swept),
                    portion => swept += usize::try_from(portion).unwrap_or(usize::MAX),
                }
            }
        })
    }
}

fn stored(row: &Row) -> Result<Stored, StoreUnavailable> {
    let sealed = row.try_get(2).map_err(StoreUnavailable::new)?;
    Ok(Stored { version: Version(unsigned(row, 0)?), sealed, expires_at: time_of(unsigned(row, 1)?) })
}

fn unsigned(row: &Row, column: usize) -> Result<u64, StoreUnavailable> {
    let number: i64 = row.try_get(column).map_err(StoreUnavailable::new)?;
    u64::try_from(number).map_err(StoreUnavailable::new)
}

fn tag(kind: RecordKind) -> i16 {
    kind.tag().into()
}

/// As a number of the database, the largest at most.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("connections", &self.pool.status().max_size).finish_non_exhaustive()
    }
}
