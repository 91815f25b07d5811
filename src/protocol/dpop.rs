//! DPoP proofs (RFC 9449): what header and claims must say. The signature is verified by
//! [`crate::crypto::verify_proof`]; that a proof is used once is for the store, under [`Accepted::replay_key`].

use super::confirmation::{JwkRefused, Thumbprint};
use super::{Error, ErrorCode, SigningAlgorithm, jws};
use crate::base::{Digest, Timestamp, sha256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use std::fmt;
use std::time::Duration;
use url::Url;

/// How far ahead of ours a client's clock may be.
pub const MAX_AHEAD: Duration = Duration::from_secs(10);
/// How long beyond its life a proof is remembered: nodes whose clocks differ so much accept none twice (X19).
const CLOCKS_APART: Duration = Duration::from_secs(120);
/// How old a proof may be.
pub const MAX_AGE: Duration = Duration::from_secs(60);
/// Most bytes of a `jti` (F3).
pub const MAX_JTI_BYTES: usize = 128;
/// Most bytes of a whole proof. The largest honest one, with an RSA key of 4096 bits, has about 2 KiB.
pub const MAX_PROOF_BYTES: usize = 4 * 1024;
const MAX_HTU_BYTES: usize = 2_048;
const MAX_NONCE_BYTES: usize = 256;

/// RFC 9449 5, 7.1: a proof that is not one.
pub const fn refused(reason: &'static str) -> Error {
    let description = "The DPoP proof is missing, malformed, expired or for another request.";
    Error::new(ErrorCode::InvalidDpopProof, reason, description)
}

/// RFC 9449 8, 9: answer with a fresh nonce in the header `DPoP-Nonce`.
pub const USE_NONCE: Error =
    Error::new(ErrorCode::UseDpopNonce, "dpop_nonce", "Send the proof again with the nonce of the DPoP-Nonce header.");

/// A proof whose header is in order; its signature and claims are not judged yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Proof {
    compact: String,
    algorithm: SigningAlgorithm,
    thumbprint: Thumbprint,
    claims: Map<String, Value>,
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proof").field("thumbprint", &self.thumbprint).finish_non_exhaustive()
    }
}

/// What a proof is shown for.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The method of the HTTP request.
    pub method: &'a str,
    /// The addresses of the endpoint, from the configured issuer and never from the request's `Host`: one, and a second
    /// where the endpoint also has an mTLS alias (RFC 8705 5).
    pub endpoints: &'a [&'a str],
    /// The access token shown with the proof at a protected resource; `None` where tokens are asked for.
    pub access_token: Option<&'a str>,
    /// Server nonces accepted now, the newest first; empty: none is asked for.
    pub nonces: &'a [String],
    /// Now.
    pub now: Timestamp,
}

/// What an accepted proof proves, once its signature is verified and its replay key consumed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The key in the client's hands.
    pub thumbprint: Thumbprint,
    /// To be consumed, once (RFC 9449 11.1): digest of key and `jti`.
    pub replay_key: Digest,
    /// Until when the replay key must be remembered.
    pub remember_until: Timestamp,
}

impl Proof {
    /// RFC 9449 4.3 step 1: the values of all `DPoP` headers of a request; `None` when there is none.
    ///
    /// # Errors
    /// `invalid_dpop_proof` for more than one header, and as [`Proof::read`].
    pub fn from_headers<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<Option<Self>, Error> {
        match (values.next(), values.next()) {
            (None, _) => Ok(None),
            (Some(only), None) => {
                let text = std::str::from_utf8(only).map_err(|_| refused("dpop_malformed"))?;
                Self::read(text).map(Some)
            }
            (Some(_), Some(_)) => Err(refused("dpop_several_headers")),
        }
    }

