//! A relying party: builds requests, redeems codes, asks the back-channel endpoints. It may do each of it wrongly.

use super::browser::{Browser, Page};
use super::jose::{self, Key};
use super::site::Site;
use super::{base64_url, random};
use reqwest::{Method, RequestBuilder, header};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

/// How a client proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `client_secret_basic`
    Basic,
    /// `client_secret_post`
    Post,
    /// `private_key_jwt`
    Assertion,
    /// `none`
    Public,
}

impl Shape {
    /// The metadata value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Basic => "client_secret_basic",
            Self::Post => "client_secret_post",
            Self::Assertion => "private_key_jwt",
            Self::Public => "none",
        }
    }
}

/// A registered client, with what it needs to prove itself.
pub struct Party {
    /// Its identifier.
    pub id: String,
    /// How it proves itself.
    pub shape: Shape,
    /// Its secret, where it has one.
    pub secret: String,
    /// Its key, where it has one.
    pub key: Key,
    /// Its return address.
    pub redirect: String,
    /// Where people come back to after sign-out.
    pub post_logout: String,
    issuer: String,
    browser: Browser,
}

/// An authorization request in the making.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Its parameters.
    pub params: Vec<(String, String)>,
    /// The PKCE verifier.
    pub verifier: String,
}

impl Ask {
    /// Sets or adds a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a parameter out.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.params.retain(|(known, _)| known != name);
        self
    }

    /// Needs these authentication levels or an error.
    #[must_use]
    pub fn essential_acr(self, values: &[&str]) -> Self {
        let claims = json!({ "id_token": { "acr": { "essential": true, "values": values } } });
        self.with("claims", &claims.to_string())
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> &str {
        self.params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The path and query at the provider.
    pub fn target(&self) -> String {
        format!("/authorize?{}", form(&self.params))
    }
}

/// Pairs as `application/x-www-form-urlencoded`.
pub fn form<K: AsRef<str>, V: AsRef<str>>(pairs: &[(K, V)]) -> String {
    let mut out = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        out.append_pair(name.as_ref(), value.as_ref());
    }
    out.finish()
}

/// An answer that reached the client.
#[derive(Debug, Clone)]
pub struct Landing {
    /// The address without its query.
    pub at: String,
    /// Its parameters.
    pub params: BTreeMap<String, String>,
}

impl Landing {
    /// A parameter, empty when absent.
    pub fn get(&self, name: &str) -> &str {
        self.params.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The code; there must be one.
    pub fn code(&self) -> String {
        assert!(self.params.contains_key("code"), "no code in {:?}", self.params);
        self.params["code"].clone()
    }
}

/// Reads a redirect away from the provider.
pub fn landing(page: &Page) -> Option<Landing> {
    let to = page.location().filter(|to| to.origin() != page.url.origin())?;
    Some(read_landing(&to))
}

fn read_landing(to: &Url) -> Landing {
    let mut params = BTreeMap::new();
    for (name, value) in to.query_pairs() {
        assert!(params.insert(name.to_string(), value.to_string()).is_none(), "{name} twice in an answer");
    }
    let mut at = to.clone();
    at.set_query(None);
    Landing { at: at.to_string(), params }
}

/// Reads a page that posts itself to a client (`response_mode=form_post`).
pub fn submitted_form(page: &Page) -> Landing {
    let form = page.forms().into_iter().find(|form| form.action.starts_with("http")).expect("a form to a portal");
    Landing { at: form.action, params: form.hidden.into_iter().collect() }
}

/// An answer of a back-channel endpoint.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, or null when it is no JSON.
    pub json: Value,
    /// The page behind it.
    pub page: Page,
}

impl Answer {
    /// The error code, empty on success.
    pub fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    /// A member as text.
    pub fn text(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {} {}", self.status, self.page.body)).to_owned()
    }

    /// Fails unless this is success.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}: {}", self.page.url.path(), self.page.body);
        self
    }

    /// Fails unless this is that error.
    #[track_caller]
    pub fn refused(self, error: &str) -> Self {
        assert_eq!((self.error(), self.status >= 400), (error, true), "{} {}", self.status, self.page.body);
        self
    }
}

