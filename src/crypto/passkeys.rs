//! Passkeys: registration and sign-in ceremonies (WebAuthn Level 3, sections 7.1 and 7.2) over webauthn-rs.
//!
//! The library checks most steps; this wrapper adds what it leaves open: the origin is compared as a text with the one
//! origin we serve, `topOrigin` is refused, repeated JSON members are refused, a state knows its purpose, its person
//! and its end. What only the store can know stays with the caller:
//! - the challenge is spent once: insert [`challenge_digest`] before `finish_*`, and stop when it was there;
//! - the credential id is unknown for **any** person at registration (7.1 step 26);
//! - person and credential of [`Passkeys::identify`] belong together at sign-in (7.2 step 6).

use super::compact::Strict;
use super::passkey_error::PasskeyError;
use crate::base::{Digest, Timestamp, sha256};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;
use url::Url;
use uuid::Uuid;
use webauthn_rs::prelude::{
    Credential, DiscoverableAuthentication, Passkey, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential,
};
use webauthn_rs::{Webauthn, WebauthnBuilder};
use webauthn_rs_proto::{PublicKeyCredentialHints, ResidentKeyRequirement};

/// How long a challenge can be answered.
pub const CHALLENGE_LIFETIME: Duration = Duration::from_secs(300);

/// Longest credential id (7.1 step 25).
const CREDENTIAL_ID_MAX_BYTES: usize = 1023;
/// Longest answer of a browser that is read at all.
const RESPONSE_MAX_BYTES: usize = 64 * 1024;

/// What the browser gets and what we keep.
#[derive(Debug, Clone)]
pub struct Ceremony {
    /// For `navigator.credentials`: `{"publicKey": …}`, at a sign-in by autofill also `"mediation": "conditional"`.
    pub options: Value,
    /// JSON to keep on the server, bound to the browser's flow, and to hand to `finish_*` once.
    pub state: String,
}

/// A credential to store.
#[derive(Debug, Clone)]
pub struct NewPasskey {
    /// The person the ceremony was begun for.
    pub person: Uuid,
    /// At most 1023 bytes; must be unique over all people.
    pub credential_id: Vec<u8>,
    /// JSON of public key, counter and flags, to store beside it.
    pub state_json: String,
    /// The authenticator's model, as it says itself (nothing attests it); `None` when it does not say.
    pub aaguid: Option<Uuid>,
    /// Such as `internal`, `hybrid`, `usb`.
    pub transports: Vec<String>,
    /// Synced to other devices.
    pub backed_up: bool,
    /// Whether it can be found without a name; `None` when the browser does not say.
    pub discoverable: Option<bool>,
}

/// A proven sign-in.
#[derive(Debug, Clone)]
pub struct Authenticated {
    /// The authenticator checked PIN or biometrics. Always true here: without it the answer is refused (L3).
    pub user_verified: bool,
    /// Synced to other devices, as of now.
    pub backed_up: bool,
    /// To store in place of the old state, when counter or backup flag changed.
    pub updated_state_json: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Purpose {
    Registration,
    Authentication,
}

impl Purpose {
    const fn client_data_type(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Authentication => "webauthn.get",
        }
    }
}

/// What is kept of a begun ceremony.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State<T> {
    purpose: Purpose,
    person: Option<Uuid>,
    challenge: String,
    expires_at: Timestamp,
    inner: T,
}

/// The relying party.
#[derive(Debug, Clone)]
pub struct Passkeys {
    webauthn: Webauthn,
    origin: String,
}

impl Passkeys {
    /// `rp_id` is the host (or its registrable parent), `origin` the one origin whose pages may use passkeys.
    ///
    /// # Errors
    /// [`PasskeyError::Configuration`] when they do not belong together, or the origin is neither https nor
    /// `http://localhost`, which is all that browsers allow.
    pub fn new(rp_id: &str, origin: &Url, rp_name: &str) -> Result<Self, PasskeyError> {
        let secure = origin.scheme() == "https" || origin.scheme() == "http" && origin.host_str() == Some("localhost");
        if !secure {
            return Err(PasskeyError::Configuration);
        }
        let builder = WebauthnBuilder::new(rp_id, origin)?.rp_name(rp_name).timeout(CHALLENGE_LIFETIME);
        Ok(Self { webauthn: builder.build()?, origin: origin.origin().ascii_serialization() })
    }

    /// Begins the creation of a discoverable passkey for `person`, on this device if it can. Credentials in `exclude`
    /// (those the person has) are not made twice on one authenticator.
    ///
    /// # Errors
    /// Only [`PasskeyError::Internal`].
    pub fn start_registration(
        &self,
        person: Uuid,
        name: &str,
        display_name: &str,
        exclude: Vec<Vec<u8>>,
        now: Timestamp,
    ) -> Result<Ceremony, PasskeyError> {
        let (mut options, inner) =
            self.webauthn.start_passkey_registration(person, name, display_name, Some(exclude))?;
        let selection = options.public_key.authenticator_selection.as_mut().ok_or(PasskeyError::Internal)?;
        selection.resident_key = Some(ResidentKeyRequirement::Required);
        selection.require_resident_key = true;
        options.public_key.hints = Some(vec![PublicKeyCredentialHints::ClientDevice]);
        let challenge = URL_SAFE_NO_PAD.encode(options.public_key.challenge.as_slice());
        let expires_at = now.plus(CHALLENGE_LIFETIME);
        let state = State { purpose: Purpose::Registration, person: Some(person), challenge, expires_at, inner };
        ceremony(&options, &state)
    }

