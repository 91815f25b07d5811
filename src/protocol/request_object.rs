//! Signed requests (RFC 9101, OpenID Connect Core 6, FAPI 2.0 Message Signing 5.3): a request object becomes the same
//! [`Parameters`] as a query does, and from there one parser reads both.
//!
//! Three steps: [`RequestObject::read`] says what was sent; [`RequestObject::check`] judges everything but the signature;
//! then the caller verifies [`Accepted::algorithm`] and signature with the client's registered keys. Only all together
//! make the parameters the client's.

use super::strict_json::Limits;
use super::{Error, ErrorCode, Parameters, SigningAlgorithm, jws};
use crate::base::Timestamp;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// FAPI 2.0 Message Signing 5.3.1: how old `nbf` may be, and how long after it `exp` may lie.
pub const MAX_LIFETIME: Duration = Duration::from_secs(60 * 60);
/// How far ahead of ours a client's clock may be (T6).
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);
const MAX_JTI_BYTES: usize = 128;

/// A `claims` member asks for verified claims down to depth 10 (OpenID Connect for Identity Assurance 6).
const LIMITS: Limits = Limits { depth: 14, values: 800 };

/// Claims of the JWT that are no parameters of the request.
const JWT_CLAIMS: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// Whose rules apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// OpenID Connect Core 6 and RFC 9101: times are judged where they are given.
    OpenId,
    /// The same of a client that keeps FAPI-CIBA: FAPI algorithms only (7.10).
    FapiCiba,
    /// FAPI 2.0 Message Signing 5.3.1: `exp` and `nbf` must be there, FAPI algorithms only.
    MessageSigning,
}

/// A request object whose signature nobody has verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestObject {
    compact: String,
    parts: jws::Unverified,
}

impl fmt::Debug for RequestObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestObject")
    }
}

/// What a request object is judged against.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The client that sends it, loaded and, at the pushed authorization request endpoint, authenticated.
    pub client_id: &'a str,
    /// Its registered `request_object_signing_alg`, if any.
    pub registered: Option<SigningAlgorithm>,
    /// Our issuer.
    pub issuer: &'a str,
    /// The parameters beside `request`.
    pub outside: &'a Parameters,
    /// Whose rules apply.
    pub rules: Rules,
    /// Now.
    pub now: Timestamp,
}

/// A request whose signature is all that is left to verify.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// The request, and nothing that was sent beside it (RFC 9101 6.3).
    pub parameters: Parameters,
    /// The signature's algorithm; the key must be one for it (F5).
    pub algorithm: SigningAlgorithm,
    /// Its `jti`, for where replay of request objects matters (CIBA 7.1.1).
    pub jti: Option<String>,
    /// Its end, where it has one.
    pub expires_at: Option<Timestamp>,
}

/// The answer to a request object that cannot be used.
pub const fn refused(reason: &'static str) -> Error {
    let description = "The request object is malformed, expired, not signed as registered or for another server.";
    Error::new(ErrorCode::InvalidRequestObject, reason, description)
}

impl RequestObject {
    /// Reads a compact JWS (an encrypted one is decrypted before).
    ///
    /// # Errors
    /// `invalid_request_object`; `request_not_supported` for one without a signature (OpenID Connect Core 3.1.2.6).
    pub fn read(compact: &str) -> Result<Self, Error> {
        if is_unsigned(compact) {
            return Err(UNSIGNED);
        }
        let parts = jws::read_within(compact, LIMITS).map_err(|_| refused("request_object_malformed"))?;
        Ok(Self { compact: compact.to_owned(), parts })
    }

    /// The JWS, for the signature check.
    pub fn compact(&self) -> &str {
        &self.compact
    }

    /// Judges header, claims and parameters (F5, F6, F7, F8, F13).
    ///
    /// # Errors
    /// `invalid_request_object`; `invalid_request` where the parameters beside it contradict it; `request_not_supported`
    /// for `alg: none`.
    pub fn check(&self, expected: &Expected<'_>) -> Result<Accepted, Error> {
        let algorithm = check_header(&self.parts.header, expected)?;
        let claims = &self.parts.claims;
        check_parties(claims, expected)?;
        let expires_at = check_times(claims, expected)?;
        let jti = match claims.get("jti") {
            None => None,
            Some(Value::String(jti)) if !jti.is_empty() && jti.len() <= MAX_JTI_BYTES => Some(jti.clone()),
            Some(_) => return Err(refused("request_object_jti")),
        };
        Ok(Accepted { parameters: parameters(claims, expected)?, algorithm, jti, expires_at })
    }
}

/// Without a signature a request object proves nothing that the query would not.
const UNSIGNED: Error =
    Error::new(ErrorCode::RequestNotSupported, "request_object_unsigned", "Request objects must be signed.");

/// RFC 7519 6: `alg: none` has an empty third part.
fn is_unsigned(compact: &str) -> bool {
    compact.len() <= jws::MAX_BYTES
        && compact.ends_with('.')
        && compact.bytes().filter(|byte| *byte == b'.').count() == 2
}

