//! One test a verification step: a valid ceremony of a software authenticator, one thing broken, signed anew where the
//! signature would notice, and the exact refusal.

use super::*;
use crate::crypto::PasskeyError as E;
use serde_cbor_2::Value as Cbor;
use serde_json::json;

#[path = "../../integration-tests/lib/authenticator.rs"]
#[expect(dead_code, reason = "shared with other tests, which do more with it")]
mod authenticator;

use authenticator::{Authenticator, bytes};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const PERSON: Uuid = Uuid::from_u128(0x0197_0000_0000_7000_8000_0000_0000_0001);
const AAGUID: [u8; 16] = [7; 16];
const ORIGIN: &str = "https://id.example.vn";

/// A person with a browser and, after [`Bench::registered`], one passkey.
struct Bench {
    passkeys: Passkeys,
    device: Authenticator,
}

impl Bench {
    fn new() -> Self {
        let passkeys = Passkeys::new("id.example.vn", &Url::parse(ORIGIN).unwrap(), "Định danh").unwrap();
        let mut device = Authenticator::new(ORIGIN);
        device.aaguid = AAGUID;
        Self { passkeys, device }
    }

    fn start_registration(&self) -> Ceremony {
        self.passkeys.start_registration(PERSON, "079301000001", "Nguyễn Văn A", Vec::new(), NOW).unwrap()
    }

    fn start_authentication(&self) -> Ceremony {
        self.passkeys.start_authentication(false, NOW).unwrap()
    }

    /// A begun registration and its valid answer.
    async fn registration(&mut self) -> (Ceremony, Value) {
        let ceremony = self.start_registration();
        let answer = self.device.create(&ceremony.options).await;
        (ceremony, answer)
    }

    async fn registered(counts: bool) -> (Self, NewPasskey) {
        let mut bench = Self::new();
        bench.device.counts = counts;
        let (ceremony, answer) = bench.registration().await;
        let made = bench.finish_registration(&ceremony, &answer).unwrap();
        (bench, made)
    }

    /// A begun sign-in and its valid answer.
    async fn authentication(&mut self) -> (Ceremony, Value) {
        let ceremony = self.start_authentication();
        let answer = self.device.get(&ceremony.options).await;
        (ceremony, answer)
    }

    fn finish_registration(&self, ceremony: &Ceremony, answer: &Value) -> Result<NewPasskey, E> {
        self.passkeys.finish_registration(&answer.to_string(), &ceremony.state, NOW)
    }

    fn finish_authentication(&self, ceremony: &Ceremony, answer: &Value, stored: &str) -> Result<Authenticated, E> {
        self.passkeys.finish_authentication(&answer.to_string(), &ceremony.state, stored, NOW)
    }
}

fn encoded(bytes: &[u8]) -> Value {
    URL_SAFE_NO_PAD.encode(bytes).into()
}

/// Changes one member of the client data; `Value::Null` removes it.
fn set_client_data(answer: &mut Value, name: &str, value: Value) {
    let mut data: Value = serde_json::from_slice(&bytes(&answer["response"]["clientDataJSON"])).unwrap();
    data[name] = value;
    answer["response"]["clientDataJSON"] = encoded(data.to_string().as_bytes());
}

/// Changes the authenticator data inside a registration's attestation object.
fn change_attested(answer: &mut Value, change: impl FnOnce(&mut Vec<u8>)) {
    let Cbor::Map(mut members) = serde_cbor_2::from_slice(&bytes(&answer["response"]["attestationObject"])).unwrap()
    else {
        panic!("an attestation object is a map")
    };
    let Some(Cbor::Bytes(data)) = members.get_mut(&Cbor::Text("authData".to_owned())) else { panic!("authData") };
    change(data);
    answer["response"]["attestationObject"] = encoded(&serde_cbor_2::to_vec(&Cbor::Map(members)).unwrap());
}

