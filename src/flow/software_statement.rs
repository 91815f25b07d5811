//! Software statements (RFC 7591 2.3): metadata signed by somebody the configuration trusts.

use super::{Outcome, Services};
use crate::crypto::{self, SigningAlgorithm};
use crate::protocol::{Error, ErrorCode, jws};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// Somebody whose statements are trusted, with inline keys: a statement never makes us fetch anything (G3).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementIssuer {
    /// As in `iss`.
    pub issuer: String,
    /// Its public keys.
    pub jwks: Value,
}

/// Reads the file of trusted issuers.
///
/// # Errors
/// A text for the operator.
pub fn read_issuers(path: &Path) -> Result<Vec<StatementIssuer>, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{} is no list of issuers: {error}", path.display()))
}

const INVALID: Error = Error::new(
    ErrorCode::InvalidSoftwareStatement,
    "software_statement_refused",
    "The software statement is malformed, expired or not signed by its issuer.",
);
const UNAPPROVED: Error = Error::new(
    ErrorCode::UnapprovedSoftwareStatement,
    "software_statement_issuer",
    "The issuer of the software statement is not one that this server trusts.",
);

/// The claims of a statement: signed by a trusted issuer, and in its time.
pub fn verify(services: &Services, statement: &str) -> Outcome<Result<Map<String, Value>, Error>> {
    let Ok(unverified) = jws::read_unverified(statement) else { return Ok(Err(INVALID)) };
    if jws::has_refused_member(&unverified.header) {
        return Ok(Err(INVALID));
    }
    let named = unverified.claims.get("iss").and_then(Value::as_str).unwrap_or_default();
    let Some(issuer) = services.statement_issuers.iter().find(|known| known.issuer == named) else {
        return Ok(Err(UNAPPROVED));
    };
    let Ok((_, claims)) = crypto::verify_with_jwks(statement, &issuer.jwks, &SigningAlgorithm::ALL) else {
        return Ok(Err(INVALID));
    };
    let now = services.clock.now().seconds();
    // A time that is there but is no time never counts as absent (F6).
    let in_time = |name: &str, fits: fn(i64, i64) -> bool| match claims.get(name) {
        None => true,
        Some(value) => jws::numeric_date(value).is_some_and(|at| fits(at, now)),
    };
    let lives = in_time("exp", |exp, now| now < exp)
        && in_time("nbf", |nbf, now| nbf <= now + 60)
        && in_time("iat", |iat, now| iat <= now + 60);
    Ok(if lives { Ok(claims) } else { Err(INVALID) })
}
