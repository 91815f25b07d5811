//! Assertions signed by clients, verified with the keys the client registered (RFC 7523 3, Core 9).

use super::compact::Compact;
use super::public_key::{PublicKey, fits};
use super::{SigningAlgorithm, VerifyError};
use serde_json::{Map, Value};

/// At most this many keys of a set are tried when the token names none.
const MAX_KEYS: usize = 16;

/// The members of a JSON object.
type Members = Map<String, Value>;

/// Verifies the signature of a client's JWS with the client's registered key set, and nothing else: issuer, audience,
/// times, `jti` and `typ` are the caller's rules. Gives header and claims.
///
/// The algorithm must be one of `allowed` **and** fit the key: an HMAC over a public key, `none` and a key of another
/// type never get as far as a signature (F5).
///
/// # Errors
/// The first rule it breaks.
pub fn verify_with_jwks(
    jwt: &str,
    jwks: &Value,
    allowed: &[SigningAlgorithm],
) -> Result<(Members, Members), VerifyError> {
    let token = Compact::parse(jwt)?;
    let algorithm: SigningAlgorithm = token.text("alg")?.ok_or(VerifyError::Algorithm)?.parse()?;
    if !allowed.contains(&algorithm) {
        return Err(VerifyError::Algorithm);
    }
    let kid = token.text("kid")?;
    let keys = jwks.get("keys").and_then(Value::as_array).ok_or(VerifyError::KeySet)?;
    let candidates = keys.iter().filter_map(Value::as_object).filter(|jwk| named(jwk, kid) && fits(jwk, algorithm));
    let mut outcome = VerifyError::UnknownKey;
    for jwk in candidates.take(MAX_KEYS) {
        match PublicKey::from_jwk(jwk, algorithm).and_then(|key| key.verify(token.message, &token.signature)) {
            Ok(()) => return Ok((token.header, token.claims)),
            Err(error) => outcome = error,
        }
    }
    Err(outcome)
}

/// Verifies a DPoP proof's signature with the key it brings in its `jwk` header (RFC 9449 4.3, step 7), and nothing else:
/// [`crate::protocol::dpop::Proof`] judges the rest. Such a signature proves who holds the key, never who that is.
///
/// # Errors
/// The first rule it breaks.
pub fn verify_with_own_key(jwt: &str, allowed: &[SigningAlgorithm]) -> Result<(), VerifyError> {
    let token = Compact::parse_but(jwt, Some("jwk"))?;
    let algorithm: SigningAlgorithm = token.text("alg")?.ok_or(VerifyError::Algorithm)?.parse()?;
    if !allowed.contains(&algorithm) {
        return Err(VerifyError::Algorithm);
    }
    let jwk = token.header.get("jwk").and_then(Value::as_object).ok_or(VerifyError::KeySet)?;
    PublicKey::from_jwk(jwk, algorithm)?.verify(token.message, &token.signature)
}

