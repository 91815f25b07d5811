//! Verified claims (OpenID Connect for Identity Assurance 1.0, OpenID Identity Assurance Schema Definition 1.0): what is
//! asked for by the `claims` parameter, and the answer, which omits what cannot be met and never invents.

use super::claim_member::ClaimMember;
use super::client::is_disturbing;
use super::jwt_claims::Released;
use super::scope::ClaimName;
use super::{Error, ErrorCode};
use crate::base::{Digest, Timestamp};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, Time, UtcOffset};

/// The rules a person is proven by here: matched with the national population register, as `docs/assurance.md` says. A
/// name of ours, as the specification demands of whoever defines one (Identity Assurance 1.0 section 12).
pub const TRUST_FRAMEWORK: &str = "urn:dinhdanh:trust-framework:population-register";
/// The only type of evidence there is (Schema Definition 1.0, evidence type `electronic_record`).
pub const EVIDENCE: &str = "electronic_record";
/// The only record it comes from.
pub const RECORD: &str = "population_register";
/// Who keeps it: the National Population Database.
const SOURCE: &str = "Cơ sở dữ liệu quốc gia về dân cư";
/// How it was checked: against what the record holds.
const CHECK: &str = "data";

/// Most `verified_claims` in one place of a request.
const MAX_REQUESTS: usize = 8;
/// Characters of a purpose (Identity Assurance 1.0, Implementer's Draft 6.1): the bounds of the only text of a portal
/// that its users see on our page.
const PURPOSE: std::ops::RangeInclusive<usize> = 3..=300;
/// What makes an object a constraint; any other object is a nested element. Further members are ignored (Core 5.5.1).
const CONSTRAINTS: &[&str] = &["value", "values", "essential", "max_age", "purpose"];

/// How a person was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// How surely: the identity level.
    pub identity_level: u8,
    /// When the register confirmed the person; `None`: not known.
    pub time: Option<Timestamp>,
    /// By what; `None`: no exchange with the register is kept.
    pub evidence: Option<RegisterCheck>,
}

/// A person's record in the population register as it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterCheck {
    /// When the register answered.
    pub at: Timestamp,
    /// Names the exchange, to this portal alone.
    pub check_id: Digest,
}

fn moment(time: Timestamp) -> Value {
    Timestamp::from_seconds(time.seconds()).to_string().into()
}

/// What is said of data: a day in place of a moment, by whose second portals would know the same person again (H6).
fn told(data: &Value) -> Value {
    match data {
        Value::String(text) => match OffsetDateTime::parse(text, &Rfc3339) {
            Ok(time) => moment(time.to_offset(UtcOffset::UTC).replace_time(Time::MIDNIGHT).into()),
            Err(_) => data.clone(),
        },
        Value::Array(list) => list.iter().map(told).collect(),
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), told(value))).collect(),
        _ => data.clone(),
    }
}

impl RegisterCheck {
    /// When the record was made is not known to us, so `record.created_at` is not said.
    fn to_json(&self) -> Value {
        let id = URL_SAFE_NO_PAD.encode(self.check_id.as_bytes());
        json!({
            "type": EVIDENCE,
            "record": { "type": RECORD, "source": { "name": SOURCE, "country_code": "VNM" } },
            "check_details": [{ "check_method": CHECK, "organization": SOURCE, "check_id": id, "time": moment(self.at) }],
        })
    }
}

impl Verification {
    fn to_json(&self) -> Value {
        let mut members = Map::new();
        members.insert("trust_framework".into(), TRUST_FRAMEWORK.into());
        members.insert("assurance_level".into(), self.identity_level.to_string().into());
        members.extend(self.time.map(|time| ("time".to_owned(), moment(time))));
        members.extend(self.evidence.as_ref().map(|check| ("evidence".to_owned(), json!([check.to_json()]))));
        Value::Object(members)
    }
}

/// One `verified_claims` asked for: conditions on the verification, and claims with conditions on their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedClaimsRequest {
    verification: Map<String, Value>,
    claims: BTreeMap<ClaimMember, Value>,
}

impl VerifiedClaimsRequest {
    /// The claims asked for, of those that can be verified here.
    pub fn claims(&self) -> impl Iterator<Item = ClaimName> {
        self.claims.keys().map(ClaimMember::claim)
    }

    /// Whether the portal cannot do without a claim.
    pub fn is_essential(&self, claim: ClaimName) -> bool {
        let insists = |wish: &Value| wish.get("essential") == Some(&Value::Bool(true));
        self.claims.iter().any(|(member, wish)| member.claim() == claim && insists(wish))
    }

