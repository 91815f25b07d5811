//! Bearer tokens in requests and challenges in answers (RFC 6750, RFC 7617).

use super::{Error, ErrorCode, Parameters, SigningAlgorithm};
use crate::base::Secret;

/// Most bytes of an access token we read.
const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The `WWW-Authenticate` of a 401 at an endpoint of clients, whose `Authorization` header failed (RFC 6749 5.2).
pub const BASIC_CHALLENGE: &str = r#"Basic realm="dinhdanh", charset="UTF-8""#;

/// How an access token is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// RFC 6750.
    #[default]
    Bearer,
    /// RFC 9449 7.1: with a proof beside it.
    Dpop,
}

impl Scheme {
    const ALL: [Self; 2] = [Self::Bearer, Self::Dpop];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Dpop => "DPoP",
        }
    }
}

/// An access token as it was shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// How.
    pub scheme: Scheme,
    /// What.
    pub token: Secret,
}

/// The `WWW-Authenticate` of an endpoint of access tokens: without an error when no token was sent (RFC 6750 3, RFC 9449
/// 7.1), and where it says what it takes, if anywhere (RFC 9728 5.1). Made of fixed texts; a description that could break out of its quotes is left out.
pub fn challenge(scheme: Scheme, error: Option<&Error>, metadata: Option<&str>) -> String {
    let mut text = format!(r#"{} realm="dinhdanh""#, scheme.as_str());
    if let Some(error) = error {
        text.push_str(&format!(r#", error="{}""#, error.code.as_str()));
        if error.description.bytes().all(|b| (0x20..=0x7e).contains(&b) && b != b'"' && b != b'\\') {
            text.push_str(&format!(r#", error_description="{}""#, error.description));
        }
        if error.code == ErrorCode::InsufficientScope {
            text.push_str(r#", scope="openid""#);
        }
    }
    if let Some(metadata) = metadata {
        text.push_str(&format!(r#", resource_metadata="{metadata}""#));
    }
    if scheme == Scheme::Dpop {
        text.push_str(&format!(r#", algs="{}""#, SigningAlgorithm::FAPI.map(SigningAlgorithm::as_str).join(" ")));
    }
    text
}

/// Reads the token of a request that may carry it in its body (RFC 6750 2.2), which `body` is where it is a form. In an
/// address it is not looked for (E8).
///
/// # Errors
/// As [`token`]; `invalid_request` for a token in two places (RFC 6750 2) and a body that cannot be read.
pub fn token_of(authorization: Option<&str>, body: Option<&[u8]>) -> Result<Shown, Option<Error>> {
    let refused = |reason, description| Some(Error::new(ErrorCode::InvalidRequest, reason, description));
    let sent = match body.filter(|body| !body.is_empty()).map(Parameters::parse) {
        None => None,
        Some(Ok(parameters)) => parameters.get("access_token").map(Secret::from),
        Some(Err(error)) => return Err(refused(error.as_str(), error.description())),
    };
    match (sent, authorization) {
        (None, authorization) => token(authorization),
        (Some(_), Some(_)) => Err(refused("token_twice", "Send the access token in one way only.")),
        (Some(token), None) if is_token(token.expose()) => Ok(Shown { scheme: Scheme::Bearer, token }),
        (Some(_), None) => Err(refused("bearer_malformed", "access_token is not a bearer token.")),
    }
}

/// RFC 6750 2.1: the alphabet, and a bound.
fn is_token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    let lawful = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    !body.is_empty() && token.len() <= MAX_TOKEN_BYTES && body.bytes().all(lawful)
}

/// Reads the token of an `Authorization` header (RFC 6750 2.1).
///
/// # Errors
/// `None` inside: no token was sent, so the challenge names no error. Otherwise `invalid_request`.
pub fn token(authorization: Option<&str>) -> Result<Shown, Option<Error>> {
    let Some(header) = authorization else { return Err(None) };
    let Some((name, token)) = header.split_once(' ') else { return Err(None) };
    let scheme = Scheme::ALL.into_iter().find(|scheme| name.eq_ignore_ascii_case(scheme.as_str())).ok_or(None)?;
    if !is_token(token) {
        let description = "The Authorization header does not hold a bearer token.";
        return Err(Some(Error::new(ErrorCode::InvalidRequest, "bearer_malformed", description)));
    }
    Ok(Shown { scheme, token: Secret::from(token) })
}

/// The refusal of an access token, whatever is wrong with it.
pub const INVALID_TOKEN: Error =
    Error::new(ErrorCode::InvalidToken, "access_token_refused", "The access token is malformed, expired or revoked.");

/// The refusal of an access token without the scope the endpoint needs.
pub const INSUFFICIENT_SCOPE: Error =
    Error::new(ErrorCode::InsufficientScope, "scope_missing", "The access token does not carry the scope openid.");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_token_the_challenge_names_no_error() {
        assert_eq!(challenge(Scheme::Bearer, None, None), r#"Bearer realm="dinhdanh""#);
        for header in [None, Some("Basic eDp5"), Some("Bearer"), Some("")] {
            assert_eq!(token(header), Err(None), "{header:?}");
        }
    }

    #[test]
    fn a_bearer_token_is_read_in_any_case_of_the_scheme() {
        let shown = |scheme, token: &str| Ok(Shown { scheme, token: token.into() });
        assert_eq!(token(Some("Bearer a.b-c_d")), shown(Scheme::Bearer, "a.b-c_d"));
        assert_eq!(token(Some("bEARER abc==")), shown(Scheme::Bearer, "abc=="));
        assert_eq!(token(Some("dpop abc")), shown(Scheme::Dpop, "abc"));
    }

    #[test]
    fn rfc9449_7_1_the_challenge_names_the_algorithms_of_proofs() {
        assert_eq!(challenge(Scheme::Dpop, None, None), r#"DPoP realm="dinhdanh", algs="ES256 PS256 EdDSA""#);
    }

    #[test]
    fn rfc6750_2_2_a_form_may_carry_the_token_in_one_place_only() {
        let shown = |token: &str| Ok(Shown { scheme: Scheme::Bearer, token: token.into() });
        let refused = |found: Result<Shown, Option<Error>>| match found {
            Err(Some(error)) => error.reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(token_of(None, Some(b"access_token=a.b&x=y")), shown("a.b"));
        assert_eq!(token_of(Some("Bearer c"), Some(b"x=y")), shown("c"));
        assert_eq!(token_of(Some("Bearer c"), Some(b"")), shown("c"));
        assert_eq!(token_of(None, Some(b"x=y")), Err(None));
        assert_eq!(token_of(None, Some(b"access_token=")), Err(None));
        assert_eq!(token_of(None, None), Err(None));
        for header in ["Bearer c", "Bearer a.b", "DPoP a.b", "Basic eDp5"] {
            assert_eq!(refused(token_of(Some(header), Some(b"access_token=a.b"))), "token_twice", "{header}");
        }
        assert_eq!(refused(token_of(None, Some(b"access_token=a%20b"))), "bearer_malformed");
        assert!(token_of(None, Some(b"access_token=a&access_token=a")).is_err(), "RFC 6749 3.1: named twice");
        assert!(token_of(None, Some(b"access_token=%ff")).is_err());
    }

    #[test]
    fn rfc9728_5_1_a_challenge_says_where_the_metadata_are() {
        let metadata = "https://id.example/.well-known/oauth-protected-resource/userinfo";
        let told = challenge(Scheme::Bearer, Some(&INVALID_TOKEN), Some(metadata));
        assert!(told.ends_with(&format!(r#", resource_metadata="{metadata}""#)), "{told}");
    }

    #[test]
    fn k1_malformed_tokens_are_not_repeated() {
        for header in
            ["Bearer ", "Bearer  a", "Bearer a b", "Bearer a,b", "Bearer \"a\"", "Bearer a=b", "Bearer đ", "Bearer =="]
        {
            let Err(Some(error)) = token(Some(header)) else { panic!("{header}") };
            assert_eq!(error.code, ErrorCode::InvalidRequest);
        }
        assert!(token(Some(&format!("Bearer {}", "a".repeat(MAX_TOKEN_BYTES + 1)))).is_err());
    }

    #[test]
    fn challenges_quote_fixed_texts_only() {
        assert_eq!(
            challenge(Scheme::Bearer, Some(&INVALID_TOKEN), None),
            r#"Bearer realm="dinhdanh", error="invalid_token", error_description="The access token is malformed, expired or revoked.""#
        );
        assert!(challenge(Scheme::Bearer, Some(&INSUFFICIENT_SCOPE), None).ends_with(r#", scope="openid""#));
        let odd = Error { description: "x\", y=\"".into(), ..INVALID_TOKEN };
        assert_eq!(challenge(Scheme::Bearer, Some(&odd), None), r#"Bearer realm="dinhdanh", error="invalid_token""#);
    }
}
