//! Closing an account (C34): ways to sign in and consents end; what the law wants kept is kept.

use super::super::outbox::Notice;
use super::super::session::LiveSession;
use super::super::{Outcome, Services, audit, level, passkey, session};
use super::may_bind;
use super::phone;
use super::stop::{self, Purpose};
use crate::audit::{AccountEvent, Word};
use crate::base::sha256;
use crate::identity::PersonStatus;
use crate::store;

/// What came of asking to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is closed.
    Done,
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The stop page comes first.
    Stop,
}

/// Closes the account. Its row, its history and its trail stay as long as the law says; its number becomes free, so that
/// its owner can have a new account.
pub async fn close(services: &Services, live: &LiveSession) -> Outcome<Closed> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    let ways = level::ways_of(services, who).await?;
    if !may_bind(live, &ways, now) {
        return Ok(Closed::SignInAgain);
    }
    let Some(confirmed) = stop::find(services, live, Purpose::Close).await? else {
        return Ok(Closed::Stop);
    };
    let mut tx = services.db.begin().await?;
    if !confirmed.spend(services, &mut tx).await? {
        return Ok(Closed::Stop);
    }
    let step = (PersonStatus::Active, PersonStatus::Closed);
    if !store::person::change_status(&mut tx, who, step, Some("by_person"), now).await? {
        return Ok(Closed::SignInAgain);
    }
    phone::cancel_in(services, &mut tx, who).await?;
    passkey::tell_phone(services, &mut tx, who, Notice::AccountClosed { at: now }).await?;
    session::end_all_in(services, &mut tx, (who, None), "account_closed").await?;
    store::grant::end_for_person(&mut tx, who, "account_closed", now).await?;
    for consent in store::consent::list_for(&mut tx, who, now).await? {
        store::consent::end(&mut tx, who, &consent.client_id, now).await?;
    }
    for key in store::passkey::list_for(&mut tx, who).await? {
        store::passkey::end(&mut tx, who, key.id, now).await?;
    }
    for app in store::totp::list_active(&mut tx, who).await? {
        store::totp::end(&mut tx, who, app.id, now).await?;
    }
    for contact in store::contact::list_for(&mut tx, who).await? {
        store::contact::end(&mut tx, who, contact.id, now).await?;
    }
    store::password::remove(&mut tx, who).await?;
    store::recovery_code::end_all(&mut tx, who, now).await?;
    let found = store::person::get(&mut tx, who).await?;
    store::person::update_number(&mut tx, who, &found.number_sealed, &sha256(who.0.as_bytes()), now).await?;
    let event = AccountEvent::Closed { reason: Word::new("by_person") };
    audit::append(&mut tx, audit::entry(services, event).person(who)).await?;
    tx.commit().await?;
    Ok(Closed::Done)
}
