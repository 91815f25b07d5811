//! Applying for an organization's account, and the word of its other representatives.

use super::super::account::stop::{self, Confirmation, Purpose};
use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services, audit, sign_in, throttle};
use super::{AT_ONCE, BATCH, Further, ROUND, ask, confirm, gone, not_named, notices, settle, take_over};
use crate::audit::OrganizationEvent;
use crate::base::{Digest, OrganizationId, PersonId, RowId, Timestamp};
use crate::identity::representation::LEAST_IDENTITY_LEVEL;
use crate::identity::{
    Admission, CannotAct, ExchangeEvidence, OrganizationAccount, OrganizationCode, OrganizationRecord,
    OrganizationStatus, PersonStatus, Rule, Standing, may_act,
};
use crate::registers::{OrganizationAnswer, Outage, RegisterError};
use crate::store::Inserted;
use crate::store::organization::{self as rows, Decision, Organization, WaitingRequest};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// How long a waiting application rests between two tries.
const RETRY: Duration = Duration::from_secs(15);

/// What became of an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Applied {
    /// All representatives agreed, which may be one: it may be acted for.
    Opened(OrganizationId),
    /// Others have to agree, or one refused just now.
    Waits(OrganizationId),
    /// The register does not answer: it will be asked again.
    RegisterDown,
    /// No such organization, or not this person's: one answer for both.
    NoMatch {
        /// Tries before a pause.
        tries_left: u32,
    },
    /// Too many tries.
    PausedUntil(Timestamp),
    /// The register says that the organization is suspended or dissolved.
    NotActive(OrganizationStatus),
    /// The person's account is not proven well enough.
    LevelTooLow,
    /// The stop page comes first (C11).
    Stop,
}

/// How an application came.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// By a person on a page: counted, let through by their answer on the stop page, as long as their session stands.
    InPerson(&'a Digest, &'a Confirmation, &'a LiveSession),
    /// From a person some time ago, when the register was silent.
    Earlier,
    /// By the demo, for somebody who is not there: nobody is told.
    Unattended,
}

/// What became of a representative's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decided {
    /// All agreed now.
    Opened,
    /// Others still have to.
    Waits,
    /// It was a no.
    Refused,
    /// Nothing to decide any more: decided before, or the person is no representative now.
    Gone,
    /// Agreeing comes after the stop page (C11).
    Stop,
    /// The register does not answer, and without it nobody is known to be a representative.
    RegisterDown,
}

/// Whether a person may apply or agree: the law asks for a level 2 account (Decree 69/2024 art. 12).
pub fn may_apply(live: &LiveSession) -> bool {
    live.identity_level >= LEAST_IDENTITY_LEVEL
}

/// Applies for an organization's account on behalf of its representative.
pub async fn apply(services: &Services, live: &LiveSession, code: &OrganizationCode) -> Outcome<Applied> {
    if !may_apply(live) {
        return Ok(Applied::LevelTooLow);
    }
    let who = live.session.person_id;
    let Some(confirmed) = stop::find(services, live, Purpose::Organization).await? else {
        return Ok(Applied::Stop);
    };
    let counted = sign_in::subject_of(services, who)?;
    match throttle::attempt(services, &Rule::ORGANIZATION, &counted).await? {
        Admission::Go => {}
        Admission::PausedUntil(until) => return Ok(Applied::PausedUntil(until)),
        Admission::Disabled => {
            return Ok(Applied::PausedUntil(services.clock.now().plus(Duration::from_hours(24))));
        }
    }
    match ask(services, who, code).await? {
        Ok(OrganizationAnswer::Found { record, evidence }) => {
            let asked = Asked::InPerson(&counted, &confirmed, live);
            take_application(services, who, (&record, &evidence), asked).await
        }
        Ok(OrganizationAnswer::NotFound) => {
            not_named(services, who, code).await?;
            let failures = throttle::failures(services, &Rule::ORGANIZATION, &counted).await?;
            Ok(Applied::NoMatch { tries_left: throttle::tries_left(&Rule::ORGANIZATION, failures) })
        }
        // So many ask at once that we do not pass it on: no reason to keep applications that wait.
        Err(RegisterError::Unavailable { cause: Outage::Busy, .. }) => {
            Err(Fault::Overloaded { retry_after: Duration::from_secs(5) })
        }
        Err(_) => match keep_waiting(services, who, code, Some(&confirmed)).await? {
            true => Ok(Applied::RegisterDown),
            false => Ok(Applied::Stop),
        },
    }
}

