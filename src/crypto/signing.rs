//! Our own signing keys: made, kept parsed, used to sign and to verify what we signed.

use super::compact::Compact;
use super::public_key::PublicKey;
use super::{KeySchedule, VerifyError};
use crate::base::Timestamp;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;
use zeroize::Zeroizing;

/// JWS algorithms of tokens and client assertions (RFC 7518 3.1, RFC 8037 3.1). There is no `none` and no HMAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256: the default.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256: what a client that registers nothing gets by the standard.
    #[serde(rename = "RS256")]
    Rs256,
    /// RSASSA-PSS with SHA-256.
    #[serde(rename = "PS256")]
    Ps256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl SigningAlgorithm {
    /// All of them, preferred first.
    pub const ALL: [Self; 4] = [Self::Es256, Self::Rs256, Self::Ps256, Self::EdDsa];

    /// The name in `alg`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl fmt::Display for SigningAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SigningAlgorithm {
    type Err = VerifyError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        // RFC 9864 2.2: the fully specified name of the one curve we use under `EdDSA`.
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name).ok_or(VerifyError::Algorithm)
    }
}

/// Why a signing key cannot be made or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The library could not make a key.
    #[error("a signing key could not be made")]
    Generation,
    /// Not a PKCS#8 key of this algorithm.
    #[error("signing key {kid}: not a usable {algorithm} key")]
    Rejected {
        /// The key's id.
        kid: String,
        /// What it was said to be for.
        algorithm: SigningAlgorithm,
    },
    /// Id or public key kept beside the private key do not belong to it.
    #[error("signing key {kid}: the public key kept with it is another one")]
    Mismatch {
        /// The key's id.
        kid: String,
    },
    /// The private-key operation failed.
    #[error("signing failed")]
    Signing,
}

/// A fresh signing key.
pub struct GeneratedKey {
    /// PKCS#8 v1 DER: to be sealed, never shown.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// The public key with `kid` (RFC 7638 thumbprint), `alg` and `use`.
    pub public_jwk: Value,
    /// The same `kid`.
    pub kid: String,
}

impl fmt::Debug for GeneratedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GeneratedKey {{ kid: {} }}", self.kid)
    }
}

/// The size of RSA keys: 2048 bits, the least that RFC 7518 (3.3) allows and what every portal's library takes. A signature
/// costs a third of one with 3072 bits. What it protects is short: a key signs for some months and tokens live for
/// minutes, and nothing is encrypted to it, so that nothing recorded today can be opened by whoever breaks it later. Whoever
/// wants more takes ES256, which is stronger and ten times cheaper.
const RSA_SIZE: KeySize = KeySize::Rsa2048;

/// Makes a key: P-256, RSA with [`RSA_SIZE`], or Ed25519. RSA takes up to a second: call it off the request path.
/// Randomness is aws-lc's own, its key generation takes no other.
///
/// # Errors
/// [`KeyError::Generation`].
pub fn generate(algorithm: SigningAlgorithm) -> Result<GeneratedKey, KeyError> {
    let failed = |_| KeyError::Generation;
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        SigningAlgorithm::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map(|document| document.as_ref().to_vec())
            .map_err(failed)?,
        SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
            let key = RsaKeyPair::generate(RSA_SIZE).map_err(failed)?;
            AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(failed)?.as_ref().to_vec()
        }
        SigningAlgorithm::EdDsa => Ed25519KeyPair::generate_pkcs8v1(&random).map_err(failed)?.as_ref().to_vec(),
    };
    let pkcs8 = Zeroizing::new(pkcs8);
    let public_jwk = Private::parse(algorithm, &pkcs8).ok_or(KeyError::Generation)?.public_jwk(algorithm)?;
    let kid = public_jwk.get("kid").and_then(Value::as_str).ok_or(KeyError::Generation)?.to_owned();
    Ok(GeneratedKey { pkcs8, public_jwk, kid })
}

/// A private key as aws-lc-rs keeps it. An HSM would be one more variant.
enum Private {
    Ecdsa(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Private {
    fn parse(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Option<Self> {
        match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok().map(Self::Ecdsa)
            }
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => RsaKeyPair::from_pkcs8(pkcs8).ok().map(Self::Rsa),
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).ok().map(Self::Ed25519),
        }
    }

