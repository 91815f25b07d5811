//! Organizations, whom the registers name for them, and what these said about opening an account.

use super::{Inserted, hidden_debug};
use crate::base::{Digest, OrganizationId, PersonId, RowId, Timestamp};
use crate::db::{Error, Source, Tx};
use crate::identity::{
    ExchangeEvidence, IdentityLevel, OrganizationAccount, OrganizationCode, OrganizationKind, OrganizationStatus,
    PersonStatus, RepresentationRole, Standing,
};

/// An organization known here.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Organization {
    /// Of this row.
    pub id: OrganizationId,
    /// Tax or agency code.
    pub code: OrganizationCode,
    /// What it is.
    pub kind: OrganizationKind,
    /// Name as the register writes it.
    pub name: String,
    /// What the register last said of it.
    pub register_status: OrganizationStatus,
    /// When.
    pub as_of: Timestamp,
    /// The state of its account.
    pub account: OrganizationAccount,
    /// Which application is or was judged.
    pub application: i32,
    /// When it was first heard of.
    pub created_at: Timestamp,
    /// Last change of this row.
    pub updated_at: Timestamp,
}

/// Somebody whom the register names, or named.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Representative {
    /// For which organization.
    pub organization_id: OrganizationId,
    /// Blind index of the personal number.
    pub number_index: Digest,
    /// Name as the register writes it.
    pub full_name: String,
    /// In what capacity.
    pub role: RepresentationRole,
    /// The register's title.
    pub title: Option<String>,
    /// When the register last named them.
    pub as_of: Timestamp,
    /// The last question about them, answered or not.
    pub checked_at: Timestamp,
    /// Ids of the exchange.
    pub evidence: ExchangeEvidence,
    /// Since when the register names them no longer.
    pub ended_at: Option<Timestamp>,
    /// How that was learnt.
    pub ended_reason: Option<String>,
}

/// One person's standing for one organization: everything that the decision and the tokens need, in one row.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Representation {
    /// For whom.
    pub organization_id: OrganizationId,
    /// Its code.
    pub code: OrganizationCode,
    /// What it is.
    pub kind: OrganizationKind,
    /// Its name.
    pub name: String,
    /// What the register last said of it.
    pub register_status: OrganizationStatus,
    /// The state of its account.
    pub account: OrganizationAccount,
    /// The application under way or decided.
    pub application: i32,
    /// Who.
    pub person_id: PersonId,
    /// Blind index of the person's number.
    pub number_index: Digest,
    /// Whether the person's account may be used.
    pub person_status: PersonStatus,
    /// How the person was proven.
    pub identity_level: IdentityLevel,
    /// In what capacity.
    pub role: RepresentationRole,
    /// The register's title.
    pub title: Option<String>,
    /// When the register last confirmed it.
    pub as_of: Timestamp,
    /// The last question, answered or not.
    pub checked_at: Timestamp,
    /// Ids of the exchange.
    pub evidence: ExchangeEvidence,
    /// Since when it is no longer so.
    pub ended_at: Option<Timestamp>,
}

hidden_debug!(Representative: organization_id, Representation: organization_id);

impl Representation {
    /// What the rule of acting looks at.
    pub const fn standing(&self) -> Standing {
        Standing {
            person: self.person_status,
            identity_level: self.identity_level,
            account: self.account,
            organization: self.register_status,
            named: self.ended_at.is_none(),
            as_of: self.as_of,
        }
    }
}

/// What a representative said about an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Decision {
    /// About which organization.
    pub organization_id: OrganizationId,
    /// About which application.
    pub application: i32,
    /// Who.
    pub person_id: PersonId,
    /// Yes or no.
    pub agreed: bool,
    /// When.
    pub decided_at: Timestamp,
}

/// A decision under the index by which the register names its person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Vote {
    /// Blind index of the person's number.
    pub number_index: Digest,
    /// Yes or no.
    pub agreed: bool,
}

/// An application that waits for a silent register.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct WaitingRequest {
    /// Of this row.
    pub id: RowId,
    /// Who applied.
    pub person_id: PersonId,
    /// For which code.
    pub code: OrganizationCode,
    /// When.
    pub created_at: Timestamp,
    /// The last question.
    pub tried_at: Timestamp,
    /// When it was settled.
    pub ended_at: Option<Timestamp>,
    /// `found` or `no_match`.
    pub outcome: Option<String>,
}

