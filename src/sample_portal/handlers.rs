//! The portal's routes.

use super::Portal;
use super::ask::Ask;
use super::failure::Failure;
use super::logout_token::Refused;
use super::oidc::{PortalIdToken, SignedIn};
use super::pages::Pages;
use super::store::{Flow, LogoutEvent, Session};
use crate::base::{Secret, SystemEntropy, random_token, sha256};
use crate::view::{Locale, assets};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum_extra::extract::CookieJar;
use axum_extra::extract::cookie::{Cookie, SameSite};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use std::collections::HashMap;
use std::sync::Arc;

type Shared = State<Arc<Portal>>;

/// Parameters of a query or form, each at most once.
struct Parameters(HashMap<String, String>);

impl Parameters {
    fn read(text: &[u8]) -> Option<Self> {
        let mut seen = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if seen.insert(name.into_owned(), value.into_owned()).is_some() {
                return None;
            }
        }
        Some(Self(seen))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl Portal {
    fn cookie_name(&self, suffix: &str) -> String {
        format!("__Host-portal-{}{suffix}", self.slug)
    }

    fn session_secret(&self, jar: &CookieJar) -> Option<String> {
        jar.get(&self.cookie_name("")).map(|cookie| cookie.value().to_owned())
    }

    /// The browser a flow belongs to.
    fn browser(&self, jar: &CookieJar) -> Option<String> {
        jar.get(&self.cookie_name("-flow")).map(|cookie| cookie.value().to_owned())
    }

    fn session(&self, jar: &CookieJar) -> Option<Session> {
        let secret = self.session_secret(jar)?;
        self.store().session(&secret, self.clock.now())
    }

    fn locale(&self, asked: Option<&str>, jar: &CookieJar, headers: &HeaderMap) -> Locale {
        let cookie = jar.get(&self.cookie_name("-lang")).map(|cookie| cookie.value());
        let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
        Locale::negotiate(asked, cookie, accepted)
    }

    fn pages(&self, locale: Locale) -> Pages<'_> {
        Pages { portal: self, locale }
    }
}

/// One request of a browser, read.
struct Visit {
    parameters: Option<Parameters>,
    locale: Locale,
    jar: CookieJar,
}

impl Visit {
    /// A language asked for by `lang` is kept in a cookie.
    fn read(portal: &Portal, jar: CookieJar, query: Option<String>, headers: &HeaderMap) -> Self {
        let parameters = Parameters::read(query.unwrap_or_default().as_bytes());
        let asked = parameters.as_ref().and_then(|parameters| parameters.get("lang"));
        let locale = portal.locale(asked, &jar, headers);
        let kept = asked.is_some().then(|| cookie(portal.cookie_name("-lang"), locale.tag().to_owned()));
        let jar = match kept {
            Some(kept) => jar.add(kept),
            None => jar,
        };
        Self { parameters, locale, jar }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.parameters.as_ref().and_then(|parameters| parameters.get(name))
    }
}

fn cookie(name: String, value: String) -> Cookie<'static> {
    Cookie::build((name, value)).path("/").secure(true).http_only(true).same_site(SameSite::Lax).build()
}

/// The token a form of the portal carries: bound to the session, and not the cookie itself.
fn csrf_of(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(sha256(format!("csrf:{secret}").as_bytes()).as_bytes())
}

fn see_other(to: &str) -> Response {
    (StatusCode::SEE_OTHER, AppendHeaders([(header::LOCATION, to), (header::CACHE_CONTROL, "no-store")]))
        .into_response()
}

fn no_store(answer: impl IntoResponse) -> Response {
    (AppendHeaders([(header::CACHE_CONTROL, "no-store")]), answer).into_response()
}

