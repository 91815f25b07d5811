//! Closing an organization's account by its representative: nobody acts for it here from that moment on.

use super::super::account::stop::{self, Purpose};
use super::super::session::{self, LiveSession};
use super::super::{Outcome, Services, audit};
use super::{confirm, gone, notices};
use crate::audit::OrganizationEvent;
use crate::base::OrganizationId;
use crate::identity::{CannotAct, OrganizationAccount, may_act};
use crate::store;
use crate::store::organization as rows;

/// What came of asking to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is closed, and every token that rested on it is dead.
    Done,
    /// The stop page comes first (C11).
    Stop,
    /// There is nothing to close, or not by this person.
    Gone,
    /// The register does not answer, and without it nobody is known to be a representative.
    RegisterDown,
}

/// Closes an organization's account. What was done in its name stays in the trail; a representative may apply anew.
pub async fn close(services: &Services, live: &LiveSession, id: OrganizationId) -> Outcome<Closed> {
    let who = live.session.person_id;
    let oldest = services.config.organizations.begin_seconds.duration();
    match confirm(services, who, id, oldest).await? {
        Ok(_) => {}
        Err(CannotAct::Stale) => return Ok(Closed::RegisterDown),
        Err(_) => return Ok(Closed::Gone),
    }
    let Some(confirmed) = stop::find_about(services, live, (Purpose::OrganizationClose, Some(id))).await? else {
        return Ok(Closed::Stop);
    };
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    if !session::stands(services, &mut tx, live).await? {
        return Ok(Closed::Gone);
    }
    let organization = rows::hold_account(&mut tx, id).await?.ok_or_else(gone)?;
    let standing = rows::find_representation(&mut tx, id, who).await?;
    if standing.is_none_or(|found| may_act(&found.standing(), now, oldest).is_err()) {
        return Ok(Closed::Gone);
    }
    if !confirmed.spend(services, &mut tx).await? {
        return Ok(Closed::Stop);
    }
    let step = (OrganizationAccount::Open, OrganizationAccount::Closed);
    if !rows::move_account(&mut tx, (id, organization.application), step, now).await? {
        return Ok(Closed::Gone);
    }
    store::grant::end_for_organization(&mut tx, id, None, "organization_closed", now).await?;
    rows::end_requests_for(&mut tx, &organization.code, "closed", now).await?;
    let event = OrganizationEvent::Closed { organization: id };
    audit::append(&mut tx, audit::entry(services, event).person(who).session(live.session.id)).await?;
    notices::closed(services, &mut tx, &organization).await?;
    tx.commit().await?;
    Ok(Closed::Done)
}
