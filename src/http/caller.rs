//! Reads who calls a protocol endpoint.

use super::AppState;
use crate::flow::caller::Caller;
use crate::protocol::Endpoints;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Method, header};
use std::convert::Infallible;

impl FromRequestParts<AppState> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let text = |value: &header::HeaderValue| value.to_str().unwrap_or("\u{0}").to_owned();
        Ok(Self {
            authorization: parts.headers.get(header::AUTHORIZATION).map(text),
            proofs: parts.headers.get_all("dpop").iter().map(text).collect(),
            certificate: None,
            method: if parts.method == Method::GET { "GET" } else { "POST" },
            urls: vec![Endpoints::new(state.services.issuer()).url(parts.uri.path())],
        })
    }
}
