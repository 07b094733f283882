//! The store of several replicas in Redis 7 or Valkey: one server, Sentinel, or Cluster.
//!
//! Every record is one hash, written and removed by scripts, so that each is atomic. Ids and expiries are indexed in
//! sorted sets; the sixteen first hexadecimal digits of an id are sixteen places in a cluster. Changes are published
//! by the scripts themselves.
//!
//! The server must keep what it is given: `maxmemory-policy noeviction`, and `appendonly yes` to survive its own
//! restart. Replication is asynchronous: what the master answered in the last moments before a failover may be undone.
//! `min-replicas-to-write 1` keeps a master that is cut off from its copies from taking writes that nobody will have.
//!
//! Refuses: to believe the server's clock (expiry is compared with ours on every read; the server's own expiry comes
//! an hour later, for what nobody sweeps), and to wait longer than its bound for anything.

mod address;
mod keys;
mod link;
mod scripts;
mod sentinel;
mod subscription;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::future::try_join_all;
use redis::{FromRedisValue, cmd};
use tokio::task::AbortHandle;

use self::address::Address;
use self::keys::{BUCKETS, Keys};
use self::link::{Link, Repeat};
use super::change::{Change, Changes, Feed, from_hex, hex};
use super::{Expected, Put, RecordKey, RecordKind, SessionStore, StoreFuture, Stored, Version, millis, time_of};
use crate::{SessionsError, StoreUnavailable};

/// How long after a record's end the server removes it by its own clock.
const SERVERS_DELAY: u64 = 60 * 60 * 1000;
/// The largest number that a script counts with exactly.
const LARGEST: u64 = (1 << 53) - 1;
/// How many records are read or swept together.
const PORTION: usize = 256;

/// How a [`RedisStore`] is to be reached.
#[derive(Clone)]
pub struct RedisOptions {
    /// What every name in the server begins with, so that several can share it; `doorward:`.
    pub prefix: String,
    /// PEM of the authorities that may vouch for the server, instead of the system's.
    pub authorities: Option<Vec<u8>>,
    /// How long a call may take, connecting included, before the store is unavailable; two seconds.
    pub timeout: Duration,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { prefix: "doorward:".to_owned(), authorities: None, timeout: Duration::from_secs(2) }
    }
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { prefix, authorities, timeout } = self;
        f.debug_struct("RedisOptions")
            .field("prefix", prefix)
            .field("own_authorities", &authorities.is_some())
            .field("timeout", timeout)
            .finish()
    }
}

/// A [`SessionStore`] in Redis or Valkey.
pub struct RedisStore {
    link: Arc<Link>,
    keys: Keys,
    feed: Feed,
    subscription: AbortHandle,
}

impl RedisStore {
    /// The store at an address:
    ///
    /// ```text
    /// redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
    /// redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]/MASTER[/DATABASE][?sentinel_password=PASSWORD]
    /// redis+cluster://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]…]
    /// ```
    ///
    /// and `rediss` in place of `redis` for TLS. A server that does not answer is no error: the store is unavailable
    /// until it does. Must be called within the runtime.
    ///
    /// # Errors
    /// [`SessionsError::StoreAddress`] for what is no address, [`SessionsError::StoreRefused`] when the server does
    /// not let us in or its certificate is not trusted.
    pub async fn connect(address: &str, options: RedisOptions) -> Result<Self, SessionsError> {
        let address = Address::parse(address)?;
        let link = Arc::new(Link::new(&address, &options)?);
        link.greet().await?;
        let (keys, feed) = (Keys::new(options.prefix), Feed::default());
        let listening = subscription::run(Arc::clone(&link), keys.channel(), feed.clone());
        Ok(Self { link, keys, feed, subscription: tokio::spawn(listening).abort_handle() })
    }

    /// Whether [`Self::connect`] would take this address. Nobody is asked anything.
    ///
    /// # Errors
    /// [`SessionsError::StoreAddress`].
    pub fn check_address(address: &str) -> Result<(), SessionsError> {
        Address::parse(address).map(drop)
    }

    async fn read(&self, key: &RecordKey, now: SystemTime) -> Result<Option<Stored>, StoreUnavailable> {
        let mut command = cmd("HMGET");
        command.arg(self.keys.record(key)).arg("version").arg("expires").arg("sealed");
        let (version, expires, sealed): (Option<u64>, Option<u64>, Option<Vec<u8>>) =
            self.answer(&command, Repeat::Once).await?;
        let (Some(version), Some(expires), Some(sealed)) = (version, expires, sealed) else { return Ok(None) };
        let stored = Stored { version: Version(version), sealed, expires_at: time_of(expires) };
        Ok((millis(now) < expires).then_some(stored))
    }

    async fn answer<T: FromRedisValue>(&self, command: &redis::Cmd, repeat: Repeat) -> Result<T, StoreUnavailable> {
        let value = self.link.call(command, repeat).await?;
        T::from_redis_value(value).map_err(StoreUnavailable::new)
    }