/// A token that names a key is verified with a key of that name only; one that names none, with any that fits.
fn named(jwk: &Members, kid: Option<&str>) -> bool {
    kid.is_none_or(|kid| jwk.get("kid").and_then(Value::as_str) == Some(kid))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::signing::tests::{forge, made};
    use crate::crypto::{JWS_MAX_BYTES, generate};
    use aws_lc_rs::hmac;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use serde_json::json;

    const ALL: &[SigningAlgorithm] = &SigningAlgorithm::ALL;

    fn set(algorithms: &[SigningAlgorithm]) -> Value {
        json!({"keys": algorithms.iter().map(|a| made(*a).public_jwk.clone()).collect::<Vec<_>>()})
    }

    fn claims() -> Value {
        json!({"iss": "portal", "jti": "1"})
    }

    fn refusal(jwt: &str, jwks: &Value, allowed: &[SigningAlgorithm]) -> VerifyError {
        verify_with_jwks(jwt, jwks, allowed).unwrap_err()
    }

    /// A client that uses another library (jsonwebtoken) is understood, in all four algorithms.
    #[test]
    fn assertions_of_another_library_pass() {
        for algorithm in ALL {
            let pkcs8 = STANDARD.encode(made(*algorithm).pkcs8.as_slice());
            let pem = format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----\n");
            let key = match algorithm {
                SigningAlgorithm::Es256 => jsonwebtoken::EncodingKey::from_ec_pem(pem.as_bytes()),
                SigningAlgorithm::EdDsa => jsonwebtoken::EncodingKey::from_ed_pem(pem.as_bytes()),
                _ => jsonwebtoken::EncodingKey::from_rsa_pem(pem.as_bytes()),
            };
            let mut header = jsonwebtoken::Header::new(algorithm.as_str().parse().unwrap());
            header.kid = Some(made(*algorithm).kid.clone());
            let jwt = jsonwebtoken::encode(&header, &claims(), &key.unwrap()).unwrap();
            let (header, body) = verify_with_jwks(&jwt, &set(ALL), ALL).unwrap();
            assert_eq!((header["alg"].as_str(), Value::Object(body)), (Some(algorithm.as_str()), claims()));
        }
    }

    #[test]
    fn a_token_without_kid_is_tried_with_every_fitting_key() {
        let jwt = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256"}), &claims());
        let other = generate(SigningAlgorithm::Es256).unwrap().public_jwk;
        let jwks = json!({"keys": [other, made(SigningAlgorithm::Es256).public_jwk]});
        assert!(verify_with_jwks(&jwt, &jwks, ALL).is_ok());
        assert_eq!(refusal(&jwt, &json!({"keys": [other]}), ALL), VerifyError::Signature);
    }

    #[test]
    fn f5_none_in_any_spelling_is_refused() {
        for alg in ["none", "nOnE", "NONE", "None", ""] {
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": alg}).to_string());
            let body = URL_SAFE_NO_PAD.encode(claims().to_string());
            assert_eq!(refusal(&format!("{header}.{body}."), &set(ALL), ALL), VerifyError::Signature);
            assert_eq!(refusal(&format!("{header}.{body}.AAAA"), &set(ALL), ALL), VerifyError::Algorithm);
        }
    }

    #[test]
    fn f5_an_hmac_keyed_with_the_public_key_is_refused() {
        let public = &made(SigningAlgorithm::Rs256).public_jwk;
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", public["n"].as_str().unwrap());
        for secret in [pem, public.to_string(), public["n"].as_str().unwrap().to_owned()] {
            let header = URL_SAFE_NO_PAD.encode(json!({"alg": "HS256", "kid": public["kid"]}).to_string());
            let message = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims().to_string()));
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
            let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, message.as_bytes()));
            assert_eq!(refusal(&format!("{message}.{tag}"), &set(ALL), ALL), VerifyError::Algorithm);
        }
        let oct =
            json!({"keys": [{"kty": "oct", "k": "AAAA", "alg": "HS256"}, {"kty": "oct", "k": "AAAA", "alg": "ES256"}]});
        let jwt = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256"}), &claims());
        assert_eq!(refusal(&jwt, &oct, ALL), VerifyError::UnknownKey);
    }

    #[test]
    fn f5_an_algorithm_that_is_not_the_keys_is_refused() {
        let rs = &made(SigningAlgorithm::Rs256).kid;
        let as_ps = forge(SigningAlgorithm::Ps256, &json!({"alg": "PS256", "kid": rs}), &claims());
        assert_eq!(refusal(&as_ps, &set(ALL), ALL), VerifyError::UnknownKey);
        let as_es = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256", "kid": rs}), &claims());
        assert_eq!(refusal(&as_es, &set(ALL), ALL), VerifyError::UnknownKey);
        let es = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256"}), &claims());
        assert_eq!(refusal(&es, &set(ALL), &[SigningAlgorithm::Rs256]), VerifyError::Algorithm);
    }

    #[test]
    fn f8_key_ids_are_compared_not_interpreted() {
        for kid in ["../../x", "' OR 1=1 --", "", "0", "\u{0}"] {
            let jwt = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256", "kid": kid}), &claims());
            assert_eq!(refusal(&jwt, &set(ALL), ALL), VerifyError::UnknownKey, "{kid:?}");
        }
        for name in ["jwk", "jku", "x5u", "x5c", "crit"] {
            let jwt = forge(
                SigningAlgorithm::Es256,
                &json!({"alg": "ES256", name: made(SigningAlgorithm::Es256).public_jwk}),
                &claims(),
            );
            assert_eq!(refusal(&jwt, &set(ALL), ALL), VerifyError::Header, "{name}");
        }
    }

    #[test]
    fn keys_that_are_weak_or_meant_for_something_else_are_refused() {
        let jwt = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256"}), &claims());
        let changed = |name: &str, value: Value| {
            let mut jwk = made(SigningAlgorithm::Es256).public_jwk.clone();
            jwk[name] = value;
            json!({"keys": [jwk]})
        };
        for (name, value) in [
            ("use", json!("enc")),
            ("use", json!(7)),
            ("alg", json!("ES384")),
            ("key_ops", json!(["sign"])),
            ("key_ops", json!("verify")),
            ("crv", json!("P-384")),
            ("kty", json!("OKP")),
        ] {
            assert_eq!(refusal(&jwt, &changed(name, value.clone()), ALL), VerifyError::UnknownKey, "{name} {value}");
        }
        for (name, value) in
            [("x", json!("AAAA")), ("x", json!(7)), ("y", json!("")), ("x", json!("*")), ("y", json!("A".repeat(43)))]
        {
            assert_eq!(refusal(&jwt, &changed(name, value.clone()), ALL), VerifyError::KeySet, "{name} {value}");
        }
        assert!(verify_with_jwks(&jwt, &changed("key_ops", json!(["verify"])), ALL).is_ok());
        let rsa = forge(SigningAlgorithm::Rs256, &json!({"alg": "RS256"}), &claims());
        for (n, e) in [(128, "AQAB"), (1_024, "AQAB"), (256, "AQABAQABAQAB"), (256, "AA")] {
            let n = URL_SAFE_NO_PAD.encode(vec![0xffu8; n]);
            let jwks = json!({"keys": [{"kty": "RSA", "n": n, "e": e}]});
            assert!(matches!(refusal(&rsa, &jwks, ALL), VerifyError::KeySet | VerifyError::Signature));
        }
    }

    #[test]
    fn odd_key_sets_are_refused() {
        let jwt = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256"}), &claims());
        for jwks in [json!(null), json!([]), json!({}), json!({"keys": {}}), json!("x")] {
            assert_eq!(refusal(&jwt, &jwks, ALL), VerifyError::KeySet);
        }
        assert_eq!(refusal(&jwt, &json!({"keys": [7, null, []]}), ALL), VerifyError::UnknownKey);
    }

    #[test]
    fn f10_a_token_beyond_8_kib_is_refused_unread() {
        let jwt = forge(SigningAlgorithm::Es256, &json!({"alg": "ES256"}), &json!({"pad": "a".repeat(JWS_MAX_BYTES)}));
        assert_eq!(refusal(&jwt, &set(ALL), ALL), VerifyError::TooLong);
    }
}
