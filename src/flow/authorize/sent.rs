//! How an answer travels to the portal: plain, signed, encrypted.

use crate::base::ErrorId;
use crate::flow::clients::{self, KnownClient};
use crate::flow::encryption::{self, Envelope};
use crate::flow::{Fault, Outcome, Services, metadata, token};
use crate::protocol::Error;
use crate::protocol::authorize::ResponseMode;
use crate::protocol::jwt_claims::TokenKind;
use crate::protocol::response::{AuthorizeResponse, Delivery};

/// What answers in a signed mode are encrypted with; `None` in others (JARM 2.2).
pub(super) async fn envelope(
    services: &Services,
    known: &KnownClient,
    mode: ResponseMode,
) -> Outcome<Option<Envelope>> {
    let wanted = known.client.metadata.doors.authorization_encryption().filter(|_| mode.is_signed());
    encryption::envelope(services, &known.client, wanted).await
}

/// Logs that an answer cannot be encrypted; what the portal is told of it.
pub(super) fn no_recipient(fault: &Fault) -> Error {
    let id = ErrorId::new(&crate::base::SystemEntropy);
    tracing::error!(error_id = %id, reason = fault.reason(), fault = %fault, "an answer cannot be encrypted");
    let description = format!("{} Error id: {id}.", Error::NO_RECIPIENT.description);
    Error { description: description.into(), ..Error::NO_RECIPIENT }
}

/// An answer as it travels: signed where the mode says so, then encrypted where the client registered it (JARM 2).
pub async fn delivery(services: &Services, answer: &AuthorizeResponse) -> Outcome<Delivery> {
    let endpoints = metadata::endpoints(services);
    if !answer.response_mode.is_signed() {
        return Ok(answer.deliver(&endpoints));
    }
    let known = clients::find(services, &answer.client_id).await?;
    let known = known.ok_or_else(|| Fault::Internal("an answer without a client".into()))?;
    let client = &known.client;
    let envelope = match envelope(services, &known, answer.response_mode).await {
        Err(fault @ Fault::NoRecipient { .. }) => return Ok(answer.deliver_failure(no_recipient(&fault), &endpoints)),
        found => found?,
    };
    let algorithm = client.metadata.doors.authorization_signed_response_alg.unwrap_or(client.id_token_algorithm());
    let claims = answer.signed_claims(&endpoints, services.clock.now());
    let jwt = token::sign(services, algorithm.as_str(), TokenKind::AuthorizationResponse, claims)?;
    Ok(answer.deliver_signed(encryption::nested(envelope.as_ref(), jwt)?))
}
