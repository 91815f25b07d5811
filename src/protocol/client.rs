//! Clients: what a portal registers (RFC 7591, OpenID Connect Registration 1.0, our extensions) and what that allows.

use super::representation::RepresentationPolicy;
use super::response::append_query;
use super::scope::{ClaimName, ScopeSet};
use super::uri;
use super::{AssertionAlgorithm, Endpoints, Error, SigningAlgorithm};
use crate::base::{Digest, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

pub mod document;
mod doors;
mod dynamic;
mod registration;

pub use doors::Doors;
pub use dynamic::{Registrant, Submitted};
pub use registration::{RegistrationPolicy, check_client_id, is_disturbing};

/// FAPI 2.0 Security Profile 5.3.2.1: the longest that an authorization code may live.
const FAPI_CODE_LIFETIME: Duration = Duration::from_secs(60);

/// RFC 7591 2, with the grants that exist here; `password` and `implicit` never will (H5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantType {
    /// RFC 6749 4.1.
    AuthorizationCode,
    /// RFC 6749 6.
    RefreshToken,
    /// RFC 6749 4.4.
    ClientCredentials,
    /// RFC 8628 3.4.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:device_code")]
    DeviceCode,
    /// OpenID Connect Client-Initiated Backchannel Authentication 10.1.
    #[serde(rename = "urn:openid:params:grant-type:ciba")]
    Ciba,
    /// RFC 8693 2.1.
    #[serde(rename = "urn:ietf:params:oauth:grant-type:token-exchange")]
    TokenExchange,
}

impl GrantType {
    /// Every grant there is.
    pub const ALL: [Self; 6] = [
        Self::AuthorizationCode,
        Self::RefreshToken,
        Self::ClientCredentials,
        Self::DeviceCode,
        Self::Ciba,
        Self::TokenExchange,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "authorization_code",
            Self::RefreshToken => "refresh_token",
            Self::ClientCredentials => "client_credentials",
            Self::DeviceCode => "urn:ietf:params:oauth:grant-type:device_code",
            Self::Ciba => "urn:openid:params:grant-type:ciba",
            Self::TokenExchange => "urn:ietf:params:oauth:grant-type:token-exchange",
        }
    }

    /// Whether a person signs in for it.
    pub const fn signs_in(self) -> bool {
        matches!(self, Self::AuthorizationCode | Self::DeviceCode | Self::Ciba)
    }
}

/// RFC 7591 2: `code` is the only response type (H5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseType {
    /// RFC 6749 4.1.
    Code,
}

/// How a client proves itself (OpenID Connect Core 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// Secret in the `Authorization` header: the default of the standard.
    ClientSecretBasic,
    /// Secret in the body.
    ClientSecretPost,
    /// A signed assertion: the preferred way.
    PrivateKeyJwt,
    /// An assertion with a MAC keyed by the secret.
    ClientSecretJwt,
    /// A certificate by an authority that is trusted, with the registered name (RFC 8705 2.1).
    TlsClientAuth,
    /// A certificate whose key is registered (RFC 8705 2.2).
    SelfSignedTlsClientAuth,
    /// A public client: nothing to prove itself with.
    None,
}

impl AuthenticationMethod {
    /// Every method, the preferred one first.
    pub const ALL: [Self; 7] = [
        Self::PrivateKeyJwt,
        Self::TlsClientAuth,
        Self::SelfSignedTlsClientAuth,
        Self::ClientSecretJwt,
        Self::ClientSecretBasic,
        Self::ClientSecretPost,
        Self::None,
    ];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ClientSecretBasic => "client_secret_basic",
            Self::ClientSecretPost => "client_secret_post",
            Self::PrivateKeyJwt => "private_key_jwt",
            Self::ClientSecretJwt => "client_secret_jwt",
            Self::TlsClientAuth => "tls_client_auth",
            Self::SelfSignedTlsClientAuth => "self_signed_tls_client_auth",
            Self::None => "none",
        }
    }
}

/// OpenID Connect Registration 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationType {
    /// Runs on a server.
    Web,
    /// Runs on the person's device (RFC 8252).
    Native,
}

