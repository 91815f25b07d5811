//! A browser as far as the flows need one: it keeps cookies, follows our redirects and fills in the forms it is shown.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use std::collections::BTreeMap;
use tower::ServiceExt;
use url::form_urlencoded;

pub const HOST: &str = "id.example.vn";
pub const ORIGIN: &str = "https://id.example.vn";
pub const SESSION: &str = "__Host-session";

/// One answer.
#[derive(Debug, Clone)]
pub struct Page {
    pub path: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Page {
    pub fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub fn has(&self, text: &str) -> &Self {
        assert!(self.body.contains(text), "{} {} lacks {text:?}:\n{}", self.status, self.path, self.text());
        self
    }

    #[track_caller]
    pub fn lacks(&self, text: &str) -> &Self {
        assert!(!self.body.contains(text), "{} {} has {text:?}:\n{}", self.status, self.path, self.text());
        self
    }

    /// The page asks who is there: by a field, or by greeting whom the browser knows.
    #[track_caller]
    pub fn asks_who(&self) -> &Self {
        let asks = self.body.contains("name=\"identifier\"") || self.body.contains("name=\"recognised\"");
        assert!(asks, "{} {} asks nobody:\n{}", self.status, self.path, self.text());
        self
    }

    #[track_caller]
    pub fn is(&self, status: u16) -> &Self {
        assert_eq!(self.status.as_u16(), status, "{} {:?}\n{}", self.path, self.location(), self.text());
        self
    }

    /// The page stands at a step of its flow.
    #[track_caller]
    pub fn at(&self, step: &str) -> &Self {
        assert!(self.path.ends_with(step), "at {} not {step}: {:?}\n{}", self.path, self.location(), self.text());
        self
    }

    /// The words of the page, for messages of failed tests.
    pub fn text(&self) -> String {
        let body = self.body.split_once("<main").map_or(self.body.as_str(), |(_, main)| main);
        let mut text = String::new();
        let mut inside = true;
        for c in body.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(1200).collect()
    }

    /// The handle of the flow this page belongs to.
    #[track_caller]
    pub fn flow(&self) -> String {
        let parts: Vec<&str> = self.path.split(['/', '?']).collect();
        let flow = parts.iter().find(|part| part.len() == 32).unwrap_or_else(|| panic!("no flow in {}", self.path));
        (*flow).to_owned()
    }

    /// What the portal is told: the members of the answer in the redirect.
    #[track_caller]
    pub fn answer(&self) -> BTreeMap<String, String> {
        let location = self.location().unwrap_or_else(|| panic!("no answer: {} {}", self.path, self.text()));
        assert!(!location.starts_with('/'), "no answer but {location}");
        let query = location.split_once('?').map_or("", |(_, query)| query);
        form_urlencoded::parse(query.as_bytes()).into_owned().collect()
    }

    #[track_caller]
    pub fn code(&self) -> String {
        self.answer().remove("code").unwrap_or_else(|| panic!("no code: {:?}", self.location()))
    }

    #[track_caller]
    pub fn error(&self) -> String {
        self.answer().remove("error").unwrap_or_else(|| panic!("no error: {:?}", self.location()))
    }

    /// The form token of this page.
    #[track_caller]
    pub fn csrf(&self) -> String {
        let (_, rest) =
            self.body.split_once("name=\"csrf\" value=\"").unwrap_or_else(|| panic!("no form: {}", self.text()));
        rest.split('"').next().unwrap().to_owned()
    }

    /// The hidden fields of the form whose action ends like this; `None` without such a form.
    pub fn form(&self, action_end: &str) -> Option<(String, Vec<(String, String)>)> {
        for form in self.body.split("<form ").skip(1) {
            let form = form.split("</form>").next().unwrap_or_default();
            let action = attribute(form, "action").unwrap_or_default();
            if action.ends_with(action_end) {
                let hidden = form.split("<input ").skip(1).filter(|input| input.contains("type=\"hidden\""));
                let fields = hidden
                    .map(|input| (attribute(input, "name").unwrap(), attribute(input, "value").unwrap_or_default()))
                    .collect();
                return Some((action, fields));
            }
        }
        None
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.replace("&amp;", "&").replace("&#38;", "&"))
}

#[derive(Clone)]
pub struct Browser {
    router: Router,
    pub jar: BTreeMap<String, String>,
    pub agent: String,
    /// The caller's address, as a proxy would tell it.
    pub forwarded: String,
}

impl Browser {
    pub fn new(router: Router) -> Self {
        Self { router, jar: BTreeMap::new(), agent: String::new(), forwarded: String::new() }
    }

    pub fn session(&self) -> Option<&String> {
        self.jar.get(SESSION)
    }

