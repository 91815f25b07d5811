//! How content keys travel (RFC 7518 4.3, 4.6): to a client's public key, and back out with one of ours.

use super::header::Header;
use super::{JweError, content, encode, member};
use crate::crypto::signing::{GeneratedKey, KeyError};
use crate::protocol::Thumbprint;
use crate::protocol::encryption::{ContentEncryption, KeyManagement};
use aws_lc_rs::agreement::{self, ECDH_P256, ECDH_P384, UnparsedPublicKey};
use aws_lc_rs::digest::{Context, SHA256};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrap};
use aws_lc_rs::rsa::{
    KeyPair as RsaKeyPair, KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey, PublicKeyComponents,
};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, KeyPair as _, ParsedPublicKey,
};
use serde_json::{Map, Value, json};
use std::fmt;
use zeroize::Zeroizing;

const KEK_BYTES: usize = 32;

/// Curves of ECDH-ES.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

impl Curve {
    const fn algorithm(self) -> &'static agreement::Algorithm {
        match self {
            Self::P256 => &ECDH_P256,
            Self::P384 => &ECDH_P384,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
        }
    }

    const fn coordinate_bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    /// The curve and uncompressed point of a public EC JWK. Whether the point lies on the curve is checked when it is
    /// used (invalid-curve attacks end there).
    pub fn point(jwk: &Map<String, Value>) -> Result<(Self, Vec<u8>), JweError> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let curve = match (text("kty"), text("crv")) {
            (Some("EC"), Some("P-256")) => Self::P256,
            (Some("EC"), Some("P-384")) => Self::P384,
            _ => return Err(JweError::KeySet),
        };
        let (x, y) = (member(jwk, "x")?, member(jwk, "y")?);
        if [&x, &y].iter().any(|coordinate| coordinate.len() != curve.coordinate_bytes()) || jwk.contains_key("d") {
            return Err(JweError::KeySet);
        }
        Ok((curve, [&[4u8], x.as_slice(), y.as_slice()].concat()))
    }

    const fn verification(self) -> &'static EcdsaVerificationAlgorithm {
        match self {
            Self::P256 => &ECDSA_P256_SHA256_FIXED,
            Self::P384 => &ECDSA_P384_SHA384_FIXED,
        }
    }

    fn jwk(self, point: &[u8]) -> Option<Value> {
        let (_, coordinates) = point.split_at_checked(1)?;
        let (x, y) = coordinates.split_at_checked(self.coordinate_bytes())?;
        Some(json!({"kty": "EC", "crv": self.name(), "x": encode(x), "y": encode(y)}))
    }
}

enum Public {
    Rsa(OaepPublicEncryptingKey),
    Ec(Curve, Vec<u8>),
}

/// A client's public key, for one algorithm.
pub struct Recipient {
    algorithm: KeyManagement,
    kid: Option<String>,
    public: Public,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient {{ algorithm: {}, kid: {:?} }}", self.algorithm, self.kid)
    }
}

/// A content key and how it travels.
pub(super) struct Wrapped {
    pub content_key: Zeroizing<Vec<u8>>,
    pub wrapped_key: Vec<u8>,
    pub ephemeral: Option<Value>,
}

impl Recipient {
    /// The key of a client's set to encrypt to with `algorithm` (RFC 7517 4.2 to 4.4): the first that says it is for
    /// encryption, else the first that does not say what it is for.
    ///
    /// # Errors
    /// [`JweError::KeySet`] for a set or key that cannot be read, [`JweError::UnknownKey`] when none fits.
    pub fn from_jwks(jwks: &Value, algorithm: KeyManagement) -> Result<Self, JweError> {
        let keys = jwks.get("keys").and_then(Value::as_array).ok_or(JweError::KeySet)?;
        let fitting = || keys.iter().filter_map(Value::as_object).filter(|jwk| algorithm.fits(jwk));
        let said = fitting().filter(|jwk| jwk.contains_key("use"));
        let unsaid = fitting().filter(|jwk| !jwk.contains_key("use"));
        let mut outcome = JweError::UnknownKey;
        // A broken key beside a good one is passed over: found out later, it would cost the client its code.
        for jwk in said.chain(unsaid) {
            match Self::from_jwk(jwk, algorithm) {
                Ok(recipient) => return Ok(recipient),
                Err(error) => outcome = error,
            }
        }
        Err(outcome)
    }

