//! A provider for the tests: honest unless told to lie.

use super::{CLIENT_ID, SECRET};
use crate::base::{Clock, SystemClock, SystemEntropy, random_token, sha256};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use url::Url;

/// What the provider does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lie {
    Nonce,
    NoNonce,
    Issuer,
    Audience,
    Expired,
    AccessTokenHash,
    AlgNone,
    Hs256WithThePublicKey,
    AnotherKey,
    NoIdToken,
    LowerLevel,
    OldSignIn,
    UserinfoSubject,
}

struct Key {
    private: EncodingKey,
    public: Value,
    kid: String,
}

impl Key {
    fn new() -> Self {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let private = EncodingKey::from_ec_der(der.as_ref());
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::ES256).unwrap();
        let kid = random_token(&SystemEntropy);
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        Self { private, public: serde_json::to_value(jwk).unwrap(), kid }
    }
}

struct Asked {
    nonce: String,
    challenge: String,
    acr: String,
}

struct Inner {
    issuer: String,
    key: Mutex<Key>,
    lie: Mutex<Option<Lie>>,
    codes: Mutex<HashMap<String, Asked>>,
}

pub(super) struct Provider {
    pub(super) issuer: String,
    inner: Arc<Inner>,
}

impl Provider {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Inner {
            issuer: issuer.clone(),
            key: Mutex::new(Key::new()),
            lie: Mutex::new(None),
            codes: Mutex::default(),
        });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .route("/userinfo", get(userinfo))
            .with_state(Arc::clone(&inner));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { issuer, inner }
    }

    pub(super) fn lie(&self, lie: Option<Lie>) {
        *self.inner.lie.lock().unwrap() = lie;
    }

    pub(super) fn rotate(&self) {
        *self.inner.key.lock().unwrap() = Key::new();
    }

    /// Answers an authorization request at once; gives the path and query of the portal's callback.
    pub(super) fn authorize(&self, request: &Url) -> String {
        let query: HashMap<String, String> = request.query_pairs().into_owned().collect();
        assert_eq!((query["client_id"].as_str(), query["response_type"].as_str()), (CLIENT_ID, "code"));
        let claims: Value = query.get("claims").map(|text| serde_json::from_str(text).unwrap()).unwrap_or_default();
        let wanted = claims["id_token"]["acr"]["values"][0].as_str().unwrap_or("urn:dinhdanh:acr:1");
        let code = random_token(&SystemEntropy);
        let asked =
            Asked { nonce: query["nonce"].clone(), challenge: query["code_challenge"].clone(), acr: wanted.to_owned() };
        self.inner.codes.lock().unwrap().insert(code.clone(), asked);
        let mut back = Url::parse(&query["redirect_uri"]).unwrap();
        back.query_pairs_mut()
            .append_pair("code", &code)
            .append_pair("state", &query["state"])
            .append_pair("iss", &self.issuer);
        format!("{}?{}", back.path(), back.query().unwrap())
    }

    /// A logout token for the one person of this provider, changed as told before it is signed.
    pub(super) fn logout_token(&self, change: impl FnOnce(&mut Value, &mut Header)) -> String {
        let key = self.inner.key.lock().unwrap();
        let (mut header, mut claims) = self.honest_logout(&key.kid);
        change(&mut claims, &mut header);
        encode(&header, &claims, &key.private).unwrap()
    }

    pub(super) fn unsigned_logout_token(&self) -> String {
        let (_, claims) = self.honest_logout("any");
        unsigned(&json!({ "alg": "none", "typ": "logout+jwt" }), &claims)
    }

    pub(super) fn forged_logout_token(&self) -> String {
        let (header, claims) = self.honest_logout(&self.inner.key.lock().unwrap().kid);
        encode(&header, &claims, &Key::new().private).unwrap()
    }

    fn honest_logout(&self, kid: &str) -> (Header, Value) {
        let now = SystemClock.now().seconds();
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some("logout+jwt".into());
        header.kid = Some(kid.to_owned());
        let claims = json!({
            "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120, "jti": random_token(&SystemEntropy),
            "sub": "subject-1", "sid": "sid-1",
            "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        (header, claims)
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.", part(header), part(claims))
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", inner.issuer);
    Json(json!({
        "issuer": inner.issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "userinfo_endpoint": at("userinfo"),
        "end_session_endpoint": at("logout"),
        "jwks_uri": at("jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
    }))
}

async fn jwks(State(inner): State<Arc<Inner>>) -> Json<Value> {
    Json(json!({ "keys": [inner.key.lock().unwrap().public] }))
}

async fn token(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let escaped: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{escaped}")));
    if headers.get(header::AUTHORIZATION).is_none_or(|sent| sent.to_str().unwrap() != expected) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "invalid_client" }))).into_response();
    }
    let asked = inner.codes.lock().unwrap().remove(&form["code"]);
    let proved = URL_SAFE_NO_PAD.encode(sha256(form["code_verifier"].as_bytes()).as_bytes());
    let Some(asked) = asked.filter(|asked| asked.challenge == proved) else {
        return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
    };
    let access = unsigned(&json!({ "alg": "ES256", "typ": "at+jwt" }), &json!({ "grant": "grant-1" }));
    let mut answer = json!({ "access_token": access, "token_type": "Bearer", "expires_in": 300 });
    let lie = *inner.lie.lock().unwrap();
    if lie != Some(Lie::NoIdToken) {
        answer["id_token"] = id_token(&inner, &asked, &access, lie).into();
    }
    Json(answer).into_response()
}