/// OpenID Connect Core 8: only pairwise subjects are given out (H6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SubjectType {
    /// Another subject for each sector.
    Pairwise,
}

/// A profile whose rules a client is held to, all of them and nothing beside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// FAPI 2.0 Security Profile.
    Fapi2Security,
    /// FAPI 2.0 Message Signing: the security profile with signed requests, answers and introspection.
    Fapi2MessageSigning,
}

/// The form of access tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessTokenFormat {
    /// RFC 9068.
    #[default]
    Jwt,
    /// Readable here only: resource servers ask at introspection.
    Opaque,
}

/// CIBA 5: how a client hears that the person has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryMode {
    /// It asks.
    Poll,
    /// It is told, and then asks.
    Ping,
}

/// On what ground data is sent (Law 91/2025; Decree 13/2023 art. 13, 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BasisKind {
    /// The person is asked and may refuse.
    Consent,
    /// The law orders it: the person is told, not asked.
    Law,
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bilingual {
    /// Vietnamese.
    pub vi: String,
    /// English.
    pub en: String,
}

/// What a sharing agreement with the client is made from (architecture 5.7).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sharing {
    /// The claims that may leave.
    pub claims: Vec<ClaimName>,
    /// What for, in the words the citizen reads.
    pub purpose: Bilingual,
    /// The legal text, such as a decree and article.
    pub legal_basis: String,
    /// Whether the person is asked or told.
    pub basis_kind: BasisKind,
    /// Days from registration to the end of the agreement.
    pub term_days: u32,
}

/// Client metadata, by the names of RFC 7591 2, OpenID Connect Registration 2, RP-Initiated and Back-Channel Logout;
/// the members after `tos_uri` are ours.
///
/// What is registered goes through [`ClientMetadata::parse`] and [`ClientMetadata::validate`], which refuse unknown
/// members. Plain `Deserialize` is for stored rows and lets them pass: a newer version beside us may have written them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are those of the standards; what each takes is in `registration::MEMBERS`")]
pub struct ClientMetadata {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    #[serde(rename = "client_name#vi", skip_serializing_if = "Option::is_none")]
    pub client_name_vi: Option<String>,
    #[serde(rename = "client_name#en", skip_serializing_if = "Option::is_none")]
    pub client_name_en: Option<String>,
    pub token_endpoint_auth_method: AuthenticationMethod,
    pub grant_types: Vec<GrantType>,
    pub response_types: Vec<ResponseType>,
    pub scope: ScopeSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    pub application_type: ApplicationType,
    pub subject_type: SubjectType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sector_identifier_uri: Option<String>,
    pub id_token_signed_response_alg: SigningAlgorithm,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_signed_response_alg: Option<SigningAlgorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<AssertionAlgorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_max_age: Option<u32>,
    pub require_auth_time: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub default_acr_values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
    pub backchannel_logout_session_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tos_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token_signed_response_alg: Option<SigningAlgorithm>,
    pub require_pkce: bool,
    pub minimum_authentication_level: u8,
    pub minimum_identity_level: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sharing: Option<Sharing>,
    pub representation: RepresentationPolicy,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<String>,
    /// What the doors beyond sign-in by code take.
    #[serde(flatten)]
    pub doors: Box<Doors>,
}

impl Default for ClientMetadata {
    /// The defaults of the standards, and for our members the careful choice.
    fn default() -> Self {
        Self {
            redirect_uris: Vec::new(),
            client_name: None,
            client_name_vi: None,
            client_name_en: None,
            token_endpoint_auth_method: AuthenticationMethod::ClientSecretBasic,
            grant_types: vec![GrantType::AuthorizationCode],
            response_types: vec![ResponseType::Code],
            scope: ScopeSet::default(),
            jwks: None,
            jwks_uri: None,
            application_type: ApplicationType::Web,
            subject_type: SubjectType::Pairwise,
            sector_identifier_uri: None,
            id_token_signed_response_alg: SigningAlgorithm::RS256,
            userinfo_signed_response_alg: None,
            token_endpoint_auth_signing_alg: None,
            default_max_age: None,
            require_auth_time: false,
            default_acr_values: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            backchannel_logout_uri: None,
            backchannel_logout_session_required: false,
            logo_uri: None,
            client_uri: None,
            contacts: Vec::new(),
            policy_uri: None,
            tos_uri: None,
            access_token_signed_response_alg: None,
            require_pkce: true,
            minimum_authentication_level: 1,
            minimum_identity_level: 0,
            sharing: None,
            representation: RepresentationPolicy::Refused,
            audience: Vec::new(),
            doors: Box::default(),
        }
    }
}

