//! How a client proves itself at the token, introspection and revocation endpoints (RFC 6749 2.3, RFC 7523,
//! OpenID Connect Core 9).
//!
//! Three steps: [`Presented::parse`] says which client claims to be there; the caller loads it; [`Presented::prove`]
//! judges everything but the signature of an assertion and whether its `jti` was used, which need keys and a store.

use super::client::{AuthenticationMethod, Client};
use super::parameters::form_decode;
use super::{AssertionAlgorithm, Error, ErrorCode, MacAlgorithm, Parameters, SigningAlgorithm, jws};
use crate::base::{Secret, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;

/// RFC 7523 2.2.
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The longest an assertion may still live (F3).
pub const MAX_ASSERTION_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How far clocks may differ for `iat` and `nbf` (T6).
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);
/// Most bytes of a `jti` (F3).
pub const MAX_JTI_BYTES: usize = 128;
const MAX_SECRET_BYTES: usize = 512;

/// What a client presented, read but not judged.
#[derive(Clone, PartialEq, Eq)]
pub enum Presented {
    /// `client_secret_basic`.
    Basic {
        /// Who it claims to be.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// `client_secret_post`.
    Post {
        /// Who it claims to be.
        client_id: String,
        /// Its secret.
        secret: Secret,
    },
    /// `private_key_jwt` or `client_secret_jwt`, as its `alg` says.
    Assertion(Assertion),
    /// `none`: only a name.
    Public {
        /// Who it claims to be.
        client_id: String,
    },
}

/// An assertion whose signature nobody has verified yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Assertion {
    /// Who it claims to be: its `sub`.
    pub client_id: String,
    /// The JWS, for the signature check.
    pub compact: String,
    /// Its parts.
    pub parts: jws::Unverified,
}

impl fmt::Debug for Presented {
    /// Only the method and the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.method().as_str(), self.client_id())
    }
}

/// What is left to do.
#[derive(Clone, PartialEq, Eq)]
pub enum Proof<'a> {
    /// Nothing: the client is who it claims to be (or public, and then has only its name).
    Complete,
    /// Verify the signature with the client's registered keys and `header`, then consume `claims.jti` for this client.
    /// Only both together prove the client.
    Signature {
        /// The JWS.
        compact: &'a str,
        /// What the header says, all of it allowed.
        header: AssertionHeader,
        /// What the claims say, all of it right.
        claims: AssertionClaims,
    },
    /// Verify the MAC with the client's own secret, then consume `claims.jti` for this client.
    Mac {
        /// The JWS.
        compact: &'a str,
        /// Algorithm, allowed for this client.
        algorithm: MacAlgorithm,
        /// What the claims say, all of it right.
        claims: AssertionClaims,
    },
}

/// The one answer to every failed proof: it does not tell an unknown client from a wrong secret (N1).
pub const fn failed(reason: &'static str) -> Error {
    Error::new(ErrorCode::InvalidClient, reason, "Client authentication failed.")
}

impl Presented {
    /// Reads what was presented. `authorization` is the header of that name.
    ///
    /// # Errors
    /// `invalid_request` for more than one method (RFC 6749 2.3); `invalid_client` for none or a malformed one.
    pub fn parse(authorization: Option<&str>, parameters: &Parameters) -> Result<Self, Error> {
        let named = parameters.get("client_id").map(str::to_owned);
        let post = parameters.get("client_secret");
        let assertion = parameters.get("client_assertion");
        let assertion_type = parameters.get("client_assertion_type");
        let asserted = assertion.is_some() || assertion_type.is_some();
        if [authorization.is_some(), post.is_some(), asserted].into_iter().filter(|used| *used).count() > 1 {
            let description = "The client used more than one way to authenticate.";
            return Err(Error::new(ErrorCode::InvalidRequest, "several_authentication_methods", description));
        }
        let presented = if let Some(header) = authorization {
            basic(header)?
        } else if let Some(secret) = post {
            let client_id = named.clone().ok_or(failed("client_id_missing"))?;
            Self::Post { client_id, secret: bounded_secret(secret)? }
        } else if asserted {
            Self::Assertion(read_assertion(assertion, assertion_type)?)
        } else {
            Self::Public { client_id: named.clone().ok_or(failed("no_client_authentication"))? }
        };
        if named.is_some_and(|named| named != presented.client_id()) {
            let description = "client_id is not the client that authenticates.";
            return Err(Error::new(ErrorCode::InvalidRequest, "client_id_differs", description));
        }
        Ok(presented)
    }

    /// Who it claims to be: the client to load.
    pub fn client_id(&self) -> &str {
        match self {
            Self::Basic { client_id, .. } | Self::Post { client_id, .. } | Self::Public { client_id } => client_id,
            Self::Assertion(assertion) => &assertion.client_id,
        }
    }

