//! Change of phone (C25): a code to the new number, a notice to the old one, and a day in which it can be cancelled.

use super::super::outbox::{Notice, Way};
use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services, audit, create_account, level, passkey, person};
use super::contact_code::{self, Judged, Kind, Sending};
use super::may_bind;
use super::stop::{self, Purpose};
use crate::audit::{CredentialEvent, Word};
use crate::base::{PersonId, RowId, Secret, SessionId, Timestamp};
use crate::db::Tx;
use crate::identity::{Method, PhoneNumber, credential_policy};
use crate::store;
use crate::store::contact::ContactKind;
use crate::store::phone_change::{PhoneChange, PhoneChangeOutcome};
use std::time::Duration;

/// How long the old phone's owner can cancel.
pub const DELAY: Duration = Duration::from_hours(24);

/// How asking for a code to the new phone went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// It is under way.
    Sent,
    /// It is the phone in use.
    Same,
    /// Not before this time.
    NotBefore(Timestamp),
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The stop page comes first.
    Stop,
}

/// How the code of the new phone went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// The new phone is in use: a passkey had just confirmed it.
    Now,
    /// It will be in use from this time.
    From(Timestamp),
    /// Not the code that was sent.
    Wrong {
        /// Tries left for this code.
        tries_left: u32,
    },
    /// The code was good once, or never was.
    Expired,
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The stop page comes first.
    Stop,
}

/// A change that waits, as the pages show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The new phone, masked.
    pub phone: String,
    /// From when it will be in use.
    pub effective_at: Timestamp,
}

/// The change of a person that waits.
pub async fn waiting(services: &Services, who: PersonId) -> Outcome<Option<Waiting>> {
    let Some(change) = store::phone_change::waiting(&services.db, who).await? else {
        return Ok(None);
    };
    let phone = person::open_phone(services, change.id.0, &change.value_sealed)?;
    Ok(Some(Waiting { phone: phone.masked(), effective_at: change.effective_at }))
}

/// Whether a settled passkey signed this session in just now: then nobody needs a day to notice.
pub fn confirmed_by_passkey(live: &LiveSession, now: Timestamp) -> bool {
    let passkey = |method: &Method| matches!(method, Method::Passkey { user_verified: true, settled: true, .. });
    live.session.methods.iter().any(passkey) && credential_policy::is_fresh(live.session.authenticated_at, now)
}

/// Sends a code to the new phone.
pub async fn send_code(
    services: &Services,
    live: &LiveSession,
    phone: &PhoneNumber,
    (way, language): (Way, &str),
) -> Outcome<Asked> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    let ways = level::ways_of(services, who).await?;
    if !may_bind(live, &ways, now) {
        return Ok(Asked::SignInAgain);
    }
    if stop::find(services, live, Purpose::Phone).await?.is_none() {
        return Ok(Asked::Stop);
    }
    if person::contacts(services, who).await?.phone.as_ref() == Some(phone) {
        return Ok(Asked::Same);
    }
    let index = person::phone_index(services, phone)?;
    let sending = Sending { kind: Kind::Phone, to: phone.as_str(), index, way, language };
    Ok(contact_code::send(services, live, &sending).await?.map_or(Asked::Sent, Asked::NotBefore))
}

/// The phone that waits for its code in this session, and until when the code is good.
pub async fn entered(services: &Services, live: &LiveSession) -> Outcome<Option<(PhoneNumber, Timestamp)>> {
    let found = contact_code::entered(services, live, Kind::Phone).await?;
    found.map(|(text, until)| Ok((PhoneNumber::parse(&text).map_err(Fault::internal)?, until))).transpose()
}

/// Takes the code of the new phone: from here the change waits, or holds at once when a passkey confirmed it.
pub async fn check_code(services: &Services, live: &LiveSession, typed: &Secret) -> Outcome<Changed> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    let ways = level::ways_of(services, who).await?;
    if !may_bind(live, &ways, now) {
        return Ok(Changed::SignInAgain);
    }
    let (Some(confirmed), Some((phone, _))) =
        (stop::find(services, live, Purpose::Phone).await?, entered(services, live).await?)
    else {
        return Ok(Changed::Stop);
    };
    let index = person::phone_index(services, &phone)?;
    let mut tx = services.db.begin().await?;
    match contact_code::judge(services, &mut tx, live, (Kind::Phone, index), typed).await? {
        Judged::Right => {}
        Judged::Wrong { tries_left } => {
            tx.commit().await?;
            return Ok(Changed::Wrong { tries_left });
        }
        Judged::Expired => {
            tx.commit().await?;
            return Ok(Changed::Expired);
        }
    }
    if !confirmed.spend(services, &mut tx).await? {
        return Ok(Changed::Stop);
    }
    if !session::stands(services, &mut tx, live).await? {
        return Ok(Changed::SignInAgain);
    }
    let changed = begin(services, &mut tx, live, &phone).await?;
    tx.commit().await?;
    contact_code::forget(services, live, Kind::Phone).await?;
    Ok(changed)
}

/// Whether nobody needs a day to notice: a settled passkey signed in just now, and none was made within that day, or
/// whoever got in by a code would make one to take the day away.
async fn confirms_now(services: &Services, tx: &mut Tx, live: &LiveSession) -> Outcome<bool> {
    let now = services.clock.now();
    let made = store::passkey::any_made_since(&mut *tx, live.session.person_id, now.minus(DELAY)).await?;
    Ok(confirmed_by_passkey(live, now) && !made)
}

