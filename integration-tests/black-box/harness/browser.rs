//! A browser without JavaScript: cookies, forms, redirects one by one. It judges every answer of the provider by the
//! rules that hold for all of them (D8, D9, E8, J6).

use super::html::{self, Form};
use super::site::Site;
use reqwest::header::{self, HeaderMap, HeaderValue};
use reqwest::{Method, Request, RequestBuilder};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use url::Url;

const MOST_REDIRECTS: usize = 12;

/// One browser, on a network of its own: limits that count by network do not mix tests.
pub struct Browser {
    client: reqwest::Client,
    cookies: Mutex<BTreeMap<String, String>>,
    issuer: Url,
    keeps_cookies: bool,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it was asked for.
    pub url: Url,
    /// The status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: String,
}

impl Browser {
    /// A new browser without cookies.
    pub fn new(site: &Site) -> Self {
        let issuer = Url::parse(&site.issuer).unwrap();
        Self { client: client(), cookies: Mutex::default(), issuer, keeps_cookies: true }
    }

    /// A browser that holds the same cookies, as after a theft or a backup.
    pub fn copy(&self) -> Self {
        let cookies = Mutex::new(self.cookies.lock().unwrap().clone());
        Self { client: client(), cookies, issuer: self.issuer.clone(), keeps_cookies: true }
    }

    /// The same browser at this moment: it goes on sending the cookies it has now, whatever answers say. Racers each
    /// use one, so that the winner's cookies do not reach the losers.
    pub fn frozen(&self) -> Self {
        let cookies = Mutex::new(self.cookies.lock().unwrap().clone());
        Self { client: self.client.clone(), cookies, issuer: self.issuer.clone(), keeps_cookies: false }
    }

    /// Forgets the session and every flow.
    pub fn clear_cookies(&self) {
        self.cookies.lock().unwrap().clear();
    }

    /// An absolute address; paths are the provider's.
    pub fn url(&self, target: &str) -> Url {
        self.issuer.join(target).unwrap()
    }

    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Puts a cookie into the browser.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    /// Names of all cookies.
    pub fn cookie_names(&self) -> Vec<String> {
        self.cookies.lock().unwrap().keys().cloned().collect()
    }

    /// The session cookie.
    pub fn session(&self) -> Option<String> {
        self.cookie("__Host-session")
    }

    /// A request builder, for odd requests. Cookies are added when it is sent with [`Browser::send`].
    pub fn request(&self, method: Method, target: &str) -> RequestBuilder {
        self.client.request(method, self.url(target))
    }

    /// Sends a request with the cookies, takes the answer's cookies, follows nothing.
    pub async fn send(&self, request: RequestBuilder) -> Page {
        self.try_send(request).await.unwrap()
    }

    /// As [`Browser::send`]; fails where the connection does.
    pub async fn try_send(&self, request: RequestBuilder) -> reqwest::Result<Page> {
        let mut request: Request = request.build()?;
        let cookies: Vec<String> =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() && !request.headers().contains_key(header::COOKIE) {
            request.headers_mut().insert(header::COOKIE, cookies.join("; ").parse().unwrap());
        }
        let url = request.url().clone();
        let ours = url.origin() == self.issuer.origin();
        let answer = self.client.execute(request).await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let page = Page { url, status, headers, body: answer.text().await? };
        if ours {
            page.judge();
        }
        for set in page.headers.get_all(header::SET_COOKIE) {
            self.take_cookie(set.to_str().unwrap());
        }
        Ok(page)
    }

    fn take_cookie(&self, text: &str) {
        if !self.keeps_cookies {
            return;
        }
        let (pair, attributes) = text.split_once(';').unwrap_or((text, ""));
        let (name, value) = pair.split_once('=').unwrap();
        let gone = attributes.to_ascii_lowercase().contains("max-age=0");
        let mut cookies = self.cookies.lock().unwrap();
        if gone {
            cookies.remove(name)
        } else {
            cookies.insert(name.to_owned(), value.to_owned())
        };
    }

    /// Gets one page, without following.
    pub async fn get(&self, target: &str) -> Page {
        self.send(self.request(Method::GET, target)).await
    }

