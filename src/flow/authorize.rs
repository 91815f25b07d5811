//! The authorization endpoint and the way through its pages: what is next, and the answer at the end.

use super::account::kept;
use super::clients::{self, KnownClient};
use super::decoupled::Decision;
use super::disclosure::{self, Plan};
use super::encryption::{self, Envelope};
use super::interaction::{self, AccountNeed, Begun, ConsentAnswer, Interaction, Target};
use super::representation::{self, ForWhom};
use super::session::{self, LiveSession};
use super::steps::{self, Situation, Step};
use super::{Fault, Outcome, Services, audit, authorization_request, decoupled, level, subject};
use crate::audit::{GrantEvent, OrganizationEvent, Word};
use crate::base::{DisclosureId, ErrorId, GrantId, PersonId, RowId, Secret, dated_token, random_token, sha256};
use crate::crypto::Expect;
use crate::db::Tx;
use crate::identity::{
    AuthenticationLevel, BindRefusal, Demand, IdentityLevel, LevelDecision, Method, credential_policy,
};
use crate::protocol::authorize::ResponseMode;
use crate::protocol::authorize::{self as rules, AuthorizeRequest, Prompt, Refusal};
use crate::protocol::claims_request::ExactClaims;
use crate::protocol::client::GrantType;
use crate::protocol::grant_terms::AskedDetails;
use crate::protocol::jwt_claims::TokenKind;
use crate::protocol::response::{AuthorizeResponse, Delivery};
use crate::protocol::scope::Release;
use crate::protocol::session_state::LoginState;
use crate::protocol::verified_claims::VerifiedClaimsRequest;
use crate::protocol::{ClaimName, Confirmation, Error, ErrorCode, GrantTerms, Parameters, ShowReason, scope};
use crate::store;
use crate::store::organization::Representation;
use crate::store::session::ClientSession;
use crate::store::spent::SpentKind;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Stands for a person that no account is: a hint that names nobody here.
const NOBODY: PersonId = PersonId(uuid::Uuid::nil());

/// What an authorization request leads to.
#[derive(Debug)]
pub enum Begin {
    /// A page of ours: nothing proved where to return to.
    Show(ShowReason),
    /// An answer at the portal.
    Answer(Box<AuthorizeResponse>),
    /// Pages of ours first.
    Interact(Box<Begun>),
}

/// What comes next in a flow.
#[derive(Debug)]
pub enum Advance {
    /// This page.
    Page(Step),
    /// The answer at the portal; the flow is over.
    Answer(Box<AuthorizeResponse>),
    /// The account page that was wanted; the flow is over.
    Account(String),
    /// What was asked for on another device is decided; the flow is over.
    Decided(decoupled::Door, Decision),
    /// The flow's answer was given before.
    AlreadyDone,
}

/// The sign-in session as the request found it.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The session cookie's value.
    pub session: Option<&'a str>,
    /// Posted from the portal's page: browsers then leave our cookies out, so pages must look again.
    pub posted: bool,
}

