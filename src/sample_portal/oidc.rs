//! The portal's side of OpenID Connect: HTTP, discovery, the request, the code exchange and the checks.

use super::ask::{Ask, REPRESENTATION};
use super::failure::Failure;
use super::logout_token as verify;
use super::store::Flow;
use super::{IdTokenAlg, Portal, PortalSettings, TokenAuth};
use crate::base::{SystemEntropy, Timestamp, random_token};
use crate::view::Locale;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreResponseType, CoreRevocableToken,
    CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
};
use openidconnect::{
    AccessToken, AccessTokenHash, AdditionalClaims, AsyncHttpClient, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet,
    EndpointNotSet, EndpointSet, HttpRequest, HttpResponse, IdToken, IdTokenClaims, IdTokenFields, IdTokenVerifier,
    IssuerUrl, LanguageTag, LogoutRequest, Nonce, OAuth2TokenResponse, PkceCodeChallenge, PostLogoutRedirectUrl,
    ProviderMetadataWithLogout, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError,
    StandardErrorResponse, StandardTokenResponse, SubjectIdentifier, TokenResponse, UserInfoClaims,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use url::Url;

/// The largest answer read from the provider, in bytes.
const ANSWER_LIMIT: usize = 512 * 1024;
/// How long the discovery document and the keys are kept.
const METADATA_LIFE: Duration = Duration::from_secs(10 * 60);
/// The least time between two fetches, so that unknown key ids cannot make the portal hammer the provider.
const METADATA_REST: Duration = Duration::from_secs(5);
/// Clock difference forgiven when the age of a sign-in is checked.
const SKEW: Duration = Duration::from_secs(10);

/// Claims beyond the standard ones.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct MoreClaims {
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identity_level: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_level: Option<u8>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl AdditionalClaims for MoreClaims {}

pub(super) type PortalIdToken =
    IdToken<MoreClaims, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm>;
type PortalTokenResponse = StandardTokenResponse<
    IdTokenFields<
        MoreClaims,
        EmptyExtraTokenFields,
        CoreGenderClaim,
        CoreJweContentEncryptionAlgorithm,
        CoreJwsSigningAlgorithm,
    >,
    CoreTokenType,
>;
type PortalClient = Client<
    MoreClaims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    PortalTokenResponse,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Who signed in, as the checked tokens say.
#[derive(Debug, Clone, Serialize)]
pub(super) struct SignedIn {
    pub(super) sub: String,
    pub(super) sid: Option<String>,
    pub(super) acr: Option<String>,
    pub(super) amr: Vec<String>,
    /// Seconds since the epoch.
    pub(super) auth_time: Option<i64>,
    pub(super) identity_level: Option<u8>,
    pub(super) authentication_level: Option<u8>,
    /// The organization the person acts for, as the ID token names it; `None`: for themself.
    pub(super) acting_for: Option<String>,
    /// What userinfo says.
    pub(super) claims: Value,
    /// The `grant` claim of the access token, under which the demo shows what happened. A real portal treats an
    /// access token as opaque (RFC 9068 6).
    #[serde(skip)]
    pub(super) grant: Option<String>,
    #[serde(skip)]
    pub(super) tokens: Vec<ShownToken>,
}

/// A token taken apart to be shown.
#[derive(Debug, Clone)]
pub(super) struct ShownToken {
    pub(super) name: &'static str,
    pub(super) header: Value,
    pub(super) payload: Value,
    /// Whether the signature was checked and holds.
    pub(super) signature_ok: bool,
}

/// The HTTP client handed to `openidconnect`.
#[derive(Debug, Clone)]
struct Http(Option<reqwest::Client>);

/// Why a call to the provider failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum HttpError {
    #[error("the HTTP client could not be built")]
    NoClient,
    #[error("the provider could not be called")]
    Call(#[from] reqwest::Error),
    #[error("the answer is larger than {ANSWER_LIMIT} bytes")]
    TooLarge,
    #[error("the answer is not HTTP")]
    Malformed(#[from] openidconnect::http::Error),
}

impl Http {
    fn new(issuer: &Url) -> Self {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .timeout(Duration::from_secs(10));
        if issuer.scheme() == "http" {
            // A provider on loopback: no certificates to load, no proxy on the way.
            builder = builder.tls_certs_only(Vec::new()).no_proxy();
        }
        Self(builder.build().ok())
    }

    async fn send(self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let client = self.0.ok_or(HttpError::NoClient)?;
        let mut answer = client.execute(request.try_into()?).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_LIMIT {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = openidconnect::http::Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        Ok(response.body(body)?)
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;
    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.clone().send(request))
    }
}

/// The provider as discovered, kept for a while.
pub(super) struct Provider {
    http: Http,
    issuer: String,
    known: Mutex<Option<Known>>,
}

struct Known {
    metadata: Arc<ProviderMetadataWithLogout>,
    fetched_at: Timestamp,
}

/// A sign-in request ready to be sent.
pub(super) struct Begun {
    pub(super) url: Url,
    pub(super) state: String,
    pub(super) flow: Flow,
}

impl Provider {
    pub(super) fn new(settings: &PortalSettings) -> Self {
        let issuer = settings.issuer.as_str().trim_end_matches('/').to_owned();
        Self { http: Http::new(&settings.issuer), issuer, known: Mutex::new(None) }
    }

    /// The issuer identifier, compared as text (RFC 9207 2.4).
    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Discovery and keys; `renew` fetches them again when they are not brand new: a key id was not among them.
    pub(super) async fn metadata(
        &self,
        now: Timestamp,
        renew: bool,
    ) -> Result<Arc<ProviderMetadataWithLogout>, Failure> {
        let mut known = self.known.lock().await;
        if let Some(known) = known.as_ref() {
            let age = now.since(known.fetched_at);
            if age < METADATA_REST || (age < METADATA_LIFE && !renew) {
                return Ok(Arc::clone(&known.metadata));
            }
        }
        let issuer = IssuerUrl::new(self.issuer.clone()).map_err(|_| Failure::Unreachable)?;
        let fetched = ProviderMetadataWithLogout::discover_async(issuer, &self.http).await;
        let metadata = Arc::new(fetched.map_err(|error| {
            tracing::warn!(%error, "discovery at the provider failed");
            Failure::Unreachable
        })?);
        *known = Some(Known { metadata: Arc::clone(&metadata), fetched_at: now });
        Ok(metadata)
    }
}

impl IdTokenAlg {
    fn core(self) -> CoreJwsSigningAlgorithm {
        match self {
            Self::Es256 => CoreJwsSigningAlgorithm::EcdsaP256Sha256,
            Self::Rs256 => CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
            Self::Ps256 => CoreJwsSigningAlgorithm::RsaSsaPssSha256,
            Self::EdDsa => CoreJwsSigningAlgorithm::EdDsa,
        }
    }
}

impl Portal {
    fn client(&self, metadata: &ProviderMetadataWithLogout) -> Result<PortalClient, Failure> {
        let redirect = RedirectUrl::new(self.address("callback")).map_err(|_| Failure::Unreachable)?;
        let secret = ClientSecret::new(self.settings.client_secret.expose().to_owned());
        let id = ClientId::new(self.settings.client_id.clone());
        let auth_type = match self.settings.token_auth {
            TokenAuth::ClientSecretBasic => AuthType::BasicAuth,
            TokenAuth::ClientSecretPost => AuthType::RequestBody,
        };
        let client = Client::from_provider_metadata(metadata.clone(), id, Some(secret));
        Ok(client.set_redirect_uri(redirect).set_auth_type(auth_type))
    }

    /// The authorization request behind a button, with `state`, `nonce` and PKCE of its own.
    pub(super) async fn begin(
        &self,
        ask: Ask,
        browser: String,
        locale: Locale,
        login_hint: Option<String>,
    ) -> Result<Begun, Failure> {
        let now = self.clock.now();
        let metadata = self.provider.metadata(now, false).await?;
        let client = self.client(&metadata)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                || CsrfToken::new(random_token(&SystemEntropy)),
                || Nonce::new(random_token(&SystemEntropy)),
            )
            .set_pkce_challenge(challenge)
            .add_scopes(self.settings.scopes.iter().cloned().map(Scope::new))
            .add_ui_locale(LanguageTag::new(locale.tag().to_owned()));
        if let Some(claims) = ask.claims_parameter() {
            request = request.add_extra_param("claims", claims.to_string());
        }
        if let Some(details) = ask.details_parameter() {
            request = request.add_extra_param("authorization_details", details.to_string());
        }
        match ask {
            Ask::Again => request = request.add_prompt(CoreAuthPrompt::Login),
            Ask::Age0 => request = request.set_max_age(Duration::ZERO),
            Ask::Silent => request = request.add_prompt(CoreAuthPrompt::None),
            Ask::Level(_) | Ask::Account2 | Ask::Organization => {}
        }
        if let Some(hint) = login_hint {
            request = request.add_extra_param("login_hint", hint);
        }
        let (url, state, nonce) = request.url();
        let flow = Flow { browser, nonce, verifier, ask, locale, begun_at: now };
        Ok(Begun { url, state: state.into_secret(), flow })
    }

    /// Exchanges the code and checks everything that comes back.
    pub(super) async fn finish(&self, code: String, flow: Flow) -> Result<(SignedIn, PortalIdToken), Failure> {
        let metadata = self.provider.metadata(self.clock.now(), false).await?;
        let client = self.client(&metadata)?;
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(|_| Failure::Unreachable)?;
        let answer = request.set_pkce_verifier(flow.verifier).request_async(&self.provider.http).await;
        let answer = answer.map_err(|error| token_failure(&error))?;
        let id_token = answer.id_token().ok_or(Failure::IdToken { reason: "the answer holds none" })?;
        let check = Check { id_token, access_token: answer.access_token(), nonce: &flow.nonce };

        let verified = match self.verify(&client, &check) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let renewed = self.provider.metadata(self.clock.now(), true).await?;
                self.verify(&self.client(&renewed)?, &check)
            }
            first => first,
        };
        let claims = verified.map_err(|error| Failure::IdToken { reason: reason(&error) })?;
        self.check_promise(flow.ask, flow.begun_at, claims)?;

        let userinfo = self.userinfo(&client, answer.access_token(), claims.subject()).await?;
        let access_token = answer.access_token().secret();
        let holds = verify::signature_holds(&metadata, access_token);
        let access = ShownToken::read("access token", access_token, holds);
        Ok((signed_in(claims, userinfo, access, id_token), id_token.clone()))
    }

    /// Signature, `alg`, `iss`, `aud`, `exp`, `nonce` (OpenID Connect Core 3.1.3.7) and `at_hash` (3.1.3.8).
    fn verify<'t>(
        &self,
        client: &PortalClient,
        check: &Check<'t>,
    ) -> Result<&'t MoreIdClaims, ClaimsVerificationError> {
        let verifier = client.id_token_verifier().set_allowed_algs([self.settings.id_token_alg.core()]);
        let claims = check.id_token.claims(&verifier, check.nonce)?;
        if let Some(said) = claims.access_token_hash() {
            let real = access_token_hash(check, &verifier)?;
            if *said != real {
                return Err(ClaimsVerificationError::Other("at_hash does not fit the access token".into()));
            }
        }
        Ok(claims)
    }

    /// Whether the answer keeps what was asked for: the level, and a fresh sign-in (Core 3.1.3.7, 12 and 13).
    fn check_promise(&self, ask: Ask, begun_at: Timestamp, claims: &MoreIdClaims) -> Result<(), Failure> {
        if !ask.accepts(claims.auth_context_ref().map(|acr| acr.as_str())) {
            return Err(Failure::Less { reason: "the level is lower than the one asked for" });
        }
        if ask.needs_fresh_sign_in() {
            let at = claims.auth_time().map(|at| at.timestamp()).unwrap_or(i64::MIN);
            if Timestamp::from_seconds(at) < begun_at.minus(SKEW) {
                return Err(Failure::Less { reason: "the sign-in is older than the request" });
            }
        }
        Ok(())
    }

    async fn userinfo(
        &self,
        client: &PortalClient,
        token: &AccessToken,
        sub: &SubjectIdentifier,
    ) -> Result<Value, Failure> {
        let request = client.user_info(token.clone(), Some(sub.clone())).map_err(|_| Failure::Unreachable)?;
        let answer: Result<UserInfoClaims<MoreClaims, CoreGenderClaim>, _> =
            request.request_async(&self.provider.http).await;
        let claims = answer.map_err(|error| {
            tracing::warn!(client = self.settings.client_id, kind = userinfo_kind(&error), "userinfo was refused");
            Failure::Userinfo
        })?;
        serde_json::to_value(claims).map_err(|_| Failure::Userinfo)
    }

    /// Where to send the browser to sign out at the provider (RP-Initiated Logout 1.0 2); `None` when the provider
    /// has no such place or cannot be reached.
    pub(super) async fn logout_url(&self, id_token: &PortalIdToken, state: &str, locale: Locale) -> Option<Url> {
        let metadata = self.provider.metadata(self.clock.now(), false).await.ok()?;
        let endpoint = metadata.additional_metadata().end_session_endpoint.clone()?;
        let back = PostLogoutRedirectUrl::new(self.address("signed-out")).ok()?;
        let request = LogoutRequest::from(endpoint)
            .set_id_token_hint(id_token)
            .set_client_id(ClientId::new(self.settings.client_id.clone()))
            .set_post_logout_redirect_uri(back)
            .set_state(CsrfToken::new(state.to_owned()))
            .add_ui_locale(LanguageTag::new(locale.tag().to_owned()));
        Some(request.http_get_url())
    }
}

