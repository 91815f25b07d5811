//! Phone numbers and e-mail addresses of persons.

use super::{hidden_debug, words};
use crate::base::{ContactId, Digest, PersonId, Timestamp};
use crate::db::{Error, Source, Tx};

words! {
    /// What a contact is.
    ContactKind {
        /// A phone number.
        Phone = "phone",
        /// An e-mail address.
        Email = "email",
    }
}

/// A contact of a person.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Contact {
    /// Of this row.
    pub id: ContactId,
    /// Whose.
    pub person_id: PersonId,
    /// Phone or e-mail.
    pub kind: ContactKind,
    /// Sealed.
    pub value_sealed: Vec<u8>,
    /// Its blind index.
    pub value_index: Digest,
    /// When a code sent there came back.
    pub verified_at: Option<Timestamp>,
    /// When it stopped being used.
    pub ended_at: Option<Timestamp>,
    /// When it was added.
    pub created_at: Timestamp,
}

hidden_debug!(Contact: id);

macro_rules! columns {
    () => {
        "id, person_id, kind, value_sealed, value_index, verified_at, ended_at, created_at"
    };
}

/// Adds a contact.
///
/// # Errors
/// What the store said.
pub async fn insert(tx: &mut Tx, contact: &Contact) -> Result<(), Error> {
    tx.query(concat!("INSERT INTO contact (", columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"))
        .bind(contact.id)
        .bind(contact.person_id)
        .bind(contact.kind)
        .bind(&contact.value_sealed)
        .bind(contact.value_index)
        .bind(contact.verified_at)
        .bind(contact.ended_at)
        .bind(contact.created_at)
        .execute()
        .await
        .map(|_| ())
}

/// A person's contacts in use, oldest first.
///
/// # Errors
/// What the store said.
pub async fn list_for(source: impl Source<'_>, person: PersonId) -> Result<Vec<Contact>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM contact WHERE person_id = $1 AND ended_at IS NULL ORDER BY created_at, id"
        ))
        .bind(person)
        .all()
        .await
}

/// The contact of a kind whose end was the first since then.
///
/// # Errors
/// What the store said.
pub async fn first_ended_since(
    source: impl Source<'_>,
    (person, kind): (PersonId, ContactKind),
    since: Timestamp,
) -> Result<Option<Contact>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM contact WHERE person_id = $1 AND kind = $2 AND ended_at >= $3 ORDER BY ended_at, created_at LIMIT 1"
        ))
        .bind(person)
        .bind(kind)
        .bind(since)
        .optional()
        .await
}

/// Contacts in use with this blind index. A phone may belong to several people: at most 20 are given.
///
/// # Errors
/// What the store said.
pub async fn find_active_by_index(
    source: impl Source<'_>,
    kind: ContactKind,
    index: &Digest,
) -> Result<Vec<Contact>, Error> {
    source
        .query(concat!(
            "SELECT ",
            columns!(),
            " FROM contact WHERE value_index = $1 AND kind = $2 AND ended_at IS NULL ORDER BY created_at, id LIMIT 20"
        ))
        .bind(index)
        .bind(kind)
        .all()
        .await
}

/// Stops using a contact of this person. `false` when it is not theirs or had ended.
///
/// # Errors
/// What the store said.
pub async fn end(tx: &mut Tx, person: PersonId, id: ContactId, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE contact SET ended_at = $3 WHERE id = $2 AND person_id = $1 AND ended_at IS NULL")
        .bind(person)
        .bind(id)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}
