//! Asking sentinels which server is the master now.
//!
//! Refuses: a server that does not say of itself that it is the master.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisResult, TlsCertificates, cmd};

use super::address::Address;

/// What the sentinels can be asked with.
pub(super) struct Sentinels {
    pub(super) clients: Vec<Client>,
    pub(super) master: String,
    pub(super) address: Address,
    pub(super) certificates: TlsCertificates,
}

impl Sentinels {
    /// The master, and a connection to it.
    pub(super) async fn master(&self, config: &AsyncConnectionConfig) -> RedisResult<(Client, MultiplexedConnection)> {
        let mut last = None;
        for sentinel in &self.clients {
            match self.ask(sentinel, config).await {
                Ok(found) => return Ok(found),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| unknown("there is no sentinel to ask")))
    }

    async fn ask(
        &self,
        sentinel: &Client,
        config: &AsyncConnectionConfig,
    ) -> RedisResult<(Client, MultiplexedConnection)> {
        let mut connection = sentinel.get_multiplexed_async_connection_with_config(config).await?;
        let mut question = cmd("SENTINEL");
        question.arg("get-master-addr-by-name").arg(&self.master);
        let answer: Option<(String, u16)> = question.query_async(&mut connection).await?;
        let Some((host, port)) = answer else { return Err(unknown("no sentinel knows a master of that name")) };
        let info = self.address.server(&host, port).map_err(|_| unknown("the sentinels name no usable host"))?;
        let client = self.address.client(info, &self.certificates)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(config).await?;
        // A sentinel may not have heard yet that its master is one no more.
        let role: Vec<redis::Value> = cmd("ROLE").query_async(&mut connection).await?;
        match role.into_iter().next().map(redis::from_redis_value::<String>) {
            Some(Ok(role)) if role == "master" => Ok((client, connection)),
            _ => Err(unknown("the sentinels name a server that is not the master")),
        }
    }
}

fn unknown(what: &'static str) -> redis::RedisError {
    redis::RedisError::from((redis::ErrorKind::MasterNameNotFoundBySentinel, what))
}
