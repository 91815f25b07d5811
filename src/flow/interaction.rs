//! What is known of one sign-in while it lasts: short-lived page state, kept sealed in the cache.
//!
//! Losing it makes a person start the page again and breaks nothing else: everything that may count only
//! once (codes, challenges, the answer itself) is consumed in SQL.

use super::{Fault, Outcome, Services};
use crate::base::{Digest, ErrorId, PersonId, SessionId, Timestamp, random_token, sha256};
use crate::cache::Space;
use crate::identity::{BirthDate, Method};
use crate::protocol::authorize::AuthorizeRequest;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a flow may stand still before it starts again.
pub const LIFETIME: Duration = Duration::from_secs(30 * 60);
const SPACE: Space = Space("interaction");
const PURPOSE: &str = "interaction";

/// Where the person wants to get to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Target {
    /// Back to a portal with an answer.
    Portal(Box<AuthorizeRequest>),
    /// To a decision about what was asked for on another device.
    Decoupled(Box<super::decoupled::Decoupled>),
    /// To a page of the account area.
    Account {
        /// A path from a closed list, never from input.
        path: String,
        /// What sign-in it needs.
        needs: AccountNeed,
    },
}

/// What an account page needs of the sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountNeed {
    /// Any live session.
    Session,
    /// A sign-in of now: the session stood idle.
    SignIn,
    /// A sign-in of now, as strong as the person can: ways to sign in are changed.
    Strong,
}

/// One thing the person proved in this flow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proof {
    /// How.
    pub method: Method,
    /// When.
    pub at: Timestamp,
}

/// What the person typed to say who they are. Whether it is registered is not told to the browser.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Identifier {
    /// Keyed index of what was typed: pauses that pages tell are counted here, the same for known and unknown.
    pub subject: Digest,
    /// The account, when there is exactly one.
    pub person: Option<PersonId>,
}

/// What was entered to create an account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Creation {
    /// The personal number.
    pub number: Option<String>,
    /// The name as entered.
    pub full_name: Option<String>,
    /// The birth date as entered.
    pub birth_date: Option<BirthDate>,
    /// The phone in E.164.
    pub phone: Option<String>,
    /// What the register is being asked and has not answered.
    #[serde(default)]
    pub question: Option<Question>,
    /// The register's answer.
    pub matched: Option<Matched>,
    /// The account that was made at the end.
    pub made: Option<PersonId>,
    /// The recovery codes, until the person says they are stored.
    pub recovery_codes: Option<Vec<String>>,
}

/// A question to the register that takes longer than a page may wait.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// Names its answer.
    pub nonce: String,
    /// When it was asked.
    pub asked_at: Timestamp,
}

/// What the register said of the person who creates an account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Matched {
    /// The record, as far as we keep it, and the ids of the exchange.
    Record(Box<crate::identity::PopulationRecord>, Box<crate::identity::ExchangeEvidence>),
    /// The register did not answer: the account waits.
    Waiting,
}

/// What the person decided on the consent page.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConsentAnswer {
    /// Who decided.
    pub person: PersonId,
    /// Claims that the page showed: what came later was not agreed to.
    pub shown: Vec<String>,
    /// Claims refused among the optional ones.
    pub refused: Vec<String>,
}

/// One sign-in (or account creation) under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Interaction {
    /// For whom, as chosen on the page that asks (C7).
    #[serde(default)]
    pub acting: Option<super::representation::Acting>,
    /// The public handle, part of the page address.
    #[serde(skip)]
    pub id: String,
    /// Read back from the cache: pages were shown, so its end must be marked as used.
    #[serde(skip)]
    pub kept: bool,
    /// Digest of the secret in the browser's cookie: the handle alone opens nothing (D3).
    browser: Digest,
    /// Where to.
    pub target: Target,
    /// The pushed request it answers, used up with the answer (RFC 9126).
    #[serde(default)]
    pub pushed: Option<Digest>,
    /// What was typed on that page when the session turned out to be over.
    #[serde(default)]
    pub kept_form: Option<super::account::kept::KeptForm>,
    /// When it began.
    pub started_at: Timestamp,
    /// Who the person says they are.
    pub identifier: Option<Identifier>,
    /// Whom every proof below belongs to.
    pub person: Option<PersonId>,
    /// What was proved in this flow, not yet made a session.
    pub proofs: Vec<Proof>,
    /// The only person who may answer (`id_token_hint`, `claims.sub`); a nil id is nobody.
    pub expected: Option<PersonId>,
    /// The session that was made or raised in this flow: another session of this browser did not sign in here.
    pub signed_in: Option<SessionId>,
    /// The person asked for another account than the one signed in.
    pub switched: bool,
    /// Who said "continue" on the page that shows who is signed in (C6).
    pub continued: Option<PersonId>,
    /// The answer on the consent page.
    pub consent: Option<ConsentAnswer>,
    /// The passkey offer was shown and answered.
    pub passkey_offered: bool,
    /// The person chose to strengthen the sign-in on the step-up page.
    pub stepping_up: bool,
    /// Account creation under way.
    pub creation: Option<Creation>,
    /// Where a code was sent by: shown again after a reload.
    pub channel: Option<String>,
    /// Error id of the last failure, so that help can find it.
    pub last_error: Option<ErrorId>,
}

