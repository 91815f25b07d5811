//! Documents at addresses that clients registered: key sets, sector lists, request objects, logos. Every fetch goes
//! through the guarded client (G1, G2) and never to an address that stands in a token (G3).

use super::Services;
use crate::notify::DeliveryError;

/// What a document may be.
#[derive(Debug, Clone, Copy)]
pub struct DocumentLimits {
    /// The `Accept` header.
    pub accept: &'static str,
    /// Media types taken; empty: any. `+json` stands for every application type of that suffix.
    pub media_types: &'static [&'static str],
    /// Most bytes; the guarded client never reads more than 64 KiB.
    pub bytes: usize,
}

impl DocumentLimits {
    /// A JSON document. Servers name it in many ways, so its type is not looked at.
    pub const JSON: Self = Self { accept: "application/json", media_types: &[], bytes: 64 * 1024 };

    fn takes(&self, media_type: &str) -> bool {
        let fits = |taken: &str| match taken.starts_with('+') {
            true => media_type.strip_prefix("application/").is_some_and(|rest| rest.ends_with(taken)),
            false => media_type == taken,
        };
        self.media_types.is_empty() || self.media_types.iter().any(|taken| fits(taken))
    }
}

/// A document that was fetched.
#[derive(Debug, Clone)]
pub struct Document {
    /// Its media type, in lower case, without parameters.
    pub media_type: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// Fetches a document: one GET, no redirects, the address checked on the socket used, 5 s in all.
///
/// # Errors
/// See [`DeliveryError`]; fixed words, nothing the other side said.
pub async fn fetch_document(services: &Services, url: &str, limits: DocumentLimits) -> Result<Document, DeliveryError> {
    let reply = services.outbound.get(url, limits.accept).await?;
    if reply.status != 200 {
        return Err(DeliveryError::Status(reply.status));
    }
    if reply.body.len() > limits.bytes {
        return Err(DeliveryError::TooLong);
    }
    if !limits.takes(&reply.media_type) {
        return Err(DeliveryError::Refused("not a document of the kind asked for"));
    }
    Ok(Document { media_type: reply.media_type, body: reply.body })
}
