//! F13, B2: every artefact in every other's slot. One client and one person hold one of each kind, all good at one
//! moment, the client's own signed with one key: what keeps a kind out of a slot is its kind alone. The doors of
//! clients come from `routes`, the grants from [`GrantType`], our own JWTs from [`TokenKind`]: a new one without a
//! place here does not compile, or fails.

use crate::backchannel::Ear;
use crate::ciba::CIBA;
use crate::device::DEVICE_CODE;
use crate::exchange::{ACCESS, EXCHANGE};
use crate::kit::browser::SESSION;
use crate::kit::{Browser, HOA, House, Key, Page, Portal, part_of, seconds};
use crate::registration;
use crate::routes::{Door, REGISTRATION, ROUTES, paths};
use axum::http::Method;
use dinhdanh::base::{Clock, SystemEntropy, random_token};
use dinhdanh::protocol::client::GrantType;
use dinhdanh::protocol::jwt_claims::TokenKind;
use serde_json::{Value, json};
use std::collections::BTreeMap;

macro_rules! artefacts {
    ($($name:ident)*) => {
        /// What is given to somebody, to be shown here or to a client.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        enum Artefact {
            $($name,)*
        }

        const ARTEFACTS: &[Artefact] = &[$(Artefact::$name),*];
    };
}

// A logout token first: time passes while it is made. `SystemToken` is of client credentials, `Flow` the handle of a
// sign-in in its path.
artefacts! {
    LogoutToken AccessToken OpaqueToken ExchangedToken SystemToken RefreshToken IdToken Code DeviceCode UserCode
    AuthReqId PushedRequest ClientAssertion RequestObject CibaRequest DpopProof InitialToken RegistrationToken
    SoftwareStatement Session Flow Userinfo Answer Introspection
}
use Artefact::{AccessToken, ExchangedToken, IdToken, OpaqueToken, RefreshToken, SystemToken};

/// Read by clients, and shown nowhere here.
const FOR_CLIENTS: [Artefact; 4] =
    [Artefact::LogoutToken, Artefact::Userinfo, Artefact::Answer, Artefact::Introspection];

/// The JWTs of ours.
const fn artefact_of(kind: TokenKind) -> Artefact {
    match kind {
        TokenKind::IdToken => IdToken,
        TokenKind::AccessToken => AccessToken,
        TokenKind::LogoutToken => Artefact::LogoutToken,
        TokenKind::AuthorizationResponse => Artefact::Answer,
        TokenKind::Introspection => Artefact::Introspection,
        TokenKind::Userinfo => Artefact::Userinfo,
    }
}

const KINDS: [TokenKind; 6] = [
    TokenKind::IdToken,
    TokenKind::AccessToken,
    TokenKind::LogoutToken,
    TokenKind::AuthorizationResponse,
    TokenKind::Introspection,
    TokenKind::Userinfo,
];

/// Where something is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    Userinfo,
    Introspection,
    Revocation,
    Code,
    RefreshToken,
    DeviceCode,
    AuthReqId,
    SubjectToken,
    ActorToken,
    /// `client_assertion` at any door of clients.
    ClientAssertion(&'static str),
    /// The header `DPoP`.
    Proof(&'static str),
    RequestAtAuthorize,
    RequestAtPush,
    RequestUri,
    HintAtAuthorize,
    HintAtCiba,
    HintAtLogout,
    CibaRequest,
    Registration,
    Management,
    SoftwareStatement,
    UserCode,
    Flow,
    Session,
}

/// What each grant is asked with (RFC 6749 4.1.3, 6; RFC 8628 3.4; CIBA 10.1; RFC 8693 2.1).
const fn of_grant(grant: GrantType) -> &'static [Slot] {
    match grant {
        GrantType::AuthorizationCode => &[Slot::Code],
        GrantType::RefreshToken => &[Slot::RefreshToken],
        GrantType::ClientCredentials => &[],
        GrantType::DeviceCode => &[Slot::DeviceCode],
        GrantType::Ciba => &[Slot::AuthReqId],
        GrantType::TokenExchange => &[Slot::SubjectToken, Slot::ActorToken],
    }
}

