use super::*;
use crate::protocol::client::AuthenticationMethod;
use crate::protocol::client::tests::client_with;
use crate::protocol::confirmation::Thumbprint;
use crate::protocol::error::tests::is_lawful;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_seconds(1_000);
/// RFC 7636 appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn parse(body: &str) -> Result<TokenRequest, Error> {
    TokenRequest::parse(&Parameters::parse(body).unwrap())
}

fn client() -> Client {
    client_with(|_| {})
}

fn other_client() -> Client {
    Client { client_id: "other".into(), ..client() }
}

fn exchange() -> CodeExchange {
    CodeExchange {
        code: "code".into(),
        redirect_uri: Some("https://dichvucong.example/cb".into()),
        code_verifier: Some(VERIFIER.into()),
        resource: vec![],
    }
}

/// As a client asks that shows no key.
fn redeem(client: &Client, exchange: &CodeExchange, code: &CodeState, now: Timestamp) -> Verdict {
    super::redeem(client, (exchange, None), code, now)
}

/// As a client asks that shows no key.
fn rotate(client: &Client, exchange: &RefreshExchange, token: &RefreshState, now: Timestamp) -> RefreshVerdict {
    super::rotate(client, (exchange, None), token, now)
}

/// RFC 9449 5, 10 (B1): what is bound to a key comes with that key, and a code shown with another is dead.
#[test]
fn b1_a_code_or_refresh_token_bound_to_a_key_comes_with_it() {
    let key = |text: &str| Confirmation::Key(Thumbprint::parse(&text.repeat(43)).unwrap());
    let (mine, other) = (key("A"), key("E"));
    let code = CodeState { bound_to: Some(mine.clone()), ..code() };
    let state = RefreshState { bound_to: Some(mine.clone()), ..refresh_state() };
    assert_eq!(super::redeem(&client(), (&exchange(), Some(&mine)), &code, NOW), Verdict::Issue);
    assert!(matches!(super::rotate(&client(), (&refresh(), Some(&mine)), &state, NOW), RefreshVerdict::Issue { .. }));
    for held in [None, Some(&other)] {
        let verdict = refused(super::redeem(&client(), (&exchange(), held), &code, NOW));
        assert_eq!(verdict, (ErrorCode::InvalidGrant, "bound_to_other_key", true), "{held:?}");
        let verdict = refresh_refused(super::rotate(&client(), (&refresh(), held), &state, NOW));
        assert_eq!((verdict.0, verdict.1), (ErrorCode::InvalidGrant, "bound_to_other_key"), "{held:?}");
    }
}

fn code() -> CodeState {
    CodeState {
        client_id: "portal".into(),
        redirect_uri: "https://dichvucong.example/cb".into(),
        redirect_uri_sent: true,
        resource: vec![],
        bound_to: None,
        code_challenge: Some(CHALLENGE.into()),
        expires_at: NOW.plus(Duration::from_secs(60)),
        used_before: false,
        ended: false,
    }
}

fn refused(verdict: Verdict) -> (ErrorCode, &'static str, bool) {
    let Verdict::Refuse { error, burn } = verdict else { panic!("{verdict:?}") };
    assert!(is_lawful(&error.description));
    (error.code, error.reason, burn)
}

#[test]
fn reads_the_three_grants() {
    let read = parse("grant_type=authorization_code&code=c&redirect_uri=https://a/&code_verifier=v").unwrap();
    let expected = CodeExchange {
        code: "c".into(),
        redirect_uri: Some("https://a/".into()),
        code_verifier: Some("v".into()),
        resource: vec![],
    };
    assert_eq!(read, TokenRequest::Code(expected));
    let read = parse("grant_type=refresh_token&refresh_token=r&scope=openid").unwrap();
    let expected =
        RefreshExchange { token: "r".into(), scope: Some(ScopeSet::parse("openid").unwrap()), resource: vec![] };
    assert_eq!(read, TokenRequest::Refresh(expected));
    let read = parse("grant_type=client_credentials&resource=a&resource=b").unwrap();
    let expected = CredentialsRequest { scope: None, resource: vec!["a".into(), "b".into()] };
    assert_eq!(read, TokenRequest::ClientCredentials(expected));
}

