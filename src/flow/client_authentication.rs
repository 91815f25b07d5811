//! Client authentication at the token, introspection and revocation endpoints: one door, one check.

use super::caller::Caller;
use super::clients::{self, KnownClient};
use super::one_time::{self, OneTime};
use super::{Fault, Outcome, Services, client_keys, metadata};
use crate::base::sha256;
use crate::crypto::{self, SigningAlgorithm};
use crate::protocol::client::AuthenticationMethod;
use crate::protocol::client_authentication::{Audience, Presented, Proof, failed};
use crate::protocol::discovery::path;
use crate::protocol::{Client, Endpoints, Error, MacAlgorithm, Parameters};
use crate::store::spent::SpentKind;
use std::sync::Arc;
use std::time::Duration;

/// The authenticated client, or the one error that every failure gives.
pub async fn authenticate(
    services: &Arc<Services>,
    caller: &Caller,
    parameters: &Parameters,
) -> Outcome<Result<Arc<KnownClient>, Error>> {
    Ok(match prove(services, caller, parameters).await? {
        Ok((known, assertion)) => one_time::consume(services, [assertion, None]).await?.map(|()| known),
        Err(error) => Err(error),
    })
}

/// As [`authenticate`], but the assertion, where there is one, remains to be consumed: until then nobody is
/// authenticated.
pub async fn prove(
    services: &Arc<Services>,
    caller: &Caller,
    parameters: &Parameters,
) -> Outcome<Result<(Arc<KnownClient>, Option<OneTime>), Error>> {
    let presented = match Presented::parse(caller.authorization.as_deref(), parameters) {
        Ok(presented) => presented,
        Err(error) => return Ok(Err(error)),
    };
    let known = clients::find_at_door(services, presented.client_id()).await?;
    let now = services.clock.now();
    if let Some(known) = known.as_ref().filter(|known| presented.leaves_it_to_the_connection(&known.client)) {
        let proved = prove_by_certificate(services, caller, &known.client).await;
        return Ok(proved.map(|()| (known.clone(), None)));
    }
    let endpoints = audiences(services);
    let audience = Audience { issuer: services.issuer(), endpoints: &endpoints };
    let proof = match presented.prove(known.as_deref().map(|known| &known.client), audience, now) {
        Ok(proof) => proof,
        Err(error) => return Ok(Err(error)),
    };
    let Some(known) = known else {
        return Ok(Err(failed("unknown_client")));
    };
    let claims = match proof {
        Proof::Complete => return Ok(Ok((known, None))),
        Proof::Signature { compact, header, claims } => {
            let allowed: Vec<SigningAlgorithm> = header.algorithm.as_str().parse().into_iter().collect();
            if client_keys::verify(services, &known.client, compact, &allowed).await?.is_err() {
                return Ok(Err(failed("assertion_signature")));
            }
            claims
        }
        Proof::Mac { compact, algorithm, claims } => {
            if !keyed_with_its_secret(services, &known, (compact, algorithm))? {
                return Ok(Err(failed("assertion_mac")));
            }
            claims
        }
    };
    // Remembered for as long as the assertion could pass again, leeway included (F2, F3).
    let digest = sha256(format!("{}:{}:{}", presented.client_id().len(), presented.client_id(), claims.jti).as_bytes());
    let assertion = OneTime {
        kind: SpentKind::ClientAssertion,
        digest,
        until: claims.expires_at.plus(Duration::from_secs(120)),
        replayed: failed("assertion_replayed"),
    };
    Ok(Ok((known, Some(assertion))))
}

/// The endpoints that assertions may name in conformance runs, since plans of the suite do (CIBA 7.1).
fn audiences(services: &Services) -> Vec<String> {
    if !services.config.conformance.open_door_clients {
        return Vec::new();
    }
    let aliases = services.config.tls.mtls_url.as_ref().map(|url| Endpoints::new(url.origin().ascii_serialization()));
    let places = [Some(metadata::endpoints(services)), aliases];
    let of = |place: &Endpoints| [path::TOKEN, path::BACKCHANNEL_AUTHENTICATION].map(|path| place.url(path));
    places.iter().flatten().flat_map(of).collect()
}

/// `client_secret_jwt`: whether the MAC is keyed with the client's secret or, within the overlap, the one before.
fn keyed_with_its_secret(
    services: &Services,
    known: &KnownClient,
    (compact, algorithm): (&str, MacAlgorithm),
) -> Outcome<bool> {
    let now = services.clock.now();
    for (sealed, _) in known.sealed_secrets.iter().filter(|(_, until)| until.is_none_or(|until| now < until)) {
        let secret = crypto::open_client_secret(&services.sealer, &known.client.client_id, sealed);
        if crypto::verify_with_secret(compact, &secret.map_err(Fault::internal)?, algorithm).is_ok() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// RFC 8705 2: the certificate of the connection, whose key the caller has proved to hold.
async fn prove_by_certificate(services: &Services, caller: &Caller, client: &Client) -> Result<(), Error> {
    if client.disabled {
        return Err(failed("client_disabled"));
    }
    let der = caller.certificate.as_deref().ok_or(failed("no_client_certificate"))?;
    let certificate = crypto::read_certificate(der).map_err(|_| failed("certificate_malformed"))?;
    let now = services.clock.now();
    if client.metadata.token_endpoint_auth_method == AuthenticationMethod::SelfSignedTlsClientAuth {
        let registered =
            client_keys::any(services, client, |keys| crypto::self_signed_matches(&certificate, keys, now)).await;
        return if registered { Ok(()) } else { Err(failed("certificate_not_registered")) };
    }
    let between = caller.intermediates.iter().map(AsRef::as_ref);
    let vouched = services.client_authorities.as_ref().is_some_and(|known| known.vouch_for(der, between, now));
    if !vouched {
        return Err(failed("certificate_authority"));
    }
    client.metadata.doors.certificate_name().ok_or(failed("certificate_name_missing"))?.prove(&certificate)
}
