//! What this provider says about itself (OpenID Connect Discovery 1.0 section 3, RFC 8414 2): only what is true.

use super::authorize::{Prompt, ResponseMode};
use super::client::{AuthenticationMethod, GrantType};
use super::encryption::{ContentEncryption, KeyManagement};
use super::representation;
use super::scope::{self, ClaimName};
use super::{MacAlgorithm, SigningAlgorithm, claim_member, verified_claims};
use serde_json::{Map, Value, json};

/// Paths below the issuer.
pub mod path {
    /// OpenID Connect Discovery 1.0 section 4.
    pub const DISCOVERY: &str = "/.well-known/openid-configuration";
    /// JWK set.
    pub const JWKS: &str = "/jwks";
    /// Authorization endpoint.
    pub const AUTHORIZE: &str = "/authorize";
    /// Token endpoint.
    pub const TOKEN: &str = "/token";
    /// Pushed authorization request endpoint (RFC 9126).
    pub const PAR: &str = "/par";
    /// Userinfo endpoint.
    pub const USERINFO: &str = "/userinfo";
    /// Introspection endpoint (RFC 7662).
    pub const INTROSPECT: &str = "/introspect";
    /// Revocation endpoint (RFC 7009).
    pub const REVOKE: &str = "/revoke";
    /// Device authorization endpoint (RFC 8628 3.1).
    pub const DEVICE_AUTHORIZATION: &str = "/device_authorization";
    /// Where people type in the code of a device (RFC 8628 3.3).
    pub const DEVICE: &str = "/device";
    /// Backchannel authentication endpoint (OpenID Connect CIBA 7).
    pub const BACKCHANNEL_AUTHENTICATION: &str = "/backchannel_authentication";
    /// End-session endpoint (OpenID Connect RP-Initiated Logout 1.0).
    pub const LOGOUT: &str = "/logout";
    /// A portal's own record of the sign-outs it was told of: no standard's, so no metadata names it.
    pub const LOGOUT_DELIVERIES: &str = "/logout/deliveries";
    /// What portals frame to learn of changes (OpenID Connect Session Management 1.0 section 3.2).
    pub const CHECK_SESSION: &str = "/session/check";
    /// Client registration (RFC 7591); a registered client is below it (RFC 7592).
    pub const REGISTER: &str = "/register";
    /// RFC 8414 3.
    pub const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
    /// A protected resource for conformance runs.
    pub const TEST_RESOURCE: &str = "/test/resource";
    /// RFC 9728 3.1: what the userinfo endpoint takes.
    pub const USERINFO_METADATA: &str = "/.well-known/oauth-protected-resource/userinfo";
}

/// The issuer and what lies below it. Comes from configuration only, never from a request (J1, J2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    issuer: String,
}

impl Endpoints {
    /// Below this issuer, which is kept as written: it is compared byte for byte everywhere.
    pub fn new(issuer: impl Into<String>) -> Self {
        Self { issuer: issuer.into() }
    }

    /// The issuer identifier.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The address of one of [`path`].
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }
}

/// What this installation can do, from configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capabilities {
    /// Every acr value that may be asked for, the weakest first.
    pub acr_values: Vec<String>,
    /// Those of them that nobody can reach here: asked for as essential, they are an error.
    pub unreachable_acr_values: Vec<String>,
    /// Other spellings of acr values accepted in requests.
    pub acr_aliases: Vec<String>,
    /// Algorithms there are keys for.
    pub signing_algorithms: Vec<SigningAlgorithm>,
    /// Algorithms there are keys for that requests can be encrypted to.
    pub request_encryption: Vec<KeyManagement>,
    /// Languages there are pages in, as primary subtags: `vi`, `en`.
    pub ui_locales: Vec<String>,
    /// Scopes that are announced beside those about people.
    pub extra_scopes: Vec<String>,
    /// A register of organizations is connected, so that people can act for them.
    pub representation: bool,
    /// Clients can register themselves.
    pub registration: bool,
    /// Clients may be known by the address of a document about them.
    pub client_documents: bool,
    /// Certificates of clients reach us (RFC 8705).
    pub certificates: bool,
    /// Somebody vouches for some of them: `tls_client_auth` works.
    pub client_authorities: bool,
    /// Where the same endpoints ask clients for a certificate: an origin.
    pub mtls_origin: Option<String>,
}

