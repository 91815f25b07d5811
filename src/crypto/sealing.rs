//! Sealing of personal data and keys at rest, keyed digests and blind indexes.

use super::KeyEncryptionKey;
use crate::base::Digest;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::{hkdf, hmac};
use std::fmt;
use zeroize::Zeroizing;

const FORMAT: u8 = 1;
const KEY_ID_LEN: usize = 4;
const HEAD_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;
const TAG_LEN: usize = 16;

/// Why a value was not sealed or did not open. Says nothing about the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// Too short, or of a format this version does not know.
    #[error("the sealed value has an unknown form")]
    Form,
    /// Sealed under a key-encryption key that this process does not hold.
    #[error("the sealed value needs a key-encryption key that is not loaded")]
    UnknownKey,
    /// Altered, moved to another row, or sealed for another purpose.
    #[error("the sealed value does not open")]
    NotAuthentic,
    /// The cipher refused to work.
    #[error("the cipher failed")]
    Cipher,
}

/// What a derived key is for: keys of different uses never meet, even under one purpose.
#[derive(Clone, Copy)]
enum Use {
    Seal = 1,
    Index = 2,
    Digest = 3,
    SealApart = 4,
}

#[derive(Clone)]
struct Root {
    id: [u8; KEY_ID_LEN],
    key: hkdf::Prk,
}

impl Root {
    fn new(kek: &KeyEncryptionKey) -> Self {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"dinhdanh sealing v1");
        Self { id: kek.id(), key: salt.extract(kek.bytes()) }
    }

    /// HKDF (RFC 5869): one key per use and purpose.
    fn derive(&self, usage: Use, purpose: &'static str) -> Result<Zeroizing<[u8; 32]>, SealError> {
        self.derive_for(usage, purpose, &[])
    }

    fn derive_for(&self, usage: Use, purpose: &'static str, lot: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let mut key = Zeroizing::new([0u8; 32]);
        let usage = [usage as u8];
        let info = [usage.as_slice(), purpose.as_bytes(), lot];
        let okm = self.key.expand(&info, hkdf::HKDF_SHA256).map_err(|_| SealError::Cipher)?;
        okm.fill(key.as_mut_slice()).map_err(|_| SealError::Cipher)?;
        Ok(key)
    }
}

/// Seals with the newest key-encryption key and opens with any it holds.
///
/// A sealed value is: format version (1 byte), key id (4), nonce (12, random), AES-256-GCM ciphertext and tag.
/// One purpose is good for 2^32 sealings under one key-encryption key (NIST SP 800-38D 8.3): rotate before that.
#[derive(Clone)]
pub struct Sealer {
    current: Root,
    older: Vec<Root>,
}

impl Sealer {
    /// Seals and opens with `kek`.
    pub fn new(kek: &KeyEncryptionKey) -> Self {
        Self { current: Root::new(kek), older: Vec::new() }
    }

    /// Also opens what was sealed under `kek`, which is no longer used for sealing.
    #[must_use]
    pub fn with_older(mut self, kek: &KeyEncryptionKey) -> Self {
        self.older.push(Root::new(kek));
        self
    }

    /// Seals `plain`. `address` says where the value lives (the row's id): it is authenticated, not stored, so a
    /// value that was moved to another row does not open.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when the cipher fails, which only happens for absurd sizes.
    pub fn seal(&self, purpose: &'static str, address: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.current.derive(Use::Seal, purpose)?;
        self.seal_with(&key, address, plain)
    }

    /// Opens a value sealed for the same purpose and address.
    ///
    /// # Errors
    /// See [`SealError`]; none of them tells what was inside.
    pub fn open(&self, purpose: &'static str, address: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open_with(|root| root.derive(Use::Seal, purpose), address, sealed)
    }

    /// Seals what is made so often that one key would wear out: each under a key of its own, derived for `lot`, which the
    /// caller makes anew for each from 128 random bits and keeps beside what is sealed.
    ///
    /// # Errors
    /// As [`Sealer::seal`].
    pub fn seal_apart(&self, purpose: &'static str, lot: &[u8; 16], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = self.current.derive_for(Use::SealApart, purpose, lot)?;
        self.seal_with(&key, lot, plain)
    }

    /// Opens what [`Sealer::seal_apart`] sealed for the same purpose and lot.
    ///
    /// # Errors
    /// See [`SealError`].
    pub fn open_apart(
        &self,
        purpose: &'static str,
        lot: &[u8; 16],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.open_with(|root| root.derive_for(Use::SealApart, purpose, lot), lot, sealed)
    }

