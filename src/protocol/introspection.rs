//! Who may ask about a token, and what they hear (RFC 7662); what may be revoked (RFC 7009).

use super::Confirmation;
use super::client::Client;
use super::jwt_claims::{Authentication, audience_value, put_authentication, put_details};
use super::scope::ScopeSet;
use crate::base::Timestamp;
use serde_json::{Map, Value, json};

/// What is known of a token that is active.
#[derive(Debug, Clone)]
pub struct ActiveToken<'a> {
    /// Our issuer.
    pub issuer: &'a str,
    /// Whose token it is.
    pub client_id: &'a str,
    /// The subject as that client knows it; for client credentials the client itself.
    pub subject: &'a str,
    /// Whom the token is for.
    pub audience: &'a [String],
    /// What it carries.
    pub scope: &'a ScopeSet,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Identifier, for an access token.
    pub jti: Option<&'a str>,
    /// How the person signed in; `None` for client credentials.
    pub authentication: Option<&'a Authentication>,
    /// For whom the person acts (RFC 9396 9.2), if not for themself.
    pub authorization_details: Option<&'a Value>,
    /// The key that must come with it: whoever asks has to check that it did (RFC 9449 6.2, RFC 8705 3.2).
    pub confirmation: Option<&'a Confirmation>,
    /// The agency that acts with it (RFC 8693 4.1).
    pub actor: Option<&'a Value>,
}

/// Whether a client may ask about a token: a confidential one, about a token of its own or one that names it as audience
/// (RFC 7662 2.1, 4). Whoever may not hears "inactive", as of a token that does not exist.
pub fn may_introspect(client: &Client, token_client_id: &str, audience: &[String]) -> bool {
    !client.disabled
        && !client.is_public()
        && (client.client_id == token_client_id || audience.contains(&client.client_id))
}

/// Whether a client may revoke a token: its own only (RFC 7009 2.1). Public clients may, too.
pub fn may_revoke(client: &Client, token_client_id: &str) -> bool {
    client.client_id == token_client_id
}

/// RFC 7662 2.2: nothing more is said of a token that is not active.
pub fn inactive() -> Value {
    json!({ "active": false })
}

/// RFC 7662 2.2.
pub fn active(token: &ActiveToken<'_>) -> Value {
    let mut answer = Map::new();
    answer.insert("active".into(), true.into());
    answer.insert("iss".into(), token.issuer.into());
    answer.insert("sub".into(), token.subject.into());
    answer.insert("client_id".into(), token.client_id.into());
    answer.insert("aud".into(), audience_value(token.audience));
    answer.insert("scope".into(), token.scope.to_string().into());
    answer.insert("iat".into(), token.issued_at.seconds().into());
    answer.insert("exp".into(), token.expires_at.seconds().into());
    if let Some(jti) = token.jti {
        answer.insert("jti".into(), jti.into());
        answer.insert("token_type".into(), token.confirmation.map_or("Bearer", Confirmation::token_type).into());
    }
    if let Some(authentication) = token.authentication {
        put_authentication(&mut answer, authentication);
    }
    put_details(&mut answer, token.authorization_details);
    answer.extend(token.confirmation.map(|cnf| ("cnf".to_owned(), cnf.to_json())));
    answer.extend(token.actor.map(|actor| ("act".to_owned(), actor.clone())));
    Value::Object(answer)
}

/// The media type of an answer that is a JWT (RFC 9701 5).
pub const JWT_MEDIA_TYPE: &str = "application/token-introspection+jwt";

/// Whether the caller asks for a JWT (RFC 9701 4): it names that type, and wants it no less than JSON. Wildcards ask for
/// nothing in particular. `accept`: the values of its `Accept` headers.
pub fn asks_for_jwt<'a>(accept: impl Iterator<Item = &'a str>) -> bool {
    let (mut jwt, mut plain) = (0.0, 0.0);
    for range in accept.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        // RFC 9110 12.4.2; what is no weight counts for nothing.
        let weight: f32 = weight.map_or(1.0, |text| text.parse().unwrap_or(0.0));
        if name.eq_ignore_ascii_case(JWT_MEDIA_TYPE) {
            jwt = weight;
        } else if name.eq_ignore_ascii_case("application/json") {
            plain = weight;
        }
    }
    jwt > 0.0 && jwt >= plain
}

