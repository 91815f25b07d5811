//! The stop page against scams (C11): before a risky change the person says that nobody is telling them what to do. The
//! answer is good for one act of one session and is used up in the act's transaction, so no address skips the question.

use super::super::session::LiveSession;
use super::super::{Outcome, Services, audit};
use crate::audit::{AccountEvent, Word};
use crate::base::{OrganizationId, SessionId, Timestamp, random_token, sha256};
use crate::cache::Space;
use crate::db::Tx;
use crate::flow::level::Ways;
use crate::store;
use crate::store::spent::SpentKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const SPACE: Space = Space("stop_confirmation");
/// How long an answer counts: long enough to sign in again in between.
const LIFETIME: Duration = Duration::from_mins(15);

/// What the person is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    /// A passkey on another device.
    Passkey,
    /// An authenticator app.
    Totp,
    /// Another password.
    Password,
    /// A new set of printed codes.
    RecoveryCodes,
    /// Another phone.
    Phone,
    /// Another e-mail address, or none.
    Email,
    /// Ending the account.
    Close,
    /// Opening an organization's account.
    Organization,
    /// Agreeing to one that another representative applied for.
    OrganizationAgree,
    /// Closing one.
    OrganizationClose,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 10] = [
        Self::Passkey,
        Self::Totp,
        Self::Password,
        Self::RecoveryCodes,
        Self::Phone,
        Self::Email,
        Self::Close,
        Self::Organization,
        Self::OrganizationAgree,
        Self::OrganizationClose,
    ];

    /// The word in addresses and in the trail.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passkey => "passkey",
            Self::Totp => "totp",
            Self::Password => "password",
            Self::RecoveryCodes => "recovery_codes",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Close => "close",
            Self::Organization => "organization",
            Self::OrganizationAgree => "organization_agree",
            Self::OrganizationClose => "organization_close",
        }
    }

    /// The purpose of a word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == word)
    }
}

/// The answer "no, I do this by myself", not used yet as far as the cache knows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Confirmation {
    session: SessionId,
    purpose: Purpose,
    about: Option<OrganizationId>,
    nonce: String,
    at: Timestamp,
}

fn key(live: &LiveSession, (purpose, about): (Purpose, Option<OrganizationId>)) -> String {
    let about = about.map(|id| id.to_string()).unwrap_or_default();
    format!("{}:{}:{about}", live.session.id, purpose.as_str())
}

/// Whether the question comes before adding a passkey: only where there is something to steal already.
pub fn before_passkey(ways: &Ways) -> bool {
    !ways.passkeys.is_empty()
}

/// Takes down that nobody is telling the person what to do. `about`: the organization that is meant, where it takes one.
pub async fn confirm(
    services: &Services,
    live: &LiveSession,
    (purpose, about): (Purpose, Option<OrganizationId>),
) -> Outcome<()> {
    let confirmation = Confirmation {
        session: live.session.id,
        purpose,
        about,
        nonce: random_token(&*services.entropy),
        at: services.clock.now(),
    };
    let bytes = serde_json::to_vec(&confirmation)?;
    Ok(services.cache.put(SPACE, &key(live, (purpose, about)), &bytes, LIFETIME).await?)
}

/// The person is being told what to do: what was answered before counts no more.
pub async fn stopped(
    services: &Services,
    live: &LiveSession,
    (purpose, about): (Purpose, Option<OrganizationId>),
) -> Outcome<()> {
    services.cache.remove(SPACE, &key(live, (purpose, about))).await?;
    let event = AccountEvent::ScamStopped { purpose: Word::new(purpose.as_str()) };
    let mut tx = services.db.begin().await?;
    audit::append(&mut tx, audit::entry(services, event).person(live.session.person_id).session(live.session.id))
        .await?;
    tx.commit().await?;
    Ok(())
}

/// The answer for this purpose, if one was given lately.
pub async fn find(services: &Services, live: &LiveSession, purpose: Purpose) -> Outcome<Option<Confirmation>> {
    find_about(services, live, (purpose, None)).await
}

/// The same, about one organization: an answer about another is none.
pub async fn find_about(
    services: &Services,
    live: &LiveSession,
    (purpose, about): (Purpose, Option<OrganizationId>),
) -> Outcome<Option<Confirmation>> {
    let Some(bytes) = services.cache.get(SPACE, &key(live, (purpose, about))).await? else {
        return Ok(None);
    };
    let found: Confirmation = serde_json::from_slice(&bytes)?;
    let now = services.clock.now();
    let fits = found.session == live.session.id && (found.purpose, found.about) == (purpose, about);
    if !fits || now.since(found.at) > LIFETIME {
        return Ok(None);
    }
    // Used before: the page must ask again. Only `spend` decides.
    let spent = store::spent::is_spent(&services.db, SpentKind::StopConfirmation, &found.digest()).await?;
    Ok((!spent).then_some(found))
}

impl Confirmation {
    fn digest(&self) -> crate::base::Digest {
        sha256(format!("{}:{}:{}", self.session, self.purpose.as_str(), self.nonce).as_bytes())
    }

    /// Uses the answer up in the transaction of the act. `false`: another act was first, and this one must not happen.
    pub async fn spend(&self, services: &Services, tx: &mut Tx) -> Outcome<bool> {
        let now = services.clock.now();
        let until = self.at.plus(LIFETIME * 2);
        Ok(store::spent::consume(tx, SpentKind::StopConfirmation, &self.digest(), now, until).await?)
    }
}
