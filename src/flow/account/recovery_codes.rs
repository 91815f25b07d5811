//! Printed codes.

use super::super::outbox::Notice;
use super::super::session::{self, LiveSession};
use super::super::{Outcome, Services, create_account, level, passkey};
use super::may_bind;
use super::stop::{self, Purpose};
use crate::base::{PersonId, Timestamp};
use crate::store;

/// What came of asking for a new set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewCodes {
    /// The new set: shown once.
    Made(Vec<String>),
    /// Sign in again first, or more strongly.
    SignInAgain,
    /// The stop page comes first.
    Stop,
}

/// When the set in force was made.
pub async fn made_at(services: &Services, who: PersonId) -> Outcome<Option<Timestamp>> {
    Ok(store::recovery_code::made_at(&services.db, who).await?)
}

/// Makes a new set of printed codes.
pub async fn renew_recovery_codes(services: &Services, live: &LiveSession) -> Outcome<NewCodes> {
    let now = services.clock.now();
    let who = live.session.person_id;
    let ways = level::ways_of(services, who).await?;
    // Printed codes bind passkeys: SMS alone must not make new ones.
    if !may_bind(live, &ways, now) {
        return Ok(NewCodes::SignInAgain);
    }
    let Some(confirmed) = stop::find(services, live, Purpose::RecoveryCodes).await? else {
        return Ok(NewCodes::Stop);
    };
    let mut tx = services.db.begin().await?;
    if !session::stands(services, &mut tx, live).await? {
        return Ok(NewCodes::SignInAgain);
    }
    if !confirmed.spend(services, &mut tx).await? {
        return Ok(NewCodes::Stop);
    }
    let codes = create_account::new_recovery_codes(services, &mut tx, who).await?;
    passkey::tell_phone(services, &mut tx, who, Notice::RecoveryCodesRenewed { at: now }).await?;
    tx.commit().await?;
    Ok(NewCodes::Made(codes))
}
