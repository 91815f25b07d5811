//! The authorization answer on its way to the client (RFC 6749 4.1.2, RFC 9207, OAuth 2.0 Form Post Response Mode).

use super::redirect_uri::ProvedRedirect;
use super::response_mode::{Carrier, ResponseMode};
use super::session_state::LoginState;
use super::{Endpoints, Error};
use crate::base::{Secret, Timestamp};
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;
use url::form_urlencoded;

/// JARM 2.1: a signed answer is good for at most 10 minutes; a code in it ends sooner by itself.
pub const SIGNED_ANSWER_LIFETIME: Duration = Duration::from_secs(10 * 60);

/// What the client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AuthorizeAnswer {
    /// RFC 6749 4.1.2.
    Code(Secret),
    /// RFC 6749 4.1.2.1.
    Error(Error),
}

/// An answer, and the only place it may go to.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthorizeResponse {
    /// Whose answer it is.
    pub client_id: String,
    /// Where.
    pub to: ProvedRedirect,
    /// How.
    pub response_mode: ResponseMode,
    /// As it came.
    pub state: Option<String>,
    /// What.
    pub answer: AuthorizeAnswer,
    /// Lets the client's page see later whether the sign-in changed.
    pub login: Option<LoginState>,
}

impl fmt::Debug for AuthorizeResponse {
    /// Without state, which may say who somebody is (K5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("AuthorizeResponse");
        shown.field("to", &self.to).field("response_mode", &self.response_mode).field("answer", &self.answer);
        shown.finish_non_exhaustive()
    }
}

/// An answer, ready for HTTP. Holds a code: no `Debug`, no log.
#[derive(Clone, PartialEq, Eq)]
pub enum Delivery {
    /// The `Location` of a 303.
    Redirect(String),
    /// A page with a form that posts itself.
    FormPost {
        /// Where it posts to: an address whose scheme is not for scripts (A8).
        action: String,
        /// Hidden fields.
        fields: Vec<(&'static str, String)>,
    },
}

impl AuthorizeResponse {
    /// The members of the answer; `iss` is in every one (RFC 9207 2, C3).
    pub fn fields(&self, endpoints: &Endpoints) -> Vec<(&'static str, String)> {
        let mut fields = match &self.answer {
            AuthorizeAnswer::Code(code) => vec![("code", code.expose().to_owned())],
            AuthorizeAnswer::Error(error) => vec![
                ("error", error.code.as_str().to_owned()),
                ("error_description", error.description.clone().into_owned()),
            ],
        };
        fields.extend(self.state.clone().map(|state| ("state", state)));
        fields.extend(self.login.clone().map(|login| ("session_state", login.session_state)));
        fields.push(("iss", endpoints.issuer().to_owned()));
        fields
    }

    /// The answer in the way the client asked for, in a mode that is not signed. In a signed mode the answer is given by
    /// [`AuthorizeResponse::deliver_signed`]; here the client only learns that something failed, never the code.
    pub fn deliver(&self, endpoints: &Endpoints) -> Delivery {
        if self.response_mode.is_signed() {
            return self.deliver_failure(Error::SERVER_ERROR, endpoints);
        }
        self.carry(self.fields(endpoints))
    }

    /// In place of an answer that cannot be signed or encrypted as the client registered it: that it failed, in the
    /// clear, and nothing else.
    pub fn deliver_failure(&self, error: Error, endpoints: &Endpoints) -> Delivery {
        let failed = Self { answer: AuthorizeAnswer::Error(error), ..self.clone() };
        self.carry(failed.fields(endpoints))
    }

    /// JARM 2.1: what is signed, and encrypted after that if the client registered it. `aud` is the client alone.
    pub fn signed_claims(&self, endpoints: &Endpoints, now: Timestamp) -> Map<String, Value> {
        let fields = self.fields(endpoints).into_iter();
        let mut claims: Map<String, Value> = fields.map(|(name, value)| (name.to_owned(), value.into())).collect();
        claims.insert("aud".into(), self.client_id.as_str().into());
        claims.insert("exp".into(), now.plus(SIGNED_ANSWER_LIFETIME).seconds().into());
        claims
    }

