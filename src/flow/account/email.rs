//! The e-mail address of a person (C23): for notices only, never a factor and never a way back. It is confirmed by a code,
//! and a change of it is as risky as any other, since whoever moves the notices hides what comes next.

use super::super::outbox::{Notice, Way};
use super::super::session::{self, LiveSession};
use super::super::{Outcome, Services, audit, level, passkey, person};
use super::contact_code::{self, Judged, Kind, Sending};
use super::may_bind;
use super::phone::Asked;
use super::stop::{self, Purpose};
use crate::audit::{CredentialEvent, Word};
use crate::base::{ContactId, PersonId, Secret, Timestamp};
use crate::db::Tx;
use crate::identity::EmailAddress;
use crate::store;
use crate::store::contact::{Contact, ContactKind};

/// How the code of the new address, or a removal, went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// Done.
    Done,
    /// Not the code that was sent.
    Wrong {
        /// Tries left for this code.
        tries_left: u32,
    },
    /// The code was good once, or never was; or there is nothing to remove.
    Expired,
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The stop page comes first.
    Stop,
}

const fn word() -> Word {
    Word::new("email")
}

/// Sends a code to the new address.
pub async fn send_code(
    services: &Services,
    live: &LiveSession,
    email: &EmailAddress,
    language: &str,
) -> Outcome<Asked> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    if !may_bind(live, &level::ways_of(services, who).await?, now) {
        return Ok(Asked::SignInAgain);
    }
    if stop::find(services, live, Purpose::Email).await?.is_none() {
        return Ok(Asked::Stop);
    }
    if person::contacts(services, who).await?.email.as_ref() == Some(email) {
        return Ok(Asked::Same);
    }
    let index = person::email_index(services, email)?;
    let sending = Sending { kind: Kind::Email, to: email.as_str(), index, way: Way::Email, language };
    Ok(contact_code::send(services, live, &sending).await?.map_or(Asked::Sent, Asked::NotBefore))
}

/// The address that waits for its code in this session, and until when the code is good.
pub async fn entered(services: &Services, live: &LiveSession) -> Outcome<Option<(EmailAddress, Timestamp)>> {
    let found = contact_code::entered(services, live, Kind::Email).await?;
    Ok(found.and_then(|(text, until)| Some((EmailAddress::parse(&text).ok()?, until))))
}

/// Takes the code of the new address, which is in use from now on.
pub async fn check_code(services: &Services, live: &LiveSession, typed: &Secret) -> Outcome<Changed> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    if !may_bind(live, &level::ways_of(services, who).await?, now) {
        return Ok(Changed::SignInAgain);
    }
    let (Some(confirmed), Some((email, _))) =
        (stop::find(services, live, Purpose::Email).await?, entered(services, live).await?)
    else {
        return Ok(Changed::Stop);
    };
    let index = person::email_index(services, &email)?;
    let mut tx = services.db.begin().await?;
    match contact_code::judge(services, &mut tx, live, (Kind::Email, index), typed).await? {
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
    // The phone and the old address hear of it, with a code that takes it back.
    tell(services, &mut tx, who).await?;
    end_all(services, &mut tx, who).await?;
    add(services, &mut tx, who, &email).await?;
    tx.commit().await?;
    contact_code::forget(services, live, Kind::Email).await?;
    Ok(Changed::Done)
}

/// Removes the address.
pub async fn remove(services: &Services, live: &LiveSession) -> Outcome<Changed> {
    let (now, who) = (services.clock.now(), live.session.person_id);
    if !may_bind(live, &level::ways_of(services, who).await?, now) {
        return Ok(Changed::SignInAgain);
    }
    let Some(confirmed) = stop::find(services, live, Purpose::Email).await? else {
        return Ok(Changed::Stop);
    };
    let mut tx = services.db.begin().await?;
    if !session::stands(services, &mut tx, live).await? {
        return Ok(Changed::SignInAgain);
    }
    if person::contacts_from(services, &mut tx, who).await?.email.is_none() {
        return Ok(Changed::Expired);
    }
    if !confirmed.spend(services, &mut tx).await? {
        return Ok(Changed::Stop);
    }
    tell(services, &mut tx, who).await?;
    end_all(services, &mut tx, who).await?;
    tx.commit().await?;
    Ok(Changed::Done)
}

async fn tell(services: &Services, tx: &mut Tx, who: PersonId) -> Outcome<()> {
    let now = services.clock.now();
    passkey::tell_phone(services, tx, who, Notice::EmailChanged { at: now }).await
}

async fn end_all(services: &Services, tx: &mut Tx, who: PersonId) -> Outcome<()> {
    let now = services.clock.now();
    for contact in store::contact::list_for(&mut *tx, who).await? {
        if contact.kind == ContactKind::Email && store::contact::end(tx, who, contact.id, now).await? {
            let event = CredentialEvent::ContactEnded { contact_kind: word() };
            audit::append(tx, audit::entry(services, event).person(who)).await?;
        }
    }
    Ok(())
}

async fn add(services: &Services, tx: &mut Tx, who: PersonId, email: &EmailAddress) -> Outcome<()> {
    let now = services.clock.now();
    let id = ContactId::new(now, &*services.entropy);
    let contact = Contact {
        id,
        person_id: who,
        kind: ContactKind::Email,
        value_sealed: person::seal_email(services, id, email)?,
        value_index: person::email_index(services, email)?,
        verified_at: Some(now),
        ended_at: None,
        created_at: now,
    };
    store::contact::insert(tx, &contact).await?;
    let event = CredentialEvent::ContactAdded { contact_kind: word() };
    audit::append(tx, audit::entry(services, event).person(who)).await
}

/// Takes back what was changed with that notice and after it: the address of before is in use again.
pub(super) async fn take_back_in(services: &Services, tx: &mut Tx, who: PersonId, since: Timestamp) -> Outcome<()> {
    // Of several changes the first one counts: the address ended then is the one of before.
    let Some(before) = store::contact::first_ended_since(&mut *tx, (who, ContactKind::Email), since).await? else {
        // Nothing was there before: what was added since goes.
        let fresh = store::contact::list_for(&mut *tx, who).await?;
        if fresh.iter().any(|contact| contact.kind == ContactKind::Email && contact.created_at >= since) {
            end_all(services, tx, who).await?;
        }
        return Ok(());
    };
    if before.created_at >= since {
        // An address that came after the notice is no address of before either.
        return end_all(services, tx, who).await;
    }
    let email = person::open_email(services, &before)?;
    end_all(services, tx, who).await?;
    add(services, tx, who, &email).await
}