/// Judges an authorization request and answers it at once where no page is needed.
pub async fn begin(services: &Arc<Services>, input: &[u8], arrival: Arrival<'_>) -> Outcome<Begin> {
    let Ok(parameters) = Parameters::parse(input) else {
        return Ok(Begin::Show(ShowReason::MalformedRequest));
    };
    let known = match parameters.get("client_id") {
        Some(client_id) => clients::find_at_door(services, client_id).await?,
        None => None,
    };
    let Some(known) = known else {
        let missing = !parameters.is_present("client_id");
        return Ok(Begin::Show(if missing { ShowReason::MissingClientId } else { ShowReason::UnknownClient }));
    };
    let capabilities = super::metadata::capabilities(services);
    let found = authorization_request::find(services, &known, parameters).await?;
    let judged =
        found.and_then(|found| Ok((rules::check(found.asked(), Some(&known.client), &capabilities)?, found.pushed)));
    let (request, pushed) = match judged {
        Ok(judged) => judged,
        Err(Refusal::Show(reason)) => return Ok(Begin::Show(reason)),
        Err(Refusal::Redirect(answer)) => return Ok(Begin::Answer(answer)),
    };
    if level::is_out_of_reach(&level::demand(services, &request, &known.client)) {
        return Ok(Begin::Answer(Box::new(request.refuse(Error::UNMET_AUTHENTICATION_REQUIREMENTS))));
    }
    let expected = match expected_person(services, &request, &known).await? {
        Ok(expected) => expected,
        Err(error) => return Ok(Begin::Answer(Box::new(request.refuse(error)))),
    };
    if let Err(fault @ Fault::NoRecipient { .. }) = envelope(services, &known, request.response_mode).await {
        // Told now, before somebody signs in for an answer that could not be given.
        return Ok(Begin::Answer(Box::new(request.refuse(no_recipient(&fault)))));
    }
    let silent = request.prompts(Prompt::None);
    let mut begun = interaction::begin(services, Target::Portal(Box::new(request.clone())));
    begun.interaction.expected = expected;
    begun.interaction.pushed = pushed;
    if arrival.posted && !silent {
        interaction::save(services, &begun.interaction).await?;
        return Ok(Begin::Interact(Box::new(begun)));
    }
    let found = session::find_for_client(services, arrival.session, &known.client).await?;
    let view = look(services, &begun.interaction, &known, found.as_ref().map(Seen::Now)).await?;
    match steps::next(&view.situation) {
        Step::Finish { .. } => answer(services, &begun.interaction, &known, found, view).await,
        step if silent => match steps::without_pages(&step, view.plan.as_ref().is_some_and(Plan::releases)) {
            Some(code) => Ok(Begin::Answer(Box::new(request.refuse(silent_error(code))))),
            None if view.situation.for_whom_open => {
                Ok(Begin::Answer(Box::new(request.refuse(Error::INTERACTION_REQUIRED))))
            }
            None => answer(services, &begun.interaction, &known, found, view).await,
        },
        _ => {
            interaction::save(services, &begun.interaction).await?;
            Ok(Begin::Interact(Box::new(begun)))
        }
    }
}

const fn silent_error(code: ErrorCode) -> Error {
    match code {
        ErrorCode::ConsentRequired => Error::CONSENT_REQUIRED,
        ErrorCode::InteractionRequired => Error::INTERACTION_REQUIRED,
        ErrorCode::UnmetAuthenticationRequirements => Error::UNMET_AUTHENTICATION_REQUIREMENTS,
        _ => Error::LOGIN_REQUIRED,
    }
}

async fn answer(
    services: &Services,
    interaction: &Interaction,
    known: &KnownClient,
    found: Option<ClientSession>,
    view: View,
) -> Outcome<Begin> {
    let Some(ClientSession { live: session, subject, .. }) = found else {
        return Err(Fault::Internal("an answer without a session".into()));
    };
    let request = interaction.request().ok_or_else(|| Fault::Internal("an answer without a request".into()))?;
    Ok(Begin::Answer(Box::new(match finish(services, interaction, known, &session, (&view, subject)).await? {
        Finished::Answer(response) => *response,
        Finished::SessionGone | Finished::AlreadyDone | Finished::Decided => request.refuse(Error::LOGIN_REQUIRED),
        Finished::RepresentationOver => request.refuse(Error::INTERACTION_REQUIRED),
        Finished::ConsentGone => request.refuse(Error::CONSENT_REQUIRED),
    })))
}

/// The person a hint names: `Some(nil)` when it names nobody we know, an error when the hint is no ID token of ours.
async fn expected_person(
    services: &Services,
    request: &AuthorizeRequest,
    known: &KnownClient,
) -> Outcome<Result<Option<PersonId>, Error>> {
    let mut subject = request.claims.subject.clone();
    if let Some(hint) = &request.id_token_hint {
        let Some(hinted) = hinted_subject(services, hint, &known.client.client_id) else {
            return Ok(Err(Error::new(
                ErrorCode::InvalidRequest,
                "id_token_hint_invalid",
                "id_token_hint is not an ID token issued here to this client.",
            )));
        };
        if subject.as_ref().is_some_and(|subject| *subject != hinted) {
            return Ok(Ok(Some(NOBODY)));
        }
        subject = Some(hinted);
    }
    let Some(subject) = subject else {
        return Ok(Ok(None));
    };
    let found = store::subject::find_person(&services.db, &known.client.sector, &subject).await?;
    Ok(Ok(Some(found.unwrap_or(NOBODY))))
}