type MoreIdClaims = IdTokenClaims<MoreClaims, CoreGenderClaim>;

struct Check<'t> {
    id_token: &'t PortalIdToken,
    access_token: &'t AccessToken,
    nonce: &'t Nonce,
}

fn access_token_hash(
    check: &Check<'_>,
    verifier: &IdTokenVerifier<'_, CoreJsonWebKey>,
) -> Result<AccessTokenHash, ClaimsVerificationError> {
    let alg = check.id_token.signing_alg().map_err(ClaimsVerificationError::SignatureVerification)?;
    let key = check.id_token.signing_key(verifier).map_err(ClaimsVerificationError::SignatureVerification)?;
    AccessTokenHash::from_token(check.access_token, alg, key)
        .map_err(|_| ClaimsVerificationError::Other("at_hash cannot be computed".into()))
}

fn token_failure(error: &RequestTokenError<HttpError, StandardErrorResponse<CoreErrorResponseType>>) -> Failure {
    match error {
        RequestTokenError::ServerResponse(answer) => Failure::Token { code: answer.error().to_string() },
        RequestTokenError::Parse(..) => Failure::IdToken { reason: "the token answer cannot be read" },
        RequestTokenError::Request(_) | RequestTokenError::Other(_) => Failure::Unreachable,
    }
}