macro_rules! organization_columns {
    () => {
        "id, code, kind, name, register_status, as_of, account, application, created_at, updated_at"
    };
}

/// Takes over what a register says of an organization: adds it, or updates the row of its code and leaves the state of
/// its account. `None`: a newer answer is there already, and this one counts for nothing.
///
/// # Errors
/// What the store said.
pub async fn upsert(tx: &mut Tx, organization: &Organization) -> Result<Option<Organization>, Error> {
    tx.query(concat!(
        "INSERT INTO organization (",
        organization_columns!(),
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (code) DO UPDATE SET name = excluded.name, register_status = excluded.register_status,
            as_of = excluded.as_of, updated_at = excluded.updated_at
         WHERE organization.as_of <= excluded.as_of RETURNING ",
        organization_columns!()
    ))
    .bind(organization.id)
    .bind(&organization.code)
    .bind(organization.kind)
    .bind(&organization.name)
    .bind(organization.register_status)
    .bind(organization.as_of)
    .bind(organization.account)
    .bind(organization.application)
    .bind(organization.created_at)
    .bind(organization.updated_at)
    .optional()
    .await
}

/// The organization of that id.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, id: OrganizationId) -> Result<Option<Organization>, Error> {
    source
        .query(concat!("SELECT ", organization_columns!(), " FROM organization WHERE id = $1"))
        .bind(id)
        .optional()
        .await
}

/// The organization of that code.
///
/// # Errors
/// What the store said.
pub async fn find_by_code(source: impl Source<'_>, code: &OrganizationCode) -> Result<Option<Organization>, Error> {
    source
        .query(concat!("SELECT ", organization_columns!(), " FROM organization WHERE code = $1"))
        .bind(code)
        .optional()
        .await
}

/// Holds an organization's row until the end of the transaction, so that words on an application are judged one after
/// another: of two at once, neither would see the other's. Taken before the rows of its representatives, as [`upsert`]
/// does. `None`: there is no such organization.
///
/// # Errors
/// What the store said.
pub async fn hold_account(tx: &mut Tx, id: OrganizationId) -> Result<Option<Organization>, Error> {
    tx.query(concat!(
        "UPDATE organization SET updated_at = updated_at WHERE id = $1 RETURNING ",
        organization_columns!()
    ))
    .bind(id)
    .optional()
    .await
}

/// Moves an account from one state to another within an application: of several at once, one does it.
///
/// # Errors
/// What the store said.
pub async fn move_account(
    tx: &mut Tx,
    (id, application): (OrganizationId, i32),
    (from, to): (OrganizationAccount, OrganizationAccount),
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE organization SET account = $4, updated_at = $5 WHERE id = $1 AND application = $2 AND account = $3",
        )
        .bind(id)
        .bind(application)
        .bind(from)
        .bind(to)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Begins another application after one that was refused, or after the account was closed. `false` when somebody else began it.
///
/// # Errors
/// What the store said.
pub async fn apply_anew(tx: &mut Tx, id: OrganizationId, refused: i32, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE organization SET account = 'pending', application = application + 1, updated_at = $3
             WHERE id = $1 AND application = $2 AND account IN ('refused', 'closed')",
        )
        .bind(id)
        .bind(refused)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Takes over that the register names somebody, or still does.
///
/// # Errors
/// What the store said.
pub async fn put_representative(tx: &mut Tx, row: &Representative) -> Result<(), Error> {
    tx.query(
        "INSERT INTO organization_representative
            (organization_id, number_index, full_name, role, title, as_of, checked_at, evidence, ended_at, ended_reason)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         ON CONFLICT (organization_id, number_index) DO UPDATE SET full_name = excluded.full_name,
            role = excluded.role, title = excluded.title, as_of = excluded.as_of, checked_at = excluded.checked_at,
            evidence = excluded.evidence, ended_at = excluded.ended_at, ended_reason = excluded.ended_reason",
    )
    .bind(row.organization_id)
    .bind(row.number_index)
    .bind(&row.full_name)
    .bind(row.role)
    .bind(&row.title)
    .bind(row.as_of)
    .bind(row.checked_at)
    .bind(&row.evidence)
    .bind(row.ended_at)
    .bind(&row.ended_reason)
    .execute()
    .await
    .map(|_| ())
}

