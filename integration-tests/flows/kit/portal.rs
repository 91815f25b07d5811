//! A relying party: asks, redeems, refreshes, and reads tokens.

use super::browser::{Browser, Page};
use super::house::House;
use axum::http::Method;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dinhdanh::base::sha256;
use dinhdanh::flow::{Outcome, demo};
use serde_json::{Value, json};

pub const VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-for-tests";

#[derive(Debug, Clone)]
pub struct Portal {
    pub id: String,
    pub secret: String,
    pub redirect: String,
    pub scope: &'static str,
}

/// The claims of a JWT; its signature is other tests' business.
pub fn claims_of(jwt: &Value) -> Value {
    let payload = jwt.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// One of the parts of a JOSE text, as JSON.
pub fn part_of(jose: &str, place: usize) -> Value {
    let part = jose.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

impl Portal {
    pub const VERIFIER: &str = VERIFIER;

    /// A portal that needs nothing but `openid`.
    pub async fn new(house: &House, id: &str) -> Self {
        Self::with(house, id, json!({})).await
    }

    /// A portal whose metadata differ in some members.
    pub async fn with(house: &House, id: &str, over: Value) -> Self {
        Self::registered(house, id, over).await.unwrap()
    }

    /// The same where the provider may refuse the metadata.
    pub async fn registered(house: &House, id: &str, over: Value) -> Outcome<Self> {
        let redirect = format!("https://{id}.example/callback");
        let mut metadata = json!({
            "client_name": format!("Portal {id}"),
            "redirect_uris": [redirect],
            "post_logout_redirect_uris": [format!("https://{id}.example/bye")],
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_method": "client_secret_post",
            "id_token_signed_response_alg": "ES256",
            "scope": "openid profile phone personal_number levels offline_access report",
        });
        for (name, value) in over.as_object().unwrap() {
            metadata[name] = value.clone();
        }
        demo::add_client(&house.services, id, &metadata).await?;
        house.services.clients.forget(id).await;
        let secret = demo::client_secret_of(&house.services, id).unwrap().expose().to_owned();
        Ok(Self { id: id.to_owned(), secret, redirect, scope: "openid" })
    }

    /// The same portal, asking for more.
    pub fn asking(&self, scope: &'static str) -> Self {
        Self { scope, ..self.clone() }
    }

    /// Members of an authorization request; later ones replace earlier ones, an empty value leaves one out.
    pub fn request(&self, over: &[(&str, &str)]) -> String {
        let members = self.members(over);
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&members).finish();
        format!("/authorize?{query}")
    }

    /// The members themselves.
    pub fn members(&self, over: &[(&str, &str)]) -> Vec<(String, String)> {
        let challenge = URL_SAFE_NO_PAD.encode(sha256(VERIFIER.as_bytes()).as_bytes());
        let mut members: Vec<(&str, &str)> = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", &self.redirect),
            ("scope", self.scope),
            ("state", "s-1"),
            ("nonce", "n-1"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        members.retain(|(name, _)| over.iter().all(|(other, _)| other != name));
        members.extend(over.iter().filter(|(_, value)| !value.is_empty()));
        members.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Pushes a request; status and answer.
    pub async fn push(&self, house: &House, over: &[(&str, &str)]) -> (u16, Value) {
        let members = self.members(over);
        let fields: Vec<(&str, &str)> = members.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let fields: Vec<_> = fields.into_iter().filter(|(name, _)| *name != "client_id").collect();
        self.call(house, "/par", &fields).await
    }

    /// The authorization request that refers to a pushed one.
    pub fn refer(&self, request_uri: &Value) -> String {
        let members = [("client_id", self.id.as_str()), ("request_uri", request_uri.as_str().unwrap())];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(members).finish();
        format!("/authorize?{query}")
    }

    pub async fn ask(&self, browser: &mut Browser, over: &[(&str, &str)]) -> Page {
        browser.open(&self.request(over)).await
    }

    /// Posts to an endpoint with this portal's secret.
    pub async fn call(&self, house: &House, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let page = self.call_with(house, &[], path, fields).await;
        (page.status.as_u16(), serde_json::from_str(&page.body).unwrap_or(Value::Null))
    }

    /// The same with headers, such as a proof of possession.
    pub async fn call_with(
        &self,
        house: &House,
        headers: &[(&str, &str)],
        path: &str,
        fields: &[(&str, &str)],
    ) -> Page {
        let mut all = vec![("client_id", self.id.as_str()), ("client_secret", self.secret.as_str())];
        all.extend_from_slice(fields);
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        let mut sent = vec![("content-type", "application/x-www-form-urlencoded")];
        sent.extend_from_slice(headers);
        house.browser().request(Method::POST, path, &sent, &body).await
    }

    pub async fn redeem(&self, house: &House, code: &str) -> (u16, Value) {
        self.call(house, "/token", &self.redemption(code)).await
    }

    /// What redeems a code.
    pub fn redemption<'a>(&'a self, code: &'a str) -> [(&'a str, &'a str); 4] {
        [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", VERIFIER),
        ]
    }

    pub async fn refresh(&self, house: &House, token: &Value, scope: Option<&str>) -> (u16, Value) {
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
        fields.extend(scope.map(|scope| ("scope", scope)));
        self.call(house, "/token", &fields).await
    }

    /// Redeems the code of an answer; it must work.
    #[track_caller]
    pub fn tokens<'a>(&'a self, house: &'a House, answer: &Page) -> impl Future<Output = Value> + 'a {
        let code = answer.code();
        async move {
            let (status, tokens) = self.redeem(house, &code).await;
            assert_eq!(status, 200, "{tokens}");
            tokens
        }
    }

    pub async fn is_active(&self, house: &House, token: &Value) -> bool {
        let (status, answer) = self.call(house, "/introspect", &[("token", token.as_str().unwrap())]).await;
        status == 200 && answer["active"] == json!(true)
    }

    /// Status and claims of userinfo.
    pub async fn userinfo(&self, house: &House, token: &Value) -> (u16, Value) {
        let page = house.browser().bearer("/userinfo", token.as_str().unwrap()).await;
        (page.status.as_u16(), serde_json::from_str(&page.body).unwrap_or(Value::Null))
    }
}