/// The subject of an ID token that we issued to this client, expired or not; `None` for anything else.
pub(super) fn hinted_subject(services: &Services, hint: &str, client_id: &str) -> Option<String> {
    let expect = Expect {
        typ: "JWT",
        issuer: services.issuer(),
        audience: Some(client_id),
        now: services.clock.now(),
        leeway: Duration::from_secs(60),
        allow_expired: true,
    };
    let claims = services.keys.current().keys.verify(hint, &expect).ok()?;
    claims.get("sub").and_then(|sub| sub.as_str()).map(str::to_owned)
}

/// A situation with the disclosure plan it rests on.
struct View {
    situation: Situation,
    plan: Option<Plan>,
    /// For whom, when not for themself.
    acting: Option<Box<Representation>>,
}

impl View {
    fn acr(&self) -> String {
        match &self.situation.level {
            LevelDecision::Met { acr } => acr.clone(),
            _ => String::new(),
        }
    }
}

/// The session of a request.
#[derive(Clone, Copy)]
enum Seen<'a> {
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
async fn look(
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

/// Says what comes next in a flow and, at its end, gives the answer.
pub async fn advance(services: &Services, interaction: &Interaction, session: Option<LiveSession>) -> Outcome<Advance> {
    let known = match &interaction.target {
        Target::Account { path, needs } => {
            return advance_account(services, interaction, session, path, *needs).await;
        }
        Target::Portal(request) => clients::find(services, &request.client_id).await?,
        Target::Decoupled(asked) => clients::find(services, &asked.request.client_id).await?,
    };
    let Some(known) = known.filter(|known| !known.client.disabled) else {
        return Ok(Advance::AlreadyDone);
    };
    let view = look(services, interaction, &known, session.as_ref().map(Seen::Alone)).await?;
    match (decoupled::step(interaction, steps::next(&view.situation), session.as_ref()), session) {
        (Step::Finish { .. }, Some(session)) => {
            match finish(services, interaction, &known, &session, (&view, None)).await? {
                Finished::Answer(response) => {
                    interaction::forget(services, interaction).await?;
                    Ok(Advance::Answer(response))
                }
                Finished::SessionGone => Ok(Advance::Page(Step::SignIn)),
                Finished::RepresentationOver => Ok(Advance::Page(Step::ForWhom)),
                Finished::ConsentGone => Ok(Advance::Page(Step::Consent)),
                Finished::Decided => decided(services, interaction, Decision::Allowed).await,
                Finished::AlreadyDone => decided(services, interaction, Decision::Over).await,
            }
        }
        (step, ..) => Ok(Advance::Page(step)),
    }
}

/// The end of a flow that decides about what was asked for on another device; of any other, that it ended before.
async fn decided(services: &Services, interaction: &Interaction, decision: Decision) -> Outcome<Advance> {
    let Some(asked) = interaction.decoupled() else { return Ok(Advance::AlreadyDone) };
    interaction::forget(services, interaction).await?;
    Ok(Advance::Decided(asked.door, decision))
}

/// Refuses what was asked for on another device.
pub async fn deny(services: &Services, interaction: &Interaction, live: Option<&LiveSession>) -> Outcome<Advance> {
    let Some(asked) = interaction.decoupled() else { return Ok(Advance::AlreadyDone) };
    let decision = decoupled::deny(services, asked, live).await?;
    decided(services, interaction, decision).await
}

/// Decides for a person without their pages: conformance runs only (see [`decoupled::ciba::answer_for`]).
pub(super) async fn decide_for(
    services: &Services,
    known: &KnownClient,
    asked: decoupled::Decoupled,
    person: PersonId,
) -> Outcome<Decision> {
    let now = services.clock.now();
    let mut interaction = interaction::begin(services, decoupled::target(asked)).interaction;
    for method in [Method::Password, Method::SmsCode] {
        interaction.prove(person, method, now);
    }
    let browser = super::session::InBrowser { device: "conformance", network: "", known: true };
    let made = super::session::establish(services, &mut interaction, None, browser).await?;
    let live = super::session::find(services, Some(&made.cookie)).await?;
    let live = live.ok_or_else(|| Fault::Internal("a session that was just made is gone".into()))?;
    interaction.passkey_offered = true;
    if let Some(request) = interaction.request() {
        let plan = disclosure::plan(services, known, request, person).await?;
        let shown = disclosure::told(&plan.release);
        interaction.consent = Some(ConsentAnswer { person, shown, refused: Vec::new() });
    }
    match advance(services, &interaction, Some(live)).await? {
        Advance::Decided(_, decision) => Ok(decision),
        other => Err(Fault::Internal(format!("a page would be needed: {other:?}"))),
    }
}

async fn advance_account(
    services: &Services,
    interaction: &Interaction,
    session: Option<LiveSession>,
    path: &str,
    needs: AccountNeed,
) -> Outcome<Advance> {
    let Some(session) = session.filter(|live| !interaction.switched || interaction.signed_in == Some(live.session.id))
    else {
        return Ok(Advance::Page(Step::SignIn));
    };
    match needs {
        AccountNeed::Session => return done_account(services, interaction, (&session, path)).await,
        AccountNeed::SignIn | AccountNeed::Strong if interaction.signed_in != Some(session.session.id) => {
            return Ok(Advance::Page(Step::SignIn));
        }
        AccountNeed::SignIn => return done_account(services, interaction, (&session, path)).await,
        AccountNeed::Strong => {}
    }
    match account_step(services, &session).await? {
        None => done_account(services, interaction, (&session, path)).await,
        Some(step) => Ok(Advance::Page(step)),
    }
}

/// What stands before a change of ways to sign in; `None`: nothing.
async fn account_step(services: &Services, session: &LiveSession) -> Outcome<Option<Step>> {
    let (who, achieved) = (session.session.person_id, session::achieved(session)?);
    let verdict = level::decide(services, &account_demand(services), who, achieved).await?;
    if let LevelDecision::StepUp { authentication_level } = verdict {
        return Ok(Some(Step::StepUp(authentication_level)));
    }
    Ok(match second_proof(services, session).await? {
        SecondProof::NotNeeded => None,
        SecondProof::PrintedCode | SecondProof::SentCode => Some(Step::StepUp(AuthenticationLevel::One)),
        SecondProof::Missing => Some(Step::CannotBeMet),
    })
}

/// As strong as this person can: a weak sign-in must not change the ways of an account that has strong ones (P5).
fn account_demand(services: &Services) -> Demand {
    Demand {
        values: services
            .acr
            .lookup(&crate::identity::assurance::level_acr(AuthenticationLevel::Two))
            .into_iter()
            .collect(),
        essential: false,
        minimum_authentication_level: AuthenticationLevel::One,
        minimum_identity_level: IdentityLevel::Zero,
    }
}

/// What a sign-in below authentication level 2 lacks before it may change ways to sign in (C10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondProof {
    /// Nothing, or nothing that another sign-in could bring today.
    NotNeeded,
    /// A printed code beside the code that was sent or shown by an app.
    PrintedCode,
    /// A code that is sent or shown by an app, beside the printed one.
    SentCode,
    /// The person has no other proof: a phone alone changes nothing.
    Missing,
}