    /// Checks the browser's answer (7.1). The caller then makes sure that nobody has this credential id.
    ///
    /// # Errors
    /// The first step it breaks.
    pub fn finish_registration(&self, response: &str, state: &str, now: Timestamp) -> Result<NewPasskey, PasskeyError> {
        let state: State<PasskeyRegistration> = open_state(state, Purpose::Registration, now)?;
        let person = state.person.ok_or(PasskeyError::State)?;
        let response: RegisterPublicKeyCredential = read(response)?;
        check_credential(&response.id, &response.raw_id, &response.type_)?;
        self.check_client_data(&response.response.client_data_json, &state)?;
        let passkey = self.webauthn.finish_passkey_registration(&response, &state.inner)?;
        if passkey.cred_id().as_slice() != response.raw_id.as_slice() {
            return Err(PasskeyError::Credential);
        }
        let transports = response.response.transports.iter().flatten();
        let transports = transports.filter_map(|transport| match serde_json::to_value(transport) {
            Ok(Value::String(name)) if name != "unknown" => Some(name),
            _ => None,
        });
        let credential: Credential = passkey.clone().into();
        Ok(NewPasskey {
            person,
            credential_id: passkey.cred_id().to_vec(),
            state_json: serde_json::to_string(&passkey).map_err(|_| PasskeyError::Internal)?,
            aaguid: aaguid(&response.response.attestation_object),
            transports: transports.collect(),
            backed_up: credential.backup_state,
            discoverable: response.extensions.cred_props.as_ref().and_then(|props| props.rk),
        })
    }

    /// Begins a sign-in without a name. With `autofill` the browser offers passkeys in the identifier field
    /// (conditional mediation) instead of opening its dialog.
    ///
    /// # Errors
    /// Only [`PasskeyError::Internal`].
    pub fn start_authentication(&self, autofill: bool, now: Timestamp) -> Result<Ceremony, PasskeyError> {
        let (mut options, inner) = self.webauthn.start_discoverable_authentication()?;
        if !autofill {
            options.mediation = None;
        }
        let challenge = URL_SAFE_NO_PAD.encode(options.public_key.challenge.as_slice());
        let expires_at = now.plus(CHALLENGE_LIFETIME);
        let state = State { purpose: Purpose::Authentication, person: None, challenge, expires_at, inner };
        ceremony(&options, &state)
    }

    /// Whose answer it claims to be, and made with which credential. Nothing is proven yet: load the credential by
    /// **both**, then call [`Self::finish_authentication`].
    ///
    /// # Errors
    /// [`PasskeyError::Malformed`], [`PasskeyError::Credential`], or [`PasskeyError::UserHandle`].
    pub fn identify(&self, response: &str) -> Result<(Uuid, Vec<u8>), PasskeyError> {
        let response: PublicKeyCredential = read(response)?;
        check_credential(&response.id, &response.raw_id, &response.type_)?;
        let (person, credential) = self.webauthn.identify_discoverable_authentication(&response)?;
        Ok((person, credential.to_vec()))
    }

    /// Checks the browser's answer (7.2) with the stored credential.
    ///
    /// # Errors
    /// The first step it breaks. [`PasskeyError::Counter`] hints at a copied authenticator: tell the person.
    pub fn finish_authentication(
        &self,
        response: &str,
        state: &str,
        stored_state_json: &str,
        now: Timestamp,
    ) -> Result<Authenticated, PasskeyError> {
        let state: State<DiscoverableAuthentication> = open_state(state, Purpose::Authentication, now)?;
        let mut passkey: Passkey = serde_json::from_str(stored_state_json).map_err(|_| PasskeyError::Stored)?;
        let response: PublicKeyCredential = read(response)?;
        check_credential(&response.id, &response.raw_id, &response.type_)?;
        self.check_client_data(&response.response.client_data_json, &state)?;
        let outcome = self.webauthn.finish_discoverable_authentication_v2(&response, state.inner, &passkey)?;
        if !outcome.user_verified() {
            return Err(PasskeyError::UserNotVerified);
        }
        let updated_state_json = match passkey.update_credential(&outcome) {
            Some(true) => Some(serde_json::to_string(&passkey).map_err(|_| PasskeyError::Internal)?),
            _ => None,
        };
        Ok(Authenticated {
            user_verified: outcome.user_verified(),
            backed_up: outcome.backup_state(),
            updated_state_json,
        })
    }