impl Party {
    /// Registers a client through the command line; `change` may alter the metadata.
    pub fn register(site: &Site, shape: Shape, change: impl FnOnce(&mut Value)) -> Self {
        let name = format!("bb-{}", random().replace(['-', '_'], "x")[..16].to_lowercase());
        let key = Key::new();
        let redirect = format!("https://{name}.example/cb");
        let post_logout = format!("https://{name}.example/bye");
        let mut metadata = json!({
            "client_name": format!("Portal {name}"),
            "redirect_uris": [redirect],
            "post_logout_redirect_uris": [post_logout],
            "token_endpoint_auth_method": shape.as_str(),
            "grant_types": ["authorization_code", "refresh_token"],
            "scope": "openid profile levels offline_access",
            "id_token_signed_response_alg": "ES256",
        });
        if shape == Shape::Assertion {
            metadata["jwks"] = json!({ "keys": [key.jwk()] });
        }
        change(&mut metadata);
        let registered = site.add_client(&metadata).unwrap_or_else(|error| panic!("{metadata}: {error}"));
        Self {
            id: registered["client_id"].as_str().expect("client_id").to_owned(),
            secret: registered["client_secret"].as_str().unwrap_or_default().to_owned(),
            shape,
            key,
            redirect,
            post_logout,
            issuer: site.issuer.clone(),
            browser: Browser::new(site),
        }
    }

    /// A lawful request for a scope, with state, nonce and PKCE.
    pub fn ask(&self, scope: &str) -> Ask {
        let verifier = random();
        let challenge = base64_url(dinhdanh::base::sha256(verifier.as_bytes()).as_bytes());
        let params = [
            ("client_id", self.id.as_str()),
            ("redirect_uri", &self.redirect),
            ("response_type", "code"),
            ("scope", scope),
            ("state", &random()),
            ("nonce", &random()),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        Ask { params: params.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(), verifier }
    }

    /// A fresh client assertion.
    pub fn assertion(&self) -> String {
        self.key.sign(&self.key.header(), &jose::assertion(&self.id, &self.issuer))
    }

    /// Posts parameters with this client's lawful authentication.
    pub async fn post(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.prepare(target, fields)).await
    }

    /// The request that [`Party::post`] sends.
    pub fn prepare(&self, target: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let mut fields: Vec<(&str, String)> = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let request = self.browser.request(Method::POST, target);
        let request = match self.shape {
            Shape::Basic => {
                let half = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                request.basic_auth(half(&self.id), Some(half(&self.secret)))
            }
            Shape::Post => {
                fields.extend([("client_id", self.id.clone()), ("client_secret", self.secret.clone())]);
                request
            }
            Shape::Assertion => {
                fields.extend(assertion_fields(self.assertion()));
                request
            }
            Shape::Public => {
                fields.push(("client_id", self.id.clone()));
                request
            }
        };
        request.form(&fields)
    }

    /// Posts parameters with nothing added.
    pub async fn post_bare(&self, target: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.browser.request(Method::POST, target).form(fields)).await
    }

    /// A request with nothing added, for odd ones.
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        self.browser.request(method, target)
    }

    /// Sends a prepared request.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// As [`Party::send`]; fails where the connection does.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Answer> {
        let page = self.browser.try_send(request).await?;
        assert!(self.browser.cookie_names().is_empty(), "a back-channel answer set a cookie");
        let json = serde_json::from_str(&page.body).unwrap_or_default();
        Ok(Answer { status: page.status, json, page })
    }

    /// The parameters that redeem a code.
    pub fn redemption<'a>(&'a self, ask: &'a Ask, code: &'a str) -> Vec<(&'a str, &'a str)> {
        vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", &ask.verifier),
        ]
    }

    /// Redeems a code as it should be done.
    pub async fn redeem(&self, ask: &Ask, code: &str) -> Answer {
        self.post("/token", &self.redemption(ask, code)).await
    }

    /// Uses a refresh token.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// Asks whether a token is active.
    pub async fn is_active(&self, token: &str) -> bool {
        let answer = self.post("/introspect", &[("token", token)]).await.ok();
        answer.json["active"].as_bool().expect("active")
    }

    /// Revokes a token.
    pub async fn revoke(&self, token: &str) -> Answer {
        self.post("/revoke", &[("token", token)]).await
    }

    /// Asks userinfo.
    pub async fn userinfo(&self, token: &str) -> Answer {
        self.send(bearer(self.browser.request(Method::GET, "/userinfo"), token)).await
    }
}

/// A request with a bearer token.
pub fn bearer(request: RequestBuilder, token: &str) -> RequestBuilder {
    request.header(header::AUTHORIZATION, format!("Bearer {token}"))
}

/// The fields of RFC 7523.
pub fn assertion_fields(assertion: String) -> [(&'static str, String); 2] {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    [("client_assertion_type", kind.to_owned()), ("client_assertion", assertion)]
}
