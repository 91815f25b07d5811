//! The authentication request of OpenID Connect Client-Initiated Backchannel Authentication 1.0, and what FAPI-CIBA asks
//! of it besides.

use super::authorize::{self, AuthorizeRequest};
use super::client::{Client, DeliveryMode, GrantType};
use super::{Capabilities, Error, ErrorCode, Parameters, SigningAlgorithm, jws};
use crate::base::{Secret, Timestamp};
use serde_json::{Map, Value};
use std::time::Duration;
use url::form_urlencoded;

/// How long a request waits when the client says nothing.
const DEFAULT_LIFETIME: Duration = Duration::from_mins(5);
/// How long it waits at most, whatever the client says.
const MAX_LIFETIME: Duration = Duration::from_mins(10);
/// Longest message for the person, in characters: it is compared by eye with what another screen shows.
const MAX_BINDING_CHARS: usize = 60;
/// CIBA 7.1: at most 1024 characters.
const MAX_NOTIFICATION_TOKEN: usize = 1_024;
/// FAPI-CIBA 5.2.2, CIBA 7.1.1: how long a signed request may live.
const MAX_REQUEST_LIFETIME: Duration = Duration::from_hours(1);
/// How far clocks may differ for `iat` and `nbf` (T6).
const CLOCK_LEEWAY: Duration = Duration::from_secs(60);
const MAX_JTI_BYTES: usize = 128;
/// RFC 7519 4.1: claims of the signed request that are no parameters.
const ENVELOPE: [&str; 6] = ["iss", "aud", "exp", "iat", "nbf", "jti"];
/// What may stand beside a signed request: how the client authenticates (CIBA 7.1.1).
const BESIDE: [&str; 5] = ["request", "client_id", "client_secret", "client_assertion", "client_assertion_type"];
const PARAMETERS: [&str; 14] = [
    "scope",
    "client_notification_token",
    "acr_values",
    "login_hint_token",
    "id_token_hint",
    "login_hint",
    "binding_message",
    "user_code",
    "requested_expiry",
    "claims",
    "authorization_details",
    "resource",
    "ui_locales",
    "request_uri",
];

/// Whom the client means.
#[derive(Clone, PartialEq, Eq)]
pub enum Hint {
    /// A personal number, a phone, or the person's `sub` at this client.
    Login(String),
    /// An ID token of ours, unverified.
    IdToken(String),
}

/// An authentication request in which every rule of the protocol holds.
#[derive(Clone, PartialEq, Eq)]
pub struct CibaRequest {
    /// What is asked for.
    pub request: AuthorizeRequest,
    /// Of whom.
    pub hint: Hint,
    /// Shown to the person, who compares it with what the other screen shows.
    pub binding_message: Option<String>,
    /// Goes back with the ping.
    pub notification_token: Option<Secret>,
    /// How long the person has.
    pub lifetime: Duration,
}

fn invalid(reason: &'static str, description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, reason, description)
}

/// CIBA 13: the hint names nobody that this client may ask.
pub const UNKNOWN_USER: Error =
    Error::new(ErrorCode::UnknownUserId, "unknown_user", "The hint names nobody known here.");

/// Whether the client may use this door at all.
///
/// # Errors
/// `unauthorized_client`.
pub fn permitted(client: &Client) -> Result<(), Error> {
    // A10: a client of a FAPI 2.0 profile asks by FAPI-CIBA or not at all, whatever was registered before.
    let doors = &client.metadata.doors;
    let by_profile = doors.profile.is_none() || doors.ciba_profile;
    if client.allows_grant(GrantType::Ciba) && !client.is_public() && by_profile {
        return Ok(());
    }
    let description = "The client did not register urn:openid:params:grant-type:ciba.";
    Err(Error::new(ErrorCode::UnauthorizedClient, "grant_type_not_registered", description))
}

