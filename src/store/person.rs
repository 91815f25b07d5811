//! Persons, and the history of their numbers.

use super::{Inserted, OLDEST, Position, hidden_debug};
use crate::base::{Digest, PersonId, RowId, Timestamp};
use crate::db::{Error, Source, Tx};
use crate::identity::{ExchangeEvidence, Gender, IdentityLevel, PersonStatus, RegisterState};

/// A person with an account.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Person {
    /// The internal subject.
    pub id: PersonId,
    /// Whether the account may be used.
    pub status: PersonStatus,
    /// Reason code of the last change of status.
    pub status_reason: Option<String>,
    /// How the person was proven.
    pub identity_level: IdentityLevel,
    /// What the register last said.
    pub register_state: RegisterState,
    /// When it was true.
    pub register_as_of: Option<Timestamp>,
    /// Ids of that exchange.
    pub register_evidence: Option<ExchangeEvidence>,
    /// NFC, as received.
    pub full_name: String,
    /// Folded match key.
    pub name_key: String,
    /// Accent-free lower case, for search.
    pub name_search: String,
    /// Sealed.
    pub birth_date_sealed: Vec<u8>,
    /// `None` when the register does not say.
    pub gender: Option<Gender>,
    /// The personal number in force, sealed.
    pub number_sealed: Vec<u8>,
    /// Its blind index.
    pub number_index: Digest,
    /// `vi` or `en`.
    pub language: String,
    /// Made by `demo`.
    pub is_demo: bool,
    /// When the account was made.
    pub created_at: Timestamp,
    /// Last change of this row.
    pub updated_at: Timestamp,
}

/// A number a person has or had (domain.md 2.7: set, cancelled, set anew).
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct NumberRecord {
    /// Of this row.
    pub id: RowId,
    /// Whose.
    pub person_id: PersonId,
    /// Sealed.
    pub number_sealed: Vec<u8>,
    /// Its blind index.
    pub number_index: Digest,
    /// Since when it holds.
    pub set_at: Timestamp,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// Reason code.
    pub reason: Option<String>,
}

hidden_debug!(Person: id, NumberRecord: id);

/// What a register's answer changes on a person.
#[derive(Debug, Clone)]
pub struct RegisterUpdate {
    /// How the person is proven now.
    pub identity_level: IdentityLevel,
    /// What the register said.
    pub register_state: RegisterState,
    /// When it was true.
    pub as_of: Option<Timestamp>,
    /// Ids of the exchange.
    pub evidence: Option<ExchangeEvidence>,
}

/// What the register says of a person's name and gender.
#[derive(Clone)]
pub struct NameUpdate {
    /// NFC, as received.
    pub full_name: String,
    /// Folded match key.
    pub name_key: String,
    /// For search.
    pub name_search: String,
    /// `None` when the register does not say.
    pub gender: Option<Gender>,
}

macro_rules! columns {
    () => {
        "id, status, status_reason, identity_level, register_state, register_as_of, register_evidence, full_name, \
         name_key, name_search, birth_date_sealed, gender, number_sealed, number_index, language, is_demo, created_at, \
         updated_at"
    };
}

/// Adds a person. [`Inserted::AlreadyKnown`] when the number has an account: of two at once, one is first.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, person: &Person) -> Result<Inserted, Error> {
    tx.query(concat!(
        "INSERT INTO person (",
        columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (number_index) DO NOTHING"
    ))
    .bind(person.id)
    .bind(person.status)
    .bind(&person.status_reason)
    .bind(person.identity_level)
    .bind(person.register_state)
    .bind(person.register_as_of)
    .bind(&person.register_evidence)
    .bind(&person.full_name)
    .bind(&person.name_key)
    .bind(&person.name_search)
    .bind(&person.birth_date_sealed)
    .bind(person.gender)
    .bind(&person.number_sealed)
    .bind(person.number_index)
    .bind(&person.language)
    .bind(person.is_demo)
    .bind(person.created_at)
    .bind(person.updated_at)
    .execute()
    .await
    .map(Inserted::from)
}

/// The person of that id.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, id: PersonId) -> Result<Option<Person>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM person WHERE id = $1")).bind(id).optional().await
}

/// The person of that id, who must exist.
///
/// # Errors
/// [`Error::NotFound`]; what the store said.
pub async fn get(source: impl Source<'_>, id: PersonId) -> Result<Person, Error> {
    find(source, id).await?.ok_or(Error::NotFound)
}

/// The person whose number in force has this blind index.
///
/// # Errors
/// What the store said.
pub async fn find_by_number_index(source: impl Source<'_>, index: &Digest) -> Result<Option<Person>, Error> {
    source.query(concat!("SELECT ", columns!(), " FROM person WHERE number_index = $1")).bind(index).optional().await
}

