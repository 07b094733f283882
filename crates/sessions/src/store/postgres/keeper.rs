//! The store's own connection: it prepares the tables and hears of changes.
//!
//! Refuses: to be deaf unnoticed. A connection that answers nothing is given up, and listeners are told after every
//! gap to look for themselves.

use std::error::Error as _;
use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_postgres::error::SqlState;
use tokio_postgres::{AsyncMessage, Client, Config};

use super::schema::{self, SchemaError};
use super::tls::Tls;
use crate::store::change::{Change, Feed};

const ASK_EVERY: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long the tables may take: another replica may be bringing them up to date.
const SCHEMA_PATIENCE: Duration = Duration::from_secs(600);

/// What is known of the server and its tables.
#[derive(Debug, Clone)]
pub(super) enum Readiness {
    /// Nothing yet.
    Unknown,
    /// It did not answer when last asked.
    Unreachable(Arc<KeeperError>),
    /// It does not let us work.
    Refused(Arc<KeeperError>),
    /// The tables are as they should be; the channel of their changes.
    Ready(Arc<str>),
}

/// Why there is no connection to hear on.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeeperError {
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error("no answer in time")]
    Late,
    #[error("the server has ended the connection")]
    Ended,
}

impl From<tokio_postgres::Error> for KeeperError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Schema(error.into())
    }
}

impl KeeperError {
    /// Whether somebody has to do something before it can work.
    fn is_refusal(&self) -> bool {
        match self {
            Self::Late | Self::Ended => false,
            Self::Schema(SchemaError::Newer { .. } | SchemaError::NoSchema) => true,
            Self::Schema(SchemaError::Database(error)) => match error.code() {
                Some(code) => {
                    // Class 28: who we say we are.
                    code.code().starts_with("28")
                        || [SqlState::INVALID_CATALOG_NAME, SqlState::INSUFFICIENT_PRIVILEGE].contains(code)
                }
                None => is_distrust(error),
            },
        }
    }
}

/// Whether the server's certificate is why.
fn is_distrust(error: &tokio_postgres::Error) -> bool {
    let Some(io) = error.source().and_then(|source| source.downcast_ref::<std::io::Error>()) else { return false };
    io.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
}

/// What the keeper needs.
pub(super) struct Keeper {
    pub(super) config: Config,
    pub(super) tls: Tls,
    pub(super) timeout: Duration,
    pub(super) readiness: watch::Sender<Readiness>,
    pub(super) feed: Feed,
}

impl Keeper {
    /// Keeps a connection until the task is ended.
    pub(super) async fn run(self) {
        let (mut pause, mut failing) = (FIRST_PAUSE, false);
        loop {
            let mut heard = false;
            let Err(error) = self.hear(&mut heard).await;
            if heard {
                pause = FIRST_PAUSE;
                failing = false;
            }
            if !failing {
                tracing::warn!(error = &error as &dyn std::error::Error, "changes of the session store are not heard");
            }
            failing = true;
            let error = Arc::new(error);
            self.readiness.send_if_modified(|readiness| match readiness {
                // Tables do not go bad by a lost connection, unless somebody has changed them.
                Readiness::Ready(_) if !error.is_refusal() => false,
                _ if error.is_refusal() => {
                    *readiness = Readiness::Refused(Arc::clone(&error));
                    true
                }
                _ => {
                    *readiness = Readiness::Unreachable(Arc::clone(&error));
                    true
                }
            });
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Connects, prepares, and hears until the connection ends.
    async fn hear(&self, heard: &mut bool) -> Result<std::convert::Infallible, KeeperError> {
        let (mut client, mut connection) = self.within(self.config.connect(self.tls.clone())).await?;
        let feed = self.feed.clone();
        let mut driver = tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                if let AsyncMessage::Notification(notification) = message {
                    feed.send(Change::of_line(notification.payload()));
                }
            }
        });
        let _driver = Ended(driver.abort_handle());
        let channel = tokio::time::timeout(SCHEMA_PATIENCE, schema::prepare(&mut client))
            .await
            .map_err(|_| KeeperError::Late)??;
        self.within(client.batch_execute(&format!("LISTEN {channel}"))).await?;
        *heard = true;
        self.readiness.send_replace(Readiness::Ready(channel.into()));
        self.feed.send(Change::Missed);
        tracing::debug!("changes of the session store are heard");
        Err(self.stay(&client, &mut driver).await)
    }

    /// Asks something now and then, until there is no answer any more.
    async fn stay(&self, client: &Client, driver: &mut JoinHandle<()>) -> KeeperError {
        loop {
            tokio::select! {
                _ = &mut *driver => return KeeperError::Ended,
                () = tokio::time::sleep(ASK_EVERY) => if let Err(error) = self.within(client.simple_query("")).await {
                    return error;
                },
            }
        }
    }

    async fn within<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, KeeperError> {
        Ok(tokio::time::timeout(self.timeout, answer).await.map_err(|_| KeeperError::Late)??)
    }
}

/// Ends a task when dropped.
pub(super) struct Ended(pub(super) AbortHandle);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.abort();
    }
}
