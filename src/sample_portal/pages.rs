//! The portal's pages, filled from what it knows.

use super::failure::Failure;
use super::oidc::{ShownToken, SignedIn};
use super::{Portal, PortalSettings};
use crate::base::Timestamp;
use crate::view::{
    DecodedToken, Locale, Page, PortalError, PortalFrame, PortalHome, PortalSignedIn, PortalSignedOut, TokenClaim,
};
use axum::http::{StatusCode, header};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use serde_json::Value;

/// Renders pages of one portal in one language.
pub(super) struct Pages<'p> {
    pub(super) portal: &'p Portal,
    pub(super) locale: Locale,
}

impl Pages<'_> {
    fn settings(&self) -> &PortalSettings {
        &self.portal.settings
    }

    fn named<'a>(&self, vi: &'a str, en: &'a str) -> &'a str {
        match self.locale {
            Locale::Vi => vi,
            Locale::En => en,
        }
    }

    fn frame(&self, path: &str, csrf: String) -> PortalFrame {
        let settings = self.settings();
        let neighbour = settings
            .neighbour
            .as_ref()
            .map(|other| (self.named(&other.name_vi, &other.name_en).to_owned(), other.url.to_string()));
        PortalFrame {
            locale: self.locale,
            name: self.named(&settings.name_vi, &settings.name_en).to_owned(),
            brand: settings.brand,
            path: path.to_owned(),
            csrf,
            neighbour,
            provider: settings.issuer.to_string(),
        }
    }

    /// Where to sign in.
    pub(super) fn home(&self) -> Response {
        let provider_host = host(&self.settings().issuer);
        self.send(StatusCode::OK, &PortalHome { frame: self.frame("/", String::new()), provider_host })
    }

    /// Who signed in, how, and with which tokens.
    pub(super) fn signed_in(&self, person: &SignedIn, csrf: String) -> Response {
        let name = person.claims.get("name").and_then(Value::as_str).unwrap_or(&person.sub);
        let page = PortalSignedIn {
            frame: self.frame("/", csrf),
            person: name.to_owned(),
            acting_for: person.acting_for.clone(),
            acr: person.acr.clone().unwrap_or_default(),
            identity_level: person.identity_level.unwrap_or(0),
            authentication_level: person.authentication_level.unwrap_or(0),
            methods: person.amr.join(", "),
            authenticated_at: person.auth_time.map(Timestamp::from_seconds),
            tokens: person.tokens.iter().map(|token| self.taken_apart(token)).collect(),
            what_happened: self.what_happened(person),
        };
        self.send(StatusCode::OK, &page)
    }

    fn taken_apart(&self, token: &ShownToken) -> DecodedToken {
        let claims = token.payload.as_object().into_iter().flatten();
        DecodedToken {
            name: token.name.to_owned(),
            header: serde_json::to_string_pretty(&token.header).unwrap_or_default(),
            claims: claims.map(|(name, value)| TokenClaim::explained(name, value.to_string(), self.locale)).collect(),
            signature_ok: token.signature_ok,
        }
    }

    /// Where the demo shows the steps of this sign-in.
    fn what_happened(&self, person: &SignedIn) -> Option<String> {
        let (base, grant) = (self.settings().what_happened_base.as_ref()?, person.grant.as_deref()?);
        let mut to = base.clone();
        to.path_segments_mut().ok()?.pop_if_empty().push(grant);
        Some(to.into())
    }

    /// Why a sign-in did not happen.
    pub(super) fn error(&self, failure: &Failure) -> Response {
        let page = PortalError {
            frame: self.frame("/", String::new()),
            code: failure.code().to_owned(),
            description: Some(failure.detail()),
        };
        self.send(failure.status(), &page)
    }

    /// Signed out here and at the provider.
    pub(super) fn signed_out(&self) -> Response {
        self.send(StatusCode::OK, &PortalSignedOut { frame: self.frame("/signed-out", String::new()) })
    }

    fn send<P: Page>(&self, status: StatusCode, page: &P) -> Response {
        let html = match page.render_page() {
            Ok(html) => html,
            Err(error) => {
                tracing::error!(page = error.page, "a page of the portal could not be rendered");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        };
        // Signing out posts here and is redirected to the provider: both must be allowed as targets of the form.
        let policy = format!(
            "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self'; base-uri 'none'; \
             frame-ancestors 'none'; form-action 'self' {}",
            self.settings().issuer.origin().ascii_serialization()
        );
        let headers = AppendHeaders([
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_SECURITY_POLICY, policy.as_str()),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ]);
        (status, headers, Html(html)).into_response()
    }
}

/// Host and port, as a person sees them in the address bar.
fn host(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
