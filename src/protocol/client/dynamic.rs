//! What a client that registers itself may choose (RFC 7591, RFC 7592, OpenID Connect Registration 1.0).

use super::registration::{self, LIMITS, MEMBERS, invalid, is_plain_text};
use super::{ApplicationType, ClientMetadata, GrantType};
use crate::protocol::scope::{self, ScopeSet};
use crate::protocol::{Error, RegistrationPolicy, strict_json, uri};
use serde_json::{Map, Value, json};

/// Members that are decided here, by agreement with the agency, and never by the client: data it may receive, levels it
/// may do without, rules it is held to.
const OURS: &[&str] = &[
    "sharing",
    "representation",
    "minimum_authentication_level",
    "minimum_identity_level",
    "audience",
    "profile",
    "ciba_profile",
    "token_exchange_clients",
];

/// Members that say how a client is addressed, and that it cannot set (RFC 7592 2.2).
const ISSUED: &[&str] =
    &["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];

/// Claims of a software statement that are no metadata (RFC 7591 2.3, RFC 7519 4.1).
const OF_STATEMENTS: &[&str] = &["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// What whoever registers may have.
#[derive(Debug, Clone, Default)]
pub struct Registrant {
    /// The scopes it may have at most, and gets when it names none.
    pub scopes: ScopeSet,
    /// It may do without PKCE: for suites that test plain OpenID Connect, nowhere else.
    pub without_pkce: bool,
    /// As for everybody.
    pub policy: RegistrationPolicy,
}

/// A registration request, read but not judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Submitted {
    members: Map<String, Value>,
    /// The software statement as sent (RFC 7591 2.3).
    pub software_statement: Option<String>,
    /// The client named in the body: at an update only (RFC 7592 2.2).
    pub client_id: Option<String>,
    /// The secret named in the body: at an update only.
    pub client_secret: Option<String>,
}

impl Submitted {
    /// Reads the body of a request. Members that nobody knows are left out, not refused (RFC 7591 2).
    ///
    /// # Errors
    /// `invalid_client_metadata`.
    pub fn read(json: &str) -> Result<Self, Error> {
        let mut members = strict_json::parse_object(json, LIMITS).map_err(|_| {
            invalid("metadata_not_json", "The metadata is not one JSON object without doubled members.")
        })?;
        let mut text = |name: &'static str| match members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(invalid("wrong_metadata_member", format!("The member {name} takes a text."))),
        };
        let software_statement = text("software_statement")?;
        let client_id = text("client_id")?;
        let client_secret = text("client_secret")?;
        if ISSUED.iter().any(|name| members.contains_key(*name)) {
            return Err(invalid("issued_member", "The request holds a member that only we set (RFC 7592 2.2)."));
        }
        Ok(Self { members: known(members), software_statement, client_id, client_secret })
    }

    /// What counts where the request says nothing.
    pub(super) fn put_default(&mut self, name: &str, value: Value) {
        self.members.entry(name.to_owned()).or_insert(value);
    }

    /// Lays the claims of a verified software statement over the members: they win (RFC 7591 2.3).
    pub fn overlay(&mut self, claims: &Map<String, Value>) {
        let claims = claims.iter().filter(|(name, _)| !OF_STATEMENTS.contains(&name.as_str()));
        self.members.extend(known(claims.map(|(name, value)| (name.clone(), value.clone())).collect()));
    }

    /// Judges what was asked for; what is left open is filled in.
    ///
    /// # Errors
    /// `invalid_redirect_uri`, `invalid_client_metadata`.
    pub fn judge(mut self, registrant: &Registrant) -> Result<ClientMetadata, Error> {
        if OURS.iter().any(|name| self.members.contains_key(*name)) {
            let text = "sharing, representation, levels, audience and profiles are agreed on with us, not registered.";
            return Err(invalid("member_not_for_registrants", text));
        }
        if self.members.get("require_pkce") == Some(&Value::Bool(false)) && !registrant.without_pkce {
            return Err(invalid("member_not_for_registrants", "Clients that register themselves use PKCE."));
        }
        // RFC 7591 3.2.1: what is registered may differ from what was asked for, and the answer says so.
        if self.members.contains_key("subject_type") {
            self.members.insert("subject_type".to_owned(), json!("pairwise"));
        }
        let public = self.members.get("token_endpoint_auth_method") == Some(&json!("none"));
        if registrant.without_pkce && !public {
            self.members.entry("require_pkce").or_insert(Value::Bool(false));
        }
        let asked = self.members.remove("scope");
        let mut metadata: ClientMetadata = serde_json::from_value(Value::Object(self.members.clone()))
            .map_err(|_| registration::wrong_member(&self.members))?;
        metadata.scope = allowed_scope(asked, &metadata, &registrant.scopes)?;
        name(&mut metadata);
        if metadata.redirect_uris.is_empty() && metadata.grant_types.contains(&GrantType::AuthorizationCode) {
            let text = "redirect_uris is empty: authorization_code needs at least one address.";
            return Err(Error::new(crate::protocol::ErrorCode::InvalidRedirectUri, "no_redirect_uris", text));
        }
        metadata.validate(registrant.policy)
    }
}

