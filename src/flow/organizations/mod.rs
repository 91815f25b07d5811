//! Organizations: what the registers say of them, kept as new as it has to be. Applying for an account, the consent of
//! co-representatives ([`application`]) and closing it ([`closing`]) rest on it.
//!
//! The register is asked outside of any transaction; what it said is taken over in one, together with all that follows
//! from it: a lost role, a suspension or a dissolution ends the grants that rest on it there and then.

mod application;
pub mod closing;
mod notices;

pub use application::{Applied, Decided, apply, apply_unattended, decide, may_apply, retry_waiting};

pub(super) use application::keep_waiting;

use super::{Fault, Outcome, Services, audit, person};
use crate::audit::{OrganizationEvent, Word};
use crate::base::{Digest, OrganizationId, PersonId, RowId};
use crate::db::Tx;
use crate::identity::representation::LEAST_IDENTITY_LEVEL;
use crate::identity::{
    CannotAct, ExchangeEvidence, OrganizationAccount, OrganizationCode, OrganizationRecord, OrganizationStatus, Voice,
    account_of, may_act,
};
use crate::registers::{OrganizationAnswer, OrganizationQuery, RegisterError};
use crate::store;
pub use crate::store::organization::Representation;
use crate::store::organization::{self as rows, Organization, Representative, WaitingRequest};
use futures_util::future::try_join_all;
use std::time::{Duration, Instant};

/// How long an application that found nothing stays on the page.
const TELL_NO_MATCH: Duration = Duration::from_hours(24 * 7);
/// Applications and representations taken from the store at once by a job.
const BATCH: u32 = 100;
/// How many questions a job has open at the register.
const AT_ONCE: usize = 4;
/// When a round of a job takes nothing more from the store, so that the others get their turn.
const ROUND: Duration = Duration::from_secs(60);

/// The name of an organization, for what happened in its name.
pub async fn name_of(services: &Services, id: OrganizationId) -> Outcome<Option<String>> {
    Ok(rows::find(&services.db, id).await?.map(|found| found.name))
}

/// One question. An answer that may not be used (O10) is an error here and gives nothing anywhere.
async fn ask(
    services: &Services,
    who: PersonId,
    code: &OrganizationCode,
) -> Outcome<Result<OrganizationAnswer, RegisterError>> {
    let found = store::person::get(&services.db, who).await?;
    let query = OrganizationQuery {
        code: code.clone(),
        representative: person::number(services, &found)?,
        issue: "organization".to_owned(),
        request_id: RowId::new(services.clock.now(), &*services.entropy).0,
        on_behalf_of: None,
    };
    let asked = services.clock.now();
    let mut answer = services.organizations.look_up_organization(&query).await;
    if let Ok(OrganizationAnswer::Found { evidence, .. }) = &mut answer {
        // True when it was asked, however long the answer took: a later question's answer is newer.
        evidence.as_of = asked;
    }
    if let Err(error) = &answer {
        tracing::warn!(reason = error.reason(), "the register of organizations gave no answer");
        metrics::counter!("register_failures_total", "reason" => error.reason()).increment(1);
    }
    Ok(answer)
}

fn gone() -> Fault {
    Fault::Internal("an organization that was just read is gone".to_owned())
}

