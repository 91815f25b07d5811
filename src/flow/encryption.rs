//! Answers encrypted for the client they are for (OpenID Connect Core 16.14, JARM 2.2, RFC 9701 5): signed first, then
//! encrypted to a key of the client. Where no key can be got there is no answer, never one in the clear.

use super::{Fault, Outcome, Services, client_keys};
use crate::crypto::{Recipient, encrypt};
use crate::protocol::Client;
use crate::protocol::encryption::{ContentEncryption, Encryption};
use serde_json::{Map, Value};

/// A key of a client, and what is encrypted to it.
#[derive(Debug)]
pub struct Envelope {
    to: Recipient,
    content: ContentEncryption,
}

/// The envelope for a kind of answer; `None` where the client registered no encryption for it. May ask the client's
/// `jwks_uri`: never to be called while a transaction is open, and before anything is used up that the answer costs.
pub async fn envelope(services: &Services, client: &Client, wanted: Option<Encryption>) -> Outcome<Option<Envelope>> {
    let Some(Encryption { algorithm, content }) = wanted else {
        return Ok(None);
    };
    let pick = |keys: &Value| Recipient::from_jwks(keys, algorithm).ok();
    match client_keys::find(services, client, pick).await {
        Some(to) => Ok(Some(Envelope { to, content })),
        None => Err(Fault::NoRecipient { client_id: client.client_id.clone() }),
    }
}

impl Envelope {
    /// Claims that nobody signs, as one text (RFC 7519 3).
    pub fn seal(&self, claims: Map<String, Value>) -> Outcome<String> {
        encrypt(&self.to, self.content, None, Value::Object(claims).to_string().as_bytes()).map_err(Fault::internal)
    }
}

/// A signed JWT as it travels: nested where there is an envelope (RFC 7519 5.2, 11.2), else as it is.
pub fn nested(envelope: Option<&Envelope>, jwt: String) -> Outcome<String> {
    match envelope {
        None => Ok(jwt),
        Some(Envelope { to, content }) => encrypt(to, *content, Some("JWT"), jwt.as_bytes()).map_err(Fault::internal),
    }
}
