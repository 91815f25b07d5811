//! Sign-out asked for by a portal (OpenID Connect RP-Initiated Logout 1.0).

use super::client::Client;
use super::client_authentication::failed;
use super::jwt_claims::IdTokenHint;
use super::redirect_uri::{self, ProvedRedirect};
use super::response::{append_query, with_query};
use super::{Endpoints, Error, ErrorCode, Parameters, jws};
use crate::base::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

const MAX_STATE_BYTES: usize = 2_048;
/// What a portal reads of its record of sign-outs when it does not say since when, and how far back it may ask.
const RECORD: Duration = Duration::from_hours(24);
const LONGEST_RECORD: Duration = Duration::from_hours(30 * 24);

/// Since when a portal asks for its record of sign-outs: a time in seconds, a month ago at most.
///
/// # Errors
/// `invalid_client` for a public client, which proves nothing; `invalid_request`.
pub fn record_since(client: &Client, parameters: &Parameters, now: Timestamp) -> Result<Timestamp, Error> {
    if client.is_public() {
        return Err(failed("public_client"));
    }
    match parameters.get("since").map(str::parse::<i64>) {
        None => Ok(now.minus(RECORD)),
        Some(Ok(seconds)) => Ok(Timestamp::from_seconds(seconds).clamp(now.minus(LONGEST_RECORD), now)),
        Some(Err(_)) => {
            let description = "since is a time in seconds since 1970.";
            Err(Error::new(ErrorCode::InvalidRequest, "since_malformed", description))
        }
    }
}

/// A logout request, read but not judged.
#[derive(Clone, PartialEq, Eq)]
pub struct LogoutRequest {
    /// An ID token of ours, unverified.
    pub id_token_hint: Option<String>,
    /// Who asks.
    pub client_id: Option<String>,
    /// Where the person wants to go after.
    pub post_logout_redirect_uri: Option<String>,
    /// Goes back as it came.
    pub state: Option<String>,
    /// Languages, as sent.
    pub ui_locales: Option<String>,
}

impl fmt::Debug for LogoutRequest {
    /// Without hint and state (K5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogoutRequest").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl LogoutRequest {
    /// Reads the parameters. `logout_hint` is not used: it says nothing that can be believed.
    ///
    /// # Errors
    /// `invalid_request`, shown on our own page.
    pub fn parse(parameters: &Parameters) -> Result<Self, Error> {
        let own = |name: &str| parameters.get(name).map(str::to_owned);
        if parameters.get("state").is_some_and(|state| state.len() > MAX_STATE_BYTES) {
            return Err(Error::new(ErrorCode::InvalidRequest, "state_too_long", "state is longer than 2048 bytes."));
        }
        if parameters.get("id_token_hint").is_some_and(|hint| !jws::is_compact(hint)) {
            return Err(Error::new(
                ErrorCode::InvalidRequest,
                "id_token_hint_malformed",
                "id_token_hint is not a signed JWT.",
            ));
        }
        Ok(Self {
            id_token_hint: own("id_token_hint"),
            client_id: own("client_id"),
            post_logout_redirect_uri: own("post_logout_redirect_uri"),
            state: own("state"),
            ui_locales: own("ui_locales"),
        })
    }

    /// The client to load: that of the hint, else the one named.
    ///
    /// # Errors
    /// `invalid_request` when the two differ (RP-Initiated Logout section 2).
    pub fn client_id<'a>(&'a self, hint: Option<&'a IdTokenHint>) -> Result<Option<&'a str>, Error> {
        match (hint, self.client_id.as_deref()) {
            (Some(hint), Some(named)) if hint.client_id != named => Err(Error::new(
                ErrorCode::InvalidRequest,
                "client_id_differs_from_hint",
                "client_id is not the client the id_token_hint was issued to.",
            )),
            (Some(hint), _) => Ok(Some(&hint.client_id)),
            (None, named) => Ok(named),
        }
    }
}

/// Where the person goes after sign-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutReturn {
    /// A registered address of the client.
    pub to: ProvedRedirect,
    /// As it came.
    pub state: Option<String>,
}

