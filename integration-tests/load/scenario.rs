//! What is measured: one connection's steps in each scenario.

use crate::installation::{
    AGENCY, DEVICE, ES256, FAPI, Installation, PASSWORD, REDIRECT, RS256, Role, SECRET, VERIFIER, challenge,
};
use crate::wire::{Answer, Wire, form};
use base64::Engine;
use dinhdanh::base::{Clock, SystemClock, SystemEntropy, random_token};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A kind of load. The order is the order of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// The discovery document
    Discovery,
    /// The public keys
    Jwks,
    /// Client credentials, ES256
    ClientCredentials,
    /// Client credentials, RS256 (2048 bits)
    ClientCredentialsRs256,
    /// A refresh token for the next one and two tokens
    Refresh,
    /// Userinfo
    Userinfo,
    /// Introspection of a live access token
    Introspection,
    /// Authorize with a live session, then redeem the code: two requests
    AuthorizeExchange,
    /// A FAPI client: request pushed, authorize with a live session, code redeemed with a proof of possession: three
    /// requests; the floor does their signatures and verifications alone
    PushedBoundExchange,
    /// An agency exchanges a portal's token
    TokenExchange,
    /// A device asks whether it was let in
    DevicePolling,
    /// From the portal through the pages with a passkey and back, code redeemed: eight requests
    PasskeySignIn,
    /// The same with a password and a printed code: ten requests, one argon2id hash
    PasswordSignIn,
}

impl Scenario {
    /// As in tables.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Discovery => "discovery",
            Self::Jwks => "JWKS",
            Self::ClientCredentials => "client credentials, ES256",
            Self::ClientCredentialsRs256 => "client credentials, RS256",
            Self::Refresh => "refresh",
            Self::Userinfo => "userinfo",
            Self::Introspection => "introspection",
            Self::AuthorizeExchange => "authorize + exchange",
            Self::PushedBoundExchange => "PAR + authorize + exchange, DPoP",
            Self::TokenExchange => "token exchange",
            Self::DevicePolling => "device polling",
            Self::PasskeySignIn => "passkey sign-in, whole",
            Self::PasswordSignIn => "password + code sign-in, whole",
        }
    }

    /// The ratio to the floor that is aimed at, where there is one.
    pub const fn aim(self) -> Option<f64> {
        match self {
            Self::Discovery | Self::Jwks => Some(1.5),
            Self::ClientCredentials => Some(1.7),
            Self::Refresh | Self::AuthorizeExchange => Some(2.0),
            Self::Userinfo => Some(2.3),
            Self::Introspection => Some(3.3),
            Self::PushedBoundExchange => Some(4.0),
            Self::ClientCredentialsRs256
            | Self::TokenExchange
            | Self::DevicePolling
            | Self::PasskeySignIn
            | Self::PasswordSignIn => None,
        }
    }

    /// Whether the floor knows it: pages have no floor.
    pub const fn has_floor(self) -> bool {
        !matches!(self, Self::PasskeySignIn | Self::PasswordSignIn)
    }

    /// Whether its connections must not outnumber cores: each waits for CPU, not for a disk.
    pub const fn is_long(self) -> bool {
        matches!(self, Self::PasskeySignIn | Self::PasswordSignIn)
    }
}

/// One connection at work.
pub struct Worker<'a> {
    scenario: Scenario,
    site: &'a Installation,
    wire: Wire,
    /// The token that is used or shown.
    token: String,
    person: usize,
    /// The nonce that proofs carry (RFC 9449 8).
    nonce: String,
}

type Step<T> = Result<T, String>;

fn said<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}

fn expect(answer: Answer, status: u16, what: &str) -> Step<Answer> {
    if answer.status == status {
        return Ok(answer);
    }
    Err(format!("{what}: {} in place of {status}: {:.600}", answer.status, answer.body))
}

fn json(answer: &Answer) -> Step<Value> {
    serde_json::from_str(&answer.body).map_err(said)
}

fn text(value: &Value, name: &str) -> Step<String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("no {name} in {value}"))
}