    /// The public members only, read from the private key itself, so that what is published always fits.
    fn public_jwk(&self, algorithm: SigningAlgorithm) -> Result<Value, KeyError> {
        let mut jwk = match self {
            Self::Ecdsa(key) => {
                let (_, point) = key.public_key().as_ref().split_at_checked(1).ok_or(KeyError::Generation)?;
                let (x, y) = point.split_at_checked(32).ok_or(KeyError::Generation)?;
                json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
            Self::Rsa(key) => {
                let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({"kty": "RSA", "n": encode(n), "e": encode(e)})
            }
            Self::Ed25519(key) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().as_ref())}),
        };
        let read: Jwk = serde_json::from_value(jwk.clone()).map_err(|_| KeyError::Generation)?;
        let kid = read.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError::Generation)?;
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), kid.into());
            members.insert("alg".to_owned(), algorithm.as_str().into());
            members.insert("use".to_owned(), "sig".into());
        }
        Ok(jwk)
    }

    fn sign(&self, algorithm: SigningAlgorithm, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match self {
            Self::Ecdsa(key) => key.sign(&random, message).map(|s| s.as_ref().to_vec()).map_err(|_| KeyError::Signing),
            Self::Ed25519(key) => key.try_sign(message).map(|s| s.as_ref().to_vec()).map_err(|_| KeyError::Signing),
            Self::Rsa(key) => {
                let padding = match algorithm {
                    SigningAlgorithm::Ps256 => &RSA_PSS_SHA256,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(padding, &random, message, &mut signature).map_err(|_| KeyError::Signing)?;
                Ok(signature)
            }
        }
    }
}

/// A private key, parsed once and kept: parsing at every signature would cost more than signing.
pub struct SigningKey {
    algorithm: SigningAlgorithm,
    kid: String,
    private: Private,
}

impl SigningKey {
    /// Reads a PKCS#8 key.
    ///
    /// # Errors
    /// [`KeyError::Rejected`] when it is not a key of this algorithm.
    pub fn parse(algorithm: SigningAlgorithm, kid: &str, pkcs8: &[u8]) -> Result<Self, KeyError> {
        let private =
            Private::parse(algorithm, pkcs8).ok_or_else(|| KeyError::Rejected { kid: kid.to_owned(), algorithm })?;
        Ok(Self { algorithm, kid: kid.to_owned(), private })
    }

    /// The algorithm it signs with.
    pub const fn algorithm(&self) -> SigningAlgorithm {
        self.algorithm
    }

    /// Its id in JWKS.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// A compact JWS (RFC 7515 7.1) of `claims`, with `typ` in its header so that one kind of token never passes for
    /// another (F13).
    ///
    /// # Errors
    /// [`KeyError::Signing`] when the private-key operation fails.
    pub fn sign(&self, typ: &str, claims: &Value) -> Result<String, KeyError> {
        let header = json!({"alg": self.algorithm.as_str(), "typ": typ, "kid": self.kid});
        let message = format!("{}.{}", encode(header.to_string().as_bytes()), encode(claims.to_string().as_bytes()));
        let signature = self.private.sign(self.algorithm, message.as_bytes())?;
        Ok(format!("{message}.{}", encode(&signature)))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey {{ algorithm: {}, kid: {} }}", self.algorithm, self.kid)
    }
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A row of `signing_key`, opened.
pub struct KeyRow {
    /// Id, algorithm and times.
    pub schedule: KeySchedule,
    /// PKCS#8 v1 DER.
    pub pkcs8: Zeroizing<Vec<u8>>,
    /// As made by [`generate`].
    pub public_jwk: Value,
}

impl fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRow {{ schedule: {:?} }}", self.schedule)
    }
}

struct Entry {
    schedule: KeySchedule,
    key: SigningKey,
    public: PublicKey,
    jwk: Value,
}

/// What a token must be to be accepted.
#[derive(Debug, Clone, Copy)]
pub struct Expect<'a> {
    /// The exact `typ`.
    pub typ: &'a str,
    /// The exact `iss`.
    pub issuer: &'a str,
    /// Must be, or be among, `aud`; `None` only where any audience of ours will do, such as at introspection.
    pub audience: Option<&'a str>,
    /// The time of use.
    pub now: Timestamp,
    /// Clock difference to forgive, usually 60 s (T6).
    pub leeway: Duration,
    /// Accept an expired token: only for `id_token_hint` (RP-Initiated Logout 2).
    pub allow_expired: bool,
}

/// All our keys: signs with the current one, verifies with every published one.
pub struct KeyRing {
    entries: Vec<Entry>,
}

