//! The connection that all calls share: made when needed, and made anew when it has failed.
//!
//! Refuses: to wait without end, and to repeat a write whose outcome nobody knows.

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use redis::aio::{ConnectionLike as _, MultiplexedConnection, PubSub};
use redis::cluster::{ClusterClient, ClusterConfig};
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, TlsCertificates, Value,
    cmd,
};
use tokio::sync::Mutex;

use super::RedisOptions;
use super::address::{Address, Shape};
use super::scripts::Script;
use super::sentinel::Sentinels;
use crate::store::trust::{authorities, unusable};
use crate::{SessionsError, StoreUnavailable};

/// Whether a call may be sent again when its connection fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It reads.
    Once,
    /// It writes: it may have been done.
    Never,
}

/// The way to the servers.
pub(super) struct Link {
    servers: Servers,
    config: AsyncConnectionConfig,
    timeout: Duration,
    current: Mutex<Option<(u64, Connection)>>,
    made: AtomicU64,
}

enum Servers {
    One(Box<Client>),
    Sentinel(Box<Sentinels>),
    Cluster { client: Box<ClusterClient>, nodes: Vec<Client> },
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Connection {
    async fn send(&mut self, command: &Cmd) -> RedisResult<Value> {
        let answer = match self {
            Self::Server(connection) => connection.req_packed_command(command).await,
            Self::Cluster(connection) => connection.req_packed_command(command).await,
        };
        // An error may come as a value.
        answer.and_then(Value::extract_error)
    }
}

impl Link {
    pub(super) fn new(address: &Address, options: &RedisOptions) -> Result<Self, SessionsError> {
        if let Some(pem) = &options.authorities {
            // The client would take a file without any for one that trusts nobody.
            authorities(pem)?;
        }
        let certificates = TlsCertificates { client_tls: None, root_cert: options.authorities.clone() };
        // Half of the time each for connecting and for the answer, so that a stale connection is replaced in time.
        let half = options.timeout / 2;
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(half)).set_response_timeout(Some(half));
        let clients: RedisResult<Vec<Client>> =
            address.hosts()?.into_iter().map(|info| address.client(info, &certificates)).collect();
        let clients = clients.map_err(not_taken)?;
        let servers = match &address.shape {
            Shape::One => match clients.into_iter().next() {
                Some(client) => Servers::One(Box::new(client)),
                None => return Err(SessionsError::StoreAddress { problem: "it names no host".to_owned() }),
            },
            Shape::Sentinel(master) => {
                let (master, address) = (master.clone(), address.clone());
                Servers::Sentinel(Box::new(Sentinels { clients, master, address, certificates }))
            }
            Shape::Cluster => {
                let client = address.cluster(&certificates)?.retries(2).build().map_err(not_taken)?;
                Servers::Cluster { client: Box::new(client), nodes: clients }
            }
        };
        let (current, made) = (Mutex::new(None), AtomicU64::new(0));
        Ok(Self { servers, config, timeout: options.timeout, current, made })
    }

    /// The first contact: tells apart what waiting mends and what it does not.
    pub(super) async fn greet(&self) -> Result<(), SessionsError> {
        let contact = async { self.connection().await?.1.send(&cmd("PING")).await };
        let error = match tokio::time::timeout(self.timeout, contact).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) if is_refusal(&error) => {
                return Err(SessionsError::StoreRefused { store: "Redis", source: error.into() });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(store = ?self, error, "the session store does not answer yet");
        Ok(())
    }

    /// Sends a command and waits for its answer, for a bounded time.
    pub(super) async fn call(&self, command: &Cmd, repeat: Repeat) -> Result<Value, StoreUnavailable> {
        self.bounded(self.attempt(command, repeat)).await
    }