impl ClientMetadata {
    /// Reads metadata as JSON. Follow with [`ClientMetadata::validate`] for anything new.
    ///
    /// # Errors
    /// `invalid_client_metadata`, naming the member and what it takes, or the nearest name to one that is unknown.
    pub fn parse(json: &str) -> Result<Self, Error> {
        registration::parse(json)
    }

    /// Checks every rule of registration and fills what follows from the rest.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata` with a fixed text (rows A3, A4, A5, A8).
    pub fn validate(self, policy: RegistrationPolicy) -> Result<Self, Error> {
        registration::validate(self, policy)
    }

    /// The sector of pairwise subjects (OpenID Connect Core 8.1): the host of `sector_identifier_uri`, else the one host
    /// of the redirect addresses. A client without a host of its own (loopback, private-use scheme) is its own sector.
    ///
    /// # Errors
    /// `invalid_client_metadata` when redirect addresses lie on several hosts and no sector is given.
    pub fn sector(&self, client_id: &str, policy: RegistrationPolicy) -> Result<String, Error> {
        registration::sector(self, client_id, policy)
    }

    /// Whether the client holds no credential of its own (RFC 6749 2.1).
    pub fn is_public(&self) -> bool {
        self.token_endpoint_auth_method == AuthenticationMethod::None
    }

    /// The name in a language, falling back to the plain one and then to the other language.
    pub fn display_name(&self, language: &str) -> Option<&str> {
        let (first, second) = match language {
            "en" => (&self.client_name_en, &self.client_name_vi),
            _ => (&self.client_name_vi, &self.client_name_en),
        };
        [first, &self.client_name, second].into_iter().find_map(|name| name.as_deref())
    }
}

/// How long secrets are taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SecretTerms {
    /// When the secret ends (`client_secret_expires_at`, RFC 7591 3.2.1); `None`: never.
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of the secret before, and until when it is taken too.
    pub old: Option<(Digest, Timestamp)>,
}

/// A registered client, as loaded.
#[derive(Debug, Clone, PartialEq)]
pub struct Client {
    /// The public identifier.
    pub client_id: String,
    /// What it registered.
    pub metadata: ClientMetadata,
    /// SHA-256 of its secret, if it has one.
    pub secret_digest: Option<Digest>,
    /// How long that and the one before are taken.
    pub secret_terms: SecretTerms,
    /// Sector of pairwise subjects, fixed at registration.
    pub sector: String,
    /// Switched off: no grant, no token of it works (E5).
    pub disabled: bool,
}

impl Client {
    /// Whether it may use a grant. A disabled client may use none.
    pub fn allows_grant(&self, grant: GrantType) -> bool {
        !self.disabled && self.metadata.grant_types.contains(&grant)
    }

    /// Whether it holds no credential of its own.
    pub fn is_public(&self) -> bool {
        self.metadata.is_public()
    }

    /// Whether a code of this client must be bound by PKCE: always for public clients, else unless switched off.
    pub fn requires_pkce(&self) -> bool {
        self.is_public() || self.metadata.require_pkce
    }

    /// Whether it must push its authorization requests (RFC 9126 6; FAPI 2.0 Security Profile 5.3.2.2).
    pub fn must_push(&self) -> bool {
        self.metadata.doors.require_pushed_authorization_requests || self.metadata.doors.profile.is_some()
    }

    /// Whether it must sign its authorization requests (RFC 9101 10.5; FAPI 2.0 Message Signing 5.3.1).
    pub fn must_sign_requests(&self) -> bool {
        let doors = &self.metadata.doors;
        doors.require_signed_request_object || doors.profile == Some(Profile::Fapi2MessageSigning)
    }

