//! Verified claims (OpenID Connect for Identity Assurance 1.0, OpenID Identity Assurance Schema Definition 1.0): what is
//! asked for by the `claims` parameter, and the answer, which omits what cannot be met and never invents.

use super::scope::ClaimName;
use super::{Error, ErrorCode};
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Most `verified_claims` in one place of a request.
const MAX_REQUESTS: usize = 8;
/// What may stand in a constraint; an object with any other member is a nested element.
const CONSTRAINTS: &[&str] = &["value", "values", "essential", "max_age", "purpose"];

/// How a person was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Under which rules, by the name discovery announces.
    pub trust_framework: String,
    /// How surely, in the words of that framework.
    pub assurance_level: Option<String>,
    /// When.
    pub time: Timestamp,
    /// By what.
    pub evidence: Vec<ElectronicRecord>,
}

/// A record in a register that the person was found in (Schema Definition 5.4.4.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ElectronicRecord {
    /// `record.type`, such as `population_register`.
    pub record_type: String,
    /// `record.source.name`: who keeps it.
    pub source: String,
    /// `record.created_at`: as of when the register answered.
    pub created_at: Timestamp,
    /// `check_details[].txn`: digest of the message with the register, by which the check can be found again.
    pub transaction: Option<String>,
}

fn moment(time: Timestamp) -> Value {
    Timestamp::from_seconds(time.seconds()).to_string().into()
}

impl ElectronicRecord {
    fn to_json(&self) -> Value {
        let mut evidence = json!({
            "type": "electronic_record",
            "record": {
                "type": self.record_type,
                "source": { "name": self.source },
                "created_at": moment(self.created_at),
            },
        });
        if let (Some(members), Some(transaction)) = (evidence.as_object_mut(), &self.transaction) {
            let check = json!({ "check_method": "data", "organization": self.source, "txn": transaction });
            members.insert("check_details".into(), json!([check]));
        }
        evidence
    }
}

impl Verification {
    fn to_json(&self) -> Value {
        let mut members = Map::new();
        members.insert("trust_framework".into(), self.trust_framework.as_str().into());
        members.extend(self.assurance_level.as_deref().map(|level| ("assurance_level".to_owned(), level.into())));
        members.insert("time".into(), moment(self.time));
        members.insert("evidence".into(), self.evidence.iter().map(ElectronicRecord::to_json).collect());
        Value::Object(members)
    }
}

/// One `verified_claims` asked for: conditions on the verification, and claims with conditions on their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedClaimsRequest {
    verification: Map<String, Value>,
    claims: BTreeMap<ClaimName, Value>,
}

impl VerifiedClaimsRequest {
    /// The claims asked for, of those we know.
    pub fn claims(&self) -> impl Iterator<Item = ClaimName> {
        self.claims.keys().copied()
    }
}

fn malformed(description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, "verified_claims_malformed", description)
}

/// Reads `verified_claims` of one place of the `claims` parameter: an object or a list of them. Depth and size were
/// bounded where the parameter was read.
///
/// # Errors
/// `invalid_request` for another form, for a missing `trust_framework` and, as the specification demands, for an empty
/// `claims`. Claims we do not know are left out.
pub fn parse(value: &Value) -> Result<Vec<VerifiedClaimsRequest>, Error> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(list) if !list.is_empty() && list.len() <= MAX_REQUESTS => list.iter().map(parse_one).collect(),
        Value::Object(_) => Ok(vec![parse_one(value)?]),
        _ => Err(malformed("verified_claims takes an object or a list of 1 to 8 of them.")),
    }
}

fn parse_one(value: &Value) -> Result<VerifiedClaimsRequest, Error> {
    let member = |name: &str| value.get(name).and_then(Value::as_object);
    let verification = member("verification").ok_or(malformed("verified_claims needs verification."))?;
    if !verification.contains_key("trust_framework") {
        return Err(malformed("verification needs trust_framework, which may be null."));
    }
    let sound = verification.values().all(is_sound);
    let evidence = verification.get("evidence").is_none_or(|evidence| {
        evidence.is_null() || evidence.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(has_type))
    });
    if !sound || !evidence {
        return Err(malformed("A condition in verification is malformed."));
    }
    let claims = member("claims").filter(|claims| !claims.is_empty());
    let claims = claims.ok_or(malformed("verified_claims needs claims that are not empty."))?;
    if !claims.values().all(|wish| wish.is_null() || is_constraint(wish)) {
        return Err(malformed("A claim takes null or an object with value, values or essential."));
    }
    let known = claims.iter().filter_map(|(name, wish)| ClaimName::parse(name).map(|claim| (claim, wish.clone())));
    Ok(VerifiedClaimsRequest { verification: verification.clone(), claims: known.collect() })
}

/// Each evidence asked for says its type by one value.
fn has_type(evidence: &Value) -> bool {
    evidence.get("type").and_then(|wish| wish.get("value")).is_some_and(Value::is_string)
}

fn is_constraint(wish: &Value) -> bool {
    wish.as_object().is_some_and(|members| members.keys().all(|name| CONSTRAINTS.contains(&name.as_str())))
        && is_sound(wish)
}

