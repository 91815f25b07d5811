//! The claim sets we sign, and what our own tokens must hold when they come back.

use super::claim_member::ClaimMember;
use super::jws;
use super::scope::ScopeSet;
use super::{Confirmation, Error, SigningAlgorithm, bearer};
use crate::base::{GrantId, Timestamp};
use aws_lc_rs::digest::{SHA256, SHA512, digest};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Values of claims about a person that are released. The keys are a closed list, so none can take the name of a
/// protocol member (H3).
pub type Released = BTreeMap<ClaimMember, Value>;

/// CIBA 10.3.1: the request that an ID token answers.
pub const AUTH_REQ_ID: &str = "urn:openid:params:jwt:claim:auth_req_id";

/// A kind of JWT we sign. Each has its own `typ`, so that none passes for another (F13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// OpenID Connect Core 2.
    IdToken,
    /// RFC 9068.
    AccessToken,
    /// OpenID Connect Back-Channel Logout 1.0 section 2.4.
    LogoutToken,
    /// JARM 2.1. Told from an ID token by what it lacks: `sub` and `iat`.
    AuthorizationResponse,
    /// RFC 9701 5.
    Introspection,
    /// OpenID Connect Core 5.3.2. Told from an ID token by what it lacks: `exp` and `iat`.
    Userinfo,
}

impl TokenKind {
    /// The `typ` of the header.
    pub const fn typ(self) -> &'static str {
        match self {
            Self::IdToken | Self::Userinfo | Self::AuthorizationResponse => "JWT",
            Self::AccessToken => "at+jwt",
            Self::LogoutToken => "logout+jwt",
            Self::Introspection => "token-introspection+jwt",
        }
    }
}

/// How a person signed in, truly (I7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authentication {
    /// The acr that was reached.
    pub acr: String,
    /// RFC 8176 values.
    pub methods: Vec<String>,
    /// When, which a single sign-on does not renew (P6).
    pub authenticated_at: Timestamp,
    /// 1 to 4: how this sign-in was done.
    pub authentication_level: u8,
    /// 0 to 2: how the person was proven.
    pub identity_level: u8,
}

/// Writes how the person signed in.
pub(super) fn put_authentication(claims: &mut Map<String, Value>, authentication: &Authentication) {
    claims.insert("auth_time".into(), authentication.authenticated_at.seconds().into());
    claims.insert("acr".into(), authentication.acr.as_str().into());
    claims.insert("amr".into(), json!(authentication.methods));
    claims.insert("authentication_level".into(), authentication.authentication_level.into());
    claims.insert("identity_level".into(), authentication.identity_level.into());
}

/// Writes for whom the person acts (RFC 9396 9.1), under a name that no released claim has.
pub(super) fn put_details(claims: &mut Map<String, Value>, details: Option<&Value>) {
    claims.extend(details.map(|details| ("authorization_details".to_owned(), details.clone())));
}

/// Writes released claims beside what is there, never over it (H3).
fn put_released(claims: &mut Map<String, Value>, released: &Released) {
    for (name, value) in released {
        claims.entry(name.to_string()).or_insert_with(|| value.clone());
    }
}

/// Writes verified claims, under a name that no released claim has.
fn put_verified(claims: &mut Map<String, Value>, verified: Option<&Value>) {
    claims.extend(verified.map(|verified| ("verified_claims".to_owned(), verified.clone())));
}

/// RFC 7519 4.1.3: one audience as a text, several as a list.
pub(super) fn audience_value(audience: &[String]) -> Value {
    match audience {
        [only] => only.as_str().into(),
        several => json!(several),
    }
}

/// The parts of an ID token (OpenID Connect Core 2).
#[derive(Debug, Clone)]
pub struct IdToken<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// Pairwise subject.
    pub subject: &'a str,
    /// The only audience.
    pub client_id: &'a str,
    /// Now.
    pub issued_at: Timestamp,
    /// End.
    pub expires_at: Timestamp,
    /// How the person signed in.
    pub authentication: &'a Authentication,
    /// Of the authorization request.
    pub nonce: Option<&'a str>,
    /// Session as this client knows it.
    pub sid: Option<&'a str>,
    /// See [`at_hash`].
    pub at_hash: Option<String>,
    /// Claims about the person.
    pub released: &'a Released,
    /// Of them, with how they were verified (OpenID Connect for Identity Assurance 1.0).
    pub verified_claims: Option<&'a Value>,
    /// For whom the person acts (RFC 9396), if not for themself.
    pub authorization_details: Option<&'a Value>,
}

impl IdToken<'_> {
    /// The claim set.
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("iss".into(), self.issuer.into());
        claims.insert("sub".into(), self.subject.into());
        claims.insert("aud".into(), self.client_id.into());
        claims.insert("iat".into(), self.issued_at.seconds().into());
        claims.insert("exp".into(), self.expires_at.seconds().into());
        put_authentication(&mut claims, self.authentication);
        let optional = [("nonce", self.nonce), ("sid", self.sid), ("at_hash", self.at_hash.as_deref())];
        for (name, value) in optional {
            claims.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        put_details(&mut claims, self.authorization_details);
        put_released(&mut claims, self.released);
        put_verified(&mut claims, self.verified_claims);
        claims
    }
}

