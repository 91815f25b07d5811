//! RFC error codes and the reasons behind them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)*) => {
        /// An error code of OAuth 2.0, OpenID Connect or one of their extensions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as it goes over the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

error_codes! {
    /// RFC 6749 4.1.2.1, 5.2.
    InvalidRequest = "invalid_request";
    /// RFC 6749 4.1.2.1, 5.2: this client may not use this grant or response type.
    UnauthorizedClient = "unauthorized_client";
    /// RFC 6749 4.1.2.1: the person or the provider said no.
    AccessDenied = "access_denied";
    /// RFC 6749 4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type";
    /// RFC 6749 4.1.2.1, 5.2.
    InvalidScope = "invalid_scope";
    /// RFC 6749 4.1.2.1.
    ServerError = "server_error";
    /// RFC 6749 4.1.2.1.
    TemporarilyUnavailable = "temporarily_unavailable";
    /// RFC 6749 5.2: client authentication failed.
    InvalidClient = "invalid_client";
    /// RFC 6749 5.2: code or refresh token is wrong, used, expired or another client's.
    InvalidGrant = "invalid_grant";
    /// RFC 6749 5.2.
    UnsupportedGrantType = "unsupported_grant_type";
    /// RFC 7009 2.2.1.
    UnsupportedTokenType = "unsupported_token_type";
    /// RFC 8707 2: an unknown or foreign `resource`.
    InvalidTarget = "invalid_target";
    /// RFC 9396 5: unknown or wrong `authorization_details`.
    InvalidAuthorizationDetails = "invalid_authorization_details";
    /// OpenID Connect Core 3.1.2.6: `prompt=none` and some page would be needed.
    InteractionRequired = "interaction_required";
    /// OpenID Connect Core 3.1.2.6: `prompt=none` and nobody is signed in.
    LoginRequired = "login_required";
    /// OpenID Connect Core 3.1.2.6.
    AccountSelectionRequired = "account_selection_required";
    /// OpenID Connect Core 3.1.2.6.
    ConsentRequired = "consent_required";
    /// OpenID Connect Core 3.1.2.6.
    InvalidRequestUri = "invalid_request_uri";
    /// OpenID Connect Core 3.1.2.6, RFC 9101 7: the request object is not one, or not the client's.
    InvalidRequestObject = "invalid_request_object";
    /// OpenID Connect Core 3.1.2.6.
    RequestNotSupported = "request_not_supported";
    /// OpenID Connect Core 3.1.2.6.
    RequestUriNotSupported = "request_uri_not_supported";
    /// OpenID Connect Core 3.1.2.6.
    RegistrationNotSupported = "registration_not_supported";
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0: an essential acr cannot be met.
    UnmetAuthenticationRequirements = "unmet_authentication_requirements";
    /// RFC 8628 3.5, CIBA 11: the person has not decided yet.
    AuthorizationPending = "authorization_pending";
    /// RFC 8628 3.5, CIBA 11: the same, and the client asks too often.
    SlowDown = "slow_down";
    /// RFC 8628 3.5, CIBA 11: nobody decided in time.
    ExpiredToken = "expired_token";
    /// CIBA 13: the hint names nobody.
    UnknownUserId = "unknown_user_id";
    /// CIBA 13: the message for the person cannot be shown.
    InvalidBindingMessage = "invalid_binding_message";
    /// RFC 6750 3.1.
    InvalidToken = "invalid_token";
    /// RFC 6750 3.1.
    InsufficientScope = "insufficient_scope";
    /// RFC 9449 5, 7.1: the DPoP proof is missing, malformed or for another request.
    InvalidDpopProof = "invalid_dpop_proof";
    /// RFC 9449 8, 9: the proof must hold the nonce that comes with this answer.
    UseDpopNonce = "use_dpop_nonce";
    /// RFC 7591 3.2.2.
    InvalidRedirectUri = "invalid_redirect_uri";
    /// RFC 7591 3.2.2.
    InvalidClientMetadata = "invalid_client_metadata";
    /// RFC 7591 3.2.2: the software statement cannot be trusted.
    InvalidSoftwareStatement = "invalid_software_statement";
    /// RFC 7591 3.2.2: its issuer is not one of ours.
    UnapprovedSoftwareStatement = "unapproved_software_statement";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refusal: what goes to the client (`code`, `description`) and what goes to log and audit (`reason`).
///
/// The description is put together from fixed texts of this module tree only; nothing of a request reaches it (K1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {reason}")]
pub struct Error {
    /// The RFC error code.
    pub code: ErrorCode,
    /// A text for developers, in the alphabet of RFC 6749 5.2 (ASCII without `"` and `\`).
    pub description: Cow<'static, str>,
    /// A stable, short name of the rule that refused.
    pub reason: &'static str,
}

impl Error {
    /// A refusal with a fixed text.
    pub const fn new(code: ErrorCode, reason: &'static str, description: &'static str) -> Self {
        Self { code, description: Cow::Borrowed(description), reason }
    }

    /// RFC 6749 4.1.2.1: the person refused.
    pub const ACCESS_DENIED: Self =
        Self::new(ErrorCode::AccessDenied, "person_refused", "The person did not agree to send the information.");
    /// OpenID Connect Core 3.1.2.6.
    pub const LOGIN_REQUIRED: Self = Self::new(
        ErrorCode::LoginRequired,
        "login_required",
        "Nobody is signed in, or the sign-in is too old or too weak.",
    );
    /// OpenID Connect Core 3.1.2.6.
    pub const CONSENT_REQUIRED: Self = Self::new(
        ErrorCode::ConsentRequired,
        "consent_required",
        "The person has to agree first: send them without prompt=none.",
    );
    /// OpenID Connect Core 3.1.2.6.
    pub const INTERACTION_REQUIRED: Self = Self::new(
        ErrorCode::InteractionRequired,
        "interaction_required",
        "A page has to be shown first: send the person without prompt=none.",
    );
    /// OpenID Connect Core 3.1.2.6.
    pub const ACCOUNT_SELECTION_REQUIRED: Self = Self::new(
        ErrorCode::AccountSelectionRequired,
        "account_selection_required",
        "Another account than the one asked for is signed in.",
    );
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0 (P6: an error, never a lower token).
    pub const UNMET_AUTHENTICATION_REQUIREMENTS: Self = Self::new(
        ErrorCode::UnmetAuthenticationRequirements,
        "essential_acr_unmet",
        "None of the essential acr values can be reached for this person.",
    );
    /// RFC 6749 4.1.2.1.
    pub const SERVER_ERROR: Self =
        Self::new(ErrorCode::ServerError, "internal", "Something failed on our side. Try again later.");
    /// RFC 6749 4.1.2.1.
    pub const TEMPORARILY_UNAVAILABLE: Self =
        Self::new(ErrorCode::TemporarilyUnavailable, "overload", "Too busy or a part is down. Try again later.");

    /// RFC 6749 4.1.2.1: an answer that must be encrypted, for a client none of whose keys can be encrypted to now.
    pub const NO_RECIPIENT: Self = Self::new(
        ErrorCode::TemporarilyUnavailable,
        "no_recipient",
        "This answer must be encrypted, and none of the keys registered for this client fits or can be fetched.",
    );

    /// The body of an error answer: RFC 6749 5.2, RFC 7591 3.2.2.
    pub fn to_json(&self) -> Value {
        json!({ "error": self.code.as_str(), "error_description": self.description })
    }
}

macro_rules! show_reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $description:literal;)*) => {
        /// Why an authorization or logout request ends on a page of ours: nothing proved the return address yet (A9).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ShowReason {
            $($(#[$doc])* $name,)*
        }

        impl ShowReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// A stable name for log, audit and the text of the page.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// A fixed English text for developers.
            pub const fn description(self) -> &'static str {
                match self { $(Self::$name => $description,)* }
            }
        }
    };
}