/// The register does not name the person for this code: if it did before, that is over.
async fn not_named(services: &Services, who: PersonId, code: &OrganizationCode) -> Outcome<()> {
    let mut tx = services.db.begin().await?;
    audit::append(&mut tx, audit::entry(services, OrganizationEvent::NoMatch).person(who)).await?;
    if let Some(known) = rows::find_by_code(&mut tx, code).await? {
        let organization = rows::hold_account(&mut tx, known.id).await?.ok_or_else(gone)?;
        let person = store::person::get(&mut tx, who).await?;
        // The list of the others may be old: only a whole answer of the register may open an account.
        end_role(services, &mut tx, (&organization, &person.number_index, Some(who)), "not_found").await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Ends one role and the grants that rest on it.
async fn end_role(
    services: &Services,
    tx: &mut Tx,
    (organization, index, who): (&Organization, &Digest, Option<PersonId>),
    reason: &'static str,
) -> Outcome<()> {
    let now = services.clock.now();
    if !rows::end_representative(tx, organization.id, index, reason, now).await? {
        return Ok(());
    }
    let who = match who {
        Some(who) => Some(who),
        None => store::person::find_by_number_index(&mut *tx, index).await?.map(|person| person.id),
    };
    let event = OrganizationEvent::RepresentationEnded { organization: organization.id, reason: Word::new(reason) };
    let mut entry = audit::entry(services, event);
    if let Some(who) = who {
        store::grant::end_for_organization(tx, organization.id, Some(who), "representation_ended", now).await?;
        entry = entry.person(who);
    }
    audit::append(tx, entry).await
}

/// Takes over a whole answer of the register, with everything that follows. `None`: a newer one is there already.
async fn take_over(
    services: &Services,
    tx: &mut Tx,
    record: &OrganizationRecord,
    evidence: &ExchangeEvidence,
) -> Outcome<Option<Organization>> {
    let now = services.clock.now();
    let before = rows::find_by_code(&mut *tx, &record.code).await?;
    let taken = Organization {
        id: before.as_ref().map_or_else(|| OrganizationId::new(now, &*services.entropy), |known| known.id),
        code: record.code.clone(),
        kind: record.code.kind(),
        name: record.name.clone(),
        register_status: record.status,
        as_of: evidence.as_of,
        account: OrganizationAccount::Pending,
        application: 1,
        created_at: now,
        updated_at: now,
    };
    let Some(organization) = rows::upsert(tx, &taken).await? else {
        return Ok(None);
    };
    let mut named = Vec::new();
    for person in &record.representatives {
        let index = person::number_index(services, &person.number)?;
        let row = Representative {
            organization_id: organization.id,
            number_index: index,
            full_name: person.full_name.as_str().to_owned(),
            role: person.role,
            title: person.title.clone(),
            as_of: evidence.as_of,
            checked_at: now,
            evidence: evidence.clone(),
            ended_at: None,
            ended_reason: None,
        };
        rows::put_representative(tx, &row).await?;
        named.push(index);
    }
    for known in rows::list_representatives(&mut *tx, organization.id).await? {
        if !named.contains(&known.number_index) {
            end_role(services, tx, (&organization, &known.number_index, None), "not_named").await?;
        }
    }
    if before.is_some_and(|known| known.register_status != record.status) {
        let status = Word::new(record.status.as_str());
        let event = OrganizationEvent::StatusChanged { organization: organization.id, status };
        audit::append(tx, audit::entry(services, event)).await?;
    }
    if record.status != OrganizationStatus::Active {
        store::grant::end_for_organization(tx, organization.id, None, "organization_not_active", now).await?;
    }
    Ok(Some(organization))
}

/// Judges an application by all that was said so far, and tells whoever applied what came of it unless nobody is to be
/// told. Gives the state of the account.
async fn settle(
    services: &Services,
    tx: &mut Tx,
    organization: &Organization,
    aloud: bool,
) -> Outcome<OrganizationAccount> {
    if organization.account != OrganizationAccount::Pending {
        return Ok(organization.account);
    }
    let votes = rows::list_votes(&mut *tx, organization.id, organization.application).await?;
    let named = rows::list_representatives(&mut *tx, organization.id).await?;
    let voices: Vec<Voice> = named.iter().map(|person| voice(&votes, &person.number_index)).collect();
    let to = account_of(&voices);
    let now = services.clock.now();
    let at = (organization.id, organization.application);
    if to == organization.account || !rows::move_account(tx, at, (organization.account, to), now).await? {
        return Ok(to);
    }
    if to == OrganizationAccount::Open {
        let event = OrganizationEvent::Opened { organization: organization.id };
        audit::append(tx, audit::entry(services, event)).await?;
    }
    if aloud {
        notices::decided(services, tx, organization, to).await?;
    }
    Ok(to)
}

fn voice(votes: &[rows::Vote], index: &Digest) -> Voice {
    match votes.iter().find(|vote| vote.number_index == *index) {
        None => Voice::Silent,
        Some(vote) if vote.agreed => Voice::Agreed,
        Some(_) => Voice::Refused,
    }
}

/// Whether somebody may act for an organization on an answer at most `oldest` old: the register is asked when ours is
/// older, or said no some time ago.
pub async fn confirm(
    services: &Services,
    who: PersonId,
    id: OrganizationId,
    oldest: Duration,
) -> Outcome<Result<Representation, CannotAct>> {
    let Some(found) = rows::find_representation(&services.db, id, who).await? else {
        return Ok(Err(CannotAct::NotNamed));
    };
    let now = services.clock.now();
    let judged = may_act(&found.standing(), now, oldest);
    let ask_again = match judged {
        Ok(()) | Err(CannotAct::Person | CannotAct::IdentityLevel) => false,
        Err(CannotAct::Stale) => true,
        Err(CannotAct::NotOpen) => now.since(found.as_of) > oldest,
        Err(_) => now.since(found.checked_at) > oldest,
    };
    if !ask_again {
        return Ok(judged.map(|()| found));
    }
    if renew(services, &found).await?.is_err() {
        // What we hold is too old to say yes on; a no stays a no.
        return Ok(Err(judged.err().filter(|no| *no != CannotAct::NotOpen).unwrap_or(CannotAct::Stale)));
    }
    let Some(found) = rows::find_representation(&services.db, id, who).await? else {
        return Ok(Err(CannotAct::NotNamed));
    };
    Ok(may_act(&found.standing(), services.clock.now(), oldest).map(|()| found))
}

/// Asks the register about one representation and takes over what it says.
async fn renew(services: &Services, known: &Representation) -> Outcome<Result<(), RegisterError>> {
    match ask(services, known.person_id, &known.code).await? {
        Err(error) => Ok(Err(error)),
        Ok(OrganizationAnswer::NotFound) => {
            not_named(services, known.person_id, &known.code).await?;
            Ok(Ok(()))
        }
        Ok(OrganizationAnswer::Found { record, evidence }) => {
            let mut tx = services.db.begin().await?;
            if let Some(organization) = take_over(services, &mut tx, &record, &evidence).await? {
                settle(services, &mut tx, &organization, true).await?;
            }
            tx.commit().await?;
            Ok(Ok(()))
        }
    }
}

/// Asks again about the representations that tokens rest on, until none is due or the round is over. Called by a job;
/// each is claimed, so one node asks.
pub async fn recheck(services: &Services) -> Outcome<()> {
    // What is due is decided once: whatever this round has asked about is not due in it again.
    let now = services.clock.now();
    let before = now.minus(services.config.organizations.recheck_seconds.duration());
    let started = Instant::now();
    while started.elapsed() < ROUND {
        let due = rows::list_due(&services.db, before, now, BATCH).await?;
        for some in due.chunks(AT_ONCE) {
            let asked = some.iter().map(|known| recheck_one(services, known));
            if try_join_all(asked).await?.contains(&Further::Down) {
                // No use in asking about the next ones now.
                return Ok(());
            }
        }
        if due.len() < BATCH as usize {
            return Ok(());
        }
    }
    Ok(())
}

/// Whether the register can be asked further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Further {
    Yes,
    Down,
}

async fn recheck_one(services: &Services, known: &Representation) -> Outcome<Further> {
    let mut tx = services.db.begin().await?;
    let key = (known.organization_id, &known.number_index);
    let mine = rows::claim_check(&mut tx, key, known.checked_at, services.clock.now()).await?;
    tx.commit().await?;
    let down = mine && renew(services, known).await?.is_err_and(|error| error.is_temporary());
    Ok(if down { Further::Down } else { Further::Yes })
}

/// A representative of an application as its page shows them.
#[derive(Debug, Clone)]
pub struct Participant {
    /// Name as the register writes it.
    pub full_name: String,
    /// The register's title.
    pub title: Option<String>,
    /// What they said.
    pub voice: Voice,
    /// The person who looks.
    pub is_me: bool,
}

/// The organizations that the register names or named a person for.
pub async fn list(services: &Services, who: PersonId) -> Outcome<Vec<Representation>> {
    let mut found = rows::list_for_person(&services.db, who).await?;
    // Whoever is not proven yet may have typed somebody else's number (O10).
    found.retain(|one| one.identity_level >= LEAST_IDENTITY_LEVEL);
    Ok(found)
}

/// A person's applications that wait for the register, or found nothing in the last days.
pub async fn waiting(services: &Services, who: PersonId) -> Outcome<Vec<WaitingRequest>> {
    let after = services.clock.now().minus(TELL_NO_MATCH);
    Ok(rows::list_requests(&services.db, who, after).await?)
}

/// One organization for one of its representatives, and what each of them said. `None` for everybody else.
pub async fn look(
    services: &Services,
    who: PersonId,
    id: OrganizationId,
) -> Outcome<Option<(Representation, Vec<Participant>)>> {
    let Some(found) = rows::find_representation(&services.db, id, who).await? else {
        return Ok(None);
    };
    if found.ended_at.is_some() || found.identity_level < LEAST_IDENTITY_LEVEL {
        return Ok(None);
    }
    let votes = rows::list_votes(&services.db, id, found.application).await?;
    let people = rows::list_representatives(&services.db, id).await?;
    let participants = people.into_iter().map(|person| Participant {
        voice: voice(&votes, &person.number_index),
        is_me: person.number_index == found.number_index,
        full_name: person.full_name,
        title: person.title,
    });
    let participants = participants.collect();
    Ok(Some((found, participants)))
}