    /// Gets JSON.
    pub async fn json(&self, target: &str) -> serde_json::Value {
        let page = self.send(self.request(Method::GET, target).header(header::ACCEPT, "application/json")).await;
        assert_eq!(page.status, 200, "{target}: {}", page.body);
        page.json()
    }

    /// Gets a page and follows redirects as long as they stay at the provider.
    pub async fn open(&self, target: &str) -> Page {
        let page = self.get(target).await;
        self.follow(page).await
    }

    /// Posts a form as a page of our own origin does, without following.
    pub async fn post(&self, target: &str, fields: &[(&str, &str)]) -> Page {
        self.send(self.own_form(target, fields)).await
    }

    /// A form as a browser posts it from a page of the same origin.
    pub fn own_form(&self, target: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let url = self.url(target);
        let origin = url.origin().ascii_serialization();
        self.request(Method::POST, target)
            .header(header::ORIGIN, origin)
            .header("sec-fetch-site", "same-origin")
            .form(fields)
    }

    /// Fills in and sends a form of a page, then follows redirects within the provider.
    pub async fn submit(&self, page: &Page, action_end: &str, fields: &[(&str, &str)]) -> Page {
        let answer = self.submit_only(page, action_end, fields).await;
        self.follow(answer).await
    }

    /// Fills in and sends a form of a page, without following.
    pub async fn submit_only(&self, page: &Page, action_end: &str, fields: &[(&str, &str)]) -> Page {
        let form = page.form(action_end);
        let action = page.url.join(&form.action).unwrap();
        let mut all: Vec<(&str, &str)> = form
            .hidden
            .iter()
            .filter(|(name, _)| !fields.iter().any(|(given, _)| given == name))
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        for (name, _) in fields {
            assert!(form.names.iter().any(|n| n == name), "{}: the form has no {name}: {:?}", page.url, form.names);
        }
        all.extend_from_slice(fields);
        self.post(action.as_str(), &all).await
    }

    /// Follows redirects as long as they stay at the provider.
    pub async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..MOST_REDIRECTS {
            match page.location() {
                Some(to) if to.origin() == self.issuer.origin() && (300..400).contains(&page.status) => {
                    page = self.get(to.as_str()).await;
                }
                _ => return page,
            }
        }
        panic!("more than {MOST_REDIRECTS} redirects, at {}", page.url);
    }

    /// Follows every redirect, to portals too.
    pub async fn follow_everywhere(&self, mut page: Page) -> Page {
        for _ in 0..MOST_REDIRECTS {
            match page.location() {
                Some(to) if (300..400).contains(&page.status) => page = self.get(to.as_str()).await,
                _ => return page,
            }
        }
        panic!("more than {MOST_REDIRECTS} redirects, at {}", page.url);
    }
}

/// A client that makes a new connection for each request, so that each meets another process, from a loopback address
/// of its own (Linux has all of 127.0.0.0/8).
fn client() -> reqwest::Client {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let [_, b, c, d] = (number + 0x0001_0001).to_be_bytes();
    let own = IpAddr::V4(Ipv4Addr::new(127, b, c, d));
    // The server closes first: its address is kept from new use for a minute then, not one of the few ports here.
    let close = [(header::CONNECTION, HeaderValue::from_static("close"))];
    let builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .default_headers(HeaderMap::from_iter(close))
        .pool_max_idle_per_host(0)
        .no_proxy()
        .resolve("localhost", (Ipv4Addr::LOCALHOST, 0).into())
        .timeout(Duration::from_secs(60));
    let may_use = std::net::TcpListener::bind((own, 0)).is_ok();
    if may_use { builder.local_address(own).build().unwrap() } else { builder.build().unwrap() }
}

impl Page {
    /// Where the answer points to.
    pub fn location(&self) -> Option<Url> {
        let text = self.headers.get(header::LOCATION)?.to_str().unwrap();
        Some(self.url.join(text).unwrap())
    }

