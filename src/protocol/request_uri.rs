//! Requests at an address of the client (OpenID Connect Core 6.2, RFC 9101 5.2): which address may be asked at all, and
//! whether what came is what it names.

use super::{Client, Error, ErrorCode};
use crate::base::sha256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// OpenID Connect Core 6.2: the whole address, in ASCII.
pub const MAX_BYTES: usize = 512;
/// What a request object may be served as (RFC 9101 5.2.3; older servers by RFC 7519 10.3.1 and RFC 7515 9.2.1).
pub const MEDIA_TYPES: &[&str] = &["application/oauth-authz-req+jwt", "application/jwt", "application/jose"];

/// The answer to an address that may not be asked, or gave no request.
pub const fn refused(reason: &'static str) -> Error {
    let description = "request_uri is not registered by this client, does not answer, or is not what it names.";
    Error::new(ErrorCode::InvalidRequestUri, reason, description)
}

/// Whether this client's request may be fetched from an address: only one that it registered, byte for byte (G1, G3), and
/// only where the request need not be pushed.
///
/// # Errors
/// `invalid_request_uri`; `request_uri_not_supported` for a client that pushes its requests.
pub fn check(client: &Client, address: &str) -> Result<(), Error> {
    if client.disabled || !client.metadata.doors.request_uris.iter().any(|registered| registered == address) {
        return Err(refused("request_uri_not_registered"));
    }
    if client.must_push() {
        let description = "This client pushes its requests: request_uri must be a handle that this server gave.";
        return Err(Error::new(ErrorCode::RequestUriNotSupported, "request_uri_not_pushed", description));
    }
    Ok(())
}

/// OpenID Connect Core 6.2: a fragment of the form of a SHA-256 digest names the content; another one only names the
/// version.
///
/// # Errors
/// `invalid_request_uri`.
pub fn check_content(address: &str, content: &[u8]) -> Result<(), Error> {
    let Some((_, fragment)) = address.split_once('#') else { return Ok(()) };
    let Some(digest) = URL_SAFE_NO_PAD.decode(fragment).ok().filter(|bytes| bytes.len() == 32) else { return Ok(()) };
    if digest == sha256(content).as_bytes() { Ok(()) } else { Err(refused("request_uri_content")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client::tests::client_with;

    const ADDRESS: &str = "https://rp.example/request";

    #[test]
    fn g1_only_a_registered_address_is_asked_byte_for_byte() {
        let registered = |list: &[&str]| {
            client_with(|metadata| metadata.doors.request_uris = list.iter().map(|one| (*one).to_owned()).collect())
        };
        let client = registered(&[ADDRESS, "https://rp.example/b#v1"]);
        assert!(check(&client, ADDRESS).is_ok() && check(&client, "https://rp.example/b#v1").is_ok());
        for other in [
            "https://rp.example/request/",
            "https://rp.example/request#x",
            "https://rp.example/request?x",
            "https://rp.example/b",
            "https://rp.example/b#v2",
            "https://evil.example/request",
            "http://127.0.0.1/",
            "",
        ] {
            assert_eq!(check(&client, other).unwrap_err().code, ErrorCode::InvalidRequestUri, "{other}");
        }
        assert!(check(&registered(&[]), ADDRESS).is_err());
        assert!(check(&Client { disabled: true, ..registered(&[ADDRESS]) }, ADDRESS).is_err());
        let mut pushing = registered(&[ADDRESS]);
        pushing.metadata.doors.require_pushed_authorization_requests = true;
        assert_eq!(check(&pushing, ADDRESS).unwrap_err().code, ErrorCode::RequestUriNotSupported);
    }

    #[test]
    fn a_fragment_that_is_a_digest_names_the_content() {
        let digest = URL_SAFE_NO_PAD.encode(sha256(b"a.b.c").as_bytes());
        assert!(check_content(&format!("{ADDRESS}#{digest}"), b"a.b.c").is_ok());
        assert!(check_content(&format!("{ADDRESS}#{digest}"), b"a.b.d").is_err());
        assert!(check_content(ADDRESS, b"a.b.d").is_ok() && check_content(&format!("{ADDRESS}#v1"), b"x").is_ok());
    }
}
