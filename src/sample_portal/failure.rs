//! Why a sign-in at the portal did not happen.

use axum::http::StatusCode;

/// A refused or failed sign-in. None of its texts holds a token or a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Failure {
    /// The provider answered with an error (OpenID Connect Core 3.1.2.6).
    #[error("the provider answered {code}")]
    Answered { code: String, description: Option<String> },
    /// No sign-in with this `state` was begun in this browser, or it was used already (RFC 9700 4.7).
    #[error("the answer belongs to no sign-in of this browser")]
    State,
    /// `iss` is not the provider that was asked (RFC 9207 2.4).
    #[error("the answer comes from another issuer")]
    Issuer,
    /// The answer has neither a code nor an error, or says something twice.
    #[error("the answer is malformed")]
    Malformed,
    /// The token endpoint refused the code.
    #[error("the token endpoint answered {code}")]
    Token { code: String },
    /// The ID token failed a check of OpenID Connect Core 3.1.3.7.
    #[error("the ID token was refused: {reason}")]
    IdToken { reason: &'static str },
    /// The ID token does not carry the level, or the fresh sign-in, that was asked for.
    #[error("the provider gave less than was asked for: {reason}")]
    Less { reason: &'static str },
    /// Userinfo is missing, is about someone else, or cannot be read.
    #[error("userinfo was refused")]
    Userinfo,
    /// The provider cannot be reached or its discovery document is wrong.
    #[error("the provider cannot be reached")]
    Unreachable,
}

impl Failure {
    /// A stable code, shown on the page: the provider's own when it sent one.
    pub(super) fn code(&self) -> &str {
        match self {
            Self::Answered { code, .. } | Self::Token { code } => code,
            Self::State => "state_mismatch",
            Self::Issuer => "issuer_mismatch",
            Self::Malformed => "malformed_response",
            Self::IdToken { .. } => "id_token_refused",
            Self::Less { .. } => "less_than_asked",
            Self::Userinfo => "userinfo_refused",
            Self::Unreachable => "provider_unreachable",
        }
    }

    /// What a developer reads below the code.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Answered { description: Some(description), .. } => description.clone(),
            other => other.to_string(),
        }
    }

    /// An error the provider sent is a normal end of a sign-in; a forged or broken answer is the sender's fault.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Answered { .. } => StatusCode::OK,
            Self::State | Self::Issuer | Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Token { .. } | Self::IdToken { .. } | Self::Less { .. } | Self::Userinfo | Self::Unreachable => {
                StatusCode::BAD_GATEWAY
            }
        }
    }
}
