//! Checking a logout token (OpenID Connect Back-Channel Logout 1.0 2.4 and 2.6).

use super::failure::Failure;
use super::{IdTokenAlg, Portal};
use crate::base::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use openidconnect::ProviderMetadataWithLogout;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The member of `events` that makes a JWT a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The age at which a logout token is refused, and so the time its `jti` must be remembered.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);
/// Clock difference forgiven.
const SKEW: Duration = Duration::from_secs(30);
/// The longest `jti` remembered, in bytes.
const JTI_LIMIT: usize = 128;

/// Why a logout token was refused. Says which rule, never what the token holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error("logout_token is missing or given twice")]
    Missing,
    #[error("the token is not a signed JWT")]
    Unreadable,
    #[error("typ is not logout+jwt")]
    Type,
    #[error("alg is not the registered one")]
    Algorithm,
    #[error("no key of the provider has this kid")]
    Key,
    #[error("signature, iss, aud or exp is wrong")]
    Claims,
    #[error("iat is too old or in the future")]
    Age,
    #[error("events does not name a back-channel logout")]
    Event,
    #[error("a logout token has no nonce")]
    Nonce,
    #[error("neither sid nor sub is given")]
    Nobody,
    #[error("jti is missing, too long or was used before")]
    Replayed,
    #[error("the provider's keys cannot be fetched")]
    NoKeys,
}

/// What an accepted logout token says.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LogoutToken {
    pub(super) jti: String,
    pub(super) sid: Option<String>,
    pub(super) sub: Option<String>,
    iat: i64,
    #[serde(default)]
    events: Value,
    nonce: Option<Value>,
}

impl IdTokenAlg {
    fn jws(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::EdDsa => Algorithm::EdDSA,
        }
    }
}

impl Portal {
    /// Verifies a logout token and uses up its `jti`: the second time the same token is refused.
    pub(super) async fn accept_logout(&self, token: &str) -> Result<LogoutToken, Refused> {
        let now = self.clock.now();
        let header = decode_header(token).map_err(|_| Refused::Unreadable)?;
        if header.crit.is_some() || !header.typ.as_deref().is_some_and(|typ| typ.eq_ignore_ascii_case("logout+jwt")) {
            return Err(Refused::Type);
        }
        let alg = self.settings.id_token_alg.jws();
        if header.alg != alg {
            return Err(Refused::Algorithm);
        }
        let key = self.logout_key(header.kid.as_deref().ok_or(Refused::Key)?, now).await?;

        let mut rules = Validation::new(alg);
        rules.set_issuer(&[self.provider.issuer()]);
        rules.set_audience(&[&self.settings.client_id]);
        rules.set_required_spec_claims(&["exp", "iss", "aud"]);
        rules.leeway = SKEW.as_secs();
        let token = decode::<LogoutToken>(token, &key, &rules).map_err(|_| Refused::Claims)?.claims;
        check_claims(&token, now)?;
        let until = Timestamp::from_seconds(token.iat).plus(MAX_AGE + SKEW);
        if !self.store().spend(&token.jti, until, now) {
            return Err(Refused::Replayed);
        }
        Ok(token)
    }

    async fn logout_key(&self, kid: &str, now: Timestamp) -> Result<DecodingKey, Refused> {
        for renew in [false, true] {
            let metadata = self.provider.metadata(now, renew).await.map_err(|_: Failure| Refused::NoKeys)?;
            if let Some(key) = find(&metadata, kid) {
                return Ok(key);
            }
        }
        Err(Refused::Key)
    }
}

fn find(metadata: &ProviderMetadataWithLogout, kid: &str) -> Option<DecodingKey> {
    let keys: JwkSet = serde_json::from_value(serde_json::to_value(metadata.jwks()).ok()?).ok()?;
    DecodingKey::from_jwk(keys.find(kid)?).ok()
}

/// Whether a token's signature verifies with the provider's key of its `kid`, by that key's own algorithm. Only to
/// be shown: no claim is looked at.
pub(super) fn signature_holds(metadata: &ProviderMetadataWithLogout, token: &str) -> bool {
    let holds = || {
        let kid = decode_header(token).ok()?.kid?;
        let keys: JwkSet = serde_json::from_value(serde_json::to_value(metadata.jwks()).ok()?).ok()?;
        let jwk = keys.find(&kid)?;
        let mut rules = Validation::new(Algorithm::try_from(jwk.common.key_algorithm?).ok()?);
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        rules.validate_aud = false;
        decode::<Value>(token, &DecodingKey::from_jwk(jwk).ok()?, &rules).ok()
    };
    holds().is_some()
}

fn check_claims(token: &LogoutToken, now: Timestamp) -> Result<(), Refused> {
    let issued = Timestamp::from_seconds(token.iat);
    if issued > now.plus(SKEW) || now.since(issued) > MAX_AGE {
        return Err(Refused::Age);
    }
    if !token.events.get(EVENT).is_some_and(Value::is_object) {
        return Err(Refused::Event);
    }
    if token.nonce.is_some() {
        return Err(Refused::Nonce);
    }
    if token.sid.is_none() && token.sub.is_none() {
        return Err(Refused::Nobody);
    }
    if token.jti.is_empty() || token.jti.len() > JTI_LIMIT {
        return Err(Refused::Replayed);
    }
    Ok(())
}