/// The claims of a signed answer (RFC 9701 5): for the caller that asked and nobody else. Neither `sub` nor `exp` stands
/// beside `token_introspection`, so that nobody takes it for a token.
pub fn signed_claims(answer: Value, (issuer, caller): (&str, &str), now: Timestamp) -> Map<String, Value> {
    Map::from_iter([
        ("iss".to_owned(), issuer.into()),
        ("aud".to_owned(), caller.into()),
        ("iat".to_owned(), now.seconds().into()),
        ("token_introspection".to_owned(), answer),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client::AuthenticationMethod;
    use crate::protocol::client::tests::client_with;

    #[test]
    fn only_the_tokens_client_or_audience_may_introspect() {
        let mut portal = client_with(|_| {});
        assert!(may_introspect(&portal, "portal", &[]));
        assert!(may_introspect(&portal, "other", &["https://api.example".into(), "portal".into()]));
        for audience in [vec![], vec!["portal2".to_owned()], vec!["https://dichvucong.example".to_owned()]] {
            assert!(!may_introspect(&portal, "other", &audience), "{audience:?}");
        }
        portal.disabled = true;
        assert!(!may_introspect(&portal, "portal", &[]));
    }

    #[test]
    fn a_public_client_may_not_introspect_even_its_own() {
        let app = client_with(|m| m.token_endpoint_auth_method = AuthenticationMethod::None);
        assert!(!may_introspect(&app, "portal", &["portal".into()]));
        assert!(may_revoke(&app, "portal") && !may_revoke(&app, "other"));
    }

    #[test]
    fn rfc_9701_4_a_jwt_is_for_who_asks_for_it() {
        let asks = |accept: &[&str]| asks_for_jwt(accept.iter().copied());
        let jwt = JWT_MEDIA_TYPE;
        for accept in [
            vec![jwt],
            vec!["Application/Token-Introspection+JWT"],
            vec!["application/json, application/token-introspection+jwt"],
            vec!["text/html", "application/token-introspection+jwt;q=0.5"],
            vec!["application/json;q=0.4,application/token-introspection+jwt;v=1;q=0.5"],
        ] {
            assert!(asks(&accept), "{accept:?}");
        }
        for accept in [
            vec![],
            vec![""],
            vec!["*/*"],
            vec!["application/*"],
            vec!["application/json"],
            vec!["application/jwt"],
            vec!["application/token-introspection+jwt;q=0"],
            vec!["application/token-introspection+jwt;q=x"],
            vec!["application/token-introspection+jwt;q=NaN"],
            vec!["application/json, application/token-introspection+jwt;q=0.5"],
        ] {
            assert!(!asks(&accept), "{accept:?}");
        }
    }

    #[test]
    fn rfc_9701_5_nothing_at_the_top_makes_a_token_of_it() {
        let claims = signed_claims(inactive(), ("https://id.example", "api"), Timestamp::from_seconds(100));
        assert_eq!(
            Value::Object(claims),
            json!({"iss": "https://id.example", "aud": "api", "iat": 100, "token_introspection": {"active": false}})
        );
    }

    #[test]
    fn an_inactive_token_has_one_member() {
        assert_eq!(inactive(), json!({ "active": false }));
    }

    #[test]
    fn an_active_token_says_whose_and_how_strong() {
        let authentication = Authentication::sample();
        let token = ActiveToken {
            issuer: "https://id.example",
            client_id: "portal",
            subject: "sub-1",
            audience: &["portal".into()],
            scope: &ScopeSet::parse("openid profile").unwrap(),
            issued_at: Timestamp::from_seconds(100),
            expires_at: Timestamp::from_seconds(700),
            jti: Some("j"),
            authentication: Some(&authentication),
            authorization_details: None,
            confirmation: None,
            actor: None,
        };
        let answer = active(&token);
        assert_eq!(
            answer,
            json!({
                "active": true, "iss": "https://id.example", "sub": "sub-1", "client_id": "portal", "aud": "portal",
                "scope": "openid profile", "iat": 100, "exp": 700, "jti": "j", "token_type": "Bearer",
                "auth_time": 90, "acr": "urn:dinhdanh:acr:2", "amr": ["otp", "pwd"],
                "authentication_level": 2, "identity_level": 1,
            })
        );
        let refresh = active(&ActiveToken { jti: None, authentication: None, ..token });
        assert!(refresh.get("token_type").is_none() && refresh.get("acr").is_none());
    }
}
