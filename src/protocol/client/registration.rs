//! The rules of registration.

use super::{
    AccessTokenFormat, ApplicationType, AuthenticationMethod, ClientMetadata, DeliveryMode, Doors, GrantType, Profile,
    Sharing,
};
use crate::protocol::encryption::KeyManagement;
use crate::protocol::representation::{self, RepresentationPolicy};
use crate::protocol::scope::{self, ScopeSet};
use crate::protocol::strict_json::{self, Limits};
use crate::protocol::{AssertionAlgorithm, Error, ErrorCode, SigningAlgorithm, SigningAlgorithms, request_uri, uri};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeSet;
use url::Url;

/// What the installation lets clients register.
#[derive(Debug, Clone, Copy, Default)]
pub struct RegistrationPolicy {
    /// Web clients may use `http` on 127.0.0.1 and [::1]: demo and tests only.
    pub allow_loopback_http: bool,
    /// `initiate_login_uri` may, too.
    pub allow_loopback_login: bool,
    /// Redirect addresses may lie on several hosts without a `sector_identifier_uri`: such a client is a sector of its
    /// own. Conformance runs only.
    pub several_hosts: bool,
    /// What tokens and answers can be signed with here.
    pub signing_algorithms: SigningAlgorithms,
}

/// Every member and what it takes: for hints, and so that an unknown one is found.
pub(super) const MEMBERS: &[(&str, &str)] = &[
    ("redirect_uris", "a list of exact addresses"),
    ("client_name", "a text"),
    ("client_name#vi", "a text"),
    ("client_name#en", "a text"),
    (
        "token_endpoint_auth_method",
        "private_key_jwt, tls_client_auth, self_signed_tls_client_auth, client_secret_jwt, client_secret_basic, client_secret_post or none",
    ),
    (
        "grant_types",
        "a list of authorization_code, refresh_token, client_credentials, urn:ietf:params:oauth:grant-type:device_code, urn:openid:params:grant-type:ciba, urn:ietf:params:oauth:grant-type:token-exchange",
    ),
    ("response_types", "the list [code]"),
    ("scope", "scopes parted by spaces"),
    ("jwks", "a JWK set"),
    ("jwks_uri", "an https address; not beside jwks"),
    ("application_type", "web or native"),
    ("subject_type", "pairwise"),
    ("sector_identifier_uri", "an https address"),
    ("id_token_signed_response_alg", "ES256, RS256, PS256 or EdDSA"),
    ("userinfo_signed_response_alg", "ES256, RS256, PS256 or EdDSA"),
    ("token_endpoint_auth_signing_alg", "ES256, RS256, PS256, EdDSA, HS256, HS384 or HS512"),
    ("default_max_age", "whole seconds"),
    ("require_auth_time", "true or false"),
    ("default_acr_values", "a list of acr values"),
    ("post_logout_redirect_uris", "a list of exact addresses"),
    ("backchannel_logout_uri", "an https address"),
    ("backchannel_logout_session_required", "true or false"),
    ("logo_uri", "an https address"),
    ("client_uri", "an https address"),
    ("contacts", "a list of texts"),
    ("policy_uri", "an https address"),
    ("tos_uri", "an https address"),
    ("access_token_signed_response_alg", "ES256, RS256, PS256 or EdDSA"),
    ("require_pkce", "true or false; false for confidential clients only"),
    ("minimum_authentication_level", "1, 2, 3 or 4"),
    ("minimum_identity_level", "0, 1 or 2"),
    ("sharing", "an object with claims, purpose {vi, en}, legal_basis, basis_kind (consent or law) and term_days"),
    ("representation", "refused, allowed or required"),
    ("audience", "a list of resource identifiers"),
    ("profile", "fapi2_security or fapi2_message_signing"),
    ("ciba_profile", "true or false"),
    ("require_pushed_authorization_requests", "true or false"),
    ("require_signed_request_object", "true or false"),
    ("request_object_signing_alg", "ES256, RS256, PS256 or EdDSA"),
    ("request_object_encryption_alg", "RSA-OAEP-256 or ECDH-ES"),
    ("request_object_encryption_enc", "A128GCM, A256GCM or A128CBC-HS256"),
    ("request_uris", "a list of https addresses"),
    ("authorization_signed_response_alg", "ES256, RS256, PS256 or EdDSA"),
    ("authorization_encrypted_response_alg", "RSA-OAEP-256, ECDH-ES or ECDH-ES+A256KW"),
    ("authorization_encrypted_response_enc", "A128GCM, A256GCM or A128CBC-HS256"),
    ("id_token_encrypted_response_alg", "RSA-OAEP-256, ECDH-ES or ECDH-ES+A256KW"),
    ("id_token_encrypted_response_enc", "A128GCM, A256GCM or A128CBC-HS256"),
    ("userinfo_encrypted_response_alg", "RSA-OAEP-256, ECDH-ES or ECDH-ES+A256KW"),
    ("userinfo_encrypted_response_enc", "A128GCM, A256GCM or A128CBC-HS256"),
    ("introspection_signed_response_alg", "ES256, RS256, PS256 or EdDSA"),
    ("introspection_encrypted_response_alg", "RSA-OAEP-256, ECDH-ES or ECDH-ES+A256KW"),
    ("introspection_encrypted_response_enc", "A128GCM, A256GCM or A128CBC-HS256"),
    ("access_token_format", "jwt or opaque"),
    ("dpop_bound_access_tokens", "true or false"),
    ("tls_client_certificate_bound_access_tokens", "true or false"),
    ("tls_client_auth_subject_dn", "a distinguished name (RFC 4514)"),
    ("tls_client_auth_san_dns", "a host name"),
    ("tls_client_auth_san_uri", "a URI"),
    ("tls_client_auth_san_ip", "an IP address"),
    ("tls_client_auth_san_email", "an e-mail address"),
    ("backchannel_token_delivery_mode", "poll or ping"),
    ("backchannel_client_notification_endpoint", "an https address"),
    ("backchannel_authentication_request_signing_alg", "ES256, RS256, PS256 or EdDSA"),
    ("backchannel_user_code_parameter", "true or false"),
    ("token_exchange_clients", "a list of client identifiers"),
    ("frontchannel_logout_uri", "an https address"),
    ("frontchannel_logout_session_required", "true or false"),
    ("initiate_login_uri", "an https address"),
    ("authorization_details_types", "a list of urn:dinhdanh:representation"),
    ("software_id", "a text"),
    ("software_version", "a text"),
];

