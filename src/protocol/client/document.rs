//! Clients that are known by the address of a document about them (draft-ietf-oauth-client-id-metadata-document).

use super::registration::invalid;
use super::{AuthenticationMethod, ClientMetadata, GrantType, Registrant, Submitted};
use crate::protocol::{Error, uri};
use serde_json::json;
use url::Url;

/// As long as client identifiers are.
const MAX_BYTES: usize = 255;

/// The address that a `client_id` is (section 3): https, with a path, without query and fragment, written in one way.
/// `None` for every other identifier.
pub fn address(client_id: &str, allow_loopback_http: bool) -> Option<Url> {
    let url = uri::parse_web(client_id, allow_loopback_http).ok()?;
    let lawful =
        client_id.len() <= MAX_BYTES && url.query().is_none() && url.path().len() > 1 && url.as_str() == client_id;
    lawful.then_some(url)
}

/// Reads the document at a `client_id` and judges it as open registration does, and more strictly where nobody vouches
/// for anything: no shared secret (section 4.1), no grant without a page that people come back from, and people are sent
/// to the host that the identifier names and to no other, which is the host that pages show.
///
/// # Errors
/// `invalid_client_metadata`, `invalid_redirect_uri`.
pub fn read(client_id: &Url, body: &str, registrant: &Registrant) -> Result<ClientMetadata, Error> {
    let mut submitted = Submitted::read(body)?;
    if submitted.client_id.as_deref() != Some(client_id.as_str()) {
        return Err(invalid("document_client_id", "client_id in the document is not the address of the document."));
    }
    if submitted.client_secret.is_some() || submitted.software_statement.is_some() {
        return Err(invalid("document_secret", "The document holds a secret or a software statement."));
    }
    submitted.put_default("token_endpoint_auth_method", json!("none"));
    let metadata = submitted.judge(registrant)?;
    let method = metadata.token_endpoint_auth_method;
    if !matches!(method, AuthenticationMethod::None | AuthenticationMethod::PrivateKeyJwt) {
        return Err(invalid("document_method", "token_endpoint_auth_method must be none or private_key_jwt."));
    }
    // Where nobody is sent back to the host, nothing shows that who asks belongs to it.
    let proved = |grant: &GrantType| matches!(grant, GrantType::AuthorizationCode | GrantType::RefreshToken);
    if !metadata.grant_types.iter().all(proved) {
        return Err(invalid("document_grant", "grant_types takes authorization_code and refresh_token only."));
    }
    let own = |text: &String| uri::parse_exact(text).is_ok_and(|url| url.origin() == client_id.origin());
    if metadata.redirect_uris.is_empty() || !metadata.redirect_uris.iter().all(own) {
        return Err(invalid("document_redirect_uri", "Every redirect address must lie at the host of client_id."));
    }
    let doors = &metadata.doors;
    let single = [
        &metadata.backchannel_logout_uri,
        &doors.frontchannel_logout_uri,
        &doors.initiate_login_uri,
        &metadata.client_uri,
        &metadata.policy_uri,
        &metadata.tos_uri,
    ];
    if !metadata.post_logout_redirect_uris.iter().chain(single.into_iter().flatten()).all(own) {
        let text = "Every address for people and of sign-out must lie at the host of client_id.";
        return Err(invalid("document_address", text));
    }
    Ok(metadata)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::scope::ScopeSet;
    use serde_json::Value;

    const ID: &str = "https://portal.example/client.json";

    fn read(change: Value) -> Result<ClientMetadata, Error> {
        let mut body = json!({ "client_id": ID, "redirect_uris": ["https://portal.example/cb"], "client_name": "P" });
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let scopes = ScopeSet::parse("openid profile").unwrap();
        super::read(&Url::parse(ID).unwrap(), &body.to_string(), &Registrant { scopes, ..Registrant::default() })
    }

    #[test]
    fn an_identifier_is_an_address_in_one_spelling() {
        for id in [ID, "https://portal.example:8443/a/b"] {
            assert!(address(id, false).is_some(), "{id}");
        }
        let long = format!("https://portal.example/{}", "a".repeat(255));
        for id in [
            "portal",
            "https://portal.example",
            "https://portal.example/",
            "https://portal.example/a?b",
            "https://portal.example/a#b",
            "https://a@portal.example/a",
            "https://portal.example/a/../b",
            "https://PORTAL.example/a",
            "http://portal.example/a",
            "http://127.0.0.1/a",
            "javascript:alert(1)",
            &long,
        ] {
            assert!(address(id, false).is_none(), "{id}");
        }
        assert!(address("http://127.0.0.1:3001/a", true).is_some());
    }

    #[test]
    fn a_document_speaks_for_itself_only_and_holds_no_secret() {
        let metadata = read(json!({})).unwrap();
        assert!(metadata.is_public() && metadata.require_pkce);
        let key = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "x": "x", "y": "y" }] });
        assert!(read(json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": key })).is_ok());
        for (change, reason) in [
            (json!({ "client_id": "https://other.example/client.json" }), "document_client_id"),
            (json!({ "client_id": null }), "document_client_id"),
            (json!({ "client_secret": "s" }), "document_secret"),
            (json!({ "software_statement": "a.b.c" }), "document_secret"),
            (json!({ "token_endpoint_auth_method": "client_secret_basic" }), "document_method"),
            (json!({ "token_endpoint_auth_method": "client_secret_jwt" }), "document_method"),
            (json!({ "redirect_uris": ["https://evil.example/cb"] }), "document_redirect_uri"),
            (json!({ "redirect_uris": ["https://portal.example:8443/cb"] }), "document_redirect_uri"),
            (
                json!({ "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"] }),
                "document_grant",
            ),
            (json!({ "post_logout_redirect_uris": ["https://evil.example/"] }), "document_address"),
            (json!({ "initiate_login_uri": "https://evil.example/" }), "document_address"),
            (json!({ "backchannel_logout_uri": "https://evil.example/" }), "document_address"),
            (json!({ "frontchannel_logout_uri": "https://evil.example/" }), "frontchannel_elsewhere"),
            (json!({ "client_uri": "https://evil.example/" }), "document_address"),
            (json!({ "policy_uri": "https://evil.example/" }), "document_address"),
            (json!({ "tos_uri": "https://portal.example:8443/" }), "document_address"),
            (json!({ "sharing": {} }), "member_not_for_registrants"),
            (json!({ "require_pkce": false }), "member_not_for_registrants"),
            (json!({ "scope": "personal_number" }), "scope_not_for_registrants"),
        ] {
            assert_eq!(read(change.clone()).unwrap_err().reason, reason, "{change}");
        }
    }
}
