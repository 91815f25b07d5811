use super::*;
use crate::protocol::SigningAlgorithm;
use crate::protocol::client::tests::client_with;
use crate::protocol::client::{AuthenticationMethod, ClientMetadata};
use crate::protocol::discovery::tests::capabilities;
use crate::protocol::error::tests::is_lawful;
use crate::protocol::response::Delivery;
use crate::protocol::{Endpoints, ScopeSet};
use std::collections::BTreeMap;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A good request, with parameters replaced (or removed by an empty text).
fn parameters(changes: &[(&str, &str)]) -> Parameters {
    let mut all = BTreeMap::from([
        ("client_id", "portal"),
        ("redirect_uri", "https://dichvucong.example/cb"),
        ("response_type", "code"),
        ("scope", "openid profile"),
        ("state", "st"),
        ("nonce", "no"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ]);
    all.extend(changes.iter().copied());
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(all.iter().filter(|(_, value)| !value.is_empty()));
    Parameters::parse(query.finish()).unwrap()
}

fn judged(client: &Client, changes: &[(&str, &str)]) -> Result<AuthorizeRequest, Refusal> {
    check(&parameters(changes), Some(client), &capabilities())
}

fn accepted(changes: &[(&str, &str)]) -> AuthorizeRequest {
    judged(&client_with(|_| {}), changes).unwrap()
}

fn redirected(client: &Client, changes: &[(&str, &str)]) -> (AuthorizeResponse, Error) {
    match judged(client, changes) {
        Err(Refusal::Redirect(response)) => match response.answer.clone() {
            AuthorizeAnswer::Error(error) => (*response, error),
            AuthorizeAnswer::Code(_) => panic!("a code"),
        },
        other => panic!("{changes:?}: {other:?}"),
    }
}

fn public() -> Client {
    client_with(|m| m.token_endpoint_auth_method = AuthenticationMethod::None)
}

const DETAIL: &str = r#"[{"type":"urn:dinhdanh:representation"}]"#;

fn acting() -> Client {
    client_with(|m| m.representation = RepresentationPolicy::Allowed)
}

#[test]
fn a_portal_allows_demands_or_refuses_acting_for_organizations() {
    let asked = |client: &Client, changes: &[(&str, &str)]| judged(client, changes).unwrap().representation;
    let required = client_with(|m| m.representation = RepresentationPolicy::Required);
    assert_eq!(asked(&client_with(|_| {}), &[]), None);
    assert_eq!(asked(&acting(), &[]), None, "allowed is not asked for");
    assert!(!asked(&acting(), &[("authorization_details", DETAIL)]).unwrap().required);
    let demand = r#"[{"type":"urn:dinhdanh:representation","required":true,"organization":"H01"}]"#;
    let both = asked(&acting(), &[("authorization_details", demand)]).unwrap();
    assert!(both.required && both.organization.as_deref() == Some("H01"));
    assert!(asked(&required, &[]).unwrap().required, "no request can ask a demanding portal for less");
    assert!(asked(&required, &[("authorization_details", DETAIL)]).unwrap().required);
    let nowhere = Capabilities { representation: false, ..capabilities() };
    let sent = parameters(&[("authorization_details", DETAIL)]);
    assert!(matches!(check(&sent, Some(&acting()), &nowhere), Err(Refusal::Redirect(_))));
}

#[test]
fn a_good_request_is_read_whole() {
    let request = accepted(&[
        ("prompt", "login consent"),
        ("max_age", "300"),
        ("acr_values", "urn:dinhdanh:acr:2 LoA1 urn:unknown"),
        ("ui_locales", "fr-CA vi-VN en vi"),
        ("login_hint", "0900000001"),
        ("response_mode", "form_post"),
        ("id_token_hint", "a.b.c"),
        ("claims", r#"{"userinfo":{"name":{"essential":true}}}"#),
    ]);
    assert_eq!(request.redirect.as_str(), "https://dichvucong.example/cb");
    assert!(request.redirect_uri_sent);
    assert_eq!(request.scope.to_string(), "openid profile");
    assert_eq!((request.state.as_deref(), request.nonce.as_deref()), (Some("st"), Some("no")));
    assert!(request.prompts(Prompt::Login) && request.prompts(Prompt::Consent) && !request.prompts(Prompt::None));
    assert_eq!(request.max_age, Some(300));
    assert_eq!(request.acr_values, ["urn:dinhdanh:acr:2", "LoA1"]);
    assert_eq!(request.ui_locales, ["vi", "en"]);
    assert_eq!(request.response_mode, ResponseMode::FormPost);
    assert_eq!(request.code_challenge.as_deref(), Some(CHALLENGE));
    assert_eq!(request.claims.userinfo.len(), 1);
    // It comes back from a cache as it went in.
    let kept = serde_json::to_string(&request).unwrap();
    assert_eq!(serde_json::from_str::<AuthorizeRequest>(&kept).unwrap(), request);
}

#[test]
fn k5_debug_shows_no_hint_state_or_nonce() {
    let changes =
        [("login_hint", "canary1"), ("state", "canary2"), ("nonce", "canary3"), ("id_token_hint", "canary4.a.b")];
    assert!(!format!("{:?}", accepted(&changes)).contains("canary"));
}

/// Rule, client, changed parameters, and the code and reason of the refusal.
type Row = (&'static str, Client, Vec<(&'static str, String)>, ErrorCode, &'static str);

/// For each rule of [`CHECKS`]: requests it must refuse.
fn refusals() -> Vec<Row> {
    use ErrorCode::*;
    let portal = || client_with(|_| {});
    let with = |name: &'static str, value: &str| vec![(name, value.to_owned())];
    let no_code = client_with(|m: &mut ClientMetadata| m.grant_types = vec![GrantType::ClientCredentials]);
    let no_openid = client_with(|m| m.scope = ScopeSet::parse("profile").unwrap());
    let deep = format!(r#"{{"userinfo":{}"#, "[".repeat(4_000));
    vec![
        ("state", portal(), with("state", &"s".repeat(2_049)), InvalidRequest, "state_too_long"),
        ("registration", portal(), with("registration", "{}"), RegistrationNotSupported, "registration"),
        (
            "passage",
            client_with(|m| m.doors.require_pushed_authorization_requests = true),
            with("scope", "openid"),
            InvalidRequest,
            "request_not_pushed",
        ),
        (
            "passage",
            client_with(|m| m.doors.require_signed_request_object = true),
            with("scope", "openid"),
            InvalidRequest,
            "request_not_signed",
        ),
        ("dpop_jkt", portal(), with("dpop_jkt", "short"), InvalidRequest, "dpop_jkt_malformed"),
        ("response_type", portal(), with("response_type", ""), InvalidRequest, "response_type_missing"),
        (
            "response_type",
            portal(),
            with("response_type", "token"),
            UnsupportedResponseType,
            "response_type_unsupported",
        ),
        (
            "response_type",
            portal(),
            with("response_type", "id_token"),
            UnsupportedResponseType,
            "response_type_unsupported",
        ),
        (
            "response_type",
            portal(),
            with("response_type", "code id_token"),
            UnsupportedResponseType,
            "response_type_unsupported",
        ),
        (
            "response_type",
            portal(),
            with("response_type", "Code"),
            UnsupportedResponseType,
            "response_type_unsupported",
        ),
        ("grant", no_code, vec![], UnauthorizedClient, "grant_type_not_registered"),
        (
            "pkce_challenge",
            portal(),
            vec![("code_challenge", String::new()), ("code_challenge_method", String::new())],
            InvalidRequest,
            "code_challenge_missing",
        ),
        (
            "pkce_challenge",
            public(),
            vec![("code_challenge", String::new()), ("code_challenge_method", String::new())],
            InvalidRequest,
            "code_challenge_missing",
        ),
        ("pkce_challenge", portal(), with("code_challenge_method", "plain"), InvalidRequest, "code_challenge_method"),
        ("pkce_challenge", portal(), with("code_challenge_method", "s256"), InvalidRequest, "code_challenge_method"),
        ("pkce_challenge", portal(), with("code_challenge_method", ""), InvalidRequest, "code_challenge_method"),
        ("pkce_challenge", portal(), with("code_challenge", ""), InvalidRequest, "code_challenge_malformed"),
        (
            "pkce_challenge",
            portal(),
            with("code_challenge", &"a".repeat(42)),
            InvalidRequest,
            "code_challenge_malformed",
        ),
        (
            "pkce_challenge",
            portal(),
            with("code_challenge", &"a".repeat(129)),
            InvalidRequest,
            "code_challenge_malformed",
        ),
        (
            "pkce_challenge",
            portal(),
            with("code_challenge", &format!("{}+", &CHALLENGE[..42])),
            InvalidRequest,
            "code_challenge_malformed",
        ),
        ("scope", portal(), with("scope", ""), InvalidScope, "scope_without_openid"),
        ("scope", portal(), with("scope", "profile"), InvalidScope, "scope_without_openid"),
        ("scope", portal(), with("scope", "openid \"x\""), InvalidScope, "scope_malformed"),
        ("scope", no_openid, vec![], InvalidScope, "openid_not_registered"),
        ("nonce", portal(), with("nonce", &"n".repeat(513)), InvalidRequest, "nonce_too_long"),
        ("prompt", portal(), with("prompt", "none login"), InvalidRequest, "prompt_none_with_others"),
        ("prompt", portal(), with("prompt", "create"), InvalidRequest, "prompt_unknown"),
        ("prompt", portal(), with("prompt", "None"), InvalidRequest, "prompt_unknown"),
        ("max_age", portal(), with("max_age", "-1"), InvalidRequest, "max_age_malformed"),
        ("max_age", portal(), with("max_age", "+1"), InvalidRequest, "max_age_malformed"),
        ("max_age", portal(), with("max_age", "1.5"), InvalidRequest, "max_age_malformed"),
        ("max_age", portal(), with("max_age", "1e3"), InvalidRequest, "max_age_malformed"),
        ("max_age", portal(), with("max_age", "١"), InvalidRequest, "max_age_malformed"),
        ("max_age", portal(), with("max_age", "99999999999"), InvalidRequest, "max_age_malformed"),
        ("claims", portal(), with("claims", "{"), InvalidRequest, "claims_malformed"),
        ("claims", portal(), with("claims", &deep), InvalidRequest, "claims_malformed"),
        (
            "claims",
            portal(),
            with("claims", r#"{"id_token":{"acr":{"essential":true,"value":"urn:unknown"}}}"#),
            UnmetAuthenticationRequirements,
            "essential_acr_unmet",
        ),
        (
            "authorization_details",
            portal(),
            with("authorization_details", DETAIL),
            InvalidAuthorizationDetails,
            "representation_not_allowed",
        ),
        (
            "authorization_details",
            acting(),
            with("authorization_details", r#"[{"type":"payment_initiation"}]"#),
            InvalidAuthorizationDetails,
            "authorization_details_type",
        ),
        (
            "authorization_details",
            acting(),
            with("authorization_details", "{"),
            InvalidAuthorizationDetails,
            "authorization_details_malformed",
        ),
        ("acr_values", portal(), with("acr_values", &"a ".repeat(17)), InvalidRequest, "too_many_acr_values"),
        ("resource", portal(), with("resource", "https://api.example"), InvalidTarget, "resource_not_registered"),
        ("login_hint", portal(), with("login_hint", &"l".repeat(321)), InvalidRequest, "login_hint_too_long"),
        ("id_token_hint", portal(), with("id_token_hint", "abc"), InvalidRequest, "id_token_hint_malformed"),
        ("id_token_hint", portal(), with("id_token_hint", "a.b."), InvalidRequest, "id_token_hint_malformed"),
    ]
}

/// A wish about language is never an error.
const NEVER_REFUSE: &[&str] = &["ui_locales"];

#[test]
fn each_check_refuses_what_it_should_and_nothing_before_it_does() {
    for (name, client, changes, code, reason) in refusals() {
        let changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // An empty text in `changes` means sent and empty for one of a pair, so those are sent as they are.
        let parameters =
            if name == "pkce_challenge" && changes.len() == 1 { with_empty(&changes) } else { parameters(&changes) };
        let refusal = check(&parameters, Some(&client), &capabilities()).unwrap_err();
        let Refusal::Redirect(response) = refusal else { panic!("{changes:?}: {refusal:?}") };
        let AuthorizeAnswer::Error(error) = &response.answer else { panic!("a code") };
        assert_eq!((error.code, error.reason), (code, reason), "{name} {changes:?}");
        assert!(is_lawful(&error.description), "{error:?}");
        assert_eq!(response.to.as_str(), "https://dichvucong.example/cb");
        assert_eq!(response.state.as_deref(), (name != "state").then_some("st"), "{name}");
        // The rule named is the one that refuses: without it in the list the request would get past that point.
        let before = CHECKS.iter().take_while(|check| check.name != name);
        let mut request = begin(&parameters, Some(&client)).unwrap();
        let capabilities = capabilities();
        let passage = Passage::default();
        let input = Input { parameters: &parameters, passage, client: &client, capabilities: &capabilities };
        for check in before {
            assert_eq!((check.rule)(&input, &mut request), Ok(()), "{} before {name}", check.name);
        }
    }
}

fn with_empty(changes: &[(&str, &str)]) -> Parameters {
    let mut query = String::from(
        "client_id=portal&redirect_uri=https://dichvucong.example/cb&response_type=code&scope=openid&state=st",
    );
    let pkce = BTreeMap::from([("code_challenge", CHALLENGE), ("code_challenge_method", "S256")]);
    for (name, good) in pkce {
        let value = changes.iter().find(|(changed, _)| *changed == name).map_or(good, |(_, value)| value);
        query.push_str(&format!("&{name}={}", value.replace('+', "%2B")));
    }
    Parameters::parse(query).unwrap()
}

#[test]
fn every_check_of_the_list_has_a_row_and_the_list_is_whole() {
    let mut rows: Vec<&str> = refusals().iter().map(|row| row.0).chain(NEVER_REFUSE.iter().copied()).collect();
    rows.dedup();
    let names: Vec<&str> = CHECKS.iter().map(|check| check.name).collect();
    assert_eq!(rows, names);
}

#[test]
fn a9_a10_before_the_address_is_proved_nothing_is_redirected() {
    let portal = client_with(|_| {});
    let disabled = Client { disabled: true, ..client_with(|_| {}) };
    let two = client_with(|m| m.redirect_uris.push("https://dichvucong.example/b".into()));
    let bad = "https://evil.example/cb";
    for (client, changes, reason) in [
        (Some(&portal), vec![("client_id", "")], ShowReason::MissingClientId),
        (None, vec![], ShowReason::UnknownClient),
        (Some(&portal), vec![("client_id", "other")], ShowReason::UnknownClient),
        (Some(&disabled), vec![], ShowReason::DisabledClient),
        (Some(&two), vec![("redirect_uri", "")], ShowReason::MissingRedirectUri),
        (Some(&portal), vec![("redirect_uri", bad)], ShowReason::UnregisteredRedirectUri),
        (Some(&portal), vec![("response_mode", "web_message")], ShowReason::UnsupportedResponseMode),
        (Some(&portal), vec![("response_mode", "form_post.JWT")], ShowReason::UnsupportedResponseMode),
        (Some(&portal), vec![("response_mode", "query.jwt ")], ShowReason::UnsupportedResponseMode),
    ] {
        let refusal = check(&parameters(&changes), client, &capabilities());
        assert_eq!(refusal, Err(Refusal::Show(reason)), "{changes:?}");
    }
    // Each kind of error, with an address nobody registered.
    for (name, client, changes, ..) in refusals() {
        let mut changes: Vec<(&str, &str)> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        changes.push(("redirect_uri", bad));
        let refusal = check(&parameters(&changes), Some(&client), &capabilities());
        assert_eq!(refusal, Err(Refusal::Show(ShowReason::UnregisteredRedirectUri)), "{name}");
    }
    for mode in ["query", "fragment", "form_post", "query.jwt", "fragment.jwt", "form_post.jwt", "jwt"] {
        let changes = [("redirect_uri", bad), ("prompt", "none"), ("response_mode", mode)];
        assert_eq!(judged(&portal, &changes), Err(Refusal::Show(ShowReason::UnregisteredRedirectUri)));
    }
}

#[test]
fn c3_a_redirected_refusal_carries_state_and_issuer() {
    let (response, _) = redirected(&client_with(|_| {}), &[("response_type", "token")]);
    let Delivery::Redirect(location) = response.deliver(&Endpoints::new("https://id.example")) else {
        panic!("a form")
    };
    assert!(location.starts_with("https://dichvucong.example/cb?error=unsupported_response_type&"), "{location}");
    assert!(location.ends_with("&state=st&iss=https%3A%2F%2Fid.example"), "{location}");
    let (response, _) = redirected(&client_with(|_| {}), &[("response_type", "token"), ("response_mode", "form_post")]);
    assert!(matches!(response.deliver(&Endpoints::new("https://id.example")), Delivery::FormPost { .. }));
}

#[test]
fn k1_no_refusal_repeats_the_request() {
    let canary = "<script>Please call 1900</script>";
    for name in [
        "response_type",
        "prompt",
        "max_age",
        "claims",
        "code_challenge",
        "code_challenge_method",
        "dpop_jkt",
        "resource",
        "id_token_hint",
    ] {
        let (_, error) = redirected(&client_with(|_| {}), &[(name, canary)]);
        assert!(!error.description.contains("script") && !error.description.contains("1900"), "{name}");
    }
}

#[test]
fn c1_only_a_confidential_client_can_go_without_pkce_and_only_when_it_said_so() {
    let none = [("code_challenge", ""), ("code_challenge_method", "")];
    let opted_out = client_with(|m| m.require_pkce = false);
    assert_eq!(judged(&opted_out, &none).unwrap().code_challenge, None);
    let public_opted_out = client_with(|m| {
        m.require_pkce = false;
        m.token_endpoint_auth_method = AuthenticationMethod::None;
    });
    assert_eq!(redirected(&public_opted_out, &none).1.reason, "code_challenge_missing");
    // A challenge that is there is always held to the rules, empty or not.
    assert!(check(&with_empty(&[("code_challenge", "")]), Some(&opted_out), &capabilities()).is_err());
}

#[test]
fn unknown_and_unregistered_scopes_are_left_out() {
    assert_eq!(
        accepted(&[("scope", "openid  profile address personal_number admin")]).scope.to_string(),
        "openid profile"
    );
}

#[test]
fn an_absent_address_is_the_only_one_registered() {
    let request = accepted(&[("redirect_uri", "")]);
    assert_eq!(request.redirect.as_str(), "https://dichvucong.example/cb");
    assert!(!request.redirect_uri_sent);
}

#[test]
fn what_the_client_registered_fills_what_the_request_leaves_out() {
    let client = client_with(|m| {
        m.default_max_age = Some(600);
        m.default_acr_values = vec!["urn:dinhdanh:acr:2".into(), "urn:gone".into()];
        m.id_token_signed_response_alg = SigningAlgorithm::ES256;
    });
    let request = judged(&client, &[]).unwrap();
    assert_eq!((request.max_age, request.acr_values), (Some(600), vec!["urn:dinhdanh:acr:2".to_owned()]));
    let request = judged(&client, &[("max_age", "0"), ("acr_values", "LoA1")]).unwrap();
    assert_eq!((request.max_age, request.acr_values), (Some(0), vec!["LoA1".to_owned()]));
    assert_eq!(judged(&client, &[("max_age", "9999999999")]).unwrap().max_age, Some(u32::MAX));
}

#[test]
fn p6_an_essential_acr_keeps_only_what_can_be_reached() {
    let claims = r#"{"id_token":{"acr":{"essential":true,"values":["urn:unknown","LoA2"]}}}"#;
    let acr = accepted(&[("claims", claims)]).claims.acr.unwrap();
    assert!(acr.essential);
    assert_eq!(acr.values, ["LoA2"]);
    // A voluntary one that is unknown is no error.
    let voluntary = r#"{"id_token":{"acr":{"values":["urn:unknown"]}}}"#;
    assert_eq!(accepted(&[("claims", voluntary)]).claims.acr.unwrap().values, Vec::<String>::new());
}

#[test]
fn s2_locales_never_grow_beyond_those_there_are_pages_in() {
    let many: String = (0..250).map(|i| format!("x{i} vi-X{i} ")).collect();
    assert_eq!(accepted(&[("ui_locales", &many)]).ui_locales, ["vi"]);
    assert_eq!(accepted(&[("ui_locales", "VI-vn EN")]).ui_locales, ["vi", "en"]);
    assert_eq!(accepted(&[("ui_locales", "vietnamese ../../etc")]).ui_locales, Vec::<String>::new());
    for display in ["popup", "touch", "wap", "wall"] {
        assert_eq!(accepted(&[("display", display)]), accepted(&[]), "{display}");
    }
}

#[test]
fn resources_are_those_registered() {
    let client = client_with(|m| m.audience = vec!["https://api.example".into(), "https://b.example".into()]);
    assert_eq!(judged(&client, &[("resource", "https://api.example")]).unwrap().resource, ["https://api.example"]);
    assert_eq!(judged(&client, &[]).unwrap().resource, Vec::<String>::new());
    assert_eq!(redirected(&client, &[("resource", "https://api.example/")]).1.code, ErrorCode::InvalidTarget);
}

#[test]
fn k1_only_what_is_signed_or_pushed_by_who_proved_itself_is_the_clients_own() {
    let confidential = client_with(|_| {});
    for (client, pushed, signed, authentic) in [
        (&confidential, false, false, false),
        (&confidential, true, false, true),
        (&confidential, false, true, true),
        (&public(), true, false, false),
        (&public(), true, true, true),
    ] {
        let parameters = parameters(&[]);
        let asked = Asked { parameters: &parameters, passage: Passage { pushed, signed } };
        assert_eq!(check(asked, Some(client), &capabilities()).unwrap().authentic, authentic, "{pushed} {signed}");
    }
}
