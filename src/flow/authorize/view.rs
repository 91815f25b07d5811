//! Where a request stands: what is known of the browser's session, the person, the level and what would leave.

use super::finish::agreed;
use crate::base::sha256;
use crate::flow::clients::KnownClient;
use crate::flow::disclosure::{self, Plan};
use crate::flow::interaction::Interaction;
use crate::flow::representation::{self, ForWhom};
use crate::flow::session::{self, LiveSession};
use crate::flow::steps::Situation;
use crate::flow::{Fault, Outcome, Services, level};
use crate::identity::{LevelDecision, credential_policy};
use crate::protocol::authorize::{AuthorizeRequest, Prompt};
use crate::store;
use crate::store::organization::Representation;
use crate::store::session::ClientSession;
use crate::store::spent::SpentKind;
use std::time::Duration;

/// A situation with the disclosure plan it rests on.
pub(super) struct View {
    pub situation: Situation,
    pub plan: Option<Plan>,
    /// For whom, when not for themself.
    pub acting: Option<Box<Representation>>,
}

impl View {
    pub fn acr(&self) -> String {
        match &self.situation.level {
            LevelDecision::Met { acr } => acr.clone(),
            _ => String::new(),
        }
    }
}

/// The session of a request.
#[derive(Clone, Copy)]
pub(super) enum Seen<'a> {
    /// Read just now, together with what concerns the client.
    Now(&'a ClientSession),
    /// Read alone: what concerns the client is read when it is needed.
    Alone(&'a LiveSession),
}

impl<'a> Seen<'a> {
    const fn live(self) -> &'a LiveSession {
        match self {
            Self::Now(found) => &found.live,
            Self::Alone(live) => live,
        }
    }

    async fn plan(self, services: &Services, known: &KnownClient, request: &AuthorizeRequest) -> Outcome<Plan> {
        match self {
            Self::Now(found) => {
                let consent = found.consent(&known.client.client_id);
                Ok(disclosure::plan_with(services, known, request, consent))
            }
            Self::Alone(live) => disclosure::plan(services, known, request, live.session.person_id).await,
        }
    }

    async fn visited(self, services: &Services, client_id: &str) -> Outcome<bool> {
        match self {
            Self::Now(found) => Ok(found.visited),
            Self::Alone(live) => {
                let visits = store::session_client::list(&services.db, live.session.id).await?;
                Ok(visits.iter().any(|visit| visit.client_id == client_id))
            }
        }
    }
}

/// Reads all that the next step depends on.
pub(super) async fn look(
    services: &Services,
    interaction: &Interaction,
    known: &KnownClient,
    seen: Option<Seen<'_>>,
) -> Outcome<View> {
    let Some(request) = interaction.request() else {
        return Err(Fault::Internal("a portal's flow without a request".into()));
    };
    let now = services.clock.now();
    let Some(seen) = seen else {
        return Ok(View { situation: nobody(interaction), plan: None, acting: None });
    };
    let session = seen.live();
    let max_age = request.max_age.or(known.client.metadata.default_max_age);
    let recent = max_age.is_none_or(|seconds| {
        now >= session.session.authenticated_at.minus(Duration::from_secs(60))
            && now.since(session.session.authenticated_at) <= Duration::from_secs(u64::from(seconds))
    });
    let demand = level::demand(services, request, &known.client);
    let verdict = level::decide(services, &demand, session.session.person_id, session::achieved(session)?).await?;
    let plan = seen.plan(services, known, request).await?;
    let known_here = !request.prompts(Prompt::SelectAccount) && seen.visited(services, &known.client.client_id).await?;
    let asked = request.representation.as_ref();
    let for_whom = if asked.is_some() && request.prompts(Prompt::None) {
        // Without a page nobody sees for whom they act, and the portal learns nothing of whom they represent: a portal
        // that renews in silence uses its refresh token.
        ForWhom::Ask
    } else {
        representation::for_whom(services, asked, session.session.person_id, interaction.acting).await?
    };
    let situation = Situation {
        session: true,
        fresh: recent && !request.prompts(Prompt::Login),
        expected_person: interaction.expected.is_none_or(|person| person == session.session.person_id),
        signed_in: interaction.signed_in == Some(session.session.id),
        switched: interaction.switched,
        continued: interaction.continued == Some(session.session.person_id),
        known_here,
        for_whom_open: for_whom == ForWhom::Ask,
        consent_needed: plan.page_needed && agreed(interaction, session.session.person_id, &plan).is_none(),
        // The page that only asks who continues does not say how they were verified.
        notice_suffices: plan.by_law && !plan.verified_unseen && !request.prompts(Prompt::Consent),
        offer_passkey: offer_passkey(services, interaction, session).await?,
        level: verdict,
    };
    let acting = match for_whom {
        ForWhom::Organization(found) => Some(found),
        ForWhom::Myself | ForWhom::Ask => None,
    };
    Ok(View { situation, plan: Some(plan), acting })
}

fn nobody(interaction: &Interaction) -> Situation {
    Situation {
        session: false,
        fresh: false,
        expected_person: true,
        signed_in: false,
        switched: interaction.switched,
        continued: false,
        known_here: false,
        for_whom_open: false,
        consent_needed: false,
        notice_suffices: false,
        offer_passkey: false,
        level: LevelDecision::CannotBeMet,
    }
}

/// Whether this is a moment to offer a passkey: just signed in strongly without one, none on the account, not asked
/// within the last weeks (C10).
async fn offer_passkey(services: &Services, interaction: &Interaction, session: &LiveSession) -> Outcome<bool> {
    let here = interaction.signed_in == Some(session.session.id);
    if !here || interaction.passkey_offered || interaction.creation.is_some() {
        return Ok(false);
    }
    if credential_policy::may_bind_passkey(&session.session.methods, true, false).is_err() {
        return Ok(false);
    }
    if store::passkey::count_active(&services.db, session.session.person_id).await? > 0 {
        return Ok(false);
    }
    let asked = sha256(session.session.person_id.0.as_bytes());
    Ok(!store::spent::is_spent(&services.db, SpentKind::PasskeyOffer, &asked).await?)
}