    /// JARM 2.3: the signed answer, and nothing beside it.
    pub fn deliver_signed(&self, jwt: String) -> Delivery {
        self.carry(vec![("response", jwt)])
    }

    fn carry(&self, fields: Vec<(&'static str, String)>) -> Delivery {
        match self.response_mode.carrier() {
            Carrier::Query => Delivery::Redirect(with_query(&self.to, &fields)),
            Carrier::Fragment => Delivery::Redirect(with_fragment(&self.to, &fields)),
            Carrier::FormPost => Delivery::FormPost { action: self.to.as_str().to_owned(), fields },
        }
    }
}

/// Puts members into the fragment of an address; one that is registered has none.
fn with_fragment(to: &ProvedRedirect, fields: &[(&'static str, String)]) -> String {
    let mut fragment = form_urlencoded::Serializer::new(String::new());
    fragment.extend_pairs(fields);
    format!("{}#{}", to.as_str(), fragment.finish())
}

/// Adds members to the query of an address, which stays byte for byte what was registered (RFC 6749 3.1.2, 4.1.2).
pub fn with_query(to: &ProvedRedirect, fields: &[(&'static str, String)]) -> String {
    append_query(to.as_str(), fields)
}

/// The same with any registered address.
pub(super) fn append_query(to: &str, fields: &[(&'static str, String)]) -> String {
    let mut address = to.to_owned();
    for (name, value) in fields {
        let separator = match address.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        address.push_str(separator);
        address.push_str(name);
        address.push('=');
        address.extend(form_urlencoded::byte_serialize(value.as_bytes()));
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client::tests::client_with;
    use crate::protocol::redirect_uri::prove;
    use proptest::prelude::*;
    use url::Url;

    fn to(uri: &str) -> ProvedRedirect {
        prove(None, &client_with(|metadata| metadata.redirect_uris = vec![uri.into()])).unwrap()
    }

    fn response(uri: &str, response_mode: ResponseMode, answer: AuthorizeAnswer) -> AuthorizeResponse {
        AuthorizeResponse {
            client_id: "portal".into(),
            to: to(uri),
            response_mode,
            state: Some("s 1&x=%".into()),
            answer,
            login: None,
        }
    }

    fn endpoints() -> Endpoints {
        Endpoints::new("https://id.example")
    }

    fn located(response: &AuthorizeResponse) -> String {
        match response.deliver(&endpoints()) {
            Delivery::Redirect(location) => location,
            Delivery::FormPost { .. } => panic!("a form"),
        }
    }

    #[test]
    fn c3_success_and_error_carry_the_issuer() {
        let code = response("https://rp.example/cb", ResponseMode::Query, AuthorizeAnswer::Code("c".into()));
        assert_eq!(located(&code), "https://rp.example/cb?code=c&state=s+1%26x%3D%25&iss=https%3A%2F%2Fid.example");
        let error =
            response("https://rp.example/cb", ResponseMode::Query, AuthorizeAnswer::Error(Error::LOGIN_REQUIRED));
        let location = located(&error);
        assert!(location.starts_with("https://rp.example/cb?error=login_required&error_description="), "{location}");
        assert!(location.ends_with("&iss=https%3A%2F%2Fid.example"), "{location}");
    }

    #[test]
    fn a_registered_query_is_kept_byte_for_byte() {
        for (registered, begins) in [
            ("https://rp.example", "https://rp.example?code=c&"),
            ("https://rp.example/cb?", "https://rp.example/cb?code=c&"),
            ("https://rp.example/cb?a=%2f&", "https://rp.example/cb?a=%2f&code=c&"),
            ("https://rp.example/cb?a=1", "https://rp.example/cb?a=1&code=c&"),
            ("com.example.app:/cb", "com.example.app:/cb?code=c&"),
        ] {
            let location = located(&response(registered, ResponseMode::Query, AuthorizeAnswer::Code("c".into())));
            assert!(location.starts_with(begins), "{location}");
        }
    }

    #[test]
    fn form_post_puts_everything_in_fields_and_nothing_in_the_address() {
        let response = response("https://rp.example/cb?a=1", ResponseMode::FormPost, AuthorizeAnswer::Code("c".into()));
        let Delivery::FormPost { action, fields } = response.deliver(&endpoints()) else { panic!("a redirect") };
        assert_eq!(action, "https://rp.example/cb?a=1");
        let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["code", "state", "iss"]);
    }

    #[test]
    fn i17_debug_shows_neither_code_nor_state() {
        let shown = format!(
            "{:?}",
            response("https://rp.example/cb", ResponseMode::Query, AuthorizeAnswer::Code("canary".into()))
        );
        assert!(!shown.contains("canary") && !shown.contains("s 1"), "{shown}");
    }

    #[test]
    fn jarm_2_1_the_signed_answer_holds_everything_and_travels_alone() {
        let now = Timestamp::from_seconds(1_800_000_000);
        for (mode, begins) in [
            (ResponseMode::QueryJwt, "https://rp.example/cb?a=1&response=e.y.z"),
            (ResponseMode::FragmentJwt, "https://rp.example/cb?a=1#response=e.y.z"),
        ] {
            let answer = response("https://rp.example/cb?a=1", mode, AuthorizeAnswer::Code("canary".into()));
            let claims = answer.signed_claims(&endpoints(), now);
            assert_eq!(claims["iss"], "https://id.example");
            assert_eq!(
                (&claims["aud"], &claims["code"], &claims["state"]),
                (&"portal".into(), &"canary".into(), &"s 1&x=%".into())
            );
            assert_eq!(claims["exp"], now.seconds() + 600);
            let Delivery::Redirect(location) = answer.deliver_signed("e.y.z".into()) else { panic!("a form") };
            assert_eq!(location, begins);
            // A10: nothing leaves unsigned in a signed mode.
            let unsigned = located(&answer);
            assert!(!unsigned.contains("canary") && unsigned.contains("error=server_error"), "{unsigned}");
        }
        let refused =
            response("https://rp.example/cb", ResponseMode::FormPostJwt, AuthorizeAnswer::Error(Error::ACCESS_DENIED));
        assert_eq!(refused.signed_claims(&endpoints(), now)["error"], "access_denied");
        let Delivery::FormPost { fields, .. } = refused.deliver_signed("e.y.z".into()) else { panic!("a redirect") };
        assert_eq!(fields, [("response", "e.y.z".to_owned())]);
    }

    #[test]
    fn a_fragment_is_added_to_the_registered_address() {
        let code = response("https://rp.example/cb?a=1", ResponseMode::Fragment, AuthorizeAnswer::Code("c".into()));
        let location = located(&code);
        assert!(
            location.starts_with("https://rp.example/cb?a=1#code=c&state=s+1%26x%3D%25&iss=https%3A%2F%2F"),
            "{location}"
        );
    }

    proptest! {
        #[test]
        fn i4_state_comes_back_whole_and_breaks_nothing(state in any::<String>()) {
            let mut response = response("https://rp.example/cb?a=1", ResponseMode::Query, AuthorizeAnswer::Code("c".into()));
            response.state = Some(state.clone());
            let location = located(&response);
            prop_assert!(location.bytes().all(|b| (0x21..=0x7e).contains(&b)));
            let url = Url::parse(&location).unwrap();
            prop_assert_eq!(url.host_str(), Some("rp.example"));
            let seen: Vec<_> = url.query_pairs().filter(|(name, _)| name == "state").map(|(_, v)| v.into_owned()).collect();
            prop_assert_eq!(seen, vec![state]);
        }
    }
}
