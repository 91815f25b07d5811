//! `conformance`: TLS in the process, certificates of clients, one made-up person; and that `serve` wants none of it.

use crate::harness::Site;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair};
use reqwest::{Certificate, Client, Identity, header, tls};
use serde_json::{Value, json};
use std::net::TcpListener;

const HOST: &str = "localhost:9443";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The profile on free ports; its issuer and names stay.
fn site(mtls: u16) -> Site {
    let root = env!("CARGO_MANIFEST_DIR");
    let site = Site::new()
        .with("PROVIDER__LISTEN", "127.0.0.1:0")
        .with("TLS__MTLS_LISTEN", &format!("127.0.0.1:{mtls}"))
        .with("TLS__MTLS_URL", &format!("https://localhost:{mtls}"));
    site.file("conformance.toml", &std::fs::read_to_string(format!("{root}/config/conformance.toml")).unwrap());
    site
}

async fn call(client: &Client, port: u16, path: &str, host: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("https://localhost:{port}{path}");
    let request = if form.is_empty() { client.get(url) } else { client.post(url).form(form) };
    let answer = request.header(header::HOST, host).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
}

#[test]
fn a5_tls_ends_here_and_a_certificate_proves_its_client() {
    let mtls = free_port();
    let site = site(mtls);
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let certificate =
        |key: &KeyPair| CertificateParams::new(vec!["agency".to_owned()]).unwrap().self_signed(key).unwrap();
    let (own, stranger) = (certificate(&key), certificate(&other));
    let clients = json!([{
        "client_id": "agency", "client_name": "Agency", "grant_types": ["client_credentials"],
        "scope": "report", "id_token_signed_response_alg": "ES256",
        "token_endpoint_auth_method": "self_signed_tls_client_auth",
        "tls_client_certificate_bound_access_tokens": true,
        "jwks": {"keys": [{"kty": "EC", "crv": "P-256", "x": "x", "y": "y", "x5c": [STANDARD.encode(own.der())]}]},
    }]);
    site.file("clients.json", &clients.to_string());
    let arguments = ["conformance", "--config", "conformance.toml", "--clients", "clients.json", "--json"];
    let (_running, line) = site.start(&arguments);
    let facts: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&facts["clients"], &facts["person"]["code"]), (&json!(["agency"]), &json!("246810")));
    let port: u16 = facts["listen"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
    let trusted = std::fs::read(site.path("data/conformance/server.pem")).unwrap();
    let builder = || {
        let trusted = Certificate::from_pem(&trusted).unwrap();
        Client::builder().tls_certs_only([trusted]).no_proxy().redirect(reqwest::redirect::Policy::none())
    };
    let with = |key: &KeyPair, certificate: &rcgen::Certificate| {
        let pem = format!("{}{}", certificate.pem(), key.serialize_pem());
        builder().identity(Identity::from_pem(pem.as_bytes()).unwrap()).build().unwrap()
    };
    let form = [("client_id", "agency"), ("grant_type", "client_credentials")];
    let at_mtls = format!("localhost:{mtls}");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for version in [tls::Version::TLS_1_2, tls::Version::TLS_1_3] {
            let client = builder().tls_version_min(version).tls_version_max(version).build().unwrap();
            let (status, metadata) = call(&client, port, "/.well-known/openid-configuration", HOST, &[]).await;
            assert_eq!((status, &metadata["issuer"]), (200, &json!("https://localhost:9443")));
            let there = &metadata["mtls_endpoint_aliases"]["token_endpoint"];
            assert_eq!(there, &json!(format!("https://localhost:{mtls}/token")));
        }
        let (status, tokens) = call(&with(&key, &own), mtls, "/token", &at_mtls, &form).await;
        assert_eq!(status, 200, "{tokens}");
        for client in [with(&other, &stranger), builder().build().unwrap()] {
            let (status, answer) = call(&client, mtls, "/token", &at_mtls, &form).await;
            assert_eq!((status, &answer["error"]), (401, &json!("invalid_client")));
        }
        // Nobody asks for certificates on the listener of people.
        assert_eq!(call(&with(&key, &own), port, "/token", HOST, &form).await.0, 401);
        let (status, made) = {
            let answer = builder().build().unwrap().post(format!("https://localhost:{port}/register"));
            let body = json!({"redirect_uris": ["https://suite.example/cb"]});
            let answer = answer.header(header::HOST, HOST).json(&body).send().await.unwrap();
            (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
        };
        assert_eq!((status, &made["require_pkce"]), (201, &json!(false)), "{made}");
    });
}

#[test]
fn serve_refuses_the_conformance_profile() {
    let site = site(free_port());
    site.run(&["serve", "--config", "conformance.toml"]).expect(1).says(&[
        "provider.environment",
        "registration.mode",
        "registration.agreement_for_all",
        "registration.require_pkce",
        "sign_in.fixed_code",
    ]);
    let site = Site::new();
    site.file("c.toml", "");
    site.run(&["conformance", "--config", "c.toml"]).expect(1).says(&["conformance profile"]);
}
