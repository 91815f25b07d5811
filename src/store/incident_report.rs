//! Reports of something strange.

use super::words;
use crate::base::{AuditId, PersonId, RowId, Timestamp};
use crate::db::{Error, Source, Tx};

words! {
    /// What was done at once.
    ReportAction {
        /// Only reported.
        Report = "report",
        /// Sessions ended and a waiting change of phone cancelled.
        EndSessions = "end_sessions",
        /// The account frozen.
        Freeze = "freeze",
    }
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct IncidentReport {
    /// Of this row.
    pub id: RowId,
    /// Eight symbols a person can read out.
    pub number: String,
    /// Who reported.
    pub person_id: PersonId,
    /// The event it is about.
    pub about: Option<AuditId>,
    /// What was done at once.
    pub action: ReportAction,
    /// When.
    pub created_at: Timestamp,
}

/// Adds a report.
///
/// # Errors
/// What the store said; a unique violation when the number is taken.
pub async fn insert(tx: &mut Tx, report: &IncidentReport) -> Result<(), Error> {
    tx.query(
        "INSERT INTO incident_report (id, number, person_id, about, action, created_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(report.id)
    .bind(&report.number)
    .bind(report.person_id)
    .bind(report.about)
    .bind(report.action)
    .bind(report.created_at)
    .execute()
    .await
    .map(|_| ())
}

/// The report of that number.
///
/// # Errors
/// What the store said.
pub async fn find(source: impl Source<'_>, number: &str) -> Result<Option<IncidentReport>, Error> {
    source
        .query("SELECT id, number, person_id, about, action, created_at FROM incident_report WHERE number = $1")
        .bind(number)
        .optional()
        .await
}
