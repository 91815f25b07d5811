//! Content encryption (RFC 7518 5.2, 5.3).

use super::JweError;
use crate::protocol::encryption::ContentEncryption;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    self, DecryptionContext, EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, hmac, rand};
use zeroize::Zeroizing;

const TAG_BYTES: usize = 16;
const CBC_IV_BYTES: usize = 16;
const CBC_HALF_KEY_BYTES: usize = 16;

/// The last three parts of a JWE.
pub(super) struct Sealed {
    pub iv: Vec<u8>,
    pub ciphertext: Vec<u8>,
    pub tag: Vec<u8>,
}

/// Bytes of a content key.
pub(super) const fn key_bytes(encryption: ContentEncryption) -> usize {
    match encryption {
        ContentEncryption::A128Gcm => 16,
        ContentEncryption::A256Gcm | ContentEncryption::A128CbcHs256 => 32,
    }
}

/// A fresh content key.
pub(super) fn fresh_key(encryption: ContentEncryption) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let mut key = Zeroizing::new(vec![0; key_bytes(encryption)]);
    rand::fill(&mut key).map_err(|_| JweError::Cipher)?;
    Ok(key)
}

pub(super) fn seal(
    encryption: ContentEncryption,
    key: &[u8],
    associated: &[u8],
    plain: &[u8],
) -> Result<Sealed, JweError> {
    let length = if encryption == ContentEncryption::A128CbcHs256 { CBC_IV_BYTES } else { NONCE_LEN };
    let mut iv = vec![0; length];
    rand::fill(&mut iv).map_err(|_| JweError::Cipher)?;
    seal_with_iv(encryption, key, iv, (associated, plain))
}

/// The iv is fresh for this key: every JWE has a content key of its own.
pub(super) fn seal_with_iv(
    encryption: ContentEncryption,
    key: &[u8],
    iv: Vec<u8>,
    (associated, plain): (&[u8], &[u8]),
) -> Result<Sealed, JweError> {
    let mut buffer = plain.to_vec();
    if encryption == ContentEncryption::A128CbcHs256 {
        let (mac_key, cipher_key) = key.split_at_checked(CBC_HALF_KEY_BYTES).ok_or(JweError::Cipher)?;
        let cipher_key = UnboundCipherKey::new(&cipher::AES_128, cipher_key).map_err(|_| JweError::Cipher)?;
        let cipher_key = PaddedBlockEncryptingKey::cbc_pkcs7(cipher_key).map_err(|_| JweError::Cipher)?;
        let context = EncryptionContext::Iv128(fixed(&iv)?);
        cipher_key.less_safe_encrypt(&mut buffer, context).map_err(|_| JweError::Cipher)?;
        let tag = mac(mac_key, associated, &iv, &buffer);
        return Ok(Sealed { iv, ciphertext: buffer, tag });
    }
    let nonce = Nonce::try_assume_unique_for_key(&iv).map_err(|_| JweError::Cipher)?;
    let tag = gcm(encryption, key)?
        .seal_in_place_separate_tag(nonce, Aad::from(associated), &mut buffer)
        .map_err(|_| JweError::Cipher)?;
    Ok(Sealed { iv, ciphertext: buffer, tag: tag.as_ref().to_vec() })
}

/// RFC 7518 5.2.2.2, 5.3: nothing is decrypted before the tag is right.
pub(super) fn open(
    encryption: ContentEncryption,
    key: &[u8],
    associated: &[u8],
    sealed: &Sealed,
) -> Result<Zeroizing<Vec<u8>>, JweError> {
    let refused = JweError::NotAuthentic;
    // A cut tag would be one that can be guessed.
    if sealed.tag.len() != TAG_BYTES || key.len() != key_bytes(encryption) {
        return Err(refused);
    }
    let mut buffer = Zeroizing::new(sealed.ciphertext.clone());
    let length = if encryption == ContentEncryption::A128CbcHs256 {
        let (mac_key, cipher_key) = key.split_at_checked(CBC_HALF_KEY_BYTES).ok_or(JweError::Cipher)?;
        let iv = fixed(&sealed.iv).map_err(|_| refused)?;
        let expected = mac(mac_key, associated, &sealed.iv, &sealed.ciphertext);
        constant_time::verify_slices_are_equal(&expected, &sealed.tag).map_err(|_| refused)?;
        let cipher_key = UnboundCipherKey::new(&cipher::AES_128, cipher_key).map_err(|_| JweError::Cipher)?;
        let cipher_key = PaddedBlockDecryptingKey::cbc_pkcs7(cipher_key).map_err(|_| JweError::Cipher)?;
        cipher_key.decrypt(&mut buffer, DecryptionContext::Iv128(iv)).map_err(|_| refused)?.len()
    } else {
        buffer.extend_from_slice(&sealed.tag);
        let nonce = Nonce::try_assume_unique_for_key(&sealed.iv).map_err(|_| refused)?;
        gcm(encryption, key)?.open_in_place(nonce, Aad::from(associated), &mut buffer).map_err(|_| refused)?.len()
    };
    buffer.truncate(length);
    Ok(buffer)
}

fn gcm(encryption: ContentEncryption, key: &[u8]) -> Result<LessSafeKey, JweError> {
    let algorithm = if encryption == ContentEncryption::A128Gcm { &AES_128_GCM } else { &AES_256_GCM };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| JweError::Cipher)
}

fn fixed(iv: &[u8]) -> Result<FixedLength<CBC_IV_BYTES>, JweError> {
    let iv: &[u8; CBC_IV_BYTES] = iv.try_into().map_err(|_| JweError::Cipher)?;
    Ok(FixedLength::from(iv))
}

/// RFC 7518 5.2.2.1 steps 4 to 6: the first half of HMAC-SHA-256 over header, iv, ciphertext and the header's bits.
fn mac(key: &[u8], associated: &[u8], iv: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let bits = u64::try_from(associated.len()).unwrap_or(u64::MAX).saturating_mul(8);
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in [associated, iv, ciphertext, &bits.to_be_bytes()] {
        context.update(part);
    }
    let mut tag = context.sign().as_ref().to_vec();
    tag.truncate(TAG_BYTES);
    tag
}