#[test]
fn h5_no_other_grant_exists() {
    for grant in ["password", "implicit", "Authorization_Code", "urn:ietf:params:oauth:grant-type:jwt-bearer", "code"] {
        let error = parse(&format!("grant_type={grant}&username=a&password=b&code=c")).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnsupportedGrantType, "{grant}");
        assert!(!error.description.contains(grant) || grant == "code", "{grant}");
    }
}

#[test]
fn missing_parts_are_invalid_requests() {
    let long = format!("grant_type=authorization_code&code={}", "c".repeat(MAX_TOKEN_BYTES + 1));
    for (body, reason) in [
        ("", "grant_type_missing"),
        ("grant_type=", "grant_type_missing"),
        ("grant_type=authorization_code", "code_missing"),
        ("grant_type=authorization_code&code=", "code_missing"),
        (long.as_str(), "code_missing"),
        ("grant_type=refresh_token", "refresh_token_missing"),
    ] {
        let error = parse(body).unwrap_err();
        assert_eq!((error.code, error.reason), (ErrorCode::InvalidRequest, reason));
    }
    assert_eq!(parse("grant_type=refresh_token&refresh_token=r&scope=a%22").unwrap_err().code, ErrorCode::InvalidScope);
}

#[test]
fn i17_a_request_does_not_print_its_secrets() {
    let read = parse("grant_type=authorization_code&code=canary1&code_verifier=canary2").unwrap();
    assert!(!format!("{read:?}").contains("canary"));
}

#[test]
fn a_code_is_issued_to_its_own_client_in_time() {
    assert_eq!(redeem(&client(), &exchange(), &code(), NOW), Verdict::Issue);
    let last = NOW.plus(Duration::from_secs(60)).minus(Duration::from_micros(1));
    assert_eq!(redeem(&client(), &exchange(), &code(), last), Verdict::Issue);
}

#[test]
fn b1_each_wrong_binding_alone_is_invalid_grant_and_burns_the_code() {
    let wrong_address = CodeExchange { redirect_uri: Some("https://dichvucong.example/cb/".into()), ..exchange() };
    let no_address = CodeExchange { redirect_uri: None, ..exchange() };
    let wrong_verifier = CodeExchange { code_verifier: Some(Secret::new("a".repeat(43))), ..exchange() };
    let no_verifier = CodeExchange { code_verifier: None, ..exchange() };
    for (client, exchange, reason) in [
        (other_client(), exchange(), "code_of_other_client"),
        (client(), wrong_address, "redirect_uri_differs"),
        (client(), no_address, "redirect_uri_absent"),
        (client(), wrong_verifier, "code_verifier_wrong"),
        (client(), no_verifier, "code_verifier_missing"),
    ] {
        assert_eq!(refused(redeem(&client, &exchange, &code(), NOW)), (ErrorCode::InvalidGrant, reason, true));
    }
}

#[test]
fn c1_a_verifier_without_a_challenge_is_refused() {
    let code = CodeState { code_challenge: None, ..code() };
    let verdict = refused(redeem(&client(), &exchange(), &code, NOW));
    assert_eq!(verdict, (ErrorCode::InvalidGrant, "code_verifier_unexpected", true));
    let without = CodeExchange { code_verifier: None, ..exchange() };
    assert_eq!(redeem(&client(), &without, &code, NOW), Verdict::Issue);
}

#[test]
fn an_address_left_out_may_stay_out_but_not_differ() {
    let code = CodeState { redirect_uri_sent: false, ..code() };
    let without = CodeExchange { redirect_uri: None, ..exchange() };
    assert_eq!(redeem(&client(), &without, &code, NOW), Verdict::Issue);
    assert_eq!(redeem(&client(), &exchange(), &code, NOW), Verdict::Issue);
    let other = CodeExchange { redirect_uri: Some("https://evil.example/".into()), ..exchange() };
    assert_eq!(refused(redeem(&client(), &other, &code, NOW)).1, "redirect_uri_differs");
}