/// OpenID Connect Core 3.1.3.6: the left half of the hash that belongs to the signature algorithm; for Ed25519 SHA-512.
pub fn at_hash(access_token: &str, algorithm: SigningAlgorithm) -> String {
    let hash = match algorithm {
        SigningAlgorithm::ES256 | SigningAlgorithm::RS256 | SigningAlgorithm::PS256 => &SHA256,
        SigningAlgorithm::EdDsa => &SHA512,
    };
    let whole = digest(hash, access_token.as_bytes());
    let (left, _) = whole.as_ref().split_at(whole.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}

/// RFC 7519 4.1.3, read as strictly as it is written: a text, or a list of texts with at least one (F7).
fn read_audience(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(only) if !only.is_empty() => Some(vec![only.clone()]),
        several => texts(several).filter(|audience| !audience.is_empty()),
    }
}

/// The parts of an access token (RFC 9068 2.2), and the claims of one of ours that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessToken {
    /// Our issuer.
    pub issuer: String,
    /// Whom it is for: our issuer, where it opens the userinfo endpoint, and resources.
    pub audience: Vec<String>,
    /// Pairwise subject; the client itself for client credentials.
    pub subject: String,
    /// Whose token it is.
    pub client_id: String,
    /// Now.
    pub issued_at: Timestamp,
    /// End.
    pub expires_at: Timestamp,
    /// Identifier.
    pub jti: String,
    /// What it carries.
    pub scope: ScopeSet,
    /// The grant it grew from, which can be ended; `None` for client credentials.
    pub grant: Option<GrantId>,
    /// How the person signed in; `None` for client credentials.
    pub authentication: Option<Authentication>,
    /// For whom the person acts (RFC 9396), if not for themself.
    pub authorization_details: Option<Value>,
    /// The key that must come with it; `None`: whoever holds it may use it.
    pub confirmation: Option<Confirmation>,
    /// RFC 8693 4.1: the agency that acts with it, and for which one that acted before.
    pub actor: Option<Value>,
}

impl AccessToken {
    /// The claim set.
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("iss".into(), self.issuer.as_str().into());
        claims.insert("sub".into(), self.subject.as_str().into());
        claims.insert("aud".into(), audience_value(&self.audience));
        claims.insert("client_id".into(), self.client_id.as_str().into());
        claims.insert("iat".into(), self.issued_at.seconds().into());
        claims.insert("exp".into(), self.expires_at.seconds().into());
        claims.insert("jti".into(), self.jti.as_str().into());
        claims.insert("scope".into(), self.scope.to_string().into());
        claims.extend(self.grant.map(|grant| ("grant".to_owned(), grant.to_string().into())));
        if let Some(authentication) = &self.authentication {
            put_authentication(&mut claims, authentication);
        }
        put_details(&mut claims, self.authorization_details.as_ref());
        claims.extend(self.confirmation.as_ref().map(|cnf| ("cnf".to_owned(), cnf.to_json())));
        claims.extend(self.actor.as_ref().map(|actor| ("act".to_owned(), actor.clone())));
        claims
    }

    /// Reads one of our access tokens after its signature was verified: right type, issuer and time, nothing missing
    /// (RFC 9068 4, F6, F7, F13). Whether it was revoked, and whether it is meant for who presents it
    /// ([`AccessToken::is_for`]), is decided by the caller.
    ///
    /// # Errors
    /// `invalid_token`, the same for every fault.
    pub fn read(verified: &jws::Unverified, issuer: &str, now: Timestamp) -> Result<Self, Error> {
        let token = Self::read_parts(verified).ok_or(bearer::INVALID_TOKEN)?;
        if token.issuer != issuer || now >= token.expires_at {
            return Err(bearer::INVALID_TOKEN);
        }
        Ok(token)
    }

    fn read_parts(verified: &jws::Unverified) -> Option<Self> {
        if !jws::has_type(&verified.header, TokenKind::AccessToken.typ()) || jws::has_refused_member(&verified.header) {
            return None;
        }
        let claims = &verified.claims;
        let text =
            |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let time = |name: &str| claims.get(name).and_then(jws::numeric_date).map(Timestamp::from_seconds);
        let level = |name: &str| claims.get(name).and_then(Value::as_u64).and_then(|level| u8::try_from(level).ok());
        let authentication = match claims.get("acr") {
            None => None,
            Some(_) => Some(Authentication {
                acr: text("acr")?,
                methods: texts(claims.get("amr")?)?,
                authenticated_at: time("auth_time")?,
                authentication_level: level("authentication_level")?,
                identity_level: level("identity_level")?,
            }),
        };
        let grant = match claims.get("grant") {
            None => None,
            Some(grant) => Some(grant.as_str()?.parse().ok()?),
        };
        // A binding that does not read is a token that nobody may use, never one that everybody may.
        let confirmation = match claims.get("cnf") {
            None => None,
            Some(cnf) => Some(Confirmation::read(cnf).ok()?),
        };
        Some(Self {
            issuer: text("iss")?,
            audience: read_audience(claims.get("aud")?)?,
            subject: text("sub")?,
            client_id: text("client_id")?,
            issued_at: time("iat")?,
            expires_at: time("exp")?,
            jti: text("jti")?,
            scope: ScopeSet::parse(claims.get("scope")?.as_str()?).ok()?,
            grant,
            authentication,
            authorization_details: claims.get("authorization_details").cloned(),
            confirmation,
            actor: claims.get("act").cloned(),
        })
    }

    /// Whether the token names `audience` as one it is for.
    pub fn is_for(&self, audience: &str) -> bool {
        self.audience.iter().any(|named| named == audience)
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().filter(|text| !text.is_empty()).map(str::to_owned)).collect()
}

