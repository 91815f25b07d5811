//! Levels: what a portal asks, what the session holds, what this person could still reach.

use super::{Outcome, Services};
use crate::base::PersonId;
use crate::db::Tx;
use crate::identity::{self, Achieved, AuthenticationLevel, Demand, IdentityLevel, LevelDecision, Method, assurance};
use crate::protocol::Client;
use crate::protocol::authorize::AuthorizeRequest;
use crate::store;

/// What a request asks of the sign-in, with the client's own minimums (which count as essential).
pub fn demand(services: &Services, request: &AuthorizeRequest, client: &Client) -> Demand {
    // The claims parameter says more than acr_values, which says more than the client's defaults (Core 5.5.1.1).
    let (values, essential) = match &request.claims.acr {
        Some(acr) if !acr.values.is_empty() => (&acr.values, acr.essential),
        _ if !request.acr_values.is_empty() => (&request.acr_values, false),
        _ => (&client.metadata.default_acr_values, false),
    };
    let mut demand = services.acr.demand(&values.iter().map(String::as_str).collect::<Vec<_>>(), essential);
    demand.minimum_authentication_level =
        AuthenticationLevel::try_from(client.metadata.minimum_authentication_level).unwrap_or(AuthenticationLevel::One);
    demand.minimum_identity_level =
        IdentityLevel::try_from(client.metadata.minimum_identity_level).unwrap_or(IdentityLevel::Zero);
    demand
}

/// The highest that anybody could reach here: biometric authorities (levels 3 and 4) are not connected.
pub const REACHABLE_BY_ANYBODY: Achieved = Achieved {
    identity_level: IdentityLevel::Two,
    authentication_level: AuthenticationLevel::Two,
    settled: true,
    synced: false,
};

/// Whether nobody at all could meet the demand, so that no page need be shown.
pub fn is_out_of_reach(demand: &Demand) -> bool {
    assurance::decide(demand, None, REACHABLE_BY_ANYBODY) == LevelDecision::CannotBeMet
}

/// The verdict for a signed-in person. Credentials are read only when the session does not do already.
pub async fn decide(
    services: &Services,
    demand: &Demand,
    person: PersonId,
    achieved: Achieved,
) -> Outcome<LevelDecision> {
    let meets_floor = achieved.authentication_level >= demand.minimum_authentication_level
        && achieved.identity_level >= demand.minimum_identity_level;
    let meets_wish = demand.values.is_empty() || demand.values.iter().any(|acr| acr.satisfied(&achieved));
    if meets_floor && meets_wish {
        return Ok(assurance::decide(demand, Some(achieved), achieved));
    }
    let reachable = reachable(services, person, achieved).await?;
    Ok(assurance::decide(demand, Some(achieved), reachable))
}

/// What this person could reach with the credentials they have, and with a visit to the counter.
async fn reachable(services: &Services, person: PersonId, achieved: Achieved) -> Outcome<Achieved> {
    let now = services.clock.now();
    let ways = ways_of(services, person).await?;
    let mut sets: Vec<Vec<Method>> = Vec::new();
    for passkey in &ways.passkeys {
        sets.push(vec![Method::Passkey {
            user_verified: true,
            synced: passkey.backed_up,
            settled: passkey.settles_at <= now,
        }]);
    }
    let mut codes = Vec::new();
    if ways.phone {
        codes.push(Method::SmsCode);
    }
    if ways.totp {
        codes.push(Method::Totp);
    }
    if ways.recovery_codes > 0 {
        codes.push(Method::RecoveryCode);
    }
    for code in codes {
        sets.push(if ways.password { vec![Method::Password, code] } else { vec![code] });
    }
    let slices: Vec<&[Method]> = sets.iter().map(Vec::as_slice).collect();
    // Proofing at the counter raises an account to level 2: a portal may send people there.
    Ok(Achieved::best_of(identity::IdentityLevel::Two, &slices)
        .unwrap_or(Achieved { identity_level: IdentityLevel::Two, ..achieved }))
}

/// The ways a person has to sign in.
#[derive(Debug, Clone, Default)]
pub struct Ways {
    /// Live passkeys.
    pub passkeys: Vec<store::passkey::Passkey>,
    /// A password is set.
    pub password: bool,
    /// A confirmed authenticator app.
    pub totp: bool,
    /// A phone for codes.
    pub phone: bool,
    /// Unused printed codes.
    pub recovery_codes: u32,
}

macro_rules! read_ways {
    ($source:expr, $person:expr) => {{
        let contacts = store::contact::list_for($source, $person).await?;
        Ok(Ways {
            passkeys: store::passkey::list_for($source, $person).await?,
            password: store::password::find($source, $person).await?.is_some(),
            totp: store::totp::list_active($source, $person).await?.iter().any(|app| app.confirmed_at.is_some()),
            phone: contacts.iter().any(|contact| contact.kind == store::contact::ContactKind::Phone),
            recovery_codes: u32::try_from(store::recovery_code::remaining($source, $person).await?).unwrap_or(0),
        })
    }};
}

/// Reads the ways a person has to sign in.
pub async fn ways_of(services: &Services, person: PersonId) -> Outcome<Ways> {
    read_ways!(&services.db, person)
}

/// The same within a transaction that holds the person: true until commit.
pub async fn ways_in(tx: &mut Tx, person: PersonId) -> Outcome<Ways> {
    read_ways!(&mut *tx, person)
}
