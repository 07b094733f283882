//! What is asked of the database, each as one statement, so that each is atomic; what changes something notifies in the same.

/// How many records one sweep removes in one statement.
pub(super) const PORTION: i64 = 1000;

/// $1 kind, $2 id, $3 now.
pub(super) const GET: &str = "SELECT version, expires_at, sealed FROM doorward_records \
     WHERE kind = $1 AND id = $2 AND expires_at > $3";
/// $1 kind, $2 the id before, $3 now, $4 how many.
pub(super) const LIST: &str = "SELECT version, expires_at, sealed, id FROM doorward_records \
     WHERE kind = $1 AND id > $2 AND expires_at > $3 ORDER BY id LIMIT $4";
/// $1 kind, $2 id, $3 now, $4 expiry, $5 sealed, $6 channel, $7 change without its version.
pub(super) const PUT_ABSENT: &str = "WITH written AS (INSERT INTO doorward_records AS present (kind, id, version, expires_at, sealed) \
     VALUES ($1, $2, 1, $4, $5) ON CONFLICT (kind, id) DO UPDATE \
     SET version = 1, expires_at = excluded.expires_at, sealed = excluded.sealed WHERE present.expires_at <= $3 \
     RETURNING version) SELECT version, pg_notify($6, $7 || version) FROM written";
/// As [`PUT_ABSENT`].
pub(super) const PUT_ANY: &str = "WITH written AS (INSERT INTO doorward_records AS present (kind, id, version, expires_at, sealed) \
     VALUES ($1, $2, 1, $4, $5) ON CONFLICT (kind, id) DO UPDATE \
     SET version = CASE WHEN present.expires_at <= $3 THEN 1 ELSE present.version + 1 END, \
     expires_at = excluded.expires_at, sealed = excluded.sealed \
     RETURNING version) SELECT version, pg_notify($6, $7 || version) FROM written";
/// As [`PUT_ABSENT`], and $8 the version to replace.
pub(super) const PUT_VERSION: &str = "WITH written AS (UPDATE doorward_records \
     SET version = version + 1, expires_at = $4, sealed = $5 \
     WHERE kind = $1 AND id = $2 AND expires_at > $3 AND version = $8 \
     RETURNING version) SELECT version, pg_notify($6, $7 || version) FROM written";
/// $1 kind, $2 id, $3 whatever the version, $4 version, $5 channel, $6 change.
pub(super) const REMOVE: &str = "WITH gone AS (DELETE FROM doorward_records \
     WHERE kind = $1 AND id = $2 AND ($3 OR version = $4) RETURNING 1) SELECT pg_notify($5, $6) FROM gone";
/// $1 now, $2 how many. Whoever else sweeps leaves what is being swept, and what has got a longer life stays.
pub(super) const SWEEP: &str = "WITH gone AS (DELETE FROM doorward_records WHERE (kind, id) IN \
     (SELECT kind, id FROM doorward_records WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 \
     FOR UPDATE SKIP LOCKED) RETURNING 1) SELECT count(*) FROM gone";