impl Capabilities {
    /// The ways a client can prove itself here, the preferred one first.
    pub fn authentication_methods(&self) -> impl Iterator<Item = AuthenticationMethod> {
        AuthenticationMethod::ALL.iter().copied().filter(|method| match method {
            AuthenticationMethod::TlsClientAuth => self.certificates && self.client_authorities,
            AuthenticationMethod::SelfSignedTlsClientAuth => self.certificates,
            _ => true,
        })
    }

    /// Whether an acr value may be asked for.
    pub fn knows_acr(&self, acr: &str) -> bool {
        self.acr_values.iter().chain(&self.acr_aliases).any(|known| known == acr)
    }
}

/// The metadata document.
pub fn document(endpoints: &Endpoints, capabilities: &Capabilities) -> Value {
    let algorithms: Vec<&str> = capabilities.signing_algorithms.iter().map(|a| a.as_str()).collect();
    let signatures: Vec<&str> = SigningAlgorithm::ALL.iter().map(|a| a.as_str()).collect();
    let macs = MacAlgorithm::ALL.iter().map(|algorithm| algorithm.as_str());
    let assertion_algorithms: Vec<&str> = signatures.iter().copied().chain(macs).collect();
    let methods: Vec<&str> = capabilities.authentication_methods().map(AuthenticationMethod::as_str).collect();
    let confidential: Vec<&str> = methods.iter().copied().filter(|method| *method != "none").collect();
    let response_modes: Vec<&str> = ResponseMode::ALL.map(ResponseMode::as_str).into_iter().chain(["jwt"]).collect();
    let grants: Vec<&str> = GrantType::ALL.iter().map(|grant| grant.as_str()).collect();
    let claims: Vec<&str> = [
        "sub",
        "iss",
        "aud",
        "exp",
        "iat",
        "auth_time",
        "nonce",
        "acr",
        "amr",
        "sid",
        "identity_level",
        "authentication_level",
    ]
    .into_iter()
    .chain(ClaimName::ALL.iter().map(|claim| claim.as_str()))
    .collect();
    let extra = capabilities.extra_scopes.iter().map(String::as_str);
    let scopes: Vec<&str> = scope::PERSON_SCOPES.iter().copied().chain(extra).collect();
    let within_reach = |acr: &&String| !capabilities.unreachable_acr_values.contains(acr);
    let acr_values: Vec<&String> = capabilities.acr_values.iter().filter(within_reach).collect();
    let mut document = json!({
        "issuer": endpoints.issuer(),
        "authorization_endpoint": endpoints.url(path::AUTHORIZE),
        "token_endpoint": endpoints.url(path::TOKEN),
        "pushed_authorization_request_endpoint": endpoints.url(path::PAR),
        "require_pushed_authorization_requests": false,
        "userinfo_endpoint": endpoints.url(path::USERINFO),
        "introspection_endpoint": endpoints.url(path::INTROSPECT),
        "revocation_endpoint": endpoints.url(path::REVOKE),
        "jwks_uri": endpoints.url(path::JWKS),
        "response_types_supported": ["code"],
        "response_modes_supported": response_modes,
        "authorization_signing_alg_values_supported": algorithms,
        "grant_types_supported": grants,
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["pairwise"],
        "scopes_supported": scopes,
        "claims_supported": claims,
        "claim_types_supported": ["normal"],
        "claims_parameter_supported": true,
        "request_parameter_supported": true,
        "request_uri_parameter_supported": true,
        "request_object_signing_alg_values_supported": signatures,
        "require_signed_request_object": false,
        "dpop_signing_alg_values_supported": SigningAlgorithm::FAPI.map(SigningAlgorithm::as_str),
        "acr_values_supported": acr_values,
        "prompt_values_supported": Prompt::ALL.map(Prompt::as_str),
        "display_values_supported": ["page"],
        "ui_locales_supported": capabilities.ui_locales,
        "id_token_signing_alg_values_supported": algorithms,
        "userinfo_signing_alg_values_supported": algorithms,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "introspection_signing_alg_values_supported": algorithms,
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "authorization_response_iss_parameter_supported": true,
    });
    let Some(members) = document.as_object_mut() else { return document };
    members.extend(other_devices(endpoints, &signatures));
    members.extend(encrypted(&capabilities.request_encryption));
    members.extend(signing_out(endpoints));
    members.extend(identity_assurance());
    // OpenID Connect Discovery 3: nothing is fetched from an address that is not registered.
    members.insert("require_request_uri_registration".to_owned(), true.into());
    members.insert("claims_locales_supported".to_owned(), json!(claim_member::LOCALES));
    // RFC 9728 4.
    members.insert("protected_resources".to_owned(), json!([endpoints.url(path::USERINFO)]));
    if capabilities.representation {
        // RFC 9396 10.
        members.insert("authorization_details_types_supported".to_owned(), json!([representation::TYPE]));
    }
    if capabilities.registration {
        members.insert("registration_endpoint".to_owned(), endpoints.url(path::REGISTER).into());
    }
    if capabilities.client_documents {
        // draft-ietf-oauth-client-id-metadata-document 5.
        members.insert("client_id_metadata_document_supported".to_owned(), true.into());
    }
    if capabilities.certificates {
        // RFC 8705 3.3.
        members.insert("tls_client_certificate_bound_access_tokens".to_owned(), true.into());
    }
    if let Some(origin) = &capabilities.mtls_origin {
        // RFC 8705 5: every endpoint that clients call, at the listener that asks for their certificate.
        let there = Endpoints::new(origin.as_str());
        let aliases: Map<String, Value> = ALIASED
            .iter()
            .filter(|(name, _)| members.contains_key(*name))
            .map(|(name, path)| ((*name).to_owned(), there.url(path).into()))
            .collect();
        members.insert("mtls_endpoint_aliases".to_owned(), Value::Object(aliases));
    }
    document
}

