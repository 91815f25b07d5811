//! A person with a browser, a phone and a device for passkeys.

use super::authenticator::Authenticator;
use super::browser::{Browser, Page};
use super::party::{Ask, Landing, landing};
use super::people::{Person, adults};
use super::site::Site;
use serde_json::Value;
use std::sync::Mutex;
use url::Url;

const MOST_PAGES: usize = 12;

/// How a citizen signs in when asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With the passkey: level 2.
    Passkey,
    /// With a printed code: level 1.
    Recovery,
    /// With the password, then a printed code: level 2.
    PasswordAndRecovery,
    /// With a code by SMS: level 1. One code in 30 seconds, so once a test.
    Sms,
}

/// A citizen with an account.
pub struct Citizen {
    /// Their browser.
    pub browser: Browser,
    /// Who they are.
    pub person: Person,
    /// Their device.
    pub device: tokio::sync::Mutex<Authenticator>,
    /// Their password, if they made one.
    pub password: Option<String>,
    /// Printed codes not used yet.
    pub codes: Mutex<Vec<String>>,
}

/// `/signin/{flow}` or `/create/{flow}` of a page of that flow.
pub fn flow_of(url: &Url) -> String {
    let mut parts = url.path().split('/').skip(1);
    let (wing, flow) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    assert!(["signin", "create"].contains(&wing) && flow.len() == 32, "no flow in {url}");
    format!("/{wing}/{flow}")
}

impl Citizen {
    /// Somebody who made an account with a passkey just now and is signed in by it no more.
    pub async fn new(site: &Site) -> Self {
        let citizen = Self::create(site, adults(), true, None).await;
        citizen.forget_session(site)
    }

    /// Somebody with a password and no passkey.
    pub async fn with_password(site: &Site) -> Self {
        let password = format!("Trang giay {} xanh", super::random());
        let citizen = Self::create(site, adults(), false, Some(password)).await;
        citizen.forget_session(site)
    }

    /// Somebody with a phone and printed codes only.
    pub async fn with_phone(site: &Site) -> Self {
        let citizen = Self::create(site, adults(), false, None).await;
        citizen.forget_session(site)
    }

    /// The same person at another browser, without cookies.
    pub fn forget_session(mut self, site: &Site) -> Self {
        self.browser = Browser::new(site);
        self
    }

    /// Makes an account, page by page, and stays signed in.
    pub async fn create(site: &Site, person: Person, passkey: bool, password: Option<String>) -> Self {
        let browser = Browser::new(site);
        let page = browser.open("/create").await;
        let flow = flow_of(&page.url);
        let page = browser.get(&format!("{flow}/number")).await;
        let page = Self::fill_in(site, &browser, &page, &person).await;
        assert!(page.url.path().ends_with("/code"), "{} {:.2000}", page.url, page.body);
        let code = site.code_for(&person.phone, 0).await;
        let page = browser.submit(&page, "/code", &[("code", &code)]).await;
        assert!(page.url.path().ends_with("/passkey"), "{} {:.2000}", page.url, page.body);

        let mut device = Authenticator::new(&site.issuer);
        let page = if let Some(password) = &password {
            let page = browser.get(&format!("{flow}/password")).await;
            browser.submit(&page, "/password", &[("new_password", password)]).await
        } else if passkey {
            make_passkey(&browser, &mut device, &page, "/passkey").await
        } else {
            browser.submit(&page, "/passkey", &[("action", "skip")]).await
        };
        let codes = page.items("codes");
        assert_eq!(codes.len(), 10, "{} {:.2000}", page.url, page.body);
        let page = browser.submit(&page, "/recovery-codes", &[("action", "stored")]).await;
        assert_eq!(page.status, 200, "{} {:.2000}", page.url, page.body);
        Self { browser, person, device: device.into(), password, codes: codes.into() }
    }

    /// From the page of the number to the page of the code.
    pub async fn fill_in(site: &Site, browser: &Browser, page: &Page, person: &Person) -> Page {
        let [day, month, year] = &person.birth;
        let page = browser.submit(page, "/number", &[("personal_number", &person.number)]).await;
        let name: [(&str, &str); 4] =
            [("full_name", &person.full_name), ("birth_day", day), ("birth_month", month), ("birth_year", year)];
        let page = browser.submit(&page, "/name", &name).await;
        assert!(page.url.path().ends_with("/phone"), "{}: {} {:.2000}", site.issuer, page.url, page.body);
        let page = browser.submit(&page, "/phone", &[("phone", &person.phone)]).await;
        browser.submit(&page, "/check", &[("action", "send")]).await
    }

    /// Sends an authorization request and answers every page on the way with one way of signing in.
    pub async fn authorize(&self, site: &Site, ask: &Ask, way: Way) -> Landing {
        self.finish(site, &ask.target(), way).await
    }

    /// Opens an address and answers every page until the answer reaches a portal.
    pub async fn finish(&self, site: &Site, target: &str, way: Way) -> Landing {
        let page = self.browser.open(target).await;
        let page = self.walk(site, page, way).await;
        landing(&page).unwrap_or_else(|| panic!("stuck at {} ({}): {:.3000}", page.url, page.status, page.body))
    }