    async fn page(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> Result<Vec<(RecordKey, Stored)>, StoreUnavailable> {
        let mut page = Vec::new();
        let mut after = after.map(|id| hex(&id));
        let first = after.as_ref().and_then(|id| keys::bucket_of(id)).unwrap_or(0);
        for bucket in first..BUCKETS {
            while page.len() < most {
                let portion = (most - page.len()).min(PORTION);
                let from = after.as_ref().map_or_else(|| "-".to_owned(), |id| format!("({id}"));
                let mut command = cmd("ZRANGEBYLEX");
                command.arg(self.keys.names(kind, bucket)).arg(from).arg("+").arg("LIMIT").arg(0).arg(portion);
                let ids: Vec<String> = self.answer(&command, Repeat::Once).await?;
                let keys: Vec<_> = ids.iter().filter_map(|id| from_hex(id)).map(|id| RecordKey { kind, id }).collect();
                let found = try_join_all(keys.iter().map(|key| self.read(key, now))).await?;
                page.extend(keys.into_iter().zip(found).filter_map(|(key, stored)| Some((key, stored?))));
                let at_the_end = ids.len() < portion;
                after = ids.into_iter().next_back();
                if at_the_end {
                    break;
                }
            }
            after = None;
        }
        Ok(page)
    }

    async fn sweep_bucket(&self, kind: RecordKind, bucket: u8, now: SystemTime) -> Result<usize, StoreUnavailable> {
        let now = millis(now).min(LARGEST);
        let mut swept = 0;
        loop {
            let mut command = cmd("ZRANGEBYSCORE");
            command.arg(self.keys.expiries(kind, bucket)).arg("-inf").arg(now).arg("LIMIT").arg(0).arg(PORTION);
            let ids: Vec<String> = self.answer(&command, Repeat::Once).await?;
            if ids.is_empty() {
                return Ok(swept);
            }
            let mut keys = vec![self.keys.names(kind, bucket), self.keys.expiries(kind, bucket)];
            keys.extend(ids.iter().map(|id| self.keys.record_of(kind, bucket, id)));
            let mut arguments = vec![now.to_string().into_bytes()];
            arguments.extend(ids.into_iter().map(String::into_bytes));
            let value = self.link.run(&scripts::SWEEP, &keys, &arguments).await?;
            swept += usize::from_redis_value(value).map_err(StoreUnavailable::new)?;
        }
    }
}

impl SessionStore for RedisStore {
    fn get(&self, key: &RecordKey, now: SystemTime) -> StoreFuture<'_, Option<Stored>> {
        let key = *key;
        Box::pin(async move { self.read(&key, now).await })
    }

    fn put(
        &self,
        key: &RecordKey,
        expected: Expected,
        sealed: &[u8],
        expires_at: SystemTime,
        now: SystemTime,
    ) -> StoreFuture<'_, Put> {
        let expires = millis(expires_at).min(LARGEST);
        let delayed = expires.saturating_add(SERVERS_DELAY).min(LARGEST);
        // The change without its version, which the script adds.
        let change = Change::Written { key: *key, version: Version(0) }.to_line();
        let change = change.strip_suffix('0').unwrap_or(&change).to_owned();
        let arguments = vec![
            scripts::expected(expected),
            millis(now).min(LARGEST).to_string().into_bytes(),
            expires.to_string().into_bytes(),
            delayed.to_string().into_bytes(),
            sealed.to_vec(),
            hex(&key.id).into_bytes(),
            self.keys.channel().into_bytes(),
            change.into_bytes(),
        ];
        let keys = self.keys.all_of(key);
        Box::pin(async move {
            let value = self.link.run(&scripts::PUT, &keys, &arguments).await?;
            Ok(match u64::from_redis_value(value).map_err(StoreUnavailable::new)? {
                0 => Put::Conflict,
                version => Put::Stored(Version(version)),
            })
        })
    }

    fn remove_if(&self, key: &RecordKey, expected: Expected) -> StoreFuture<'_, bool> {
        let arguments = vec![
            scripts::expected(expected),
            hex(&key.id).into_bytes(),
            self.keys.channel().into_bytes(),
            Change::Removed { key: *key }.to_line().into_bytes(),
        ];
        let keys = self.keys.all_of(key);
        Box::pin(async move {
            let value = self.link.run(&scripts::REMOVE, &keys, &arguments).await?;
            bool::from_redis_value(value).map_err(StoreUnavailable::new)
        })
    }

    fn list(
        &self,
        kind: RecordKind,
        after: Option<[u8; 32]>,
        most: usize,
        now: SystemTime,
    ) -> StoreFuture<'_, Vec<(RecordKey, Stored)>> {
        Box::pin(self.page(kind, after, most, now))
    }

    fn changes(&self) -> Changes {
        self.feed.changes()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn sweep(&self, now: SystemTime) -> StoreFuture<'_, usize> {
        Box::pin(async move {
            let buckets = RecordKind::ALL.into_iter().flat_map(|kind| (0..BUCKETS).map(move |bucket| (kind, bucket)));
            let swept = try_join_all(buckets.map(|(kind, bucket)| self.sweep_bucket(kind, bucket, now))).await?;
            Ok(swept.into_iter().sum())
        })
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.subscription.abort();
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("link", &self.link).finish_non_exhaustive()
    }
}