/// Why a flow's page cannot be shown.
#[derive(Debug)]
pub enum Refused {
    /// The flow stood still too long, or never was.
    Expired,
    /// Another browser than the one that began it.
    OtherBrowser,
    /// Our fault.
    Fault(Fault),
}

impl<E: Into<Fault>> From<E> for Refused {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

/// A flow that has just begun: the handle for the address, the secret for the browser's cookie.
#[derive(Debug)]
pub struct Begun {
    /// The flow.
    pub interaction: Interaction,
    /// Goes into the cookie and nowhere else.
    pub browser_secret: String,
}

/// Begins a flow. Nothing is kept until it is saved.
pub fn begin(services: &Services, target: Target) -> Begun {
    let browser_secret = random_token(&*services.entropy);
    let mut handle = [0u8; 16];
    services.entropy.fill(&mut handle);
    let interaction = Interaction {
        id: handle.iter().map(|byte| format!("{byte:02x}")).collect(),
        kept: false,
        browser: sha256(browser_secret.as_bytes()),
        target,
        pushed: None,
        kept_form: None,
        started_at: services.clock.now(),
        identifier: None,
        person: None,
        proofs: Vec::new(),
        expected: None,
        signed_in: None,
        switched: false,
        continued: None,
        consent: None,
        acting: None,
        passkey_offered: false,
        stepping_up: false,
        creation: None,
        channel: None,
        last_error: None,
    };
    Begun { interaction, browser_secret }
}

/// Loads a flow for the browser that began it.
pub async fn load(services: &Services, id: &str, browser_secret: Option<&str>) -> Result<Interaction, Refused> {
    if id.len() != 32 || !id.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()) {
        return Err(Refused::Expired);
    }
    let Some(sealed) = services.cache.get(SPACE, id).await.map_err(Fault::from)? else {
        return Err(Refused::Expired);
    };
    let bytes = services.sealer.open(PURPOSE, id.as_bytes(), &sealed).map_err(Fault::internal)?;
    let mut interaction: Interaction = serde_json::from_slice(&bytes).map_err(Fault::from)?;
    id.clone_into(&mut interaction.id);
    interaction.kept = true;
    match browser_secret {
        Some(secret) if sha256(secret.as_bytes()) == interaction.browser => Ok(interaction),
        _ => Err(Refused::OtherBrowser),
    }
}

/// Keeps a flow for another [`LIFETIME`].
pub async fn save(services: &Services, interaction: &Interaction) -> Outcome<()> {
    let bytes = serde_json::to_vec(interaction)?;
    let sealed = services.sealer.seal(PURPOSE, interaction.id.as_bytes(), &bytes).map_err(Fault::internal)?;
    services.cache.put(SPACE, &interaction.id, &sealed, LIFETIME).await?;
    Ok(())
}

/// Forgets a flow that reached its end.
pub async fn forget(services: &Services, interaction: &Interaction) -> Outcome<()> {
    Ok(services.cache.remove(SPACE, &interaction.id).await?)
}

impl Interaction {
    /// The handle's digest, under which SQL keeps the codes sent and the end of this flow.
    pub fn digest(&self) -> Digest {
        sha256(self.id.as_bytes())
    }

    /// The portal's request, when a portal began this.
    pub fn request(&self) -> Option<&AuthorizeRequest> {
        match &self.target {
            Target::Portal(request) => Some(request),
            Target::Decoupled(asked) => Some(&asked.request),
            Target::Account { .. } => None,
        }
    }

    /// What was asked for on another device.
    pub const fn decoupled(&self) -> Option<&super::decoupled::Decoupled> {
        match &self.target {
            Target::Decoupled(asked) => Some(asked),
            Target::Portal(_) | Target::Account { .. } => None,
        }
    }

    /// The same, to take down what the person said about it.
    pub const fn decoupled_mut(&mut self) -> Option<&mut super::decoupled::Decoupled> {
        match &mut self.target {
            Target::Decoupled(asked) => Some(asked),
            Target::Portal(_) | Target::Account { .. } => None,
        }
    }

    /// Takes down a proof; proofs of another person are dropped with it (no mixing of two people's factors).
    pub fn prove(&mut self, person: PersonId, method: Method, now: Timestamp) {
        if self.person != Some(person) {
            self.proofs.clear();
        }
        self.person = Some(person);
        self.proofs.push(Proof { method, at: now });
    }

    /// The methods proved within the last half hour.
    pub fn methods(&self, now: Timestamp) -> Vec<Method> {
        self.proofs.iter().filter(|proof| now.since(proof.at) < LIFETIME).map(|proof| proof.method).collect()
    }
}
