//! Freezing (C34): nobody signs in until the person opens the account again with a strong proof.

use super::super::interaction::{Interaction, Proof};
use super::super::outbox::Notice;
use super::super::{Outcome, Services, audit, passkey, session};
use super::phone;
use crate::audit::{AccountEvent, Word};
use crate::base::{PersonId, Timestamp};
use crate::db::Tx;
use crate::identity::{PersonStatus, credential_policy};
use crate::store;
use crate::store::spent::SpentKind;

/// The reason of a status that its person set and may take back.
pub const BY_PERSON: &str = "frozen_by_person";

/// Freezes an account: sessions and grants end, portals are told, a waiting change of phone is cancelled. `false`: it
/// was not open.
pub async fn freeze(services: &Services, who: PersonId) -> Outcome<bool> {
    let mut tx = services.db.begin().await?;
    let frozen = freeze_in(services, &mut tx, who).await?;
    tx.commit().await?;
    Ok(frozen)
}

/// The same within a transaction that does more.
pub(super) async fn freeze_in(services: &Services, tx: &mut Tx, who: PersonId) -> Outcome<bool> {
    let now = services.clock.now();
    let step = (PersonStatus::Active, PersonStatus::Locked);
    if !store::person::change_status(tx, who, step, Some(BY_PERSON), now).await? {
        return Ok(false);
    }
    phone::cancel_in(services, tx, who).await?;
    session::end_all_in(services, tx, (who, None), "frozen").await?;
    store::grant::end_for_person(tx, who, "frozen", now).await?;
    let event = AccountEvent::Locked { reason: Word::new(BY_PERSON) };
    audit::append(tx, audit::entry(services, event).person(who)).await?;
    passkey::tell_phone(services, tx, who, Notice::AccountFrozen { at: now }).await?;
    Ok(true)
}

/// A frozen account, for the page that its person sees after a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// Since when.
    pub since: Timestamp,
    /// The proofs of this flow are strong enough to open it.
    pub may_open: bool,
}

/// Whether the person proved in this flow froze their account. Told after a proof only (N1).
pub async fn look(services: &Services, interaction: &Interaction) -> Outcome<Option<Frozen>> {
    let Some(who) = interaction.person else {
        return Ok(None);
    };
    let found = store::person::find(&services.db, who).await?;
    let Some(found) = found.filter(|found| is_frozen(found.status, found.status_reason.as_deref())) else {
        return Ok(None);
    };
    // Proofs of now, given since it was frozen.
    let now = services.clock.now();
    let given = |proof: &&Proof| proof.at >= found.updated_at && credential_policy::is_fresh(proof.at, now);
    let methods: Vec<_> = interaction.proofs.iter().filter(given).map(|proof| proof.method).collect();
    let may_open = credential_policy::may_bind_passkey(&methods, true, false).is_ok();
    Ok(Some(Frozen { since: found.updated_at, may_open }))
}

/// Whether that is an account its own person froze.
pub fn is_frozen(status: PersonStatus, reason: Option<&str>) -> bool {
    status == PersonStatus::Locked && reason == Some(BY_PERSON)
}

/// Opens the account again by the strong proofs of a flow. `false`: the proofs do not do, or it is not frozen any more.
pub async fn open_again(services: &Services, interaction: &Interaction) -> Outcome<bool> {
    let (Some(who), Some(frozen)) = (interaction.person, look(services, interaction).await?) else {
        return Ok(false);
    };
    if !frozen.may_open {
        return Ok(false);
    }
    let now = services.clock.now();
    let mut tx = services.db.begin().await?;
    // The proofs of one flow open an account once: frozen again, it needs new ones.
    let step = crate::base::sha256(format!("unfreeze:{}", interaction.id).as_bytes());
    let until = now.plus(std::time::Duration::from_hours(2));
    if !store::spent::consume(&mut tx, SpentKind::InteractionStep, &step, now, until).await?
        || !store::person::unlock(&mut tx, who, BY_PERSON, now).await?
    {
        return Ok(false);
    }
    let event = AccountEvent::Unlocked { reason: Word::new("by_person") };
    audit::append(&mut tx, audit::entry(services, event).person(who)).await?;
    passkey::tell_phone(services, &mut tx, who, Notice::AccountUnfrozen { at: now }).await?;
    tx.commit().await?;
    Ok(true)
}