const SHARING_MEMBERS: &[&str] = &["claims", "purpose", "legal_basis", "basis_kind", "term_days"];

pub(super) const LIMITS: Limits = Limits { depth: 6, values: 1_000 };
const MAX_URIS: usize = 50;
const MAX_NAME_CHARS: usize = 200;
const MAX_TEXT_CHARS: usize = 2_000;
/// Ten years.
const MAX_TERM_DAYS: u32 = 3_650;

type Rule = fn(&ClientMetadata, RegistrationPolicy) -> Result<(), Error>;

const RULES: &[Rule] = &[
    profile,
    signed_everywhere,
    access_tokens,
    details_types,
    names,
    grants,
    devices,
    ciba,
    token_exchange,
    redirect_uris,
    public_clients,
    keys,
    encryption,
    certificates,
    levels,
    acr_values,
    signable,
    scopes,
    web_addresses,
    frontchannel_logout,
    request_uris,
    audience,
    sharing,
];

pub(super) fn invalid(reason: &'static str, description: impl Into<Cow<'static, str>>) -> Error {
    Error { code: ErrorCode::InvalidClientMetadata, reason, description: description.into() }
}

pub(super) fn parse(json: &str) -> Result<ClientMetadata, Error> {
    let members = strict_json::parse_object(json, LIMITS)
        .map_err(|_| invalid("metadata_not_json", "The metadata is not one JSON object without doubled members."))?;
    if let Some(unknown) = members.keys().find(|name| !MEMBERS.iter().any(|(known, _)| known == name)) {
        return Err(unknown_member(unknown));
    }
    if let Some(sharing) = members.get("sharing")
        && !(has_only(sharing, SHARING_MEMBERS)
            && sharing.get("purpose").is_none_or(|purpose| has_only(purpose, &["vi", "en"])))
    {
        return Err(invalid("unknown_sharing_member", "sharing or sharing.purpose holds an unknown member."));
    }
    serde_json::from_value(Value::Object(members.clone())).map_err(|_| wrong_member(&members))
}

fn has_only(value: &Value, known: &[&str]) -> bool {
    value.as_object().is_none_or(|members| members.keys().all(|name| known.contains(&name.as_str())))
}