    /// Whether its request objects are signed as a matter of course: it must, or it registered how.
    pub fn signs_requests(&self) -> bool {
        self.must_sign_requests() || self.metadata.doors.request_object_signing_alg.is_some()
    }

    /// Whether it keeps a profile of FAPI: one of FAPI 2.0, or FAPI-CIBA.
    pub const fn is_fapi(&self) -> bool {
        self.metadata.doors.is_fapi()
    }

    /// Whether its tokens must be bound to a key (RFC 9449 5.2, RFC 8705 3.4; FAPI 2.0 Security Profile 5.3.2.1; FAPI 1.0
    /// Advanced 5.2.2, on which FAPI-CIBA stands).
    pub const fn must_bind_tokens(&self) -> bool {
        self.metadata.doors.dpop_bound_access_tokens || self.is_fapi()
    }

    /// How long its codes may live at most (FAPI 2.0 Security Profile 5.3.2.1).
    pub fn longest_code_lifetime(&self) -> Duration {
        if self.metadata.doors.profile.is_some() { FAPI_CODE_LIFETIME } else { Duration::MAX }
    }

    /// Whether its refresh tokens stay as they are: a client that proves itself and its tokens by a key gains nothing by
    /// rotation and loses by a lost answer (FAPI 2.0 Security Profile 5.3.2.1).
    pub fn keeps_refresh_tokens(&self) -> bool {
        self.metadata.doors.profile.is_some()
    }

    /// Whether `presented` is its secret or, within the overlap, the one before, compared in constant time. Ends are
    /// judged here, at use (T5). `false` for a client without one.
    pub fn has_secret(&self, presented: &Secret, now: Timestamp) -> bool {
        let digest = presented.digest();
        let current = self.secret_digest.is_some_and(|kept| kept == digest);
        let old = self.secret_terms.old.as_ref().is_some_and(|(kept, until)| *kept == digest && now < *until);
        (current && self.secret_terms.expires_at.is_none_or(|end| now < end)) || old
    }

    /// What its ID tokens and logout tokens are signed with.
    pub const fn id_token_algorithm(&self) -> SigningAlgorithm {
        self.metadata.id_token_signed_response_alg
    }

    /// What its access tokens are signed with: as its ID tokens unless it says otherwise.
    pub fn access_token_algorithm(&self) -> SigningAlgorithm {
        self.metadata.access_token_signed_response_alg.unwrap_or(self.metadata.id_token_signed_response_alg)
    }

    /// What its userinfo answers are signed with; `None`: plain JSON.
    pub const fn userinfo_algorithm(&self) -> Option<SigningAlgorithm> {
        self.metadata.userinfo_signed_response_alg
    }

    /// The name to show, in `vi` or `en`; the identifier when it registered none.
    pub fn display_name(&self, language: &str) -> &str {
        self.metadata.display_name(language).unwrap_or(&self.client_id)
    }

    /// Where a sign-in at the client begins when we send the person (OpenID Connect Core 4): the registered address with
    /// our issuer. No hint goes with it: the portal asks here who it is. `None`: it registered none, or is switched off.
    pub fn login_address(&self, endpoints: &Endpoints) -> Option<String> {
        let registered = self.metadata.doors.initiate_login_uri.as_deref().filter(|_| !self.disabled)?;
        Some(append_query(registered, &[("iss", endpoints.issuer().to_owned())]))
    }