    async fn ask(&mut self, request: axum::http::request::Builder, path: &str, body: String) -> Page {
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = request.uri(path).header(header::ACCEPT_LANGUAGE, "en");
        if !request.headers_ref().unwrap().contains_key(header::HOST) {
            request = request.header(header::HOST, HOST);
        }
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        if !self.agent.is_empty() {
            request = request.header(header::USER_AGENT, &self.agent);
        }
        if !self.forwarded.is_empty() {
            request = request.header("x-forwarded-for", &self.forwarded);
        }
        let answer = self.router.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        for cookie in parts.headers.get_all(header::SET_COOKIE) {
            let text = cookie.to_str().unwrap();
            let (name, rest) = text.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if text.contains("Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
        let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        Page { path: path.to_owned(), status: parts.status, headers: parts.headers, body }
    }

    /// One request of any method, without a body.
    pub async fn method(&mut self, method: &str, path: &str) -> Page {
        self.ask(Request::builder().method(method), path, String::new()).await
    }

    /// One GET, redirects not followed.
    pub async fn fetch(&mut self, path: &str) -> Page {
        self.ask(Request::get(path), path, String::new()).await
    }

    /// Status, media type and bytes of what need not be text.
    pub async fn fetch_bytes(&mut self, path: &str) -> (u16, String, Vec<u8>) {
        let request = Request::get(path).header(header::HOST, HOST).body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let kind = answer.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned();
        let status = answer.status().as_u16();
        (status, kind, to_bytes(answer.into_body(), 1 << 20).await.unwrap().to_vec())
    }

    /// One request as it is.
    pub async fn request(&mut self, method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Page {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.ask(request, path, body.to_owned()).await
    }

    /// One GET with an access token.
    pub async fn bearer(&mut self, path: &str, token: &str) -> Page {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.ask(request, path, String::new()).await
    }

    /// One GET with another `Host`.
    pub async fn at_host(&mut self, host: &str, path: &str) -> Page {
        let request = Request::get(path).header(header::HOST, host);
        self.ask(request, path, String::new()).await
    }

    /// One POST of a body as it is.
    pub async fn body(&mut self, path: &str, kind: &str, body: &str) -> Page {
        self.ask(Request::post(path).header(header::CONTENT_TYPE, kind), path, body.to_owned()).await
    }

    /// One POST of fields as they are, redirects not followed.
    pub async fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send_from(ORIGIN, path, fields).await
    }

    /// The same from a page of another origin.
    pub async fn send_from(&mut self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, origin);
        self.ask(request, path, body).await
    }

    /// Posts to an address with the form token of a page, whether or not the page has such a form; then follows.
    pub async fn press(&mut self, page: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = page.csrf();
        let mut all = vec![("csrf", csrf.as_str())];
        all.extend_from_slice(fields);
        let answer = self.send(path, &all).await;
        self.follow(answer).await
    }

    /// Follows our own redirects; stops at a page, or at an answer for somebody else.
    pub async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..10 {
            match page.location() {
                Some(next) if next.starts_with('/') => page = self.fetch(next).await,
                _ => return page,
            }
        }
        panic!("a redirect loop at {}", page.path);
    }

    pub async fn open(&mut self, path: &str) -> Page {
        let page = self.fetch(path).await;
        self.follow(page).await
    }

    /// Fills in a form of the page and posts it, redirects not followed.
    #[track_caller]
    pub fn post<'a>(
        &'a mut self,
        page: &Page,
        action_end: &str,
        fields: &'a [(&'a str, &'a str)],
    ) -> impl Future<Output = Page> + 'a {
        let form = page.form(action_end);
        let (action, hidden) =
            form.unwrap_or_else(|| panic!("{} has no form {action_end}: {}", page.path, page.text()));
        async move {
            let mut all: Vec<(&str, &str)> =
                hidden.iter().filter(|(name, _)| fields.iter().all(|(own, _)| own != name)).map(pair).collect();
            all.extend_from_slice(fields);
            self.send(&action, &all).await
        }
    }

    /// As [`Browser::post`], then follows.
    #[track_caller]
    pub fn submit<'a>(
        &'a mut self,
        page: &Page,
        action_end: &str,
        fields: &'a [(&'a str, &'a str)],
    ) -> impl Future<Output = Page> + 'a {
        let form = page.form(action_end).is_some();
        assert!(form, "{} {} has no form {action_end}: {}", page.status, page.path, page.text());
        let page = page.clone();
        let action_end = action_end.to_owned();
        async move {
            let answer = self.post(&page, &action_end, fields).await;
            self.follow(answer).await
        }
    }
}

fn pair((name, value): &(String, String)) -> (&str, &str) {
    (name, value)
}