    /// Runs a script, which the server may not have seen yet.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[String],
        arguments: &[Vec<u8>],
    ) -> Result<Value, StoreUnavailable> {
        self.bounded(async {
            let answer = self.attempt(&call_of("EVALSHA", &script.name, keys, arguments), Repeat::Never).await;
            match answer {
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    self.attempt(&call_of("EVAL", script.text, keys, arguments), Repeat::Never).await
                }
                answer => answer,
            }
        })
        .await
    }

    async fn bounded(&self, answer: impl Future<Output = RedisResult<Value>>) -> Result<Value, StoreUnavailable> {
        match tokio::time::timeout(self.timeout, answer).await {
            Ok(answer) => answer.map_err(StoreUnavailable::new),
            Err(late) => Err(StoreUnavailable::new(late)),
        }
    }

    async fn attempt(&self, command: &Cmd, repeat: Repeat) -> RedisResult<Value> {
        let (number, mut connection) = self.connection().await?;
        let error = match connection.send(command).await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        if !ends_connection(&error) {
            return Err(error);
        }
        self.forget(number).await;
        // Who is no master any more has done nothing.
        let undone = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
        if !undone && (repeat == Repeat::Never || error.is_timeout()) {
            return Err(error);
        }
        self.connection().await?.1.send(command).await
    }

    async fn connection(&self) -> RedisResult<(u64, Connection)> {
        let mut current = self.current.lock().await;
        if let Some(found) = current.as_ref() {
            return Ok(found.clone());
        }
        let made = (self.made.fetch_add(1, Ordering::Relaxed), self.connect().await?);
        *current = Some(made.clone());
        Ok(made)
    }

    async fn connect(&self) -> RedisResult<Connection> {
        Ok(match &self.servers {
            Servers::One(client) => {
                Connection::Server(client.get_multiplexed_async_connection_with_config(&self.config).await?)
            }
            Servers::Sentinel(sentinels) => Connection::Server(sentinels.master(&self.config).await?.1),
            Servers::Cluster { client, .. } => {
                let half = self.timeout / 2;
                let config = ClusterConfig::new().set_connection_timeout(half).set_response_timeout(half);
                Connection::Cluster(client.get_async_connection_with_config(config).await?)
            }
        })
    }

    async fn forget(&self, number: u64) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|(present, _)| *present == number) {
            *current = None;
        }
    }

    /// Has the next call make its connection anew: the servers were seen to go away.
    pub(super) async fn renew(&self) {
        *self.current.lock().await = None;
    }

    /// A connection of its own that hears a channel. In a cluster any node hears all.
    pub(super) async fn subscribe(&self, channel: &str) -> RedisResult<PubSub> {
        match &self.servers {
            Servers::One(client) => self.subscribe_at(client, channel).await,
            Servers::Sentinel(sentinels) => {
                let (client, _) = sentinels.master(&self.config).await?;
                self.subscribe_at(&client, channel).await
            }
            Servers::Cluster { nodes, .. } => {
                let mut last = RedisError::from((ErrorKind::ClusterConnectionNotFound, "no node answers"));
                for node in nodes {
                    match self.subscribe_at(node, channel).await {
                        Ok(subscription) => return Ok(subscription),
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
        }
    }

    async fn subscribe_at(&self, client: &Client, channel: &str) -> RedisResult<PubSub> {
        let subscribing = async {
            let mut subscription = client.get_async_pubsub().await?;
            subscription.subscribe(channel).await?;
            Ok(subscription)
        };
        match tokio::time::timeout(self.timeout, subscribing).await {
            Ok(outcome) => outcome,
            Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }

    pub(super) fn timeout(&self) -> Duration {
        self.timeout
    }
}

fn call_of(name: &str, script: &str, keys: &[String], arguments: &[Vec<u8>]) -> Cmd {
    let mut command = cmd(name);
    command.arg(script).arg(keys.len()).arg(keys);
    for argument in arguments {
        command.arg(argument.as_slice());
    }
    command
}

/// Whether the connection, or the server behind it, is of no use any more.
fn ends_connection(error: &RedisError) -> bool {
    use ServerErrorKind::{BusyLoading, ClusterDown, MasterDown, ReadOnly};
    error.is_io_error()
        || error.is_unrecoverable_error()
        || matches!(error.kind(), ErrorKind::Parse | ErrorKind::ClusterConnectionNotFound)
        || matches!(error.kind(), ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | ReadOnly))
}

/// Whether somebody has to do something before it can work.
fn is_refusal(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm))
        || matches!(error.code(), Some("NOAUTH" | "WRONGPASS" | "NOPERM"))
        // The client hides the error of the handshake behind one of reading and writing.
        || error.to_string().contains("invalid peer certificate")
}

/// The client's own words are not shown: they may hold the address.
fn not_taken(_: RedisError) -> SessionsError {
    unusable("the client does not take it".to_owned())
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = |clients: &[Client]| -> Vec<String> {
            clients.iter().map(|client| client.get_connection_info().addr().to_string()).collect()
        };
        match &self.servers {
            Servers::One(client) => f.debug_tuple("Redis").field(&addresses(std::slice::from_ref(&**client))).finish(),
            Servers::Sentinel(sentinels) => {
                f.debug_tuple("RedisSentinel").field(&addresses(&sentinels.clients)).field(&sentinels.master).finish()
            }
            Servers::Cluster { nodes, .. } => f.debug_tuple("RedisCluster").field(&addresses(nodes)).finish(),
        }
    }
}