#[test]
fn b3_a_used_code_is_replayed_whoever_brings_it_and_however() {
    let used = CodeState { used_before: true, ..code() };
    let late = NOW.plus(Duration::from_secs(3_600));
    assert_eq!(redeem(&client(), &exchange(), &used, NOW), Verdict::Replayed);
    assert_eq!(redeem(&other_client(), &exchange(), &used, NOW), Verdict::Replayed);
    assert_eq!(redeem(&client(), &CodeExchange { code_verifier: None, ..exchange() }, &used, late), Verdict::Replayed);
}

#[test]
fn t5_a_code_ends_at_its_time_and_with_its_grant() {
    let end = NOW.plus(Duration::from_secs(60));
    assert_eq!(refused(redeem(&client(), &exchange(), &code(), end)).1, "code_expired");
    let ended = CodeState { ended: true, ..code() };
    assert_eq!(refused(redeem(&client(), &exchange(), &ended, NOW)).1, "grant_ended");
}

#[test]
fn b_errors_do_not_tell_whose_or_how_old_a_code_is() {
    let text = |verdict| match verdict {
        Verdict::Refuse { error, .. } => error.description,
        other => panic!("{other:?}"),
    };
    let late = NOW.plus(Duration::from_secs(60));
    let ended = CodeState { ended: true, ..code() };
    let texts = [
        text(redeem(&other_client(), &exchange(), &code(), NOW)),
        text(redeem(&client(), &exchange(), &code(), late)),
        text(redeem(&client(), &exchange(), &ended, NOW)),
    ];
    assert!(texts.iter().all(|other| *other == texts[0]));
    assert_eq!(unknown().description, replayed().description);
}

#[test]
fn e5_a_disabled_or_descoped_client_gets_nothing_on_any_grant() {
    let disabled = Client { disabled: true, ..client_with(|m| m.grant_types.push(GrantType::ClientCredentials)) };
    let request = CredentialsRequest { scope: None, resource: vec![] };
    assert_eq!(refused(redeem(&disabled, &exchange(), &code(), NOW)).0, ErrorCode::InvalidClient);
    assert!(
        matches!(rotate(&disabled, &refresh(), &refresh_state(), NOW), RefreshVerdict::Refuse { error, .. } if error.code == ErrorCode::InvalidClient)
    );
    assert_eq!(client_credentials(&disabled, &request).unwrap_err().code, ErrorCode::InvalidClient);
    let none = client_with(|m| m.grant_types.clear());
    assert_eq!(refused(redeem(&none, &exchange(), &code(), NOW)).0, ErrorCode::UnauthorizedClient);
    assert!(
        matches!(rotate(&none, &refresh(), &refresh_state(), NOW), RefreshVerdict::Refuse { error, .. } if error.code == ErrorCode::UnauthorizedClient)
    );
    assert_eq!(client_credentials(&none, &request).unwrap_err().code, ErrorCode::UnauthorizedClient);
}

fn refresh() -> RefreshExchange {
    RefreshExchange { token: "r".into(), scope: None, resource: vec![] }
}

fn refresh_state() -> RefreshState {
    RefreshState {
        client_id: "portal".into(),
        scope: ScopeSet::parse("openid profile").unwrap(),
        resource: vec![],
        bound_to: None,
        expires_at: NOW.plus(Duration::from_secs(60)),
        family_expires_at: NOW.plus(Duration::from_secs(600)),
        used_before: false,
        ended: false,
    }
}

fn asking(scope: &str) -> RefreshExchange {
    RefreshExchange { scope: Some(ScopeSet::parse(scope).unwrap()), ..refresh() }
}

fn granted(verdict: RefreshVerdict) -> String {
    let RefreshVerdict::Issue { scope } = verdict else { panic!("{verdict:?}") };
    scope.to_string()
}

fn refresh_refused(verdict: RefreshVerdict) -> (ErrorCode, &'static str, bool) {
    let RefreshVerdict::Refuse { error, burn } = verdict else { panic!("{verdict:?}") };
    (error.code, error.reason, burn)
}

