//! Two small relying parties for the demo.
//!
//! Written with the `openidconnect` crate exactly as an outside portal would be: it knows the provider only through
//! discovery, and trusts no answer it did not check (OpenID Connect Core 3.1.3.7, RFC 9700 2.1, RFC 9207 2.4,
//! OpenID Connect Back-Channel Logout 1.0 2.6).

mod ask;
mod failure;
mod handlers;
mod logout_token;
mod oidc;
mod pages;
mod store;
#[cfg(test)]
mod tests;

use crate::base::{Clock, Secret, SystemClock};
use crate::view::PortalBrand;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tower_http::compression::CompressionLayer;
use url::Url;

/// The largest request body a portal reads, in bytes: a logout token is about one thousand.
const BODY_LIMIT: usize = 32 * 1024;

/// What one portal must know: its names, its registration at the provider, and where it lives.
#[derive(Debug, Clone)]
pub struct PortalSettings {
    /// The portal's name in Vietnamese.
    pub name_vi: String,
    /// The portal's name in English.
    pub name_en: String,
    /// The provider's issuer identifier. A trailing slash is not part of it.
    pub issuer: Url,
    /// `client_id` at the provider. Letters and digits of it also name the cookies.
    pub client_id: String,
    /// `client_secret` at the provider.
    pub client_secret: Secret,
    /// Where the portal is reached; `/callback`, `/signed-out` and `/backchannel-logout` hang below it.
    pub base_url: Url,
    /// How the portal proves itself at the token endpoint.
    pub token_auth: TokenAuth,
    /// Scopes asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The only algorithm accepted in ID tokens and logout tokens (`id_token_signed_response_alg`).
    pub id_token_alg: IdTokenAlg,
    /// Where "what just happened" pages live: `{base}/{grant}`; `None` hides the link. In the demo
    /// `{issuer}/test/what-happened`.
    pub what_happened_base: Option<Url>,
    /// The portal's colour.
    pub brand: PortalBrand,
    /// The other sample portal, linked from every page.
    pub neighbour: Option<Neighbour>,
}

/// Another portal.
#[derive(Debug, Clone)]
pub struct Neighbour {
    /// Its name in Vietnamese.
    pub name_vi: String,
    /// Its name in English.
    pub name_en: String,
    /// Where it is reached.
    pub url: Url,
}

/// Client authentication at the token endpoint (OpenID Connect Core 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenAuth {
    /// `client_secret_basic`
    #[default]
    ClientSecretBasic,
    /// `client_secret_post`
    ClientSecretPost,
}

/// Signature algorithms a portal can register for its tokens (RFC 7518 3.1, RFC 8037 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdTokenAlg {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// Ed25519.
    EdDsa,
}

/// One running portal.
pub(crate) struct Portal {
    settings: PortalSettings,
    slug: String,
    provider: oidc::Provider,
    store: Mutex<store::Store>,
    clock: Arc<dyn Clock>,
}

impl Portal {
    fn new(settings: PortalSettings, clock: Arc<dyn Clock>) -> Self {
        let provider = oidc::Provider::new(&settings);
        Self { slug: slug(&settings.client_id), provider, store: Mutex::default(), clock, settings }
    }

    /// The portal's memory. A thread that died while holding it left plain maps behind, whole enough to go on.
    fn store(&self) -> MutexGuard<'_, store::Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An address of this portal; `path` has no leading slash.
    fn address(&self, path: &str) -> String {
        format!("{}/{path}", self.settings.base_url.as_str().trim_end_matches('/'))
    }
}

/// Cookies of every port of a host share one jar, so a portal's cookies carry its own name.
fn slug(client_id: &str) -> String {
    client_id.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect()
}

/// The portal as a router; all its state lives in memory and ends with it.
pub fn router(settings: PortalSettings) -> Router {
    router_of(Arc::new(Portal::new(settings, Arc::new(SystemClock))))
}

fn router_of(portal: Arc<Portal>) -> Router {
    Router::new()
        .route("/", get(handlers::home))
        .route("/sample", get(handlers::home))
        .route("/login", get(handlers::login))
        .route("/callback", get(handlers::callback))
        .route("/logout", post(handlers::logout))
        .route("/signed-out", get(handlers::signed_out))
        .route("/backchannel-logout", post(handlers::backchannel_logout))
        .route("/me", get(handlers::me))
        .route("/events", get(handlers::events))
        .route("/assets/{*path}", get(handlers::asset))
        .layer(CompressionLayer::new())
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .with_state(portal)
}

/// Serves a portal on `listener` until `shutdown` resolves; open requests are finished first.
///
/// # Errors
/// What the operating system answers when the listener cannot be used.
pub async fn serve(
    listener: std::net::TcpListener,
    settings: PortalSettings,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    axum::serve(listener, router(settings)).with_graceful_shutdown(shutdown).await
}