/// Applies for somebody who is not there: the demo's people. Counts no try, and waits where the register is silent.
pub async fn apply_unattended(services: &Services, who: PersonId, code: &OrganizationCode) -> Outcome<()> {
    match ask(services, who, code).await? {
        Ok(OrganizationAnswer::Found { record, evidence }) => {
            take_application(services, who, (&record, &evidence), Asked::Unattended).await.map(|_| ())
        }
        Ok(OrganizationAnswer::NotFound) => Ok(()),
        Err(_) => keep_waiting(services, who, code, None).await.map(|_| ()),
    }
}

/// Takes an application that the register confirmed: whoever applies agrees by that.
async fn take_application(
    services: &Services,
    who: PersonId,
    (record, evidence): (&OrganizationRecord, &ExchangeEvidence),
    asked: Asked<'_>,
) -> Outcome<Applied> {
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    if let Asked::InPerson(counted, confirmed, live) = asked {
        // The register may have answered long after: a session that ended meanwhile opens nothing.
        if !session::stands(services, &mut tx, live).await? || !confirmed.spend(services, &mut tx).await? {
            return Ok(Applied::Stop);
        }
        throttle::clear(&mut tx, &Rule::ORGANIZATION, counted).await?;
    }
    let mut organization = match take_over(services, &mut tx, record, evidence).await? {
        Some(organization) => organization,
        // Another question was answered later than this one: what it said counts.
        None => {
            let known = rows::find_by_code(&mut tx, &record.code).await?.ok_or_else(gone)?;
            rows::hold_account(&mut tx, known.id).await?.ok_or_else(gone)?
        }
    };
    if organization.register_status != OrganizationStatus::Active {
        tx.commit().await?;
        return Ok(Applied::NotActive(organization.register_status));
    }
    // Judged now: the register may have answered long after the person asked.
    let standing = rows::find_representation(&mut tx, organization.id, who).await?.map(|found| found.standing());
    let stands = |standing: Standing| {
        standing.named && standing.person == PersonStatus::Active && standing.identity_level >= LEAST_IDENTITY_LEVEL
    };
    if !standing.is_some_and(stands) {
        tx.commit().await?;
        return Ok(Applied::LevelTooLow);
    }
    let over = matches!(organization.account, OrganizationAccount::Refused | OrganizationAccount::Closed);
    if over && rows::apply_anew(&mut tx, organization.id, organization.application, now).await? {
        organization = rows::find(&mut tx, organization.id).await?.ok_or_else(gone)?;
    }
    if organization.account == OrganizationAccount::Pending {
        let decision = decision(&organization, who, true, now);
        let word = rows::decide(&mut tx, &decision).await? == Inserted::New;
        if word {
            let event = OrganizationEvent::Applied { organization: organization.id };
            audit::append(&mut tx, audit::entry(services, event).person(who)).await?;
        }
        let aloud = !matches!(asked, Asked::Unattended);
        organization.account = settle(services, &mut tx, &organization, aloud).await?;
        if word && aloud && organization.account == OrganizationAccount::Pending {
            notices::asked(services, &mut tx, &organization).await?;
        }
    }
    tx.commit().await?;
    Ok(match organization.account {
        OrganizationAccount::Open => Applied::Opened(organization.id),
        OrganizationAccount::Pending | OrganizationAccount::Refused | OrganizationAccount::Closed => {
            Applied::Waits(organization.id)
        }
    })
}

const fn decision(organization: &Organization, who: PersonId, agreed: bool, now: Timestamp) -> Decision {
    Decision {
        organization_id: organization.id,
        application: organization.application,
        person_id: who,
        agreed,
        decided_at: now,
    }
}