/// What our own API says of itself (RFC 9728 2): the userinfo endpoint. The registration endpoint is none: its initial
/// access tokens are handed out by the operator, not by way of a grant.
pub fn resource(endpoints: &Endpoints, capabilities: &Capabilities) -> Value {
    let algorithms: Vec<&str> = capabilities.signing_algorithms.iter().map(|a| a.as_str()).collect();
    let scopes: Vec<&str> = scope::PERSON_SCOPES.iter().copied().filter(|s| *s != scope::OFFLINE_ACCESS).collect();
    let mut document = json!({
        "resource": endpoints.url(path::USERINFO),
        "authorization_servers": [endpoints.issuer()],
        "jwks_uri": endpoints.url(path::JWKS),
        "scopes_supported": scopes,
        "bearer_methods_supported": ["header", "body"],
        "resource_signing_alg_values_supported": algorithms,
        "resource_name": "Userinfo",
        "dpop_signing_alg_values_supported": SigningAlgorithm::FAPI.map(SigningAlgorithm::as_str),
        "dpop_bound_access_tokens_required": false,
    });
    let Some(members) = document.as_object_mut() else { return document };
    if capabilities.certificates {
        members.insert("tls_client_certificate_bound_access_tokens".to_owned(), true.into());
    }
    if capabilities.representation {
        members.insert("authorization_details_types_supported".to_owned(), json!([representation::TYPE]));
    }
    document
}

/// The endpoints at which a client may show a certificate.
const ALIASED: &[(&str, &str)] = &[
    ("token_endpoint", path::TOKEN),
    ("userinfo_endpoint", path::USERINFO),
    ("pushed_authorization_request_endpoint", path::PAR),
    ("introspection_endpoint", path::INTROSPECT),
    ("revocation_endpoint", path::REVOKE),
    ("registration_endpoint", path::REGISTER),
    ("device_authorization_endpoint", path::DEVICE_AUTHORIZATION),
    ("backchannel_authentication_endpoint", path::BACKCHANNEL_AUTHENTICATION),
];

/// Whether clients may call this path at the origin that asks for their certificate. Pages stay at the issuer's.
pub fn is_aliased(path: &str) -> bool {
    let below = |of: &str| path.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    [path::TEST_RESOURCE, path::LOGOUT_DELIVERIES].contains(&path) || ALIASED.iter().any(|(_, of)| below(of))
}