/// Every slot; sign-out comes last, for nobody is signed in after it.
fn slots() -> Vec<Slot> {
    let mut all = vec![
        Slot::Userinfo,
        Slot::HintAtAuthorize,
        Slot::HintAtCiba,
        Slot::CibaRequest,
        Slot::RequestAtPush,
        Slot::RequestAtAuthorize,
        Slot::RequestUri,
        Slot::Proof("/token"),
        Slot::Proof("/par"),
        Slot::Registration,
        Slot::Management,
        Slot::SoftwareStatement,
        Slot::UserCode,
        Slot::Flow,
        Slot::Session,
    ];
    all.extend(paths(Door::Client, "POST").into_iter().map(Slot::ClientAssertion));
    all.extend(GrantType::ALL.into_iter().flat_map(of_grant));
    all.extend([Slot::Introspection, Slot::Revocation, Slot::HintAtLogout]);
    all
}

impl Slot {
    /// Its door, what it takes there, and nothing else.
    const fn row(self) -> (&'static str, &'static [Artefact]) {
        const LIVE: &[Artefact] = &[AccessToken, OpaqueToken, ExchangedToken, SystemToken, RefreshToken];
        match self {
            // OpenID Connect Core 5.3.1: what was given for a person and names us as audience.
            Self::Userinfo => ("/userinfo", &[AccessToken, OpaqueToken]),
            // RFC 7662 2.1, RFC 7009 2.1.
            Self::Introspection => ("/introspect", LIVE),
            Self::Revocation => ("/revoke", LIVE),
            Self::Code => ("/token", &[Artefact::Code]),
            Self::RefreshToken => ("/token", &[RefreshToken]),
            Self::DeviceCode => ("/token", &[Artefact::DeviceCode]),
            Self::AuthReqId => ("/token", &[Artefact::AuthReqId]),
            Self::SubjectToken => ("/token", &[AccessToken, OpaqueToken, ExchangedToken, SystemToken]),
            // RFC 8693 2.1: who acts is the client itself.
            Self::ActorToken => ("/token", &[SystemToken]),
            Self::ClientAssertion(door) => (door, &[Artefact::ClientAssertion]),
            Self::Proof(door) => (door, &[Artefact::DpopProof]),
            Self::RequestAtAuthorize => ("/authorize", &[Artefact::RequestObject]),
            Self::RequestAtPush => ("/par", &[Artefact::RequestObject]),
            Self::RequestUri => ("/authorize", &[Artefact::PushedRequest]),
            Self::HintAtAuthorize => ("/authorize", &[IdToken]),
            Self::HintAtCiba => ("/backchannel_authentication", &[IdToken]),
            Self::HintAtLogout => ("/logout", &[IdToken]),
            // CIBA 7.1.1; a request object may name the same person and live as long, and is for the browser's door.
            Self::CibaRequest => ("/backchannel_authentication", &[Artefact::CibaRequest]),
            Self::Registration => ("/register", &[Artefact::InitialToken]),
            Self::Management => ("/register/{client}", &[Artefact::RegistrationToken]),
            Self::SoftwareStatement => ("/register", &[Artefact::SoftwareStatement]),
            Self::UserCode => ("/device", &[Artefact::UserCode]),
            Self::Flow => ("/signin/{flow}", &[Artefact::Flow]),
            Self::Session => ("/account", &[Artefact::Session]),
        }
    }