/// Puts another credential id into attested credential data (6.5.1: length at 53, id from 55).
fn set_attested_id(data: &mut Vec<u8>, id: &[u8]) {
    let old = usize::from(u16::from_be_bytes([data[53], data[54]]));
    let length = u16::try_from(id.len()).unwrap().to_be_bytes();
    data.splice(53..55 + old, [length.as_slice(), id].concat());
}

/// Changes the authenticator data of a sign-in.
fn change_data(answer: &mut Value, change: impl FnOnce(&mut Vec<u8>)) {
    let mut data = bytes(&answer["response"]["authenticatorData"]);
    change(&mut data);
    answer["response"]["authenticatorData"] = encoded(&data);
}

const FLAGS: usize = 32;
const UP: u8 = 0x01;
const UV: u8 = 0x04;
const BE: u8 = 0x08;
const BS: u8 = 0x10;

/// L1: everything that looks like our origin and is not.
const FOREIGN_ORIGINS: [&str; 14] = [
    "https://badid.example.vn",
    "https://bad.id.example.vn",
    "https://id.example.vn.evil",
    "https://id.example.vn.",
    "https://example.vn",
    "http://id.example.vn",
    "https://id.example.vn:8443",
    "https://id.example.vn:443",
    "https://id.example.vn/",
    "https://id.example.vn/path",
    "https://user@id.example.vn",
    "https://ID.example.vn",
    "null",
    "android:apk-key-hash:AAAA",
];

#[tokio::test]
async fn a_passkey_is_made_and_signs_in() {
    let (mut bench, made) = Bench::registered(false).await;
    assert_eq!(made.person, PERSON);
    assert_eq!(made.aaguid, Some(Uuid::from_bytes(AAGUID)));
    assert_eq!(made.transports, ["internal", "hybrid"]);
    assert!(made.credential_id.len() >= 16);
    for _ in 0..2 {
        let (ceremony, answer) = bench.authentication().await;
        assert_eq!(bench.passkeys.identify(&answer.to_string()), Ok((PERSON, made.credential_id.clone())));
        let outcome = bench.finish_authentication(&ceremony, &answer, &made.state_json).unwrap();
        assert!(outcome.user_verified);
        assert_eq!((outcome.backed_up, outcome.updated_state_json), (made.backed_up, None));
    }
}

#[test]
fn the_options_ask_for_a_discoverable_verified_passkey() {
    let bench = Bench::new();
    let ceremony = bench.passkeys.start_registration(PERSON, "n", "N", vec![vec![1; 16], vec![2; 16]], NOW).unwrap();
    let options = &ceremony.options["publicKey"];
    assert_eq!(options["rp"], json!({"id": "id.example.vn", "name": "Định danh"}));
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["requireResidentKey"], true);
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["hints"], json!(["client-device"]));
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 2);
    assert_eq!(bytes(&options["user"]["id"]), PERSON.as_bytes());
    let algorithms: Vec<i64> =
        options["pubKeyCredParams"].as_array().unwrap().iter().map(|one| one["alg"].as_i64().unwrap()).collect();
    assert!(algorithms.contains(&-7) && algorithms.contains(&-257), "{algorithms:?}");

    let button = bench.passkeys.start_authentication(false, NOW).unwrap().options;
    assert_eq!(button["publicKey"]["userVerification"], "required");
    assert_eq!(button["publicKey"]["allowCredentials"], json!([]));
    assert!(button.get("mediation").is_none());
    let autofill = bench.passkeys.start_authentication(true, NOW).unwrap().options;
    assert_eq!(autofill["mediation"], "conditional");
}

#[test]
fn challenges_are_long_and_differ() {
    let bench = Bench::new();
    let states: Vec<String> = (0..100).map(|_| bench.start_authentication().state).collect();
    let digests: std::collections::HashSet<[u8; 32]> =
        states.iter().map(|state| *challenge_digest(state).unwrap().as_bytes()).collect();
    assert_eq!(digests.len(), 100);
    assert!(bytes(&bench.start_authentication().options["publicKey"]["challenge"]).len() >= 16);
    assert_eq!(challenge_digest("{}"), Err(E::State));
}

