//! E5, I5: whatever is switched off, at every door. States × doors: the doors are every grant type, every kind of token
//! at introspection, userinfo, the authorization endpoint and every account page and form; a new grant type does not
//! compile without an answer here, a new page fails without a row in `routes`.

use crate::kit::{Browser, HOA, House, Page, Portal, minutes};
use crate::routes::{Door, filled, paths};
use dinhdanh::base::Clock;
use dinhdanh::flow::account::sharing;
use dinhdanh::flow::session;
use dinhdanh::identity::PersonStatus;
use dinhdanh::protocol::client::GrantType;
use dinhdanh::store;
use dinhdanh::store::client::ClientStatus;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    AllIsWell,
    PersonLocked,
    PersonClosed,
    ClientDisabled,
    ConsentRevoked,
    AgreementEnded,
    ScopeRemoved,
    SignedOut,
}

const STATES: [State; 8] = [
    State::AllIsWell,
    State::PersonLocked,
    State::PersonClosed,
    State::ClientDisabled,
    State::ConsentRevoked,
    State::AgreementEnded,
    State::ScopeRemoved,
    State::SignedOut,
];

/// What a door does in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// As always.
    Served,
    /// Not at all.
    Refused,
    /// Without what was taken away.
    Less,
}
use Answer::{Less, Refused, Served};

impl State {
    const fn at_grant(self, grant: GrantType) -> Answer {
        match (self, grant) {
            (Self::AllIsWell, _) => Served,
            (Self::ClientDisabled, _) => Refused,
            (Self::ScopeRemoved, GrantType::ClientCredentials) => Refused,
            (_, GrantType::ClientCredentials) => Served,
            // The agency that acts with the token is in order; what was taken from the portal is not passed on.
            (Self::ScopeRemoved, GrantType::TokenExchange) => Refused,
            (Self::AgreementEnded, GrantType::TokenExchange) => Served,
            (Self::AgreementEnded | Self::ScopeRemoved, _) => Less,
            // Nobody asked for offline_access here, so a sign-out ends the family too.
            _ => Refused,
        }
    }

    /// Userinfo, and introspection of access and refresh token.
    const fn at_tokens(self) -> Answer {
        match self {
            Self::AllIsWell => Served,
            Self::AgreementEnded | Self::ScopeRemoved => Less,
            _ => Refused,
        }
    }

    /// `prompt=none` at the authorization endpoint, with the session of before.
    const fn at_authorize(self) -> Answer {
        match self {
            // Without an agreement the person is named by a pseudonym, and nothing leaves.
            // A scope that is not the client's is left out of the answer (RFC 6749 3.3).
            Self::AllIsWell | Self::AgreementEnded | Self::ScopeRemoved => Served,
            _ => Refused,
        }
    }

    /// Account pages and forms, with the session of before.
    const fn at_account(self) -> Answer {
        match self {
            Self::PersonLocked | Self::PersonClosed | Self::SignedOut => Refused,
            _ => Served,
        }
    }
}

/// What a portal and its person hold while all is well.
struct Held {
    house: House,
    portal: Portal,
    browser: Browser,
    account: Page,
    code: String,
    tokens: Value,
    device_code: Value,
    auth_req_id: Value,
    agency: Portal,
    format: &'static str,
}

/// The forms of access tokens: each is tried in every state.
const FORMATS: [&str; 2] = ["jwt", "opaque"];

const SCOPE: &str = "openid profile levels report";

fn metadata(scope: &str, format: &str) -> Value {
    json!({ "scope": scope, "access_token_format": format, "grant_types": [
        "authorization_code", "refresh_token", "client_credentials", crate::device::DEVICE_CODE, crate::ciba::CIBA,
    ], "backchannel_token_delivery_mode": "poll", "audience": ["https://records.example"], "sharing": {
        "claims": ["name"], "purpose": { "vi": "Đặt lịch khám", "en": "To book appointments" },
        "legal_basis": "Luật thử nghiệm", "basis_kind": "consent", "term_days": 365,
    }})
}

