//! Passkeys on the account pages.

use super::super::level::Ways;
use super::super::outbox::Notice;
use super::super::passkey::{self, Asker, Made, NewPasskey};
use super::super::session::LiveSession;
use super::super::{Outcome, Services, audit};
use super::stop::{self, Purpose};
use super::{Change, may_add_passkey, may_remove, refuses_removal};
use crate::audit::{CredentialEvent, Word};
use crate::base::{CredentialId, Timestamp};
use crate::identity::{BindRefusal, RemoveRefusal, Way};
use crate::store;
pub use crate::store::passkey::Passkey;
use serde_json::Value;

/// Begins adding a passkey from the account page.
pub async fn start_passkey(services: &Services, live: &LiveSession) -> Outcome<Result<Value, BindRefusal>> {
    if let Err(refusal) = may_add_passkey(live, services.clock.now()) {
        return Ok(Err(refusal));
    }
    passkey::start_making(services, Asker::Session(live.session.id), live.session.person_id).await.map(Ok)
}

/// Takes the browser's answer for a passkey from the account page. `None`: the stop page comes first.
pub async fn finish_passkey(
    services: &Services,
    live: &LiveSession,
    response: &str,
) -> Outcome<Option<Result<Made, BindRefusal>>> {
    if let Err(refusal) = may_add_passkey(live, services.clock.now()) {
        return Ok(Some(Err(refusal)));
    }
    let who = live.session.person_id;
    let confirmed = stop::find(services, live, Purpose::Passkey).await?;
    if confirmed.is_none() && store::passkey::count_active(&services.db, who).await? > 0 {
        return Ok(None);
    }
    let new = NewPasskey {
        response,
        name: &live.session.device,
        first_day: false,
        live: Some(live),
        confirmed: confirmed.as_ref(),
    };
    passkey::keep_made(services, Asker::Session(live.session.id), who, new).await.map(|made| Some(Ok(made)))
}

/// A person's passkeys.
pub async fn passkeys(services: &Services, who: crate::base::PersonId) -> Outcome<Vec<Passkey>> {
    Ok(store::passkey::list_for(&services.db, who).await?)
}

/// Gives a passkey another name.
pub async fn rename_passkey(services: &Services, live: &LiveSession, id: CredentialId, name: &str) -> Outcome<Change> {
    let mut tx = services.db.begin().await?;
    if !store::passkey::rename(&mut tx, live.session.person_id, id, name).await? {
        return Ok(Change::Gone);
    }
    let entry = audit::entry(services, CredentialEvent::PasskeyRenamed { credential: id });
    audit::append(&mut tx, entry.person(live.session.person_id).session(live.session.id)).await?;
    tx.commit().await?;
    Ok(Change::Done)
}

/// Whether a passkey may be removed by this session.
pub fn may_remove_passkey(live: &LiveSession, ways: &Ways, now: Timestamp) -> Result<(), RemoveRefusal> {
    may_remove(live, ways, Way::Passkey, now)
}

/// Removes a passkey.
pub async fn remove_passkey(services: &Services, live: &LiveSession, id: CredentialId) -> Outcome<Change> {
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    if let Some(refusal) = refuses_removal(services, &mut tx, (live, Way::Passkey)).await? {
        return Ok(refusal);
    }
    if !store::passkey::end(&mut tx, live.session.person_id, id, now).await? {
        return Ok(Change::Gone);
    }
    let event = CredentialEvent::PasskeyRemoved { credential: id, reason: Word::new("by_person") };
    audit::append(&mut tx, audit::entry(services, event).person(live.session.person_id).session(live.session.id))
        .await?;
    passkey::tell_phone(services, &mut tx, live.session.person_id, Notice::PasskeyRemoved { at: now }).await?;
    tx.commit().await?;
    Ok(Change::Done)
}
