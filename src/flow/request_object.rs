//! Request objects (RFC 9101): decrypted, verified with the client's registered keys, and read as parameters.

use super::clients::KnownClient;
use super::{Outcome, Services, client_keys};
use crate::crypto::{self, SigningAlgorithm};
use crate::protocol::client::Profile;
use crate::protocol::encryption::KeyManagement;
use crate::protocol::request_object::{CLOCK_LEEWAY, Expected, RequestObject, Rules, refused};
use crate::protocol::{Error, ErrorCode, Parameters};
use zeroize::Zeroizing;

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
        None if doors.ciba_profile => Rules::FapiCiba,
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
    let opened;
    let sent = if crypto::is_jwe(sent) {
        match open(services, known, sent) {
            Ok(inside) => {
                opened = inside;
                opened.as_str()
            }
            Err(error) => return Ok(Err(error)),
        }
    } else {
        sent
    };
    let accepted = match RequestObject::read(sent).and_then(|object| object.check(&expected)) {
        Ok(accepted) => accepted,
        // Whoever is to sign is told that this object is wrong, not that there are none (RFC 9101 10.5).
        Err(error) if error.code == ErrorCode::RequestNotSupported && client.signs_requests() => {
            return Ok(Err(refused(error.reason)));
        }
        Err(error) => return Ok(Err(error)),
    };
    let allowed: Vec<SigningAlgorithm> = accepted.algorithm.as_str().parse().into_iter().collect();
    if client_keys::verify(services, client, sent, &allowed).await?.is_err() {
        return Ok(Err(refused("request_object_signature")));
    }
    Ok(Ok(accepted.parameters))
}

/// Decrypts a request object (RFC 9101 6.1). Whatever is wrong is told in the same words: a stranger who tries what opens
/// learns nothing. What comes out must be signed; that it was encrypted proves nothing about who did it.
fn open(services: &Services, known: &KnownClient, jwe: &str) -> Result<Zeroizing<String>, Error> {
    let refuse = |reason: &dyn std::fmt::Display| {
        tracing::info!(%reason, client_id = %known.client.client_id, "a request object was not opened");
        refused("request_object_encryption")
    };
    let metadata = &known.client.metadata;
    if metadata.jwks.is_none() && metadata.jwks_uri.is_none() {
        return Err(refuse(&"the client has no keys to have signed it with"));
    }
    let used = crypto::encryption_of(jwe).map_err(|error| refuse(&error))?;
    let registered = metadata.doors.request_object_encryption();
    // An RSA private key costs a millisecond: only for clients that said they would use it (I13).
    let unasked = registered.is_none() && used.algorithm == KeyManagement::RsaOaep256;
    if unasked || registered.is_some_and(|registered| registered != used) {
        return Err(refuse(&"not encrypted as registered"));
    }
    let ring = services.keys.current();
    let plain = ring.encryption.decrypt(jwe, services.clock.now(), CLOCK_LEEWAY).map_err(|error| refuse(&error))?;
    let inside = std::str::from_utf8(&plain).map_err(|error| refuse(&error))?;
    // RFC 9101 6.1, RFC 7519 5.2: signed, then encrypted; neither bare claims, nor unsigned ones, nor a second envelope.
    let mut parts = inside.split('.');
    if parts.clone().count() != 3 || parts.any(str::is_empty) {
        return Err(refuse(&"not signed inside"));
    }
    Ok(Zeroizing::new(inside.to_owned()))
}