#[test]
fn a_relying_party_needs_a_fitting_secure_origin() {
    let new = |rp_id: &str, origin: &str| Passkeys::new(rp_id, &Url::parse(origin).unwrap(), "x").err();
    assert_eq!(new("id.example.vn", "https://id.example.vn"), None);
    assert_eq!(new("localhost", "http://localhost:8080"), None);
    for (rp_id, origin) in [
        ("id.example.vn", "http://id.example.vn"),
        ("example.com", "https://badexample.com"),
        ("id.example.vn", "https://example.vn"),
        ("127.0.0.1", "https://127.0.0.1"),
        ("localhost", "http://127.0.0.1:8080"),
    ] {
        assert_eq!(new(rp_id, origin), Some(E::Configuration), "{rp_id} {origin}");
    }
}

/// The same changes of client data are refused in both ceremonies.
fn client_data_changes(other_type: &'static str) -> Vec<(&'static str, Value, E)> {
    let mut changes = vec![
        ("type", json!(other_type), E::Type),
        ("type", json!("payment.get"), E::Type),
        ("type", json!(null), E::Type),
        ("challenge", encoded(&[1; 32]), E::Challenge),
        ("challenge", json!(""), E::Challenge),
        ("challenge", json!(null), E::Challenge),
        ("origin", json!(null), E::Origin),
        ("crossOrigin", json!(true), E::CrossOrigin),
        ("crossOrigin", json!("false"), E::CrossOrigin),
        ("topOrigin", json!(ORIGIN), E::CrossOrigin),
    ];
    changes.extend(FOREIGN_ORIGINS.map(|origin| ("origin", json!(origin), E::Origin)));
    changes
}

/// 7.1 steps 7 to 11; L1, L4.
#[tokio::test]
async fn l1_l4_registration_refuses_foreign_client_data() {
    let mut bench = Bench::new();
    let (ceremony, answer) = bench.registration().await;
    assert!(bench.finish_registration(&ceremony, &answer).is_ok());
    for (name, value, expected) in client_data_changes("webauthn.get") {
        let mut changed = answer.clone();
        set_client_data(&mut changed, name, value.clone());
        assert_eq!(bench.finish_registration(&ceremony, &changed).err(), Some(expected), "{name} {value}");
    }
    let mut doubled = answer.clone();
    let data = String::from_utf8(bytes(&doubled["response"]["clientDataJSON"])).unwrap();
    let data = data.replacen('{', "{\"origin\":\"https://evil.example\",", 1);
    doubled["response"]["clientDataJSON"] = encoded(data.as_bytes());
    assert_eq!(bench.finish_registration(&ceremony, &doubled).err(), Some(E::Malformed));
}

/// 7.1 steps 14 to 17: relying party, user present, user verified, backup flags.
#[tokio::test]
async fn l3_l4_registration_refuses_foreign_authenticator_data() {
    let mut bench = Bench::new();
    let (ceremony, answer) = bench.registration().await;
    let refusal = |change: fn(&mut Vec<u8>)| {
        let mut changed = answer.clone();
        change_attested(&mut changed, change);
        bench.finish_registration(&ceremony, &changed).err()
    };
    assert_eq!(refusal(|_| ()), None);
    assert_eq!(refusal(|data| data[0] ^= 1), Some(E::RpId));
    assert_eq!(refusal(|data| data[FLAGS] &= !UP), Some(E::UserNotPresent));
    assert_eq!(refusal(|data| data[FLAGS] &= !UV), Some(E::UserNotVerified));
    assert_eq!(refusal(|data| data[FLAGS] = data[FLAGS] & !BE | BS), Some(E::BackupFlags));
    assert_eq!(refusal(|data| data.truncate(60)), Some(E::Malformed));
    assert_eq!(refusal(Vec::clear), Some(E::Malformed));
}

