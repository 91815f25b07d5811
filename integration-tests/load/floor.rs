//! The floor: the least program that does the same work. The same framework, the same signatures with kept keys, the
//! same rows read and written by the same statements in as many transactions; no pages, no checks, no log lines, no
//! guards in the answer. What the provider costs beyond it is the price of everything else.

use crate::installation::{ES256, REDIRECT, RS256, SECRET};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dinhdanh::audit::{Entry, GrantEvent};
use dinhdanh::base::{
    AuditId, Clock, Digest, GrantId, Presented, RowId, SystemClock, SystemEntropy, Timestamp, dated_token,
    random_token, sha256,
};
use dinhdanh::config::Config;
use dinhdanh::db::{Db, Tx};
use dinhdanh::store;
use dinhdanh::store::grant::{CodeConsumption, Grant};
use dinhdanh::store::refresh_token::{RefreshConsumption, RefreshToken};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

struct Floor {
    db: Db,
    ecdsa: EcdsaKeyPair,
    rsa: RsaKeyPair,
    clients: HashMap<&'static str, Digest>,
    /// Access tokens that were issued: what was verified once is looked up.
    tokens: RwLock<HashMap<Vec<u8>, GrantId>>,
}

type Shared = State<Arc<Floor>>;

#[derive(Deserialize)]
struct TokenRequest {
    grant_type: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    refresh_token: String,
}

#[derive(Deserialize)]
struct Introspected {
    token: String,
}

/// Serves until it is killed.
pub async fn serve(settings: &Path, address: SocketAddr) {
    let config = Config::load(Some(settings), std::iter::empty()).unwrap().config;
    let db = dinhdanh::app::open_database(&config).await.unwrap_or_else(|error| panic!("{error}"));
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let floor = Floor {
        db,
        ecdsa: EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref()).unwrap(),
        rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
        clients: [ES256, RS256].map(|id| (id, sha256(SECRET.as_bytes()))).into(),
        tokens: RwLock::default(),
    };
    let router = Router::new()
        .route("/health/ready", get(|| async { "ready" }))
        .route("/.well-known/openid-configuration", get(document))
        .route("/jwks", get(document))
        .route("/token", post(token))
        .route("/userinfo", get(userinfo))
        .route("/introspect", post(introspect))
        .route("/authorize", get(authorize))
        .with_state(Arc::new(floor));
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    axum::serve(listener, router).await.unwrap();
}

