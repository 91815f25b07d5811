//! The person's own pages: what we hold, ways to sign in, sessions, what happened. Changes to ways of signing in need a
//! sign-in of the last minutes, as strong as the person can (P5), and an answer on the stop page ([`stop`]).

pub mod activity;
pub mod close;
mod contact_code;
pub mod email;
pub mod freeze;
pub mod kept;
pub mod organizations;
pub mod passkeys;
pub mod password;
pub mod phone;
pub mod recovery_codes;
pub mod report;
pub mod settings;
pub mod sharing;
pub mod stop;
pub mod totp;

pub use contact_code::resend_from;
pub use passkeys::{
    Passkey, finish_passkey, may_remove_passkey, passkeys, remove_passkey, rename_passkey, start_passkey,
};
pub use password::{NewPassword, first_password, set_password};
pub use recovery_codes::{NewCodes, renew_recovery_codes};

use super::level::{self, Ways};
use super::session::{self, LiveSession};
use super::{Outcome, Services};
use crate::base::{SessionId, Timestamp};
use crate::db::Tx;
use crate::identity::{AuthenticationLevel, BindRefusal, ChangeProof, RemoveRefusal, Way, credential_policy};
use crate::store;

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
pub fn may_change(live: &LiveSession, ways: &Ways, now: Timestamp) -> bool {
    let fresh = credential_policy::is_fresh(live.session.authenticated_at, now);
    fresh && (live.session.authentication_level >= AuthenticationLevel::Two || !summary(ways).is_strong())
}

/// Whether the session may bind something new to sign in with: fresh, as strong as the person can, and never a code
/// sent by phone alone.
pub fn may_bind(live: &LiveSession, ways: &Ways, now: Timestamp) -> bool {
    may_change(live, ways, now) && may_add_passkey(live, now).is_ok()
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
pub fn may_add_passkey(live: &LiveSession, now: Timestamp) -> Result<(), BindRefusal> {
    let fresh = credential_policy::is_fresh(live.session.authenticated_at, now);
    credential_policy::may_bind_passkey(&live.session.methods, fresh, false)
}

/// Whether a way to sign in may be removed by this session.
pub fn may_remove(live: &LiveSession, ways: &Ways, way: Way, now: Timestamp) -> Result<(), RemoveRefusal> {
    let proof = ChangeProof {
        authentication_level: live.session.authentication_level,
        settled: live.session.settled,
        fresh: credential_policy::is_fresh(live.session.authenticated_at, now),
    };
    credential_policy::may_remove(&summary(ways), way, &proof)
}

/// Whether a removal is refused because nothing as strong would be left.
pub const fn is_last(refusal: RemoveRefusal) -> bool {
    matches!(refusal, RemoveRefusal::LastWay | RemoveRefusal::LastStrongWay)
}

/// Holds the person for the rest of the transaction and judges a removal by what is true now: of two removals at once,
/// the second sees what the first left. `None`: it may be made.
async fn refuses_removal(
    services: &Services,
    tx: &mut Tx,
    (live, way): (&LiveSession, Way),
) -> Outcome<Option<Change>> {
    if !session::stands(services, tx, live).await? {
        return Ok(Some(Change::SignInAgain));
    }
    let ways = level::ways_in(tx, live.session.person_id).await?;
    Ok(match may_remove(live, &ways, way, services.clock.now()) {
        Ok(()) => None,
        Err(refusal) if is_last(refusal) => Some(Change::LastWay),
        Err(_) => Some(Change::SignInAgain),
    })
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