    /// Whether the answer says that the artefact was taken; an answer that says neither fails.
    fn has_taken(self, page: &Page) -> bool {
        let (status, to) = (page.status.as_u16(), page.location().unwrap_or_default());
        let (taken, refused) = match self {
            // RFC 7662 2.2: nothing more is said of what is not active.
            Self::Introspection => (status == 200 && page.body != r#"{"active":false}"#, status == 200),
            Self::RequestAtAuthorize | Self::RequestUri | Self::HintAtAuthorize => {
                (to.contains("code="), status == 400 || status == 303 && to.contains("error="))
            }
            Self::HintAtLogout => (to.starts_with("/signed-out"), status == 400 || to.starts_with("/logout/confirm")),
            Self::UserCode => (to.starts_with("/signin/"), status == 422),
            Self::Session => (status == 200, to.starts_with("/signin/")),
            _ => ((200..300).contains(&status), (400..500).contains(&status)),
        };
        assert!(taken || refused, "{self:?}: {status} {to} {}", page.text());
        taken
    }
}

const ID: &str = "clinic";
const MAKER: &str = "https://maker.example";

/// One client with every right, one person, and the keys of both sides.
struct Stage {
    house: House,
    portal: Portal,
    key: Key,
    browser: Browser,
    ear: Ear,
    /// A browser that began to sign in, and its flow.
    begun: (Browser, String),
    /// A client that registered itself: its address and its token.
    registered: (String, String),
    /// For what must not fail for want of one.
    initial: String,
}

fn metadata(key: &Key, ear: &Ear, format: &str) -> Value {
    json!({
        "scope": "openid report", "access_token_format": format, "jwks": { "keys": [key.jwk()] },
        "token_endpoint_auth_method": "private_key_jwt", "request_object_signing_alg": "ES256",
        "backchannel_authentication_request_signing_alg": "ES256", "backchannel_token_delivery_mode": "poll",
        "userinfo_signed_response_alg": "ES256", "backchannel_logout_uri": ear.url,
        "grant_types": GrantType::ALL.map(GrantType::as_str),
        "audience": ["https://records.example"], "token_exchange_clients": [ID],
    })
}

impl Stage {
    async fn new() -> Self {
        let (key, ear) = (Key::new(), Ear::answering(200).await);
        let file = std::env::temp_dir().join(format!("issuers-{}.json", random_token(&SystemEntropy)));
        let issuers = json!([{ "issuer": MAKER, "jwks": { "keys": [key.jwk()] } }]);
        std::fs::write(&file, issuers.to_string()).unwrap();
        let makers = file.display().to_string();
        let settings = [("registration.mode", "token"), ("registration.software_statement_issuers", &*makers)];
        let house = House::over(&settings).await;
        std::fs::remove_file(file).unwrap();
        house.with(&HOA).await;
        let portal = Portal::with(&house, ID, metadata(&key, &ear, "jwt")).await.asking("openid report");
        let mut browser = house.browser();
        let page = portal.ask(&mut browser, &[]).await;
        house.sign_in(&mut browser, &page, &HOA).await.code();
        let mut beginner = house.browser();
        let flow = portal.ask(&mut beginner, &[]).await.flow();
        let initial = registration::token(&house, 50).await;
        let page = register(&house, &initial, &registration::portal()).await;
        let answer: Value = serde_json::from_str(&page.is(201).body).unwrap();
        let address = text(&answer, "registration_client_uri");
        let path = address.strip_prefix(house.services.issuer()).unwrap().to_owned();
        let registered = (path, text(&answer, "registration_access_token"));
        Self { house, portal, key, browser, ear, begun: (beginner, flow), registered, initial }
    }

    /// Claims that every JWT of the client has, with more.
    fn signed(&self, typ: &str, more: Value) -> String {
        let now = self.house.clock.now().seconds();
        let mut claims = json!({ "iss": ID, "aud": self.house.services.issuer(), "iat": now, "nbf": now,
            "exp": now + 60, "jti": random_token(&SystemEntropy) });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.key.sign(&json!({ "alg": "ES256", "typ": typ, "kid": self.key.jwk()["kid"] }), &claims)
    }

    fn ciba_request(&self, hint: (&str, &str)) -> String {
        self.signed("JWT", json!({ "scope": "openid", "binding_message": "GD-4711", hint.0: hint.1 }))
    }

    /// Posts as the client, which proves itself unless `fields` try to.
    async fn post(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let assertion = self.signed("JWT", json!({ "sub": ID }));
        let mut all = vec![
            ("client_id", ID),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ];
        if !fields.iter().any(|(name, _)| *name == "client_assertion") {
            all.push(("client_assertion", &assertion));
        }
        all.extend_from_slice(fields);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let mut sent = vec![("content-type", "application/x-www-form-urlencoded")];
        sent.extend_from_slice(headers);
        self.house.browser().request(Method::POST, path, &sent, &body).await
    }

    async fn answered(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let page = self.post(path, fields, &[]).await;
        assert!(page.status.is_success(), "{path}: {} {}", page.status, page.body);
        serde_json::from_str(&page.body).unwrap()
    }

