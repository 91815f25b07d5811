//! The `claims` parameter (OpenID Connect Core 5.5).

use super::claim_member::ClaimMember;
use super::jwt_claims::Released;
use super::scope::ClaimName;
use super::strict_json::{self, Limits};
use super::verified_claims::{self, VerifiedClaimsRequest};
use super::{Error, ErrorCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// K4, S4: `claims` → place → `verified_claims` list → one → `verification` → `evidence` → one → `check_details` → one →
/// member → `values` is depth 11.
const LIMITS: Limits = Limits { depth: 12, values: 200 };
/// Most acr values of one request.
const MAX_ACR_VALUES: usize = 16;
/// Most bytes of one acr value.
const MAX_ACR_BYTES: usize = 256;

/// Claims that are asked for in a language or by their value: under which names, and the values that each may have (none:
/// any). Holds every name under which such a claim is asked for.
pub type ExactClaims = BTreeMap<ClaimMember, Vec<Value>>;

/// What the `claims` parameter asks for, of what we know. Names we do not know are ignored, as 5.5 demands.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// Claims asked for in the ID token; `true`: essential.
    pub id_token: BTreeMap<ClaimName, bool>,
    /// Claims asked for at the userinfo endpoint; `true`: essential.
    pub userinfo: BTreeMap<ClaimName, bool>,
    /// The acr asked for in the ID token.
    pub acr: Option<AcrRequest>,
    /// 5.5.1: only an answer about this subject is wanted.
    pub subject: Option<String>,
    /// How claims are asked for in the ID token, where not simply by their name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub id_token_exact: ExactClaims,
    /// The same for the userinfo endpoint.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub userinfo_exact: ExactClaims,
    /// `verified_claims` asked for in the ID token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub id_token_verified: Vec<VerifiedClaimsRequest>,
    /// `verified_claims` asked for at the userinfo endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub userinfo_verified: Vec<VerifiedClaimsRequest>,
}

/// An acr asked for by the `claims` parameter (5.5.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcrRequest {
    /// When none of the values can be met, the answer is an error (P6).
    pub essential: bool,
    /// In order of preference. Never empty when essential.
    pub values: Vec<String>,
}

impl ClaimsRequest {
    /// Whether a claim was marked essential, in whichever place.
    pub fn is_essential(&self, claim: ClaimName) -> bool {
        [&self.id_token, &self.userinfo].into_iter().any(|place| place.get(&claim) == Some(&true))
            || self.verified().any(|request| request.is_essential(claim))
    }

    /// The `verified_claims` asked for, in whichever place.
    fn verified(&self) -> impl Iterator<Item = &VerifiedClaimsRequest> {
        self.id_token_verified.iter().chain(&self.userinfo_verified)
    }

    /// The claims asked for within them.
    pub fn verified_claims(&self) -> impl Iterator<Item = ClaimName> {
        self.verified().flat_map(VerifiedClaimsRequest::claims)
    }

    /// What the portal says it wants verified data for, in its own words, each once: for the claims that would leave.
    pub fn purposes(&self, released: &BTreeSet<ClaimName>) -> BTreeSet<String> {
        let narrowed: Vec<_> = self.verified().filter_map(|request| request.only(released)).collect();
        narrowed.iter().flat_map(VerifiedClaimsRequest::purposes).map(str::to_owned).collect()
    }
}

fn malformed(description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, "claims_malformed", description)
}