    fn from_jwk(jwk: &Map<String, Value>, algorithm: KeyManagement) -> Result<Self, JweError> {
        let public = match algorithm {
            KeyManagement::RsaOaep256 => Public::Rsa(rsa_public(jwk)?),
            KeyManagement::EcdhEs | KeyManagement::EcdhEsA256kw => {
                let (curve, point) = Curve::point(jwk)?;
                // Reading it for signatures says whether it lies on its curve.
                ParsedPublicKey::new(curve.verification(), &point).map_err(|_| JweError::KeySet)?;
                Public::Ec(curve, point)
            }
        };
        Ok(Self { algorithm, kid: jwk.get("kid").and_then(Value::as_str).map(str::to_owned), public })
    }

    /// How it is encrypted to.
    pub const fn algorithm(&self) -> KeyManagement {
        self.algorithm
    }

    /// The key's name in the client's set.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(super) fn wrap(&self, encryption: ContentEncryption) -> Result<Wrapped, JweError> {
        match &self.public {
            Public::Rsa(key) => {
                let content_key = content::fresh_key(encryption)?;
                let mut wrapped_key = vec![0; key.ciphertext_size()];
                let sealed = key.encrypt(&OAEP_SHA256_MGF1SHA256, &content_key, &mut wrapped_key, None);
                sealed.map_err(|_| JweError::Cipher)?;
                Ok(Wrapped { content_key, wrapped_key, ephemeral: None })
            }
            Public::Ec(curve, point) => {
                let own = agreement::PrivateKey::generate(curve.algorithm()).map_err(|_| JweError::Cipher)?;
                let own_point = own.compute_public_key().map_err(|_| JweError::Cipher)?;
                let ephemeral = curve.jwk(own_point.as_ref()).ok_or(JweError::Cipher)?;
                let key = agree(self.algorithm, encryption, &own, (*curve, point, &[], &[]))?;
                if self.algorithm == KeyManagement::EcdhEs {
                    return Ok(Wrapped { content_key: key, wrapped_key: Vec::new(), ephemeral: Some(ephemeral) });
                }
                let content_key = content::fresh_key(encryption)?;
                let mut wrapped_key = vec![0; content_key.len() + 8];
                let kek = AesKek::new(&AES_256, &key).map_err(|_| JweError::Cipher)?;
                let length = kek.wrap(&content_key, &mut wrapped_key).map_err(|_| JweError::Cipher)?.len();
                wrapped_key.truncate(length);
                Ok(Wrapped { content_key, wrapped_key, ephemeral: Some(ephemeral) })
            }
        }
    }
}

fn rsa_public(jwk: &Map<String, Value>) -> Result<OaepPublicEncryptingKey, JweError> {
    let (n, e) = (member(jwk, "n")?, member(jwk, "e")?);
    if !(256..=512).contains(&n.len()) || !(1..=4).contains(&e.len()) {
        return Err(JweError::KeySet);
    }
    let key: PublicEncryptingKey = PublicKeyComponents { n, e }.try_into().map_err(|_| JweError::KeySet)?;
    OaepPublicEncryptingKey::new(key).map_err(|_| JweError::KeySet)
}

/// The other party's point with its curve, `apu` and `apv`.
type Peer<'a> = (Curve, &'a [u8], &'a [u8], &'a [u8]);

/// RFC 7518 4.6: agreement and key derivation; the content key itself, or the key that wraps it.
fn agree(
    algorithm: KeyManagement,
    encryption: ContentEncryption,
    own: &agreement::PrivateKey,
    (curve, point, party_u, party_v): Peer<'_>,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let (name, length) = match algorithm {
        KeyManagement::EcdhEs => (encryption.as_str(), content::key_bytes(encryption)),
        _ => (algorithm.as_str(), KEK_BYTES),
    };
    let peer = UnparsedPublicKey::new(curve.algorithm(), point);
    agreement::agree(own, peer, JweError::NotAuthentic, |shared| Ok(derive(shared, name, length, (party_u, party_v))))
}

/// The Concat KDF of RFC 7518 4.6.2 with SHA-256; no key here is longer than one round gives.
pub(super) fn derive(
    shared: &[u8],
    name: &str,
    length: usize,
    (party_u, party_v): (&[u8], &[u8]),
) -> Zeroizing<Vec<u8>> {
    let number = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
    let mut context = Context::new(&SHA256);
    context.update(&1u32.to_be_bytes());
    context.update(shared);
    for part in [name.as_bytes(), party_u, party_v] {
        context.update(&number(part.len()));
        context.update(part);
    }
    context.update(&number(length.saturating_mul(8)));
    let mut key = Zeroizing::new(context.finish().as_ref().to_vec());
    key.truncate(length);
    key
}

/// A private key of ours.
pub(super) enum Private {
    Rsa(Box<OaepPrivateDecryptingKey>),
    Ec(agreement::PrivateKey),
}

