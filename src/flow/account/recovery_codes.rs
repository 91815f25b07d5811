//! Printed codes.

use super::super::outbox::Notice;
use super::super::session::{self, LiveSession};
use super::super::{Fault, Outcome, Services, create_account, level, passkey};
use super::may_bind;
use super::stop::{self, Purpose};
use crate::base::{PersonId, Timestamp};
use crate::cache::Space;
use crate::store;
use std::time::Duration;

const SPACE: Space = Space("new_recovery_codes");
const PURPOSE: &str = "new_recovery_codes";
/// How long a new set can be shown in the session that made it.
const SHOWN_FOR: Duration = Duration::from_mins(15);

/// What came of asking for a new set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewCodes {
    /// The new set can be [`shown`].
    Made,
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
    let key = live.session.id.to_string();
    let sealed =
        services.sealer.seal(PURPOSE, key.as_bytes(), &serde_json::to_vec(&codes)?).map_err(Fault::internal)?;
    services.cache.put(SPACE, &key, &sealed, SHOWN_FOR).await?;
    Ok(NewCodes::Made)
}

/// The new set, until the person says that it is stored: a page that was lost, or a printer that jammed, costs no new
/// set.
pub async fn shown(services: &Services, live: &LiveSession) -> Outcome<Option<Vec<String>>> {
    let key = live.session.id.to_string();
    let Some(sealed) = services.cache.get(SPACE, &key).await? else {
        return Ok(None);
    };
    let plain = services.sealer.open(PURPOSE, key.as_bytes(), &sealed).map_err(Fault::internal)?;
    Ok(Some(serde_json::from_slice(&plain)?))
}

/// The person has stored the new set: it is not shown again.
pub async fn stored(services: &Services, live: &LiveSession) -> Outcome<()> {
    Ok(services.cache.remove(SPACE, &live.session.id.to_string()).await?)
}