    /// What the portal says it wants the claims for.
    pub fn purposes(&self) -> impl Iterator<Item = &str> {
        self.claims.values().filter_map(|wish| wish.get("purpose").and_then(Value::as_str))
    }

    /// The same for some of the claims only; `None` when none is left.
    #[must_use]
    pub fn only(&self, allowed: &BTreeSet<ClaimName>) -> Option<Self> {
        let mut narrowed = self.clone();
        narrowed.claims.retain(|member, _| allowed.contains(&member.claim()));
        (!narrowed.claims.is_empty()).then_some(narrowed)
    }
}

fn malformed(description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, "verified_claims_malformed", description)
}

/// Reads `verified_claims` of one place of the `claims` parameter: an object or a list of them. Depth and size were
/// bounded where the parameter was read.
///
/// # Errors
/// `invalid_request` for another form, for a missing `trust_framework` and for empty `claims`. Claims that we do not
/// know, or that nothing verifies, are left out.
pub fn parse(value: &Value) -> Result<Vec<VerifiedClaimsRequest>, Error> {
    let read = match value {
        Value::Null => Vec::new(),
        Value::Array(list) if !list.is_empty() && list.len() <= MAX_REQUESTS => {
            list.iter().map(parse_one).collect::<Result<_, _>>()?
        }
        Value::Object(_) => vec![parse_one(value)?],
        _ => return Err(malformed("verified_claims takes an object or a list of 1 to 8 of them.")),
    };
    Ok(read.into_iter().filter(|request| !request.claims.is_empty()).collect())
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
    if !claims.values().all(|wish| wish.is_null() || wish.as_object().is_some_and(is_sound_constraint)) {
        return Err(malformed("A claim takes null or an object with value, values, essential or purpose."));
    }
    let mut known = BTreeMap::new();
    for (name, wish) in claims {
        if let Some(member) = ClaimMember::parse(name).filter(|member| member.claim().is_of_register()) {
            member.note(&mut known, wish.clone());
        }
    }
    Ok(VerifiedClaimsRequest { verification: verification.clone(), claims: known })
}

/// Each evidence asked for says its type by one value.
fn has_type(evidence: &Value) -> bool {
    evidence.get("type").and_then(|wish| wish.get("value")).is_some_and(Value::is_string)
}

/// Empty, it asks for whatever there is, as `null` does.
fn is_constraint(members: &Map<String, Value>) -> bool {
    members.is_empty() || members.keys().any(|name| CONSTRAINTS.contains(&name.as_str()))
}

/// Whether the members that we understand have their form.
fn is_sound_constraint(members: &Map<String, Value>) -> bool {
    let is = |name: &str, fits: fn(&Value) -> bool| members.get(name).is_none_or(fits);
    is("essential", Value::is_boolean)
        && is("max_age", Value::is_u64)
        && is("purpose", |purpose| purpose.as_str().is_some_and(is_purpose))
        && is("values", |values| values.as_array().is_some_and(|list| !list.is_empty()))
        && !(members.contains_key("value") && members.contains_key("values"))
}

/// Counted in characters. The page escapes those with a meaning in HTML (Implementer's Draft 6.1); those that would
/// change how the page reads are refused.
fn is_purpose(text: &str) -> bool {
    PURPOSE.contains(&text.chars().count()) && !text.contains(is_disturbing)
}

/// Whether every constraint in a wish has the form of one.
fn is_sound(wish: &Value) -> bool {
    match wish {
        Value::Null => true,
        Value::Array(list) => list.iter().all(|entry| entry.is_object() && is_sound(entry)),
        Value::Object(members) if is_constraint(members) => is_sound_constraint(members),
        Value::Object(members) => members.values().all(is_sound),
        _ => false,
    }
}

/// The `verified_claims` of an answer: an object for one, a list for several, `None` when nothing can be said.
///
/// A condition on the verification that is not met omits that `verified_claims` as a whole; one on a claim omits the
/// claim; without any claim left the whole is omitted, but with `keep_empty` (conformance runs) stated without claims
/// where it is only values that differ. None of it is an error, whatever was called essential (Identity
/// Assurance 1.0 section 5.7). `available` are the claims that this verification covers and the agreement lets out;
/// `asked_at` is when they were asked for, to which ages are measured (5.5.2).
pub fn answer(
    requests: &[VerifiedClaimsRequest],
    verification: &Verification,
    (available, keep_empty): (&Released, bool),
    asked_at: Timestamp,
) -> Option<Value> {
    let document = verification.to_json();
    let one = |request: &VerifiedClaimsRequest| one(request, &document, (available, keep_empty), asked_at);
    let mut met: Vec<Value> = requests.iter().filter_map(one).collect();
    match met.len() {
        0 => None,
        1 => met.pop(),
        _ => Some(Value::Array(met)),
    }
}