/// The signed request, if there is one; there must be one when the client registered an algorithm for it (CIBA 4), as
/// FAPI-CIBA 5.2.2 demands. Its signature is judged where keys are, with this algorithm alone.
///
/// # Errors
/// `invalid_request`.
pub fn signed<'a>(parameters: &'a Parameters, client: &Client) -> Result<Option<(&'a str, SigningAlgorithm)>, Error> {
    let registered = client.metadata.doors.backchannel_authentication_request_signing_alg;
    match (parameters.get("request"), registered) {
        (None, None) if client.is_fapi() || client.must_sign_requests() => Err(unsigned()),
        (None, None) => Ok(None),
        (None, Some(_)) => Err(unsigned()),
        (Some(_), None) => {
            Err(invalid("request_not_registered", "The client registered no algorithm for signed requests."))
        }
        (Some(compact), Some(algorithm)) => {
            let doubled = PARAMETERS.iter().any(|name| !BESIDE.contains(name) && parameters.is_present(name));
            if doubled {
                return Err(invalid("parameter_beside_request", "Every parameter belongs into the signed request."));
            }
            if client.is_fapi() && !SigningAlgorithm::FAPI.contains(&algorithm) {
                return Err(invalid(
                    "request_alg_not_fapi",
                    "A client of a FAPI profile signs with ES256, PS256 or EdDSA.",
                ));
            }
            Ok(Some((compact, algorithm)))
        }
    }
}

fn unsigned() -> Error {
    invalid("request_unsigned", "This client signs its requests: send the parameter request.")
}

/// What a signed request says once its signature holds, and what must be consumed so that it says it once.
#[derive(Debug, Clone)]
pub struct SignedRequest {
    /// Its parameters.
    pub parameters: Parameters,
    /// To be consumed, once for this client.
    pub jti: String,
    /// Until when `jti` must be remembered.
    pub expires_at: Timestamp,
}

/// Judges header and claims of a signed request whose signature was verified (CIBA 7.1.1, FAPI-CIBA 5.2.2).
///
/// # Errors
/// `invalid_request`.
pub fn read_signed(
    (header, claims): (&Map<String, Value>, &Map<String, Value>),
    client: &Client,
    issuer: &str,
    now: Timestamp,
) -> Result<SignedRequest, Error> {
    let wrong = |reason| invalid(reason, "The signed request is not one made by this client for this issuer and time.");
    let typ_fits =
        !header.contains_key("typ") || ["JWT", "oauth-authz-req+jwt"].iter().any(|typ| jws::has_type(header, typ));
    if !typ_fits || jws::has_refused_member(header) {
        return Err(wrong("request_header"));
    }
    if claims.get("iss").and_then(Value::as_str) != Some(client.client_id.as_str()) {
        return Err(wrong("request_iss"));
    }
    // RFC 9101 10.8: what authenticates a client is no request.
    if claims.contains_key("sub") {
        return Err(wrong("request_sub"));
    }
    // F13: nor is one for a browser, through which it went.
    if ["response_type", "redirect_uri"].iter().any(|name| claims.contains_key(*name)) {
        return Err(wrong("request_for_a_browser"));
    }
    let for_us = match claims.get("aud") {
        Some(Value::String(only)) => only == issuer,
        Some(Value::Array(several)) => several.iter().any(|one| one.as_str() == Some(issuer)),
        _ => false,
    };
    if !for_us {
        return Err(wrong("request_aud"));
    }
    let time = |name: &str, reason| {
        claims.get(name).and_then(jws::numeric_date).map(Timestamp::from_seconds).ok_or_else(|| wrong(reason))
    };
    let (expires_at, not_before, issued_at) =
        (time("exp", "request_exp")?, time("nbf", "request_nbf")?, time("iat", "request_iat")?);
    let latest = now.plus(CLOCK_LEEWAY);
    if not_before > latest || now >= not_before.plus(MAX_REQUEST_LIFETIME) {
        return Err(wrong("request_nbf"));
    }
    if expires_at <= now || expires_at > not_before.plus(MAX_REQUEST_LIFETIME) {
        return Err(wrong("request_exp"));
    }
    if issued_at > latest {
        return Err(wrong("request_iat"));
    }
    let jti = claims.get("jti").and_then(Value::as_str).filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_BYTES);
    let jti = jti.ok_or_else(|| wrong("request_jti"))?.to_owned();
    Ok(SignedRequest { parameters: parameters_of(claims)?, jti, expires_at })
}

/// Claims as the parameters they stand for, so that one reading serves both ways of asking.
fn parameters_of(claims: &Map<String, Value>) -> Result<Parameters, Error> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in claims.iter().filter(|(name, _)| !ENVELOPE.contains(&name.as_str())) {
        match value {
            Value::String(text) => {
                query.append_pair(name, text);
            }
            Value::Number(_) => {
                query.append_pair(name, &value.to_string());
            }
            Value::Array(several) if name == "resource" => {
                for one in several.iter().filter_map(Value::as_str) {
                    query.append_pair(name, one);
                }
            }
            Value::Object(_) | Value::Array(_) if ["claims", "authorization_details"].contains(&name.as_str()) => {
                query.append_pair(name, &value.to_string());
            }
            _ => return Err(invalid("request_member", "A member of the signed request has the wrong type.")),
        }
    }
    Ok(Parameters::parse(query.finish().as_bytes())?)
}