impl KeyRing {
    /// Parses every key. Fails as a whole, because a ring that silently lacks a key breaks live tokens (I10).
    ///
    /// # Errors
    /// [`KeyError::Rejected`] or [`KeyError::Mismatch`] with the key's id.
    pub fn new(rows: Vec<KeyRow>) -> Result<Self, KeyError> {
        let mut entries = rows.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.schedule.signs_from));
        Ok(Self { entries })
    }

    /// The newest key whose time to sign has come. A key signs only after it was in JWKS long enough for caches to
    /// have it, which is what `signs_from` says (I10).
    pub fn signer(&self, algorithm: SigningAlgorithm, now: Timestamp) -> Option<&SigningKey> {
        let fit = |entry: &&Entry| entry.schedule.algorithm == algorithm && entry.schedule.signs_at(now);
        self.entries.iter().find(fit).map(|entry| &entry.key)
    }

    /// The algorithms that can sign now: what discovery may announce.
    pub fn algorithms(&self, now: Timestamp) -> Vec<SigningAlgorithm> {
        SigningAlgorithm::ALL.into_iter().filter(|algorithm| self.signer(*algorithm, now).is_some()).collect()
    }

    /// The JWK Set (RFC 7517 5): every published key that has not retired.
    pub fn jwks(&self, now: Timestamp) -> Value {
        let published = self.entries.iter().filter(|entry| entry.schedule.published_at(now));
        json!({"keys": published.map(|entry| &entry.jwk).collect::<Vec<_>>()})
    }

    /// Verifies a token of ours. The algorithm comes from our key; the header's must only agree with it.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn verify(&self, jwt: &str, expect: &Expect<'_>) -> Result<Map<String, Value>, VerifyError> {
        let token = Compact::parse(jwt)?;
        let kid = token.text("kid")?.ok_or(VerifyError::UnknownKey)?;
        let counts = |key: &KeySchedule| key.kid == kid && key.verifies_at(expect.now, expect.leeway);
        let known = |entry: &&Entry| counts(&entry.schedule);
        let entry = self.entries.iter().find(known).ok_or(VerifyError::UnknownKey)?;
        if token.text("alg")? != Some(entry.public.algorithm().as_str()) {
            return Err(VerifyError::Algorithm);
        }
        entry.public.verify(token.message, &token.signature)?;
        if token.text("typ")? != Some(expect.typ) {
            return Err(VerifyError::Type);
        }
        check_claims(&token.claims, expect)?;
        Ok(token.claims)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.schedule)).finish()
    }
}

fn entry(row: KeyRow) -> Result<Entry, KeyError> {
    let (algorithm, kid) = (row.schedule.algorithm, row.schedule.kid.clone());
    let key = SigningKey::parse(algorithm, &kid, &row.pkcs8)?;
    let jwk = key.private.public_jwk(algorithm)?;
    if jwk != row.public_jwk || jwk.get("kid").and_then(Value::as_str) != Some(&kid) {
        return Err(KeyError::Mismatch { kid });
    }
    let members = jwk.as_object().ok_or_else(|| KeyError::Mismatch { kid: kid.clone() })?;
    let public = PublicKey::from_jwk(members, algorithm).map_err(|_| KeyError::Rejected { kid, algorithm })?;
    Ok(Entry { schedule: row.schedule, key, public, jwk })
}

fn check_claims(claims: &Map<String, Value>, expect: &Expect<'_>) -> Result<(), VerifyError> {
    if claims.get("iss").and_then(Value::as_str) != Some(expect.issuer) {
        return Err(VerifyError::Issuer);
    }
    if let Some(audience) = expect.audience {
        check_audience(claims.get("aud"), audience)?;
    }
    let (now, leeway) = (expect.now.seconds(), i64::try_from(expect.leeway.as_secs()).unwrap_or(0));
    let expires = time(claims, "exp")?.ok_or(VerifyError::Time)?;
    let issued = time(claims, "iat")?.ok_or(VerifyError::Time)?;
    let not_before = time(claims, "nbf")?.unwrap_or(issued);
    if issued.max(not_before) > now.saturating_add(leeway) {
        return Err(VerifyError::NotYetValid);
    }
    if !expect.allow_expired && expires.saturating_add(leeway) <= now {
        return Err(VerifyError::Expired);
    }
    Ok(())
}

/// F7: one string, or a list of strings only, that names us.
fn check_audience(claim: Option<&Value>, audience: &str) -> Result<(), VerifyError> {
    let ours = match claim {
        Some(Value::String(one)) => one == audience,
        Some(Value::Array(list)) => {
            list.iter().all(Value::is_string) && list.iter().any(|one| one.as_str() == Some(audience))
        }
        _ => false,
    };
    if ours { Ok(()) } else { Err(VerifyError::Audience) }
}

/// F6: a NumericDate must be a whole, non-negative number of seconds; anything else is not "absent" but refused.
fn time(claims: &Map<String, Value>, name: &str) -> Result<Option<i64>, VerifyError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_i64().filter(|seconds| *seconds >= 0).map(Some).ok_or(VerifyError::Time),
    }
}

#[cfg(test)]
#[path = "signing_tests.rs"]
pub(super) mod tests;
