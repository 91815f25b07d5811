//! Client metadata of the doors beyond sign-in by code: request objects, signed answers, proof of possession, mutual
//! TLS, devices, decoupled sign-in, logout by the browser.

use super::{AccessTokenFormat, DeliveryMode, Profile};
use crate::protocol::SigningAlgorithm;
use crate::protocol::encryption::{ContentEncryption, Encryption, KeyManagement};
use crate::protocol::mutual_tls::RegisteredName;
use serde::{Deserialize, Serialize};

/// Members of client metadata by the names of their standards: RFC 9101 10.5, RFC 9126 6, RFC 8705 2.1.2 and 3.4, RFC
/// 9449 5.2, RFC 9701 6, OpenID Connect Registration 2, JARM 3, CIBA 4, Front-Channel Logout 2. `profile`,
/// `ciba_profile`, `access_token_format` and `token_exchange_clients` are ours.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the names are those of the standards; what each takes is in `registration::MEMBERS`")]
pub struct Doors {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<Profile>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ciba_profile: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_pushed_authorization_requests: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub require_signed_request_object: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_signing_alg: Option<SigningAlgorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_encryption_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_object_encryption_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub request_uris: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_signed_response_alg: Option<SigningAlgorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_encrypted_response_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_encrypted_response_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token_encrypted_response_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub userinfo_encrypted_response_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_signed_response_alg: Option<SigningAlgorithm>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_encrypted_response_alg: Option<KeyManagement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub introspection_encrypted_response_enc: Option<ContentEncryption>,
    #[serde(skip_serializing_if = "is_jwt")]
    pub access_token_format: AccessTokenFormat,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dpop_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub tls_client_certificate_bound_access_tokens: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_subject_dn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_dns: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_client_auth_san_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_token_delivery_mode: Option<DeliveryMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_client_notification_endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backchannel_authentication_request_signing_alg: Option<SigningAlgorithm>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backchannel_user_code_parameter: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_exchange_clients: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frontchannel_logout_uri: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub frontchannel_logout_session_required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiate_login_uri: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_details_types: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<String>,
}

impl Doors {
    /// Whether a profile of FAPI is kept: one of FAPI 2.0, or FAPI-CIBA.
    pub const fn is_fapi(&self) -> bool {
        self.profile.is_some() || self.ciba_profile
    }

    /// How its ID tokens are encrypted, and its logout tokens with them (Back-Channel Logout 1.0 section 2.6).
    pub fn id_token_encryption(&self) -> Option<Encryption> {
        Encryption::registered(self.id_token_encrypted_response_alg, self.id_token_encrypted_response_enc)
    }

    /// How its userinfo answers are encrypted.
    pub fn userinfo_encryption(&self) -> Option<Encryption> {
        Encryption::registered(self.userinfo_encrypted_response_alg, self.userinfo_encrypted_response_enc)
    }

    /// How what it hears of tokens is encrypted (RFC 9701 6).
    pub fn introspection_encryption(&self) -> Option<Encryption> {
        Encryption::registered(self.introspection_encrypted_response_alg, self.introspection_encrypted_response_enc)
    }

    /// How its signed authorization answers are encrypted (JARM 3).
    pub fn authorization_encryption(&self) -> Option<Encryption> {
        Encryption::registered(self.authorization_encrypted_response_alg, self.authorization_encrypted_response_enc)
    }

    /// How its request objects are encrypted, where it said so and encrypts them.
    pub fn request_object_encryption(&self) -> Option<Encryption> {
        Encryption::registered(self.request_object_encryption_alg, self.request_object_encryption_enc)
    }

    /// RFC 8705 2.1.2: the names of certificates that are registered; a client of `tls_client_auth` has exactly one.
    pub fn certificate_names(&self) -> Vec<RegisteredName> {
        [
            self.tls_client_auth_subject_dn.clone().map(RegisteredName::SubjectDn),
            self.tls_client_auth_san_dns.clone().map(RegisteredName::Dns),
            self.tls_client_auth_san_uri.clone().map(RegisteredName::Uri),
            self.tls_client_auth_san_ip.clone().map(RegisteredName::Ip),
            self.tls_client_auth_san_email.clone().map(RegisteredName::Email),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The one name, where there is exactly one.
    pub fn certificate_name(&self) -> Option<RegisteredName> {
        let mut names = self.certificate_names().into_iter();
        names.next().filter(|_| names.next().is_none())
    }
}

/// `skip_serializing_if` hands in a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_jwt(format: &AccessTokenFormat) -> bool {
    *format == AccessTokenFormat::Jwt
}