/// Sets the status and its reason code. `false` when there is no such person.
///
/// # Errors
/// What the store said.
pub async fn update_status(
    tx: &mut Tx,
    id: PersonId,
    status: PersonStatus,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE person SET status = $2, status_reason = $3, updated_at = $4 WHERE id = $1")
        .bind(id)
        .bind(status)
        .bind(reason)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Holds an active person's row for the rest of the transaction, so that two changes of ways to sign in are judged one
/// after the other: what is read after this stays true until commit. `false`: not active, nothing may be changed.
///
/// # Errors
/// What the store said.
pub async fn hold(tx: &mut Tx, id: PersonId) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE person SET updated_at = updated_at WHERE id = $1 AND status = $2")
        .bind(id)
        .bind(PersonStatus::Active)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Moves a person from one status and reason to another. `false` when they were not there: of two at once, one is first.
///
/// # Errors
/// What the store said.
pub async fn change_status(
    tx: &mut Tx,
    id: PersonId,
    (from, to): (PersonStatus, PersonStatus),
    reason: Option<&str>,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE person SET status = $3, status_reason = $4, updated_at = $5 WHERE id = $1 AND status = $2")
        .bind(id)
        .bind(from)
        .bind(to)
        .bind(reason)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Opens an account again that was locked for exactly this reason. `false` otherwise.
///
/// # Errors
/// What the store said.
pub async fn unlock(tx: &mut Tx, id: PersonId, reason: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE person SET status = $4, status_reason = NULL, updated_at = $5
             WHERE id = $1 AND status = $2 AND status_reason = $3",
        )
        .bind(id)
        .bind(PersonStatus::Locked)
        .bind(reason)
        .bind(PersonStatus::Active)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Sets the language of messages. `false` when there is no such person.
///
/// # Errors
/// What the store said.
pub async fn update_language(tx: &mut Tx, id: PersonId, language: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE person SET language = $2, updated_at = $3 WHERE id = $1")
        .bind(id)
        .bind(language)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Writes down what the register said. `false` when there is no such person.
///
/// # Errors
/// What the store said.
pub async fn update_register_state(
    tx: &mut Tx,
    id: PersonId,
    update: &RegisterUpdate,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE person SET identity_level = $2, register_state = $3, register_as_of = $4, register_evidence = $5,
                    updated_at = $6
             WHERE id = $1",
        )
        .bind(id)
        .bind(update.identity_level)
        .bind(update.register_state)
        .bind(update.as_of)
        .bind(&update.evidence)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Takes over name and gender as the register has them. `false` when there is no such person.
///
/// # Errors
/// What the store said.
pub async fn update_name(tx: &mut Tx, id: PersonId, update: &NameUpdate, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE person SET full_name = $2, name_key = $3, name_search = $4, gender = $5, updated_at = $6
             WHERE id = $1",
        )
        .bind(id)
        .bind(&update.full_name)
        .bind(&update.name_key)
        .bind(&update.name_search)
        .bind(update.gender)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Writes the number in force. `false` when there is no such person.
///
/// # Errors
/// What the store said; a unique violation when the number is another person's.
pub async fn update_number(
    tx: &mut Tx,
    id: PersonId,
    number_sealed: &[u8],
    number_index: &Digest,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE person SET number_sealed = $2, number_index = $3, updated_at = $4 WHERE id = $1")
        .bind(id)
        .bind(number_sealed)
        .bind(number_index)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Persons who wait for the register, longest untouched first.
///
/// # Errors
/// What the store said.
pub async fn list_pending(
    source: impl Source<'_>,
    limit: u32,
    after: Option<Position<PersonId>>,
) -> Result<Vec<Person>, Error> {
    let (at, id) = after.unwrap_or((OLDEST.0, PersonId(OLDEST.1)));
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM person WHERE register_state = $1 AND (updated_at, id) > ($2, $3) ORDER BY updated_at, id LIMIT $4"
        ))
        .bind(RegisterState::Pending)
        .bind(at)
        .bind(id)
        .bind(i64::from(limit))
        .all()
        .await
}

/// Claims a waiting person for one job by moving the row's time on: of several nodes that saw `seen`, one gets `true`.
///
/// # Errors
/// What the store said.
pub async fn claim_pending(tx: &mut Tx, id: PersonId, seen: Timestamp, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE person SET updated_at = $3 WHERE id = $1 AND updated_at = $2 AND register_state = $4")
        .bind(id)
        .bind(seen)
        .bind(now)
        .bind(RegisterState::Pending)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Whether any person was made by `demo`.
///
/// # Errors
/// What the store said.
pub async fn any_demo(source: impl Source<'_>) -> Result<bool, Error> {
    source.query("SELECT EXISTS (SELECT 1 FROM person WHERE is_demo)").scalar().await
}

/// Adds a line to the history of a person's numbers.
///
/// # Errors
/// What the store said.
pub async fn insert_number(tx: &mut Tx, number: &NumberRecord) -> Result<(), Error> {
    tx.query(
        "INSERT INTO person_number_history
                (id, person_id, number_sealed, number_index, set_at, cancelled_at, reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(number.id)
    .bind(number.person_id)
    .bind(&number.number_sealed)
    .bind(number.number_index)
    .bind(number.set_at)
    .bind(number.cancelled_at)
    .bind(&number.reason)
    .execute()
    .await
    .map(|_| ())
}

/// A person's numbers, oldest first.
///
/// # Errors
/// What the store said.
pub async fn list_numbers(source: impl Source<'_>, person: PersonId) -> Result<Vec<NumberRecord>, Error> {
    source
        .query(
            "SELECT id, person_id, number_sealed, number_index, set_at, cancelled_at, reason
             FROM person_number_history WHERE person_id = $1 ORDER BY set_at, id",
        )
        .bind(person)
        .all()
        .await
}