show_reasons! {
    /// The parameters could not be read: see [`super::ParameterError`].
    MalformedRequest = "malformed_request", "The request cannot be read.";
    /// No `client_id`.
    MissingClientId = "missing_client_id", "client_id is missing.";
    /// Nobody registered this `client_id`.
    UnknownClient = "unknown_client", "client_id is not registered here.";
    /// The client was switched off (E5).
    DisabledClient = "disabled_client", "This service is switched off at the moment.";
    /// No `redirect_uri`, and not exactly one is registered.
    MissingRedirectUri = "missing_redirect_uri", "redirect_uri is missing.";
    /// `redirect_uri` is not one of those registered, byte for byte.
    UnregisteredRedirectUri = "unregistered_redirect_uri", "redirect_uri is not registered for this client, byte for byte.";
    /// No pushed request of this client under that `request_uri`: never, no more, or used up (RFC 9126 4).
    UnknownRequestUri = "unknown_request_uri", "request_uri is unknown, expired, used or another client's.";
    /// `response_mode` is none that is announced (A10).
    UnsupportedResponseMode = "unsupported_response_mode", "response_mode must be query, fragment, form_post or one of these with .jwt.";
}

impl From<super::ParameterError> for ShowReason {
    fn from(_: super::ParameterError) -> Self {
        Self::MalformedRequest
    }
}

impl fmt::Display for ShowReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// RFC 6749 5.2: %x20-21 / %x23-5B / %x5D-7E.
    pub(crate) fn is_lawful(description: &str) -> bool {
        !description.is_empty() && description.bytes().all(|b| (0x20..=0x7e).contains(&b) && b != b'"' && b != b'\\')
    }

    #[test]
    fn codes_are_written_as_in_their_standards() {
        for code in ErrorCode::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
            assert!(code.as_str().bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        }
    }

    #[test]
    fn k1_fixed_errors_use_the_alphabet_of_the_standard() {
        for error in [
            Error::ACCESS_DENIED,
            Error::LOGIN_REQUIRED,
            Error::CONSENT_REQUIRED,
            Error::INTERACTION_REQUIRED,
            Error::ACCOUNT_SELECTION_REQUIRED,
            Error::UNMET_AUTHENTICATION_REQUIREMENTS,
            Error::SERVER_ERROR,
            Error::TEMPORARILY_UNAVAILABLE,
            Error::NO_RECIPIENT,
        ] {
            assert!(is_lawful(&error.description), "{error:?}");
        }
        for reason in ShowReason::ALL {
            assert!(is_lawful(reason.description()), "{reason}");
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }

    #[test]
    fn an_error_body_has_the_two_members_of_rfc_6749() {
        let body = Error::ACCESS_DENIED.to_json();
        assert_eq!(body["error"], "access_denied");
        assert_eq!(body.as_object().unwrap().len(), 2);
    }
}