async fn held(format: &'static str) -> Held {
    let house = House::new().await;
    house.with(&HOA).await;
    let portal = Portal::with(&house, "clinic", metadata("openid profile levels report", format)).await.asking(SCOPE);
    let mut browser = house.browser();
    let page = portal.ask(&mut browser, &[]).await;
    let page = house.sign_in_twice(&mut browser, &page, &HOA).await;
    page.at("/consent");
    let mut answer = browser.submit(&page, "/consent", &[("action", "accept")]).await;
    if answer.path.ends_with("/offer-passkey") {
        answer = browser.submit(&answer, "/offer-passkey", &[("action", "skip")]).await;
    }
    let tokens = portal.tokens(&house, &answer).await;
    assert_eq!(tokens["access_token"].as_str().unwrap().starts_with("dda_"), format == "opaque");
    let agency = crate::exchange::agency(&house, "agency", &["clinic"]).await;
    let (device_code, auth_req_id) = decided(&house, &portal, &mut browser).await;
    let code = portal.ask(&mut browser, &[("prompt", "none")]).await.code();
    let account = browser.open("/account").await;
    account.is(200).at("/account");
    Held { house, portal, browser, account, code, tokens, device_code, auth_req_id, agency, format }
}

/// What a device and a request of the portal hold after the person allowed both.
async fn decided(house: &House, portal: &Portal, browser: &mut Browser) -> (Value, Value) {
    let fields = [("scope", SCOPE)];
    let (_, device) = portal.call(house, "/device_authorization", &fields).await;
    let page = crate::device::typed(browser, &device["user_code"]).await;
    allowed(browser, page).await;
    let fields = [("scope", SCOPE), ("login_hint", HOA.number), ("binding_message", "GD-4711")];
    let (status, ciba) = portal.call(house, "/backchannel_authentication", &fields).await;
    assert_eq!(status, 200, "{ciba}");
    let page = browser.open("/account/requests").await;
    let (action, _) = page.body.split("action=\"/account/requests/").nth(1).unwrap().split_once('"').unwrap();
    let page = browser.submit(&page, action, &[("action", "answer")]).await;
    allowed(browser, page).await;
    (device["device_code"].clone(), ciba["auth_req_id"].clone())
}

async fn allowed(browser: &mut Browser, page: Page) {
    let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
    browser.submit(&page, "/decide", &[("action", "allow")]).await.is(200);
}

impl Held {
    async fn bring_about(&mut self, state: State) {
        let now = self.house.clock.now();
        let who = self.house.person(&HOA).await.unwrap().id;
        let client = self.portal.id.clone();
        let mut tx = self.house.services.db.begin().await.unwrap();
        match state {
            State::AllIsWell => {}
            State::PersonLocked | State::PersonClosed => {
                let status = if state == State::PersonLocked { PersonStatus::Locked } else { PersonStatus::Closed };
                assert!(store::person::update_status(&mut tx, who, status, Some("test"), now).await.unwrap());
            }
            State::ClientDisabled => {
                assert!(store::client::set_status(&mut tx, &client, ClientStatus::Disabled, now).await.unwrap());
            }
            State::AgreementEnded => {
                tx.query("UPDATE agreement SET suspended_at = starts_at").execute().await.unwrap();
            }
            State::ConsentRevoked | State::ScopeRemoved | State::SignedOut => {}
        }
        tx.commit().await.unwrap();
        if state == State::ConsentRevoked {
            let services = &self.house.services;
            let cookie = self.browser.session().map(String::as_str);
            let live = session::find(services, cookie).await.unwrap().unwrap();
            assert!(sharing::stop(services, &live, &client).await.unwrap());
        }
        if state == State::ScopeRemoved {
            Portal::with(&self.house, &client, metadata("openid", self.format)).await;
        }
        if state == State::SignedOut {
            let old = self.browser.clone();
            self.browser.press(&self.account.clone(), "/logout/all", &[]).await;
            self.browser = old;
        }
        self.house.services.clients.forget(&client).await;
    }

    async fn grant(&self, grant: GrantType) -> (u16, Value) {
        let (house, portal) = (&self.house, &self.portal);
        match grant {
            GrantType::AuthorizationCode => portal.redeem(house, &self.code).await,
            GrantType::RefreshToken => portal.refresh(house, &self.tokens["refresh_token"], None).await,
            GrantType::ClientCredentials => {
                portal.call(house, "/token", &[("grant_type", "client_credentials"), ("scope", "report")]).await
            }
            GrantType::DeviceCode => crate::device::poll(house, portal, &self.device_code).await,
            GrantType::Ciba => crate::ciba::poll(house, portal, &self.auth_req_id).await,
            GrantType::TokenExchange => {
                let token = self.tokens["access_token"].as_str().unwrap();
                crate::exchange::exchange(house, &self.agency, token, &[("scope", "report")]).await
            }
        }
    }
}

