//! Which pages of other origins may read the answers of the endpoints that their scripts call.

use super::Client;
use super::client::ApplicationType;
use url::Url;

/// The origins, as browsers write them in `Origin`, whose scripts may read token, userinfo and revocation answers on
/// behalf of this client: those of its redirect addresses, if it runs in browsers at all (OAuth 2.0 for Browser-Based
/// Applications 6.3.2; RFC 9700 2.6).
///
/// A client with a secret or a key calls from a server, where no browser asks; a native one is no page, and its
/// loopback addresses would let in whatever else runs on the person's machine.
pub fn origins(client: &Client) -> Vec<String> {
    let metadata = &client.metadata;
    if client.disabled || !client.is_public() || metadata.application_type == ApplicationType::Native {
        return Vec::new();
    }
    let mut origins: Vec<String> = metadata
        .redirect_uris
        .iter()
        .filter_map(|text| Url::parse(text).ok())
        .map(|url| url.origin())
        // The origin of any other scheme is opaque: it would be written `null`, which anybody can send.
        .filter(url::Origin::is_tuple)
        .map(|origin| origin.ascii_serialization())
        .collect();
    origins.sort_unstable();
    origins.dedup();
    origins
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::ClientMetadata;
    use crate::protocol::client::AuthenticationMethod;

    fn client(method: AuthenticationMethod, addresses: &[&str]) -> Client {
        Client {
            client_id: "spa".to_owned(),
            metadata: ClientMetadata {
                token_endpoint_auth_method: method,
                redirect_uris: addresses.iter().map(|address| (*address).to_owned()).collect(),
                ..ClientMetadata::default()
            },
            secret_digest: None,
            secret_terms: Default::default(),
            sector: String::new(),
            disabled: false,
        }
    }

    #[test]
    fn a_public_client_brings_the_origins_of_its_addresses_once_each() {
        let spa = client(
            AuthenticationMethod::None,
            &[
                "https://app.example.vn/callback",
                "https://app.example.vn/silent",
                "https://app.example.vn:8443/callback",
                "http://localhost:7000/callback",
                "vn.example.app:/callback",
            ],
        );
        assert_eq!(origins(&spa), ["http://localhost:7000", "https://app.example.vn", "https://app.example.vn:8443"]);
    }

    #[test]
    fn nobody_else_brings_any() {
        let addresses = ["https://app.example.vn/callback"];
        for method in AuthenticationMethod::ALL.into_iter().filter(|method| *method != AuthenticationMethod::None) {
            assert!(origins(&client(method, &addresses)).is_empty(), "{method:?}");
        }
        let mut disabled = client(AuthenticationMethod::None, &addresses);
        disabled.disabled = true;
        assert!(origins(&disabled).is_empty());
        let mut native = client(AuthenticationMethod::None, &["http://127.0.0.1/callback"]);
        native.metadata.application_type = ApplicationType::Native;
        assert!(origins(&native).is_empty());
    }
}