    /// The host people are sent back to, as shown on pages: of the first redirect address that has one, with its port
    /// when it is not the scheme's own.
    pub fn host(&self) -> Option<String> {
        self.metadata.redirect_uris.iter().find_map(|text| {
            let url = uri::parse_exact(text).ok()?;
            let host = url.host_str()?;
            Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A confidential client of one portal, changed as the test needs.
    pub(crate) fn client_with(change: impl FnOnce(&mut ClientMetadata)) -> Client {
        let mut metadata = ClientMetadata {
            client_name: Some("Cổng dịch vụ".into()),
            redirect_uris: vec!["https://dichvucong.example/cb".into()],
            scope: ScopeSet::parse("openid profile phone email offline_access").unwrap(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            ..ClientMetadata::default()
        };
        change(&mut metadata);
        Client {
            client_id: "portal".into(),
            metadata,
            secret_digest: Some(Secret::new("portal-secret").digest()),
            secret_terms: SecretTerms::default(),
            sector: "dichvucong.example".into(),
            disabled: false,
        }
    }

    #[test]
    fn names_fall_back_from_language_to_plain_to_the_other() {
        let client = client_with(|m| m.client_name_en = Some("Service portal".into()));
        assert_eq!((client.display_name("vi"), client.display_name("en")), ("Cổng dịch vụ", "Service portal"));
        let client = client_with(|m| (m.client_name, m.client_name_en) = (None, Some("Service portal".into())));
        assert_eq!(client.display_name("vi"), "Service portal");
        assert_eq!(client_with(|m| m.client_name = None).display_name("vi"), "portal");
    }

    #[test]
    fn host_is_what_people_are_sent_back_to() {
        assert_eq!(client_with(|_| {}).host().as_deref(), Some("dichvucong.example"));
        let client =
            client_with(|m| m.redirect_uris = vec!["com.example.app:/cb".into(), "http://127.0.0.1:3001/cb".into()]);
        assert_eq!(client.host().as_deref(), Some("127.0.0.1:3001"));
    }

    #[test]
    fn a_login_that_we_initiate_names_the_issuer_and_nobody() {
        let endpoints = Endpoints::new("https://id.example");
        let mut client = client_with(|m| m.doors.initiate_login_uri = Some("https://rp.example/start?a=1".into()));
        let address = client.login_address(&endpoints);
        assert_eq!(address.as_deref(), Some("https://rp.example/start?a=1&iss=https%3A%2F%2Fid.example"));
        client.disabled = true;
        assert_eq!(client.login_address(&endpoints), None);
        assert_eq!(client_with(|_| {}).login_address(&endpoints), None);
    }

    #[test]
    fn e5_a_disabled_client_is_allowed_no_grant() {
        let mut client = client_with(|_| {});
        assert!(
            client.allows_grant(GrantType::AuthorizationCode) && !client.allows_grant(GrantType::ClientCredentials)
        );
        client.disabled = true;
        assert!(!client.allows_grant(GrantType::AuthorizationCode) && !client.allows_grant(GrantType::RefreshToken));
    }

    #[test]
    fn a_public_client_cannot_switch_pkce_off() {
        let client = client_with(|m| {
            m.token_endpoint_auth_method = AuthenticationMethod::None;
            m.require_pkce = false;
        });
        assert!(client.requires_pkce());
    }

    #[test]
    fn f11_a_client_without_a_secret_matches_none() {
        let mut client = client_with(|_| {});
        let has = |client: &Client, text: &str| client.has_secret(&Secret::new(text), Timestamp::from_seconds(1));
        assert!(has(&client, "portal-secret"));
        assert!(!has(&client, "portal-secreT") && !has(&client, ""));
        client.secret_digest = None;
        assert!(!has(&client, ""));
    }

    #[test]
    fn t5_a_secret_ends_at_its_time_and_the_one_before_at_the_end_of_the_overlap() {
        let mut client = client_with(|_| {});
        client.secret_terms = SecretTerms {
            expires_at: Some(Timestamp::from_seconds(100)),
            old: Some((Secret::new("old-secret").digest(), Timestamp::from_seconds(50))),
        };
        let has = |text: &str, at| client.has_secret(&Secret::new(text), Timestamp::from_seconds(at));
        assert!(has("portal-secret", 99) && !has("portal-secret", 100));
        assert!(has("old-secret", 49) && !has("old-secret", 50));
    }

    #[test]
    fn access_tokens_are_signed_like_id_tokens_unless_said_otherwise() {
        assert_eq!(client_with(|_| {}).access_token_algorithm(), SigningAlgorithm::RS256);
        let client = client_with(|m| m.access_token_signed_response_alg = Some(SigningAlgorithm::ES256));
        assert_eq!(
            (client.access_token_algorithm(), client.id_token_algorithm()),
            (SigningAlgorithm::ES256, SigningAlgorithm::RS256)
        );
    }
}
