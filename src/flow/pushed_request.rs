//! Pushed authorization requests (RFC 9126): kept sealed for a minute, loaded as often as the browser needs until the
//! sign-in ends, then used up for good.
//!
//! The request itself is short-lived page state: its loss makes a person start again. That it was used is written in
//! SQL, in the transaction that gives the answer.

use super::caller::Caller;
use super::{Fault, Outcome, Services, client_authentication, one_time, possession};
use crate::base::{Digest, random_token, sha256};
use crate::cache::Space;
use crate::protocol::authorize::{self as rules, Asked, Passage};
use crate::protocol::{Error, Parameters, pushed_request};
use crate::store;
use crate::store::spent::SpentKind;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

const SPACE: Space = Space("pushed_request");
const PURPOSE: &str = "pushed_request";

/// What is kept of a pushed request: its parameters, judged anew when they are used, for the client may have been
/// registered anew meanwhile.
#[derive(Serialize, Deserialize)]
struct Kept {
    client_id: String,
    parameters: Parameters,
    signed: bool,
}

/// The answer to a push (RFC 9126 2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// To be sent to the authorization endpoint.
    pub request_uri: String,
    /// Seconds it is good for.
    pub expires_in: u64,
}

/// A pushed request that was loaded.
pub struct Loaded {
    /// The request.
    pub parameters: Parameters,
    /// How it came.
    pub passage: Passage,
    /// Names it when it is used up.
    pub digest: Digest,
}

/// Takes a request from an authenticated client.
pub async fn push(services: &Arc<Services>, caller: &Caller, posted: &Parameters) -> Outcome<Result<Pushed, Error>> {
    let (known, assertion) = match client_authentication::prove(services, caller, posted).await? {
        Ok(proved) => proved,
        Err(error) => return Ok(Err(error)),
    };
    let shown = possession::shown_key(services, caller, None)?.map(Option::unzip);
    let key = match one_time::consume_with(services, assertion, shown).await? {
        Ok(key) => key,
        Err(error) => return Ok(Err(error)),
    };
    let mut request = match pushed_request::request(posted) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    // Whoever proved itself in a header need not say again who it is.
    request.set("client_id", &known.client.client_id);
    let (mut parameters, signed) = match super::request_object::unfold(services, &known, request).await? {
        Ok(unfolded) => unfolded,
        Err(error) => return Ok(Err(error)),
    };
    // RFC 9449 10.1: the proof that comes with the push binds the code as dpop_jkt does.
    match key {
        Err(error) => return Ok(Err(error)),
        Ok(None) => {}
        Ok(Some(key)) => match parameters.get("dpop_jkt") {
            None => parameters.set("dpop_jkt", key.as_str()),
            Some(named) if named == key.as_str() => {}
            Some(_) => return Ok(Err(rules::DPOP_JKT_DIFFERS)),
        },
    }
    let passage = Passage { pushed: true, signed };
    let capabilities = super::metadata::capabilities(services);
    let asked = Asked { parameters: &parameters, passage };
    if let Err(refusal) = rules::check(asked, Some(&known.client), &capabilities) {
        return Ok(Err(pushed_request::error(refusal)));
    }
    let handle = random_token(&*services.entropy);
    let kept = serde_json::to_vec(&Kept { client_id: known.client.client_id.clone(), parameters, signed })?;
    let sealed = services.sealer.seal(PURPOSE, handle.as_bytes(), &kept).map_err(Fault::internal)?;
    let lifetime = services.config.tokens.pushed_request_seconds.duration();
    services.cache.put(SPACE, &handle, &sealed, lifetime).await?;
    Ok(Ok(Pushed { request_uri: pushed_request::request_uri(&handle), expires_in: lifetime.as_secs() }))
}

/// Loads a request for the client that pushed it; `None`: never pushed, another client's, expired or used up.
pub async fn load(services: &Services, client_id: &str, handle: &str) -> Outcome<Option<Loaded>> {
    let Some(sealed) = services.cache.get(SPACE, handle).await? else {
        return Ok(None);
    };
    let plain = services.sealer.open(PURPOSE, handle.as_bytes(), &sealed).map_err(Fault::internal)?;
    let kept: Kept = serde_json::from_slice(&plain)?;
    let digest = sha256(handle.as_bytes());
    let used = store::spent::is_spent(&services.db, SpentKind::PushedRequest, &digest).await?;
    let Kept { parameters, signed, .. } = kept;
    Ok((kept.client_id == client_id && !used).then_some(Loaded {
        parameters,
        passage: Passage { pushed: true, signed },
        digest,
    }))
}
