//! The authorization request (RFC 6749 4.1.1, OpenID Connect Core 3.1.2.1): read once, by an ordered list of rules.
//!
//! First the client, then its return address, then how to answer: until these three hold, a refusal is shown on our own
//! page (A9, A10). Then [`CHECKS`], whose refusals go back to the client.

use super::claims_request::{self, ClaimsRequest};
use super::client::{Client, GrantType};
use super::confirmation::Thumbprint;
use super::redirect_uri::{self, ProvedRedirect};
use super::representation::{self, RepresentationPolicy, RepresentationRequest};
use super::response::{AuthorizeAnswer, AuthorizeResponse};
pub use super::response_mode::ResponseMode;
use super::scope::{self, ScopeSet};
use super::{Capabilities, Error, ErrorCode, Parameters, ShowReason, pkce, token};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

const MAX_STATE_BYTES: usize = 2_048;
const MAX_NONCE_BYTES: usize = 512;
const MAX_LOGIN_HINT_BYTES: usize = 320;
const MAX_ACR_VALUES: usize = 16;

/// OpenID Connect Core 3.1.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Show no page.
    None,
    /// Ask for a sign-in even if there is one.
    Login,
    /// Ask for consent even if it was given.
    Consent,
    /// Let the person choose the account.
    SelectAccount,
}

impl Prompt {
    /// Every value.
    pub const ALL: [Self; 4] = [Self::None, Self::Login, Self::Consent, Self::SelectAccount];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
        }
    }
}

/// An authorization request in which every rule of the protocol holds. Whether the person, the session, the levels and
/// the agreement allow it is decided later. Can be kept in our cache while pages are shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizeRequest {
    /// Who asks.
    pub client_id: String,
    /// Where the answer goes.
    pub redirect: ProvedRedirect,
    /// Whether the request named the address: the token request must then repeat it (RFC 6749 4.1.3).
    pub redirect_uri_sent: bool,
    /// How the answer goes.
    pub response_mode: ResponseMode,
    /// Goes back as it came.
    pub state: Option<String>,
    /// Goes into the ID token.
    pub nonce: Option<String>,
    /// What is asked for, of what the client may have; always with `openid`.
    pub scope: ScopeSet,
    /// Which pages must or must not be shown.
    pub prompt: BTreeSet<Prompt>,
    /// Seconds since the sign-in at most; the client's default when the request says nothing.
    pub max_age: Option<u32>,
    /// Voluntary acr values in order of preference, of those we know; the client's default when the request has none.
    pub acr_values: Vec<String>,
    /// The `claims` parameter.
    pub claims: ClaimsRequest,
    /// Acting for an organization, where it may or must be (RFC 9396).
    #[serde(default)]
    pub representation: Option<RepresentationRequest>,
    /// What the portal believes the person signs in with. Personal data.
    pub login_hint: Option<String>,
    /// An ID token of ours, unverified: whom the portal expects.
    pub id_token_hint: Option<String>,
    /// Languages we have pages in, in order of preference. (`display`, the other wish about looks, changes nothing: one page
    /// fits every window.)
    pub ui_locales: Vec<String>,
    /// S256 challenge.
    pub code_challenge: Option<String>,
    /// The key that must come with the code (RFC 9449 10).
    #[serde(default)]
    pub dpop_jkt: Option<Thumbprint>,
    /// Resources the access token is for (RFC 8707), all registered.
    pub resource: Vec<String>,
    /// Whether the client surely wrote it: signed, or sent by a client that proved itself. Anybody can write any other,
    /// so no text of it may stand on our pages (K1).
    #[serde(default)]
    pub authentic: bool,
}

impl AuthorizeRequest {
    /// Whether a prompt was asked for.
    pub fn prompts(&self, prompt: Prompt) -> bool {
        self.prompt.contains(&prompt)
    }

    /// The answer with a fresh code.
    pub fn grant(&self, code: crate::base::Secret) -> AuthorizeResponse {
        self.answer(AuthorizeAnswer::Code(code))
    }

    /// The answer with an error: RFC 6749 4.1.2.1.
    pub fn refuse(&self, error: Error) -> AuthorizeResponse {
        self.answer(AuthorizeAnswer::Error(error))
    }

    fn answer(&self, answer: AuthorizeAnswer) -> AuthorizeResponse {
        let (client_id, to, state) = (self.client_id.clone(), self.redirect.clone(), self.state.clone());
        AuthorizeResponse { client_id, to, response_mode: self.response_mode, state, answer, login: None }
    }
}

