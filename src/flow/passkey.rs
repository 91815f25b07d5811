//! Passkeys: making one, signing in with one. A challenge counts once, for one purpose, five minutes at most, and its
//! use is marked in SQL before the answer is judged.

use super::account::report;
use super::account::stop::Confirmation;
use super::interaction::Interaction;
use super::outbox::{self, Notice, Posting, Way};
use super::session::{self, LiveSession};
use super::{Fault, Outcome, Services, audit, person, sign_in};
use crate::audit::CredentialEvent;
use crate::base::{CredentialId, Digest, PersonId, SessionId};
use crate::cache::Space;
use crate::crypto::{self, PasskeyError, answered_challenge, challenge_digest};
use crate::identity::{Method, Rule, credential_policy};
use crate::store;
use crate::store::Inserted;
use crate::store::person_setting::NoticeChannel;
use crate::store::spent::SpentKind;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

const CEREMONY: Space = Space("passkey_ceremony");

/// How signing in with a passkey went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedIn {
    /// Proved; the interaction knows.
    Yes,
    /// A key this server does not know: the browser may forget it.
    UnknownKey {
        /// The key.
        credential_id: Vec<u8>,
    },
    /// The challenge is gone: page stood too long, or was used.
    Expired,
    /// The answer does not hold.
    Failed,
}

/// How making a passkey went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It belongs to the account now.
    Yes,
    /// Known already, here or on another account.
    AlreadyKnown,
    /// The challenge is gone.
    Expired,
    /// The answer does not hold.
    Failed,
}

/// Whose browser a challenge is given to: the answer counts only from there.
#[derive(Debug, Clone, Copy)]
pub enum Asker<'a> {
    /// A flow.
    Flow(&'a Interaction),
    /// A live session, on an account page.
    Session(SessionId),
}

/// Each challenge has a key of its own. A browser may have several under way (suggestions in a field and a button, two
/// tabs): none of them disturbs another, nor anything else that is known of the flow.
fn key(asker: Asker<'_>, challenge: &Digest) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(challenge.as_bytes());
    match asker {
        Asker::Flow(interaction) => format!("flow:{}:{challenge}", interaction.id),
        Asker::Session(session) => format!("session:{session}:{challenge}"),
    }
}

async fn keep(services: &Services, asker: Asker<'_>, made: crypto::Ceremony) -> Outcome<Value> {
    let key = key(asker, &challenge_digest(&made.state).map_err(Fault::internal)?);
    let sealed = services.sealer.seal(CEREMONY.0, key.as_bytes(), made.state.as_bytes()).map_err(Fault::internal)?;
    services.cache.put(CEREMONY, &key, &sealed, crypto::CHALLENGE_LIFETIME).await?;
    Ok(made.options)
}

/// The state of the ceremony that an answer belongs to, for the first answer only: its use is marked in SQL (I1).
async fn spend(services: &Services, asker: Asker<'_>, response: &str) -> Outcome<Option<String>> {
    let Ok(challenge) = answered_challenge(response) else {
        return Ok(None);
    };
    let key = key(asker, &challenge);
    let Some(sealed) = services.cache.take(CEREMONY, &key).await? else {
        return Ok(None);
    };
    let state = services.sealer.open(CEREMONY.0, key.as_bytes(), &sealed).map_err(Fault::internal)?;
    let now = services.clock.now();
    let until = now.plus(crypto::CHALLENGE_LIFETIME * 2);
    let mut tx = services.db.begin().await?;
    let fresh = store::spent::consume(&mut tx, SpentKind::PasskeyChallenge, &challenge, now, until).await?;
    tx.commit().await?;
    Ok(if fresh { Some(String::from_utf8(state.to_vec()).map_err(Fault::internal)?) } else { None })
}

/// Begins a sign-in ceremony and gives the options for the browser.
pub async fn start_sign_in(services: &Services, interaction: &Interaction, autofill: bool) -> Outcome<Value> {
    let made = services.passkeys.start_authentication(autofill, services.clock.now()).map_err(Fault::internal)?;
    keep(services, Asker::Flow(interaction), made).await
}

/// Judges the browser's answer.
pub async fn finish_sign_in(services: &Services, interaction: &mut Interaction, response: &str) -> Outcome<SignedIn> {
    let now = services.clock.now();
    let Some(state) = spend(services, Asker::Flow(interaction), response).await? else {
        return Ok(SignedIn::Expired);
    };
    let Ok((user, credential_id)) = services.passkeys.identify(response) else {
        return Ok(SignedIn::Failed);
    };
    let Some(known) = store::passkey::find_by_credential(&services.db, &credential_id).await? else {
        return Ok(SignedIn::UnknownKey { credential_id });
    };
    if known.person_id != PersonId(user) {
        return Ok(SignedIn::Failed);
    }
    let verdict = services.passkeys.finish_authentication(response, &state, &known.state, now);
    let authenticated = match verdict {
        Ok(authenticated) => authenticated,
        Err(error) => {
            tracing::info!(reason = %error, "a passkey answer was refused");
            metrics::counter!("sign_in_failures_total", "method" => "passkey").increment(1);
            return Ok(SignedIn::Failed);
        }
    };
    let mut tx = services.db.begin().await?;
    let updated = store::passkey::update_after_use(
        &mut tx,
        known.id,
        authenticated.updated_state_json.as_deref(),
        authenticated.backed_up,
        now,
    )
    .await?;
    if !updated {
        // Removed while the browser answered.
        return Ok(SignedIn::Failed);
    }
    let settled = credential_policy::is_settled(known.settles_at, now);
    if settled {
        // A passkey cannot be guessed: its owner opens again what somebody's guessing closed (M5).
        let closed = [&Rule::SENT_CODE, &Rule::TOTP, &Rule::PASSWORD, &Rule::RECOVERY];
        sign_in::forget_failures(services, &mut tx, known.person_id, &closed).await?;
    }
    tx.commit().await?;
    let method =
        Method::Passkey { user_verified: authenticated.user_verified, synced: authenticated.backed_up, settled };
    Ok(match sign_in::proved(services, interaction, Some(known.person_id), method).await? {
        sign_in::Proved::Yes => SignedIn::Yes,
        _ => SignedIn::Failed,
    })
}

