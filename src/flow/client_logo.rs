//! Logos of clients: fetched once, when a client is registered or changes it, and served by us, so that no page calls
//! anybody else (CSP) and nobody sees who signs in where.

use super::{Outcome, Services};
use crate::base::{Timestamp, sha256};
use crate::db::Tx;
use crate::notify::OutboundClient;
use crate::store;

/// Most bytes of a logo.
const MOST_BYTES: usize = 48 * 1024;

/// A picture that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// By its content, not by what its server said.
    pub media_type: &'static str,
    /// The bytes.
    pub body: Vec<u8>,
}

/// What the bytes begin with decides; pictures that can hold code (SVG) are none of these (K2).
fn kind(body: &[u8]) -> Option<&'static str> {
    let starts = |start: &[u8]| body.starts_with(start);
    if starts(b"\x89PNG\r\n\x1a\n") {
        Some("image/png")
    } else if starts(b"\xff\xd8\xff") {
        Some("image/jpeg")
    } else if starts(b"GIF87a") || starts(b"GIF89a") {
        Some("image/gif")
    } else if starts(b"RIFF") && body.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

/// Fetches a logo. `None`, with a log line, for whatever is not a small picture: a client works without.
pub async fn fetch(outbound: &OutboundClient, url: &str) -> Option<Picture> {
    let reply = match outbound.get(url, "image/png, image/jpeg, image/gif, image/webp").await {
        Ok(reply) => reply,
        Err(error) => {
            tracing::info!(reason = %error, "the logo of a client could not be fetched");
            return None;
        }
    };
    let media_type = kind(&reply.body);
    if reply.status != 200 || reply.body.len() > MOST_BYTES || media_type.is_none() {
        tracing::info!(status = reply.status, bytes = reply.body.len(), "the logo of a client is no small picture");
        return None;
    }
    Some(Picture { media_type: media_type?, body: reply.body })
}

/// Keeps what was fetched for a client; `None` takes an older one away.
pub async fn keep(tx: &mut Tx, client_id: &str, picture: Option<Picture>, now: Timestamp) -> Outcome<()> {
    match picture {
        None => store::client_logo::remove(tx, client_id).await?,
        Some(Picture { media_type, body }) => {
            let logo = store::client_logo::ClientLogo {
                client_id: client_id.to_owned(),
                media_type: media_type.to_owned(),
                digest: sha256(&body),
                body,
                fetched_at: now,
            };
            store::client_logo::replace(tx, &logo).await?;
        }
    }
    Ok(())
}

/// The logo of a client, to be served: media type, bytes, and the digest in hexadecimal.
pub async fn find(services: &Services, client_id: &str) -> Outcome<Option<(String, Vec<u8>, String)>> {
    let found = store::client_logo::find(&services.db, client_id).await?;
    Ok(found.map(|logo| {
        let tag: String = logo.digest.as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        (logo.media_type, logo.body, tag)
    }))
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn k2_only_pictures_without_code_count_whatever_their_server_says() {
        assert_eq!(kind(b"\x89PNG\r\n\x1a\nrest"), Some("image/png"));
        assert_eq!(kind(b"RIFF\0\0\0\0WEBPrest"), Some("image/webp"));
        for other in [&b"<svg xmlns='http://www.w3.org/2000/svg'/>"[..], b"<html>", b"RIFF\0\0\0\0WAVE", b"", b"%PDF"] {
            assert_eq!(kind(other), None);
        }
    }
}