/// Those whom the register names now; at most 100.
///
/// # Errors
/// What the store said.
pub async fn list_representatives(
    source: impl Source<'_>,
    organization: OrganizationId,
) -> Result<Vec<Representative>, Error> {
    source
        .query(
            "SELECT organization_id, number_index, full_name, role, title, as_of, checked_at, evidence, ended_at,
                    ended_reason FROM organization_representative
             WHERE organization_id = $1 AND ended_at IS NULL ORDER BY full_name, number_index LIMIT 100",
        )
        .bind(organization)
        .all()
        .await
}

/// The register names somebody no longer. `false` when that was known.
///
/// # Errors
/// What the store said.
pub async fn end_representative(
    tx: &mut Tx,
    organization: OrganizationId,
    number_index: &Digest,
    reason: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE organization_representative SET ended_at = $4, ended_reason = $3, checked_at = $4
             WHERE organization_id = $1 AND number_index = $2 AND ended_at IS NULL",
        )
        .bind(organization)
        .bind(number_index)
        .bind(reason)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Holds a representative's row until the end of the transaction. `false` when the role ended.
///
/// # Errors
/// What the store said.
pub async fn hold(tx: &mut Tx, organization: OrganizationId, number_index: &Digest) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE organization_representative SET checked_at = checked_at
             WHERE organization_id = $1 AND number_index = $2 AND ended_at IS NULL",
        )
        .bind(organization)
        .bind(number_index)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Claims the next question about a representative: of several nodes at once, one asks.
