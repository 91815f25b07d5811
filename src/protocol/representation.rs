//! Acting for an organization as an authorization detail (RFC 9396) of type `urn:dinhdanh:representation`: how a portal
//! asks for it, and how tokens, userinfo and introspection state it.

use super::strict_json::{self, Limits};
use super::{Error, ErrorCode};
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The only type of authorization details there is.
pub const TYPE: &str = "urn:dinhdanh:representation";

/// K4, S4: list → object → value.
const LIMITS: Limits = Limits { depth: 3, values: 50 };
/// Longest code of an organization (Decision 20/2020 art. 4), with room for separators.
const MAX_CODE_BYTES: usize = 64;

/// What a client registered about acting for organizations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepresentationPolicy {
    /// Everybody acts for themself there: the default.
    #[default]
    Refused,
    /// A request may ask for it.
    Allowed,
    /// Nobody acts for themself there.
    Required,
}

impl RepresentationPolicy {
    /// Whether a grant may be served under it: one that acts for an organization, or one of a person for themself.
    pub const fn permits(self, acts_for_organization: bool) -> bool {
        match self {
            Self::Refused => !acts_for_organization,
            Self::Allowed => true,
            Self::Required => acts_for_organization,
        }
    }
}

/// What an authorization request asks for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RepresentationRequest {
    /// Acting for oneself is no answer.
    pub required: bool,
    /// Only this organization is meant, by its tax or agency code as sent.
    pub organization: Option<String>,
}

/// RFC 9396 section 5.
const fn invalid(reason: &'static str, description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidAuthorizationDetails, reason, description)
}

/// The client registered that nobody acts for others there, or the installation knows no organizations.
pub const NOT_ALLOWED: Error =
    invalid("representation_not_allowed", "authorization_details are not registered for this client.");
/// RFC 9396 section 6: narrowing at the token endpoint is not offered, and not silently ignored either.
pub const NOT_AT_TOKEN: Error =
    invalid("authorization_details_at_token", "authorization_details are taken at the authorization endpoint only.");

/// Reads the parameter `authorization_details`: a list of exactly one object, with members that are known and well made.
///
/// # Errors
/// `invalid_authorization_details` for everything else: an unknown type, an unknown member, a member twice.
pub fn parse(text: &str) -> Result<RepresentationRequest, Error> {
    let malformed = invalid("authorization_details_malformed", "authorization_details is not a JSON list of objects.");
    let Ok(Value::Array(list)) = strict_json::parse(text, LIMITS) else { return Err(malformed) };
    let [Value::Object(detail)] = list.as_slice() else {
        return Err(invalid("authorization_details_count", "authorization_details takes a list of one object."));
    };
    if detail.get("type").and_then(Value::as_str) != Some(TYPE) {
        return Err(invalid("authorization_details_type", "The only type is urn:dinhdanh:representation."));
    }
    let mut request = RepresentationRequest::default();
    for (name, value) in detail {
        match (name.as_str(), value) {
            ("type", _) => {}
            ("required", Value::Bool(required)) => request.required = *required,
            ("organization", Value::String(code)) if is_code(code) => request.organization = Some(code.clone()),
            ("required" | "organization", _) => {
                let description = "required takes true or false, organization a tax or agency code.";
                return Err(invalid("authorization_details_member", description));
            }
            _ => {
                let description = "Beside type there are required and organization.";
                return Err(invalid("authorization_details_unknown_member", description));
            }
        }
    }
    Ok(request)
}

fn is_code(text: &str) -> bool {
    (1..=MAX_CODE_BYTES).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

/// What was granted: who acts, for whom, in what role, by which evidence, as of when.
#[derive(Debug, Clone, Copy)]
pub struct Representation<'a> {
    /// Who acts: the subject of the token. `sub` itself stays the person.
    pub actor: &'a str,
    /// The organization's code.
    pub code: &'a str,
    /// `tax_code` or `agency_code`.
    pub scheme: &'a str,
    /// `enterprise`, `dependent_unit` or `state_body`.
    pub kind: &'a str,
    /// Its name as the register writes it.
    pub name: &'a str,
    /// `legal_representative` or `head`.
    pub role: &'a str,
    /// The register's title.
    pub title: Option<&'a str>,
    /// The register's service that answered.
    pub source: &'a str,
    /// The register's id of the exchange.
    pub exchange: &'a str,
    /// When the answer was true.
    pub as_of: Timestamp,
}

