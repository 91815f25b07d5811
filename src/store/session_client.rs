//! Which clients a session has signed in to. Each has a `sid` of its own, so that portals cannot compare them.

use crate::base::{PersonId, SessionId, Timestamp};
use crate::db::{Error, Source, Tx};
use uuid::Uuid;

/// A client within a session.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SessionClient {
    /// The session.
    pub session_id: SessionId,
    /// The client.
    pub client_id: String,
    /// As in ID and logout tokens.
    pub sid: Uuid,
    /// Its first sign-in.
    pub first_at: Timestamp,
    /// Its last sign-in.
    pub last_at: Timestamp,
    /// When it was signed out.
    pub ended_at: Option<Timestamp>,
}

/// Notes a sign-in of a client and answers its `sid`: the one it has, or `proposed` at the first time and after it was
/// signed out.
///
/// # Errors
/// What the store said.
pub async fn upsert(
    tx: &mut Tx,
    session: SessionId,
    client_id: &str,
    proposed: Uuid,
    now: Timestamp,
) -> Result<Uuid, Error> {
    tx.query(
        "INSERT INTO session_client (session_id, client_id, sid, first_at, last_at) VALUES ($1, $2, $3, $4, $4)
         ON CONFLICT (session_id, client_id) DO UPDATE SET last_at = excluded.last_at, ended_at = NULL,
            sid = CASE WHEN session_client.ended_at IS NULL THEN session_client.sid ELSE excluded.sid END
         RETURNING sid",
    )
    .bind(session)
    .bind(client_id)
    .bind(proposed)
    .bind(now)
    .scalar()
    .await
}

/// The clients of a session that were not signed out, in order of their first sign-in.
///
/// # Errors
/// What the store said.
pub async fn list(source: impl Source<'_>, session: SessionId) -> Result<Vec<SessionClient>, Error> {
    source
        .query(
            "SELECT session_id, client_id, sid, first_at, last_at, ended_at FROM session_client
             WHERE session_id = $1 AND ended_at IS NULL ORDER BY first_at, client_id",
        )
        .bind(session)
        .all()
        .await
}

/// A client that a person signed in to.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UsedClient {
    /// The client.
    pub client_id: String,
    /// The last sign-in there.
    pub last_at: Timestamp,
    /// How many live sessions are signed in there.
    pub open: i64,
}

/// The clients of a person's newest 50 sessions, the one used last first.
///
/// # Errors
/// What the store said.
pub async fn list_used(source: impl Source<'_>, person: PersonId, now: Timestamp) -> Result<Vec<UsedClient>, Error> {
    source
        .query(
            "SELECT v.client_id, MAX(v.last_at) AS last_at,
                    COUNT(CASE WHEN s.ended_at IS NULL AND s.idle_expires_at > $2 AND s.expires_at > $2
                                    AND v.ended_at IS NULL THEN 1 END) AS open
             FROM (SELECT id, ended_at, idle_expires_at, expires_at FROM session
                   WHERE person_id = $1 ORDER BY created_at DESC LIMIT 50) s
             JOIN session_client v ON v.session_id = s.id
             GROUP BY v.client_id ORDER BY 2 DESC, v.client_id LIMIT 30",
        )
        .bind(person)
        .bind(now)
        .all()
        .await
}

/// The client and session of a `sid`, as in an `id_token_hint`; signed out or not.
///
/// # Errors
/// What the store said.
pub async fn find_by_sid(source: impl Source<'_>, sid: Uuid) -> Result<Option<SessionClient>, Error> {
    source
        .query(
            "SELECT session_id, client_id, sid, first_at, last_at, ended_at FROM session_client WHERE sid = $1 LIMIT 1",
        )
        .bind(sid)
        .optional()
        .await
}

/// Signs a client out of a session. `false` when it was not signed in.
///
/// # Errors
/// What the store said.
pub async fn end(tx: &mut Tx, session: SessionId, client_id: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE session_client SET ended_at = $3 WHERE session_id = $1 AND client_id = $2 AND ended_at IS NULL")
        .bind(session)
        .bind(client_id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}