/// RFC 9101 6.2, 10.8; RFC 7515 4.1.
fn check_header(header: &Map<String, Value>, expected: &Expected<'_>) -> Result<SigningAlgorithm, Error> {
    let types = ["oauth-authz-req+jwt", "JWT"];
    if header.contains_key("typ") && !types.iter().any(|typ| jws::has_type(header, typ)) {
        return Err(refused("request_object_typ"));
    }
    if jws::has_refused_member(header) {
        return Err(refused("request_object_header"));
    }
    let name = header.get("alg").and_then(Value::as_str).ok_or(refused("request_object_alg"))?;
    if name.eq_ignore_ascii_case("none") {
        return Err(UNSIGNED);
    }
    let algorithm = SigningAlgorithm::parse(name).ok_or(refused("request_object_alg"))?;
    if expected.registered.is_some_and(|registered| registered != algorithm) {
        return Err(refused("request_object_alg_not_registered"));
    }
    if expected.rules != Rules::OpenId && !SigningAlgorithm::FAPI.contains(&algorithm) {
        return Err(refused("request_object_alg_not_fapi"));
    }
    match header.get("kid") {
        None => Ok(algorithm),
        Some(Value::String(kid)) if kid.len() <= 256 => Ok(algorithm),
        Some(_) => Err(refused("request_object_kid")),
    }
}

/// RFC 9101 4, 10.8: from the client, to us, and not fit to pass for the client's assertion or for one as this.
fn check_parties(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), Error> {
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    if text("iss") != Some(expected.client_id) {
        return Err(refused("request_object_iss"));
    }
    if claims.contains_key("sub") && text("sub").is_none_or(|subject| subject == expected.client_id) {
        return Err(refused("request_object_sub"));
    }
    let ours = match claims.get("aud") {
        Some(Value::String(only)) => only == expected.issuer,
        Some(Value::Array(list)) => {
            list.iter().all(Value::is_string) && list.iter().any(|one| one.as_str() == Some(expected.issuer))
        }
        _ => false,
    };
    if !ours {
        return Err(refused("request_object_aud"));
    }
    match claims.get("client_id") {
        Some(Value::String(client_id)) if client_id == expected.client_id => Ok(()),
        // OpenID Connect Core 6.1 lets it be left out, RFC 9101 4 does not.
        None if expected.rules != Rules::MessageSigning => Ok(()),
        _ => Err(refused("request_object_client_id")),
    }
}

/// FAPI 2.0 Message Signing 5.3.1; F6.
fn check_times(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<Option<Timestamp>, Error> {
    let time = |name: &'static str, reason: &'static str| match claims.get(name) {
        None => Ok(None),
        Some(value) => jws::numeric_date(value).map(Timestamp::from_seconds).map(Some).ok_or(refused(reason)),
    };
    let (now, latest) = (expected.now, expected.now.plus(CLOCK_LEEWAY));
    let expires_at = time("exp", "request_object_exp")?;
    let not_before = time("nbf", "request_object_nbf")?;
    let issued_at = time("iat", "request_object_iat")?;
    if expires_at.is_some_and(|expires_at| expires_at <= now) {
        return Err(refused("request_object_exp"));
    }
    if not_before.is_some_and(|not_before| not_before > latest) {
        return Err(refused("request_object_nbf"));
    }
    if issued_at.is_some_and(|issued_at| issued_at > latest) {
        return Err(refused("request_object_iat"));
    }
    if expected.rules == Rules::MessageSigning {
        let expires_at = expires_at.ok_or(refused("request_object_exp"))?;
        let not_before = not_before.ok_or(refused("request_object_nbf"))?;
        if not_before < now.minus(MAX_LIFETIME) {
            return Err(refused("request_object_nbf"));
        }
        if expires_at > not_before.plus(MAX_LIFETIME) {
            return Err(refused("request_object_exp"));
        }
    }
    Ok(expires_at)
}

/// RFC 9101 4, 5, 6.3: the members as parameters. What stands beside them must name the same client, and by OpenID
/// Connect Core 6.1 the same `response_type`; the rest of it is ignored.
fn parameters(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<Parameters, Error> {
    if ["request", "request_uri"].iter().any(|name| claims.contains_key(*name)) {
        return Err(refused("request_object_nested"));
    }
    let mut members = claims.clone();
    members.insert("client_id".into(), expected.client_id.into());
    let inside = Parameters::from_members(&members, JWT_CLAIMS)
        .map_err(|fault| Error::new(ErrorCode::InvalidRequestObject, fault.as_str(), fault.description()))?;
    let differs = |name: &str| {
        expected.outside.get(name).is_some_and(|outside| inside.get(name).is_some_and(|inside| inside != outside))
    };
    if differs("client_id") || expected.rules != Rules::MessageSigning && differs("response_type") {
        let description = "client_id and response_type must be the same in the request object and beside it.";
        return Err(Error::new(ErrorCode::InvalidRequest, "request_object_differs", description));
    }
    Ok(inside)
}

#[cfg(test)]
#[path = "request_object_tests.rs"]
mod tests;
