//! Pushed authorization requests (RFC 9126).

use super::authorize::Refusal;
use super::response::AuthorizeAnswer;
use super::{Error, ErrorCode, Parameters};

/// What every handle begins with (RFC 9126 2.2).
const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";
/// Parameters that prove the client and are no part of the request (RFC 9126 2.1).
const PROVING: &[&str] = &["client_secret", "client_assertion", "client_assertion_type"];

/// The `request_uri` of a handle.
pub fn request_uri(handle: &str) -> String {
    format!("{PREFIX}{handle}")
}

/// The handle in a `request_uri`; `None` for an address of any other kind.
pub fn handle(request_uri: &str) -> Option<&str> {
    let lawful = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    request_uri.strip_prefix(PREFIX).filter(|handle| handle.len() == 43 && handle.bytes().all(lawful))
}

/// The request within what was posted (RFC 9126 2.1).
///
/// # Errors
/// `invalid_request` for a `request_uri`: a pushed request does not refer to another.
pub fn request(posted: &Parameters) -> Result<Parameters, Error> {
    if posted.is_present("request_uri") {
        return Err(Error::new(
            ErrorCode::InvalidRequest,
            "request_uri_pushed",
            "request_uri has no place in a pushed request.",
        ));
    }
    Ok(posted.without(PROVING))
}

/// A refusal of the authorization endpoint's rules as this endpoint answers it (RFC 9126 2.3).
pub fn error(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Show(reason) => Error::new(ErrorCode::InvalidRequest, reason.as_str(), reason.description()),
        Refusal::Redirect(answer) => match answer.answer {
            AuthorizeAnswer::Error(error) => error,
            AuthorizeAnswer::Code(_) => Error::SERVER_ERROR,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9126_2_2_only_our_own_handles_are_handles() {
        let made = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-_";
        assert_eq!(handle(&request_uri(made)), Some(made));
        for other in [
            "https://rp.example/request".to_owned(),
            request_uri(""),
            request_uri("short"),
            request_uri(&"a".repeat(44)),
            request_uri(&"a".repeat(42)).replace("aa", "a%61"),
            request_uri(made).to_uppercase(),
        ] {
            assert_eq!(handle(&other), None, "{other}");
        }
    }

    #[test]
    fn rfc9126_2_1_a_pushed_request_refers_to_no_other_and_keeps_no_proof() {
        let posted = Parameters::parse("client_id=a&request_uri=urn%3Ax").unwrap();
        assert_eq!(request(&posted).unwrap_err().reason, "request_uri_pushed");
        let posted = Parameters::parse("client_id=a&client_secret=s&client_assertion=x&scope=openid").unwrap();
        let request = request(&posted).unwrap();
        assert!(!request.is_present("client_secret") && !request.is_present("client_assertion"));
        assert_eq!((request.get("client_id"), request.get("scope")), (Some("a"), Some("openid")));
    }
}
