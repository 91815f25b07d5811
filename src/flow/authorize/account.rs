//! Sign-ins that lead to the account pages: no portal waits, and some pages ask for strong proof.

use super::Advance;
use crate::flow::account::kept;
use crate::flow::interaction::{self, AccountNeed, Interaction};
use crate::flow::session::{self, LiveSession};
use crate::flow::steps::Step;
use crate::flow::{Outcome, Services, level};
use crate::identity::{
    AuthenticationLevel, BindRefusal, Demand, IdentityLevel, LevelDecision, Method, credential_policy,
};

pub(super) async fn advance_account(
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
pub(super) async fn account_step(services: &Services, session: &LiveSession) -> Outcome<Option<Step>> {
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
