//! The password.

use super::super::outbox::Notice;
use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services, audit, level, passkey, person, sign_in};
use super::may_bind;
use super::stop::{self, Confirmation, Purpose};
use crate::audit::CredentialEvent;
use crate::base::{PersonId, Secret};
use crate::crypto::PasswordError;
use crate::identity::password_policy::{self, PasswordContext, PasswordRefusal};
use crate::identity::{FullName, Rule};
use crate::store;

/// Why a new password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewPassword {
    /// Taken.
    Done,
    /// Against a rule.
    Refused(PasswordRefusal),
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The stop page comes first.
    Stop,
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
    let who = live.session.person_id;
    let ways = level::ways_of(services, who).await?;
    // SMS alone binds no credential: a person without a strong way needs a second proof, as for a passkey.
    if !may_bind(live, &ways, services.clock.now()) {
        return Ok(NewPassword::SignInAgain);
    }
    let Some(confirmed) = stop::find(services, live, Purpose::Password).await? else {
        return Ok(NewPassword::Stop);
    };
    if ways.password
        && let Some(tries_left) = sign_in::is_wrong_password(services, who, current).await?
    {
        return Ok(NewPassword::WrongCurrent { tries_left });
    }
    write_password(services, who, password, Some((live, &confirmed))).await
}

/// Sets the first password of an account that is being made, right after its phone answered.
pub async fn first_password(services: &Services, who: PersonId, password: &Secret) -> Outcome<NewPassword> {
    if store::password::find(&services.db, who).await?.is_some() {
        return Ok(NewPassword::SignInAgain);
    }
    write_password(services, who, password, None).await
}

/// Writes the password and, when it is changed from a session, ends every other session in the same transaction.
async fn write_password(
    services: &Services,
    who: PersonId,
    password: &Secret,
    from: Option<(&LiveSession, &Confirmation)>,
) -> Outcome<NewPassword> {
    let now = services.clock.now();
    let found = store::person::get(&services.db, who).await?;
    let (number, birth_date) = (person::number(services, &found)?, person::birth_date(services, &found)?);
    let contacts = person::contacts(services, who).await?;
    let name = FullName::parse(&found.full_name).map_err(Fault::internal)?;
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
    if let Some((live, confirmed)) = from {
        if !session::stands(services, &mut tx, live).await? {
            return Ok(NewPassword::SignInAgain);
        }
        if !confirmed.spend(services, &mut tx).await? {
            return Ok(NewPassword::Stop);
        }
    }
    store::password::upsert(&mut tx, &store::password::Password { person_id: who, hash, changed_at: now }).await?;
    audit::append(&mut tx, audit::entry(services, CredentialEvent::PasswordSet).person(who)).await?;
    sign_in::forget_failures(services, &mut tx, who, &[&Rule::PASSWORD]).await?;
    if let Some(keep) = from.map(|(live, _)| live.session.id) {
        super::phone::cancel_of_others(services, &mut tx, who, Some(keep)).await?;
        session::end_all_in(services, &mut tx, (who, Some(keep)), "password_changed").await?;
    }
    passkey::tell_phone(services, &mut tx, who, Notice::PasswordChanged { at: now }).await?;
    tx.commit().await?;
    Ok(NewPassword::Done)
}
