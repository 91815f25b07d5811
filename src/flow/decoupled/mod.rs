//! Authorizations that a person gives on another device than the one that asks (RFC 8628, OpenID Connect CIBA).
//!
//! The request is kept sealed in SQL and decided in an ordinary sign-in flow, so that levels, consent, disclosure and
//! representation are judged where they always are. An approval writes a grant whose code digest is that of
//! `device_code` or `auth_req_id`; [`redeem`] consumes it like a code.

pub mod ciba;
pub mod device;
mod redeem;

pub(in crate::flow) use redeem::redeem;

use super::interaction::{Interaction, Target};
use super::outbox::{self, Posting, Way};
use super::session::LiveSession;
use super::steps::Step;
use super::{Fault, Outcome, Services, audit};
use crate::audit::{AccountEvent, GrantEvent, Word};
use crate::base::{DecoupledId, Digest, PersonId, Timestamp};
use crate::db::Tx;
use crate::protocol::authorize::AuthorizeRequest;
use crate::protocol::client::GrantType;
use crate::store;
use crate::store::decoupled::{Decoupled as Row, DecoupledKind};
use crate::store::grant::GrantOrigin;
use serde::{Deserialize, Serialize};

const PURPOSE: &str = "decoupled";

/// By which door a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Door {
    /// RFC 8628.
    Device,
    /// CIBA.
    Ciba,
}

impl Door {
    const fn kind(self) -> DecoupledKind {
        match self {
            Self::Device => DecoupledKind::Device,
            Self::Ciba => DecoupledKind::Ciba,
        }
    }

    /// Where its grants come from.
    pub const fn origin(self) -> GrantOrigin {
        match self {
            Self::Device => GrantOrigin::Device,
            Self::Ciba => GrantOrigin::Ciba,
        }
    }

    /// What its requests are redeemed by.
    pub const fn grant_type(self) -> GrantType {
        match self {
            Self::Device => GrantType::DeviceCode,
            Self::Ciba => GrantType::Ciba,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Ciba => "ciba",
        }
    }
}

/// Where the asking device is, as far as its request told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its network, as the person's own is told.
    pub network: String,
    /// Browser and system, as it names itself.
    pub device: String,
}

/// How the client hears that the person has decided.
#[derive(Clone, Serialize, Deserialize)]
struct Ping {
    auth_req_id: String,
    token: String,
}

/// What is sealed into the row.
#[derive(Clone, Serialize, Deserialize)]
struct Sealed {
    request: AuthorizeRequest,
    place: Option<Place>,
    binding_message: Option<String>,
    ping: Option<Ping>,
}

/// What the flow that decides about a request knows of it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Decoupled {
    /// The row.
    pub id: DecoupledId,
    /// By which door it came.
    pub door: Door,
    /// What is asked for.
    pub request: AuthorizeRequest,
    /// Where the asking device is.
    pub place: Option<Place>,
    /// To be compared with what the other screen shows.
    pub binding_message: Option<String>,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Until when it can be decided.
    pub expires_at: Timestamp,
    /// The person said that nobody tells them what to do.
    pub heeded: bool,
    /// Who pressed "allow", having seen all of it.
    pub allowed_by: Option<PersonId>,
    ping: Option<Ping>,
    digest: Digest,
}

impl std::fmt::Debug for Decoupled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoupled").field("id", &self.id).field("door", &self.door).finish_non_exhaustive()
    }
}

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Given.
    Allowed,
    /// Refused.
    Denied,
    /// Too late, or decided before.
    Over,
}

fn seal(services: &Services, id: DecoupledId, sealed: &Sealed) -> Outcome<Vec<u8>> {
    services.sealer.seal(PURPOSE, id.0.as_bytes(), &serde_json::to_vec(sealed)?).map_err(Fault::internal)
}

/// Opens a row for the flow that decides about it.
fn open(services: &Services, row: &Row) -> Outcome<Decoupled> {
    let plain = services.sealer.open(PURPOSE, row.id.0.as_bytes(), &row.request_sealed).map_err(Fault::internal)?;
    let sealed: Sealed = serde_json::from_slice(&plain)?;
    Ok(Decoupled {
        id: row.id,
        door: match row.kind {
            DecoupledKind::Device => Door::Device,
            DecoupledKind::Ciba => Door::Ciba,
        },
        request: sealed.request,
        place: sealed.place,
        binding_message: sealed.binding_message,
        asked_at: row.created_at,
        expires_at: row.expires_at,
        heeded: false,
        allowed_by: None,
        ping: sealed.ping,
        digest: row.secret_digest,
    })
}

impl Decoupled {
    /// What its grant is redeemed by.
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// The step that such a request puts before or after those of every sign-in: who asks comes first, the decision last.
pub fn step(interaction: &Interaction, step: Step, session: Option<&LiveSession>) -> Step {
    let Some(asked) = interaction.decoupled() else { return step };
    if !asked.heeded {
        return Step::Asked;
    }
    let who = session.map(|live| live.session.person_id);
    match step {
        Step::Finish { .. } if who.is_none() || asked.allowed_by != who => Step::Decide,
        step => step,
    }
}

/// Approves in the transaction that writes the grant: `true` once. The client is told by the same transaction.
pub async fn approve(services: &Services, tx: &mut Tx, asked: &Decoupled, person: PersonId) -> Outcome<bool> {
    if !store::decoupled::approve(tx, asked.id, person, services.clock.now()).await? {
        return Ok(false);
    }
    ping(services, tx, asked).await?;
    Ok(true)
}

/// Refuses for good.
pub async fn deny(services: &Services, asked: &Decoupled, live: Option<&LiveSession>) -> Outcome<Decision> {
    let mut tx = services.db.begin().await?;
    if !store::decoupled::deny(&mut tx, asked.id, services.clock.now()).await? {
        return Ok(Decision::Over);
    }
    ping(services, &mut tx, asked).await?;
    let event = GrantEvent::RequestDenied { door: Word::new(asked.door.word()) };
    let mut entry = audit::entry(services, event).client(&asked.request.client_id);
    if let Some(live) = live {
        entry = entry.person(live.session.person_id).session(live.session.id);
    }
    audit::append(&mut tx, entry).await?;
    tx.commit().await?;
    Ok(Decision::Denied)
}

/// The person says that somebody tells them what to do: refused, and written down as what it is (C11).
pub async fn stopped(services: &Services, asked: &Decoupled, live: Option<&LiveSession>) -> Outcome<()> {
    deny(services, asked, live).await?;
    if let Some(live) = live {
        let event = AccountEvent::ScamStopped { purpose: Word::new(asked.door.word()) };
        let mut tx = services.db.begin().await?;
        let entry = audit::entry(services, event).person(live.session.person_id).session(live.session.id);
        audit::append(&mut tx, entry).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// CIBA 10.2: tells a client that asked to be told. What it is told is only that there is an answer.
async fn ping(services: &Services, tx: &mut Tx, asked: &Decoupled) -> Outcome<()> {
    let Some(ping) = &asked.ping else { return Ok(()) };
    let posting = Posting::Ping {
        client_id: asked.request.client_id.clone(),
        auth_req_id: ping.auth_req_id.clone(),
        token: ping.token.clone(),
    };
    outbox::post(services, tx, Way::Ping, &posting, None).await?;
    Ok(())
}

/// Where a flow that decides about a request leads.
pub fn target(asked: Decoupled) -> Target {
    Target::Decoupled(Box::new(asked))
}