/// A document of the size of ours.
async fn document() -> Response {
    static DOCUMENT: &[u8] = &[b' '; 2600];
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

fn answer(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn now() -> Timestamp {
    SystemClock.now()
}

impl Floor {
    fn client(&self, headers: &HeaderMap) -> Option<&'static str> {
        let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let pair = String::from_utf8(STANDARD.decode(value).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        let (id, digest) = self.clients.get_key_value(id)?;
        (sha256(secret.as_bytes()) == *digest).then_some(*id)
    }

    fn sign(&self, client: &str, claims: &Value) -> String {
        let random = SystemRandom::new();
        let algorithm = if client == RS256 { "RS256" } else { "ES256" };
        let header = json!({ "alg": algorithm, "typ": "at+jwt", "kid": "floor" });
        let encode = |bytes: &[u8]| crate::base64_url(bytes);
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = if client == RS256 {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(&RSA_PKCS1_SHA256, &random, message.as_bytes(), &mut signature).unwrap();
            signature
        } else {
            self.ecdsa.sign(&random, message.as_bytes()).unwrap().as_ref().to_vec()
        };
        format!("{message}.{}", encode(&signature))
    }

    /// Two signatures: an access token and an ID token.
    fn tokens(&self, grant: &Grant, refresh: &str) -> Response {
        let issued = now().seconds();
        let access = json!({
            "iss": "floor", "aud": "floor", "sub": grant.subject, "client_id": grant.client_id, "iat": issued,
            "exp": issued + 600, "jti": random_token(&SystemEntropy), "scope": grant.scope, "acr": grant.acr,
        });
        let access = self.sign(ES256, &access);
        self.tokens.write().unwrap().insert(sha256(access.as_bytes()).as_bytes().to_vec(), grant.id);
        let id_token = json!({
            "iss": "floor", "aud": grant.client_id, "sub": grant.subject, "iat": issued, "exp": issued + 600,
            "nonce": grant.nonce, "acr": grant.acr, "sid": grant.sid, "auth_time": grant.authenticated_at.seconds(),
        });
        let id_token = self.sign(ES256, &id_token);
        answer(&json!({
            "access_token": access, "token_type": "Bearer", "expires_in": 600, "id_token": id_token,
            "refresh_token": refresh, "scope": grant.scope,
        }))
    }

    async fn append(&self, tx: &mut Tx, event: GrantEvent, grant: &Grant) {
        let entry = Entry::new(AuditId::new(now(), &SystemEntropy), now(), event).grant(grant.id);
        store::audit::append(tx, &entry.person(grant.person_id).client(&grant.client_id)).await.unwrap();
    }

    async fn next_refresh(&self, tx: &mut Tx, grant: &Grant) -> String {
        let issued = now();
        let token = dated_token(issued, &SystemEntropy);
        let row = RefreshToken {
            digest: sha256(token.as_bytes()),
            grant_id: grant.id,
            scope: grant.scope.clone(),
            created_at: issued,
            expires_at: grant.expires_at,
            used_at: None,
            bound_to: None,
        };
        store::refresh_token::insert(tx, &row).await.unwrap();
        token
    }
}

async fn token(State(floor): Shared, headers: HeaderMap, Form(request): Form<TokenRequest>) -> Response {
    let Some(client) = floor.client(&headers) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    if request.grant_type == "client_credentials" {
        let issued = now().seconds();
        let claims = json!({
            "iss": "floor", "aud": "floor", "sub": client, "client_id": client, "iat": issued, "exp": issued + 600,
            "jti": random_token(&SystemEntropy), "scope": "applications:read",
        });
        let token = floor.sign(client, &claims);
        return answer(&json!({ "access_token": token, "token_type": "Bearer", "expires_in": 600 }));
    }
    let mut tx = floor.db.begin().await.unwrap();
    let (grant, event) = if request.grant_type == "refresh_token" {
        let token = Presented::of(&request.refresh_token);
        match store::refresh_token::consume(&mut tx, token, now()).await.unwrap() {
            RefreshConsumption::Fresh { grant, .. } => (grant.grant, GrantEvent::RefreshRotated),
            _ => return StatusCode::BAD_REQUEST.into_response(),
        }
    } else {
        let code = (store::grant::GrantOrigin::Code, Presented::of(&request.code));
        match store::grant::consume_code(&mut tx, code, now()).await.unwrap() {
            CodeConsumption::Fresh(grant) => (grant.grant, GrantEvent::Exchanged),
            _ => return StatusCode::BAD_REQUEST.into_response(),
        }
    };
    let refresh = floor.next_refresh(&mut tx, &grant).await;
    floor.append(&mut tx, event, &grant).await;
    tx.commit().await.unwrap();
    floor.tokens(&grant, &refresh)
}

/// The live grant of a token: one look in memory, one read.
async fn live(floor: &Floor, token: &str) -> Option<Grant> {
    let id = *floor.tokens.read().unwrap().get(sha256(token.as_bytes()).as_bytes().as_slice())?;
    store::grant::find_for_token(&floor.db, id).await.unwrap().map(|found| found.grant).filter(|g| g.is_live(now()))
}

async fn userinfo(State(floor): Shared, headers: HeaderMap) -> Response {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match live(&floor, value.trim_start_matches("Bearer ")).await {
        Some(grant) => answer(&json!({ "sub": grant.subject, "identity_level": 2, "authentication_level": 2 })),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}

async fn introspect(State(floor): Shared, headers: HeaderMap, Form(request): Form<Introspected>) -> Response {
    if floor.client(&headers).is_none() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match live(&floor, &request.token).await {
        Some(grant) => answer(&json!({
            "active": true, "iss": "floor", "client_id": grant.client_id, "sub": grant.subject, "scope": grant.scope,
            "exp": grant.expires_at.seconds(), "acr": grant.acr, "auth_time": grant.authenticated_at.seconds(),
        })),
        None => answer(&json!({ "active": false })),
    }
}

async fn authorize(State(floor): Shared, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let parameters: HashMap<_, _> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let cookie = headers.get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let cookie = Presented::of(cookie.trim_start_matches("__Host-session="));
    let found = store::session::find_live_by_digest(&floor.db, cookie, now()).await.unwrap();
    let Some(session) = found.map(|live| live.session) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let mut tx = floor.db.begin().await.unwrap();
    let idle = now().plus(Duration::from_secs(3600));
    if !store::session::hold(&mut tx, session.id, now(), idle).await.unwrap() {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let sid = RowId::new(now(), &SystemEntropy).0;
    let sid = store::session_client::upsert(&mut tx, session.id, ES256, sid, now()).await.unwrap();
    let subject = store::subject::find(&mut tx, "portal.load.example", session.person_id).await.unwrap();
    let id = GrantId::new(now(), &SystemEntropy);
    let code = dated_token(id.made_at(), &SystemEntropy);
    let grant = Grant {
        id,
        client_id: ES256.to_owned(),
        person_id: session.person_id,
        session_id: session.id,
        sid,
        subject: subject.unwrap(),
        scope: parameters["scope"].clone(),
        claims_id_token: Vec::new(),
        claims_userinfo: Vec::new(),
        resource: Vec::new(),
        agreement_id: None,
        nonce: parameters.get("nonce").cloned(),
        redirect_uri: REDIRECT.to_owned(),
        redirect_uri_sent: true,
        code_digest: sha256(code.as_bytes()),
        code_challenge: parameters.get("code_challenge").cloned(),
        code_expires_at: now().plus(Duration::from_secs(60)),
        code_used_at: None,
        acr: "urn:dinhdanh:acr:2".to_owned(),
        methods: session.methods.clone(),
        authentication_level: session.authentication_level,
        identity_level: dinhdanh::identity::IdentityLevel::Two,
        authenticated_at: session.authenticated_at,
        offline: false,
        created_at: now(),
        expires_at: session.expires_at,
        ended_at: None,
        ended_reason: None,
        organization_id: None,
        origin: store::grant::GrantOrigin::Code,
        terms: dinhdanh::protocol::GrantTerms::default(),
    };
    store::grant::insert(&mut tx, &grant).await.unwrap();
    floor.append(&mut tx, GrantEvent::Issued { acr: grant.acr.clone(), scope: grant.scope.clone() }, &grant).await;
    tx.commit().await.unwrap();
    let to = format!("{REDIRECT}?code={code}&state={}&iss=floor", parameters["state"]);
    (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response()
}