fn basic(client: &str) -> String {
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{client}:{SECRET}"));
    format!("Authorization: Basic {pair}\r\n")
}

impl<'a> Worker<'a> {
    /// Connects and gets hold of the tokens the scenario needs.
    pub async fn prepare(scenario: Scenario, site: &'a Installation) -> Step<Self> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let person = NEXT.fetch_add(1, Ordering::Relaxed) % site.people.len();
        let wire = site.connect().await;
        let mut worker = Self { scenario, site, wire, token: String::new(), person, nonce: String::new() };
        let wanted = match scenario {
            Scenario::DevicePolling => {
                let fields = form(&[("scope", "openid")]);
                let answer = worker.wire.post("/device_authorization", &basic(DEVICE), &fields).await.map_err(said)?;
                worker.token = text(&json(&expect(answer, 200, "device_authorization")?)?, "device_code")?;
                return Ok(worker);
            }
            Scenario::PushedBoundExchange => {
                // Brings the first nonce; the floor wants none.
                let answer = worker.post_proved("no-code").await?;
                worker.nonce = answer.header("dpop-nonce").unwrap_or_default().to_owned();
                return Ok(worker);
            }
            Scenario::Refresh => "refresh_token",
            Scenario::Userinfo | Scenario::Introspection | Scenario::TokenExchange => "access_token",
            _ => return Ok(worker),
        };
        let code = (0..site.people.len())
            .find_map(|place| site.people[(person + place) % site.people.len()].codes.lock().unwrap().pop())
            .ok_or("no codes are left: fewer rounds, or more people")?;
        worker.token = text(&worker.redeem(&code).await?, wanted)?;
        Ok(worker)
    }

    /// Once.
    pub async fn once(&mut self) -> Step<()> {
        match self.scenario {
            Scenario::Discovery => self.fetch("/.well-known/openid-configuration").await,
            Scenario::Jwks => self.fetch("/jwks").await,
            Scenario::ClientCredentials => self.client_credentials(ES256).await,
            Scenario::ClientCredentialsRs256 => self.client_credentials(RS256).await,
            Scenario::Refresh => {
                let fields = form(&[("grant_type", "refresh_token"), ("refresh_token", &self.token)]);
                self.token = text(&self.ask_token(ES256, &fields).await?, "refresh_token")?;
                Ok(())
            }
            Scenario::Userinfo => {
                let header = format!("Authorization: Bearer {}\r\n", self.token);
                let answer = self.wire.get("/userinfo", &header).await.map_err(said)?;
                expect(answer, 200, "userinfo").map(drop)
            }
            Scenario::Introspection => {
                let fields = form(&[("token", &self.token)]);
                let answer = self.wire.post("/introspect", &basic(ES256), &fields).await.map_err(said)?;
                let answer = expect(answer, 200, "introspection")?;
                if answer.body.contains("\"active\":true") { Ok(()) } else { Err(answer.body) }
            }
            Scenario::AuthorizeExchange => {
                self.next_person();
                let cookie = format!("Cookie: __Host-session={}\r\n", self.site.people[self.person].cookie);
                let answer = self.wire.get(&authorize_path(), &cookie).await.map_err(said)?;
                let code = code_of(&answer)?;
                self.redeem(&code).await.map(drop)
            }
            Scenario::PushedBoundExchange => self.pushed_bound_exchange().await,
            Scenario::TokenExchange => {
                let fields = [
                    ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                    ("subject_token", self.token.as_str()),
                    ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                    ("resource", "https://archive.load.example"),
                ];
                self.ask_token(AGENCY, &form(&fields)).await.map(drop)
            }
            Scenario::DevicePolling => {
                let grant = "urn:ietf:params:oauth:grant-type:device_code";
                let fields = form(&[("grant_type", grant), ("device_code", &self.token)]);
                let answer = self.wire.post("/token", &basic(DEVICE), &fields).await.map_err(said)?;
                let waits = answer.body.contains("authorization_pending") || answer.body.contains("slow_down");
                if waits { Ok(()) } else { Err(format!("{} {}", answer.status, answer.body)) }
            }
            Scenario::PasskeySignIn => self.passkey_sign_in().await,
            Scenario::PasswordSignIn => self.password_sign_in().await,
        }
    }

