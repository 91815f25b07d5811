//! The audit trail: appended in the transaction of the act, never changed (I4).

use super::{NEWEST, Position};
use crate::audit::{Entry, Event};
use crate::base::{AuditId, GrantId, PersonId, SessionId, Timestamp};
use crate::db::{Error, Source, Tx};

#[derive(sqlx::FromRow)]
struct Row {
    id: AuditId,
    at: Timestamp,
    person_id: Option<PersonId>,
    client_id: Option<String>,
    session_id: Option<SessionId>,
    grant_id: Option<GrantId>,
    request_id: Option<String>,
    detail: Event,
}

impl From<Row> for Entry {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            at: row.at,
            event: row.detail,
            person: row.person_id,
            client: row.client_id,
            session: row.session_id,
            grant: row.grant_id,
            request_id: row.request_id,
        }
    }
}

macro_rules! columns {
    () => {
        "id, at, person_id, client_id, session_id, grant_id, request_id, detail"
    };
}

/// Writes an entry down. When this fails, the act fails.
///
/// # Errors
/// What the store said.
pub async fn append(tx: &mut Tx, entry: &Entry) -> Result<(), Error> {
    tx.query(concat!("INSERT INTO audit_event (", columns!(), ", kind) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"))
        .bind(entry.id)
        .bind(entry.at)
        .bind(entry.person)
        .bind(&entry.client)
        .bind(entry.session)
        .bind(entry.grant)
        .bind(&entry.request_id)
        .bind(&entry.event)
        .bind(entry.event.kind())
        .write()
        .await
}

/// A page of what concerns a person, newest first.
///
/// # Errors
/// What the store said.
pub async fn list_for_person(
    source: impl Source<'_>,
    person: PersonId,
    before: Option<Position<AuditId>>,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let (at, id) = before.unwrap_or((NEWEST.0, AuditId(NEWEST.1)));
    let rows: Vec<Row> = source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM audit_event WHERE person_id = $1 AND (at, id) < ($2, $3) ORDER BY at DESC, id DESC LIMIT $4"
        ))
        .bind(person)
        .bind(at)
        .bind(id)
        .bind(i64::from(limit))
        .all()
        .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// An event that concerns this person.
///
/// # Errors
/// What the store said.
pub async fn find_for_person(source: impl Source<'_>, id: AuditId, person: PersonId) -> Result<Option<Entry>, Error> {
    let row: Option<Row> = source
        .query(concat!("SELECT ", columns!(), " FROM audit_event WHERE id = $1 AND person_id = $2"))
        .bind(id)
        .bind(person)
        .optional()
        .await?;
    Ok(row.map(Entry::from))
}

/// Whether an event concerns this person.
///
/// # Errors
/// What the store said.
pub async fn is_of(source: impl Source<'_>, id: AuditId, person: PersonId) -> Result<bool, Error> {
    Ok(find_for_person(source, id, person).await?.is_some())
}

/// How telling a client of sign-outs went since a time, newest first.
///
/// # Errors
/// What the store said.
pub async fn list_logouts(
    source: impl Source<'_>,
    client_id: &str,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<Entry>, Error> {
    let rows: Vec<Row> = source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM audit_event WHERE at >= $2 AND client_id = $1 AND kind IN ('logout.delivered', 'logout.failed')
              ORDER BY at DESC LIMIT $3"
        ))
        .bind(client_id)
        .bind(since)
        .bind(i64::from(limit))
        .all()
        .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// What concerns a grant, oldest first; at most 500.
///
/// # Errors
/// What the store said.
pub async fn list_for_grant(source: impl Source<'_>, grant: GrantId) -> Result<Vec<Entry>, Error> {
    let rows: Vec<Row> = source
        .query(concat!("SELECT ", columns!(), " FROM audit_event WHERE grant_id = $1 ORDER BY at, id LIMIT 500"))
        .bind(grant)
        .all()
        .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}