    fn seal_with(&self, key: &[u8; 32], address: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| SealError::Cipher)?;
        let mut body = Vec::with_capacity(plain.len() + TAG_LEN);
        body.extend_from_slice(plain);
        let aad = Aad::from(associated(&self.current.id, address));
        let nonce = key.seal_in_place_append_tag(aad, &mut body).map_err(|_| SealError::Cipher)?;
        let mut sealed = Vec::with_capacity(HEAD_LEN + body.len());
        sealed.push(FORMAT);
        sealed.extend_from_slice(&self.current.id);
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&body);
        Ok(sealed)
    }

    fn open_with(
        &self,
        derive: impl Fn(&Root) -> Result<Zeroizing<[u8; 32]>, SealError>,
        address: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (head, body) = sealed.split_at_checked(HEAD_LEN).ok_or(SealError::Form)?;
        let (format, rest) = head.split_at_checked(1).ok_or(SealError::Form)?;
        let (id, nonce) = rest.split_at_checked(KEY_ID_LEN).ok_or(SealError::Form)?;
        if format != [FORMAT] || body.len() < TAG_LEN {
            return Err(SealError::Form);
        }
        let root = self.roots().find(|root| root.id == id).ok_or(SealError::UnknownKey)?;
        let key = derive(root)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| SealError::Cipher)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError::Form)?;
        let mut body = Zeroizing::new(body.to_vec());
        let aad = Aad::from(associated(&root.id, address));
        let length = key.open_in_place(nonce, aad, body.as_mut_slice()).map_err(|_| SealError::NotAuthentic)?.len();
        body.truncate(length);
        Ok(body)
    }

    /// Whether `sealed` should be sealed anew because its key-encryption key is no longer the current one.
    pub fn is_outdated(&self, sealed: &[u8]) -> bool {
        sealed.get(1..=KEY_ID_LEN) != Some(self.current.id.as_slice())
    }

    /// A keyed digest for exact look-up of a sealed value (HMAC-SHA-256). Normalise the value first.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when key derivation fails.
    pub fn blind_index(&self, purpose: &'static str, value: &[u8]) -> Result<[u8; 32], SealError> {
        Ok(*keyed(&self.current, Use::Index, purpose, &[value])?.as_bytes())
    }

    /// The blind indexes under the current key and every older one: what a look-up must try while rows are being
    /// sealed anew.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when key derivation fails.
    pub fn blind_indexes(&self, purpose: &'static str, value: &[u8]) -> Result<Vec<[u8; 32]>, SealError> {
        self.roots().map(|root| keyed(root, Use::Index, purpose, &[value]).map(|digest| *digest.as_bytes())).collect()
    }

    /// A keyed digest of several parts, each with its length before it, so that no two lists of parts look alike
    /// (J5): codes that are too short to be stored as a plain hash.
    ///
    /// # Errors
    /// [`SealError::Cipher`] when key derivation fails.
    pub fn keyed_digest(&self, purpose: &'static str, parts: &[&[u8]]) -> Result<Digest, SealError> {
        keyed(&self.current, Use::Digest, purpose, parts)
    }

    fn roots(&self) -> impl Iterator<Item = &Root> {
        std::iter::once(&self.current).chain(&self.older)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer {{ keys: {} }}", 1 + self.older.len())
    }
}

/// Format and key id are authenticated with the address.
fn associated(id: &[u8; KEY_ID_LEN], address: &[u8]) -> Vec<u8> {
    let mut aad = Vec::with_capacity(1 + KEY_ID_LEN + address.len());
    aad.push(FORMAT);
    aad.extend_from_slice(id);
    aad.extend_from_slice(address);
    aad
}

