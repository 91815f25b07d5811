//! Where an authorization request stands: in the address, in a request object, at an address of the
//! client, or pushed beforehand.

use super::clients::KnownClient;
use super::{Outcome, Services, pushed_request, request_object, request_uri};
use crate::base::Digest;
use crate::protocol::authorize::{self as rules, Asked, Passage, Refusal};
use crate::protocol::pushed_request as handles;
use crate::protocol::{Error, ErrorCode, Parameters, ShowReason};
use std::sync::Arc;

/// A request, found.
pub struct Found {
    parameters: Parameters,
    passage: Passage,
    /// Of a pushed request: to be used up with the answer.
    pub pushed: Option<Digest>,
}

impl Found {
    /// To be judged.
    pub const fn asked(&self) -> Asked<'_> {
        Asked { parameters: &self.parameters, passage: self.passage }
    }
}

/// Finds the request of a client. Of a pushed or signed one nothing counts that stands beside it in the address (RFC
/// 9126 4, RFC 9101 6.3), not even in part.
pub async fn find(services: &Arc<Services>, known: &KnownClient, sent: Parameters) -> Outcome<Result<Found, Refusal>> {
    let refuse = |error: Error, sent: &Parameters| Ok(Err(rules::refuse(sent, &known.client, error)));
    if let Some(address) = sent.get("request_uri") {
        if sent.is_present("request") {
            return refuse(REQUEST_TWICE, &sent);
        }
        let Some(handle) = handles::handle(address) else {
            return match request_uri::fetch(services, &known.client, address).await {
                Ok(object) => signed(services, known, sent, &object).await,
                Err(error) => refuse(error, &sent),
            };
        };
        let Some(loaded) = pushed_request::load(services, &known.client.client_id, handle).await? else {
            return Ok(Err(Refusal::Show(ShowReason::UnknownRequestUri)));
        };
        let pushed_request::Loaded { parameters, passage, digest } = loaded;
        return Ok(Ok(Found { parameters, passage, pushed: Some(digest) }));
    }
    let Some(object) = sent.get("request").map(str::to_owned) else {
        return Ok(Ok(Found { parameters: sent, passage: Passage::default(), pushed: None }));
    };
    signed(services, known, sent, &object).await
}

/// The request within a request object, wherever that stood.
async fn signed(
    services: &Services,
    known: &KnownClient,
    sent: Parameters,
    object: &str,
) -> Outcome<Result<Found, Refusal>> {
    Ok(match request_object::read(services, known, &sent, object).await? {
        Ok(parameters) => Ok(Found { parameters, passage: Passage { pushed: false, signed: true }, pushed: None }),
        Err(error) => Err(rules::refuse(&sent, &known.client, error)),
    })
}

/// OpenID Connect Core 6.1: one way, not two.
const REQUEST_TWICE: Error =
    Error::new(ErrorCode::InvalidRequest, "request_and_request_uri", "Send request or request_uri, not both.");