/// GET / and /sample
pub(super) async fn home(
    State(portal): Shared,
    jar: CookieJar,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::read(&portal, jar, query, &headers);
    let pages = portal.pages(visit.locale);
    let secret = portal.session_secret(&visit.jar).unwrap_or_default();
    let page = match portal.session(&visit.jar) {
        Some(session) => pages.signed_in(&session.person, csrf_of(&secret)),
        None => pages.home(),
    };
    (visit.jar, page).into_response()
}

/// GET /login?want=…&lang=…&login_hint=…&iss=… (`level` is a short form of `want`)
pub(super) async fn login(
    State(portal): Shared,
    jar: CookieJar,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::read(&portal, jar, query, &headers);
    let pages = portal.pages(visit.locale);
    let ask = visit.parameters.as_ref().and_then(|_| Ask::parse(visit.get("want").or(visit.get("level"))));
    let Some(ask) = ask else { return pages.error(&Failure::Malformed) };
    // A sign-in that the provider begins names it (OpenID Connect Core 4); nobody else's is begun here.
    if visit.get("iss").is_some_and(|iss| iss != portal.provider.issuer()) {
        return pages.error(&Failure::Issuer);
    }
    let browser = portal.browser(&visit.jar).unwrap_or_else(|| random_token(&SystemEntropy));
    let hint = visit.get("login_hint").map(str::to_owned);
    match portal.begin(ask, browser.clone(), visit.locale, hint).await {
        Ok(begun) => {
            portal.store().begin(begun.state, begun.flow);
            let jar = visit.jar.add(cookie(portal.cookie_name("-flow"), browser));
            (jar, see_other(begun.url.as_str())).into_response()
        }
        Err(failure) => pages.error(&failure),
    }
}

/// GET /callback: the answer of the provider.
pub(super) async fn callback(
    State(portal): Shared,
    jar: CookieJar,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::read(&portal, jar, query, &headers);
    let flow = portal.browser(&visit.jar).zip(visit.get("state")).and_then(|(browser, state)| {
        let now = portal.clock.now();
        portal.store().take(state, &browser, now)
    });
    let pages = portal.pages(flow.as_ref().map_or(visit.locale, |flow| flow.locale));
    match answered(&portal, &visit, flow).await {
        Ok((person, id_token)) => {
            let secret = random_token(&SystemEntropy);
            let now = portal.clock.now();
            let mut store = portal.store();
            // A new secret for every sign-in: what was known before it opens nothing after it.
            if let Some(old) = portal.session_secret(&visit.jar) {
                store.close(&old);
            }
            store.open(&secret, person, id_token, now);
            drop(store);
            (visit.jar.add(cookie(portal.cookie_name(""), secret)), see_other("/")).into_response()
        }
        Err(failure) => {
            tracing::info!(client = portal.settings.client_id, code = failure.code(), "a sign-in at the portal failed");
            pages.error(&failure)
        }
    }
}

/// Checks the authorization response, then what the code brings.
async fn answered(portal: &Portal, visit: &Visit, flow: Option<Flow>) -> Result<(SignedIn, PortalIdToken), Failure> {
    if visit.parameters.is_none() {
        return Err(Failure::Malformed);
    }
    let flow = flow.ok_or(Failure::State)?;
    if visit.get("iss") != Some(portal.provider.issuer()) {
        return Err(Failure::Issuer);
    }
    match (visit.get("code"), visit.get("error")) {
        (Some(code), None) => portal.finish(code.to_owned(), flow).await,
        (None, Some(error)) => {
            let description = visit.get("error_description").map(str::to_owned);
            Err(Failure::Answered { code: error.to_owned(), description })
        }
        _ => Err(Failure::Malformed),
    }
}

