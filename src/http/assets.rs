//! Style sheets, scripts and fonts, by names that change with their content.

use super::AppState;
use super::layers::Cacheable;
use crate::view::assets;
use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

/// The assets' wing.
pub fn router() -> Router<AppState> {
    Router::new()
        .route("/assets/{name}", get(asset))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/robots.txt", get(async || "User-agent: *\nDisallow: /\n"))
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(asset) = assets::find(&name) else {
        return (StatusCode::NOT_FOUND, "No such file.\n").into_response();
    };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|sent| sent.as_bytes() == asset.etag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, asset.content_type)], asset.body.clone()).into_response()
    };
    if let Ok(value) = HeaderValue::from_str(&asset.etag) {
        response.headers_mut().insert(header::ETAG, value);
    }
    response.extensions_mut().insert(Cacheable(31_536_000));
    response
}
