//! Clients that prove themselves by a certificate, and tokens bound to it (RFC 8705, RFC 9440).

use crate::kit::browser::HOST;
use crate::kit::{House, Portal};
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{Request, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dinhdanh::base::{SystemEntropy, random_token};
use dinhdanh::http::PeerCertificates;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tower::ServiceExt;

/// How a request shows its certificate.
pub enum Shown<'a> {
    Nothing,
    /// In the handshake.
    Here(&'a [u8]),
    /// By a proxy at this address, which tells it in a header.
    Told(&'static str, &'a [u8]),
}

pub async fn post(house: &House, path: &str, shown: Shown<'_>, fields: &[(&str, &str)]) -> (u16, Value) {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let mut request = Request::post(path)
        .header(header::HOST, HOST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let mut from = "203.0.113.9";
    match shown {
        Shown::Nothing => {}
        Shown::Here(der) => request = request.extension(PeerCertificates(vec![Arc::from(der)])),
        Shown::Told(proxy, der) => {
            from = proxy;
            request = request.header("client-cert", format!(":{}:", STANDARD.encode(der)));
        }
    }
    let address: SocketAddr = format!("{from}:4711").parse().unwrap();
    let answer = house.router.clone().oneshot(request.extension(ConnectInfo(address)).body(Body::from(body)).unwrap());
    let answer = answer.await.unwrap();
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
}

pub struct Authority {
    params: CertificateParams,
    key: KeyPair,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        Self { params, key: KeyPair::generate().unwrap() }
    }

    pub fn pem(&self) -> String {
        self.params.self_signed(&self.key).unwrap().pem()
    }

    pub fn issue(&self, name: &str) -> Vec<u8> {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let issuer = Issuer::from_params(&self.params, &self.key);
        params.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().der().to_vec()
    }
}

pub fn self_signed() -> Vec<u8> {
    let params = CertificateParams::new(vec!["portal.example".to_owned()]).unwrap();
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

async fn house(ca: &str) -> House {
    let file = std::env::temp_dir().join(format!("client-ca-{}.pem", random_token(&SystemEntropy)));
    std::fs::write(&file, ca).unwrap();
    House::over(&[
        ("tls.client_ca", file.to_str().unwrap()),
        ("tls.client_certificate_header", "client-cert"),
        ("tls.trusted_proxies", "192.0.2.1"),
        ("tls.mtls_url", "https://mtls.example.vn"),
    ])
    .await
}

const FIELDS: [(&str, &str); 2] = [("client_id", "agency"), ("grant_type", "client_credentials")];

#[tokio::test]
async fn f8_a_certificate_of_a_trusted_authority_with_the_registered_name_proves_its_client() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let house = house(&authority.pem()).await;
    let portal = Portal::with(
        &house,
        "agency",
        json!({
            "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "agency.example",
            "tls_client_certificate_bound_access_tokens": true,
        }),
    )
    .await;
    let good = authority.issue("agency.example");
    let (status, tokens) = post(&house, "/token", Shown::Here(&good), &FIELDS).await;
    assert_eq!(status, 200, "{tokens}");
    for (what, shown) in [
        ("none", Shown::Nothing),
        ("another name", Shown::Here(&authority.issue("other.example"))),
        ("another authority", Shown::Here(&stranger.issue("agency.example"))),
        ("nobody's", Shown::Here(&self_signed())),
        ("no certificate at all", Shown::Here(b"x")),
        ("a header from anybody", Shown::Told("203.0.113.9", &good)),
    ] {
        let (status, answer) = post(&house, "/token", shown, &FIELDS).await;
        assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")), "{what}");
    }
    assert_eq!(post(&house, "/token", Shown::Told("192.0.2.1", &good), &FIELDS).await.0, 200, "from the proxy");
    // Proved otherwise, but with tokens bound to a certificate: without one there are none (RFC 8705 3).
    let metadata = json!({ "tls_client_certificate_bound_access_tokens": true });
    let bound = Portal::with(&house, "bound", metadata).await;
    let (status, answer) = bound.call(&house, "/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_request")), "{answer}");
    // RFC 9449 5.2: who registered for proofs shows one, whatever its certificate could do as well.
    let both = json!({
        "token_endpoint_auth_method": "tls_client_auth", "tls_client_auth_san_dns": "agency.example",
        "tls_client_certificate_bound_access_tokens": true, "dpop_bound_access_tokens": true,
    });
    Portal::with(&house, "both", both).await;
    let fields = [("client_id", "both"), ("grant_type", "client_credentials")];
    let (status, answer) = post(&house, "/token", Shown::Here(&good), &fields).await;
    assert_eq!((status, &answer["error"]), (400, &json!("invalid_dpop_proof")), "{answer}");
    // E5, RFC 8705 3.1: introspection tells what the token is bound to.
    let token = tokens["access_token"].as_str().unwrap();
    let ask = [("client_id", portal.id.as_str()), ("token", token)];
    let (status, told) = post(&house, "/introspect", Shown::Here(&good), &ask).await;
    assert_eq!((status, told["active"].as_bool()), (200, Some(true)), "{told}");
    assert!(told["cnf"]["x5t#S256"].is_string(), "{told}");
}

#[tokio::test]
async fn f8_a_registered_self_signed_certificate_proves_its_client_and_no_other_does() {
    let house = house(&Authority::new().pem()).await;
    let (own, other) = (self_signed(), self_signed());
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "x5c": [STANDARD.encode(&own)]});
    let metadata = json!({"token_endpoint_auth_method": "self_signed_tls_client_auth", "jwks": {"keys": [jwk]}});
    Portal::with(&house, "agency", metadata).await;
    assert_eq!(post(&house, "/token", Shown::Here(&own), &FIELDS).await.0, 200);
    assert_eq!(post(&house, "/token", Shown::Here(&other), &FIELDS).await.0, 401);
    assert_eq!(post(&house, "/token", Shown::Nothing, &FIELDS).await.0, 401);
}

#[tokio::test]
async fn j1_the_other_host_serves_what_clients_call_and_no_page() {
    let house = house(&Authority::new().pem()).await;
    let page = house.browser().at_host("mtls.example.vn", "/authorize").await;
    assert_eq!(page.status.as_u16(), 421);
    let page = house.browser().at_host("mtls.example.vn", "/userinfo").await;
    assert_eq!(page.status.as_u16(), 401);
    let page = house.browser().fetch("/.well-known/oauth-authorization-server").await;
    let metadata: Value = serde_json::from_str(&page.body).unwrap();
    assert_eq!(metadata["mtls_endpoint_aliases"]["token_endpoint"], "https://mtls.example.vn/token");
    assert_eq!(metadata["tls_client_certificate_bound_access_tokens"], true);
    let same = house.browser().fetch("/.well-known/openid-configuration").await;
    assert_eq!(same.body, page.body);
}
