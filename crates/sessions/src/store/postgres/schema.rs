//! The tables, and bringing them to the version this program knows.
//!
//! Refuses: tables that a newer program has changed.

use std::error::Error as _;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error};

/// What makes version n of n - 1; never changed once released, only added to.
const MIGRATIONS: [&str; 1] = [include_str!("migrations/0001.sql")];

/// Taken by whoever migrates: two that start at once do so one after the other. Spells "doorward".
const LOCK: i64 = 0x646f_6f72_7761_7264;

/// Why the tables cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error("{}", in_full(.0))]
    Database(#[from] Error),
    #[error(
        "its tables are of version {found} and this doorward knows them up to {known}: run the newer doorward, or \
         give this one a schema of its own"
    )]
    Newer { found: i32, known: usize },
    #[error("the search_path of the database's user names no schema that exists: create one, or set search_path")]
    NoSchema,
}

/// The error and its causes: the client's own words alone say little.
fn in_full(error: &Error) -> String {
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

/// Brings the tables up to date; answers the channel that tells of their changes.
pub(super) async fn prepare(client: &mut Client) -> Result<String, SchemaError> {
    let transaction = client.transaction().await?;
    transaction.query_typed("SELECT pg_advisory_xact_lock($1)", &[(&LOCK, Type::INT8)]).await?;
    // Asked for rather than made over again: the user needs the right to make tables only when there is one to make.
    let present = transaction.query_typed("SELECT to_regclass('doorward_schema') IS NOT NULL", &[]).await?;
    if !present.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
        let place = transaction.query_typed("SELECT current_schema() IS NOT NULL", &[]).await?;
        if !place.first().is_some_and(|row| row.try_get(0).unwrap_or(false)) {
            return Err(SchemaError::NoSchema);
        }
        transaction.batch_execute("CREATE TABLE doorward_schema (version integer NOT NULL)").await?;
        transaction.batch_execute("INSERT INTO doorward_schema VALUES (0)").await?;
    }
    let version = transaction.query_typed("SELECT max(version) FROM doorward_schema", &[]).await?;
    let found = version.first().and_then(|row| row.try_get::<_, Option<i32>>(0).transpose()).transpose()?.unwrap_or(0);
    let done = usize::try_from(found).unwrap_or(0);
    if done > MIGRATIONS.len() {
        return Err(SchemaError::Newer { found, known: MIGRATIONS.len() });
    }
    for (number, migration) in (1_i32..).zip(MIGRATIONS).skip(done) {
        transaction.batch_execute(migration).await?;
        transaction.query_typed("UPDATE doorward_schema SET version = $1", &[(&number, Type::INT4)]).await?;
    }
    // By number: a channel is of the whole database, and two schemas of it may hold the tables of two doorwards.
    let number = transaction.query_typed_one("SELECT 'doorward_records'::regclass::oid", &[]).await?;
    let number: u32 = number.try_get(0)?;
    transaction.commit().await?;
    Ok(format!("doorward_{number}"))
}