/// The parts of a logout token (OpenID Connect Back-Channel Logout 1.0 section 2.4). There is no `nonce`.
#[derive(Debug, Clone)]
pub struct LogoutToken<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// The client whose session ends.
    pub client_id: &'a str,
    /// Pairwise subject.
    pub subject: &'a str,
    /// The session that ends, as this client knows it.
    pub sid: &'a str,
    /// Now.
    pub issued_at: Timestamp,
    /// End: at most two minutes are advised.
    pub expires_at: Timestamp,
    /// Identifier.
    pub jti: &'a str,
}

impl LogoutToken<'_> {
    /// The claim set.
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("iss".into(), self.issuer.into());
        claims.insert("aud".into(), self.client_id.into());
        claims.insert("sub".into(), self.subject.into());
        claims.insert("sid".into(), self.sid.into());
        claims.insert("iat".into(), self.issued_at.seconds().into());
        claims.insert("exp".into(), self.expires_at.seconds().into());
        claims.insert("jti".into(), self.jti.into());
        claims.insert("events".into(), json!({ "http://schemas.openid.net/event/backchannel-logout": {} }));
        claims
    }
}

/// The userinfo answer (OpenID Connect Core 5.3.2).
#[derive(Debug, Clone)]
pub struct Userinfo<'a> {
    /// Pairwise subject, as in the ID token.
    pub subject: &'a str,
    /// Identity and authentication level, when the scope `levels` was granted.
    pub levels: Option<(u8, u8)>,
    /// Claims about the person.
    pub released: &'a Released,
    /// Of them, with how they were verified (OpenID Connect for Identity Assurance 1.0).
    pub verified_claims: Option<&'a Value>,
    /// For whom the person acts (RFC 9396), if not for themself.
    pub authorization_details: Option<&'a Value>,
}

impl Userinfo<'_> {
    /// The answer as plain JSON.
    pub fn claims(&self) -> Map<String, Value> {
        let mut claims = Map::new();
        claims.insert("sub".into(), self.subject.into());
        if let Some((identity_level, authentication_level)) = self.levels {
            claims.insert("identity_level".into(), identity_level.into());
            claims.insert("authentication_level".into(), authentication_level.into());
        }
        put_details(&mut claims, self.authorization_details);
        put_released(&mut claims, self.released);
        put_verified(&mut claims, self.verified_claims);
        claims
    }

    /// The answer to be signed: with `iss` and `aud`.
    pub fn signed_claims(&self, issuer: &str, client_id: &str) -> Map<String, Value> {
        let mut claims = self.claims();
        claims.insert("iss".into(), issuer.into());
        claims.insert("aud".into(), client_id.into());
        claims
    }
}

/// What an ID token of ours says when it comes back as a hint. It may be expired (RP-Initiated Logout 1.0 section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdTokenHint {
    /// The client it was issued to.
    pub client_id: String,
    /// Pairwise subject.
    pub subject: String,
    /// Session as that client knows it.
    pub sid: Option<String>,
}

impl IdTokenHint {
    /// Reads a hint after its signature was verified with one of our keys: an ID token of ours and no other JWT (F13).
    /// `None` for anything else.
    pub fn read(verified: &jws::Unverified, issuer: &str) -> Option<Self> {
        let claims = &verified.claims;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let time = |name: &str| claims.get(name).and_then(jws::numeric_date);
        let right_kind = jws::has_type(&verified.header, TokenKind::IdToken.typ())
            && !jws::has_refused_member(&verified.header)
            && !["events", "scope", "client_id"].into_iter().any(|foreign| claims.contains_key(foreign))
            && ["iat", "exp", "auth_time"].into_iter().all(|name| time(name).is_some());
        if !right_kind || text("iss") != Some(issuer) {
            return None;
        }
        let sid = match claims.get("sid") {
            None => None,
            Some(sid) => Some(sid.as_str()?.to_owned()),
        };
        Some(Self { client_id: text("aud")?.to_owned(), subject: text("sub")?.to_owned(), sid })
    }
}

#[cfg(test)]
#[path = "jwt_claims_tests.rs"]
mod tests;