/// POST /logout: ends the portal's session, then asks the provider to end its own.
pub(super) async fn logout(State(portal): Shared, jar: CookieJar, headers: HeaderMap, body: Bytes) -> Response {
    let locale = portal.locale(None, &jar, &headers);
    let Some(secret) = portal.session_secret(&jar) else { return see_other("/signed-out") };
    let sent = Parameters::read(&body);
    let sent = sent.as_ref().and_then(|form| form.get("csrf")).unwrap_or_default();
    if Secret::from(sent) != Secret::from(csrf_of(&secret)) {
        return portal.pages(locale).error(&Failure::Malformed);
    }
    let session = portal.store().close(&secret);
    let jar = jar.remove(Cookie::build((portal.cookie_name(""), "")).path("/").secure(true));
    let Some(session) = session else { return (jar, see_other("/signed-out")).into_response() };

    let browser = portal.browser(&jar).unwrap_or_else(|| random_token(&SystemEntropy));
    let state = random_token(&SystemEntropy);
    let to = portal.logout_url(&session.id_token, &state, locale).await;
    let now = portal.clock.now();
    portal.store().begin_logout(state, browser.clone(), now);
    let jar = jar.add(cookie(portal.cookie_name("-flow"), browser));
    (jar, see_other(to.as_ref().map_or("/signed-out", |to| to.as_str()))).into_response()
}

/// GET /signed-out: where the provider sends the browser back to. Says so only when it is so: with a `state` this
/// browser was not given, or with a session still open, nobody has signed out.
pub(super) async fn signed_out(
    State(portal): Shared,
    jar: CookieJar,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let visit = Visit::read(&portal, jar, query, &headers);
    let pages = portal.pages(visit.locale);
    if let Some(state) = visit.get("state") {
        let now = portal.clock.now();
        let browser = portal.browser(&visit.jar).unwrap_or_default();
        if !portal.store().began_logout(state, &browser, now) {
            return pages.error(&Failure::State);
        }
    }
    if portal.session(&visit.jar).is_some() {
        return see_other("/");
    }
    (visit.jar, pages.signed_out()).into_response()
}

/// POST /backchannel-logout (Back-Channel Logout 1.0 2.5): 200 when the token was accepted, else 400.
pub(super) async fn backchannel_logout(State(portal): Shared, body: Bytes) -> Response {
    let token = Parameters::read(&body);
    let token = token.as_ref().and_then(|parameters| parameters.get("logout_token"));
    let accepted = match token {
        Some(token) => portal.accept_logout(token).await,
        None => Err(Refused::Missing),
    };
    match accepted {
        Ok(token) => {
            let received_at = portal.clock.now().seconds();
            let mut store = portal.store();
            let ended = store.end_named(token.sid.as_deref(), token.sub.as_deref());
            store.record(LogoutEvent { jti: token.jti, sid: token.sid, sub: token.sub, received_at, ended });
            drop(store);
            no_store(StatusCode::OK)
        }
        Err(refused) => {
            tracing::warn!(client = portal.settings.client_id, %refused, "a logout token was refused");
            let body = json!({ "error": "invalid_request", "error_description": refused.to_string() });
            no_store((StatusCode::BAD_REQUEST, Json(body)))
        }
    }
}

/// GET /me: who is signed in, for tests; 401 when nobody is.
pub(super) async fn me(State(portal): Shared, jar: CookieJar) -> Response {
    match portal.session(&jar) {
        Some(session) => no_store(Json(session.person)),
        None => no_store((StatusCode::UNAUTHORIZED, Json(json!({ "error": "signed_out" })))),
    }
}

/// GET /events: the back-channel logouts received, for tests.
pub(super) async fn events(State(portal): Shared) -> Response {
    let (count, events) = portal.store().events();
    no_store(Json(json!({ "count": count, "events": events })))
}

/// GET /assets/…: the style sheets and fonts of the pages, under names that change with their content.
pub(super) async fn asset(Path(path): Path<String>) -> Response {
    match assets::find(&path) {
        Some(asset) => {
            let headers = AppendHeaders([
                (header::CONTENT_TYPE, asset.content_type),
                (header::CACHE_CONTROL, assets::CACHE_CONTROL),
                (header::ETAG, asset.etag.as_str()),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ]);
            (headers, asset.body.clone()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