impl fmt::Debug for AuthorizeRequest {
    /// Without hints, state and nonce: they may say who somebody is (K5).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizeRequest")
            .field("client_id", &self.client_id)
            .field("redirect", &self.redirect)
            .field("response_mode", &self.response_mode)
            .field("scope", &self.scope)
            .field("prompt", &self.prompt)
            .field("max_age", &self.max_age)
            .field("acr_values", &self.acr_values)
            .finish_non_exhaustive()
    }
}

/// Why an authorization request is not granted, and where that may be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// On our own page, with a 400: there is no proved address.
    Show(ShowReason),
    /// At the client.
    Redirect(Box<AuthorizeResponse>),
}

/// How a request reached us: some clients are held to one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passage {
    /// Posted by the client itself beforehand (RFC 9126).
    pub pushed: bool,
    /// Signed by the client (RFC 9101).
    pub signed: bool,
}

/// An authorization request before it is judged: its parameters, wherever they stood, and how they came.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The parameters that count.
    pub parameters: &'a Parameters,
    /// How they came.
    pub passage: Passage,
}

impl<'a> From<&'a Parameters> for Asked<'a> {
    /// As they stood in the address.
    fn from(parameters: &'a Parameters) -> Self {
        Self { parameters, passage: Passage::default() }
    }
}

/// What a rule looks at.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    /// As sent.
    pub parameters: &'a Parameters,
    /// How they came.
    pub passage: Passage,
    /// Who asks.
    pub client: &'a Client,
    /// What this installation can do.
    pub capabilities: &'a Capabilities,
}

/// One rule: reads its parameter into the request, or refuses.
pub struct Check {
    /// The name of the rule.
    pub name: &'static str,
    /// The rule.
    pub rule: fn(&Input<'_>, &mut AuthorizeRequest) -> Result<(), Error>,
}

macro_rules! checks {
    ($($rule:ident),* $(,)?) => { &[$(Check { name: stringify!($rule), rule: $rule },)*] };
}

/// The rules, in the order they are asked. `state` comes first, so that every later refusal carries it.
pub const CHECKS: &[Check] = checks![
    state,
    registration,
    passage,
    dpop_jkt,
    response_type,
    grant,
    pkce_challenge,
    scope,
    nonce,
    prompt,
    max_age,
    claims,
    authorization_details,
    acr_values,
    resource,
    login_hint,
    id_token_hint,
    ui_locales,
];

/// The rules of a request that comes by no browser (RFC 8628 3.1, CIBA 7.1): those of [`CHECKS`] whose parameters it
/// has.
pub const DECOUPLED_CHECKS: &[Check] = checks![scope, claims, authorization_details, acr_values, resource, ui_locales];

/// How fresh the sign-in of whoever answers another device must be, in seconds: a session that lies open must not let a
/// stranger's device in by two taps (Q1).
const FRESH_SECONDS: u32 = 300;

/// Judges the part that a request from another device has in common with an authorization request. Which grant the
/// client needs for it is the caller's to ask.
///
/// # Errors
/// As the endpoint that took it answers them: there is no address to send anything to.
pub fn check_decoupled(
    parameters: &Parameters,
    client: &Client,
    capabilities: &Capabilities,
) -> Result<AuthorizeRequest, Error> {
    let mut request = blank(&client.client_id, ProvedRedirect::nowhere());
    let most = client.metadata.default_max_age.unwrap_or(FRESH_SECONDS);
    request.max_age = Some(most.min(FRESH_SECONDS));
    // Whoever has a credential proved itself at the endpoint.
    request.authentic = !client.is_public();
    let input = Input { parameters, passage: Passage::default(), client, capabilities };
    DECOUPLED_CHECKS.iter().try_for_each(|check| (check.rule)(&input, &mut request))?;
    Ok(request)
}

/// Judges an authorization request. `client` is what is registered under its `client_id`, if anything.
///
/// # Errors
/// [`Refusal`]: shown until the return address is proved, sent back after.
pub fn check<'a>(
    asked: impl Into<Asked<'a>>,
    client: Option<&Client>,
    capabilities: &Capabilities,
) -> Result<AuthorizeRequest, Refusal> {
    let Asked { parameters, passage } = asked.into();
    let mut request = begin(parameters, client).map_err(Refusal::Show)?;
    let Some(client) = client else { return Err(Refusal::Show(ShowReason::UnknownClient)) };
    request.authentic = passage.signed || (passage.pushed && !client.is_public());
    let input = Input { parameters, passage, client, capabilities };
    for check in CHECKS {
        if let Err(error) = (check.rule)(&input, &mut request) {
            return Err(Refusal::Redirect(Box::new(request.refuse(error))));
        }
    }
    Ok(request)
}