impl Private {
    pub fn parse(algorithm: KeyManagement, pkcs8: &[u8]) -> Option<Self> {
        match algorithm {
            KeyManagement::RsaOaep256 => {
                let key = PrivateDecryptingKey::from_pkcs8(pkcs8).ok()?;
                OaepPrivateDecryptingKey::new(key).ok().map(|key| Self::Rsa(Box::new(key)))
            }
            _ => agreement::PrivateKey::from_private_key_der(&ECDH_P256, pkcs8).ok().map(Self::Ec),
        }
    }

    /// The content key of a JWE whose header names the algorithm of this key.
    ///
    /// RFC 7516 11.5: a key that does not unwrap is replaced by a random one, so that only one thing can be seen to fail.
    pub fn unwrap(&self, header: &Header, wrapped_key: &[u8]) -> Result<Zeroizing<Vec<u8>>, JweError> {
        match self {
            Self::Rsa(key) => {
                let mut buffer = Zeroizing::new(vec![0; key.min_output_size()]);
                match key.decrypt(&OAEP_SHA256_MGF1SHA256, wrapped_key, &mut buffer, None) {
                    Ok(plain) if plain.len() == content::key_bytes(header.encryption) => {
                        Ok(Zeroizing::new(plain.to_vec()))
                    }
                    _ => content::fresh_key(header.encryption),
                }
            }
            Self::Ec(own) => {
                let (curve, point) = header.ephemeral.as_ref().ok_or(JweError::Header)?;
                let peer = (*curve, point.as_slice(), header.party_u.as_slice(), header.party_v.as_slice());
                let key = agree(header.algorithm, header.encryption, own, peer)?;
                if header.algorithm == KeyManagement::EcdhEs {
                    return if wrapped_key.is_empty() { Ok(key) } else { Err(JweError::Malformed) };
                }
                // The wrapped key is 8 bytes longer than the content key: any other length is no wrapped key.
                let length = content::key_bytes(header.encryption);
                let mut plain = Zeroizing::new(vec![0; length]);
                let kek = AesKek::new(&AES_256, &key).map_err(|_| JweError::Cipher)?;
                let fits = wrapped_key.len() == length + 8;
                if fits && kek.unwrap(wrapped_key, &mut plain).is_ok_and(|opened| opened.len() == length) {
                    Ok(plain)
                } else {
                    content::fresh_key(header.encryption)
                }
            }
        }
    }
}

/// Makes a key for others to encrypt to: P-256, or RSA with 3072 bits, which takes up to a second.
///
/// # Errors
/// [`KeyError::Generation`].
pub fn generate_encryption_key(algorithm: KeyManagement) -> Result<GeneratedKey, KeyError> {
    let failed = |_| KeyError::Generation;
    let pkcs8 = match algorithm {
        KeyManagement::RsaOaep256 => {
            let key = RsaKeyPair::generate(KeySize::Rsa3072).map_err(failed)?;
            AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(failed)?.as_ref().to_vec()
        }
        _ => {
            let key = agreement::PrivateKey::generate(&ECDH_P256).map_err(failed)?;
            AsDer::<Pkcs8V1Der<'_>>::as_der(&key).map_err(failed)?.as_ref().to_vec()
        }
    };
    let pkcs8 = Zeroizing::new(pkcs8);
    let public_jwk = public_jwk(algorithm, &pkcs8).ok_or(KeyError::Generation)?;
    let kid = public_jwk.get("kid").and_then(Value::as_str).ok_or(KeyError::Generation)?.to_owned();
    Ok(GeneratedKey { pkcs8, public_jwk, kid })
}

/// The public members only, read from the private key itself, with `kid`, `alg` and `use`.
pub(super) fn public_jwk(algorithm: KeyManagement, pkcs8: &[u8]) -> Option<Value> {
    let mut jwk = match algorithm {
        KeyManagement::RsaOaep256 => {
            let key = RsaKeyPair::from_pkcs8(pkcs8).ok()?;
            let (n, e) = (key.public_key().modulus(), key.public_key().exponent());
            let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
            json!({"kty": "RSA", "n": encode(n), "e": encode(e)})
        }
        _ => {
            let key = agreement::PrivateKey::from_private_key_der(&ECDH_P256, pkcs8).ok()?;
            Curve::P256.jwk(key.compute_public_key().ok()?.as_ref())?
        }
    };
    let members = jwk.as_object_mut()?;
    let kid = Thumbprint::of_jwk(members).ok()?;
    members.insert("kid".into(), kid.as_str().into());
    members.insert("alg".into(), algorithm.as_str().into());
    members.insert("use".into(), "enc".into());
    Some(jwk)
}