fn id_token(inner: &Inner, asked: &Asked, access: &str, lie: Option<Lie>) -> String {
    let now = SystemClock.now().seconds();
    let digest = sha256(access.as_bytes());
    let half = &digest.as_bytes()[..16];
    let mut claims = json!({
        "iss": inner.issuer, "aud": CLIENT_ID, "sub": "subject-1", "iat": now, "exp": now + 300, "auth_time": now,
        "nonce": asked.nonce, "acr": asked.acr, "amr": ["pop", "user"], "sid": "sid-1",
        "identity_level": 2, "authentication_level": 2, "at_hash": URL_SAFE_NO_PAD.encode(half),
    });
    match lie {
        Some(Lie::Nonce) => claims["nonce"] = "another".into(),
        Some(Lie::NoNonce) => {
            claims.as_object_mut().unwrap().remove("nonce");
        }
        Some(Lie::Issuer) => claims["iss"] = "https://evil.example".into(),
        Some(Lie::Audience) => claims["aud"] = "another".into(),
        Some(Lie::Expired) => claims["exp"] = (now - 1).into(),
        Some(Lie::AccessTokenHash) => claims["at_hash"] = URL_SAFE_NO_PAD.encode([7u8; 16]).into(),
        Some(Lie::LowerLevel) => claims["acr"] = "urn:dinhdanh:acr:1".into(),
        Some(Lie::OldSignIn) => claims["auth_time"] = (now - 600).into(),
        _ => {}
    }
    let key = inner.key.lock().unwrap();
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(key.kid.clone());
    match lie {
        Some(Lie::AlgNone) => unsigned(&json!({ "alg": "none" }), &claims),
        Some(Lie::Hs256WithThePublicKey) => {
            header.alg = Algorithm::HS256;
            encode(&header, &claims, &EncodingKey::from_secret(key.public.to_string().as_bytes())).unwrap()
        }
        Some(Lie::AnotherKey) => encode(&header, &claims, &Key::new().private).unwrap(),
        _ => encode(&header, &claims, &key.private).unwrap(),
    }
}

async fn userinfo(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    if !headers.get(header::AUTHORIZATION).is_some_and(|sent| sent.to_str().unwrap().starts_with("Bearer ")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let lies = *inner.lie.lock().unwrap() == Some(Lie::UserinfoSubject);
    let sub = if lies { "subject-2" } else { "subject-1" };
    Json(json!({ "sub": sub, "name": "Nguyễn Thị Hoa", "birthdate": "1988" })).into_response()
}