/// The second proof that this session needs, and that its person has.
pub async fn second_proof(services: &Services, session: &LiveSession) -> Outcome<SecondProof> {
    let methods = &session.session.methods;
    if credential_policy::may_bind_passkey(methods, true, false) != Err(BindRefusal::TooWeak) {
        return Ok(SecondProof::NotNeeded);
    }
    let ways = level::ways_of(services, session.session.person_id).await?;
    Ok(if methods.contains(&Method::RecoveryCode) && (ways.phone || ways.totp) {
        SecondProof::SentCode
    } else if !methods.contains(&Method::RecoveryCode) && ways.recovery_codes > 0 {
        SecondProof::PrintedCode
    } else {
        SecondProof::Missing
    })
}

async fn done_account(
    services: &Services,
    interaction: &Interaction,
    (session, path): (&LiveSession, &str),
) -> Outcome<Advance> {
    if let Some(kept) = &interaction.kept_form {
        kept::hand_over(services, session, kept).await?;
    }
    interaction::forget(services, interaction).await?;
    Ok(Advance::Account(path.to_owned()))
}

/// Ends a portal's flow with an error at the portal: the person went back, refused, or cannot meet what is asked.
pub async fn refuse(services: &Services, interaction: &Interaction, error: Error) -> Outcome<Advance> {
    let Some(request) = interaction.request() else {
        interaction::forget(services, interaction).await?;
        return Ok(Advance::Account("/".to_owned()));
    };
    if interaction.decoupled().is_some() {
        return deny(services, interaction, None).await;
    }
    let mut tx = services.db.begin().await?;
    if !once(services, &mut tx, interaction).await? {
        return Ok(Advance::AlreadyDone);
    }
    tx.commit().await?;
    interaction::forget(services, interaction).await?;
    Ok(Advance::Answer(Box::new(request.refuse(error))))
}

