//! The one answer of a flow, and all that is written down with it.

use super::view::View;
use crate::audit::{GrantEvent, OrganizationEvent, Word};
use crate::base::{DisclosureId, GrantId, PersonId, RowId, Secret, dated_token, random_token, sha256};
use crate::db::Tx;
use crate::flow::clients::KnownClient;
use crate::flow::disclosure::{self, Plan};
use crate::flow::interaction::{self, ConsentAnswer, Interaction};
use crate::flow::session::{self, LiveSession};
use crate::flow::{Fault, Outcome, Services, audit, decoupled, representation, subject};
use crate::protocol::authorize::AuthorizeRequest;
use crate::protocol::claims_request::ExactClaims;
use crate::protocol::client::GrantType;
use crate::protocol::grant_terms::AskedDetails;
use crate::protocol::response::AuthorizeResponse;
use crate::protocol::scope::Release;
use crate::protocol::session_state::LoginState;
use crate::protocol::verified_claims::VerifiedClaimsRequest;
use crate::protocol::{ClaimName, Confirmation, GrantTerms, scope};
use crate::store;
use crate::store::spent::SpentKind;
use std::collections::BTreeSet;

pub(super) enum Finished {
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
pub(super) async fn once(services: &Services, tx: &mut Tx, interaction: &Interaction) -> Outcome<bool> {
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
pub(super) async fn finish(
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
    let code_lifetime = services.config.tokens.code_seconds.duration().min(known.client.longest_code_lifetime());
    let code_end = now.plus(code_lifetime);
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

/// What was registered when nothing was named: a resource that is registered later was not granted.
fn granted_resources(request: &AuthorizeRequest, known: &KnownClient) -> Vec<String> {
    if request.resource.is_empty() { known.client.metadata.audience.clone() } else { request.resource.clone() }
}

/// The answer on the consent page, if it is this person's and the page showed all that would leave.
pub(super) fn agreed<'a>(interaction: &'a Interaction, person: PersonId, plan: &Plan) -> Option<&'a ConsentAnswer> {
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

pub(super) fn names(claims: &BTreeSet<ClaimName>) -> Vec<String> {
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