fn one(
    request: &VerifiedClaimsRequest,
    document: &Value,
    (available, keep_empty): (&Released, bool),
    asked_at: Timestamp,
) -> Option<Value> {
    let mut verification = Map::new();
    for (name, wish) in &request.verification {
        match document.get(name) {
            Some(data) => {
                let chosen = project(wish, data, asked_at).ok()?;
                verification.extend(chosen.map(|value| (name.clone(), value)));
            }
            None if is_limited(wish) => return None,
            None => {}
        }
    }
    let mut claims = Map::new();
    let mut differs = false;
    for (member, wish) in &request.claims {
        let Some(value) = available.get(&member.claim().into()) else { continue };
        if wish.as_object().is_none_or(|members| meets(members, value, asked_at)) {
            claims.insert(member.to_string(), value.clone());
        } else {
            differs = true;
        }
    }
    (!claims.is_empty() || (differs && keep_empty)).then(|| json!({ "verification": verification, "claims": claims }))
}

/// A condition that the data does not meet.
struct Unmet;

/// What of `data` is asked for; `None`: there is nothing of it, and no condition on it.
fn project(wish: &Value, data: &Value, asked_at: Timestamp) -> Result<Option<Value>, Unmet> {
    match (wish, data) {
        (Value::Object(members), data) if is_constraint(members) => {
            if meets(members, data, asked_at) {
                Ok(Some(told(data)))
            } else {
                Err(Unmet)
            }
        }
        (Value::Object(members), Value::Object(fields)) => {
            // Not valid without these, whether they were asked for or not (Schema Definition 1.0).
            let required = fields.iter().filter(|(name, _)| REQUIRED.contains(&name.as_str()));
            let mut chosen: Map<String, Value> = required.map(|(name, value)| (name.clone(), told(value))).collect();
            for (name, wish) in members {
                match fields.get(name) {
                    Some(field) => chosen.extend(project(wish, field, asked_at)?.map(|value| (name.clone(), value))),
                    None if is_limited(wish) => return Err(Unmet),
                    None => {}
                }
            }
            Ok((!chosen.is_empty()).then_some(Value::Object(chosen)))
        }
        // A list of wishes is met by data that meets any of them; what meets none is not sent.
        (Value::Array(wishes), Value::Array(entries)) => {
            let fit = |entry: &Value| wishes.iter().find_map(|wish| project(wish, entry, asked_at).ok().flatten());
            let chosen: Vec<Value> = entries.iter().filter_map(fit).collect();
            if chosen.is_empty() { Err(Unmet) } else { Ok(Some(Value::Array(chosen))) }
        }
        (Value::Null, data) => Ok(Some(told(data))),
        _ => Err(Unmet),
    }
}

/// The type of evidence and record, the method of a check.
const REQUIRED: &[&str] = &["type", "check_method"];

/// Values are compared with what would be said, ages are measured from the true time.
fn meets(members: &Map<String, Value>, data: &Value, asked_at: Timestamp) -> bool {
    let said = told(data);
    let value = members.get("value").is_none_or(|value| *value == said);
    let values = members.get("values").and_then(Value::as_array).is_none_or(|values| values.contains(&said));
    let age = members.get("max_age").and_then(Value::as_u64).is_none_or(|max_age| {
        // A time that cannot be read is as old as can be.
        data.as_str().and_then(read_moment).is_some_and(|time| asked_at.since(time).as_secs() <= max_age)
    });
    value && values && age
}

/// A time, or the last second of a day (Identity Assurance 1.0 section 5.5.2).
fn read_moment(text: &str) -> Option<Timestamp> {
    let read = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok().map(Timestamp::from);
    read(text).or_else(|| read(&format!("{text}T23:59:59Z")))
}

/// Whether a value or an age is asked for, which data that is not there cannot have. `essential` is no such condition.
fn is_limited(wish: &Value) -> bool {
    match wish {
        Value::Object(members) if is_constraint(members) => {
            ["value", "values", "max_age"].into_iter().any(|name| members.contains_key(name))
        }
        Value::Object(members) => members.values().any(is_limited),
        Value::Array(list) => list.iter().any(is_limited),
        _ => false,
    }
}

#[cfg(test)]
#[path = "verified_claims_tests.rs"]
mod tests;