    /// The method used.
    pub fn method(&self) -> AuthenticationMethod {
        match self {
            Self::Basic { .. } => AuthenticationMethod::ClientSecretBasic,
            Self::Post { .. } => AuthenticationMethod::ClientSecretPost,
            Self::Assertion(assertion) if assertion.mac().is_some() => AuthenticationMethod::ClientSecretJwt,
            Self::Assertion(_) => AuthenticationMethod::PrivateKeyJwt,
            Self::Public { .. } => AuthenticationMethod::None,
        }
    }

    /// Whether only a name was presented, and the client proves itself by the certificate of its connection (RFC 8705 2):
    /// by nothing of the request.
    pub fn leaves_it_to_the_connection(&self, client: &Client) -> bool {
        let by_certificate = matches!(
            client.metadata.token_endpoint_auth_method,
            AuthenticationMethod::TlsClientAuth | AuthenticationMethod::SelfSignedTlsClientAuth
        );
        by_certificate && matches!(self, Self::Public { client_id } if *client_id == client.client_id)
    }

    /// Judges what was presented against what is registered; `audience` is us.
    ///
    /// # Errors
    /// `invalid_client`, with the same text for every fault.
    pub fn prove<'a, 'b>(
        &'a self,
        client: Option<&Client>,
        audience: impl Into<Audience<'b>>,
        now: Timestamp,
    ) -> Result<Proof<'a>, Error> {
        let client = client.filter(|client| client.client_id == self.client_id()).ok_or(failed("unknown_client"))?;
        if client.disabled {
            return Err(failed("client_disabled"));
        }
        if self.method() != client.metadata.token_endpoint_auth_method {
            return Err(failed("authentication_method_not_registered"));
        }
        match self {
            Self::Public { .. } => Ok(Proof::Complete),
            Self::Basic { secret, .. } | Self::Post { secret, .. } => {
                if client.has_secret(secret, now) {
                    Ok(Proof::Complete)
                } else {
                    Err(failed("wrong_secret"))
                }
            }
            Self::Assertion(assertion) => {
                let (compact, header) = (&assertion.compact, &assertion.parts.header);
                let audience = audience.into();
                // FAPI 2.0 Security Profile 5.3.2.1: the issuer as one text, whoever else is let off.
                let open = client.metadata.doors.profile.is_none();
                let audience = if open { audience } else { audience.issuer.into() };
                let claims = AssertionClaims::check(&assertion.parts.claims, &client.client_id, audience, now);
                // Which of the two it is was compared with what is registered, above (F5).
                if let Some(algorithm) = assertion.mac() {
                    check_header(header, client, algorithm.into())?;
                    return Ok(Proof::Mac { compact, algorithm, claims: claims? });
                }
                let header = AssertionHeader::check(header, client)?;
                // FAPI 2.0 Security Profile 5.4.1, FAPI-CIBA 7.10: whatever key or algorithm is registered.
                if client.is_fapi() && !SigningAlgorithm::FAPI.contains(&header.algorithm) {
                    return Err(failed("assertion_alg_not_fapi"));
                }
                Ok(Proof::Signature { compact, header, claims: claims? })
            }
        }
    }
}

impl Assertion {
    /// The HMAC algorithm it names, if it names one.
    fn mac(&self) -> Option<MacAlgorithm> {
        self.parts.header.get("alg").and_then(Value::as_str).and_then(MacAlgorithm::parse)
    }
}

fn bounded_secret(secret: &str) -> Result<Secret, Error> {
    if secret.len() > MAX_SECRET_BYTES { Err(failed("secret_too_long")) } else { Ok(Secret::from(secret)) }
}

/// RFC 6749 2.3.1, RFC 7617: both halves are form-encoded before they are joined.
fn basic(header: &str) -> Result<Presented, Error> {
    let malformed = || failed("basic_malformed");
    let (scheme, encoded) = header.split_once(' ').ok_or_else(malformed)?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return Err(failed("authorization_scheme"));
    }
    let bytes = STANDARD.decode(encoded).map_err(|_| malformed())?;
    let colon = bytes.iter().position(|byte| *byte == b':').ok_or_else(malformed)?;
    let (client_id, secret) = bytes.split_at(colon);
    let decode =
        |half: &[u8]| form_decode(half).ok().filter(|text| !text.contains(['\0', '\r', '\n'])).ok_or_else(malformed);
    let client_id = decode(client_id)?;
    let secret = decode(secret.strip_prefix(b":").unwrap_or_default())?;
    if client_id.is_empty() || secret.is_empty() {
        return Err(malformed());
    }
    Ok(Presented::Basic { client_id, secret: bounded_secret(&secret)? })
}

/// RFC 7521 4.2: the assertion says who it is for by itself; a `client_id` beside it must agree.
fn read_assertion(assertion: Option<&str>, assertion_type: Option<&str>) -> Result<Assertion, Error> {
    if assertion_type != Some(ASSERTION_TYPE) {
        return Err(failed("assertion_type"));
    }
    let compact = assertion.ok_or(failed("assertion_missing"))?;
    let parts = jws::read_unverified(compact).map_err(|_| failed("assertion_malformed"))?;
    let client_id = parts.claims.get("sub").and_then(Value::as_str).ok_or(failed("assertion_sub"))?.to_owned();
    Ok(Assertion { client_id, compact: compact.to_owned(), parts })
}

