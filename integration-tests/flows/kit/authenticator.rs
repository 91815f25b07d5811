//! A device with passkeys.

use super::browser::{Browser, ORIGIN, Page};
use passkey::authenticator::{
    Authenticator, CredentialStore, DiscoverabilitySupport, StoreInfo, UiHint, UserCheck, UserValidationMethod,
};
use passkey::client::{Client, DefaultClientData};
use passkey::crypto::aws_lc_rs::AwsLcRsBackend;
use passkey::types::ctap2::make_credential::{Options, PublicKeyCredentialRpEntity, PublicKeyCredentialUserEntity};
use passkey::types::ctap2::{Aaguid, Ctap2Error, StatusCode};
use passkey::types::webauthn::PublicKeyCredentialDescriptor;
use serde_json::Value;
use url::Url;

type Held = passkey::types::Passkey;

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
        let fits =
            |key: &&Held| key.rp_id == rp_id && ids.is_none_or(|ids| ids.iter().any(|id| id.id == key.credential_id));
        let found: Vec<Held> = self.0.iter().filter(fits).cloned().collect();
        if found.is_empty() { Err(Ctap2Error::NoCredentials.into()) } else { Ok(found) }
    }

    async fn save_credential(
        &mut self,
        key: Held,
        _user: PublicKeyCredentialUserEntity,
        _rp: PublicKeyCredentialRpEntity,
        _options: Options,
    ) -> Result<(), StatusCode> {
        self.0.push(key);
        Ok(())
    }

    async fn update_credential(&mut self, key: &Held) -> Result<(), StatusCode> {
        self.0.retain(|old| old.credential_id != key.credential_id);
        self.0.push(key.clone());
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
        _hint: UiHint<'a, Held>,
        presence: bool,
        verification: bool,
    ) -> Result<UserCheck, Ctap2Error> {
        Ok(UserCheck { presence, verification })
    }

    fn is_presence_enabled(&self) -> bool {
        true
    }

    fn is_verification_enabled(&self) -> Option<bool> {
        Some(true)
    }
}

#[derive(Default, Clone)]
pub struct Device(Keys);

impl Device {
    fn authenticator(&self) -> Authenticator<Keys, Finger, AwsLcRsBackend> {
        Authenticator::new(Aaguid::from([7; 16]), self.0.clone(), Finger, AwsLcRsBackend)
    }

    /// Answers the options of a registration.
    pub async fn make(&mut self, options: &str) -> String {
        let mut client = Client::new(self.authenticator());
        let request = serde_json::from_str(options).unwrap();
        let made = client.register(&Url::parse(ORIGIN).unwrap(), request, DefaultClientData).await.unwrap();
        self.0 = client.authenticator().store().clone();
        serde_json::to_value(made).map(|made: Value| made.to_string()).unwrap()
    }

    /// Answers the options of a sign-in.
    pub async fn answer(&mut self, options: &str) -> String {
        let mut client = Client::new(self.authenticator());
        let request = serde_json::from_str(options).unwrap();
        let made = client.authenticate(&Url::parse(ORIGIN).unwrap(), request, DefaultClientData).await.unwrap();
        self.0 = client.authenticator().store().clone();
        serde_json::to_value(made).map(|made: Value| made.to_string()).unwrap()
    }

    /// Asks for the options of a sign-in on a page that has the passkey form.
    pub async fn challenge(browser: &mut Browser, page: &Page) -> String {
        let (_, fields) = page.form("/passkey").unwrap_or_else(|| panic!("no passkey form: {}", page.text()));
        let csrf = fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
        let path = format!("/signin/{}/passkey/options", page.flow());
        let options = browser.send(&path, &[("csrf", &csrf)]).await;
        options.is(200);
        options.body
    }

    /// Signs in from a page that has the passkey form.
    pub async fn sign_in(&mut self, browser: &mut Browser, page: &Page) -> Page {
        let options = Self::challenge(browser, page).await;
        let credential = self.answer(&options).await;
        browser.submit(page, "/passkey", &[("credential", &credential), ("error", "")]).await
    }

    /// Takes up the offer of a passkey (C10).
    pub async fn accept_offer(&mut self, browser: &mut Browser, page: &Page) -> Page {
        let (action, fields) = page.form("/offer-passkey").unwrap_or_else(|| panic!("no offer: {}", page.text()));
        let csrf = fields.iter().find(|(name, _)| name == "csrf").unwrap().1.clone();
        let options = browser.send(&format!("{action}/options"), &[("csrf", &csrf)]).await;
        options.is(200);
        let credential = self.make(&options.body).await;
        let answer = browser.send(&action, &[("csrf", &csrf), ("shared", "no"), ("credential", &credential)]).await;
        browser.follow(answer).await
    }
}
