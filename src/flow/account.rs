//! The person's own pages: what we hold, ways to sign in, sessions. Changes to ways of signing in need a sign-in of the
//! last minutes, as strong as the person can (P5).

use super::level::{self, Ways};
use super::outbox::Notice;
use super::passkey::{self, Asker, Made};
use super::session::{self, LiveSession};
use super::{Fault, Outcome, Services, audit, create_account, sign_in};
use crate::audit::{CredentialEvent, Word};
use crate::base::{CredentialId, Secret, SessionId};
use crate::crypto::PasswordError;
use crate::identity::password_policy::{self, PasswordContext, PasswordRefusal};
use crate::identity::{
    AuthenticationLevel, BindRefusal, ChangeProof, FullName, Method, RemoveRefusal, Rule, Way, credential_policy,
};
use crate::store;
use serde_json::Value;

/// Why a change is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Made.
    Done,
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// It is not there any more.
    Gone,
    /// Nothing else strong would be left.
    LastWay,
}

/// Whether the session is as fresh and as strong as a change of ways to sign in needs.
pub fn may_change(live: &LiveSession, ways: &Ways, now: crate::base::Timestamp) -> bool {
    let fresh = credential_policy::is_fresh(live.session.authenticated_at, now);
    fresh && (live.session.authentication_level >= AuthenticationLevel::Two || !summary(ways).is_strong())
}

/// The ways of a person as the rules count them.
pub fn summary(ways: &Ways) -> crate::identity::Ways {
    crate::identity::Ways {
        passkeys: u32::try_from(ways.passkeys.len()).unwrap_or(u32::MAX),
        phones: u32::from(ways.phone),
        totp: ways.totp,
        password: ways.password,
        recovery_codes: ways.recovery_codes,
    }
}

/// Whether the session may bind a passkey now.
pub fn may_add_passkey(live: &LiveSession, now: crate::base::Timestamp) -> Result<(), BindRefusal> {
    let fresh = credential_policy::is_fresh(live.session.authenticated_at, now);
    credential_policy::may_bind_passkey(&live.session.methods, fresh, false)
}

/// Begins adding a passkey from the account page.
pub async fn start_passkey(services: &Services, live: &LiveSession) -> Outcome<Result<Value, BindRefusal>> {
    if let Err(refusal) = may_add_passkey(live, services.clock.now()) {
        return Ok(Err(refusal));
    }
    passkey::start_making(services, Asker::Session(live.session.id), live.session.person_id).await.map(Ok)
}

/// Takes the browser's answer for a passkey from the account page.
pub async fn finish_passkey(
    services: &Services,
    live: &LiveSession,
    response: &str,
) -> Outcome<Result<Made, BindRefusal>> {
    if let Err(refusal) = may_add_passkey(live, services.clock.now()) {
        return Ok(Err(refusal));
    }
    let given = (response, live.session.device.as_str(), false);
    passkey::finish_making(services, Asker::Session(live.session.id), live.session.person_id, given).await.map(Ok)
}

pub use store::passkey::Passkey;

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
pub fn may_remove_passkey(live: &LiveSession, ways: &Ways, now: crate::base::Timestamp) -> Result<(), RemoveRefusal> {
    let proof = ChangeProof {
        authentication_level: live.session.authentication_level,
        settled: live.session.settled,
        fresh: credential_policy::is_fresh(live.session.authenticated_at, now),
    };
    credential_policy::may_remove(&summary(ways), Way::Passkey, &proof)
}

/// Whether a removal is refused because nothing as strong would be left.
pub const fn is_last(refusal: RemoveRefusal) -> bool {
    matches!(refusal, RemoveRefusal::LastWay | RemoveRefusal::LastStrongWay)
}

/// Removes a passkey.
pub async fn remove_passkey(services: &Services, live: &LiveSession, id: CredentialId) -> Outcome<Change> {
    let now = services.clock.now();
    let ways = level::ways_of(services, live.session.person_id).await?;
    match may_remove_passkey(live, &ways, now) {
        Ok(()) => {}
        Err(RemoveRefusal::LastWay | RemoveRefusal::LastStrongWay) => return Ok(Change::LastWay),
        Err(_) => return Ok(Change::SignInAgain),
    }
    let mut tx = services.db.begin().await?;
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

/// Why a new password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewPassword {
    /// Taken.
    Done,
    /// Against a rule.
    Refused(PasswordRefusal),
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The password in force was not given rightly.
    WrongCurrent {
        /// Tries before a pause.
        tries_left: u32,
    },
}