/// The person goes back to the portal. What it insists on and this person cannot reach is told as such; whoever could
/// have gone on said no (OpenID Connect Core 5.5.1.1, 3.1.2.6; unmet_authentication_requirements 1.0).
pub async fn cancel(services: &Services, interaction: &Interaction, session: Option<&LiveSession>) -> Outcome<Advance> {
    let stands_at = match session.filter(|_| interaction.request().is_some()) {
        Some(live) => Some(step(services, interaction, live).await?),
        None => None,
    };
    let error = match stands_at {
        Some(Step::ProveIdentity(_) | Step::CannotBeMet) => Error::UNMET_AUTHENTICATION_REQUIREMENTS,
        _ => Error::ACCESS_DENIED,
    };
    refuse(services, interaction, error).await
}

/// The step a signed-in person stands at, for the pages that explain it (C9).
pub async fn step(services: &Services, interaction: &Interaction, session: &LiveSession) -> Outcome<Step> {
    let Some(request) = interaction.request() else {
        // Nothing in the way: on to what was wanted, which the page leads to.
        return Ok(account_step(services, session).await?.unwrap_or(Step::Finish { acr: String::new() }));
    };
    let Some(known) = clients::find(services, &request.client_id).await? else {
        return Ok(Step::CannotBeMet);
    };
    let view = look(services, interaction, &known, Some(Seen::Alone(session))).await?;
    Ok(decoupled::step(interaction, steps::next(&view.situation), Some(session)))
}

/// Whether a signed-in person stands before a stronger sign-in.
pub async fn steps_up(services: &Services, interaction: &Interaction, session: &LiveSession) -> Outcome<bool> {
    if let Target::Account { needs, .. } = &interaction.target {
        return Ok(*needs == AccountNeed::Strong && interaction.signed_in == Some(session.session.id));
    }
    Ok(matches!(step(services, interaction, session).await?, Step::StepUp(_)))
}

/// The plan for the pages that show what leaves (C6, C8).
pub async fn plan_for(
    services: &Services,
    interaction: &Interaction,
    session: &LiveSession,
) -> Outcome<Option<(Arc<KnownClient>, Plan)>> {
    let Some(request) = interaction.request() else {
        return Ok(None);
    };
    let Some(known) = clients::find(services, &request.client_id).await? else {
        return Ok(None);
    };
    let plan = disclosure::plan(services, &known, request, session.session.person_id).await?;
    Ok(Some((known, plan)))
}

enum Finished {
    Answer(Box<AuthorizeResponse>),
    /// The session ended while the pages were shown.
    SessionGone,
    /// The person may not act for the organization any more.
    RepresentationOver,
    /// The person stopped sharing meanwhile.
    ConsentGone,
    /// What was asked for on another device lies ready there.
    Decided,
    AlreadyDone,
}

/// A flow answers once, whatever happens in the browser.
async fn once(services: &Services, tx: &mut Tx, interaction: &Interaction) -> Outcome<bool> {
    let now = services.clock.now();
    let until = now.plus(interaction::LIFETIME * 2);
    // RFC 9126 2.2: with the answer the pushed request is used up, in whichever tab it was opened.
    if let Some(pushed) = &interaction.pushed
        && !store::spent::consume(&mut *tx, SpentKind::PushedRequest, pushed, now, until).await?
    {
        return Ok(false);
    }
    if !interaction.kept {
        return Ok(true);
    }
    Ok(store::spent::consume(tx, SpentKind::InteractionStep, &interaction.digest(), now, until).await?)
}