/// The refusal of a request that cannot be read any further: at the client where its return address is proved, else
/// shown (A9).
pub fn refuse(parameters: &Parameters, client: &Client, error: Error) -> Refusal {
    match begin(parameters, Some(client)) {
        Err(reason) => Refusal::Show(reason),
        Ok(mut request) => {
            request.state = parameters.get("state").filter(|state| state.len() <= MAX_STATE_BYTES).map(str::to_owned);
            Refusal::Redirect(Box::new(request.refuse(error)))
        }
    }
}

/// What must hold before anything may be sent anywhere.
fn begin(parameters: &Parameters, client: Option<&Client>) -> Result<AuthorizeRequest, ShowReason> {
    let client_id = parameters.get("client_id").ok_or(ShowReason::MissingClientId)?;
    let client = client.filter(|client| client.client_id == client_id).ok_or(ShowReason::UnknownClient)?;
    if client.disabled {
        return Err(ShowReason::DisabledClient);
    }
    let sent = parameters.get("redirect_uri");
    let redirect = redirect_uri::prove(sent, client)?;
    let response_mode = match parameters.get("response_mode") {
        None => ResponseMode::default(),
        Some(name) => ResponseMode::parse(name).ok_or(ShowReason::UnsupportedResponseMode)?,
    };
    Ok(AuthorizeRequest { redirect_uri_sent: sent.is_some(), response_mode, ..blank(client_id, redirect) })
}

/// A request that asks for nothing yet.
fn blank(client_id: &str, redirect: ProvedRedirect) -> AuthorizeRequest {
    AuthorizeRequest {
        client_id: client_id.to_owned(),
        redirect,
        redirect_uri_sent: false,
        response_mode: ResponseMode::default(),
        state: None,
        nonce: None,
        scope: ScopeSet::default(),
        prompt: BTreeSet::new(),
        max_age: None,
        acr_values: Vec::new(),
        claims: ClaimsRequest::default(),
        representation: None,
        login_hint: None,
        id_token_hint: None,
        ui_locales: Vec::new(),
        code_challenge: None,
        dpop_jkt: None,
        resource: Vec::new(),
        authentic: false,
    }
}

fn invalid(reason: &'static str, description: &'static str) -> Error {
    Error::new(ErrorCode::InvalidRequest, reason, description)
}

/// A parameter of bounded length.
fn bounded(input: &Input<'_>, name: &str, max_bytes: usize, error: Error) -> Result<Option<String>, Error> {
    match input.parameters.get(name) {
        Some(value) if value.len() > max_bytes => Err(error),
        value => Ok(value.map(str::to_owned)),
    }
}

/// RFC 6749 4.1.1: opaque to us, goes back as it came. Length is ours to limit.
fn state(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    request.state =
        bounded(input, "state", MAX_STATE_BYTES, invalid("state_too_long", "state is longer than 2048 bytes."))?;
    Ok(())
}

/// OpenID Connect Core 7.2.1, 3.1.2.6: nobody registers on the way.
fn registration(input: &Input<'_>, _: &mut AuthorizeRequest) -> Result<(), Error> {
    if input.parameters.is_present("registration") {
        let description = "registration is not supported.";
        return Err(Error::new(ErrorCode::RegistrationNotSupported, "registration", description));
    }
    Ok(())
}

/// RFC 9126 5 and 6, RFC 9101 10.5: a client that is to push or sign its requests is held to it (A10: the sibling door).
/// A profile implies both: FAPI 2.0 Security Profile 5.3.2.2, Message Signing 5.3.
fn passage(input: &Input<'_>, _: &mut AuthorizeRequest) -> Result<(), Error> {
    if input.client.must_push() && !input.passage.pushed {
        let description =
            "This client pushes its requests: post this one to the pushed authorization request endpoint.";
        return Err(invalid("request_not_pushed", description));
    }
    if input.client.must_sign_requests() && !input.passage.signed {
        let description = "This client signs its requests: send this one as a request object.";
        return Err(invalid("request_not_signed", description));
    }
    if input.client.metadata.doors.profile.is_some() && !input.parameters.is_present("redirect_uri") {
        return Err(invalid("redirect_uri_absent", "redirect_uri is missing: this client's profile demands it."));
    }
    Ok(())
}