#[test]
fn a_refresh_may_narrow_and_never_widen_its_scope() {
    assert_eq!(granted(rotate(&client(), &refresh(), &refresh_state(), NOW)), "openid profile");
    assert_eq!(granted(rotate(&client(), &asking("openid"), &refresh_state(), NOW)), "openid");
    // `phone` is registered for the client, but was not granted here.
    let widened = refresh_refused(rotate(&client(), &asking("openid phone"), &refresh_state(), NOW));
    assert_eq!(widened, (ErrorCode::InvalidScope, "scope_widened", false));
}

#[test]
fn e5_a_scope_taken_from_the_client_leaves_its_refresh_tokens() {
    let less = client_with(|m| m.scope = ScopeSet::parse("openid").unwrap());
    assert_eq!(granted(rotate(&less, &refresh(), &refresh_state(), NOW)), "openid");
    assert_eq!(granted(rotate(&less, &asking("openid profile"), &refresh_state(), NOW)), "openid");
}

#[test]
fn e1_reuse_is_replay_whoever_brings_it() {
    let used = RefreshState { used_before: true, ..refresh_state() };
    let late = NOW.plus(Duration::from_secs(6_000));
    assert_eq!(rotate(&client(), &refresh(), &used, NOW), RefreshVerdict::Replayed);
    assert_eq!(rotate(&other_client(), &refresh(), &used, NOW), RefreshVerdict::Replayed);
    assert_eq!(rotate(&client(), &asking("openid email"), &used, late), RefreshVerdict::Replayed);
}

#[test]
fn b1_a_refresh_token_in_other_hands_is_refused_and_its_family_ends() {
    let verdict = refresh_refused(rotate(&other_client(), &refresh(), &refresh_state(), NOW));
    assert_eq!(verdict, (ErrorCode::InvalidGrant, "token_of_other_client", true));
}

#[test]
fn t5_a_refresh_token_ends_by_idleness_and_with_its_family() {
    let idle = NOW.plus(Duration::from_secs(60));
    assert_eq!(refresh_refused(rotate(&client(), &refresh(), &refresh_state(), idle)).1, "refresh_token_expired");
    let family = RefreshState { family_expires_at: NOW, ..refresh_state() };
    assert_eq!(refresh_refused(rotate(&client(), &refresh(), &family, NOW)).1, "refresh_token_expired");
    let ended = RefreshState { ended: true, ..refresh_state() };
    assert_eq!(
        refresh_refused(rotate(&client(), &refresh(), &ended, NOW)),
        (ErrorCode::InvalidGrant, "grant_ended", false)
    );
}

fn machine() -> Client {
    client_with(|m| {
        m.grant_types = vec![GrantType::ClientCredentials];
        m.scope = ScopeSet::parse("records:read records:write").unwrap();
        m.audience = vec!["https://a.example".into(), "https://b.example".into()];
    })
}

fn credentials(scope: Option<&str>, resource: &[&str]) -> CredentialsRequest {
    CredentialsRequest {
        scope: scope.map(|scope| ScopeSet::parse(scope).unwrap()),
        resource: resource.iter().map(|name| (*name).to_owned()).collect(),
    }
}

#[test]
fn client_credentials_grant_what_is_registered_or_less() {
    let all = client_credentials(&machine(), &credentials(None, &[])).unwrap();
    assert_eq!((all.scope.to_string().as_str(), all.audience.len()), ("records:read records:write", 2));
    let less = credentials(Some("records:read"), &["https://b.example", "https://b.example"]);
    let less = client_credentials(&machine(), &less).unwrap();
    assert_eq!(
        (less.scope.to_string().as_str(), less.audience),
        ("records:read", vec!["https://b.example".to_owned()])
    );
}

#[test]
fn f7_client_credentials_for_more_than_registered_are_refused() {
    let code =
        |scope, resource: &[&str]| client_credentials(&machine(), &credentials(scope, resource)).unwrap_err().code;
    assert_eq!(code(Some("records:delete"), &[]), ErrorCode::InvalidScope);
    assert_eq!(code(None, &["https://c.example"]), ErrorCode::InvalidTarget);
    assert_eq!(code(None, &["https://a.example", "https://c.example"]), ErrorCode::InvalidTarget);
}

