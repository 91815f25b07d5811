//! The page that portals frame to learn whether the sign-in in this browser changed (OpenID Connect Session Management
//! 1.0 section 3.2). The only one that may be framed: it has nothing to see and nothing to press.

use super::AppState;
use super::layers::{Cacheable, MayBeFramed};
use crate::protocol::discovery::path;
use crate::view::assets;
use axum::Router;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

/// Long enough to be asked for rarely, short enough that a release changes the script.
const KEPT_SECONDS: u32 = 300;

pub fn router() -> Router<AppState> {
    Router::new().route(path::CHECK_SESSION, get(page))
}

async fn page() -> Response {
    let script = assets::url("check-session.js");
    let html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Session</title>\
         <script src=\"{script}\" defer></script></head><body></body></html>\n"
    );
    let mut response = Html(html).into_response();
    response.extensions_mut().insert(Cacheable(KEPT_SECONDS));
    response.extensions_mut().insert(MayBeFramed);
    response
}