/// Keeps an application until the register answers: one for each code. `false`: the answer on the stop page was used up
/// by another act.
pub(in crate::flow) async fn keep_waiting(
    services: &Services,
    who: PersonId,
    code: &OrganizationCode,
    confirmed: Option<&Confirmation>,
) -> Outcome<bool> {
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    if let Some(confirmed) = confirmed
        && !confirmed.spend(services, &mut tx).await?
    {
        return Ok(false);
    }
    let waiting = rows::list_requests(&mut tx, who, now).await?;
    if !waiting.iter().any(|request| request.code == *code) {
        let request = WaitingRequest {
            id: RowId::new(now, &*services.entropy),
            person_id: who,
            code: code.clone(),
            created_at: now,
            tried_at: now,
            ended_at: None,
            outcome: None,
        };
        rows::insert_request(&mut tx, &request).await?;
        audit::append(&mut tx, audit::entry(services, OrganizationEvent::Waiting).person(who)).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// Asks again about applications that wait for the register, until none is due or the round is over. Called by a job.
pub async fn retry_waiting(services: &Services) -> Outcome<()> {
    let before = services.clock.now().minus(RETRY);
    let started = Instant::now();
    while started.elapsed() < ROUND {
        let waiting = rows::list_waiting(&services.db, before, BATCH).await?;
        for some in waiting.chunks(AT_ONCE) {
            let asked = some.iter().map(|one| retry_one(services, one));
            if try_join_all(asked).await?.contains(&Further::Down) {
                return Ok(());
            }
        }
        if waiting.len() < BATCH as usize {
            return Ok(());
        }
    }
    Ok(())
}

async fn retry_one(services: &Services, waiting: &WaitingRequest) -> Outcome<Further> {
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    let mine = rows::claim_request(&mut tx, waiting.id, waiting.tried_at, now).await?;
    tx.commit().await?;
    if !mine {
        return Ok(Further::Yes);
    }
    let outcome = match ask(services, waiting.person_id, &waiting.code).await? {
        Err(error) if error.is_temporary() => return Ok(Further::Down),
        Err(_) => return Ok(Further::Yes),
        Ok(OrganizationAnswer::NotFound) => "no_match",
        Ok(OrganizationAnswer::Found { record, evidence }) => {
            match take_application(services, waiting.person_id, (&record, &evidence), Asked::Earlier).await? {
                Applied::Opened(_) | Applied::Waits(_) | Applied::NotActive(_) => "found",
                _ => "no_match",
            }
        }
    };
    let mut tx = services.db.begin().await?;
    rows::end_request(&mut tx, waiting.id, outcome, now).await?;
    tx.commit().await?;
    Ok(Further::Yes)
}

/// Takes a representative's word on an application that another made.
pub async fn decide(services: &Services, live: &LiveSession, id: OrganizationId, agreed: bool) -> Outcome<Decided> {
    let who = live.session.person_id;
    let oldest = services.config.organizations.begin_seconds.duration();
    match confirm(services, who, id, oldest).await? {
        Err(CannotAct::NotOpen) => {}
        Err(CannotAct::Stale) => return Ok(Decided::RegisterDown),
        Ok(_) | Err(_) => return Ok(Decided::Gone),
    }
    // Saying no is no risk; saying yes opens an account that acts for the organization (C11).
    let confirmed = if agreed {
        match stop::find_about(services, live, (Purpose::OrganizationAgree, Some(id))).await? {
            Some(confirmed) => Some(confirmed),
            None => return Ok(Decided::Stop),
        }
    } else {
        None
    };
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    if !session::stands(services, &mut tx, live).await? {
        return Ok(Decided::Gone);
    }
    let organization = rows::hold_account(&mut tx, id).await?.ok_or_else(gone)?;
    let standing = rows::find_representation(&mut tx, id, who).await?;
    let still = standing.is_some_and(|found| may_act(&found.standing(), now, oldest) == Err(CannotAct::NotOpen));
    if !still || organization.account != OrganizationAccount::Pending {
        return Ok(Decided::Gone);
    }
    if let Some(confirmed) = confirmed
        && !confirmed.spend(services, &mut tx).await?
    {
        return Ok(Decided::Stop);
    }
    if rows::decide(&mut tx, &decision(&organization, who, agreed, now)).await? != Inserted::New {
        return Ok(Decided::Gone);
    }
    let event = if agreed {
        OrganizationEvent::Agreed { organization: id }
    } else {
        OrganizationEvent::Refused { organization: id }
    };
    audit::append(&mut tx, audit::entry(services, event).person(who).session(live.session.id)).await?;
    let account = settle(services, &mut tx, &organization, true).await?;
    tx.commit().await?;
    Ok(match account {
        OrganizationAccount::Open => Decided::Opened,
        OrganizationAccount::Pending => Decided::Waits,
        OrganizationAccount::Refused => Decided::Refused,
        OrganizationAccount::Closed => Decided::Gone,
    })
}