/// Begins a ceremony that makes a passkey for a person. The caller has checked that a passkey may be bound.
pub async fn start_making(services: &Services, asker: Asker<'_>, who: PersonId) -> Outcome<Value> {
    let now = services.clock.now();
    let found = store::person::get(&services.db, who).await?;
    let label = person::number(services, &found)?.masked();
    let existing = store::passkey::list_for(&services.db, who).await?;
    let exclude = existing.into_iter().map(|passkey| passkey.credential).collect();
    let made =
        services.passkeys.start_registration(who.0, &label, &found.full_name, exclude, now).map_err(Fault::internal)?;
    keep(services, asker, made).await
}

/// The browser's answer, and what is to be kept beside it.
pub struct NewPasskey<'a> {
    /// The answer as JSON.
    pub response: &'a str,
    /// The passkey's name.
    pub name: &'a str,
    /// The account is new.
    pub first_day: bool,
    /// The session that makes it; none while an account is being made.
    pub live: Option<&'a LiveSession>,
    /// The answer on the stop page, used up with the act.
    pub confirmed: Option<&'a Confirmation>,
}

/// Judges the browser's answer and keeps the passkey.
pub async fn keep_made(services: &Services, asker: Asker<'_>, who: PersonId, new: NewPasskey<'_>) -> Outcome<Made> {
    let NewPasskey { response, name, first_day, live, confirmed } = new;
    let now = services.clock.now();
    let Some(state) = spend(services, asker, response).await? else {
        return Ok(Made::Expired);
    };
    let made = match services.passkeys.finish_registration(response, &state, now) {
        Ok(made) if made.person == who.0 => made,
        Ok(_) => return Ok(Made::Failed),
        Err(PasskeyError::Malformed) => return Ok(Made::Failed),
        Err(error) => {
            tracing::info!(reason = %error, "a new passkey was refused");
            return Ok(Made::Failed);
        }
    };
    let id = CredentialId::new(now, &*services.entropy);
    let row = store::passkey::Passkey {
        id,
        person_id: who,
        credential: made.credential_id,
        state: made.state_json,
        name: name.chars().take(40).collect(),
        aaguid: made.aaguid,
        transports: made.transports,
        backed_up: made.backed_up,
        created_at: now,
        settles_at: if first_day { credential_policy::settles_at(now) } else { now },
        last_used_at: None,
        ended_at: None,
    };
    let mut tx = services.db.begin().await?;
    if let Some(live) = live
        && !session::stands(services, &mut tx, live).await?
    {
        return Ok(Made::Expired);
    }
    if let Some(confirmed) = confirmed
        && !confirmed.spend(services, &mut tx).await?
    {
        return Ok(Made::Expired);
    }
    match store::passkey::insert(&mut tx, &row).await? {
        Inserted::New => {}
        Inserted::AlreadyKnown => return Ok(Made::AlreadyKnown),
    }
    let event = CredentialEvent::PasskeyAdded { credential: id, backed_up: made.backed_up };
    audit::append(&mut tx, audit::entry(services, event).person(who)).await?;
    tell_phone(services, &mut tx, who, Notice::PasskeyAdded { at: now }).await?;
    tx.commit().await?;
    Ok(Made::Yes)
}

/// Puts a notice to the person's phone and e-mail address into the outbox, in the transaction of the change
/// (ASVS 6.3.6); one about something that another may have done with a code for "not me" (C29).
pub async fn tell_phone(services: &Services, tx: &mut crate::db::Tx, who: PersonId, notice: Notice) -> Outcome<()> {
    let contacts = person::contacts_from(services, &mut *tx, who).await?;
    let language = store::person::get(&mut *tx, who).await?.language;
    let channel = store::person_setting::channel(&mut *tx, who).await?;
    let everyday = notice.is_everyday();
    let reachable = contacts.phone.is_some() || contacts.email.is_some();
    let not_me = match notice.may_be_of_another() && reachable {
        true => Some(report::new_notice_code(services, tx, who).await?),
        false => None,
    };
    let both = contacts.phone.is_some() && contacts.email.is_some();
    let wanted = |only: NoticeChannel| !everyday || !both || channel == NoticeChannel::All || channel == only;
    if let Some(phone) = contacts.phone.filter(|_| wanted(NoticeChannel::Sms)) {
        let recipient = phone.as_str().to_owned();
        let (notice, language, not_me) = (notice.clone(), language.clone(), not_me.clone());
        let posting = Posting::Message { recipient, notice, language, not_me };
        outbox::post(services, tx, Way::Sms, &posting, None).await?;
    }
    if let Some(email) = contacts.email.filter(|_| wanted(NoticeChannel::Email)) {
        let recipient = email.as_str().to_owned();
        let posting = Posting::Message { recipient, notice, language, not_me };
        outbox::post(services, tx, Way::Email, &posting, None).await?;
    }
    Ok(())
}