    /// Type, challenge, origin, `crossOrigin` and `topOrigin` (7.1 steps 7 to 11, 7.2 steps 10 to 14).
    fn check_client_data<T>(&self, json: &[u8], state: &State<T>) -> Result<(), PasskeyError> {
        let Ok(Strict(data)) = serde_json::from_slice(json) else { return Err(PasskeyError::Malformed) };
        let text = |name: &str| data.get(name).and_then(Value::as_str);
        if text("type") != Some(state.purpose.client_data_type()) {
            return Err(PasskeyError::Type);
        }
        if text("challenge") != Some(&state.challenge) {
            return Err(PasskeyError::Challenge);
        }
        if text("origin") != Some(&self.origin) {
            return Err(PasskeyError::Origin);
        }
        let same_origin = matches!(data.get("crossOrigin"), None | Some(Value::Bool(false)));
        if !same_origin || data.get("topOrigin").is_some() {
            return Err(PasskeyError::CrossOrigin);
        }
        Ok(())
    }
}

/// The digest to mark as spent before `finish_*`: the second one to insert it loses, and with it the replay (L2).
///
/// # Errors
/// [`PasskeyError::State`] when the state cannot be read.
pub fn challenge_digest(state: &str) -> Result<Digest, PasskeyError> {
    let state: State<serde::de::IgnoredAny> = serde_json::from_str(state).map_err(|_| PasskeyError::State)?;
    Ok(sha256(state.challenge.as_bytes()))
}

/// The digest of the challenge that a browser's answer names, under which the state of its ceremony was kept. Nothing is
/// proven by it: `finish_*` compares the challenge again.
///
/// # Errors
/// [`PasskeyError::Malformed`].
pub fn answered_challenge(response: &str) -> Result<Digest, PasskeyError> {
    #[derive(Deserialize)]
    struct Answer {
        response: Inner,
    }
    #[derive(Deserialize)]
    struct Inner {
        #[serde(rename = "clientDataJSON")]
        client_data: String,
    }
    let answer: Answer = read(response)?;
    let data = URL_SAFE_NO_PAD.decode(answer.response.client_data).map_err(|_| PasskeyError::Malformed)?;
    let Ok(Strict(data)) = serde_json::from_slice(&data) else { return Err(PasskeyError::Malformed) };
    let challenge = data.get("challenge").and_then(Value::as_str).ok_or(PasskeyError::Malformed)?;
    Ok(sha256(challenge.as_bytes()))
}

fn ceremony<O: Serialize, T: Serialize>(options: &O, state: &State<T>) -> Result<Ceremony, PasskeyError> {
    let options = serde_json::to_value(options).map_err(|_| PasskeyError::Internal)?;
    let state = serde_json::to_string(state).map_err(|_| PasskeyError::Internal)?;
    Ok(Ceremony { options, state })
}

fn open_state<T: for<'de> Deserialize<'de>>(
    state: &str,
    purpose: Purpose,
    now: Timestamp,
) -> Result<State<T>, PasskeyError> {
    let kept: State<Value> = serde_json::from_str(state).map_err(|_| PasskeyError::State)?;
    if kept.purpose != purpose {
        return Err(PasskeyError::State);
    }
    if kept.expires_at <= now {
        return Err(PasskeyError::Expired);
    }
    let inner = serde_json::from_value(kept.inner).map_err(|_| PasskeyError::State)?;
    Ok(State { purpose, person: kept.person, challenge: kept.challenge, expires_at: kept.expires_at, inner })
}

fn read<T: for<'de> Deserialize<'de>>(response: &str) -> Result<T, PasskeyError> {
    if response.len() > RESPONSE_MAX_BYTES {
        return Err(PasskeyError::Malformed);
    }
    let Strict(value) = serde_json::from_str(response).map_err(|_| PasskeyError::Malformed)?;
    serde_json::from_value(value).map_err(|_| PasskeyError::Malformed)
}

/// `id` and `rawId` say the same, the id is not too long, and it is a public-key credential.
fn check_credential(id: &str, raw_id: &[u8], kind: &str) -> Result<(), PasskeyError> {
    let good = kind == "public-key"
        && !raw_id.is_empty()
        && raw_id.len() <= CREDENTIAL_ID_MAX_BYTES
        && id == URL_SAFE_NO_PAD.encode(raw_id);
    if good { Ok(()) } else { Err(PasskeyError::Credential) }
}

/// The AAGUID from the attested credential data (6.5.1): bytes 37 to 53 of `authData`, when flag AT is set.
fn aaguid(attestation_object: &[u8]) -> Option<Uuid> {
    let serde_cbor_2::Value::Map(members) = serde_cbor_2::from_slice(attestation_object).ok()? else { return None };
    let serde_cbor_2::Value::Bytes(data) = members.get(&serde_cbor_2::Value::Text("authData".to_owned()))? else {
        return None;
    };
    let attested = data.get(32).is_some_and(|flags| flags & 0x40 != 0);
    let id = Uuid::from_slice(data.get(37..53)?).ok()?;
    (attested && !id.is_nil()).then_some(id)
}

#[cfg(test)]
#[path = "passkeys_tests.rs"]
mod tests;
