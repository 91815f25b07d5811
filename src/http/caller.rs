//! Reads who calls a protocol endpoint.

use super::{AppState, Site};
use crate::flow::caller::Caller;
use crate::protocol::discovery;
use crate::protocol::mutual_tls::client_cert_header;
use crate::protocol::{Endpoints, Error, ErrorCode};
use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use std::net::SocketAddr;
use std::sync::Arc;

/// What the other end of a TLS connection showed: its certificate first, then those between it and an authority.
/// Nothing of it is believed yet but that the caller holds the first one's key.
#[derive(Debug, Clone, Default)]
pub struct PeerCertificates(pub Vec<Arc<[u8]>>);

impl FromRequestParts<AppState> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let text = |value: &HeaderValue| value.to_str().unwrap_or("\u{0}").to_owned();
        let mut shown = certificates(parts, &state.site).map_err(|error| {
            let mut response = super::oidc::json_answer(StatusCode::BAD_REQUEST, &error.to_json());
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            response
        })?;
        let certificate = (!shown.is_empty()).then(|| shown.remove(0));
        let path = parts.uri.path();
        let alias = state.site.mtls_origin.as_deref().filter(|_| discovery::is_aliased(path));
        let origins = std::iter::once(state.services.issuer()).chain(alias);
        Ok(Self {
            authorization: parts.headers.get(header::AUTHORIZATION).map(text),
            proofs: parts.headers.get_all("dpop").iter().map(text).collect(),
            certificate,
            intermediates: shown,
            method: if parts.method == Method::GET { "GET" } else { "POST" },
            urls: origins.map(|origin| Endpoints::new(origin).url(path)).collect(),
        })
    }
}

/// The certificates of the connection, or, when it comes from a proxy that the configuration names, those that the proxy
/// tells (RFC 9440). From anybody else the headers mean nothing.
fn certificates(parts: &Parts, site: &Site) -> Result<Vec<Arc<[u8]>>, Error> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip().to_canonical());
    if !peer.is_some_and(|peer| site.certificate_proxies.contains(&peer)) {
        return Ok(parts.extensions.get::<PeerCertificates>().map(|shown| shown.0.clone()).unwrap_or_default());
    }
    let malformed =
        Error::new(ErrorCode::InvalidRequest, "client_cert_header", "The proxy's Client-Cert header cannot be read.");
    let leaf = client_cert_header(values(&parts.headers, "client-cert")).map_err(|_| malformed.clone())?;
    let Some(leaf) = leaf else { return Ok(Vec::new()) };
    let mut chain = vec![Arc::from(leaf)];
    // RFC 9440 2.3: a list, perhaps over several lines.
    for value in parts.headers.get_all("client-cert-chain") {
        for member in value.to_str().map_err(|_| malformed.clone())?.split(',').take(8) {
            match client_cert_header(std::iter::once(member.trim().as_bytes())) {
                Ok(Some(between)) => chain.push(Arc::from(between)),
                _ => return Err(malformed),
            }
        }
    }
    Ok(chain)
}

fn values<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}