/// Exchange comes before what ends the family that it lives from.
const GRANTS: [GrantType; 6] = [
    GrantType::TokenExchange,
    GrantType::DeviceCode,
    GrantType::Ciba,
    GrantType::AuthorizationCode,
    GrantType::RefreshToken,
    GrantType::ClientCredentials,
];

/// The grant types that discovery names are those of the matrix.
#[tokio::test]
async fn e5_every_grant_is_in_the_matrix() {
    let house = House::new().await;
    let document = house.browser().fetch("/.well-known/openid-configuration").await.body;
    let document: Value = serde_json::from_str(&document).unwrap();
    let mut named: Vec<&str> =
        document["grant_types_supported"].as_array().unwrap().iter().map(|g| g.as_str().unwrap()).collect();
    let mut tried: Vec<&str> = GRANTS.iter().map(|grant| grant.as_str()).collect();
    named.sort_unstable();
    tried.sort_unstable();
    assert_eq!(named, tried);
}

async fn judge_tokens(held: &Held, state: State) {
    let (house, portal) = (&held.house, &held.portal);
    let access = &held.tokens["access_token"];
    let (status, claims) = portal.userinfo(house, access).await;
    let whole = claims.get("name").is_some() && claims.get("authentication_level").is_some();
    let seen = match status {
        200 if whole => Served,
        200 => Less,
        _ => Refused,
    };
    assert_eq!(seen, state.at_tokens(), "{state:?}: userinfo: {status} {claims}");
    for token in ["access_token", "refresh_token"] {
        let value = held.tokens[token].as_str().unwrap();
        let (status, answer) = portal.call(house, "/introspect", &[("token", value)]).await;
        let active = status == 200 && answer["active"] == json!(true);
        assert_eq!(active, state.at_tokens() != Refused, "{state:?}: introspection of {token}: {answer}");
        if state == State::ScopeRemoved {
            assert_eq!(answer["scope"], json!("openid"), "{state:?}: introspection of {token}");
        }
    }
}

async fn judge_account(held: &mut Held, state: State) {
    let before = fingerprint(held).await;
    for path in paths(Door::Person, "GET") {
        let page = held.browser.clone().fetch(&filled(path)).await;
        let status = page.status.as_u16();
        match state.at_account() {
            // What is not theirs is not found, once the door is passed; nor is a question without a purpose.
            Served if path.contains('{') || path == "/account/stop" => {
                assert_eq!(status, 404, "{state:?}: GET {path}");
            }
            // A risky change begins with the stop page, a later page of it with its first one.
            Served => {
                let within = status == 303 && page.location().is_some_and(|to| to.starts_with("/account/"));
                assert!(status == 200 || within, "{state:?}: GET {path}: {status} {:?}", page.location());
            }
            _ => {
                assert_eq!(status, 303, "{state:?}: GET {path}");
                assert!(page.location().is_some_and(|to| to.starts_with("/signin/")), "{state:?}: GET {path}");
            }
        }
    }
    if state.at_account() == Served {
        return;
    }
    let csrf = held.account.csrf();
    for path in paths(Door::Person, "POST") {
        let fields =
            [("csrf", csrf.as_str()), ("new_password", "mot mat khau du dai"), ("action", "all"), ("name", "x")];
        let page = held.browser.clone().send(&filled(path), &fields).await;
        let location = page.location().unwrap_or_default();
        let sent_away = location.starts_with("/signin/") || location.starts_with("/signed-out");
        assert!(page.status.as_u16() == 403 || sent_away, "{state:?}: POST {path}: {} {location}", page.status);
    }
    assert_eq!(fingerprint(held).await, before, "{state:?}: a form changed the account");
}

/// All that forms of the account pages may change.
async fn fingerprint(held: &Held) -> Vec<i64> {
    fingerprint_of(&held.house).await
}