/// 7.1 step 20: an algorithm that was not offered (EdDSA, COSE -8) and an unknown one.
#[tokio::test]
async fn l4_registration_refuses_algorithms_that_were_not_offered() {
    let mut bench = Bench::new();
    let (ceremony, answer) = bench.registration().await;
    for algorithm in [0x27u8, 0x2f] {
        let mut changed = answer.clone();
        change_attested(&mut changed, |data| {
            // COSE map: {1: 2, 3: -7, …}; label 3 is followed by the algorithm.
            let place = data.windows(4).rposition(|bytes| bytes == [0x01, 0x02, 0x03, 0x26]).unwrap();
            data[place + 3] = algorithm;
        });
        let refusal = bench.finish_registration(&ceremony, &changed).err();
        assert!(matches!(refusal, Some(E::Algorithm | E::Malformed)), "{refusal:?}");
    }
}

/// 7.1 steps 21 to 24: an attestation statement nobody asked for must still hold.
#[tokio::test]
async fn registration_refuses_false_attestation() {
    let mut bench = Bench::new();
    let (ceremony, answer) = bench.registration().await;
    for format in ["packed", "fido-u2f", "android-safetynet", "unheard-of"] {
        let mut changed = answer.clone();
        let Cbor::Map(mut members) =
            serde_cbor_2::from_slice(&bytes(&changed["response"]["attestationObject"])).unwrap()
        else {
            panic!("a map")
        };
        members.insert(Cbor::Text("fmt".to_owned()), Cbor::Text(format.to_owned()));
        changed["response"]["attestationObject"] = encoded(&serde_cbor_2::to_vec(&Cbor::Map(members)).unwrap());
        assert!(bench.finish_registration(&ceremony, &changed).is_err(), "{format}");
    }
}

/// 7.1 step 25, and an id that contradicts the attested one.
#[tokio::test]
async fn l4_registration_refuses_long_and_contradicting_ids() {
    let mut bench = Bench::new();
    let (ceremony, answer) = bench.registration().await;
    for length in [0usize, 16, 1_023, 1_024] {
        let mut changed = answer.clone();
        changed["id"] = encoded(&vec![9; length]);
        changed["rawId"] = encoded(&vec![9; length]);
        assert_eq!(bench.finish_registration(&ceremony, &changed).err(), Some(E::Credential), "{length}");
    }
    let mut attested_too_long = answer.clone();
    let long = vec![9u8; 1_024];
    change_attested(&mut attested_too_long, |data| set_attested_id(data, &long));
    (attested_too_long["id"], attested_too_long["rawId"]) = (encoded(&long), encoded(&long));
    assert_eq!(bench.finish_registration(&ceremony, &attested_too_long).err(), Some(E::Credential));
    let mut other_type = answer.clone();
    other_type["type"] = json!("password");
    assert_eq!(bench.finish_registration(&ceremony, &other_type).err(), Some(E::Credential));
    let mut other_id = answer;
    other_id["id"] = encoded(&[9; 16]);
    assert_eq!(bench.finish_registration(&ceremony, &other_id).err(), Some(E::Credential));
}

#[tokio::test]
async fn registration_refuses_what_the_person_already_has() {
    let (bench, made) = Bench::registered(false).await;
    let mut empty = Bench::new();
    let ceremony = bench.passkeys.start_registration(PERSON, "n", "N", vec![made.credential_id.clone()], NOW).unwrap();
    // An authenticator that ignores the list: its new answer is given the excluded id.
    let mut answer = empty.device.create(&ceremony.options).await;
    change_attested(&mut answer, |data| set_attested_id(data, &made.credential_id));
    (answer["id"], answer["rawId"]) = (encoded(&made.credential_id), encoded(&made.credential_id));
    assert_eq!(bench.finish_registration(&ceremony, &answer).err(), Some(E::Algorithm));
}

