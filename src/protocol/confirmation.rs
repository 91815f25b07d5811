//! Proof of possession: the key that whoever presents a token must hold (RFC 7800 3.1).

use serde::{Deserialize, Serialize};

/// What a token is bound to, written as the `cnf` claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Confirmation {
    /// SHA-256 thumbprint of the key that signs DPoP proofs, in base64url (RFC 9449 6.1).
    #[serde(rename = "jkt")]
    DpopKey(String),
    /// SHA-256 of the client's certificate, in base64url (RFC 8705 3.1).
    #[serde(rename = "x5t#S256")]
    Certificate(String),
}

impl Confirmation {
    /// The `token_type` of answers (RFC 6749 7.1, RFC 9449 5).
    pub const fn token_type(binding: Option<&Self>) -> &'static str {
        match binding {
            Some(Self::DpopKey(_)) => "DPoP",
            Some(Self::Certificate(_)) | None => "Bearer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_binding_is_written_as_cnf() {
        for (binding, written, token_type) in [
            (Confirmation::DpopKey("abc".into()), json!({"jkt": "abc"}), "DPoP"),
            (Confirmation::Certificate("def".into()), json!({"x5t#S256": "def"}), "Bearer"),
        ] {
            assert_eq!(serde_json::to_value(&binding).unwrap(), written);
            assert_eq!(serde_json::from_value::<Confirmation>(written).unwrap(), binding);
            assert_eq!(Confirmation::token_type(Some(&binding)), token_type);
        }
        assert_eq!(Confirmation::token_type(None), "Bearer");
    }
}