pub async fn fingerprint_of(house: &House) -> Vec<i64> {
    let mut found = Vec::new();
    for count in [
        "SELECT COUNT(*) FROM passkey WHERE ended_at IS NULL",
        "SELECT COUNT(*) FROM totp WHERE ended_at IS NULL",
        "SELECT COUNT(*) FROM recovery_code WHERE ended_at IS NULL",
        "SELECT COUNT(*) FROM contact WHERE ended_at IS NULL",
        "SELECT COALESCE(MAX(changed_at), 0) FROM password",
    ] {
        found.push(house.services.db.query(count).scalar().await.unwrap());
    }
    found
}

async fn judge(state: State) {
    for format in FORMATS {
        judge_with(state, format).await;
    }
}

async fn judge_with(state: State, format: &'static str) {
    let mut held = held(format).await;
    held.house.after(minutes(2));
    held.bring_about(state).await;
    judge_tokens(&held, state).await;
    judge_account(&mut held, state).await;
    let page = held.portal.ask(&mut held.browser.clone(), &[("prompt", "none")]).await;
    let silent = page.location().is_some_and(|to| to.contains("code="));
    assert_eq!(silent, state.at_authorize() == Served, "{state:?}: prompt=none: {:?}", page.location());
    if state == State::ScopeRemoved {
        let tokens = held.portal.tokens(&held.house, &page).await;
        assert_eq!(tokens["scope"], json!("openid"), "{state:?}: prompt=none");
    }
    // Last, for they use up what is held; the code is a minute old at most.
    held.house.clock.set(held.house.clock.now().minus(minutes(2)));
    for grant in GRANTS {
        let (status, answer) = held.grant(grant).await;
        let expected = state.at_grant(grant);
        let what = format!("{state:?} × {}: {status} {answer}", grant.as_str());
        assert_eq!(status == 200, expected != Refused, "{what}");
        if status != 200 {
            assert!(status == 400 || status == 401, "{what}");
            assert!(answer.get("access_token").is_none(), "{what}");
        } else if expected == Less {
            let (status, claims) = held.portal.userinfo(&held.house, &answer["access_token"]).await;
            assert_eq!(status, 200, "{what}");
            assert!(claims.get("name").is_none(), "{what}: {claims}");
        }
    }
}

macro_rules! e5 {
    ($($name:ident: $state:expr,)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                judge($state).await;
            }
        )*

        #[test]
        fn e5_every_state_is_tried() {
            let tried = [$($state),*];
            assert!(STATES.iter().all(|state| tried.contains(state)));
        }
    };
}

e5! {
    e5_all_doors_are_open_while_all_is_well: State::AllIsWell,
    e5_a_locked_person_at_every_door: State::PersonLocked,
    e5_a_closed_person_at_every_door: State::PersonClosed,
    e5_a_disabled_client_at_every_door: State::ClientDisabled,
    e5_a_revoked_consent_at_every_door: State::ConsentRevoked,
    e5_an_ended_agreement_at_every_door: State::AgreementEnded,
    e5_a_removed_scope_at_every_door: State::ScopeRemoved,
    e5_a_signed_out_session_at_every_door: State::SignedOut,
}

/// P4, P5: one factor of an account that has two changes no way to sign in, by whatever form.
#[tokio::test]
async fn p4_p5_a_weak_session_changes_no_way_to_sign_in() {
    let house = House::new().await;
    house.with(&HOA).await;
    let mut browser = house.browser();
    let page = browser.open("/signin").await;
    house.sign_in(&mut browser, &page, &HOA).await.at("/account");
    let before = fingerprint_of(&house).await;
    for path in paths(Door::Person, "POST").into_iter().filter(|path| path.starts_with("/account")) {
        for credential in ["", "{}"] {
            let page = browser.open("/account").await;
            let csrf = page.csrf();
            let fields = [
                ("csrf", csrf.as_str()),
                ("credential", credential),
                ("new_password", "mot mat khau du dai"),
                ("password", "x"),
                ("action", "renew"),
                ("confirm", "yes"),
                ("name", "x"),
            ];
            let page = browser.clone().send(&filled(path), &fields).await;
            assert!(page.status.as_u16() < 500, "POST {path}: {}", page.status);
        }
    }
    assert_eq!(fingerprint_of(&house).await, before, "a session of one factor changed a way to sign in");
}
