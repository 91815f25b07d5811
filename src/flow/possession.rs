//! Proof of possession: which key the caller of an endpoint holds (RFC 9449, RFC 8705), and whether it is the one that a
//! token asks for.

use super::caller::Caller;
use super::clients::KnownClient;
use super::one_time::{self, OneTime};
use super::{Fault, Outcome, Services};
use crate::crypto;
use crate::protocol::confirmation::{CertificateThumbprint, Thumbprint};
use crate::protocol::dpop::{self, Expected, Proof};
use crate::protocol::{Confirmation, Error, ErrorCode, bearer};
use crate::store::spent::SpentKind;

/// RFC 8705 3: the client registered for tokens that are bound to its certificate.
const NO_CERTIFICATE: Error = Error::new(
    ErrorCode::InvalidRequest,
    "no_client_certificate",
    "This client's tokens are bound to its certificate: connect with it, at the endpoint of mtls_endpoint_aliases.",
);

/// The key of the request's proof, and the proof, which remains to be consumed: until then nothing is proved. `None`
/// without a proof. `access_token` is what a protected resource was shown with it.
pub fn shown_key(
    services: &Services,
    caller: &Caller,
    access_token: Option<&str>,
) -> Outcome<Result<Option<(Thumbprint, OneTime)>, Error>> {
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
        Err(error) if error.code != ErrorCode::UseDpopNonce => return Ok(Err(error)),
        // Our nonce is told to whoever holds the key.
        judged if crypto::verify_proof(&proof).is_ok() => judged,
        _ => Err(dpop::refused("dpop_signature")),
    };
    let accepted = match accepted {
        Ok(accepted) => accepted,
        Err(error) => return Ok(Err(error)),
    };
    let proof = OneTime {
        kind: SpentKind::DpopProof,
        digest: accepted.replay_key,
        until: accepted.remember_until,
        replayed: dpop::refused("dpop_replayed"),
    };
    Ok(Ok(Some((accepted.thumbprint, proof))))
}

/// The nonce for the header `DPoP-Nonce` (RFC 9449 8.2), where proofs must carry one.
pub fn nonce(services: &Services) -> Option<String> {
    let wanted = services.config.tokens.require_dpop_nonce;
    wanted.then(|| services.dpop_nonces.current(services.clock.now()).ok()).flatten()
}

/// What tokens are bound to, and the proof of it that remains to be consumed.
pub type Bound = (Option<Confirmation>, Option<OneTime>);

/// What tokens that are issued now are bound to, and the proof that remains to be consumed, if it is by a proof. A
/// client that registered for bound tokens, or whose profile demands them, gets no others.
pub fn binding(services: &Services, known: &KnownClient, caller: &Caller) -> Outcome<Result<Bound, Error>> {
    match shown_key(services, caller, None)? {
        Ok(Some((key, proof))) => return Ok(Ok((Some(Confirmation::Key(key)), Some(proof)))),
        Ok(None) => {}
        Err(error) => return Ok(Err(error)),
    }
    let doors = &known.client.metadata.doors;
    // RFC 9449 5.2: whoever registered for proofs shows one, certificate or not.
    let by_certificate = doors.tls_client_certificate_bound_access_tokens && !doors.dpop_bound_access_tokens;
    Ok(match &caller.certificate {
        Some(certificate) if by_certificate => {
            Ok((Some(Confirmation::Certificate(CertificateThumbprint::of_der(certificate))), None))
        }
        None if by_certificate => Err(NO_CERTIFICATE),
        _ if known.client.must_bind_tokens() => Err(dpop::refused("no_proof_of_possession")),
        _ => Ok((None, None)),
    })
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
        Some(Confirmation::Key(wanted)) => match shown_key(services, caller, Some(shown.token.expose()))? {
            Err(error) => return Ok(Err(error)),
            Ok(None) => false,
            Ok(Some((key, proof))) => match one_time::consume(services, [None, Some(proof)]).await? {
                Err(error) => return Ok(Err(error)),
                Ok(()) => key == *wanted,
            },
        },
    };
    Ok(if held { Ok(()) } else { Err(bearer::INVALID_TOKEN) })
}