/// 7.2 steps 10 to 14; L1, L2.
#[tokio::test]
async fn l1_l2_sign_in_refuses_foreign_client_data() {
    let (mut bench, made) = Bench::registered(false).await;
    let (ceremony, answer) = bench.authentication().await;
    let mut same = answer.clone();
    bench.device.sign_again(&mut same);
    assert!(bench.finish_authentication(&ceremony, &same, &made.state_json).is_ok());
    for (name, value, expected) in client_data_changes("webauthn.create") {
        let mut changed = answer.clone();
        set_client_data(&mut changed, name, value.clone());
        bench.device.sign_again(&mut changed);
        let refusal = bench.finish_authentication(&ceremony, &changed, &made.state_json).err();
        assert_eq!(refusal, Some(expected), "{name} {value}");
    }
}

/// 7.2 steps 15 to 19; L2, L3.
#[tokio::test]
async fn l2_l3_sign_in_refuses_foreign_authenticator_data() {
    let (mut bench, made) = Bench::registered(false).await;
    let (ceremony, answer) = bench.authentication().await;
    let eligible = bytes(&answer["response"]["authenticatorData"])[FLAGS] & BE != 0;
    let refusal = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut changed = answer.clone();
        change_data(&mut changed, change);
        bench.device.sign_again(&mut changed);
        bench.finish_authentication(&ceremony, &changed, &made.state_json).err()
    };
    assert_eq!(refusal(&|_| ()), None);
    assert_eq!(refusal(&|data| data[0] ^= 1), Some(E::RpId));
    assert_eq!(refusal(&|data| data[FLAGS] &= !UP), Some(E::UserNotPresent));
    assert_eq!(refusal(&|data| data[FLAGS] &= !UV), Some(E::UserNotVerified));
    assert_eq!(
        refusal(&|data| data[FLAGS] = if eligible { data[FLAGS] & !BE & !BS } else { data[FLAGS] | BE }),
        Some(E::BackupFlags)
    );
    assert_eq!(refusal(&|data| data[FLAGS] = data[FLAGS] & !BE | BS), Some(E::BackupFlags));
    assert_eq!(refusal(&|data| data.truncate(36)), Some(E::Malformed));
}

/// 7.2 step 21: every part that is signed, and the signature itself.
#[tokio::test]
async fn sign_in_refuses_a_signature_over_something_else() {
    let (mut bench, made) = Bench::registered(false).await;
    let (ceremony, answer) = bench.authentication().await;
    let refusal = |changed: &Value| bench.finish_authentication(&ceremony, changed, &made.state_json).err();
    let mut counted = answer.clone();
    change_data(&mut counted, |data| data[36] ^= 1);
    assert_eq!(refusal(&counted), Some(E::Signature));
    let mut extended = answer.clone();
    set_client_data(&mut extended, "extra", json!("x"));
    assert_eq!(refusal(&extended), Some(E::Signature));
    let signature = bytes(&answer["response"]["signature"]);
    for place in 0..signature.len() {
        let mut changed = answer.clone();
        let mut broken = signature.clone();
        broken[place] ^= 1;
        changed["response"]["signature"] = encoded(&broken);
        assert!(refusal(&changed).is_some(), "byte {place}");
    }
    let mut empty = answer.clone();
    empty["response"]["signature"] = json!("");
    assert!(refusal(&empty).is_some());
}

/// 7.2 steps 5 and 6: another credential, another person, no handle.
#[tokio::test]
async fn sign_in_refuses_a_credential_that_is_not_the_stored_one() {
    let (mut bench, made) = Bench::registered(false).await;
    let (_, other) = Bench::registered(false).await;
    let (ceremony, answer) = bench.authentication().await;
    assert_eq!(bench.finish_authentication(&ceremony, &answer, &other.state_json).err(), Some(E::Credential));
    let mut renamed = answer.clone();
    (renamed["id"], renamed["rawId"]) = (encoded(&other.credential_id), encoded(&other.credential_id));
    assert_eq!(bench.finish_authentication(&ceremony, &renamed, &made.state_json).err(), Some(E::Credential));
    assert_eq!(bench.finish_authentication(&ceremony, &renamed, &other.state_json).err(), Some(E::Signature));
    for handle in [json!(null), encoded(b"short"), encoded(&[0; 17])] {
        let mut changed = answer.clone();
        changed["response"]["userHandle"] = handle;
        assert_eq!(bench.passkeys.identify(&changed.to_string()), Err(E::UserHandle));
    }
}