/// A fixed text for each kind of refusal: the library's own may quote parts of the token.
fn reason(error: &ClaimsVerificationError) -> &'static str {
    match error {
        ClaimsVerificationError::Expired(_) => "it has expired",
        ClaimsVerificationError::InvalidAudience(_) => "aud is not this portal",
        ClaimsVerificationError::InvalidIssuer(_) => "iss is not the provider",
        ClaimsVerificationError::InvalidNonce(_) => "nonce is not the one sent",
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::DisallowedAlg(_)) => {
            "its algorithm is not the registered one"
        }
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoSignature) => "it is not signed",
        ClaimsVerificationError::SignatureVerification(_) => "its signature does not verify",
        ClaimsVerificationError::Other(_) => "at_hash does not fit the access token",
        _ => "it failed a check",
    }
}

fn userinfo_kind(error: &openidconnect::UserInfoError<HttpError>) -> &'static str {
    match error {
        openidconnect::UserInfoError::ClaimsVerification(_) => "claims",
        openidconnect::UserInfoError::Parse(_) => "unreadable",
        openidconnect::UserInfoError::Request(_) => "unreachable",
        openidconnect::UserInfoError::Response(..) => "status",
        _ => "other",
    }
}

/// Name, code and role of a representation among authorization details. `sub` stays the person: a portal keeps both.
fn acting_for(details: &Value) -> Option<String> {
    let detail = details.as_array()?.iter().find(|detail| detail.get("type") == Some(&REPRESENTATION.into()))?;
    let of = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let organization = detail.get("organization")?;
    let role = of(detail, "title").or_else(|| of(detail, "role"))?;
    Some(format!("{} ({}) · {role}", of(organization, "name")?, of(organization, "code")?))
}

