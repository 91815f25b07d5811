//! Client authentication at the token, introspection and revocation endpoints: one door, one check.

use super::caller::Caller;
use super::clients::{self, KnownClient};
use super::{Fault, Outcome, Services, client_keys};
use crate::base::{Secret, sha256};
use crate::crypto::{SealError, Sealer, SigningAlgorithm};
use crate::protocol::client_authentication::{Presented, Proof, failed};
use crate::protocol::{Error, Parameters};
use crate::store;
use crate::store::spent::SpentKind;
use std::sync::Arc;
use std::time::Duration;

/// A secret as it is kept where a MAC is keyed with it: a digest would not do.
pub fn seal_secret(sealer: &Sealer, client_id: &str, secret: &Secret) -> Outcome<Vec<u8>> {
    let sealed: Result<_, SealError> = sealer.seal("client.secret", client_id.as_bytes(), secret.expose().as_bytes());
    sealed.map_err(Fault::internal)
}

/// The authenticated client, or the one error that every failure gives.
pub async fn authenticate(
    services: &Services,
    caller: &Caller,
    parameters: &Parameters,
) -> Outcome<Result<Arc<KnownClient>, Error>> {
    let presented = match Presented::parse(caller.authorization.as_deref(), parameters) {
        Ok(presented) => presented,
        Err(error) => return Ok(Err(error)),
    };
    let known = clients::find(services, presented.client_id()).await?;
    let now = services.clock.now();
    let proof = match presented.prove(known.as_deref().map(|known| &known.client), services.issuer(), now) {
        Ok(proof) => proof,
        Err(error) => return Ok(Err(error)),
    };
    let Some(known) = known else {
        return Ok(Err(failed("unknown_client")));
    };
    let (compact, header, claims) = match proof {
        Proof::Complete => return Ok(Ok(known)),
        Proof::Signature { compact, header, claims } => (compact, header, claims),
        // No client can register it yet: its secret is not kept in a form that could verify this.
        Proof::Mac { .. } => return Ok(Err(failed("assertion_mac"))),
    };
    let allowed: Vec<SigningAlgorithm> = header.algorithm.as_str().parse().into_iter().collect();
    if client_keys::verify(services, &known.client, compact, &allowed).await?.is_err() {
        return Ok(Err(failed("assertion_signature")));
    }
    // Remembered for as long as the assertion could pass again, leeway included (F2, F3).
    let digest = sha256(format!("{}:{}:{}", presented.client_id().len(), presented.client_id(), claims.jti).as_bytes());
    let mut tx = services.db.begin().await?;
    let until = claims.expires_at.plus(Duration::from_secs(120));
    let fresh = store::spent::consume(&mut tx, SpentKind::ClientAssertion, &digest, now, until).await?;
    tx.commit().await?;
    Ok(if fresh { Ok(known) } else { Err(failed("assertion_replayed")) })
}
