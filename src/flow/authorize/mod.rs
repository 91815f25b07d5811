//! The authorization endpoint and the way through its pages: what is next, and the answer at the end.

mod account;
mod finish;
mod sent;
mod view;

pub use account::{SecondProof, second_proof};
pub use sent::delivery;

use super::clients::{self, KnownClient};
use super::decoupled::Decision;
use super::disclosure::{self, Plan};
use super::interaction::{self, AccountNeed, Begun, ConsentAnswer, Interaction, Target};
use super::session::{self, LiveSession};
use super::steps::{self, Step};
use super::{Fault, Outcome, Services, audit, authorization_request, decoupled, level};
use crate::audit::GrantEvent;
use crate::base::{PersonId, sha256};
use crate::crypto::Expect;
use crate::identity::{Method, credential_policy};
use crate::protocol::authorize::{self as rules, AuthorizeRequest, Prompt, Refusal};
use crate::protocol::response::AuthorizeResponse;
use crate::protocol::{Error, ErrorCode, Parameters, ShowReason};
use crate::store;
use crate::store::session::ClientSession;
use crate::store::spent::SpentKind;
use account::{account_step, advance_account};
use finish::{Finished, finish, names, once};
use sent::{envelope, no_recipient};
use std::sync::Arc;
use std::time::Duration;
use view::{Seen, View, look};

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
