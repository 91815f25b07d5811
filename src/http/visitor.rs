//! Who is looking at a page, as far as the request tells: language, cookies, session, caller's network.

use super::cookies;
use super::layers::RequestId;
use super::problem::{Answer, Problem};
use super::{AppState, Site};
use crate::flow::session::{self, LiveSession};
use crate::view::{Frame, Locale};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;
use axum_extra::extract::CookieJar;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The person's side of a request.
pub struct Visitor {
    /// Cookies as sent.
    pub jar: CookieJar,
    /// The language of the page.
    pub locale: Locale,
    /// Text size 22 % larger.
    pub larger_text: bool,
    /// Pages without anything that is not needed (C35).
    pub quiet: bool,
    /// `Save-Data: on`.
    pub save_data: bool,
    /// Short label of the device.
    pub device: String,
    /// The browser inside another app, where passkeys do not work.
    pub in_app: bool,
    /// The caller's network: an address, or the /64 of an IPv6 one.
    pub network: String,
    /// The request's id.
    pub request_id: String,
    /// Path without query.
    pub path: String,
    /// A language or text size was chosen by link: to be kept in a cookie.
    pub chose: Vec<axum_extra::extract::cookie::Cookie<'static>>,
    /// Facts about the site.
    pub site: Arc<Site>,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let jar = CookieJar::from_headers(&parts.headers);
        let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let mut chose = Vec::new();
        let query = parts.uri.query().unwrap_or_default();
        let asked = |name: &str| {
            url::form_urlencoded::parse(query.as_bytes())
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.into_owned())
        };
        let chosen = asked("lang").and_then(|tag| Locale::from_tag(&tag));
        if let Some(locale) = chosen {
            chose.push(cookies::build(cookies::LANGUAGE, locale.tag(), Some(cookies::A_YEAR)));
        }
        let text_choice = asked("text");
        if let Some(size) = &text_choice {
            let large = size == "larger";
            chose.push(if large {
                cookies::build(cookies::TEXT_SIZE, "larger", Some(cookies::A_YEAR))
            } else {
                cookies::expire(cookies::TEXT_SIZE)
            });
        }
        let cookie = jar.get(cookies::LANGUAGE).map(|cookie| cookie.value().to_owned());
        let locale =
            chosen.unwrap_or_else(|| Locale::negotiate(None, cookie.as_deref(), text(header::ACCEPT_LANGUAGE)));
        let agent = text(header::USER_AGENT).unwrap_or_default();
        let larger_text = match text_choice.as_deref() {
            Some(size) => size == "larger",
            None => jar.get(cookies::TEXT_SIZE).is_some(),
        };
        Ok(Self {
            locale,
            larger_text,
            quiet: jar.get(cookies::QUIET).is_some(),
            save_data: parts.headers.get("save-data").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"on")),
            device: crate::identity::session::device_label(agent),
            in_app: is_in_app(agent),
            network: network(parts, state.site.proxy_header),
            request_id: parts.extensions.get::<RequestId>().map(|id| id.0.clone()).unwrap_or_default(),
            // A path that begins with two slashes would be another host in our links.
            path: if parts.uri.path().starts_with("//") { "/".to_owned() } else { parts.uri.path().to_owned() },
            chose,
            site: state.site.clone(),
            jar,
        })
    }
}

/// Browsers inside other apps that cannot use passkeys.
fn is_in_app(agent: &str) -> bool {
    ["FBAN", "FBAV", "Zalo", "Instagram", "; wv)", "Line/"].iter().any(|mark| agent.contains(mark))
}

/// The caller's network: what the connection says, or a header of a proxy that the configuration trusts. Of a list the
/// last entry counts: the one our own proxy wrote.
fn network(parts: &Parts, proxy_header: Option<&'static str>) -> String {
    let told = proxy_header.and_then(|name| {
        let value = parts.headers.get_all(name).iter().next_back()?.to_str().ok()?;
        value.rsplit(',').next()?.trim().parse::<IpAddr>().ok()
    });
    let connected = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    match told.or(connected).map(|address| address.to_canonical()) {
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        None => "unknown".to_owned(),
    }
}

impl Visitor {
    /// The frame of a page, with nothing of a flow or session yet.
    pub fn frame(&self, state: &AppState) -> Frame {
        let mut frame = Frame::new(self.locale, state.services.clock.now(), self.path.clone());
        let (vi, en) = &self.site.service_name;
        frame.service_name = if self.locale == Locale::Vi { vi.clone() } else { en.clone() };
        frame.host = self.site.host.clone();
        frame.hotline = self.site.hotline.clone();
        frame.hotline_hours = self.site.hotline_hours.clone();
        frame.test_environment = self.site.test_environment;
        frame.larger_text = self.larger_text;
        frame.quiet = self.quiet;
        frame.save_data = self.save_data || self.quiet;
        frame
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.jar.get(name).map(axum_extra::extract::cookie::Cookie::value)
    }

    /// The session of this browser, if one is live.
    pub async fn session(&self, state: &AppState) -> Result<Option<LiveSession>, Problem> {
        Ok(session::find(&state.services, self.cookie(cookies::SESSION)).await?)
    }

    /// Cookies to send back: what a link chose.
    pub fn cookies(&self) -> CookieJar {
        self.chose.iter().cloned().fold(CookieJar::new(), CookieJar::add)
    }
}

/// The form token for a secret that only the browser and we know.
pub fn csrf_token(state: &AppState, secret: &str) -> Answer<String> {
    use base64::Engine;
    let digest =
        state.services.sealer.keyed_digest("csrf", &[secret.as_bytes()]).map_err(crate::flow::Fault::internal)?;
    Ok(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest.as_bytes()))
}

/// Whether a form carries the token of that secret, compared in constant time.
pub fn csrf_holds(state: &AppState, secret: &str, sent: &str) -> Answer<bool> {
    let expected = csrf_token(state, secret)?;
    Ok(crate::base::Secret::new(expected) == crate::base::Secret::from(sent))
}