    /// A header as text, empty when absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Whether the answer makes its browser signed in.
    pub fn gives_session(&self) -> bool {
        let mut set = self.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        set.any(|text| text.starts_with("__Host-session=") && !text.to_ascii_lowercase().contains("max-age=0"))
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("{}: no JSON: {:.300}", self.url, self.body))
    }

    /// Every form of the page.
    pub fn forms(&self) -> Vec<Form> {
        html::forms(&self.body)
    }

    /// The form whose action's path ends so.
    pub fn form(&self, action_end: &str) -> Form {
        let forms = self.forms();
        let found = forms.iter().find(|form| form.action.split('?').next().unwrap_or_default().ends_with(action_end));
        found.cloned().unwrap_or_else(|| {
            let actions: Vec<_> = forms.iter().map(|form| &form.action).collect();
            panic!("no form ends in {action_end} at {} ({}): {actions:?}\n{:.3000}", self.url, self.status, self.body)
        })
    }

    /// The token of the page's forms.
    pub fn csrf(&self) -> String {
        let forms = self.forms();
        let mut tokens = forms.iter().flat_map(|form| &form.hidden).filter(|(name, _)| name == "csrf");
        tokens.next().unwrap_or_else(|| panic!("no form token at {} ({})", self.url, self.status)).1.clone()
    }

    /// The token of the page's forms, empty when it has none.
    pub fn csrf_or_empty(&self) -> String {
        let forms = self.forms();
        let found = forms.iter().flat_map(|form| &form.hidden).find(|(name, _)| name == "csrf");
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// The items of a list.
    pub fn items(&self, class: &str) -> Vec<String> {
        html::items(&self.body, class)
    }

    /// The values of an attribute.
    pub fn attributes(&self, name: &str) -> Vec<String> {
        html::attributes(&self.body, name)
    }

    /// Whether the page shows an error id, as our own problem pages do (C17).
    pub fn has_error_id(&self) -> bool {
        self.body.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-')).any(is_error_id)
    }

    /// What holds for every answer of the provider.
    fn judge(&self) {
        let at = format!("{} ({})", self.url.path(), self.status);
        for set in self.headers.get_all(header::SET_COOKIE) {
            let text = set.to_str().unwrap();
            let shown = text.split('=').next().unwrap_or_default();
            let lower = text.to_ascii_lowercase();
            assert!(text.starts_with("__Host-"), "D8: {at}: cookie {shown} is not a __Host- cookie");
            // The one that a script of ours reads in the frames of portals (Session Management 1.0 section 3.2).
            let open = shown == "__Host-browser-state";
            for part in
                ["secure", "httponly", "samesite=", "path=/"].iter().filter(|part| !open || **part != "httponly")
            {
                assert!(lower.contains(part), "D8: {at}: cookie {shown} lacks {part}");
            }
            assert!(!lower.contains("domain="), "D8: {at}: cookie {shown} has a domain");
        }
        assert!(!matches!(self.status, 307 | 308), "D9: {at}: posts again what was posted");
        assert_eq!(self.header("x-content-type-options"), "nosniff", "{at}");
        if self.header("content-type").starts_with("text/html") {
            let policy = self.header("content-security-policy");
            let framed = self.url.path() == "/session/check";
            assert_eq!(policy.contains("frame-ancestors 'none'"), !framed, "D9: {at}: {policy}");
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "K2: {at}: {policy}");
            assert!(!self.header("referrer-policy").is_empty(), "E8: {at}");
        }
        let public =
            ["/.well-known/", "/jwks", "/session/check", "/assets/", "/favicon", "/robots.txt", "/health/", "/metrics"];
        if !public.iter().any(|start| self.url.path().starts_with(start)) {
            assert!(self.header("cache-control").contains("no-store"), "J6: {at}: {}", self.header("cache-control"));
        }
        let location = self.header("location");
        for secret in ["access_token=", "refresh_token=", "id_token=", "password="] {
            assert!(!location.contains(secret), "E8: {at}: {secret} in an address");
        }
        assert!(self.status < 500 || self.status == 503, "{at}: {:.2000}", self.body);
    }
}

/// Two groups of four symbols that cannot be mistaken for each other.
fn is_error_id(word: &str) -> bool {
    let symbol = |c: u8| (c.is_ascii_uppercase() || c.is_ascii_digit()) && !b"ILOU".contains(&c);
    match word.as_bytes() {
        [a @ .., b'-', e, f, g, h] if a.len() == 4 => a.iter().chain([e, f, g, h]).all(|c| symbol(*c)),
        _ => false,
    }
}