/// What is encrypted: answers to keys of clients, and requests to keys of ours where there are some (OpenID Connect
/// Discovery 3, JARM 4, RFC 9101 10.5, RFC 9701 7).
fn encrypted(requests: &[KeyManagement]) -> impl Iterator<Item = (String, Value)> {
    let answers =
        ["id_token", "userinfo", "authorization", "introspection"].map(|answer| (answer, &KeyManagement::ALL[..]));
    let named = answers.into_iter().chain((!requests.is_empty()).then_some(("request_object", requests)));
    named.flat_map(|(name, algorithms)| {
        [
            (format!("{name}_encryption_alg_values_supported"), json!(algorithms)),
            (format!("{name}_encryption_enc_values_supported"), json!(ContentEncryption::ALL)),
        ]
    })
}

/// What `verified_claims` can hold (OpenID Connect for Identity Assurance 1.0 section 8): no documents, no attachments.
fn identity_assurance() -> Vec<(String, Value)> {
    let claims: Vec<&str> = ClaimName::OF_REGISTER.iter().map(|claim| claim.as_str()).collect();
    [
        ("verified_claims_supported", json!(true)),
        ("trust_frameworks_supported", json!([verified_claims::TRUST_FRAMEWORK])),
        ("evidence_supported", json!([verified_claims::EVIDENCE])),
        ("electronic_records_supported", json!([verified_claims::RECORD])),
        ("claims_in_verified_claims_supported", json!(claims)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// What is asked for on another device than the person's (RFC 8628 4, CIBA 4).
fn other_devices(endpoints: &Endpoints, signatures: &[&str]) -> Vec<(String, Value)> {
    [
        ("device_authorization_endpoint", json!(endpoints.url(path::DEVICE_AUTHORIZATION))),
        ("backchannel_authentication_endpoint", json!(endpoints.url(path::BACKCHANNEL_AUTHENTICATION))),
        ("backchannel_token_delivery_modes_supported", json!(["poll", "ping"])),
        ("backchannel_authentication_request_signing_alg_values_supported", json!(signatures)),
        ("backchannel_user_code_parameter_supported", json!(false)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// RP-Initiated Logout 2.1, Back-Channel Logout 2.1, Front-Channel Logout 3, Session Management 3.3.
fn signing_out(endpoints: &Endpoints) -> Vec<(String, Value)> {
    [
        ("end_session_endpoint", json!(endpoints.url(path::LOGOUT))),
        ("check_session_iframe", json!(endpoints.url(path::CHECK_SESSION))),
        ("backchannel_logout_supported", json!(true)),
        ("backchannel_logout_session_supported", json!(true)),
        ("frontchannel_logout_supported", json!(true)),
        ("frontchannel_logout_session_supported", json!(true)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn capabilities() -> Capabilities {
        Capabilities {
            acr_values: vec!["urn:dinhdanh:acr:1".into(), "urn:dinhdanh:acr:2".into()],
            unreachable_acr_values: Vec::new(),
            acr_aliases: vec!["LoA1".into(), "LoA2".into()],
            signing_algorithms: SigningAlgorithm::ALL.to_vec(),
            request_encryption: vec![KeyManagement::EcdhEs],
            ui_locales: vec!["vi".into(), "en".into()],
            extra_scopes: Vec::new(),
            representation: true,
            registration: false,
            client_documents: false,
            certificates: false,
            client_authorities: false,
            mtls_origin: None,
        }
    }

    #[test]
    fn registration_and_mutual_tls_are_announced_only_where_they_are() {
        let there = Capabilities {
            registration: true,
            client_documents: true,
            certificates: true,
            client_authorities: true,
            mtls_origin: Some("https://mtls.example:8444".into()),
            ..capabilities()
        };
        let document = super::document(&Endpoints::new("https://id.example"), &there);
        assert_eq!(document["registration_endpoint"], "https://id.example/register");
        assert_eq!(document["mtls_endpoint_aliases"]["token_endpoint"], "https://mtls.example:8444/token");
        assert_eq!(document["client_id_metadata_document_supported"], true);
        let without = super::document(&Endpoints::new("https://id.example"), &capabilities());
        assert!(without.get("client_id_metadata_document_supported").is_none());
        assert!(without.get("registration_endpoint").is_none() && without.get("mtls_endpoint_aliases").is_none());
    }

    #[test]
    fn authorization_details_are_announced_only_where_organizations_are_known() {
        let name = "authorization_details_types_supported";
        let with = document(&Endpoints::new("https://id.example"), &capabilities());
        assert_eq!(with[name], serde_json::json!([representation::TYPE]));
        let without = Capabilities { representation: false, ..capabilities() };
        assert!(document(&Endpoints::new("https://id.example"), &without).get(name).is_none());
    }

    #[test]
    fn j2_every_address_lies_below_the_configured_issuer() {
        for issuer in ["https://id.example", "https://id.example/"] {
            let document = document(&Endpoints::new(issuer), &capabilities());
            assert_eq!(document["issuer"], issuer);
            let members = document.as_object().unwrap().iter();
            let addresses: Vec<&str> = members
                .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri")
                .filter_map(|(_, v)| v.as_str())
                .collect();
            assert_eq!(addresses.len(), 10);
            assert!(
                addresses.iter().all(|url| url.starts_with("https://id.example/") && !url[8..].contains("//")),
                "{addresses:?}"
            );
        }
    }

    #[test]
    fn h5_says_the_truth_about_what_there_is_not() {
        let document = document(&Endpoints::new("https://id.example"), &capabilities());
        assert_eq!(document["response_types_supported"], json!(["code"]));
        let modes = ["query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt"];
        assert_eq!(document["response_modes_supported"], json!(modes));
        assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(document["subject_types_supported"], json!(["pairwise"]));
        let text = document.to_string();
        for absent in ["password", "implicit", "\"token\"", "registration_endpoint"] {
            assert!(!text.contains(absent), "{absent}");
        }
        // The document describes what it is given: fewer keys, fewer algorithms.
        let few = Capabilities { signing_algorithms: vec![SigningAlgorithm::ES256], ..capabilities() };
        let document = super::document(&Endpoints::new("https://id.example"), &few);
        assert_eq!(document["id_token_signing_alg_values_supported"], json!(["ES256"]));
        let name = "request_object_encryption_alg_values_supported";
        assert_eq!(document[name], json!(["ECDH-ES"]));
        let none = Capabilities { request_encryption: Vec::new(), ..capabilities() };
        assert!(super::document(&Endpoints::new("https://id.example"), &none).get(name).is_none());
    }

    #[test]
    fn ida_8_what_can_be_verified_is_announced() {
        let document = document(&Endpoints::new("https://id.example"), &capabilities());
        assert_eq!(document["verified_claims_supported"], true);
        assert_eq!(
            document["claims_in_verified_claims_supported"],
            json!(["name", "birthdate", "gender", "personal_number"])
        );
        for name in ["trust_frameworks_supported", "evidence_supported", "electronic_records_supported"] {
            assert_eq!(document[name].as_array().unwrap().len(), 1, "{name}");
        }
        for absent in ["documents_supported", "attachments_supported"] {
            assert!(document.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn rfc9728_2_the_userinfo_endpoint_says_what_it_takes() {
        let endpoints = Endpoints::new("https://id.example");
        let resource = resource(&endpoints, &capabilities());
        assert_eq!(resource["resource"], document(&endpoints, &capabilities())["userinfo_endpoint"]);
        assert_eq!(resource["authorization_servers"], json!(["https://id.example"]));
        assert_eq!(resource["bearer_methods_supported"], json!(["header", "body"]));
        // RFC 9728 3.1: the well-known part stands between host and path.
        assert_eq!(path::USERINFO_METADATA, format!("/.well-known/oauth-protected-resource{}", path::USERINFO));
        assert!(resource.get("tls_client_certificate_bound_access_tokens").is_none());
        let fewer = Capabilities { representation: false, certificates: true, ..capabilities() };
        let resource = super::resource(&endpoints, &fewer);
        assert_eq!(resource["tls_client_certificate_bound_access_tokens"], true);
        assert!(resource.get("authorization_details_types_supported").is_none());
    }

    #[test]
    fn nobody_introspects_without_authentication() {
        let document = document(&Endpoints::new("https://id.example"), &capabilities());
        let methods = document["introspection_endpoint_auth_methods_supported"].as_array().unwrap();
        assert!(!methods.contains(&json!("none")) && methods.len() == 4);
    }
}