impl Representation<'_> {
    /// The value of `authorization_details` in answers and tokens.
    pub fn details(&self) -> Value {
        let mut detail = json!({
            "type": TYPE,
            "actor": { "sub": self.actor },
            "organization": { "code": self.code, "code_type": self.scheme, "kind": self.kind, "name": self.name },
            "role": self.role,
            "evidence": { "source": self.source, "exchange": self.exchange },
            "as_of": self.as_of.seconds(),
        });
        if let (Some(title), Some(members)) = (self.title, detail.as_object_mut()) {
            members.insert("title".to_owned(), title.into());
        }
        Value::Array(vec![detail])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(members: &str) -> String {
        format!(r#"[{{"type":"{TYPE}"{members}}}]"#)
    }

    #[test]
    fn a_policy_permits_what_it_says() {
        use RepresentationPolicy::{Allowed, Refused, Required};
        let rows = [(Refused, true, false), (Allowed, true, true), (Required, false, true)];
        for (policy, for_themself, for_an_organization) in rows {
            assert_eq!(policy.permits(false), for_themself, "{policy:?}");
            assert_eq!(policy.permits(true), for_an_organization, "{policy:?}");
        }
    }

    #[test]
    fn what_is_well_made_is_read() {
        let parsed = |members| parse(&one(members)).unwrap();
        assert_eq!(parsed(""), RepresentationRequest::default());
        assert_eq!(
            parsed(r#","required":true,"organization":"0199999511-001""#),
            RepresentationRequest { required: true, organization: Some("0199999511-001".into()) }
        );
        assert_eq!(parsed(r#","organization":"H01.02""#).organization.as_deref(), Some("H01.02"));
    }

    #[test]
    fn everything_else_is_refused_by_its_own_code() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let rows: Vec<(String, &str)> = vec![
            (String::new(), "authorization_details_malformed"),
            ("{}".into(), "authorization_details_malformed"),
            ("[".into(), "authorization_details_malformed"),
            (deep, "authorization_details_malformed"),
            (one(r#","type":"x""#), "authorization_details_malformed"),
            (one(r#","organization":"a\u0000b""#), "authorization_details_malformed"),
            ("[]".into(), "authorization_details_count"),
            ("[1]".into(), "authorization_details_count"),
            (format!("[{0},{0}]", one("").trim_matches(['[', ']'])), "authorization_details_count"),
            (r#"[{"type":"payment_initiation"}]"#.into(), "authorization_details_type"),
            (r#"[{"type":["urn:dinhdanh:representation"]}]"#.into(), "authorization_details_type"),
            ("[{}]".into(), "authorization_details_type"),
            (one(r#","required":"true""#), "authorization_details_member"),
            (one(r#","required":null"#), "authorization_details_member"),
            (one(r#","organization":"""#), "authorization_details_member"),
            (one(r#","organization":"0199 999""#), "authorization_details_member"),
            (one(&format!(r#","organization":"{}""#, "1".repeat(65))), "authorization_details_member"),
            (one(r#","actions":["read"]"#), "authorization_details_unknown_member"),
            (one(r#","Required":true"#), "authorization_details_unknown_member"),
        ];
        for (text, reason) in rows {
            let error = parse(&text).unwrap_err();
            assert_eq!((error.code, error.reason), (ErrorCode::InvalidAuthorizationDetails, reason), "{text}");
        }
    }

    #[test]
    fn what_is_granted_says_who_for_whom_by_what_and_when() {
        let granted = Representation {
            actor: "sub-1",
            code: "0199999511",
            scheme: "tax_code",
            kind: "enterprise",
            name: "Công ty TNHH Sao Mai",
            role: "legal_representative",
            title: Some("Giám đốc"),
            source: "VN-SIM/GOV/DKKD/ENTERPRISE/look-up-enterprise",
            exchange: "e-1",
            as_of: Timestamp::from_seconds(90),
        };
        assert_eq!(
            granted.details(),
            json!([{
                "type": TYPE, "actor": { "sub": "sub-1" }, "role": "legal_representative", "title": "Giám đốc",
                "organization": {
                    "code": "0199999511", "code_type": "tax_code", "kind": "enterprise", "name": "Công ty TNHH Sao Mai",
                },
                "evidence": { "source": "VN-SIM/GOV/DKKD/ENTERPRISE/look-up-enterprise", "exchange": "e-1" },
                "as_of": 90,
            }])
        );
        assert!(Representation { title: None, ..granted }.details()[0].get("title").is_none());
    }
}