///
/// # Errors
/// What the store said.
pub async fn claim_check(
    tx: &mut Tx,
    (organization, number_index): (OrganizationId, &Digest),
    last: Timestamp,
    now: Timestamp,
) -> Result<bool, Error> {
    let rows = tx
        .query(
            "UPDATE organization_representative SET checked_at = $4
             WHERE organization_id = $1 AND number_index = $2 AND checked_at = $3 AND ended_at IS NULL",
        )
        .bind(organization)
        .bind(number_index)
        .bind(last)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

macro_rules! representation {
    ($rest:literal) => {
        concat!(
            "SELECT o.id AS organization_id, o.code, o.kind, o.name, o.register_status, o.account, o.application,
                    p.id AS person_id, p.number_index, p.status AS person_status, p.identity_level,
                    r.role, r.title, r.as_of, r.checked_at, r.evidence, r.ended_at
             FROM person p JOIN organization_representative r ON r.number_index = p.number_index
             JOIN organization o ON o.id = r.organization_id ",
            $rest
        )
    };
}

/// Every organization that the register names, or named, a person for, by name; at most 100.
///
/// # Errors
/// What the store said.
pub async fn list_for_person(source: impl Source<'_>, person: PersonId) -> Result<Vec<Representation>, Error> {
    source.query(representation!("WHERE p.id = $1 ORDER BY o.name, o.id LIMIT 100")).bind(person).all().await
}

/// A person's standing for one organization, if the register ever named them.
///
/// # Errors
/// What the store said.
pub async fn find_representation(
    source: impl Source<'_>,
    organization: OrganizationId,
    person: PersonId,
) -> Result<Option<Representation>, Error> {
    source
        .query(representation!("WHERE p.id = $1 AND r.organization_id = $2"))
        .bind(person)
        .bind(organization)
        .optional()
        .await
}

/// Representations that live grants rest on and that were last asked about before a time, the oldest first.
///
/// # Errors
/// What the store said.
pub async fn list_due(
    source: impl Source<'_>,
    before: Timestamp,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<Representation>, Error> {
    source
        .query(representation!(
            "WHERE r.ended_at IS NULL AND r.checked_at < $1 AND EXISTS (SELECT 1 FROM authorization_grant g
                WHERE g.organization_id = o.id AND g.person_id = p.id AND g.ended_at IS NULL AND g.expires_at > $2)
             ORDER BY r.checked_at LIMIT $3"
        ))
        .bind(before)
        .bind(now)
        .bind(i64::from(limit))
        .all()
        .await
}

/// Writes down what a representative says about an application. Said once, it stands.
///
/// # Errors
/// What the store said.
pub async fn decide(tx: &mut Tx, decision: &Decision) -> Result<Inserted, Error> {
    tx.query(
        "INSERT INTO organization_decision (organization_id, application, person_id, agreed, decided_at)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, application, person_id) DO NOTHING",
    )
    .bind(decision.organization_id)
    .bind(decision.application)
    .bind(decision.person_id)
    .bind(decision.agreed)
    .bind(decision.decided_at)
    .execute()
    .await
    .map(Inserted::from)
}

/// What was said about an application so far.
///
/// # Errors
/// What the store said.
pub async fn list_votes(
    source: impl Source<'_>,
    organization: OrganizationId,
    application: i32,
) -> Result<Vec<Vote>, Error> {
    source
        .query(
            "SELECT p.number_index, d.agreed FROM organization_decision d JOIN person p ON p.id = d.person_id
             WHERE d.organization_id = $1 AND d.application = $2",
        )
        .bind(organization)
        .bind(application)
        .all()
        .await
}

/// Who applied: theirs is the first word on an application.
///
/// # Errors
/// What the store said.
pub async fn find_applicant(
    source: impl Source<'_>,
    organization: OrganizationId,
    application: i32,
) -> Result<Option<PersonId>, Error> {
    source
        .query(
            "SELECT person_id FROM organization_decision WHERE organization_id = $1 AND application = $2
             ORDER BY decided_at, person_id LIMIT 1",
        )
        .bind(organization)
        .bind(application)
        .optional_scalar()
        .await
}

macro_rules! request_columns {
    () => {
        "id, person_id, code, created_at, tried_at, ended_at, outcome"
    };
}

/// Keeps an application until the register answers.
///
/// # Errors
/// What the store said.
pub async fn insert_request(tx: &mut Tx, request: &WaitingRequest) -> Result<(), Error> {
    tx.query(concat!("INSERT INTO organization_request (", request_columns!(), ") VALUES ($1, $2, $3, $4, $5, $6, $7)"))
        .bind(request.id)
        .bind(request.person_id)
        .bind(&request.code)
        .bind(request.created_at)
        .bind(request.tried_at)
        .bind(request.ended_at)
        .bind(&request.outcome)
        .execute()
        .await
        .map(|_| ())
}

/// Applications that wait and were last tried before a time, the longest first.
///
/// # Errors
/// What the store said.
pub async fn list_waiting(
    source: impl Source<'_>,
    before: Timestamp,
    limit: u32,
) -> Result<Vec<WaitingRequest>, Error> {
    source
        .query(concat!(
            "SELECT ",
            request_columns!(),
            " FROM organization_request WHERE ended_at IS NULL AND tried_at < $1 ORDER BY tried_at LIMIT $2"
        ))
        .bind(before)
        .bind(i64::from(limit))
        .all()
        .await
}

/// A person's applications that wait, or found nothing since `after`, newest first; at most 20.
///
/// # Errors
/// What the store said.
pub async fn list_requests(
    source: impl Source<'_>,
    person: PersonId,
    after: Timestamp,
) -> Result<Vec<WaitingRequest>, Error> {
    source
        .query(concat!(
            "SELECT ",
            request_columns!(),
            " FROM organization_request WHERE person_id = $1 AND (ended_at IS NULL OR (outcome = 'no_match'
                AND ended_at > $2)) ORDER BY created_at DESC, id LIMIT 20"
        ))
        .bind(person)
        .bind(after)
        .all()
        .await
}

/// Claims the next try of a waiting application.
///
/// # Errors
/// What the store said.
pub async fn claim_request(tx: &mut Tx, id: RowId, last: Timestamp, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE organization_request SET tried_at = $3 WHERE id = $1 AND tried_at = $2 AND ended_at IS NULL")
        .bind(id)
        .bind(last)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Settles a waiting application.
///
/// # Errors
/// What the store said.
pub async fn end_request(tx: &mut Tx, id: RowId, outcome: &str, now: Timestamp) -> Result<bool, Error> {
    let rows = tx
        .query("UPDATE organization_request SET ended_at = $3, outcome = $2 WHERE id = $1 AND ended_at IS NULL")
        .bind(id)
        .bind(outcome)
        .bind(now)
        .execute()
        .await?;
    Ok(rows == 1)
}

/// Ends what waits for an organization: nothing from before its account was closed opens it again.
///
/// # Errors
/// What the store said.
pub async fn end_requests_for(
    tx: &mut Tx,
    code: &OrganizationCode,
    outcome: &str,
    now: Timestamp,
) -> Result<u64, Error> {
    tx.query("UPDATE organization_request SET ended_at = $3, outcome = $2 WHERE code = $1 AND ended_at IS NULL")
        .bind(code)
        .bind(outcome)
        .bind(now)
        .execute()
        .await
}
