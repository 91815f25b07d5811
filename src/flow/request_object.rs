//! Request objects (RFC 9101): decrypted, verified with the client's registered keys, and read as parameters.

use super::clients::KnownClient;
use super::{Outcome, Services, client_keys};
use crate::crypto::SigningAlgorithm;
use crate::protocol::client::Profile;
use crate::protocol::request_object::{Expected, RequestObject, Rules, refused};
use crate::protocol::{Error, Parameters};

/// The parameters of a request, out of its request object where it has one, and whether they were signed.
pub async fn unfold(
    services: &Services,
    known: &KnownClient,
    parameters: Parameters,
) -> Outcome<Result<(Parameters, bool), Error>> {
    let Some(sent) = parameters.get("request") else {
        return Ok(Ok((parameters, false)));
    };
    Ok(read(services, known, &parameters, sent).await?.map(|inside| (inside, true)))
}

/// Judges one request object beside which `outside` was sent.
pub async fn read(
    services: &Services,
    known: &KnownClient,
    outside: &Parameters,
    sent: &str,
) -> Outcome<Result<Parameters, Error>> {
    let client = &known.client;
    let doors = &client.metadata.doors;
    let rules = match doors.profile {
        Some(Profile::Fapi2MessageSigning | Profile::Fapi2Security) => Rules::MessageSigning,
        None => Rules::OpenId,
    };
    let expected = Expected {
        client_id: &client.client_id,
        registered: doors.request_object_signing_alg,
        issuer: services.issuer(),
        outside,
        rules,
        now: services.clock.now(),
    };
    let accepted = match RequestObject::read(sent).and_then(|object| object.check(&expected)) {
        Ok(accepted) => accepted,
        Err(error) => return Ok(Err(error)),
    };
    let allowed: Vec<SigningAlgorithm> = accepted.algorithm.as_str().parse().into_iter().collect();
    if client_keys::verify(services, client, sent, &allowed).await?.is_err() {
        return Ok(Err(refused("request_object_signature")));
    }
    Ok(Ok(accepted.parameters))
}
