use super::*;
use crate::protocol::ScopeSet;
use crate::protocol::client::ClientMetadata;
use crate::protocol::client::tests::client_with;
use crate::protocol::discovery::tests::capabilities;
use serde_json::json;

const ISSUER: &str = "https://id.example";

fn bank(change: impl FnOnce(&mut ClientMetadata)) -> Client {
    client_with(|m| {
        m.grant_types = vec![GrantType::Ciba];
        m.scope = ScopeSet::parse("openid profile").unwrap();
        m.doors.backchannel_token_delivery_mode = Some(DeliveryMode::Poll);
        change(m);
    })
}

fn judged(client: &Client, query: &str) -> Result<CibaRequest, &'static str> {
    let parameters = Parameters::parse(query.as_bytes()).unwrap();
    check(&parameters, client, &capabilities()).map_err(|error| error.reason)
}

#[test]
fn a_request_is_read() {
    let read = judged(
        &bank(|_| {}),
        "scope=openid+profile&login_hint=079101999902&binding_message=GD-4711&requested_expiry=90&acr_values=urn:dinhdanh:acr:2",
    );
    let Ok(read) = read else { panic!("{:?}", read.err()) };
    assert!(read.hint == Hint::Login("079101999902".into()));
    assert_eq!((read.binding_message.as_deref(), read.lifetime), (Some("GD-4711"), Duration::from_secs(90)));
    assert_eq!((read.request.max_age, read.request.acr_values.len()), (Some(300), 1));
    assert!(read.request.redirect.as_str().is_empty(), "no browser takes the answer");
}

#[test]
fn each_rule_refuses_alone() {
    const BASE: &str = "scope=openid&login_hint=079101999902";
    for (query, reason) in [
        ("scope=openid", "one_hint"),
        ("scope=openid&login_hint=1&id_token_hint=a.b.c", "one_hint"),
        ("scope=openid&login_hint_token=a.b.c", "login_hint_token"),
        ("scope=openid&id_token_hint=abc", "id_token_hint_malformed"),
        ("login_hint=079101999902", "scope_without_openid"),
        (&format!("{BASE}&binding_message={}", "a".repeat(61)), "binding_message"),
        (&format!("{BASE}&binding_message=https://evil.example"), "binding_message"),
        (&format!("{BASE}&binding_message=%E2%80%AEabc"), "binding_message"),
        (&format!("{BASE}&binding_message=%F0%9F%98%80"), "binding_message"),
        (&format!("{BASE}&requested_expiry=0"), "requested_expiry"),
        (&format!("{BASE}&requested_expiry=-5"), "requested_expiry"),
        (&format!("{BASE}&requested_expiry=1.5"), "requested_expiry"),
        (&format!("{BASE}&user_code=1234"), "user_code"),
        (&format!("{BASE}&request_uri=urn:x"), "request_uri"),
    ] {
        assert_eq!(judged(&bank(|_| {}), query).err(), Some(reason), "{query}");
    }
    let stranger = judged(&bank(|m| m.grant_types = vec![GrantType::ClientCredentials]), BASE);
    assert_eq!(stranger.err(), Some("grant_type_not_registered"));
    let ping = bank(|m| m.doors.backchannel_token_delivery_mode = Some(DeliveryMode::Ping));
    for token in ["", "&client_notification_token=a+b", &format!("&client_notification_token={}", "a".repeat(1_025))] {
        assert_eq!(judged(&ping, &format!("{BASE}{token}")).err(), Some("client_notification_token"), "{token}");
    }
    assert!(judged(&ping, &format!("{BASE}&client_notification_token=abc-1~_.%2B/%3D")).is_ok());
    let long = judged(&bank(|_| {}), &format!("{BASE}&requested_expiry=86400"));
    assert_eq!(long.map(|read| read.lifetime).ok(), Some(MAX_LIFETIME));
}

