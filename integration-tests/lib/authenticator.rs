//! A software authenticator with a finger on it, and a person whose finger can be told not to be checked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use passkey::authenticator::{
    Authenticator as Device, CredentialStore, DiscoverabilitySupport, StoreInfo, UiHint, UserCheck,
    UserValidationMethod,
};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::aws_lc_rs::AwsLcRsBackend;
use passkey::crypto::{CryptoBackend, SecretKeyT};
use passkey::types::ctap2::make_credential::{Options, PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity};
use passkey::types::ctap2::{Aaguid, Ctap2Error, StatusCode};
use passkey::types::webauthn::PublicKeyCredentialDescriptor;
use serde_json::Value;
use url::Url;

type Held = passkey::types::Passkey;

// Stands on nothing but crates, so that tests inside the library use it too.

/// Keys of one device, found by relying party.
#[derive(Default, Clone)]
struct Keys(Vec<Held>);

#[async_trait::async_trait]
impl CredentialStore for Keys {
    type PasskeyItem = Held;

    async fn find_credentials(
        &self,
        ids: Option<&[PublicKeyCredentialDescriptor]>,
        rp_id: &str,
        _user: Option<&[u8]>,
    ) -> Result<Vec<Held>, StatusCode> {
        let wanted = |held: &&Held| {
            held.rp_id == rp_id && ids.is_none_or(|ids| ids.iter().any(|id| id.id == held.credential_id))
        };
        let found: Vec<Held> = self.0.iter().filter(wanted).cloned().collect();
        if found.is_empty() { Err(Ctap2Error::NoCredentials.into()) } else { Ok(found) }
    }

    async fn save_credential(
        &mut self,
        held: Held,
        _user: PublicKeyCredentialUserEntity,
        _rp: PublicKeyCredentialRpEntity,
        _options: Options,
    ) -> Result<(), StatusCode> {
        self.0.push(held);
        Ok(())
    }

    async fn update_credential(&mut self, held: &Held) -> Result<(), StatusCode> {
        for old in self.0.iter_mut().filter(|old| old.credential_id == held.credential_id) {
            *old = held.clone();
        }
        Ok(())
    }

    async fn get_info(&self) -> StoreInfo {
        StoreInfo { discoverability: DiscoverabilitySupport::Full }
    }
}

struct Finger;

#[async_trait::async_trait]
impl UserValidationMethod for Finger {
    type PasskeyItem = Held;

    async fn check_user<'a>(
        &self,
        hint: UiHint<'a, Held>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        match hint {
            UiHint::InformExcludedCredentialFound(_) => Err(Ctap2Error::CredentialExcluded),
            _ => Ok(UserCheck { presence, verification }),
        }
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

/// One device at one origin.
#[derive(Clone)]
pub struct Authenticator {
    keys: Keys,
    origin: Url,
    /// Whether new keys count their signatures, as security keys do and synced passkeys do not.
    pub counts: bool,
    /// What kind of device it says it is; zeros say nothing.
    pub aaguid: [u8; 16],
}

impl Authenticator {
    /// A device without keys in a browser at `origin`.
    pub fn new(origin: &str) -> Self {
        Self { keys: Keys::default(), origin: Url::parse(origin).unwrap(), counts: false, aaguid: [0; 16] }
    }

    /// Whether it holds a key.
    pub fn has_key(&self) -> bool {
        !self.keys.0.is_empty()
    }

    fn device(&self) -> Device<Keys, Finger, AwsLcRsBackend> {
        let mut device = Device::new(Aaguid::from(self.aaguid), self.keys.clone(), Finger, AwsLcRsBackend);
        device.set_make_credentials_with_signature_counter(self.counts);
        device
    }

    /// Makes a key, as `navigator.credentials.create` does.
    pub async fn create(&mut self, options: &Value) -> Value {
        let mut client = Client::new(self.device()).allows_insecure_localhost(true);
        let request = serde_json::from_value(options.clone()).unwrap();
        let made = client.register(&self.origin, request, DefaultClientData).await.unwrap();
        self.keys = client.authenticator().store().clone();
        serde_json::to_value(made).unwrap()
    }

    /// Signs, as `navigator.credentials.get` does.
    pub async fn get(&mut self, options: &Value) -> Value {
        let mut client = Client::new(self.device()).allows_insecure_localhost(true);
        let request = serde_json::from_value(options.clone()).unwrap();
        let made = client.authenticate(&self.origin, request, DefaultClientData).await.unwrap();
        self.keys = client.authenticator().store().clone();
        serde_json::to_value(made).unwrap()
    }

    /// Signs a changed answer anew, so that only the change can be what is refused.
    pub fn sign_again(&self, answer: &mut Value) {
        type Key = <AwsLcRsBackend as CryptoBackend>::SecretKey;
        let mut message = bytes(&answer["response"]["authenticatorData"]);
        let client_data = bytes(&answer["response"]["clientDataJSON"]);
        message.extend_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &client_data).as_ref());
        let signature = Key::from_cose_key(&self.keys.0[0].key).unwrap().sign(&message);
        answer["response"]["signature"] = URL_SAFE_NO_PAD.encode(signature).into();
    }
}

/// The bytes of a base64url member.
pub fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}