    /// Answers page after page until there is none this citizen knows an answer to.
    pub async fn walk(&self, site: &Site, mut page: Page, way: Way) -> Page {
        for _ in 0..MOST_PAGES {
            if landing(&page).is_some() || page.status != 200 || !page.url.path().starts_with("/signin/") {
                return page;
            }
            let flow = flow_of(&page.url);
            let step = page.url.path()[flow.len()..].to_owned();
            page = match step.as_str() {
                "" => self.sign_in(site, &page, way).await,
                "/continue" => self.browser.submit(&page, "/continue", &[("action", "continue")]).await,
                "/consent" => self.browser.submit(&page, "/consent", &[("action", "accept")]).await,
                "/offer-passkey" => self.browser.submit(&page, "/offer-passkey", &[("action", "skip")]).await,
                "/step-up" if way == Way::Passkey => self.use_passkey(&page).await,
                "/method" if way == Way::PasswordAndRecovery => self.use_code(&page).await,
                _ => return page,
            };
        }
        panic!("more than {MOST_PAGES} pages, at {}", page.url);
    }

    /// Signs in from the first page of a flow.
    pub async fn sign_in(&self, site: &Site, page: &Page, way: Way) -> Page {
        match way {
            Way::Passkey => self.use_passkey(page).await,
            Way::Recovery => {
                let page = self.identify(page).await;
                self.use_code(&page).await
            }
            Way::PasswordAndRecovery => {
                let page = self.identify(page).await;
                let page = self.browser.submit(&page, "/method", &[("method", "password")]).await;
                let password = self.password.as_deref().expect("a password");
                self.browser.submit(&page, "/password", &[("password", password)]).await
            }
            Way::Sms => {
                let page = self.identify(page).await;
                let before = site.codes_for(&self.person.phone).await.len();
                let page = self.browser.submit(&page, "/method", &[("method", "sms")]).await;
                let code = site.code_for(&self.person.phone, before).await;
                self.browser.submit(&page, "/code", &[("code", &code)]).await
            }
        }
    }

    /// Types the personal number; gives the page of the methods.
    pub async fn identify(&self, page: &Page) -> Page {
        let flow = flow_of(&page.url);
        let number = [("identifier", self.person.number.as_str())];
        // A browser that knows somebody greets them: who would rather type says "not me" first.
        if page.body.contains("name=\"recognised\"") {
            let page = self.browser.submit(page, "/forget", &[]).await;
            return self.browser.submit(&page, &flow, &number).await;
        }
        self.browser.submit(page, &flow, &number).await
    }

    /// Uses a printed code, from the page of the methods.
    pub async fn use_code(&self, page: &Page) -> Page {
        let code = self.codes.lock().unwrap().pop().expect("a printed code");
        let page = self.browser.submit(page, "/method", &[("method", "recovery")]).await;
        self.browser.submit(&page, "/recovery", &[("code", &code)]).await
    }

    /// Uses the passkey, from any page of a flow.
    pub async fn use_passkey(&self, page: &Page) -> Page {
        let (flow, csrf) = (flow_of(&page.url), page.csrf());
        let options = self.passkey_options(page).await;
        let answer = self.device.lock().await.get(&options).await;
        let fields = [("csrf", csrf.as_str()), ("credential", &answer.to_string())];
        let page = self.browser.post(&format!("{flow}/passkey"), &fields).await;
        self.browser.follow(page).await
    }

    /// A challenge to sign in with a passkey.
    pub async fn passkey_options(&self, page: &Page) -> Value {
        let (flow, csrf) = (flow_of(&page.url), page.csrf());
        let answer = self.browser.post(&format!("{flow}/passkey/options"), &[("csrf", &csrf)]).await;
        assert_eq!(answer.status, 200, "{:.2000}", answer.body);
        answer.json()
    }

    /// Signs in to the account pages.
    pub async fn open_account(&self, site: &Site, way: Way) -> Page {
        let page = self.browser.open("/account").await;
        let page = self.walk(site, page, way).await;
        assert_eq!((page.url.path(), page.status), ("/account", 200), "{:.2000}", page.body);
        page
    }

    /// Whether the browser is signed in: the account page opens without asking.
    pub async fn is_signed_in(&self) -> bool {
        is_signed_in(&self.browser).await
    }
}

/// Whether a browser is signed in.
pub async fn is_signed_in(browser: &Browser) -> bool {
    let page = browser.open("/account").await;
    assert_eq!(page.status, 200, "{:.2000}", page.body);
    page.url.path() == "/account"
}

/// Makes a passkey by the form of a page, as its script does, and follows.
pub async fn make_passkey(browser: &Browser, device: &mut Authenticator, page: &Page, action_end: &str) -> Page {
    let form = page.form(action_end);
    let csrf = page.csrf();
    let answer = browser.post(form.options.as_deref().expect("data-options"), &[("csrf", &csrf)]).await;
    assert_eq!(answer.status, 200, "{:.2000}", answer.body);
    let made = device.create(&answer.json()).await;
    browser.submit(page, action_end, &[("credential", &made.to_string()), ("error", "")]).await
}