/// Reads the `claims` parameter.
///
/// A claim asked for by `value` or `values` is answered when it has that value and left out otherwise, which is no error
/// (5.5.1). A portal learns no more by it than by asking for the claim, which its agreement and the person must allow
/// all the same. `essential` makes a claim one that the person cannot leave out on the consent page.
///
/// # Errors
/// `invalid_request` for what is not JSON of 5.5, too deep, too large or holds a member twice.
pub fn parse(text: &str) -> Result<ClaimsRequest, Error> {
    let document = strict_json::parse_object(text, LIMITS)
        .map_err(|_| malformed("claims is not one JSON object of moderate size without doubled members."))?;
    let mut request = ClaimsRequest::default();
    if let Some(id_token) = place(&document, "id_token")? {
        for (name, wish) in id_token {
            match name.as_str() {
                VERIFIED => request.id_token_verified = verified_claims::parse(wish)?,
                "acr" => request.acr = Some(Wish::read(wish)?.into_acr()?),
                "sub" => request.subject = Wish::read(wish)?.into_subject()?,
                _ => ask(&mut request.id_token, &mut request.id_token_exact, (name, Wish::read(wish)?)),
            }
        }
    }
    if let Some(userinfo) = place(&document, "userinfo")? {
        for (name, wish) in userinfo {
            match name.as_str() {
                VERIFIED => request.userinfo_verified = verified_claims::parse(wish)?,
                _ => ask(&mut request.userinfo, &mut request.userinfo_exact, (name, Wish::read(wish)?)),
            }
        }
    }
    keep_exact(&mut request.id_token_exact);
    keep_exact(&mut request.userinfo_exact);
    Ok(request)
}

const VERIFIED: &str = "verified_claims";

/// Notes a claim that we know; any other is left out (5.5).
fn ask(claims: &mut BTreeMap<ClaimName, bool>, exact: &mut ExactClaims, (name, wish): (&str, Wish<'_>)) {
    let Some(member) = ClaimMember::parse(name) else { return };
    *claims.entry(member.claim()).or_default() |= wish.essential;
    member.note(exact, wish.values.into_iter().cloned().collect());
}

/// Forgets the claims that are asked for by nothing but their name.
fn keep_exact(exact: &mut ExactClaims) {
    let special: BTreeSet<ClaimName> = exact
        .iter()
        .filter(|(member, values)| member.is_tagged() || !values.is_empty())
        .map(|(member, _)| member.claim())
        .collect();
    exact.retain(|member, _| special.contains(&member.claim()));
}

/// What is said of claims that may leave: under the names they were asked for, where their values are those asked for
/// (5.2, 5.5.1). What a scope asks for is said by its name in any case.
pub fn state(values: &Released, exact: &ExactClaims, by_scope: &BTreeSet<ClaimName>) -> Released {
    let mut stated = Released::new();
    for (member, value) in values {
        let asked: Vec<_> = exact.iter().filter(|(asked, _)| asked.claim() == member.claim()).collect();
        if asked.is_empty() || by_scope.contains(&member.claim()) {
            stated.insert(member.clone(), value.clone());
        }
        let met = asked.into_iter().filter(|(_, wanted)| wanted.is_empty() || wanted.contains(value));
        stated.extend(met.map(|(asked, _)| (asked.clone(), value.clone())));
    }
    stated
}

fn place<'a>(document: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Map<String, Value>>, Error> {
    match document.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(members)) => Ok(Some(members)),
        Some(_) => Err(malformed("claims.id_token and claims.userinfo take objects.")),
    }
}

/// One member: `null`, or `{essential, value, values}`.
struct Wish<'a> {
    essential: bool,
    values: Vec<&'a Value>,
}

impl<'a> Wish<'a> {
    fn read(wish: &'a Value) -> Result<Self, Error> {
        let members = match wish {
            Value::Null => return Ok(Self { essential: false, values: Vec::new() }),
            Value::Object(members) => members,
            _ => return Err(malformed("A claim takes null or an object.")),
        };
        let essential = match members.get("essential") {
            None => false,
            Some(Value::Bool(essential)) => *essential,
            Some(_) => return Err(malformed("essential takes true or false.")),
        };
        let values = match (members.get("value"), members.get("values")) {
            (None, None) => Vec::new(),
            (Some(value), None) => vec![value],
            (None, Some(Value::Array(values))) if !values.is_empty() => values.iter().collect(),
            (None, Some(_)) => return Err(malformed("values takes a list that is not empty.")),
            (Some(_), Some(_)) => return Err(malformed("A claim takes value or values, not both.")),
        };
        if values.iter().any(|value| value.is_array()) {
            return Err(malformed("A value of a claim is not a list."));
        }
        Ok(Self { essential, values })
    }

    /// An essential acr without values asks that some acr be stated, which every ID token does.
    fn into_acr(self) -> Result<AcrRequest, Error> {
        let values = texts(&self.values, MAX_ACR_BYTES)?;
        if values.len() > MAX_ACR_VALUES {
            return Err(malformed("There are more than 16 acr values."));
        }
        Ok(AcrRequest { essential: self.essential && !values.is_empty(), values })
    }