fn keyed(root: &Root, usage: Use, purpose: &'static str, parts: &[&[u8]]) -> Result<Digest, SealError> {
    let key = root.derive(usage, purpose)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
    let mut context = hmac::Context::with_key(&key);
    for part in parts {
        context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        context.update(part);
    }
    Digest::from_slice(context.sign().as_ref()).ok_or(SealError::Cipher)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SeededEntropy;

    fn kek(seed: u64) -> KeyEncryptionKey {
        KeyEncryptionKey::generate(&SeededEntropy::new(seed))
    }

    #[test]
    fn what_was_sealed_opens_again() {
        let sealer = Sealer::new(&kek(1));
        for plain in [b"".as_slice(), b"079301000001", &[0xff; 5_000]] {
            let sealed = sealer.seal("person.number", b"row-1", plain).unwrap();
            assert_eq!(sealed.len(), HEAD_LEN + plain.len() + TAG_LEN);
            assert_eq!(sealer.open("person.number", b"row-1", &sealed).unwrap().as_slice(), plain);
        }
    }

    #[test]
    fn a_value_opens_only_in_its_row_and_for_its_purpose() {
        let sealer = Sealer::new(&kek(1));
        let sealed = sealer.seal("person.number", b"row-1", b"079301000001").unwrap();
        assert_eq!(sealer.open("person.number", b"row-2", &sealed).unwrap_err(), SealError::NotAuthentic);
        assert_eq!(sealer.open("contact.value", b"row-1", &sealed).unwrap_err(), SealError::NotAuthentic);
    }

    #[test]
    fn what_is_sealed_apart_opens_for_its_lot_and_purpose_only() {
        let sealer = Sealer::new(&kek(1));
        let sealed = sealer.seal_apart("token", &[1; 16], b"x").unwrap();
        assert_eq!(sealer.open_apart("token", &[1; 16], &sealed).unwrap().as_slice(), b"x");
        assert!(sealer.open_apart("token", &[2; 16], &sealed).is_err());
        assert!(sealer.open_apart("other", &[1; 16], &sealed).is_err());
        assert!(sealer.open("token", &[1; 16], &sealed).is_err());
        assert!(sealer.open_apart("token", &[1; 16], &sealer.seal("token", &[1; 16], b"x").unwrap()).is_err());
        let rotated = Sealer::new(&kek(2)).with_older(&kek(1));
        assert_eq!(rotated.open_apart("token", &[1; 16], &sealed).unwrap().as_slice(), b"x");
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let sealer = Sealer::new(&kek(1));
        let sealed = sealer.seal("p", b"a", b"secret").unwrap();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[place] ^= 1 << bit;
                assert!(sealer.open("p", b"a", &changed).is_err(), "byte {place} bit {bit}");
            }
            assert!(sealer.open("p", b"a", &sealed[..place]).is_err());
        }
    }

    #[test]
    fn the_same_value_never_seals_alike() {
        let sealer = Sealer::new(&kek(1));
        assert_ne!(sealer.seal("p", b"a", b"x").unwrap(), sealer.seal("p", b"a", b"x").unwrap());
    }

    #[test]
    fn x29_an_older_key_still_opens_and_its_values_are_known_as_outdated() {
        let before = Sealer::new(&kek(1));
        let sealed = before.seal("p", b"a", b"x").unwrap();
        assert!(!before.is_outdated(&sealed));
        let after = Sealer::new(&kek(2)).with_older(&kek(1));
        assert_eq!(after.open("p", b"a", &sealed).unwrap().as_slice(), b"x");
        assert!(after.is_outdated(&sealed));
        assert!(after.blind_indexes("p", b"x").unwrap().contains(&before.blind_index("p", b"x").unwrap()));
        assert_eq!(Sealer::new(&kek(2)).open("p", b"a", &sealed).unwrap_err(), SealError::UnknownKey);
    }

    #[test]
    fn blind_indexes_depend_on_key_purpose_and_value() {
        let sealer = Sealer::new(&kek(1));
        let index = sealer.blind_index("phone", b"+84900000001").unwrap();
        assert_eq!(index, sealer.blind_index("phone", b"+84900000001").unwrap());
        assert_ne!(index, sealer.blind_index("phone", b"+84900000002").unwrap());
        assert_ne!(index, sealer.blind_index("email", b"+84900000001").unwrap());
        assert_ne!(index, Sealer::new(&kek(2)).blind_index("phone", b"+84900000001").unwrap());
        assert_ne!(&index, sealer.keyed_digest("phone", &[b"+84900000001"]).unwrap().as_bytes());
    }

    #[test]
    fn j5_parts_of_a_digest_do_not_run_together() {
        let sealer = Sealer::new(&kek(1));
        let digest = |parts: &[&[u8]]| sealer.keyed_digest("code", parts).unwrap();
        assert_ne!(digest(&[b"a:b", b"c"]), digest(&[b"a", b"b:c"]));
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b"a", b""]), digest(&[b"a"]));
    }

    #[test]
    fn i17_a_sealer_does_not_print_its_keys() {
        assert_eq!(format!("{:?}", Sealer::new(&kek(1))), "Sealer { keys: 1 }");
    }
}