fn known(members: Map<String, Value>) -> Map<String, Value> {
    // A null is as a member left out (RFC 7592 2.2).
    let ours = |name: &str| MEMBERS.iter().any(|(known, _)| *known == name);
    members.into_iter().filter(|(name, value)| ours(name) && !value.is_null()).collect()
}

/// What was asked for, as far as registrants may have it; everything they may have when nothing was asked for.
fn allowed_scope(asked: Option<Value>, metadata: &ClientMetadata, most: &ScopeSet) -> Result<ScopeSet, Error> {
    let asked = match asked {
        None => None,
        Some(Value::String(text)) => Some(
            ScopeSet::parse(&text)
                .map_err(|_| invalid("wrong_metadata_member", "The member scope takes scopes parted by spaces."))?,
        ),
        Some(_) => return Err(invalid("wrong_metadata_member", "The member scope takes scopes parted by spaces.")),
    };
    let refreshes = metadata.grant_types.contains(&GrantType::RefreshToken);
    let signs_in = metadata.grant_types.iter().any(|grant| grant.signs_in());
    let usable = |name: &str| {
        (name != scope::OFFLINE_ACCESS || refreshes) && (signs_in || !scope::PERSON_SCOPES.contains(&name))
    };
    let allowed = asked.as_ref().map_or_else(|| most.clone(), |asked| asked.intersection(most));
    let text: Vec<&str> = allowed.iter().filter(|name| usable(name)).collect();
    if text.is_empty() && asked.is_some_and(|asked| asked.iter().next().is_some()) {
        return Err(invalid(
            "scope_not_for_registrants",
            "None of the scopes is open to clients that register themselves.",
        ));
    }
    ScopeSet::parse(&text.join(" ")).map_err(|_| invalid("wrong_metadata_member", "The scope cannot be read."))
}

/// People must see whom they sign in to: without a name, the host that they are sent back to.
fn name(metadata: &mut ClientMetadata) {
    let named = [&metadata.client_name, &metadata.client_name_vi, &metadata.client_name_en];
    if named.iter().any(|name| name.is_some()) {
        return;
    }
    let host = metadata.redirect_uris.iter().find_map(|text| {
        let url = uri::parse_exact(text).ok()?;
        url.host_str().map(str::to_owned).or_else(|| Some(url.scheme().to_owned()))
    });
    metadata.client_name = host.filter(|host| is_plain_text(host, 200));
    if metadata.client_name.is_none() && metadata.application_type == ApplicationType::Web {
        metadata.client_name = Some("?".to_owned());
    }
}

