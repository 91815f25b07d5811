//! The cookies we set: every one `__Host-`, Secure, HttpOnly, SameSite=Lax, without Domain (RFC 6265bis 4.1.3.2).

use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use std::time::Duration;

/// The single sign-on session.
pub const SESSION: &str = "__Host-session";
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