/// Names the known member nearest to an unknown one; the unknown one itself is not repeated (K1).
fn unknown_member(unknown: &str) -> Error {
    let nearest = MEMBERS
        .iter()
        .map(|(known, _)| (strsim::jaro_winkler(unknown, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    invalid(
        "unknown_metadata_member",
        match nearest {
            Some((_, known)) => Cow::Owned(format!("A member is unknown. The nearest known name is {known}.")),
            None => Cow::Borrowed("A member is unknown, and no known name is near it."),
        },
    )
}

/// Finds the member that does not read, by reading each alone.
pub(super) fn wrong_member(members: &Map<String, Value>) -> Error {
    let wrong = MEMBERS.iter().find(|(name, _)| {
        members.get(*name).is_some_and(|value| {
            let alone = Map::from_iter([((*name).to_owned(), value.clone())]);
            serde_json::from_value::<ClientMetadata>(Value::Object(alone)).is_err()
        })
    });
    invalid(
        "wrong_metadata_member",
        match wrong {
            Some((name, takes)) => Cow::Owned(format!("The member {name} takes {takes}.")),
            None => Cow::Borrowed("The metadata cannot be read."),
        },
    )
}

pub(super) fn validate(mut metadata: ClientMetadata, policy: RegistrationPolicy) -> Result<ClientMetadata, Error> {
    if !metadata.grant_types.contains(&GrantType::AuthorizationCode) {
        // RFC 7591 2.1: response types belong to the code grant; `code` is only the default of a member left out.
        metadata.response_types.clear();
    }
    content_encryption(&mut metadata.doors);
    if metadata.scope.is_empty() && signs_in(&metadata) {
        metadata.scope = ScopeSet::parse(scope::OPENID).unwrap_or_default();
    }
    RULES.iter().try_for_each(|rule| rule(&metadata, policy))?;
    Ok(metadata)
}

/// OpenID Connect Registration 2: what an `alg` without an `enc` means is said to the client.
fn content_encryption(doors: &mut Doors) {
    let pairs = [
        (doors.id_token_encrypted_response_alg, &mut doors.id_token_encrypted_response_enc),
        (doors.userinfo_encrypted_response_alg, &mut doors.userinfo_encrypted_response_enc),
        (doors.authorization_encrypted_response_alg, &mut doors.authorization_encrypted_response_enc),
        (doors.introspection_encrypted_response_alg, &mut doors.introspection_encrypted_response_enc),
        (doors.request_object_encryption_alg, &mut doors.request_object_encryption_enc),
    ];
    for (algorithm, content) in pairs {
        if algorithm.is_some() {
            content.get_or_insert_default();
        }
    }
}

/// A client that signs its requests signs them at every door, and a device's request cannot be signed (A10: the sibling
/// door).
fn signed_everywhere(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let doors = &metadata.doors;
    let has = |grant| metadata.grant_types.contains(&grant);
    let unsigned_ciba = has(GrantType::Ciba) && doors.backchannel_authentication_request_signing_alg.is_none();
    let signs = doors.require_signed_request_object || doors.profile == Some(Profile::Fapi2MessageSigning);
    if signs && (has(GrantType::DeviceCode) || unsigned_ciba) {
        let description = "A client that signs its requests takes no device_code, and signs its CIBA requests too.";
        return Err(invalid("signed_everywhere", description));
    }
    Ok(())
}

/// Opaque access tokens carry no signature that one could choose.
fn access_tokens(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let opaque = metadata.doors.access_token_format == AccessTokenFormat::Opaque;
    if opaque && metadata.access_token_signed_response_alg.is_some() {
        let description = "access_token_signed_response_alg is of signed access tokens, not of opaque ones.";
        return Err(invalid("access_token_format", description));
    }
    Ok(())
}

/// RFC 9396 10: types that there are, and that the client was let use.
fn details_types(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let types = &metadata.doors.authorization_details_types;
    if types.iter().any(|name| name != representation::TYPE) {
        return Err(invalid("authorization_details_types", "authorization_details_types names an unknown type."));
    }
    if !types.is_empty() && metadata.representation == RepresentationPolicy::Refused {
        let description = "authorization_details_types needs representation to be allowed or required.";
        return Err(invalid("authorization_details_types", description));
    }
    Ok(())
}

/// A profile takes keys that are proved asymmetrically, algorithms of FAPI and nothing that leads elsewhere (FAPI 2.0
/// Security Profile 5.3.2.1, 5.4.1; FAPI-CIBA 5.2.2, 7.10).
fn profile(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    if !metadata.doors.is_fapi() {
        return Ok(());
    }
    let strong = [
        AuthenticationMethod::PrivateKeyJwt,
        AuthenticationMethod::TlsClientAuth,
        AuthenticationMethod::SelfSignedTlsClientAuth,
    ];
    if !strong.contains(&metadata.token_endpoint_auth_method) {
        let description = "A client of a FAPI profile proves itself by private_key_jwt or mutual TLS.";
        return Err(invalid("profile_authentication_method", description));
    }
    let algorithms = [
        Some(metadata.id_token_signed_response_alg),
        metadata.userinfo_signed_response_alg,
        metadata.access_token_signed_response_alg,
        metadata.doors.request_object_signing_alg,
        metadata.doors.authorization_signed_response_alg,
        metadata.doors.introspection_signed_response_alg,
        metadata.doors.backchannel_authentication_request_signing_alg,
    ];
    let fapi = |algorithm: &SigningAlgorithm| SigningAlgorithm::FAPI.contains(algorithm);
    let asserted = match &metadata.token_endpoint_auth_signing_alg {
        None => true,
        Some(AssertionAlgorithm::Signature(algorithm)) => fapi(algorithm),
        Some(AssertionAlgorithm::Mac(_)) => false,
    };
    if !asserted || !algorithms.iter().flatten().all(fapi) {
        return Err(invalid("profile_algorithm", "A client of a FAPI profile takes ES256, PS256 and EdDSA only."));
    }
    if metadata.doors.profile.is_none() {
        return Ok(());
    }
    // A10: FAPI 2.0 says how people are asked in a browser. Beside it there is FAPI-CIBA, and nothing for a device.
    let has = |grant| metadata.grant_types.contains(&grant);
    if has(GrantType::DeviceCode) || (has(GrantType::Ciba) && !metadata.doors.ciba_profile) {
        let description = "A client of a FAPI profile takes no device_code, and CIBA with ciba_profile only.";
        return Err(invalid("profile_grant", description));
    }
    if !metadata.require_pkce {
        return Err(invalid("profile_pkce", "A client of a FAPI profile needs PKCE: require_pkce must be true."));
    }
    Ok(())
}

fn names(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let names = [&metadata.client_name, &metadata.client_name_vi, &metadata.client_name_en];
    if names.iter().all(|name| name.is_none()) {
        return Err(invalid("client_name_missing", "client_name is missing: people must see whom they sign in to."));
    }
    if names.into_iter().flatten().any(|name| !is_plain_text(name, MAX_NAME_CHARS)) {
        return Err(invalid(
            "client_name_malformed",
            "A client_name is empty, longer than 200 characters or holds control characters.",
        ));
    }
    if metadata.contacts.len() > MAX_URIS || metadata.contacts.iter().any(|c| !is_plain_text(c, MAX_NAME_CHARS)) {
        return Err(invalid(
            "contacts_malformed",
            "A contact is empty, longer than 200 characters or holds control characters.",
        ));
    }
    Ok(())
}

/// Non-empty, bounded, and without characters that disturb.
pub(super) fn is_plain_text(text: &str, max_chars: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= max_chars && !text.contains(is_disturbing)
}

/// Control, direction and invisible characters and separators of lines, which make one text look like another.
pub fn is_disturbing(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// RFC 7591 2.1: grants and response types that fit together.
fn grants(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let has = |grant| metadata.grant_types.contains(&grant);
    if metadata.grant_types.is_empty() {
        return Err(invalid("no_grant_types", "grant_types is empty."));
    }
    if has(GrantType::RefreshToken) && !signs_in(metadata) {
        return Err(invalid(
            "refresh_without_code",
            "refresh_token needs a grant that signs people in, such as authorization_code.",
        ));
    }
    if has(GrantType::AuthorizationCode) && metadata.response_types.is_empty() {
        return Err(invalid("no_response_types", "authorization_code needs code in response_types."));
    }
    Ok(())
}

/// Whether people sign in for this client.
fn signs_in(metadata: &ClientMetadata) -> bool {
    metadata.grant_types.iter().any(|grant| grant.signs_in())
}

/// Q1 (RFC 8628 5.4): a sign-in of the highest levels is not given to another device.
fn devices(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    if metadata.grant_types.contains(&GrantType::DeviceCode) && metadata.minimum_authentication_level >= 3 {
        return Err(invalid(
            "device_level",
            "A client with minimum_authentication_level 3 or 4 cannot use device_code.",
        ));
    }
    Ok(())
}

/// CIBA 4, FAPI-CIBA 5.2.2: who may ask, how it hears the answer, and what must be signed.
fn ciba(metadata: &ClientMetadata, policy: RegistrationPolicy) -> Result<(), Error> {
    let doors = &metadata.doors;
    if !metadata.grant_types.contains(&GrantType::Ciba) {
        let named = doors.ciba_profile
            || doors.backchannel_token_delivery_mode.is_some()
            || doors.backchannel_client_notification_endpoint.is_some()
            || doors.backchannel_authentication_request_signing_alg.is_some()
            || doors.backchannel_user_code_parameter;
        return if named {
            Err(invalid("ciba_unused", "Members of CIBA need urn:openid:params:grant-type:ciba in grant_types."))
        } else {
            Ok(())
        };
    }
    if metadata.is_public() {
        return Err(invalid("public_ciba", "A public client cannot ask people by CIBA."));
    }
    match (doors.backchannel_token_delivery_mode, &doors.backchannel_client_notification_endpoint) {
        (Some(DeliveryMode::Poll), _) => {}
        (Some(DeliveryMode::Ping), Some(address)) => {
            let taken = uri::parse_web(address, policy.allow_loopback_http);
            taken.map_err(|fault| invalid("notification_endpoint_refused", fault.description()))?;
        }
        (Some(DeliveryMode::Ping), None) => {
            return Err(invalid("ping_without_endpoint", "ping needs backchannel_client_notification_endpoint."));
        }
        (None, _) => {
            return Err(invalid("delivery_mode_missing", "CIBA needs backchannel_token_delivery_mode: poll or ping."));
        }
    }
    if doors.backchannel_user_code_parameter {
        return Err(invalid("user_code_unsupported", "backchannel_user_code_parameter must be false."));
    }
    let algorithm = doors.backchannel_authentication_request_signing_alg;
    if algorithm.is_some() && metadata.jwks.is_none() && metadata.jwks_uri.is_none() {
        return Err(invalid("jwks_missing", "Signed requests need jwks."));
    }
    if !doors.ciba_profile {
        return Ok(());
    }
    // What it may be signed with is a matter of every profile: see `profile`.
    if algorithm.is_none() {
        let description = "ciba_profile needs backchannel_authentication_request_signing_alg: its requests are signed.";
        return Err(invalid("ciba_profile", description));
    }
    Ok(())
}

/// RFC 8693 5: an agency that proves itself, and whose tokens it may act with.
fn token_exchange(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let clients = &metadata.doors.token_exchange_clients;
    if !metadata.grant_types.contains(&GrantType::TokenExchange) {
        return if clients.is_empty() {
            Ok(())
        } else {
            Err(invalid("token_exchange_unused", "token_exchange_clients needs token-exchange in grant_types."))
        };
    }
    if metadata.is_public() {
        return Err(invalid("public_token_exchange", "A public client cannot exchange tokens."));
    }
    if clients.len() > MAX_URIS || clients.iter().any(|client_id| check_client_id(client_id).is_err()) {
        return Err(invalid("token_exchange_clients", "token_exchange_clients takes at most 50 client identifiers."));
    }
    Ok(())
}

/// A3, A4, A5, A8: exact addresses with a scheme that leads to the client and nowhere else.
fn redirect_uris(metadata: &ClientMetadata, policy: RegistrationPolicy) -> Result<(), Error> {
    let bad = |reason, description: &'static str| Error::new(ErrorCode::InvalidRedirectUri, reason, description);
    let both = [&metadata.redirect_uris, &metadata.post_logout_redirect_uris];
    if both.iter().any(|list| list.len() > MAX_URIS) {
        return Err(bad("too_many_redirect_uris", "There are more than 50 addresses."));
    }
    let uses_code = metadata.grant_types.contains(&GrantType::AuthorizationCode);
    if uses_code && metadata.redirect_uris.is_empty() {
        return Err(bad("no_redirect_uris", "redirect_uris is empty: authorization_code needs at least one address."));
    }
    if !uses_code && !metadata.redirect_uris.is_empty() {
        return Err(bad("redirect_uris_unused", "redirect_uris without authorization_code in grant_types."));
    }
    for text in both.into_iter().flatten() {
        let fault = |fault: uri::UriFault| bad("redirect_uri_refused", fault.description());
        let url = uri::parse_exact(text).map_err(fault)?;
        let native = metadata.application_type == ApplicationType::Native;
        let allowed = url.scheme() == "https"
            || (native && uri::is_loopback_http(&url))
            || (policy.allow_loopback_http && uri::is_local_http(&url))
            || (native && uri::is_private_use(&url));
        if !allowed {
            return Err(fault(uri::UriFault::Scheme));
        }
    }
    Ok(())
}

/// RFC 9700 2.1.1, RFC 6749 4.4: a client that holds no credential binds its codes, and has no grant of its own.
fn public_clients(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    if !metadata.is_public() {
        return Ok(());
    }
    if !metadata.require_pkce {
        return Err(invalid("public_without_pkce", "A public client needs PKCE: require_pkce must be true."));
    }
    if metadata.grant_types.contains(&GrantType::ClientCredentials) {
        return Err(invalid("public_client_credentials", "A public client cannot use client_credentials."));
    }
    Ok(())
}

/// Keys, inline or at an address that is fetched under the rules of outbound calls (RFC 7591 2; G1).
fn keys(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    if metadata.jwks_uri.is_some() && metadata.jwks.is_some() {
        return Err(invalid("jwks_twice", "Register jwks or jwks_uri, not both."));
    }
    let method = metadata.token_endpoint_auth_method;
    let keyed = matches!(metadata.token_endpoint_auth_signing_alg, Some(AssertionAlgorithm::Mac(_)));
    if keyed && method != AuthenticationMethod::ClientSecretJwt {
        return Err(invalid("auth_alg_not_of_method", "HS256, HS384 and HS512 go with client_secret_jwt only."));
    }
    let needs_keys =
        matches!(method, AuthenticationMethod::PrivateKeyJwt | AuthenticationMethod::SelfSignedTlsClientAuth);
    if needs_keys && metadata.jwks.is_none() && metadata.jwks_uri.is_none() {
        return Err(invalid("jwks_missing", "private_key_jwt and self_signed_tls_client_auth need jwks or jwks_uri."));
    }
    let Some(jwks) = &metadata.jwks else { return Ok(()) };
    let malformed = || {
        invalid("jwks_malformed", "jwks must be an object with a list of 1 to 10 public keys of type EC, RSA or OKP.")
    };
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or_else(malformed)?;
    if keys.is_empty() || keys.len() > 10 {
        return Err(malformed());
    }
    for key in keys {
        let kty = key.get("kty").and_then(Value::as_str);
        if !matches!(kty, Some("EC" | "RSA" | "OKP")) {
            return Err(malformed());
        }
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].into_iter().any(|member| key.get(member).is_some()) {
            return Err(invalid(
                "jwks_private",
                "jwks holds a private key. Make a new key pair and send the public part only.",
            ));
        }
    }
    Ok(())
}

/// OpenID Connect Registration 2, JARM 3, RFC 9701 6: an `enc` goes with its `alg`, and the client has a key that fits. Nothing is
/// keyed with a secret: only asymmetric algorithms have a name here.
fn encryption(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let doors = &metadata.doors;
    let answers = [
        (doors.id_token_encrypted_response_alg, doors.id_token_encrypted_response_enc),
        (doors.userinfo_encrypted_response_alg, doors.userinfo_encrypted_response_enc),
        (doors.authorization_encrypted_response_alg, doors.authorization_encrypted_response_enc),
        (doors.introspection_encrypted_response_alg, doors.introspection_encrypted_response_enc),
    ];
    let requests = (doors.request_object_encryption_alg, doors.request_object_encryption_enc);
    if answers.iter().chain([&requests]).any(|(algorithm, content)| algorithm.is_none() && content.is_some()) {
        return Err(invalid("enc_without_alg", "A member that ends in _enc needs the one of the same name in _alg."));
    }
    if requests.0.is_some_and(|algorithm| !KeyManagement::OURS.contains(&algorithm)) {
        let text = "request_object_encryption_alg takes RSA-OAEP-256 or ECDH-ES.";
        return Err(invalid("request_encryption_unsupported", text));
    }
    let algorithms = || answers.iter().filter_map(|(algorithm, _)| *algorithm);
    if metadata.jwks.is_none() && metadata.jwks_uri.is_none() && algorithms().next().is_some() {
        return Err(invalid("jwks_missing", "Encrypted answers need jwks or jwks_uri with a key to encrypt to."));
    }
    let Some(keys) = metadata.jwks.as_ref().and_then(|set| set.get("keys")).and_then(Value::as_array) else {
        // Keys behind an address are looked at when they are needed: they change.
        return Ok(());
    };
    let fits = |algorithm: KeyManagement| keys.iter().filter_map(Value::as_object).any(|key| algorithm.fits(key));
    if !algorithms().all(fits) {
        let text =
            "jwks holds no key that answers can be encrypted to: of use enc or none, of a type that fits the alg.";
        return Err(invalid("no_encryption_key", text));
    }
    Ok(())
}

/// RFC 8705 2.1.2: one name of the certificate for `tls_client_auth`, none for every other method.
fn certificates(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let names = metadata.doors.certificate_names();
    if metadata.token_endpoint_auth_method != AuthenticationMethod::TlsClientAuth {
        let text = "A tls_client_auth_ name of a certificate goes with tls_client_auth only.";
        return if names.is_empty() { Ok(()) } else { Err(invalid("certificate_name_unused", text)) };
    }
    match names.as_slice() {
        [name] if name.is_lawful() => Ok(()),
        [_] => Err(invalid("certificate_name_malformed", "The name of the certificate could never match one.")),
        _ => Err(invalid("certificate_name_count", "tls_client_auth needs exactly one of the tls_client_auth_ names.")),
    }
}

fn levels(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    if !(1..=4).contains(&metadata.minimum_authentication_level) {
        return Err(invalid("authentication_level_range", "minimum_authentication_level takes 1, 2, 3 or 4."));
    }
    if metadata.minimum_identity_level > 2 {
        return Err(invalid("identity_level_range", "minimum_identity_level takes 0, 1 or 2."));
    }
    Ok(())
}

fn acr_values(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let lawful = |acr: &String| !acr.is_empty() && acr.len() <= 256 && acr.bytes().all(|b| b.is_ascii_graphic());
    if metadata.default_acr_values.len() > 16 || !metadata.default_acr_values.iter().all(lawful) {
        return Err(invalid("default_acr_values_malformed", "default_acr_values takes at most 16 acr values."));
    }
    Ok(())
}

/// What is to be signed for the client is signed with keys that there are.
fn signable(metadata: &ClientMetadata, policy: RegistrationPolicy) -> Result<(), Error> {
    let wanted = [
        Some(metadata.id_token_signed_response_alg),
        metadata.userinfo_signed_response_alg,
        metadata.access_token_signed_response_alg,
        metadata.doors.authorization_signed_response_alg,
        metadata.doors.introspection_signed_response_alg,
    ];
    if wanted.into_iter().flatten().all(|algorithm| policy.signing_algorithms.contains(algorithm)) {
        return Ok(());
    }
    let description = "An algorithm of a signed answer is none of those in id_token_signing_alg_values_supported.";
    Err(invalid("no_key_of_algorithm", description))
}

fn scopes(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let person = signs_in(metadata);
    if person && !metadata.scope.contains(scope::OPENID) {
        return Err(invalid("scope_without_openid", "scope must hold openid for a client that signs people in."));
    }
    if !person && metadata.scope.iter().any(|name| scope::PERSON_SCOPES.contains(&name)) {
        return Err(invalid(
            "person_scope_without_person",
            "scope holds one that needs a person, but no grant signs one in.",
        ));
    }
    if metadata.scope.contains(scope::OFFLINE_ACCESS) && !metadata.grant_types.contains(&GrantType::RefreshToken) {
        return Err(invalid("offline_without_refresh", "offline_access needs refresh_token in grant_types."));
    }
    Ok(())
}

fn web_addresses(metadata: &ClientMetadata, policy: RegistrationPolicy) -> Result<(), Error> {
    let addresses = [
        ("jwks_uri", &metadata.jwks_uri),
        ("logo_uri", &metadata.logo_uri),
        ("client_uri", &metadata.client_uri),
        ("policy_uri", &metadata.policy_uri),
        ("tos_uri", &metadata.tos_uri),
        ("backchannel_logout_uri", &metadata.backchannel_logout_uri),
        ("sector_identifier_uri", &metadata.sector_identifier_uri),
        ("frontchannel_logout_uri", &metadata.doors.frontchannel_logout_uri),
        ("initiate_login_uri", &metadata.doors.initiate_login_uri),
    ];
    for (name, text) in addresses {
        let Some(text) = text else { continue };
        let loopback = policy.allow_loopback_http && (name != "initiate_login_uri" || policy.allow_loopback_login);
        let url = uri::parse_web(text, loopback);
        url.map_err(|fault| {
            invalid("address_refused", format!("The member {name} is refused. {}", fault.description()))
        })?;
    }
    // The sector is only fixed when the identifier is known, but whether there is one shows here.
    sector(metadata, "", policy).map(|_| ())
}

/// Front-Channel Logout 2: scheme, host and port of the address are those of a redirect address, so that nobody has our
/// signed-out page load another's pages.
fn frontchannel_logout(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let doors = &metadata.doors;
    let Some(text) = &doors.frontchannel_logout_uri else {
        let unused = doors.frontchannel_logout_session_required;
        let text = "frontchannel_logout_session_required needs frontchannel_logout_uri.";
        return if unused { Err(invalid("frontchannel_session_unused", text)) } else { Ok(()) };
    };
    let origin = |text: &String| uri::parse_exact(text).ok().map(|url| url.origin());
    let own = origin(text);
    if own.is_none() || !metadata.redirect_uris.iter().any(|redirect| origin(redirect) == own) {
        let text = "frontchannel_logout_uri must have the scheme, host and port of one of the redirect_uris.";
        return Err(invalid("frontchannel_elsewhere", text));
    }
    Ok(())
}

/// OpenID Connect Registration 2, Core 6.2: addresses of signed requests, each with or without a fragment that names its
/// content.
fn request_uris(metadata: &ClientMetadata, policy: RegistrationPolicy) -> Result<(), Error> {
    let addresses = &metadata.doors.request_uris;
    if addresses.is_empty() {
        return Ok(());
    }
    if metadata.jwks.is_none() && metadata.jwks_uri.is_none() {
        return Err(invalid("jwks_missing", "Requests at request_uris are signed: register jwks or jwks_uri."));
    }
    let lawful = |address: &String| {
        let (base, fragment) = address.split_once('#').map_or((address.as_str(), None), |(base, f)| (base, Some(f)));
        let named = fragment.is_none_or(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        });
        address.len() <= request_uri::MAX_BYTES && named && uri::parse_web(base, policy.allow_loopback_http).is_ok()
    };
    if addresses.len() > MAX_URIS || !addresses.iter().all(lawful) {
        let text = "request_uris takes at most 50 https addresses of at most 512 bytes.";
        return Err(invalid("request_uris_refused", text));
    }
    Ok(())
}

fn audience(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let lawful = |name: &String| {
        !name.is_empty() && name.len() <= 256 && name.bytes().all(|b| b.is_ascii_graphic()) && !name.contains('#')
    };
    if metadata.audience.len() > 20 || !metadata.audience.iter().all(lawful) {
        return Err(invalid(
            "audience_malformed",
            "audience takes at most 20 resource identifiers without a fragment.",
        ));
    }
    // RFC 9068 2.2: an access token always says whom it is for.
    Ok(())
}

/// Decree 47/2020 art. 38 (fields of a sharing agreement): named claims, purpose, basis and a term.
fn sharing(metadata: &ClientMetadata, _: RegistrationPolicy) -> Result<(), Error> {
    let Some(Sharing { claims, purpose, legal_basis, term_days, .. }) = &metadata.sharing else { return Ok(()) };
    let distinct: BTreeSet<_> = claims.iter().collect();
    if claims.is_empty() || distinct.len() != claims.len() {
        return Err(invalid("sharing_claims", "sharing.claims must name each claim once, and at least one."));
    }
    if ![&purpose.vi, &purpose.en, legal_basis].into_iter().all(|text| is_plain_text(text, MAX_TEXT_CHARS)) {
        return Err(invalid("sharing_texts", "sharing needs purpose.vi, purpose.en and legal_basis as plain texts."));
    }
    if !(1..=MAX_TERM_DAYS).contains(term_days) {
        return Err(invalid("sharing_term", "sharing.term_days takes 1 to 3650."));
    }
    Ok(())
}

pub(super) fn sector(metadata: &ClientMetadata, client_id: &str, policy: RegistrationPolicy) -> Result<String, Error> {
    let several = || {
        invalid(
            "sector_unclear",
            "The redirect addresses lie on several hosts: give a sector_identifier_uri on the host of the agency.",
        )
    };
    let host = |text: &String| {
        uri::parse_exact(text).ok().filter(|url| !uri::is_loopback_http(url)).and_then(|url| https_host(&url))
    };
    if let Some(given) = &metadata.sector_identifier_uri {
        // Its scheme was judged with the other addresses: https, or loopback for demo and tests.
        let host = uri::parse_exact(given).ok().and_then(|url| url.host_str().map(str::to_owned));
        return host.ok_or_else(|| invalid("sector_refused", "sector_identifier_uri must be an https address."));
    }
    let hosts: BTreeSet<String> = metadata.redirect_uris.iter().filter_map(host).collect();
    let mut hosts = hosts.into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(only), None) => Ok(only),
        (Some(_), Some(_)) if !policy.several_hosts => Err(several()),
        // A colon cannot be part of a host name, so no host can be taken for a client or the reverse.
        _ => Ok(format!("client:{client_id}")),
    }
}

fn https_host(url: &Url) -> Option<String> {
    if url.scheme() == "https" { url.host_str().map(str::to_owned) } else { None }
}

/// Whether a text can be a client identifier: 3 to 40 of `A-Z a-z 0-9 . _ -`, and not of the shape of a UUID, so that it
/// can never be read as some person's subject (RFC 9700 2.6, 4.15).
///
/// # Errors
/// `invalid_client_metadata`.
pub fn check_client_id(client_id: &str) -> Result<(), Error> {
    let lawful = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    if !(3..=40).contains(&client_id.len()) || !client_id.bytes().all(lawful) {
        return Err(invalid(
            "client_id_malformed",
            "client_id takes 3 to 40 letters, digits, dots, hyphens or underscores.",
        ));
    }
    if uuid::Uuid::parse_str(client_id).is_ok() {
        return Err(invalid("client_id_like_subject", "client_id must not have the form of a UUID."));
    }
    Ok(())
}

#[cfg(test)]
#[path = "registration_tests.rs"]
mod tests;