    /// RFC 9449 4.2, 4.3 steps 2, 4, 5, 6, 8: form, `typ`, `alg` and the public key it brings (F5, F8, F13).
    ///
    /// # Errors
    /// `invalid_dpop_proof`.
    pub fn read(compact: &str) -> Result<Self, Error> {
        if compact.len() > MAX_PROOF_BYTES {
            return Err(refused("dpop_too_long"));
        }
        let jws::Unverified { header, claims } =
            jws::read_unverified(compact).map_err(|_| refused("dpop_malformed"))?;
        if !jws::has_type(&header, "dpop+jwt") {
            return Err(refused("dpop_typ"));
        }
        if jws::has_refused_member_but(&header, Some("jwk")) {
            return Err(refused("dpop_header"));
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(SigningAlgorithm::parse);
        let algorithm =
            algorithm.filter(|algorithm| SigningAlgorithm::FAPI.contains(algorithm)).ok_or(refused("dpop_alg"))?;
        let jwk = header.get("jwk").and_then(Value::as_object).ok_or(refused("dpop_jwk"))?;
        let thumbprint = Thumbprint::of_jwk(jwk).map_err(|fault| match fault {
            JwkRefused::Private => refused("dpop_jwk_private"),
            JwkRefused::Unusable => refused("dpop_jwk"),
        })?;
        if !fits(jwk, algorithm) {
            return Err(refused("dpop_alg_not_of_key"));
        }
        Ok(Self { compact: compact.to_owned(), algorithm, thumbprint, claims })
    }

    /// The JWS, for the signature check.
    pub fn compact(&self) -> &str {
        &self.compact
    }

    /// Its algorithm, which fits its key.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// The key it brings. Proves nothing before the signature is verified.
    pub const fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// RFC 9449 4.3 steps 3 and 9 to 12: the claims.
    ///
    /// # Errors
    /// `invalid_dpop_proof`; `use_dpop_nonce` when everything else holds and the nonce does not.
    pub fn check(&self, expected: &Expected<'_>) -> Result<Accepted, Error> {
        let text = |name: &str| self.claims.get(name).and_then(Value::as_str);
        let jti = text("jti").filter(|jti| !jti.is_empty() && jti.len() <= MAX_JTI_BYTES).ok_or(refused("dpop_jti"))?;
        // RFC 9110 9.1: methods are compared letter for letter.
        if text("htm") != Some(expected.method) {
            return Err(refused("dpop_htm"));
        }
        let htu = text("htu").and_then(same_resource).ok_or(refused("dpop_htu"))?;
        if !expected.endpoints.iter().any(|endpoint| same_resource(endpoint).as_ref() == Some(&htu)) {
            return Err(refused("dpop_htu"));
        }
        let issued_at = self.claims.get("iat").and_then(jws::numeric_date).map(Timestamp::from_seconds);
        let issued_at = issued_at.ok_or(refused("dpop_iat"))?;
        if issued_at > expected.now.plus(MAX_AHEAD) || issued_at < expected.now.minus(MAX_AGE) {
            return Err(refused("dpop_iat"));
        }
        if let Some(access_token) = expected.access_token {
            let hash = URL_SAFE_NO_PAD.encode(sha256(access_token.as_bytes()).as_bytes());
            if text("ath") != Some(hash.as_str()) {
                return Err(refused("dpop_ath"));
            }
        }
        self.check_nonce(expected.nonces)?;
        Ok(Accepted {
            thumbprint: self.thumbprint.clone(),
            replay_key: replay_key(&self.thumbprint, jti),
            remember_until: issued_at.plus(MAX_AGE).plus(MAX_AHEAD).plus(CLOCKS_APART),
        })
    }

    /// RFC 9449 4.3 step 10, 8, 9. A nonce that nobody asked for is looked at for its form only.
    fn check_nonce(&self, accepted: &[String]) -> Result<(), Error> {
        let nonce = match self.claims.get("nonce") {
            None => None,
            Some(Value::String(nonce)) if nonce.len() <= MAX_NONCE_BYTES => Some(nonce),
            Some(_) => return Err(refused("dpop_nonce_malformed")),
        };
        if accepted.is_empty() || nonce.is_some_and(|nonce| accepted.contains(nonce)) {
            return Ok(());
        }
        Err(USE_NONCE)
    }
}

/// Whether a key is of the kind its algorithm needs.
fn fits(jwk: &Map<String, Value>, algorithm: SigningAlgorithm) -> bool {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    match algorithm {
        SigningAlgorithm::ES256 => text("crv") == Some("P-256"),
        SigningAlgorithm::EdDsa => text("crv") == Some("Ed25519"),
        SigningAlgorithm::PS256 | SigningAlgorithm::RS256 => text("kty") == Some("RSA"),
    }
}

/// Another client's `jti` is another name: the key is part of it, each part with its length before it (J5).
fn replay_key(thumbprint: &Thumbprint, jti: &str) -> Digest {
    sha256(format!("dpop:{}:{}:{jti}", thumbprint.as_str(), jti.len()).as_bytes())
}

/// RFC 9449 4.3 step 9: an address without query and fragment, normalised by syntax and scheme (RFC 3986 6.2.2, 6.2.3).
fn same_resource(text: &str) -> Option<Url> {
    let lawful = |byte: u8| (0x21..=0x7e).contains(&byte) && byte != b'\\';
    if text.len() > MAX_HTU_BYTES || !text.bytes().all(lawful) {
        return None;
    }
    let mut url = Url::parse(text).ok()?;
    if !matches!(url.scheme(), "https" | "http") || !url.username().is_empty() || url.password().is_some() {
        return None;
    }
    url.set_query(None);
    url.set_fragment(None);
    let path = normal_percent(url.path());
    url.set_path(&path);
    Some(url)
}

/// RFC 3986 6.2.2.1, 6.2.2.2: percent-encoded octets in upper case, unreserved characters not encoded.
fn normal_percent(path: &str) -> String {
    let mut normal = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal.push_str(before);
        let (code, tail) = after.split_at_checked(2).unwrap_or((after, ""));
        match u8::from_str_radix(code, 16) {
            Ok(byte) if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') => {
                normal.push(char::from(byte));
            }
            _ => {
                normal.push('%');
                normal.push_str(&code.to_ascii_uppercase());
            }
        }
        rest = tail;
    }
    normal.push_str(rest);
    normal
}

#[cfg(test)]
#[path = "dpop_tests.rs"]
mod tests;