    fn next_person(&mut self) {
        // A prime step: connections spread over all people.
        self.person = (self.person + 7) % self.site.people.len();
    }

    async fn fetch(&mut self, path: &str) -> Step<()> {
        let answer = self.wire.get(path, "").await.map_err(said)?;
        expect(answer, 200, path).map(drop)
    }

    async fn client_credentials(&mut self, client: &str) -> Step<()> {
        let fields = form(&[("grant_type", "client_credentials"), ("scope", "applications:read")]);
        self.ask_token(client, &fields).await.map(drop)
    }

    async fn ask_token(&mut self, client: &str, fields: &str) -> Step<Value> {
        let answer = self.wire.post("/token", &basic(client), fields).await.map_err(said)?;
        json(&expect(answer, 200, "token")?)
    }

    async fn redeem(&mut self, code: &str) -> Step<Value> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        self.ask_token(ES256, &form(&fields)).await
    }

    /// The client's word that it is itself (RFC 7523 2.2).
    fn assertion(&self) -> String {
        let now = SystemClock.now().seconds();
        let claims = json!({
            "iss": FAPI, "sub": FAPI, "aud": format!("http://{}", self.site.host), "iat": now, "exp": now + 60,
            "jti": random_token(&SystemEntropy),
        });
        self.site.key.sign(&self.site.key.header(), &claims)
    }

    /// Redeems a code with a proof of possession.
    async fn post_proved(&mut self, code: &str) -> Step<Answer> {
        let mut claims = json!({
            "jti": random_token(&SystemEntropy), "htm": "POST", "htu": format!("http://{}/token", self.site.host),
            "iat": SystemClock.now().seconds(),
        });
        if !self.nonce.is_empty() {
            claims["nonce"] = json!(self.nonce);
        }
        let proof = format!("DPoP: {}\r\n", self.site.key.proof(&claims));
        let assertion = self.assertion();
        let mut fields = proved(&assertion);
        fields.extend([
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ]);
        self.wire.post("/token", &proof, &form(&fields)).await.map_err(said)
    }

    async fn pushed_bound_exchange(&mut self) -> Step<()> {
        self.next_person();
        let (assertion, challenge, thumbprint) = (self.assertion(), challenge(), self.site.key.thumbprint());
        let mut fields = proved(&assertion);
        fields.extend(request(FAPI, &challenge));
        fields.push(("dpop_jkt", &thumbprint));
        let answer = self.wire.post("/par", "", &form(&fields)).await.map_err(said)?;
        let pushed = text(&json(&expect(answer, 201, "par")?)?, "request_uri")?;
        let cookie = format!("Cookie: __Host-session={}\r\n", self.site.people[self.person].cookie);
        let address = format!("/authorize?{}", form(&[("client_id", FAPI), ("request_uri", &pushed)]));
        let answer = self.wire.get(&address, &cookie).await.map_err(said)?;
        let code = code_of(&answer)?;
        let answer = self.post_proved(&code).await?;
        if let Some(nonce) = answer.header("dpop-nonce") {
            self.nonce = nonce.to_owned();
        }
        expect(answer, 200, "token").map(drop)
    }

    /// From the portal's request to the first page of the flow; gives the flow, its cookie and the page.
    async fn enter(&mut self) -> Step<Flow> {
        let answer = self.wire.get(&authorize_path(), "").await.map_err(said)?;
        let next = expect(answer, 303, "authorize")?;
        let path = next.header("location").unwrap_or_default().to_owned();
        let id = path.split('/').nth(2).unwrap_or_default().to_owned();
        let cookie = next.cookie(&format!("__Host-flow-{id}")).ok_or("no flow cookie")?;
        let cookie = format!("Cookie: __Host-flow-{id}={cookie}\r\n");
        let answer = self.wire.get(&path, &cookie).await.map_err(said)?;
        let first = expect(answer, 303, "next")?.header("location").unwrap_or_default().to_owned();
        let page = self.wire.get(&first, &cookie).await.map_err(said)?;
        let page = expect(page, 200, "the first page")?;
        let csrf = csrf_of(&page.body)?;
        Ok(Flow { path: format!("/signin/{id}"), cookie, csrf })
    }

    async fn step(&mut self, flow: &Flow, end: &str, fields: &[(&str, &str)], status: u16) -> Step<Answer> {
        let mut all = vec![("csrf", flow.csrf.as_str())];
        all.extend_from_slice(fields);
        let path = format!("{}{end}", flow.path);
        let answer = self.wire.post(&path, &flow.cookie, &form(&all)).await.map_err(said)?;
        expect(answer, status, end)
    }

    /// From the proof to the portal and its tokens.
    async fn leave(&mut self, flow: &Flow, proved: &Answer) -> Step<()> {
        let session = proved.cookie("__Host-session").ok_or("no session cookie")?;
        let cookies = format!("{}; __Host-session={session}\r\n", flow.cookie.trim_end());
        let answer = self.wire.get(&format!("{}/next", flow.path), &cookies).await.map_err(said)?;
        let code = code_of(&answer)?;
        self.redeem(&code).await.map(drop)
    }

    async fn passkey_sign_in(&mut self) -> Step<()> {
        self.next_person();
        let flow = self.enter().await?;
        let options = json(&self.step(&flow, "/passkey/options", &[], 200).await?)?;
        let person = &self.site.people[self.person];
        let credential = person.device.lock().await.get(&options).await.to_string();
        let proved = self.step(&flow, "/passkey", &[("credential", &credential), ("error", "")], 303).await?;
        self.leave(&flow, &proved).await
    }

    async fn password_sign_in(&mut self) -> Step<()> {
        let (number, printed) = loop {
            self.next_person();
            let person = &self.site.people[self.person];
            if let Some(printed) = person.printed.lock().unwrap().pop() {
                break (person.number.clone(), printed);
            }
        };
        let flow = self.enter().await?;
        drop(self.step(&flow, "", &[("identifier", &number), ("with", "password")], 303).await?);
        drop(self.step(&flow, "/password", &[("password", PASSWORD)], 303).await?);
        drop(self.step(&flow, "/method", &[("method", "recovery")], 303).await?);
        let proved = self.step(&flow, "/recovery", &[("code", &printed)], 303).await?;
        self.leave(&flow, &proved).await
    }
}