    /// A good request of a door of clients, but for its authentication.
    fn request_of(&self, path: &str) -> Vec<(String, String)> {
        let fields = match path {
            "/token" => vec![("grant_type", "client_credentials".to_owned()), ("scope", "report".to_owned())],
            "/device_authorization" => vec![("scope", "openid".to_owned())],
            "/backchannel_authentication" => vec![("request", self.ciba_request(("login_hint", HOA.number)))],
            "/introspect" | "/revoke" => vec![("token", "x".to_owned())],
            "/logout/deliveries" => vec![],
            "/par" => {
                let members = self.portal.members(&[("prompt", "none")]).into_iter();
                return members.filter(|(name, _)| name != "client_id").collect();
            }
            _ => panic!("{path}: a door of clients without a request in flows/slots.rs"),
        };
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Posts a good request of a door, with more.
    async fn ask(&self, path: &str, more: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let fields = self.request_of(path);
        let mut all: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend_from_slice(more);
        self.post(path, &all, headers).await
    }

    async fn code(&self) -> String {
        self.portal.ask(&mut self.browser.clone(), &[("prompt", "none")]).await.code()
    }

    /// The tokens of a code of their own: nothing else ends with them.
    async fn tokens(&self) -> Value {
        let code = self.code().await;
        self.answered("/token", &self.portal.redemption(&code)).await
    }

    async fn exchange(&self, subject: &str, more: &[(&str, &str)]) -> Page {
        let mut fields = vec![("grant_type", EXCHANGE), ("subject_token", subject), ("subject_token_type", ACCESS)];
        fields.extend_from_slice(more);
        self.post("/token", &fields, &[]).await
    }

    /// The person allows what a page asks.
    async fn allow(&self, mut browser: Browser, page: Page) {
        let page = browser.submit(&page, "/asked", &[("answer", "no")]).await;
        browser.submit(&page, "/decide", &[("action", "allow")]).await.is(200);
    }

    /// A fresh artefact, good in its slot now; a proof of possession is for one path.
    async fn made(&self, artefact: Artefact, path: &str) -> String {
        let mut browser = self.browser.clone();
        match artefact {
            AccessToken => text(&self.tokens().await, "access_token"),
            RefreshToken => text(&self.tokens().await, "refresh_token"),
            IdToken => text(&self.tokens().await, "id_token"),
            OpaqueToken => {
                Portal::with(&self.house, ID, metadata(&self.key, &self.ear, "opaque")).await;
                let tokens = self.tokens().await;
                Portal::with(&self.house, ID, metadata(&self.key, &self.ear, "jwt")).await;
                text(&tokens, "access_token")
            }
            ExchangedToken => {
                let subject = text(&self.tokens().await, "access_token");
                let page = self.exchange(&subject, &[]).await;
                text(&serde_json::from_str(&page.is(200).body).unwrap(), "access_token")
            }
            SystemToken => {
                let page = self.ask("/token", &[], &[]).await;
                text(&serde_json::from_str(&page.is(200).body).unwrap(), "access_token")
            }
            Artefact::Code => self.code().await,
            Artefact::UserCode => {
                text(&self.answered("/device_authorization", &[("scope", "openid")]).await, "user_code")
            }
            Artefact::DeviceCode => {
                let answer = self.answered("/device_authorization", &[("scope", "openid")]).await;
                let page = crate::device::typed(&mut browser, &answer["user_code"]).await;
                self.allow(browser, page).await;
                text(&answer, "device_code")
            }
            Artefact::AuthReqId => {
                let request = self.ciba_request(("login_hint", HOA.number));
                let answer = self.answered("/backchannel_authentication", &[("request", &request)]).await;
                let page = browser.open("/account/requests").await;
                let (_, rest) = page.body.split_once("action=\"/account/requests/").unwrap();
                let (action, _) = rest.split_once('"').unwrap();
                let page = browser.submit(&page, action, &[("action", "answer")]).await;
                self.allow(browser, page).await;
                text(&answer, "auth_req_id")
            }
            Artefact::PushedRequest => {
                let page = self.ask("/par", &[], &[]).await;
                text(&serde_json::from_str(&page.is(201).body).unwrap(), "request_uri")
            }
            Artefact::ClientAssertion => self.signed("JWT", json!({ "sub": ID })),
            Artefact::RequestObject => {
                let members = self.portal.members(&[("prompt", "none"), ("login_hint", HOA.number)]);
                let claims: BTreeMap<String, String> = members.into_iter().collect();
                self.signed("oauth-authz-req+jwt", json!(claims))
            }
            Artefact::CibaRequest => self.ciba_request(("login_hint", HOA.number)),
            Artefact::DpopProof => {
                let services = &self.house.services;
                let now = services.clock.now();
                self.key.proof(&json!({
                    "jti": random_token(&SystemEntropy), "htm": "POST", "iat": now.seconds(),
                    "htu": format!("{}{path}", services.issuer()), "nonce": services.dpop_nonces.current(now).unwrap(),
                }))
            }
            Artefact::InitialToken => registration::token(&self.house, 1).await,
            Artefact::RegistrationToken => self.registered.1.clone(),
            Artefact::SoftwareStatement => self.signed("JWT", json!({ "iss": MAKER, "client_name": "By the maker" })),
            Artefact::Session => self.browser.session().unwrap().clone(),
            Artefact::Flow => self.begun.1.clone(),
            Artefact::LogoutToken => {
                // The same person elsewhere, who signs out there.
                self.house.after(seconds(31));
                let mut elsewhere = self.house.browser();
                let page = self.portal.ask(&mut elsewhere, &[]).await;
                let code = self.house.sign_in(&mut elsewhere, &page, &HOA).await.code();
                let tokens = self.answered("/token", &self.portal.redemption(&code)).await;
                elsewhere.open(&format!("/logout?id_token_hint={}", text(&tokens, "id_token"))).await.is(200);
                self.house.deliver().await;
                self.ear.heard.lock().unwrap().last().unwrap().clone()
            }
            Artefact::Userinfo => {
                let access = text(&self.tokens().await, "access_token");
                browser.bearer("/userinfo", &access).await.is(200).body.clone()
            }
            Artefact::Answer => {
                let page = self.portal.ask(&mut browser, &[("prompt", "none"), ("response_mode", "jwt")]).await;
                page.answer()["response"].clone()
            }
            Artefact::Introspection => {
                let access = text(&self.tokens().await, "access_token");
                let accept = [("accept", "application/token-introspection+jwt")];
                self.post("/introspect", &[("token", &access)], &accept).await.is(200).body.clone()
            }
        }
    }

    /// Shows an artefact in a slot, with everything else as it must be: whoever ignores it does not refuse it.
    async fn show(&self, slot: Slot, shown: &str) -> Page {
        let (path, mut browser) = (slot.row().0, self.browser.clone());
        let asking = |name: &str| self.portal.request(&[("prompt", "none"), (name, shown)]);
        match slot {
            Slot::Userinfo => self.house.browser().bearer(path, shown).await,
            Slot::Introspection | Slot::Revocation => self.post(path, &[("token", shown)], &[]).await,
            Slot::Code => self.post(path, &self.portal.redemption(shown), &[]).await,
            Slot::RefreshToken => {
                self.post(path, &[("grant_type", "refresh_token"), ("refresh_token", shown)], &[]).await
            }
            Slot::DeviceCode => self.post(path, &[("grant_type", DEVICE_CODE), ("device_code", shown)], &[]).await,
            Slot::AuthReqId => self.post(path, &[("grant_type", CIBA), ("auth_req_id", shown)], &[]).await,
            Slot::SubjectToken => self.exchange(shown, &[]).await,
            Slot::ActorToken => {
                let subject = text(&self.tokens().await, "access_token");
                self.exchange(&subject, &[("actor_token", shown), ("actor_token_type", ACCESS)]).await
            }
            Slot::ClientAssertion(_) => self.ask(path, &[("client_assertion", shown)], &[]).await,
            Slot::Proof(_) => self.ask(path, &[], &[("dpop", shown)]).await,
            Slot::RequestAtPush => self.ask(path, &[("request", shown)], &[]).await,
            Slot::RequestAtAuthorize => browser.fetch(&asking("request")).await,
            Slot::RequestUri => browser.fetch(&asking("request_uri")).await,
            Slot::HintAtAuthorize => browser.fetch(&asking("id_token_hint")).await,
            Slot::HintAtCiba => {
                self.post(path, &[("request", &self.ciba_request(("id_token_hint", shown)))], &[]).await
            }
            Slot::CibaRequest => self.post(path, &[("request", shown)], &[]).await,
            Slot::HintAtLogout => {
                let query = [("id_token_hint", shown)];
                let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
                browser.fetch(&format!("{path}?{query}")).await
            }
            Slot::Registration => register(&self.house, shown, &registration::portal()).await,
            Slot::SoftwareStatement => {
                let mut metadata = registration::portal();
                metadata["software_statement"] = json!(shown);
                register(&self.house, &self.initial, &metadata).await
            }
            Slot::Management => self.house.browser().bearer(&self.registered.0, shown).await,
            Slot::UserCode => {
                let mut anybody = self.house.browser();
                let csrf = anybody.open(path).await.csrf();
                anybody.send(path, &[("csrf", &csrf), ("user_code", shown)]).await
            }
            Slot::Flow => self.begun.0.clone().fetch(&path.replace("{flow}", shown)).await,
            Slot::Session => {
                let mut browser = self.house.browser();
                browser.jar.insert(SESSION.to_owned(), shown.to_owned());
                browser.fetch(path).await
            }
        }
    }

    async fn is_active(&self, token: &str) -> bool {
        self.answered("/introspect", &[("token", token)]).await["active"] == json!(true)
    }

    /// Whether a slot takes an artefact. Revocation answers all alike (RFC 7009 2.2): it took what lived until then.
    async fn takes(&self, slot: Slot, artefact: Artefact, shown: &str) -> bool {
        let before = slot == Slot::Revocation && self.is_active(shown).await;
        let page = self.show(slot, shown).await;
        let taken = match slot {
            Slot::Revocation => {
                page.is(200);
                before && !self.is_active(shown).await
            }
            _ => slot.has_taken(&page),
        };
        let said = format!("{} {}", page.location().unwrap_or_default(), page.body);
        let told = ["\"access_token\"", "\"id_token\"", "\"refresh_token\"", HOA.name, HOA.number];
        let told = told.into_iter().find(|secret| said.contains(secret));
        assert!(taken || told.is_none(), "{artefact:?} in {slot:?}: refused, and yet told {told:?}");
        taken
    }
}

async fn register(house: &House, token: &str, metadata: &Value) -> Page {
    let headers = [("authorization", &*format!("Bearer {token}")), ("content-type", "application/json")];
    house.browser().request(Method::POST, "/register", &headers, &metadata.to_string()).await
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}

/// F13, B2: each is taken where it belongs and nowhere else. Afterwards each is as good as before: the slot of another
/// kind does not know it, so that nothing is used up or ended there. There is no exception: B1 ends what is in wrong
/// hands, and here all are the right ones.
#[tokio::test]
async fn f13_b2_every_artefact_fits_its_own_slot_only() {
    let stage = Stage::new().await;
    let mut held = BTreeMap::new();
    for artefact in ARTEFACTS {
        held.insert(*artefact, stage.made(*artefact, "/token").await);
    }
    for kind in KINDS {
        assert_eq!(part_of(&held[&artefact_of(kind)], 0)["typ"], kind.typ(), "{kind:?}");
    }
    assert!(held[&OpaqueToken].starts_with("dda_"));
    let mut wrong = Vec::new();
    for slot in slots() {
        for artefact in ARTEFACTS.iter().filter(|artefact| !slot.row().1.contains(artefact)) {
            if stage.takes(slot, *artefact, &held[artefact]).await {
                wrong.push(format!("{artefact:?} was taken in {slot:?}"));
            }
        }
    }
    for slot in slots() {
        for artefact in slot.row().1 {
            // The first slot shows that what was tried elsewhere is still good, the others have one of their own.
            let shown = match held.remove(artefact) {
                Some(held) => held,
                None => stage.made(*artefact, slot.row().0).await,
            };
            if !stage.takes(slot, *artefact, &shown).await {
                wrong.push(format!("{artefact:?} was refused in {slot:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// R6: a door for clients or for the holders of tokens is a slot; and a kind without a slot is none of ours to take.
#[test]
fn f13_b2_every_door_and_every_artefact_is_in_the_matrix() {
    let slots = slots();
    for (path, _, door) in ROUTES.iter().chain(REGISTRATION) {
        let here = slots.iter().any(|slot| slot.row().0 == *path);
        assert!(here || !matches!(door, Door::Client | Door::Bearer), "{path} has no slot in flows/slots.rs");
    }
    for artefact in ARTEFACTS {
        let taken = slots.iter().any(|slot| slot.row().1.contains(artefact));
        assert_eq!(taken, !FOR_CLIENTS.contains(artefact), "{artefact:?}");
    }
}