/// Issues the code: session held, visit noted, consent and disclosure recorded, grant written, all in one transaction.
async fn finish(
    services: &Services,
    interaction: &Interaction,
    known: &KnownClient,
    session: &LiveSession,
    (view, subject): (&View, Option<String>),
) -> Outcome<Finished> {
    let (acr, Some(plan)) = (view.acr(), &view.plan) else {
        return Err(Fault::Internal("an answer without a plan".into()));
    };
    let Some(request) = interaction.request() else {
        return Err(Fault::Internal("a portal's flow without a request".into()));
    };
    let now = services.clock.now();
    let client_id = &known.client.client_id;
    let person = session.session.person_id;
    let mut tx = services.db.begin().await?;
    let idle = now.plus(services.config.session.idle(session.session.authentication_level.as_u8()));
    if !store::session::hold(&mut tx, session.session.id, now, idle).await? {
        return Ok(Finished::SessionGone);
    }
    let acting = match &view.acting {
        None => None,
        Some(chosen) => match representation::hold(services, &mut tx, chosen).await? {
            Some(held) => Some(held),
            None => return Ok(Finished::RepresentationOver),
        },
    };
    if acting.is_none() && request.representation.as_ref().is_some_and(|asked| asked.required) {
        return Ok(Finished::RepresentationOver);
    }
    // What leaves without a page rests on a consent: held, so that taking it back ends this grant too (I2).
    if plan.releases() && !plan.page_needed && !store::consent::hold(&mut tx, person, client_id, now).await? {
        return Ok(Finished::ConsentGone);
    }
    if !once(services, &mut tx, interaction).await? {
        return Ok(Finished::AlreadyDone);
    }
    if let Some(asked) = interaction.decoupled()
        && !decoupled::approve(services, &mut tx, asked, person).await?
    {
        return Ok(Finished::AlreadyDone);
    }
    let sid = RowId::new(now, &*services.entropy);
    let sid = store::session_client::upsert(&mut tx, session.session.id, client_id, sid.0, now).await?;
    let subject = match subject {
        // It never changes once it is made (I6).
        Some(made) => made,
        None => subject::of_in(services, &mut tx, &known.client.sector, person, now).await?,
    };
    let refused = note_consent(services, &mut tx, (interaction, known, person), plan).await?;
    let release = plan.release.clone().without(&refused);
    let id = GrantId::new(now, &*services.entropy);
    let code = dated_token(id.made_at(), &*services.entropy);
    let code_end = now.plus(services.config.tokens.code_seconds.duration());
    let (code_digest, code_expires_at, origin) = match interaction.decoupled() {
        None => (sha256(code.as_bytes()), code_end, store::grant::GrantOrigin::Code),
        Some(asked) => (asked.digest(), asked.expires_at, asked.door.origin()),
    };
    // Core 11: what outlives the sign-out needs a page that the person saw, now or when the data was agreed to.
    let seen = interaction.kept || (plan.releases() && !plan.page_needed);
    let offline =
        seen && request.scope.contains(scope::OFFLINE_ACCESS) && known.client.allows_grant(GrantType::RefreshToken);
    let family_end = now.plus(services.config.tokens.refresh_family_days.duration());
    let grant = store::grant::Grant {
        id,
        client_id: client_id.clone(),
        person_id: person,
        session_id: session.session.id,
        sid,
        subject,
        scope: request.scope.to_string(),
        resource: granted_resources(request, known),
        claims_id_token: names(&release.id_token),
        claims_userinfo: names(&release.userinfo),
        agreement_id: known.agreement.as_ref().map(|agreement| agreement.id),
        nonce: request.nonce.clone(),
        redirect_uri: request.redirect.as_str().to_owned(),
        redirect_uri_sent: request.redirect_uri_sent,
        code_digest,
        code_challenge: request.code_challenge.clone(),
        code_expires_at,
        code_used_at: None,
        acr: acr.clone(),
        methods: session.session.methods.clone(),
        authentication_level: session.session.authentication_level,
        identity_level: session.identity_level,
        authenticated_at: session.session.authenticated_at,
        offline,
        created_at: now,
        expires_at: if offline { family_end } else { family_end.min(session.session.expires_at) },
        ended_at: None,
        ended_reason: None,
        organization_id: acting.as_ref().map(|held| held.organization_id),
        origin,
        terms: terms(services, id, request, &release)?,
    };
    store::grant::insert(&mut tx, &grant).await?;
    let event = GrantEvent::Issued { acr, scope: grant.scope.clone() };
    audit::append(
        &mut tx,
        audit::entry(services, event).person(person).client(client_id).session(session.session.id).grant(id),
    )
    .await?;
    if let Some(held) = &acting {
        let role = Word::new(held.role.as_str());
        let event = OrganizationEvent::RepresentationUsed { organization: held.organization_id, role };
        let entry = audit::entry(services, event).person(person).client(client_id);
        audit::append(&mut tx, entry.session(session.session.id).grant(id)).await?;
    }
    disclose(services, &mut tx, &grant, disclosure::told(&release)).await?;
    tx.commit().await?;
    metrics::counter!("grants_issued_total").increment(1);
    if interaction.decoupled().is_some() {
        return Ok(Finished::Decided);
    }
    let mut response = request.grant(Secret::new(code));
    // FAPI 2.0: an answer of a profile holds nothing beside what the profile names.
    if known.client.metadata.doors.profile.is_none() {
        let salt: String = random_token(&*services.entropy).chars().take(22).collect();
        let browser_state = session::browser_state(services, session.session.id)?;
        response.login = LoginState::new(client_id, &response.to, browser_state, &salt);
    }
    Ok(Finished::Answer(Box::new(response)))
}