/// 7.2 step 22; L2: a counter that stands still or goes back is refused, one that grows is stored.
#[tokio::test]
async fn l2_sign_in_refuses_a_counter_that_does_not_grow() {
    let (mut bench, made) = Bench::registered(true).await;
    let (ceremony, answer) = bench.authentication().await;
    let outcome = bench.finish_authentication(&ceremony, &answer, &made.state_json).unwrap();
    let newer = outcome.updated_state_json.unwrap();
    assert_eq!(bench.finish_authentication(&ceremony, &answer, &newer).err(), Some(E::Counter));
    let (ceremony, answer) = bench.authentication().await;
    assert!(bench.finish_authentication(&ceremony, &answer, &newer).is_ok());
    let mut behind = answer;
    change_data(&mut behind, |data| data[33..37].fill(0));
    bench.device.sign_again(&mut behind);
    assert_eq!(bench.finish_authentication(&ceremony, &behind, &newer).err(), Some(E::Counter));
}

/// L2, L7: an answer to another challenge, a state of another purpose, a state past its end; and the digest by which
/// the caller refuses the second use of one challenge.
#[tokio::test]
async fn l2_l7_answers_belong_to_their_challenge() {
    let (mut bench, made) = Bench::registered(false).await;
    let (first, old) = bench.authentication().await;
    let (second, _) = bench.authentication().await;
    assert_eq!(bench.finish_authentication(&second, &old, &made.state_json).err(), Some(E::Challenge));
    assert_ne!(challenge_digest(&first.state), challenge_digest(&second.state));
    assert_eq!(challenge_digest(&first.state), challenge_digest(&first.state));

    let registration = bench.start_registration();
    assert_eq!(bench.finish_authentication(&registration, &old, &made.state_json).err(), Some(E::State));
    let mut fresh = Bench::new();
    let (_, made_answer) = fresh.registration().await;
    assert_eq!(bench.finish_registration(&first, &made_answer).err(), Some(E::State));

    let finish = |at| bench.passkeys.finish_authentication(&old.to_string(), &first.state, &made.state_json, at);
    assert!(finish(NOW.plus(Duration::from_secs(299))).is_ok());
    assert_eq!(finish(NOW.plus(CHALLENGE_LIFETIME)).err(), Some(E::Expired));
}

#[tokio::test]
async fn s4_unreadable_answers_are_refused() {
    let (mut bench, made) = Bench::registered(false).await;
    let (ceremony, answer) = bench.authentication().await;
    let text = answer.to_string();
    let doubled = text.replacen('{', "{\"type\":\"public-key\",", 1);
    let padded = format!("{text}{}", " ".repeat(70_000));
    for bad in ["", "{}", "[]", "null", &"[".repeat(10_000), &text[..text.len() - 2], &doubled, &padded] {
        let refusal = bench.passkeys.finish_authentication(bad, &ceremony.state, &made.state_json, NOW).err();
        assert_eq!(refusal, Some(E::Malformed));
        assert_eq!(bench.passkeys.identify(bad), Err(E::Malformed));
    }
    let finish = |state: &str, stored: &str| bench.passkeys.finish_authentication(&text, state, stored, NOW).err();
    assert_eq!(finish("{}", &made.state_json), Some(E::State));
    assert_eq!(finish(&ceremony.state, "{}"), Some(E::Stored));
}

#[test]
fn reasons_are_single_words() {
    assert_eq!(E::Origin.to_string(), "origin");
    assert_eq!(E::UserNotVerified.to_string(), "user_not_verified");
}
