//! Compact JWE (RFC 7516 7.1) on aws-lc-rs: what we encrypt for clients, and what clients encrypt for us.
//!
//! Everything is bounded before it is parsed: no `zip`, no PBES2, no `crit`, no key but a registered one (F8, F10).
//! Decrypting proves nothing about the sender: what comes out is a signed JWT that is verified like any other.

mod content;
mod header;
mod key;
mod ring;

pub use key::{Recipient, generate_encryption_key};
pub use ring::{EncryptionKeyRing, EncryptionKeyRow};

use crate::protocol::encryption::{ContentEncryption, Encryption};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use header::Header;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// A longer JWE is refused unread: 16 KiB.
pub const JWE_MAX_BYTES: usize = 16 * 1024;

/// Why a JWE was not made or did not open. Says nothing about keys or content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JweError {
    /// Longer than [`JWE_MAX_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not five base64url parts with a JSON object in the first.
    #[error("the token is malformed")]
    Malformed,
    /// A header member that is not accepted, or one that is missing.
    #[error("the token has a header that is not accepted")]
    Header,
    /// `alg` or `enc` is not spoken here.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// No key of ours fits, or the client has none for this algorithm.
    #[error("the token's key is not known")]
    UnknownKey,
    /// A key set or key that cannot be used.
    #[error("the key set is not usable")]
    KeySet,
    /// It does not open: wrong key or altered.
    #[error("the token does not open")]
    NotAuthentic,
    /// The library failed.
    #[error("the cipher failed")]
    Cipher,
}

/// Encrypts a signed JWT or other text for one recipient.
///
/// `content_type` is the `cty`: `JWT` for a nested JWT (RFC 7519 5.2).
///
/// # Errors
/// [`JweError::Cipher`] when the library fails, [`JweError::KeySet`] for a point that is on no curve.
pub fn encrypt(
    to: &Recipient,
    encryption: ContentEncryption,
    content_type: Option<&str>,
    plain: &[u8],
) -> Result<String, JweError> {
    let sealed = to.wrap(encryption)?;
    let mut members = Map::new();
    members.insert("alg".into(), to.algorithm().as_str().into());
    members.insert("enc".into(), encryption.as_str().into());
    members.extend(content_type.map(|content_type| ("cty".to_owned(), content_type.into())));
    members.extend(to.kid().map(|kid| ("kid".to_owned(), kid.into())));
    members.extend(sealed.ephemeral.map(|ephemeral| ("epk".to_owned(), ephemeral)));
    let protected = encode(json!(members).to_string().as_bytes());
    let content = content::seal(encryption, &sealed.content_key, protected.as_bytes(), plain)?;
    let parts = [&sealed.wrapped_key, &content.iv, &content.ciphertext, &content.tag].map(|part| encode(part));
    Ok(format!("{protected}.{}", parts.join(".")))
}

/// A JWE taken apart.
struct Compact<'a> {
    protected: &'a str,
    header: Header,
    wrapped_key: Vec<u8>,
    content: content::Sealed,
}

impl<'a> Compact<'a> {
    fn parse(jwe: &'a str) -> Result<Self, JweError> {
        if jwe.len() > JWE_MAX_BYTES {
            return Err(JweError::TooLong);
        }
        let mut parts = jwe.split('.');
        let mut next = || parts.next().ok_or(JweError::Malformed);
        let (protected, wrapped_key, iv, ciphertext, tag) = (next()?, next()?, next()?, next()?, next()?);
        if parts.next().is_some() {
            return Err(JweError::Malformed);
        }
        let header = Header::parse(protected)?;
        let content = content::Sealed { iv: decode(iv)?, ciphertext: decode(ciphertext)?, tag: decode(tag)? };
        Ok(Self { protected, header, wrapped_key: decode(wrapped_key)?, content })
    }

    fn open(&self, content_key: &[u8]) -> Result<Zeroizing<Vec<u8>>, JweError> {
        content::open(self.header.encryption, content_key, self.protected.as_bytes(), &self.content)
    }
}

/// How a JWE says that it is encrypted. Nothing is decrypted for that.
///
/// # Errors
/// As [`EncryptionKeyRing::decrypt`], for what stands in the clear.
pub fn encryption_of(jwe: &str) -> Result<Encryption, JweError> {
    let Header { algorithm, encryption, .. } = Compact::parse(jwe)?.header;
    Ok(Encryption { algorithm, content: encryption })
}

/// Whether a text has the form of a compact JWE: five parts. A signed JWT has three.
pub fn is_jwe(text: &str) -> bool {
    text.bytes().filter(|byte| *byte == b'.').count() == 4
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(part: &str) -> Result<Vec<u8>, JweError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| JweError::Malformed)
}

/// A base64url member of a JWK.
fn member(jwk: &Map<String, Value>, name: &str) -> Result<Vec<u8>, JweError> {
    let text = jwk.get(name).and_then(Value::as_str).ok_or(JweError::KeySet)?;
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JweError::KeySet)
}

#[cfg(test)]
mod tests;
