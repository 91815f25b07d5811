//! Proof of possession: which key the caller of an endpoint holds (RFC 9449, RFC 8705), and whether it is the one that a
//! token asks for.

use super::caller::Caller;
use super::clients::KnownClient;
use super::{Fault, Outcome, Services};
use crate::crypto;
use crate::protocol::confirmation::{CertificateThumbprint, Thumbprint};
use crate::protocol::dpop::{self, Expected, Proof};
use crate::protocol::{Confirmation, Error, bearer};
use crate::store;
use crate::store::spent::SpentKind;

/// The key of the request's proof, which is then used up; `None` without a proof. `access_token` is what a protected
/// resource was shown with it.
pub async fn proved_key(
    services: &Services,
    caller: &Caller,
    access_token: Option<&str>,
) -> Outcome<Result<Option<Thumbprint>, Error>> {
    let proof = match Proof::from_headers(caller.proofs.iter().map(String::as_bytes)) {
        Ok(Some(proof)) => proof,
        Ok(None) => return Ok(Ok(None)),
        Err(error) => return Ok(Err(error)),
    };
    let now = services.clock.now();
    let nonces = if services.config.tokens.require_dpop_nonce {
        services.dpop_nonces.accepted(now).map_err(Fault::internal)?.to_vec()
    } else {
        Vec::new()
    };
    let endpoints: Vec<&str> = caller.urls.iter().map(String::as_str).collect();
    let expected = Expected { method: caller.method, endpoints: &endpoints, access_token, nonces: &nonces, now };
    let accepted = match proof.check(&expected) {
        Ok(accepted) => accepted,
        Err(error) => return Ok(Err(error)),
    };
    if crypto::verify_proof(&proof).is_err() {
        return Ok(Err(dpop::refused("dpop_signature")));
    }
    let mut tx = services.db.begin().await?;
    let (kind, digest, until) = (SpentKind::DpopProof, &accepted.replay_key, accepted.remember_until);
    let fresh = store::spent::consume(&mut tx, kind, digest, now, until).await?;
    tx.commit().await?;
    Ok(if fresh { Ok(Some(accepted.thumbprint)) } else { Err(dpop::refused("dpop_replayed")) })
}

/// The nonce for the header `DPoP-Nonce` (RFC 9449 8.2), where proofs must carry one.
pub fn nonce(services: &Services) -> Option<String> {
    let wanted = services.config.tokens.require_dpop_nonce;
    wanted.then(|| services.dpop_nonces.current(services.clock.now()).ok()).flatten()
}

/// What tokens that are issued now are bound to. A client that registered for bound tokens, or whose profile demands
/// them, gets no others.
pub async fn binding(
    services: &Services,
    known: &KnownClient,
    caller: &Caller,
) -> Outcome<Result<Option<Confirmation>, Error>> {
    let key = match proved_key(services, caller, None).await? {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    if let Some(key) = key {
        return Ok(Ok(Some(Confirmation::Key(key))));
    }
    let doors = &known.client.metadata.doors;
    if doors.tls_client_certificate_bound_access_tokens
        && let Some(certificate) = &caller.certificate
    {
        return Ok(Ok(Some(Confirmation::Certificate(CertificateThumbprint::of_der(certificate)))));
    }
    let unbound_allowed = !known.client.must_bind_tokens() && !doors.tls_client_certificate_bound_access_tokens;
    Ok(if unbound_allowed { Ok(None) } else { Err(dpop::refused("no_proof_of_possession")) })
}

/// Whether the caller of a protected resource holds what its token is bound to (RFC 9449 7.1, RFC 8705 3).
pub async fn holds(
    services: &Services,
    caller: &Caller,
    (shown, bound_to): (&bearer::Shown, Option<&Confirmation>),
) -> Outcome<Result<(), Error>> {
    let scheme_fits = match bound_to {
        Some(Confirmation::Key(_)) => shown.scheme == bearer::Scheme::Dpop,
        Some(Confirmation::Certificate(_)) | None => shown.scheme == bearer::Scheme::Bearer,
    };
    if !scheme_fits {
        return Ok(Err(bearer::INVALID_TOKEN));
    }
    let held = match bound_to {
        None => true,
        Some(Confirmation::Certificate(wanted)) => {
            caller.certificate.as_deref().is_some_and(|der| CertificateThumbprint::of_der(der) == *wanted)
        }
        Some(Confirmation::Key(wanted)) => match proved_key(services, caller, Some(shown.token.expose())).await? {
            Err(error) => return Ok(Err(error)),
            Ok(key) => key.as_ref() == Some(wanted),
        },
    };
    Ok(if held { Ok(()) } else { Err(bearer::INVALID_TOKEN) })
}