    fn into_subject(self) -> Result<Option<String>, Error> {
        let mut subjects = texts(&self.values, 255)?.into_iter();
        match (subjects.next(), subjects.next()) {
            (subject, None) => Ok(subject),
            _ => Err(malformed("Only one sub can be asked for.")),
        }
    }
}

fn texts(values: &[&Value], max_bytes: usize) -> Result<Vec<String>, Error> {
    let text =
        |value: &&Value| value.as_str().filter(|text| !text.is_empty() && text.len() <= max_bytes).map(str::to_owned);
    let read: Option<Vec<String>> = values.iter().map(text).collect();
    read.ok_or_else(|| malformed("A value of acr or sub is not a text of moderate length."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::tests::is_lawful;

    #[test]
    fn reads_places_essential_and_null() {
        let request = parse(
            r#"{"userinfo":{"name":{"essential":true},"email":null,"nickname":{"essential":true}},
                "id_token":{"birthdate":{"essential":false},"acr":{"essential":true,"values":["a","b"]},"sub":{"value":"x"}}}"#,
        )
        .unwrap();
        assert_eq!(request.userinfo, BTreeMap::from([(ClaimName::Name, true), (ClaimName::Email, false)]));
        assert_eq!(request.id_token, BTreeMap::from([(ClaimName::Birthdate, false)]));
        assert_eq!(request.acr, Some(AcrRequest { essential: true, values: vec!["a".into(), "b".into()] }));
        assert_eq!(request.subject.as_deref(), Some("x"));
        assert!(request.is_essential(ClaimName::Name) && !request.is_essential(ClaimName::Email));
    }

    #[test]
    fn acr_takes_one_value_or_none() {
        let acr = |text: &str| parse(&format!(r#"{{"id_token":{{"acr":{text}}}}}"#)).unwrap().acr.unwrap();
        assert_eq!(acr(r#"{"value":"x"}"#), AcrRequest { essential: false, values: vec!["x".into()] });
        assert_eq!(acr("null"), AcrRequest { essential: false, values: vec![] });
        assert_eq!(acr(r#"{"essential":true}"#), AcrRequest { essential: false, values: vec![] });
    }

    #[test]
    fn p6_an_acr_of_the_userinfo_place_is_no_acr_request() {
        assert_eq!(
            parse(r#"{"userinfo":{"acr":{"essential":true,"values":["x"]}}}"#).unwrap(),
            ClaimsRequest::default()
        );
    }

    #[test]
    fn core_5_2_a_claim_in_vietnamese_is_the_claim_we_have() {
        let request =
            parse(r##"{"userinfo":{"name#vi":{"essential":true},"name#vi-VN":null,"birthdate#en":null}}"##).unwrap();
        assert_eq!(request.userinfo.keys().map(|claim| claim.as_str()).collect::<Vec<_>>(), ["name"]);
    }

    #[test]
    fn core_5_5_1_values_and_languages_are_kept_where_they_say_more_than_the_name() {
        let request = parse(
            r##"{"userinfo":{"name":null,"name#vi":null,"birthdate":{"value":"1990-01-01"},"gender":{"essential":true},
                "email":{"values":["a@x","b@x"]}}}"##,
        )
        .unwrap();
        let names: Vec<String> = request.userinfo_exact.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["name", "name#vi", "birthdate", "email"]);
        assert!(request.id_token_exact.is_empty());
        assert_eq!(request.userinfo.len(), 4);
    }

    #[test]
    fn core_5_5_1_a_claim_of_another_value_is_left_out_unless_a_scope_asks_for_it() {
        let asked = |text: &str| parse(&format!(r##"{{"userinfo":{text}}}"##)).unwrap().userinfo_exact;
        let values = Released::from([
            (ClaimName::Name.into(), "An".into()),
            (ClaimName::Gender.into(), "female".into()),
            (ClaimName::EmailVerified.into(), true.into()),
        ]);
        let stated = |text: &str, by_scope: &[ClaimName]| -> Vec<String> {
            let stated = state(&values, &asked(text), &by_scope.iter().copied().collect());
            stated.iter().map(|(member, value)| format!("{member}={value}")).collect()
        };
        let rest = [r#"gender="female""#, "email_verified=true"];
        let with = |name: &[&str]| -> Vec<String> { name.iter().chain(&rest).map(ToString::to_string).collect() };
        assert_eq!(stated("{}", &[]), with(&[r#"name="An""#]));
        assert_eq!(stated(r##"{"name":{"value":"An"}}"##, &[]), with(&[r#"name="An""#]));
        assert_eq!(stated(r##"{"name":{"values":["Bo","An"]}}"##, &[]), with(&[r#"name="An""#]));
        assert_eq!(stated(r##"{"name":{"value":"Bo"}}"##, &[]), with(&[]));
        assert_eq!(stated(r##"{"name":{"value":"Bo"}}"##, &[ClaimName::Name]), with(&[r#"name="An""#]));
        assert_eq!(stated(r##"{"name#vi":null}"##, &[]), with(&[r##"name#vi="An""##]));
        assert_eq!(stated(r##"{"name#vi":null}"##, &[ClaimName::Name]), with(&[r#"name="An""#, r##"name#vi="An""##]));
        assert_eq!(stated(r##"{"name#vi":null,"name":null}"##, &[]), with(&[r#"name="An""#, r##"name#vi="An""##]));
        assert_eq!(stated(r##"{"name#vi":{"value":"Bo"},"name":null}"##, &[]), with(&[r#"name="An""#]));
        assert_eq!(stated(r##"{"email_verified":{"value":"true"}}"##, &[]).len(), 2, "a text is no boolean");
    }

    #[test]
    fn ida_verified_claims_are_read_in_both_places() {
        let one = r#"{"verification":{"trust_framework":null},"claims":{"name":null}}"#;
        let request = parse(&format!(
            r#"{{"id_token":{{"verified_claims":{one}}},"userinfo":{{"verified_claims":[{one},{one}]}}}}"#
        ))
        .unwrap();
        assert_eq!((request.id_token_verified.len(), request.userinfo_verified.len()), (1, 2));
        assert!(
            parse(r#"{"userinfo":{"verified_claims":{"verification":{"trust_framework":null},"claims":{}}}}"#).is_err()
        );
    }

    #[test]
    fn h3_protocol_members_are_not_claims_that_can_be_asked_for() {
        let request = parse(r#"{"id_token":{"iss":null,"aud":null,"exp":null,"amr":null,"roles":null}}"#).unwrap();
        assert_eq!(request, ClaimsRequest::default());
    }

    #[test]
    fn k4_s4_malformed_deep_large_and_doubled_are_refused() {
        let many: Vec<String> = (0..300).map(|i| format!(r#""c{i}":null"#)).collect();
        let acrs = vec![r#""a""#; 17].join(",");
        for text in [
            "",
            "null",
            "[]",
            "{",
            r#"{"id_token":[]}"#,
            r#"{"id_token":"x"}"#,
            r#"{"id_token":{"name":true}}"#,
            r#"{"id_token":{"name":{"essential":"true"}}}"#,
            r#"{"id_token":{"name":{"essential":null}}}"#,
            r#"{"id_token":{"name":{"value":"a","values":["a"]}}}"#,
            r#"{"id_token":{"acr":{"values":[]}}}"#,
            r#"{"id_token":{"acr":{"values":"x"}}}"#,
            r#"{"id_token":{"acr":{"values":[1]}}}"#,
            r#"{"id_token":{"acr":{"value":""}}}"#,
            r#"{"id_token":{"sub":{"values":["a","b"]}}}"#,
            r#"{"id_token":{},"id_token":{}}"#,
            r#"{"id_token":{"name":null,"name":{"essential":true}}}"#,
            r#"{"id_token":{"name":{"values":[[[]]]}}}"#,
            &"[".repeat(8_000),
            &format!(r#"{{"userinfo":{{{}}}}}"#, many.join(",")),
            &format!(r#"{{"id_token":{{"acr":{{"values":[{acrs}]}}}}}}"#),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{text}");
            assert!(is_lawful(&error.description));
        }
    }
}
