//! "Not me" (C29): ends sessions or freezes at once and gives a number to ask by. Without signing in it works with the
//! personal number and the code of a notice.

use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services, audit, person, throttle};
use super::{email, freeze, phone};
use crate::audit::{AccountEvent, Word};
use crate::base::{AuditId, Digest, ErrorId, PersonId, RowId, Timestamp};
use crate::db::Tx;
use crate::identity::{Admission, PersonalNumber, Rule};
use crate::store;
use crate::store::incident_report::IncidentReport;
pub use crate::store::incident_report::ReportAction;
use std::time::Duration;

/// How long the code of a notice is good: a message may be read days later.
const NOTICE_CODE_LIFETIME: Duration = Duration::from_hours(24 * 7);

fn code_index(services: &Services, who: PersonId, code: &str) -> Outcome<Digest> {
    services.sealer.keyed_digest("notice_code", &[who.0.as_bytes(), code.as_bytes()]).map_err(Fault::internal)
}

/// Makes the code of a notice: eight symbols, good once with its person's number.
pub(in crate::flow) async fn new_notice_code(services: &Services, tx: &mut Tx, who: PersonId) -> Outcome<String> {
    let now = services.clock.now();
    let code = ErrorId::new(&*services.entropy).as_str().to_owned();
    let normal = ErrorId::parse(&code).ok_or_else(|| Fault::Internal("a code that cannot be read back".into()))?;
    let index = code_index(services, who, normal.as_str())?;
    let id = RowId::new(now, &*services.entropy);
    store::notice_code::insert(tx, (id, who), &index, now, now.plus(NOTICE_CODE_LIFETIME)).await?;
    Ok(code)
}

/// Reports something from a live session. Gives the number of the report.
pub async fn signed_in(
    services: &Services,
    live: &LiveSession,
    action: ReportAction,
    about: Option<AuditId>,
) -> Outcome<String> {
    let who = live.session.person_id;
    let mut tx = services.db.begin().await?;
    if action == ReportAction::EndSessions {
        // In the order in which freezing takes the rows.
        store::person::hold(&mut tx, who).await?;
        phone::cancel_in(services, &mut tx, who).await?;
        session::end_all_in(services, &mut tx, (who, Some(live.session.id)), "reported").await?;
    }
    // An event of another person is not named in the report (R1).
    let about = match about {
        Some(id) if store::audit::is_of(&mut tx, id, who).await? => Some(id),
        _ => None,
    };
    let number = write(services, &mut tx, (who, action), about).await?;
    tx.commit().await?;
    Ok(number)
}

/// How a report without a session went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedOut {
    /// Done: the number of the report.
    Done(String),
    /// Number and code do not belong together; which of them is wrong is not told (N1).
    Wrong,
    /// Not before this time.
    PausedUntil(Timestamp),
}

/// Reports something with the personal number and the code of a notice.
pub async fn signed_out(
    services: &Services,
    (number, code): (&PersonalNumber, &ErrorId),
    action: ReportAction,
    network: &str,
) -> Outcome<SignedOut> {
    // Counted for the caller's network only: nobody may shut another person's way to stop something.
    let caller = throttle::network_subject(services, network)?;
    match throttle::attempt(services, &Rule::NOTICE_CODE, &caller).await? {
        Admission::Go => {}
        Admission::PausedUntil(until) => return Ok(SignedOut::PausedUntil(until)),
        Admission::Disabled => return Ok(SignedOut::Wrong),
    }
    let index = person::number_index(services, number)?;
    let who = store::person::find_by_number_index(&services.db, &index).await?.map(|found| found.id);
    // Nobody's account costs the same work (N2).
    let owner = who.unwrap_or(PersonId(uuid::Uuid::nil()));
    let code = code_index(services, owner, code.as_str())?;
    let mut tx = services.db.begin().await?;
    let written_at = store::notice_code::created_at(&mut tx, owner, &code).await?;
    if !store::notice_code::consume(&mut tx, owner, &code, services.clock.now()).await? {
        return Ok(SignedOut::Wrong);
    }
    if action == ReportAction::EndSessions {
        store::person::hold(&mut tx, owner).await?;
        phone::cancel_in(services, &mut tx, owner).await?;
        session::end_all_in(services, &mut tx, (owner, None), "reported").await?;
    }
    if let Some(since) = written_at.filter(|_| action != ReportAction::Report) {
        // Whoever moved the notices elsewhere does not keep them.
        store::person::hold(&mut tx, owner).await?;
        email::take_back_in(services, &mut tx, owner, since).await?;
    }
    let number = write(services, &mut tx, (owner, action), None).await?;
    tx.commit().await?;
    Ok(SignedOut::Done(number))
}

async fn write(
    services: &Services,
    tx: &mut Tx,
    (who, action): (PersonId, ReportAction),
    about: Option<AuditId>,
) -> Outcome<String> {
    let now = services.clock.now();
    match action {
        ReportAction::Report | ReportAction::EndSessions => {}
        ReportAction::Freeze => {
            freeze::freeze_in(services, tx, who).await?;
        }
    }
    let number = ErrorId::new(&*services.entropy).as_str().to_owned();
    let id = RowId::new(now, &*services.entropy);
    let report = IncidentReport { id, number: number.clone(), person_id: who, about, action, created_at: now };
    store::incident_report::insert(tx, &report).await?;
    let event = AccountEvent::Reported { report: id, action: Word::new(action.as_str()) };
    audit::append(tx, audit::entry(services, event).person(who)).await?;
    Ok(number)
}
