//! Who gets my data (C30): consents in force, and every release.

use super::super::session::LiveSession;
use super::super::{Outcome, Services, audit};
use crate::audit::{GrantEvent, Word};
use crate::base::{DisclosureId, PersonId};
use crate::store;
pub use crate::store::consent::Consent;
pub use crate::store::disclosure::Disclosure;

/// A person's consents in force, newest first.
pub async fn consents(services: &Services, who: PersonId) -> Outcome<Vec<Consent>> {
    Ok(store::consent::list_for(&services.db, who, services.clock.now()).await?)
}

/// Stops sharing with a portal: the consent and every grant of it end, so refresh and access tokens end too; the next
/// sign-in there asks again. `false`: there is no such consent.
pub async fn stop(services: &Services, live: &LiveSession, client_id: &str) -> Outcome<bool> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    let mut tx = services.db.begin().await?;
    if !store::consent::end(&mut tx, who, client_id, now).await? {
        return Ok(false);
    }
    store::grant::end_for_person_and_client(&mut tx, who, client_id, "consent_ended", now).await?;
    for event in [GrantEvent::ConsentEnded, GrantEvent::Ended { reason: Word::new("consent_ended") }] {
        let entry = audit::entry(services, event).person(who).client(client_id).session(live.session.id);
        audit::append(&mut tx, entry).await?;
    }
    tx.commit().await?;
    Ok(true)
}

/// A page of a person's releases, newest first; goes on after `before`.
pub async fn releases(
    services: &Services,
    who: PersonId,
    before: Option<(crate::base::Timestamp, DisclosureId)>,
    limit: u32,
) -> Outcome<Vec<Disclosure>> {
    Ok(store::disclosure::list_for(&services.db, who, before, limit).await?)
}
