//! Bodies of page forms: small, urlencoded, UTF-8, and only from our own pages.

use axum::http::{HeaderMap, header};
use url::form_urlencoded;

/// A page form as sent. Names may repeat (checkboxes); values are trimmed of nothing.
#[derive(Debug, Default, Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Parses an urlencoded body. `None`: not valid UTF-8, or holds control characters other than line ends.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut fields = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            if value.contains('\0') || value.contains('\u{FFFD}') {
                return None;
            }
            fields.push((name.into_owned(), value.into_owned()));
        }
        (fields.len() <= 64).then_some(Self(fields))
    }

    /// A form of fields that were kept.
    pub const fn of(fields: Vec<(String, String)>) -> Self {
        Self(fields)
    }

    /// The first value of a name, or the empty text.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// Every value of a name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Why a form was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignForm {
    /// Sent from another site (`Origin`, `Sec-Fetch-Site`).
    OtherSite,
    /// Not an urlencoded form: browsers send `text/plain` across sites without asking.
    ContentType,
}

/// Whether the headers say that the form comes from a page of `origin` (CSRF, before the token is looked at).
pub fn same_site(headers: &HeaderMap, origin: &str) -> Result<(), ForeignForm> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("");
    let essence = kind.split(';').next().unwrap_or("").trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(ForeignForm::ContentType);
    }
    same_origin(headers, origin)
}

/// Whether a request that changes something comes from our own origin.
pub fn same_origin(headers: &HeaderMap, origin: &str) -> Result<(), ForeignForm> {
    if let Some(sent) = headers.get(header::ORIGIN)
        && sent.as_bytes() != origin.as_bytes()
    {
        return Err(ForeignForm::OtherSite);
    }
    match headers.get("sec-fetch-site").map(axum::http::HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(ForeignForm::OtherSite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect()
    }

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

    #[test]
    fn d10_forms_of_other_sites_are_refused() {
        let ours = "https://id.example";
        assert_eq!(same_site(&headers(&[FORM, ("origin", "https://id.example")]), ours), Ok(()));
        assert_eq!(same_site(&headers(&[FORM]), ours), Ok(()));
        for origin in ["https://evil.example", "null", "https://id.example.evil", "http://id.example"] {
            let sent = headers(&[FORM, ("origin", origin)]);
            assert_eq!(same_site(&sent, ours), Err(ForeignForm::OtherSite), "{origin}");
        }
        let cross = headers(&[FORM, ("sec-fetch-site", "cross-site")]);
        assert_eq!(same_site(&cross, ours), Err(ForeignForm::OtherSite));
        let plain = headers(&[("content-type", "text/plain")]);
        assert_eq!(same_site(&plain, ours), Err(ForeignForm::ContentType));
        assert_eq!(same_site(&headers(&[]), ours), Err(ForeignForm::ContentType));
    }

    #[test]
    fn bad_bytes_are_no_form() {
        assert!(Form::parse(b"a=%ff").is_none());
        assert!(Form::parse(b"a=\xff").is_none());
        assert!(Form::parse(b"a=%00").is_none());
        let form = Form::parse(b"a=1&a=2&b=%C4%90").unwrap();
        assert_eq!((form.get("a"), form.all("a").len(), form.get("b"), form.get("c")), ("1", 2, "Đ", ""));
    }
}