/// Sets or changes the password of a signed-in person.
pub async fn set_password(
    services: &Services,
    live: &LiveSession,
    current: &Secret,
    password: &Secret,
) -> Outcome<NewPassword> {
    let now = services.clock.now();
    let ways = level::ways_of(services, live.session.person_id).await?;
    // SMS alone binds no credential: a person without a strong way needs a second proof, as for a passkey.
    if !may_change(live, &ways, now) || may_add_passkey(live, now).is_err() {
        return Ok(NewPassword::SignInAgain);
    }
    if ways.password
        && let Some(tries_left) = sign_in::is_wrong_password(services, live.session.person_id, current).await?
    {
        return Ok(NewPassword::WrongCurrent { tries_left });
    }
    write_password(services, live.session.person_id, password, Some(live.session.id)).await
}

/// Sets the first password of an account that is being made, right after its phone answered.
pub async fn first_password(
    services: &Services,
    who: crate::base::PersonId,
    password: &Secret,
) -> Outcome<NewPassword> {
    if store::password::find(&services.db, who).await?.is_some() {
        return Ok(NewPassword::SignInAgain);
    }
    write_password(services, who, password, None).await
}

/// Writes the password and, when it is changed from a session, ends every other session in the same transaction.
async fn write_password(
    services: &Services,
    who: crate::base::PersonId,
    password: &Secret,
    keep: Option<SessionId>,
) -> Outcome<NewPassword> {
    let now = services.clock.now();
    let person = store::person::get(&services.db, who).await?;
    let (number, birth_date) =
        (super::person::number(services, &person)?, super::person::birth_date(services, &person)?);
    let contacts = super::person::contacts(services, who).await?;
    let name = FullName::parse(&person.full_name).map_err(Fault::internal)?;
    let context = PasswordContext {
        number: Some(&number),
        name: Some(&name),
        birth_date: Some(birth_date),
        phone: contacts.phone.as_ref(),
    };
    let password = match password_policy::check(password, &context) {
        Ok(password) => password,
        Err(refusal) => return Ok(NewPassword::Refused(refusal)),
    };
    let hash = match services.passwords.hash(&password, &*services.entropy).await {
        Ok(hash) => hash,
        Err(PasswordError::Overloaded { retry_after }) => return Err(Fault::Overloaded { retry_after }),
        Err(error) => return Err(Fault::internal(error)),
    };
    let mut tx = services.db.begin().await?;
    store::password::upsert(&mut tx, &store::password::Password { person_id: who, hash, changed_at: now }).await?;
    audit::append(&mut tx, audit::entry(services, CredentialEvent::PasswordSet).person(who)).await?;
    sign_in::forget_failures(services, &mut tx, who, &[&Rule::PASSWORD]).await?;
    if keep.is_some() {
        session::end_all_in(services, &mut tx, (who, keep), "password_changed").await?;
    }
    passkey::tell_phone(services, &mut tx, who, Notice::PasswordChanged { at: now }).await?;
    tx.commit().await?;
    Ok(NewPassword::Done)
}

/// Makes a new set of printed codes. `None`: sign in again first.
pub async fn renew_recovery_codes(services: &Services, live: &LiveSession) -> Outcome<Option<Vec<String>>> {
    let now = services.clock.now();
    let ways = level::ways_of(services, live.session.person_id).await?;
    // Printed codes bind passkeys: SMS alone must not make new ones.
    if !may_change(live, &ways, now) || may_add_passkey(live, now).is_err() {
        return Ok(None);
    }
    let mut tx = services.db.begin().await?;
    let codes = create_account::new_recovery_codes(services, &mut tx, live.session.person_id).await?;
    passkey::tell_phone(services, &mut tx, live.session.person_id, Notice::RecoveryCodesRenewed { at: now }).await?;
    tx.commit().await?;
    Ok(Some(codes))
}

/// Ends one of the person's own sessions. `false`: not theirs, or over already.
pub async fn end_session(services: &Services, live: &LiveSession, id: SessionId) -> Outcome<bool> {
    let own = store::session::list_for(&services.db, live.session.person_id, services.clock.now()).await?;
    if !own.iter().any(|session| session.id == id) {
        return Ok(false);
    }
    session::end(services, id, live.session.person_id, "by_person").await?;
    Ok(true)
}

/// Whether account pages are open to this session: idle for a quarter of an hour at most.
pub fn pages_open(services: &Services, live: &LiveSession) -> bool {
    let seen = live.session.last_seen_at.max(live.session.authenticated_at);
    services.clock.now().since(seen) <= crate::identity::session::ACCOUNT_PAGES_IDLE
}

/// Whether a session rests on more than codes: what the account page may show without asking again.
pub fn is_strong(live: &LiveSession) -> bool {
    live.session.methods.iter().any(|method| matches!(method, Method::Passkey { .. } | Method::Password))
}