/// The key named in the request is not the key of the proof beside it.
pub const DPOP_JKT_DIFFERS: Error =
    Error::new(ErrorCode::InvalidRequest, "dpop_jkt_differs", "dpop_jkt is not the key of the DPoP proof.");

/// RFC 9449 10: the key whose proof must come with the code.
fn dpop_jkt(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let Some(named) = input.parameters.get("dpop_jkt") else { return Ok(()) };
    let malformed = "dpop_jkt must be the SHA-256 thumbprint of a key in base64url: 43 characters.";
    request.dpop_jkt = Some(Thumbprint::parse(named).map_err(|_| invalid("dpop_jkt_malformed", malformed))?);
    Ok(())
}

/// RFC 6749 3.1.1; RFC 9700 2.1.2: `code` alone, no token in any address (H5).
fn response_type(input: &Input<'_>, _: &mut AuthorizeRequest) -> Result<(), Error> {
    match input.parameters.get("response_type") {
        Some("code") => Ok(()),
        None => Err(invalid("response_type_missing", "response_type is missing.")),
        Some(_) => Err(Error::new(
            ErrorCode::UnsupportedResponseType,
            "response_type_unsupported",
            "response_type must be code.",
        )),
    }
}

/// RFC 6749 4.1.2.1: the client must have registered the grant.
fn grant(input: &Input<'_>, _: &mut AuthorizeRequest) -> Result<(), Error> {
    if input.client.allows_grant(GrantType::AuthorizationCode) {
        return Ok(());
    }
    let description = "The client did not register authorization_code.";
    Err(Error::new(ErrorCode::UnauthorizedClient, "grant_type_not_registered", description))
}

/// RFC 7636 4.3, 4.4.1; RFC 9700 2.1.1: S256 only, and a method left out means `plain` (C1).
fn pkce_challenge(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let sent = ["code_challenge", "code_challenge_method"].into_iter().any(|name| input.parameters.is_present(name));
    if !sent {
        if input.client.requires_pkce() {
            return Err(invalid(
                "code_challenge_missing",
                "code_challenge is missing: this client needs PKCE with S256.",
            ));
        }
        return Ok(());
    }
    let challenge = input.parameters.get("code_challenge").filter(|challenge| pkce::is_challenge(challenge));
    let Some(challenge) = challenge else {
        let description = "code_challenge must be the SHA-256 of the code_verifier in base64url: 43 characters.";
        return Err(invalid("code_challenge_malformed", description));
    };
    if input.parameters.get("code_challenge_method") != Some("S256") {
        return Err(invalid("code_challenge_method", "code_challenge_method must be S256."));
    }
    request.code_challenge = Some(challenge.to_owned());
    Ok(())
}

/// RFC 6749 3.3, OpenID Connect Core 3.1.2.1: `openid` is needed; scopes that are unknown or not registered for the
/// client are left out, and the token answer says what was granted.
fn scope(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let invalid_scope = |reason, description| Error::new(ErrorCode::InvalidScope, reason, description);
    let asked = ScopeSet::parse(input.parameters.get("scope").unwrap_or_default())
        .map_err(|_| invalid_scope("scope_malformed", "scope holds a character that is not allowed."))?;
    if !asked.contains(scope::OPENID) {
        return Err(invalid_scope("scope_without_openid", "scope must hold openid."));
    }
    request.scope = asked.intersection(&input.client.metadata.scope);
    if !request.scope.contains(scope::OPENID) {
        return Err(invalid_scope("openid_not_registered", "The client did not register the scope openid."));
    }
    Ok(())
}

/// OpenID Connect Core 3.1.2.1, 15.5.2.
fn nonce(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    request.nonce =
        bounded(input, "nonce", MAX_NONCE_BYTES, invalid("nonce_too_long", "nonce is longer than 512 bytes."))?;
    Ok(())
}

/// OpenID Connect Core 3.1.2.1: `none` with any other value is an error.
fn prompt(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    for name in input.parameters.get("prompt").unwrap_or_default().split(' ').filter(|name| !name.is_empty()) {
        let known = Prompt::ALL.into_iter().find(|prompt| prompt.as_str() == name);
        let known =
            known.ok_or_else(|| invalid("prompt_unknown", "prompt takes none, login, consent and select_account."))?;
        request.prompt.insert(known);
    }
    if request.prompts(Prompt::None) && request.prompt.len() > 1 {
        return Err(invalid("prompt_none_with_others", "prompt=none takes no other value beside it."));
    }
    Ok(())
}