#[test]
fn fapi_ciba_needs_a_signature_and_something_to_compare() {
    let fapi = bank(|m| {
        m.doors.ciba_profile = true;
        m.doors.backchannel_authentication_request_signing_alg = Some(SigningAlgorithm::PS256);
    });
    assert_eq!(judged(&fapi, "scope=openid&login_hint=1").err(), Some("binding_message_missing"));
    let plain = Parameters::parse(b"scope=openid&login_hint=1&binding_message=1").unwrap();
    assert_eq!(signed(&plain, &fapi).unwrap_err().reason, "request_unsigned");
    let both = Parameters::parse(b"request=a.b.c&login_hint=1&client_id=portal").unwrap();
    assert_eq!(signed(&both, &fapi).unwrap_err().reason, "parameter_beside_request");
    let alone = Parameters::parse(b"request=a.b.c&client_id=portal&client_assertion=x").unwrap();
    assert_eq!(signed(&alone, &fapi).unwrap(), Some(("a.b.c", SigningAlgorithm::PS256)));
    assert_eq!(signed(&alone, &bank(|_| {})).unwrap_err().reason, "request_not_registered");
    assert_eq!(signed(&plain, &bank(|_| {})).unwrap(), None);
}

#[test]
fn a_signed_request_is_of_this_client_for_us_and_now() {
    let now = Timestamp::from_seconds(10_000);
    let good = json!({
        "iss": "portal", "aud": ISSUER, "iat": 9_990, "nbf": 9_990, "exp": 10_200, "jti": "j-1",
        "scope": "openid", "login_hint": "079101999902", "requested_expiry": 60, "resource": ["https://a.example"],
        "claims": {"id_token": {"name": null}},
    });
    let read = |header: Value, claims: &Value| {
        let (header, claims) = (header.as_object().cloned().unwrap(), claims.as_object().cloned().unwrap());
        read_signed((&header, &claims), &bank(|_| {}), ISSUER, now)
    };
    let signed = read(json!({"alg": "ES256"}), &good).unwrap();
    assert_eq!((signed.jti.as_str(), signed.expires_at), ("j-1", Timestamp::from_seconds(10_200)));
    let get = |name| signed.parameters.get(name);
    assert_eq!((get("requested_expiry"), get("resource")), (Some("60"), Some("https://a.example")));
    assert_eq!((get("claims"), get("iss"), get("exp")), (Some(r#"{"id_token":{"name":null}}"#), None, None));
    let ahead = json!({"nbf": 10_008, "iat": 10_008});
    for (change, reason) in [
        (json!({"iss": "other"}), Some("request_iss")),
        (json!({"sub": "portal"}), Some("request_sub")),
        (json!({"response_type": "code"}), Some("request_for_a_browser")),
        (json!({"redirect_uri": "https://portal.example/cb"}), Some("request_for_a_browser")),
        (json!({"aud": "https://evil.example"}), Some("request_aud")),
        (json!({"aud": ["x", ISSUER]}), None),
        (json!({"exp": 10_000}), Some("request_exp")),
        (json!({"exp": 9_990 + 3_601}), Some("request_exp")),
        (json!({"exp": null}), Some("request_exp")),
        (json!({"nbf": null}), Some("request_nbf")),
        (json!({"nbf": 10_061}), Some("request_nbf")),
        (json!({"nbf": 6_399, "exp": 9_999}), Some("request_nbf")),
        (json!({"iat": 10_061}), Some("request_iat")),
        (json!({"jti": ""}), Some("request_jti")),
        (json!({"scope": ["openid"]}), Some("request_member")),
        (ahead, None),
    ] {
        let mut claims = good.clone();
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        assert_eq!(read(json!({"alg": "ES256"}), &claims).err().map(|e| e.reason), reason, "{change}");
    }
    for typ in ["at+jwt", "dpop+jwt", "client-authentication+jwt", "logout+jwt"] {
        assert_eq!(read(json!({"typ": typ}), &good).unwrap_err().reason, "request_header", "{typ}");
    }
}