struct Flow {
    path: String,
    cookie: String,
    csrf: String,
}

/// The members by which a client proves itself with a key.
fn proved(assertion: &str) -> Vec<(&str, &str)> {
    vec![
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
        ("client_assertion", assertion),
    ]
}

fn authorize_path() -> String {
    format!("/authorize?{}", form(&request(ES256, &challenge())))
}

fn request<'a>(client: &'a str, challenge: &'a str) -> [(&'a str, &'a str); 8] {
    [
        ("client_id", client),
        ("redirect_uri", REDIRECT),
        ("response_type", "code"),
        ("scope", "openid levels"),
        ("state", "state-of-the-load-program"),
        ("nonce", "nonce-of-the-load-program"),
        ("code_challenge", challenge),
        ("code_challenge_method", "S256"),
    ]
}

fn csrf_of(page: &str) -> Step<String> {
    let (_, rest) = page.split_once("name=\"csrf\" value=\"").ok_or("no csrf field in the page")?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}

fn code_of(answer: &Answer) -> Step<String> {
    let to = answer.header("location").unwrap_or_default();
    let url = url::Url::parse(to).map_err(|_| format!("{} {to} {:.600}", answer.status, answer.body))?;
    let code = url.query_pairs().find(|(name, _)| name == "code").map(|(_, code)| code.into_owned());
    code.ok_or_else(|| format!("no code in {to}"))
}

/// The roles a scenario is measured on.
pub fn roles(scenario: Scenario) -> &'static [Role] {
    if scenario.has_floor() { &[Role::Floor, Role::Server] } else { &[Role::Server] }
}