/// OpenID Connect Core 3.1.2.1: whole seconds, not negative; the client's default otherwise.
fn max_age(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    request.max_age = match input.parameters.get("max_age") {
        None => input.client.metadata.default_max_age,
        Some(text) if text.bytes().all(|b| b.is_ascii_digit()) && text.len() <= 10 => {
            // More seconds than fit are more than any sign-in is old.
            Some(text.parse().unwrap_or(u32::MAX))
        }
        Some(_) => return Err(invalid("max_age_malformed", "max_age takes whole seconds, not negative.")),
    };
    Ok(())
}

/// OpenID Connect Core 5.5; 5.5.1.1: an essential acr that nothing here can reach is an error at once (P6).
fn claims(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let Some(text) = input.parameters.get("claims") else { return Ok(()) };
    request.claims = claims_request::parse(text)?;
    if let Some(acr) = &mut request.claims.acr {
        acr.values.retain(|value| input.capabilities.knows_acr(value));
        if acr.essential && acr.values.is_empty() {
            return Err(Error::UNMET_AUTHENTICATION_REQUIREMENTS);
        }
    }
    Ok(())
}

/// RFC 9396 2, 5: one type, which the client registered to use; what is unknown is refused, never left out. A client may
/// have registered that nobody acts for themself there: then it need not say so again.
fn authorization_details(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let policy = input.client.metadata.representation;
    let required = policy == RepresentationPolicy::Required;
    request.representation = match input.parameters.get("authorization_details") {
        None => required.then_some(RepresentationRequest { required, organization: None }),
        Some(text) => {
            let asked = representation::parse(text)?;
            if policy == RepresentationPolicy::Refused || !input.capabilities.representation {
                return Err(representation::NOT_ALLOWED);
            }
            Some(RepresentationRequest { required: required || asked.required, ..asked })
        }
    };
    Ok(())
}

/// OpenID Connect Core 3.1.2.1: voluntary, so values nobody here knows are left out.
fn acr_values(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let asked: Vec<&str> = match input.parameters.get("acr_values") {
        Some(text) => text.split(' ').filter(|value| !value.is_empty()).collect(),
        None => input.client.metadata.default_acr_values.iter().map(String::as_str).collect(),
    };
    if asked.len() > MAX_ACR_VALUES {
        return Err(invalid("too_many_acr_values", "acr_values takes at most 16 values."));
    }
    request.acr_values =
        asked.into_iter().filter(|value| input.capabilities.knows_acr(value)).map(str::to_owned).collect();
    Ok(())
}

/// RFC 8707 2.1: only resources the client registered.
fn resource(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let asked: Vec<String> = input.parameters.get_all("resource").map(str::to_owned).collect();
    if !asked.is_empty() {
        request.resource = token::audience(input.client, &asked)?;
    }
    Ok(())
}

/// OpenID Connect Core 3.1.2.1.
fn login_hint(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let error = invalid("login_hint_too_long", "login_hint is longer than 320 bytes.");
    request.login_hint = bounded(input, "login_hint", MAX_LOGIN_HINT_BYTES, error)?;
    Ok(())
}

/// OpenID Connect Core 3.1.2.1: the form of a signed JWT (RFC 7515 3.1); the signature is judged where keys are.
fn id_token_hint(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    let Some(hint) = input.parameters.get("id_token_hint") else { return Ok(()) };
    if !super::jws::is_compact(hint) {
        return Err(invalid("id_token_hint_malformed", "id_token_hint is not a signed JWT."));
    }
    request.id_token_hint = Some(hint.to_owned());
    Ok(())
}

/// OpenID Connect Core 3.1.2.1: languages we lack are left out, so nothing grows with what is sent (S2).
fn ui_locales(input: &Input<'_>, request: &mut AuthorizeRequest) -> Result<(), Error> {
    request.ui_locales = known_locales(input.parameters.get("ui_locales").unwrap_or_default(), input.capabilities);
    Ok(())
}

/// The languages of a list of RFC 5646 tags that there are pages in, by primary subtag, each once, in the order asked.
pub(super) fn known_locales(tags: &str, capabilities: &Capabilities) -> Vec<String> {
    let mut locales: Vec<String> = Vec::new();
    for tag in tags.split(' ') {
        let primary = tag.split('-').next().unwrap_or_default();
        let known = capabilities.ui_locales.iter().find(|locale| locale.eq_ignore_ascii_case(primary));
        if let Some(locale) = known.filter(|locale| !locales.contains(locale)) {
            locales.push(locale.clone());
        }
    }
    locales
}

#[cfg(test)]
#[path = "authorize_tests.rs"]
mod tests;