impl LogoutReturn {
    /// The address with `state`.
    pub fn location(&self) -> String {
        let fields: Vec<_> = self.state.clone().map(|state| ("state", state)).into_iter().collect();
        with_query(&self.to, &fields)
    }
}

/// The address that a browser loads in a frame when a session ends (Front-Channel Logout 1.0 section 2): what is
/// registered, byte for byte, with `iss` and `sid`. Both always: whoever knows the `sid` of one session ends that one only.
/// `None` for a client that registered none, or that is switched off.
pub fn frontchannel_address(client: &Client, endpoints: &Endpoints, sid: &str) -> Option<String> {
    let registered = client.metadata.doors.frontchannel_logout_uri.as_deref().filter(|_| !client.disabled)?;
    Some(append_query(registered, &[("iss", endpoints.issuer().to_owned()), ("sid", sid.to_owned())]))
}

/// What a logout request comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutPlan {
    /// `None`: our own page says that the person is signed out (I2).
    pub back: Option<LogoutReturn>,
    /// Whether the person must be asked first: nothing proves that the request comes from a client they are signed in
    /// to (RP-Initiated Logout section 2; forced sign-out, ASVS 10.6).
    pub ask: bool,
}

/// Judges a logout request. `hint` was verified; `client` is that of [`LogoutRequest::client_id`], if registered;
/// `session_sid` is what the client of the hint knows the present session as, if there is one.
pub fn plan(
    request: &LogoutRequest,
    hint: Option<&IdTokenHint>,
    client: Option<&Client>,
    session_sid: Option<&str>,
) -> LogoutPlan {
    // Whoever sends as a hint what is no ID token of ours is not believed in the rest either.
    let believed = request.id_token_hint.is_none() || hint.is_some();
    let back = match (client, request.post_logout_redirect_uri.as_deref()) {
        (Some(client), Some(sent)) if believed && !client.disabled => {
            redirect_uri::prove_post_logout(sent, client).ok()
        }
        _ => None,
    };
    let hinted_sid = hint.and_then(|hint| hint.sid.as_deref());
    LogoutPlan {
        back: back.map(|to| LogoutReturn { to, state: request.state.clone() }),
        ask: session_sid.is_some() && hinted_sid != session_sid || hint.is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::client::AuthenticationMethod;
    use crate::protocol::client::tests::client_with;

    const BYE: &str = "https://dichvucong.example/bye";

    fn client() -> Client {
        client_with(|metadata| metadata.post_logout_redirect_uris = vec![BYE.into()])
    }

    fn hint() -> IdTokenHint {
        IdTokenHint { client_id: "portal".into(), subject: "s".into(), sid: Some("sid-1".into()) }
    }

    fn request(query: &str) -> LogoutRequest {
        LogoutRequest::parse(&Parameters::parse(query).unwrap()).unwrap()
    }

    #[test]
    fn a_record_is_of_the_last_day_or_since_a_month_at_most() {
        let now = Timestamp::from_seconds(10_000_000);
        let since = |query: &str| {
            let parameters = Parameters::parse(query).unwrap();
            record_since(&client(), &parameters, now).map(Timestamp::seconds).map_err(|error| error.reason)
        };
        assert_eq!(since(""), Ok(10_000_000 - 86_400));
        assert_eq!(since("since=9999999"), Ok(9_999_999));
        assert_eq!(since("since=10000001"), Ok(10_000_000));
        let longest = Ok(10_000_000 - 30 * 86_400);
        assert_eq!([since("since=0"), since("since=-9223372036854775808")], [longest, longest]);
        for bad in ["since=x", "since=1.5", "since=9223372036854775808"] {
            assert_eq!(since(bad), Err("since_malformed"), "{bad}");
        }
        let public = client_with(|m| m.token_endpoint_auth_method = AuthenticationMethod::None);
        assert_eq!(record_since(&public, &Parameters::default(), now).unwrap_err().reason, "public_client");
    }

    #[test]
    fn a_proved_address_gets_the_state_back() {
        let request = request("post_logout_redirect_uri=https://dichvucong.example/bye&state=a%26b");
        let plan = plan(&request, Some(&hint()), Some(&client()), Some("sid-1"));
        assert_eq!(plan.back.unwrap().location(), "https://dichvucong.example/bye?state=a%26b");
        assert!(!plan.ask);
    }

    #[test]
    fn i2_anything_but_a_registered_address_ends_on_our_own_page() {
        for sent in [
            "%2F%5Cevil",
            "%252f%255cevil",
            "//evil",
            "https://dichvucong.example/bye/",
            "https://dichvucong.example/bye%3Fx",
            "javascript:alert(1)",
        ] {
            let request = request(&format!("post_logout_redirect_uri={sent}&state=x"));
            assert_eq!(plan(&request, Some(&hint()), Some(&client()), Some("sid-1")).back, None, "{sent}");
        }
        let request = request(&format!("post_logout_redirect_uri={BYE}"));
        assert_eq!(plan(&request, None, None, None).back, None);
        let mut disabled = client();
        disabled.disabled = true;
        assert_eq!(plan(&request, Some(&hint()), Some(&disabled), None).back, None);
        assert!(plan(&request, None, Some(&client()), None).back.is_some());
        let forged = self::request(&format!("post_logout_redirect_uri={BYE}&id_token_hint=a.b.c"));
        assert_eq!(plan(&forged, None, Some(&client()), None).back, None);
    }

    #[test]
    fn nobody_is_signed_out_unasked_without_a_hint_about_their_session() {
        let request = request("client_id=portal");
        assert!(plan(&request, None, Some(&client()), Some("sid-1")).ask);
        assert!(plan(&request, None, Some(&client()), None).ask);
        assert!(plan(&request, Some(&hint()), Some(&client()), Some("sid-2")).ask);
        let without_sid = IdTokenHint { sid: None, ..hint() };
        assert!(plan(&request, Some(&without_sid), Some(&client()), Some("sid-1")).ask);
        assert!(!plan(&request, Some(&hint()), Some(&client()), None).ask);
    }

    #[test]
    fn client_and_hint_must_agree() {
        assert_eq!(request("").client_id(Some(&hint())).unwrap(), Some("portal"));
        assert_eq!(request("client_id=portal").client_id(None).unwrap(), Some("portal"));
        assert_eq!(request("client_id=portal").client_id(Some(&hint())).unwrap(), Some("portal"));
        assert_eq!(
            request("client_id=other").client_id(Some(&hint())).unwrap_err().reason,
            "client_id_differs_from_hint"
        );
        assert_eq!(request("").client_id(None).unwrap(), None);
    }

    #[test]
    fn the_address_of_a_frame_is_the_registered_one_with_issuer_and_session() {
        let endpoints = Endpoints::new("https://id.example");
        let with = |uri: &str| client_with(|metadata| metadata.doors.frontchannel_logout_uri = Some(uri.into()));
        for (registered, address) in [
            ("https://rp.example/out", "https://rp.example/out?iss=https%3A%2F%2Fid.example&sid=s-1"),
            ("https://rp.example/out?a=%2f", "https://rp.example/out?a=%2f&iss=https%3A%2F%2Fid.example&sid=s-1"),
        ] {
            assert_eq!(frontchannel_address(&with(registered), &endpoints, "s-1").as_deref(), Some(address));
        }
        assert_eq!(frontchannel_address(&client(), &endpoints, "s-1"), None);
        let disabled = Client { disabled: true, ..with("https://rp.example/out") };
        assert_eq!(frontchannel_address(&disabled, &endpoints, "s-1"), None);
    }

    #[test]
    fn malformed_requests_are_refused() {
        for query in ["id_token_hint=abc", "id_token_hint=a.b.", &format!("state={}", "x".repeat(MAX_STATE_BYTES + 1))]
        {
            let refused = LogoutRequest::parse(&Parameters::parse(query).unwrap()).unwrap_err();
            assert_eq!(refused.code, ErrorCode::InvalidRequest);
        }
    }
}