/// What the grant carries beyond its scope: of what was asked for no more than leaves, since a value that is asked for
/// says something about a person, too (K5).
fn terms(services: &Services, id: GrantId, request: &AuthorizeRequest, release: &Release) -> Outcome<GrantTerms> {
    let verified =
        |asked: &[VerifiedClaimsRequest]| asked.iter().filter_map(|one| one.only(&release.verified)).collect();
    let exact = |asked: &ExactClaims, released: &BTreeSet<ClaimName>| {
        let kept = asked.iter().filter(|(member, _)| released.contains(&member.claim()));
        kept.map(|(member, values)| (member.clone(), values.clone())).collect()
    };
    let details = AskedDetails {
        id_token_exact: exact(&request.claims.id_token_exact, &release.id_token),
        userinfo_exact: exact(&request.claims.userinfo_exact, &release.userinfo),
        id_token_verified: verified(&request.claims.id_token_verified),
        userinfo_verified: verified(&request.claims.userinfo_verified),
    };
    Ok(GrantTerms {
        code_bound_to: request.dpop_jkt.clone().map(Confirmation::Key),
        asked_details: disclosure::seal_details(services, id, &details)?,
        ..GrantTerms::default()
    })
}

/// What answers in a signed mode are encrypted with; `None` in others (JARM 2.2).
async fn envelope(services: &Services, known: &KnownClient, mode: ResponseMode) -> Outcome<Option<Envelope>> {
    let wanted = known.client.metadata.doors.authorization_encryption().filter(|_| mode.is_signed());
    encryption::envelope(services, &known.client, wanted).await
}

/// Logs that an answer cannot be encrypted; what the portal is told of it.
fn no_recipient(fault: &Fault) -> Error {
    let id = ErrorId::new(&crate::base::SystemEntropy);
    tracing::error!(error_id = %id, reason = fault.reason(), fault = %fault, "an answer cannot be encrypted");
    let description = format!("{} Error id: {id}.", Error::NO_RECIPIENT.description);
    Error { description: description.into(), ..Error::NO_RECIPIENT }
}

/// An answer as it travels: signed where the mode says so, then encrypted where the client registered it (JARM 2).
pub async fn delivery(services: &Services, answer: &AuthorizeResponse) -> Outcome<Delivery> {
    let endpoints = super::metadata::endpoints(services);
    if !answer.response_mode.is_signed() {
        return Ok(answer.deliver(&endpoints));
    }
    let known = clients::find(services, &answer.client_id).await?;
    let known = known.ok_or_else(|| Fault::Internal("an answer without a client".into()))?;
    let client = &known.client;
    let envelope = match envelope(services, &known, answer.response_mode).await {
        Err(fault @ Fault::NoRecipient { .. }) => return Ok(answer.deliver_failure(no_recipient(&fault), &endpoints)),
        found => found?,
    };
    let algorithm = client.metadata.doors.authorization_signed_response_alg.unwrap_or(client.id_token_algorithm());
    let claims = answer.signed_claims(&endpoints, services.clock.now());
    let jwt = super::token::sign(services, algorithm.as_str(), TokenKind::AuthorizationResponse, claims)?;
    Ok(answer.deliver_signed(encryption::nested(envelope.as_ref(), jwt)?))
}

