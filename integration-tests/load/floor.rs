//! The floor: the least program that does the same work. The same framework, the same signatures with kept keys, the
//! same rows read and written by the same statements in as many transactions; no pages, no checks, no log lines, no
//! guards in the answer. What the provider costs beyond it is the price of everything else.

use crate::installation::{AGENCY, DEVICE, ES256, FAPI, KEY, REDIRECT, RS256, SECRET};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, ParsedPublicKey, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use dinhdanh::audit::{Entry, GrantEvent};
use dinhdanh::base::{
    AuditId, Clock, DecoupledId, Digest, DisclosureId, GrantId, Presented, RowId, SystemClock, SystemEntropy,
    Timestamp, dated_token, random_token, sha256,
};
use dinhdanh::config::Config;
use dinhdanh::db::{Db, Tx};
use dinhdanh::store;
use dinhdanh::store::decoupled::{Decoupled, DecoupledKind, DecoupledState};
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
    /// Of the client that proves itself by a key.
    key: ParsedPublicKey,
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
    #[serde(default)]
    client_assertion: String,
    #[serde(default)]
    subject_token: String,
    #[serde(default)]
    device_code: String,
}

#[derive(Deserialize)]
struct PushRequest {
    client_assertion: String,
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
        key: ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, std::fs::read(settings.with_file_name(KEY)).unwrap())
            .unwrap(),
        clients: [ES256, RS256, AGENCY, DEVICE].map(|id| (id, sha256(SECRET.as_bytes()))).into(),
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
        .route("/par", post(push))
        .route("/device_authorization", post(begin_device))
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

    /// Whether the key of the client signed this.
    fn verifies(&self, jws: &str) -> bool {
        let Some((message, signature)) = jws.rsplit_once('.') else {
            return false;
        };
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        self.key.verify_sig(message.as_bytes(), &signature).is_ok()
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

/// Takes a pushed request and forgets it.
async fn push(State(floor): Shared, Form(request): Form<PushRequest>) -> Response {
    if !floor.verifies(&request.client_assertion) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let handle = format!("urn:ietf:params:oauth:request_uri:{}", random_token(&SystemEntropy));
    (StatusCode::CREATED, answer(&json!({ "request_uri": handle, "expires_in": 60 }))).into_response()
}

/// The signatures and verifications of a bound exchange, and nothing else.
fn bound_exchange(floor: &Floor, headers: &HeaderMap, request: &TokenRequest) -> Response {
    let proof = headers.get("dpop").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !floor.verifies(&request.client_assertion) || !floor.verifies(proof) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let issued = now().seconds();
    let claims = json!({
        "iss": "floor", "aud": FAPI, "sub": FAPI, "client_id": FAPI, "iat": issued, "exp": issued + 600,
        "jti": random_token(&SystemEntropy), "scope": "openid levels",
    });
    let (access, id_token) = (floor.sign(ES256, &claims), floor.sign(ES256, &claims));
    answer(&json!({ "access_token": access, "token_type": "DPoP", "expires_in": 600, "id_token": id_token }))
}

/// An agency's exchange: the subject token's grant is read, the trail and the person's record are written.
async fn exchange(floor: &Floor, client: &str, request: &TokenRequest) -> Response {
    let Some(grant) = live(floor, &request.subject_token).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mut tx = floor.db.begin().await.unwrap();
    let disclosure = store::disclosure::Disclosure {
        id: DisclosureId::new(now(), &SystemEntropy),
        person_id: grant.person_id,
        client_id: client.to_owned(),
        agreement_id: None,
        grant_id: grant.id,
        claims: vec!["agency_access".to_owned()],
        at: now(),
    };
    store::disclosure::insert(&mut tx, &disclosure).await.unwrap();
    let event = GrantEvent::TokenExchanged { subject_client: grant.client_id.clone(), scope: grant.scope.clone() };
    floor.append(&mut tx, event, &grant).await;
    tx.commit().await.unwrap();
    let issued = now().seconds();
    let access = floor.sign(
        ES256,
        &json!({
            "iss": "floor", "aud": "https://archive.load.example", "sub": grant.subject, "client_id": client,
            "iat": issued, "exp": issued + 600, "jti": random_token(&SystemEntropy), "scope": "applications:read",
            "acr": grant.acr, "act": { "sub": client },
        }),
    );
    answer(&json!({ "access_token": access, "token_type": "Bearer", "expires_in": 600 }))
}

async fn begin_device(State(floor): Shared) -> Response {
    let code = random_token(&SystemEntropy);
    let row = Decoupled {
        id: DecoupledId::new(now(), &SystemEntropy),
        kind: DecoupledKind::Device,
        secret_digest: sha256(code.as_bytes()),
        user_code_index: None,
        client_id: DEVICE.to_owned(),
        person_id: None,
        request_sealed: Vec::new(),
        state: DecoupledState::Waiting,
        interval_seconds: 5,
        polled_at: None,
        created_at: now(),
        expires_at: now().plus(Duration::from_secs(600)),
        decided_at: None,
    };
    let mut tx = floor.db.begin().await.unwrap();
    let _ = store::decoupled::insert(&mut tx, &row).await.unwrap();
    tx.commit().await.unwrap();
    answer(&json!({ "device_code": code }))
}

/// A device's question whether it was let in, which nobody answers here.
async fn poll(floor: &Floor, request: &TokenRequest) -> Response {
    let mut tx = floor.db.begin().await.unwrap();
    let secret = sha256(request.device_code.as_bytes());
    let Some(row) = store::decoupled::find_by_secret(&mut tx, DecoupledKind::Device, &secret).await.unwrap() else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    store::decoupled::note_poll(&mut tx, row.id, row.interval_seconds + 5, now()).await.unwrap();
    tx.commit().await.unwrap();
    (StatusCode::BAD_REQUEST, answer(&json!({ "error": "slow_down" }))).into_response()
}

async fn token(State(floor): Shared, headers: HeaderMap, Form(request): Form<TokenRequest>) -> Response {
    if !request.client_assertion.is_empty() {
        return bound_exchange(&floor, &headers, &request);
    }
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
    if !request.subject_token.is_empty() {
        return exchange(&floor, client, &request).await;
    }
    if !request.device_code.is_empty() {
        return poll(&floor, &request).await;
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
    if parameters.contains_key("request_uri") {
        let to = format!("{REDIRECT}?code={}&iss=floor", random_token(&SystemEntropy));
        return (StatusCode::SEE_OTHER, [(header::LOCATION, to)]).into_response();
    }
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