#[test]
fn f7_a_resource_that_is_not_registered_is_refused_on_every_grant() {
    let resource = vec!["https://c.example".to_owned()];
    let code_exchange = CodeExchange { resource: resource.clone(), ..exchange() };
    assert_eq!(refused(redeem(&client(), &code_exchange, &code(), NOW)).0, ErrorCode::InvalidTarget);
    let refresh_exchange = RefreshExchange { resource: resource.clone(), ..refresh() };
    assert_eq!(
        refresh_refused(rotate(&client(), &refresh_exchange, &refresh_state(), NOW)).0,
        ErrorCode::InvalidTarget
    );
    assert!(audience_with_userinfo(&client(), (&[], &resource), "https://id.example").is_err());
}

#[test]
fn an_access_token_about_a_person_opens_userinfo_and_the_resources_asked_for() {
    let mut portal = client();
    portal.metadata.audience = vec!["https://a.example".into(), "https://b.example".into()];
    let named = |resource: &[String]| audience_with_userinfo(&portal, (&[], resource), "https://id.example").unwrap();
    assert_eq!(named(&[]), ["https://id.example", "https://a.example", "https://b.example"]);
    assert_eq!(named(&["https://b.example".to_owned()]), ["https://id.example", "https://b.example"]);
}

/// RFC 8707 2.2: the token request may ask for fewer than the authorization request, never for others.
#[test]
fn f7_a_token_is_for_the_resources_that_were_authorized_or_fewer() {
    let [a, b, c] = ["https://a.example", "https://b.example", "https://c.example"].map(str::to_owned);
    let mut portal = client();
    portal.metadata.audience = vec![a.clone(), b.clone(), c.clone()];
    let granted = vec![a.clone(), b.clone()];
    let of = |asked: &[String]| granted_audience(&portal, &granted, asked);
    assert_eq!(of(&[]).unwrap(), granted);
    assert_eq!(of(std::slice::from_ref(&b)).unwrap(), std::slice::from_ref(&b));
    let other = of(&[a.clone(), c.clone()]).unwrap_err();
    assert_eq!((other.code, other.reason), (ErrorCode::InvalidTarget, "resource_not_granted"));
    let code = CodeState { resource: granted.clone(), ..code() };
    let exchange = CodeExchange { resource: vec![c.clone()], ..exchange() };
    assert_eq!(refused(redeem(&portal, &exchange, &code, NOW)).1, "resource_not_granted");
    let state = RefreshState { resource: granted.clone(), ..refresh_state() };
    let refresh = RefreshExchange { resource: vec![c], ..refresh() };
    assert_eq!(refresh_refused(rotate(&portal, &refresh, &state, NOW)).1, "resource_not_granted");
    // What the client may no longer reach is left out, and nothing comes in its place.
    portal.metadata.audience = vec![b.clone()];
    assert_eq!(granted_audience(&portal, &granted, &[]).unwrap(), [b]);
    portal.metadata.audience = vec!["https://d.example".to_owned()];
    assert_eq!(granted_audience(&portal, &granted, &[]).unwrap(), Vec::<String>::new());
}

#[test]
fn h5_client_credentials_carry_nothing_about_a_person() {
    let both = client_with(|m| {
        m.grant_types.push(GrantType::ClientCredentials);
        m.audience = vec!["https://a.example".into()];
        m.scope = ScopeSet::parse("openid profile personal_number records:read").unwrap();
    });
    assert_eq!(client_credentials(&both, &credentials(None, &[])).unwrap().scope.to_string(), "records:read");
    let asked = client_credentials(&both, &credentials(Some("personal_number"), &[]));
    assert_eq!(asked.unwrap_err().code, ErrorCode::InvalidScope);
}

#[test]
fn a_public_client_has_no_grant_of_its_own() {
    let mut app = machine();
    app.metadata.token_endpoint_auth_method = AuthenticationMethod::None;
    assert_eq!(client_credentials(&app, &credentials(None, &[])).unwrap_err().code, ErrorCode::UnauthorizedClient);
}
