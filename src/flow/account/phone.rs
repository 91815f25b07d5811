//! Change of phone (C25): a code to the new number, a notice to the old one, and a day in which it can be cancelled.

use super::super::outbox::{self, Notice, Posting, Way};
use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services, audit, create_account, level, passkey, person, throttle};
use super::may_bind;
use super::stop::{self, Purpose};
use crate::audit::{CredentialEvent, SignInEvent, Word};
use crate::base::{CodeId, Digest, PersonId, RowId, Secret, SessionId, Timestamp, sha256};
use crate::cache::Space;
use crate::crypto;
use crate::db::Tx;
use crate::identity::{Admission, Method, PhoneNumber, Rule, credential_policy, throttling};
use crate::store;
use crate::store::contact::ContactKind;
use crate::store::phone_change::{PhoneChange, PhoneChangeOutcome};
use crate::store::sent_code::{CodeChannel, CodePurpose, SentCode};
use std::time::Duration;

const SPACE: Space = Space("phone_change");
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

fn flow_digest(live: &LiveSession) -> Digest {
    sha256(format!("phone_change:{}", live.session.id).as_bytes())
}

fn code_digest(services: &Services, live: &LiveSession, code: &str) -> Outcome<Digest> {
    let flow = flow_digest(live);
    services.sealer.keyed_digest("sent_code", &[flow.as_bytes(), code.as_bytes()]).map_err(Fault::internal)
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
    let key = live.session.id.to_string();
    let sealed =
        services.sealer.seal("phone_change", key.as_bytes(), phone.as_str().as_bytes()).map_err(Fault::internal)?;
    let code = crypto::sent_code(&*services.entropy);
    let mut tx = services.db.begin().await?;
    for subject in [index, super::super::sign_in::subject_of(services, who)?] {
        match throttle::attempt_in(services, &mut tx, &Rule::CHANGE_SEND, &subject).await? {
            Admission::Go => {}
            Admission::PausedUntil(until) => return Ok(Asked::NotBefore(until)),
            Admission::Disabled => return Ok(Asked::NotBefore(now.plus(DELAY))),
        }
    }
    let row = SentCode {
        id: CodeId::new(now, &*services.entropy),
        flow_digest: flow_digest(live),
        person_id: Some(who),
        purpose: CodePurpose::Confirm,
        channel: if way == Way::Voice { CodeChannel::Voice } else { CodeChannel::Sms },
        contact_index: index,
        code_digest: code_digest(services, live, code.expose())?,
        tries_left: throttling::TRIES_PER_CODE,
        created_at: now,
        expires_at: now.plus(services.config.sign_in.code_seconds.duration()),
        used_at: None,
    };
    store::sent_code::insert(&mut tx, &row).await?;
    let posting = Posting::Message {
        recipient: phone.as_str().to_owned(),
        notice: Notice::ConfirmPhoneCode { code: code.expose().to_owned() },
        language: language.to_owned(),
        not_me: None,
    };
    outbox::post(services, &mut tx, way, &posting, None).await?;
    let event = SignInEvent::CodeSent { channel: Word::new(way.as_str()), purpose: Word::new("confirm") };
    audit::append(&mut tx, audit::entry(services, event).person(who).session(live.session.id)).await?;
    tx.commit().await?;
    services.cache.put(SPACE, &key, &sealed, Duration::from_mins(30)).await?;
    Ok(Asked::Sent)
}

/// The phone that waits for its code in this session, and until when the code is good.
pub async fn entered(services: &Services, live: &LiveSession) -> Outcome<Option<(PhoneNumber, Timestamp)>> {
    let key = live.session.id.to_string();
    let Some(sealed) = services.cache.get(SPACE, &key).await? else {
        return Ok(None);
    };
    let plain = services.sealer.open("phone_change", key.as_bytes(), &sealed).map_err(Fault::internal)?;
    let text = std::str::from_utf8(&plain).map_err(Fault::internal)?;
    let phone = PhoneNumber::parse(text).map_err(Fault::internal)?;
    let sent = store::sent_code::latest(&services.db, &flow_digest(live)).await?;
    Ok(sent.map(|sent| (phone, sent.expires_at)))
}

/// From when another code may be asked for.
pub async fn resend_from(services: &Services, live: &LiveSession) -> Outcome<Timestamp> {
    let subject = super::super::sign_in::subject_of(services, live.session.person_id)?;
    super::super::sign_in::resend_from(services, &Rule::CHANGE_SEND, &subject).await
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
    let (digest, index) = (code_digest(services, live, typed.expose())?, person::phone_index(services, &phone)?);
    let mut tx = services.db.begin().await?;
    let Some(attempt) = store::sent_code::attempt(&mut tx, &flow_digest(live), now).await? else {
        tx.commit().await?;
        return Ok(Changed::Expired);
    };
    let right = attempt.code_digest == digest
        && attempt.purpose == CodePurpose::Confirm
        && attempt.contact_index == index
        && attempt.person_id == Some(who);
    if !right || !store::sent_code::consume(&mut tx, attempt.id, now).await? {
        tx.commit().await?;
        return Ok(Changed::Wrong { tries_left: u32::try_from(attempt.tries_left).unwrap_or(0) });
    }
    if !confirmed.spend(services, &mut tx).await? {
        return Ok(Changed::Stop);
    }
    if !session::stands(services, &mut tx, live).await? {
        return Ok(Changed::SignInAgain);
    }
    let changed = begin(services, &mut tx, live, &phone).await?;
    tx.commit().await?;
    services.cache.remove(SPACE, &live.session.id.to_string()).await?;
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