/// Judges the parameters of an authentication request (CIBA 7.1, 7.2), from the body or from the signed request.
///
/// # Errors
/// The codes of CIBA 13.
pub fn check(parameters: &Parameters, client: &Client, capabilities: &Capabilities) -> Result<CibaRequest, Error> {
    permitted(client)?;
    if parameters.is_present("request_uri") {
        return Err(invalid("request_uri", "request_uri is not taken here: send the request itself."));
    }
    if parameters.is_present("user_code") {
        // A secret of the person that a portal asks for is what people must learn never to give.
        return Err(invalid("user_code", "user_code is not used: a portal must not ask people for a secret."));
    }
    let request = authorize::check_decoupled(parameters, client, capabilities)?;
    let binding_message = binding_message(parameters)?;
    // FAPI-CIBA 5.2.2 (4): a binding message, or an authorization context that is shown.
    if client.metadata.doors.ciba_profile && binding_message.is_none() && request.representation.is_none() {
        return Err(invalid("binding_message_missing", "This client's profile needs a binding_message."));
    }
    Ok(CibaRequest {
        hint: hint(parameters)?,
        binding_message,
        notification_token: notification_token(parameters, client)?,
        lifetime: lifetime(parameters)?,
        request,
    })
}

/// CIBA 7.1: exactly one hint.
fn hint(parameters: &Parameters) -> Result<Hint, Error> {
    let names = ["login_hint", "id_token_hint", "login_hint_token"];
    if names.iter().filter(|name| parameters.get(name).is_some()).count() != 1 {
        return Err(invalid("one_hint", "Send exactly one of login_hint and id_token_hint."));
    }
    if let Some(hint) = parameters.get("login_hint") {
        if hint.len() > 320 {
            return Err(invalid("login_hint_too_long", "login_hint is longer than 320 bytes."));
        }
        return Ok(Hint::Login(hint.to_owned()));
    }
    match parameters.get("id_token_hint") {
        Some(hint) if jws::is_compact(hint) => Ok(Hint::IdToken(hint.to_owned())),
        Some(_) => Err(invalid("id_token_hint_malformed", "id_token_hint is not a signed JWT.")),
        None => {
            Err(invalid("login_hint_token", "login_hint_token is not supported: send login_hint or id_token_hint."))
        }
    }
}

/// CIBA 7.1, 13: short, plain, and nothing that looks like an order, an address or another text.
fn binding_message(parameters: &Parameters) -> Result<Option<String>, Error> {
    let Some(text) = parameters.get("binding_message") else { return Ok(None) };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | ',' | '#' | ':' | '/' | '(' | ')');
    let address = text.contains("//") || text.to_ascii_lowercase().contains("www.");
    let lawful =
        !text.trim().is_empty() && text.chars().count() <= MAX_BINDING_CHARS && text.chars().all(plain) && !address;
    if lawful {
        return Ok(Some(text.to_owned()));
    }
    Err(Error::new(
        ErrorCode::InvalidBindingMessage,
        "binding_message",
        "binding_message takes at most 60 letters, digits, spaces and simple marks, and no address.",
    ))
}

/// CIBA 7.1: a bearer token of the client's, needed for pings.
fn notification_token(parameters: &Parameters, client: &Client) -> Result<Option<Secret>, Error> {
    if client.metadata.doors.backchannel_token_delivery_mode != Some(DeliveryMode::Ping) {
        return Ok(None);
    }
    let lawful = |token: &&str| {
        token.len() <= MAX_NOTIFICATION_TOKEN
            && token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/=".contains(&b))
    };
    let found = parameters.get("client_notification_token").filter(lawful).map(Secret::from);
    let description = "client_notification_token is missing, longer than 1024 characters or no bearer token.";
    found.map(Some).ok_or_else(|| invalid("client_notification_token", description))
}

fn lifetime(parameters: &Parameters) -> Result<Duration, Error> {
    let Some(text) = parameters.get("requested_expiry") else { return Ok(DEFAULT_LIFETIME) };
    let whole = text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 10;
    match text.parse::<u64>() {
        Ok(seconds) if whole && seconds > 0 => Ok(Duration::from_secs(seconds).min(MAX_LIFETIME)),
        _ => Err(invalid("requested_expiry", "requested_expiry takes whole seconds above zero.")),
    }
}

#[cfg(test)]
#[path = "ciba_tests.rs"]
mod tests;