/// What the header of an assertion may say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionHeader {
    /// Algorithm; the key must be one for it (F5).
    pub algorithm: SigningAlgorithm,
    /// A name for one of the registered keys, and nothing else (F8).
    pub key_id: Option<String>,
}

impl AssertionHeader {
    /// Judges a header (RFC 7515 4.1, RFC 7523 3, F5, F8, F13).
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn check(header: &Map<String, Value>, client: &Client) -> Result<Self, Error> {
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(SigningAlgorithm::parse);
        let algorithm = algorithm.ok_or(failed("assertion_alg"))?;
        check_header(header, client, algorithm.into())?;
        let key_id = match header.get("kid") {
            None => None,
            Some(Value::String(kid)) if kid.len() <= 256 => Some(kid.clone()),
            Some(_) => return Err(failed("assertion_kid")),
        };
        Ok(Self { algorithm, key_id })
    }
}

/// What holds for signatures and MACs alike.
fn check_header(header: &Map<String, Value>, client: &Client, algorithm: AssertionAlgorithm) -> Result<(), Error> {
    let typ_fits = !header.contains_key("typ")
        || ["JWT", "client-authentication+jwt"].iter().any(|typ| jws::has_type(header, typ));
    if !typ_fits {
        return Err(failed("assertion_typ"));
    }
    if jws::has_refused_member(header) {
        return Err(failed("assertion_header"));
    }
    if client.metadata.token_endpoint_auth_signing_alg.is_some_and(|registered| registered != algorithm) {
        return Err(failed("assertion_alg_not_registered"));
    }
    Ok(())
}

/// Whom an assertion may be for.
#[derive(Debug, Clone, Copy)]
pub struct Audience<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// Endpoints of ours that may stand for it: none but in conformance runs (F1).
    pub endpoints: &'a [String],
}

impl<'a> From<&'a str> for Audience<'a> {
    fn from(issuer: &'a str) -> Self {
        Self { issuer, endpoints: &[] }
    }
}

impl Audience<'_> {
    fn is_named_by(self, aud: Option<&Value>) -> bool {
        let text = match aud {
            Some(Value::Array(list)) if !self.endpoints.is_empty() && list.len() == 1 => list.first(),
            other => other,
        };
        let text = text.and_then(Value::as_str);
        text.is_some_and(|text| text == self.issuer || self.endpoints.iter().any(|endpoint| endpoint == text))
    }
}

/// What the claims of an assertion must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionClaims {
    /// To be consumed, once for this client (F2).
    pub jti: String,
    /// Until when `jti` must be remembered.
    pub expires_at: Timestamp,
}

impl AssertionClaims {
    /// Judges the claims (RFC 7523 3, OpenID Connect Core 9). `aud` is our issuer as one text and nothing else: no
    /// endpoint, no list, so that what was made for another server never fits here (F1, F7). Conformance runs alone name
    /// endpoints that may stand for it.
    ///
    /// # Errors
    /// `invalid_client`.
    pub fn check<'a>(
        claims: &Map<String, Value>,
        client_id: &str,
        audience: impl Into<Audience<'a>>,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let is = |name: &str, expected: &str| claims.get(name).and_then(Value::as_str) == Some(expected);
        if !is("iss", client_id) || !is("sub", client_id) {
            return Err(failed("assertion_iss_sub"));
        }
        if !audience.into().is_named_by(claims.get("aud")) {
            return Err(failed("assertion_aud"));
        }
        // A time that is there but is no time never counts as absent (F6).
        let time = |name: &'static str, reason: &'static str| match claims.get(name) {
            None => Ok(None),
            Some(value) => jws::numeric_date(value).map(Timestamp::from_seconds).map(Some).ok_or(failed(reason)),
        };
        let expires_at = time("exp", "assertion_exp")?.ok_or(failed("assertion_exp"))?;
        if expires_at <= now || expires_at > now.plus(MAX_ASSERTION_LIFETIME) {
            return Err(failed("assertion_exp"));
        }
        let latest = now.plus(CLOCK_LEEWAY);
        let issued_at = time("iat", "assertion_iat")?;
        if issued_at.is_some_and(|issued_at| issued_at > latest || issued_at > expires_at) {
            return Err(failed("assertion_iat"));
        }
        if time("nbf", "assertion_nbf")?.is_some_and(|not_before| not_before > latest) {
            return Err(failed("assertion_nbf"));
        }
        let jti = claims.get("jti").and_then(Value::as_str).filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_BYTES);
        Ok(Self { jti: jti.ok_or(failed("assertion_jti"))?.to_owned(), expires_at })
    }
}

#[cfg(test)]
#[path = "client_authentication_tests.rs"]
mod tests;