/// Whether every constraint in a wish has the form of one.
fn is_sound(wish: &Value) -> bool {
    match wish {
        Value::Null => true,
        Value::Array(list) => list.iter().all(|entry| entry.is_object() && is_sound(entry)),
        Value::Object(members) if members.keys().all(|name| CONSTRAINTS.contains(&name.as_str())) => {
            let is = |name: &str, fits: fn(&Value) -> bool| members.get(name).is_none_or(fits);
            is("essential", Value::is_boolean)
                && is("max_age", Value::is_u64)
                && is("purpose", Value::is_string)
                && is("values", |values| values.as_array().is_some_and(|list| !list.is_empty()))
                && !(members.contains_key("value") && members.contains_key("values"))
        }
        Value::Object(members) => members.values().all(is_sound),
        _ => false,
    }
}

/// The `verified_claims` of an answer: an object for one, a list for several, `None` when nothing can be said.
///
/// A condition on the verification that is not met omits that `verified_claims` as a whole; one on a claim omits the
/// claim; without any claim left the whole is omitted. None of it is an error, so that an answer tells nothing else.
/// `available` are the claims this verification covers and the agreement lets out.
pub fn answer(
    requests: &[VerifiedClaimsRequest],
    verification: &Verification,
    available: &BTreeMap<ClaimName, Value>,
    now: Timestamp,
) -> Option<Value> {
    let document = verification.to_json();
    let mut met: Vec<Value> = requests.iter().filter_map(|request| one(request, &document, available, now)).collect();
    match met.len() {
        0 => None,
        1 => met.pop(),
        _ => Some(Value::Array(met)),
    }
}

fn one(
    request: &VerifiedClaimsRequest,
    document: &Value,
    available: &BTreeMap<ClaimName, Value>,
    now: Timestamp,
) -> Option<Value> {
    let mut verification = match project(&Value::Object(request.verification.clone()), document, now) {
        Ok(Some(Value::Object(members))) => members,
        _ => return None,
    };
    // Always said (Schema Definition 5.4.2).
    verification.insert("trust_framework".into(), document.get("trust_framework")?.clone());
    let mut claims = Map::new();
    for (claim, wish) in &request.claims {
        if let Some(Ok(Some(value))) = available.get(claim).map(|value| project(wish, value, now)) {
            claims.insert(claim.as_str().to_owned(), value);
        }
    }
    if claims.is_empty() {
        return None;
    }
    Some(json!({ "verification": verification, "claims": claims }))
}

/// A condition that the data does not meet.
struct Unmet;

/// What of `data` is asked for; `None`: there is nothing of it, and nobody insisted.
fn project(wish: &Value, data: &Value, now: Timestamp) -> Result<Option<Value>, Unmet> {
    match (wish, data) {
        (Value::Object(members), data) if members.keys().all(|name| CONSTRAINTS.contains(&name.as_str())) => {
            if meets(members, data, now) { Ok(Some(data.clone())) } else { Err(Unmet) }
        }
        (Value::Object(members), Value::Object(fields)) => {
            let mut chosen = Map::new();
            for (name, wish) in members {
                match fields.get(name) {
                    Some(field) => chosen.extend(project(wish, field, now)?.map(|value| (name.clone(), value))),
                    None if insists(wish) => return Err(Unmet),
                    None => {}
                }
            }
            Ok((!chosen.is_empty()).then_some(Value::Object(chosen)))
        }
        // A list of wishes is met by data that meets any of them; what meets none is not sent.
        (Value::Array(wishes), Value::Array(entries)) => {
            let fit = |entry: &Value| wishes.iter().find_map(|wish| project(wish, entry, now).ok().flatten());
            let chosen: Vec<Value> = entries.iter().filter_map(fit).collect();
            if chosen.is_empty() { Err(Unmet) } else { Ok(Some(Value::Array(chosen))) }
        }
        (Value::Null, data) => Ok(Some(data.clone())),
        _ => Err(Unmet),
    }
}

fn meets(members: &Map<String, Value>, data: &Value, now: Timestamp) -> bool {
    let value = members.get("value").is_none_or(|value| value == data);
    let values = members.get("values").and_then(Value::as_array).is_none_or(|values| values.contains(data));
    let age = members.get("max_age").and_then(Value::as_u64).is_none_or(|max_age| {
        // A time that cannot be read is as old as can be.
        let read = data.as_str().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()).map(Timestamp::from);
        read.is_some_and(|time| now.since(time).as_secs() <= max_age)
    });
    value && values && age
}

/// Whether data that is not there leaves a condition unmet: a value, an age or `essential` was asked for.
fn insists(wish: &Value) -> bool {
    match wish {
        Value::Object(members) => members.iter().any(|(name, value)| match name.as_str() {
            "value" | "values" | "max_age" => true,
            "essential" => value == &Value::Bool(true),
            _ => insists(value),
        }),
        Value::Array(list) => list.iter().any(insists),
        _ => false,
    }
}

#[cfg(test)]
#[path = "verified_claims_tests.rs"]
mod tests;