impl ClientMetadata {
    /// The members of a client information response (RFC 7591 3.2.1): everything registered, and none of what is ours.
    ///
    /// # Errors
    /// Never for metadata that was read from JSON.
    pub fn for_registrant(&self) -> Result<Map<String, Value>, Error> {
        let value = serde_json::to_value(self)
            .map_err(|_| invalid("metadata_unwritable", "The metadata cannot be written."))?;
        let Value::Object(mut members) = value else { return Ok(Map::new()) };
        members.retain(|name, _| !OURS.contains(&name.as_str()));
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ErrorCode, SigningAlgorithms};

    fn registrant() -> Registrant {
        let policy = RegistrationPolicy { signing_algorithms: SigningAlgorithms::ALL, ..RegistrationPolicy::default() };
        let scopes = ScopeSet::parse("openid profile offline_access").unwrap();
        Registrant { scopes, policy, ..Registrant::default() }
    }

    fn judged(change: Value) -> Result<ClientMetadata, Error> {
        let mut body = json!({"redirect_uris": ["https://portal.example/cb"], "client_name": "Portal"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        Submitted::read(&body.to_string())?.judge(&registrant())
    }

    #[test]
    fn unknown_members_are_left_out_and_scopes_cut_to_what_is_open() {
        let metadata = judged(json!({"colour": "red", "sub": "x", "scope": "openid personal_number"})).unwrap();
        assert_eq!(metadata.scope.to_string(), "openid");
        let members = metadata.for_registrant().unwrap();
        assert!(
            !members.contains_key("colour") && !members.contains_key("sub") && !members.contains_key("representation")
        );
        assert_eq!(judged(json!({})).unwrap().scope.to_string(), "openid profile");
        assert_eq!(judged(json!({"scope": "personal_number"})).unwrap_err().reason, "scope_not_for_registrants");
    }

    #[test]
    fn h3_what_is_ours_cannot_be_registered() {
        for (name, value) in [
            ("sharing", json!({"claims": ["name"]})),
            ("minimum_authentication_level", json!(1)),
            ("minimum_identity_level", json!(0)),
            ("representation", json!("allowed")),
            ("audience", json!(["https://api.example"])),
            ("profile", json!("fapi2_security")),
            ("ciba_profile", json!(true)),
            ("require_pkce", json!(false)),
        ] {
            let error = judged(json!({ name: value })).unwrap_err();
            assert_eq!(error.reason, "member_not_for_registrants", "{name}");
        }
        for issued in ISSUED {
            assert_eq!(judged(json!({ *issued: "x" })).unwrap_err().reason, "issued_member", "{issued}");
        }
    }

    #[test]
    fn h3_a_statement_wins_over_the_request_and_cannot_set_what_is_ours() {
        let mut submitted =
            Submitted::read(r#"{"redirect_uris":["https://a.example/cb"],"client_name":"Mine"}"#).unwrap();
        let claims = json!({"iss": "https://maker.example", "exp": 1, "client_name": "Theirs", "software_id": null});
        submitted.overlay(claims.as_object().unwrap());
        assert_eq!(submitted.clone().judge(&registrant()).unwrap().client_name.as_deref(), Some("Theirs"));
        submitted.overlay(json!({"minimum_identity_level": 0}).as_object().unwrap());
        assert_eq!(submitted.judge(&registrant()).unwrap_err().reason, "member_not_for_registrants");
    }

    #[test]
    fn a3_a4_a5_a8_addresses_meet_the_rules_of_every_client() {
        for address in [
            "https://*.example/cb",
            "http://localhost.evil/cb",
            "http://127.0.0.1.evil/cb",
            "javascript:alert(1)",
            "data:text/html,x",
            "http://portal.example/cb",
        ] {
            let error = judged(json!({"redirect_uris": [address]})).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRedirectUri, "{address}");
        }
        for none in [json!([]), Value::Null] {
            assert_eq!(judged(json!({"redirect_uris": none})).unwrap_err().code, ErrorCode::InvalidRedirectUri);
        }
    }

    #[test]
    fn a_public_subject_type_becomes_pairwise_and_a_missing_name_the_host() {
        let metadata = judged(json!({"subject_type": "public", "client_name": null})).unwrap();
        assert_eq!(metadata.client_name.as_deref(), Some("portal.example"));
    }
}
