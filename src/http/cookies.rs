//! The cookies we set: every one `__Host-`, Secure, HttpOnly, SameSite=Lax, without Domain (RFC 6265bis 4.1.3.2), but
//! [`BROWSER_STATE`], which scripts read.

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use std::time::Duration;

/// The single sign-on session.
pub const SESSION: &str = "__Host-session";
/// Changes with the session; read by the script of `check_session_iframe` in the frames of portals, so it is the one cookie
/// that scripts may read and that goes to frames. It opens nothing.
pub const BROWSER_STATE: &str = "__Host-browser-state";
/// Whom this browser is recognised for: sealed, and no proof of anything.
pub const KNOWN: &str = "__Host-known";
/// The language a person chose.
pub const LANGUAGE: &str = "__Host-language";
/// Larger text, chosen with the "Aa+" link.
pub const TEXT_SIZE: &str = "__Host-text";
/// Pages without anything that is not needed.
pub const QUIET: &str = "__Host-quiet";
/// How long a choice of language or text size is kept.
pub const A_YEAR: Duration = Duration::from_secs(31_536_000);
/// More flows than this in one browser and the oldest way in is dropped, so that cookies cannot fill a header.
const FLOWS_AT_ONCE: usize = 8;
const FLOW_PREFIX: &str = "__Host-flow-";

/// Name of the cookie that ties a browser to one flow.
pub fn flow_name(flow: &str) -> String {
    format!("{FLOW_PREFIX}{flow}")
}

/// A cookie that ends with the browser's session, or after `lifetime`.
pub fn build(name: impl Into<String>, value: impl Into<String>, lifetime: Option<Duration>) -> Cookie<'static> {
    let mut cookie = Cookie::build((name.into(), value.into()))
        .path("/")
        .secure(true)
        .http_only(true)
        .same_site(SameSite::Lax)
        .build();
    if let Some(lifetime) = lifetime {
        cookie.set_max_age(time::Duration::try_from(lifetime).unwrap_or(time::Duration::ZERO));
    }
    cookie
}

/// The cookie of [`BROWSER_STATE`].
pub fn browser_state(value: impl Into<String>) -> Cookie<'static> {
    let mut cookie = build(BROWSER_STATE, value, None);
    cookie.set_http_only(false);
    cookie.set_same_site(SameSite::None);
    cookie
}

/// Removes the session from the browser.
pub fn sign_out() -> CookieJar {
    CookieJar::new().add(expire(SESSION)).add(expire(BROWSER_STATE))
}

/// A cookie that removes another of the same name.
pub fn expire(name: impl Into<String>) -> Cookie<'static> {
    build(name, "", Some(Duration::ZERO))
}

/// Adds the cookie of a new flow; drops all older ones when there are too many.
pub fn add_flow(jar: CookieJar, flow: &str, secret: &str, lifetime: Duration) -> CookieJar {
    let old: Vec<String> =
        jar.iter().map(|c| c.name().to_owned()).filter(|name| name.starts_with(FLOW_PREFIX)).collect();
    let mut jar = jar;
    if old.len() >= FLOWS_AT_ONCE {
        for name in old {
            jar = jar.add(expire(name));
        }
    }
    jar.add(build(flow_name(flow), secret, Some(lifetime)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D8: every attribute, on every cookie.
    #[test]
    fn d8_cookies_carry_every_guard() {
        let text = build(SESSION, "x", None).to_string();
        for part in ["__Host-session=x", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(text.contains(part), "{text} lacks {part}");
        }
        assert!(!text.contains("Domain"));
        let open = browser_state("x").to_string();
        assert!(!open.contains("HttpOnly") && open.contains("SameSite=None") && open.contains("Secure"), "{open}");
    }

    #[test]
    fn s2_flow_cookies_do_not_pile_up() {
        let mut jar = CookieJar::new();
        for flow in 0..20 {
            jar = add_flow(jar, &format!("f{flow}"), "s", Duration::from_secs(60));
        }
        let live = jar.iter().filter(|c| c.name().starts_with(FLOW_PREFIX) && !c.value().is_empty()).count();
        assert!(live <= FLOWS_AT_ONCE, "{live}");
    }
}