/// Writes the waiting change, and tells the old phone and the e-mail address how to cancel it.
async fn begin(services: &Services, tx: &mut Tx, live: &LiveSession, phone: &PhoneNumber) -> Outcome<Changed> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    let id = RowId::new(now, &*services.entropy);
    let change = PhoneChange {
        id,
        person_id: who,
        session_id: live.session.id,
        value_sealed: person::seal_phone_at(services, id.0, phone)?,
        value_index: person::phone_index(services, phone)?,
        created_at: now,
        effective_at: now.plus(DELAY),
        ended_at: None,
        outcome: None,
    };
    store::phone_change::end(tx, who, PhoneChangeOutcome::Replaced, now).await?;
    store::phone_change::insert(tx, &change).await?;
    let event = CredentialEvent::ContactChangeAsked { contact_kind: Word::new("phone") };
    audit::append(tx, audit::entry(services, event).person(who).session(live.session.id)).await?;
    if confirms_now(services, tx, live).await? {
        apply(services, tx, change.id).await?;
        return Ok(Changed::Now);
    }
    passkey::tell_phone(services, tx, who, Notice::PhoneChangeAsked { effective_at: change.effective_at }).await?;
    Ok(Changed::From(change.effective_at))
}

/// Puts a waiting change into effect. `false`: it was cancelled or applied meanwhile.
async fn apply(services: &Services, tx: &mut Tx, id: RowId) -> Outcome<bool> {
    let now = services.clock.now();
    let Some(change) = store::phone_change::apply(tx, id, now).await? else {
        return Ok(false);
    };
    let who = change.person_id;
    let phone = person::open_phone(services, change.id.0, &change.value_sealed)?;
    // The old phone hears of it for the last time.
    passkey::tell_phone(services, tx, who, Notice::PhoneChanged { at: now }).await?;
    for contact in store::contact::list_for(&mut *tx, who).await? {
        if contact.kind == ContactKind::Phone && store::contact::end(tx, who, contact.id, now).await? {
            let event = CredentialEvent::ContactEnded { contact_kind: Word::new("phone") };
            audit::append(tx, audit::entry(services, event).person(who)).await?;
        }
    }
    create_account::add_phone(services, tx, who, &phone).await?;
    passkey::tell_phone(services, tx, who, Notice::PhoneChanged { at: now }).await?;
    Ok(true)
}

/// Applies the change now that waits at the wish of this session: the person signed in with a settled passkey just
/// before. `None`: they did not. What another session asked for waits its day.
pub async fn confirm_now(services: &Services, live: &LiveSession) -> Outcome<Option<bool>> {
    if !confirmed_by_passkey(live, services.clock.now()) {
        return Ok(None);
    }
    let who = live.session.person_id;
    let mut tx = services.db.begin().await?;
    if !session::stands(services, &mut tx, live).await? {
        return Ok(None);
    }
    let waiting = store::phone_change::waiting(&mut tx, who).await?;
    let Some(change) = waiting.filter(|change| change.session_id == live.session.id) else {
        return Ok(Some(false));
    };
    if !confirms_now(services, &mut tx, live).await? {
        return Ok(Some(false));
    }
    let applied = apply(services, &mut tx, change.id).await?;
    tx.commit().await?;
    Ok(Some(applied))
}

/// Cancels the waiting change from the account page. `false`: there is none any more.
pub async fn cancel(services: &Services, live: &LiveSession) -> Outcome<bool> {
    let mut tx = services.db.begin().await?;
    let cancelled = cancel_in(services, &mut tx, live.session.person_id).await?;
    tx.commit().await?;
    Ok(cancelled)
}

/// Cancels a change that waits at the wish of another session than `keep`: it goes with the sessions that are ended.
pub async fn cancel_of_others(services: &Services, tx: &mut Tx, who: PersonId, keep: Option<SessionId>) -> Outcome<()> {
    // The person first, as freezing takes the rows.
    store::person::hold(&mut *tx, who).await?;
    if store::phone_change::waiting(&mut *tx, who).await?.is_some_and(|change| Some(change.session_id) != keep) {
        cancel_in(services, tx, who).await?;
    }
    Ok(())
}

/// The same within a transaction that does more.
pub(super) async fn cancel_in(services: &Services, tx: &mut Tx, who: PersonId) -> Outcome<bool> {
    let now = services.clock.now();
    if store::phone_change::end(tx, who, PhoneChangeOutcome::Cancelled, now).await?.is_none() {
        return Ok(false);
    }
    let event = CredentialEvent::ContactChangeCancelled { contact_kind: Word::new("phone") };
    audit::append(tx, audit::entry(services, event).person(who)).await?;
    passkey::tell_phone(services, tx, who, Notice::PhoneChangeCancelled { at: now }).await?;
    Ok(true)
}

/// Applies the changes whose time has come. Called by a job; on every node, since a change is applied once.
pub async fn apply_due(services: &Services) -> Outcome<()> {
    for change in store::phone_change::list_due(&services.db, services.clock.now(), 50).await? {
        let mut tx = services.db.begin().await?;
        // A frozen account's change was cancelled with the freezing; a closed one's too.
        if store::person::hold(&mut tx, change.person_id).await? {
            apply(services, &mut tx, change.id).await?;
        } else {
            store::phone_change::end(&mut tx, change.person_id, PhoneChangeOutcome::Cancelled, services.clock.now())
                .await?;
        }
        tx.commit().await?;
    }
    Ok(())
}