fn signed_in(claims: &MoreIdClaims, userinfo: Value, access: ShownToken, id_token: &PortalIdToken) -> SignedIn {
    let more = claims.additional_claims();
    let grant = access.payload.get("grant").and_then(Value::as_str).map(str::to_owned);
    // The ID token's signature was checked by now, else nobody would be signed in.
    let shown_id_token = ShownToken::read("ID token", &id_token.to_string(), true);
    SignedIn {
        sub: claims.subject().to_string(),
        sid: more.sid.clone(),
        acr: claims.auth_context_ref().map(|acr| acr.to_string()),
        amr: claims.auth_method_refs().into_iter().flatten().map(|method| method.to_string()).collect(),
        auth_time: claims.auth_time().map(|at| at.timestamp()),
        identity_level: more.identity_level,
        authentication_level: more.authentication_level,
        acting_for: more.others.get("authorization_details").and_then(acting_for),
        claims: userinfo,
        grant,
        tokens: vec![shown_id_token, access],
    }
}

impl ShownToken {
    /// An opaque token is shown with nothing in it.
    fn read(name: &'static str, token: &str, signature_ok: bool) -> Self {
        let part = |place| decode_part(token, place).unwrap_or_default();
        Self { name, header: part(0), payload: part(1), signature_ok }
    }
}

/// The JSON in one part of a JWS in compact form, without any check: to be shown, never to decide.
fn decode_part(token: &str, place: usize) -> Option<Value> {
    let part = token.split('.').nth(place)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