/// What was registered when nothing was named: a resource that is registered later was not granted.
fn granted_resources(request: &AuthorizeRequest, known: &KnownClient) -> Vec<String> {
    if request.resource.is_empty() { known.client.metadata.audience.clone() } else { request.resource.clone() }
}

/// The answer on the consent page, if it is this person's and the page showed all that would leave.
fn agreed<'a>(interaction: &'a Interaction, person: PersonId, plan: &Plan) -> Option<&'a ConsentAnswer> {
    let all = disclosure::told(&plan.release);
    interaction
        .consent
        .as_ref()
        .filter(|answer| answer.person == person && all.iter().all(|told| answer.shown.contains(told)))
}

/// Records what the person agreed to, or was told of. Gives the claims that stay back.
async fn note_consent(
    services: &Services,
    tx: &mut Tx,
    (interaction, known, person): (&Interaction, &KnownClient, PersonId),
    plan: &Plan,
) -> Outcome<BTreeSet<ClaimName>> {
    let now = services.clock.now();
    let answer = agreed(interaction, person, plan);
    let refused: BTreeSet<_> = match answer {
        Some(answer) => {
            plan.optional.iter().filter(|c| answer.refused.iter().any(|r| r == c.as_str())).copied().collect()
        }
        None => plan.refused.clone(),
    };
    let told = answer.is_some() || (plan.page_needed && plan.by_law && interaction.continued == Some(person));
    if told {
        let claims = disclosure::told(&plan.release.clone().without(&refused));
        let consent = store::consent::Consent {
            person_id: person,
            client_id: known.client.client_id.clone(),
            claims: claims.clone(),
            refused: names(&refused),
            given_at: now,
            expires_at: now.plus(services.config.tokens.consent_days.duration()),
            ended_at: None,
        };
        store::consent::upsert(tx, &consent).await?;
        let event = GrantEvent::ConsentGiven { claims, refused: names(&refused) };
        audit::append(tx, audit::entry(services, event).person(person).client(&known.client.client_id)).await?;
    }
    Ok(refused)
}

fn names(claims: &BTreeSet<ClaimName>) -> Vec<String> {
    claims.iter().map(|claim| claim.as_str().to_owned()).collect()
}

/// Records the release of data, in the person's sight (architecture 5.7). Written when the release is decided.
async fn disclose(services: &Services, tx: &mut Tx, grant: &store::grant::Grant, mut told: Vec<String>) -> Outcome<()> {
    // For whom they act says something about them, too.
    told.extend(grant.organization_id.map(|_| "authorization_details".to_owned()));
    if told.is_empty() {
        return Ok(());
    }
    let now = services.clock.now();
    let id = DisclosureId::new(now, &*services.entropy);
    let disclosure = store::disclosure::Disclosure {
        id,
        person_id: grant.person_id,
        client_id: grant.client_id.clone(),
        agreement_id: grant.agreement_id,
        grant_id: grant.id,
        claims: told.clone(),
        at: now,
    };
    store::disclosure::insert(tx, &disclosure).await?;
    let event = GrantEvent::DisclosureMade { disclosure: id, agreement: grant.agreement_id, claims: told };
    let entry = audit::entry(services, event).person(grant.person_id).client(&grant.client_id).grant(grant.id);
    audit::append(tx, entry).await
}

/// Notes that the person was asked about a passkey and said "later": not asked again for some weeks.
pub async fn passkey_offer_declined(services: &Services, person: PersonId) -> Outcome<()> {
    let now = services.clock.now();
    let until = now.plus(credential_policy::OFFER_AGAIN_AFTER);
    let person = sha256(person.0.as_bytes());
    store::spent::consume(services.db.alone(), SpentKind::PasskeyOffer, &person, now, until).await?;
    Ok(())
}

/// The person refused to send data: recorded, then `access_denied` at the portal.
pub async fn consent_refused(
    services: &Services,
    interaction: &Interaction,
    session: &LiveSession,
) -> Outcome<Advance> {
    if let Some((known, plan)) = plan_for(services, interaction, session).await? {
        let claims = names(&plan.release.all());
        let entry = audit::entry(services, GrantEvent::ConsentRefused { claims });
        let mut tx = services.db.begin().await?;
        audit::append(&mut tx, entry.person(session.session.person_id).client(&known.client.client_id)).await?;
        tx.commit().await?;
    }
    refuse(services, interaction, Error::ACCESS_DENIED).await
}
