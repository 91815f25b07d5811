//! A device with passkeys.

#[path = "../../lib/authenticator.rs"]
#[expect(dead_code, reason = "shared with attacks, which do more with it")]
mod software;

use super::browser::{Browser, ORIGIN, Page};
use software::Authenticator;

/// A device in this browser.
#[derive(Clone)]
pub struct Device(Authenticator);

impl Default for Device {
    fn default() -> Self {
        Self(Authenticator::new(ORIGIN))
    }
}

impl Device {
    /// Answers the options of a registration.
    pub async fn make(&mut self, options: &str) -> String {
        self.0.create(&serde_json::from_str(options).unwrap()).await.to_string()
    }

    /// Answers the options of a sign-in.
    pub async fn answer(&mut self, options: &str) -> String {
        self.0.get(&serde_json::from_str(options).unwrap()).await.to_string()
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
