//! What tells a portal's script whether the sign-in in this browser changed (OpenID Connect Session Management 1.0
//! section 3.2).
//!
//! A hash over client, origin of its page, state of the browser here, and a salt: it says nothing by itself, and two
//! portals cannot compare theirs.

use super::redirect_uri::ProvedRedirect;
use crate::base::sha256;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;

/// What goes with an answer that signs somebody in.
#[derive(Clone, PartialEq, Eq)]
pub struct LoginState {
    /// The `session_state` of the answer.
    pub session_state: String,
    /// What the browser keeps for the script of `check_session_iframe`: changes with the session, and is no proof of it.
    pub browser_state: String,
}

impl LoginState {
    /// For a client that is answered at `to`. `None`: an app without an origin has no page to ask from.
    pub fn new(client_id: &str, to: &ProvedRedirect, browser_state: String, salt: &str) -> Option<Self> {
        let origin = Url::parse(to.as_str()).ok()?.origin();
        if !origin.is_tuple() {
            return None;
        }
        let session_state = hash(client_id, &origin.ascii_serialization(), &browser_state, salt);
        Some(Self { session_state, browser_state })
    }
}

/// As `assets/check-session.js` makes it.
fn hash(client_id: &str, origin: &str, browser_state: &str, salt: &str) -> String {
    let digest = sha256(format!("{client_id} {origin} {browser_state} {salt}").as_bytes());
    format!("{}.{salt}", URL_SAFE_NO_PAD.encode(digest.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client::tests::client_with;
    use crate::protocol::redirect_uri::prove;

    fn state(uri: &str, browser: &str, salt: &str) -> Option<String> {
        let client = client_with(|metadata| metadata.redirect_uris = vec![uri.into()]);
        let to = prove(None, &client).unwrap();
        LoginState::new("portal", &to, browser.to_owned(), salt).map(|state| state.session_state)
    }

    #[test]
    fn it_changes_with_origin_browser_and_salt_and_with_nothing_else() {
        let one = state("https://rp.example/cb", "b-1", "salt").unwrap();
        assert_eq!(state("https://rp.example/other?a=1", "b-1", "salt").unwrap(), one);
        for other in [
            state("https://rp.example:8443/cb", "b-1", "salt"),
            state("https://rp.example/cb", "b-2", "salt"),
            state("https://rp.example/cb", "b-1", "other"),
        ] {
            assert_ne!(other.unwrap(), one);
        }
        assert!(one.ends_with(".salt") && !one.contains(' ') && !one.contains("b-1"));
        // OpenSSL: printf 'portal https://rp.example b-1 salt' | openssl dgst -sha256 -binary | basenc --base64url
        assert_eq!(one, format!("{}.salt", EXPECTED));
    }

    const EXPECTED: &str = "KWY-8Kpd5yOD_HAtS-D4OcHYK5AxvE9PDqvef1a5G6I";

    #[test]
    fn an_app_without_an_origin_has_none() {
        let client = client_with(|metadata| metadata.redirect_uris = vec!["com.example.app:/cb".into()]);
        assert!(LoginState::new("portal", &prove(None, &client).unwrap(), "b".into(), "s").is_none());
    }
}
