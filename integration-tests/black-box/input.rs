//! Bad input at the endpoints that clients post to: RFC 6749 JSON, 400, nothing of the request repeated.

use crate::harness::{Party, Shape, Site};
use futures_util::future::join_all;
use reqwest::{Method, header};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

on_both_stores!(bad_input_at_client_endpoints_is_a_400_in_json, requests_that_are_no_http_are_survived);

const FORM: &str = "application/x-www-form-urlencoded";

async fn bad_input_at_client_endpoints_is_a_400_in_json(site: &Site) {
    let party = Party::register(site, Shape::Post, |_| {});
    let lawful = format!("client_id={}&client_secret={}&", party.id, party.secret);
    let long = "a".repeat(5000);
    let many: String = (0..70).map(|n| format!("p{n}=1&")).collect();
    let huge = "a".repeat(20_000);
    for endpoint in ["/token", "/introspect", "/revoke"] {
        let rest = if endpoint == "/token" { "grant_type=refresh_token&refresh_token=x" } else { "token=x" };
        let good = format!("{lawful}{rest}");
        let cases: Vec<(&str, &str, Vec<u8>)> = vec![
            ("no content type", "", good.clone().into()),
            ("text/plain", "text/plain", good.clone().into()),
            ("JSON", "application/json", Vec::from(*b"{\"grant_type\":\"refresh_token\"}")),
            ("multipart", "multipart/form-data; boundary=b", Vec::from(*b"--b--")),
            ("a lookalike", "application/x-www-form-urlencoded-not", good.clone().into()),
            ("a parameter twice", FORM, format!("{good}&{}", rest.rsplit('&').next().unwrap()).into()),
            ("the client twice", FORM, format!("{good}&client_id={}", party.id).into()),
            ("an unknown parameter twice", FORM, format!("{good}&x=1&x=2").into()),
            ("raw bytes that are not UTF-8", FORM, [good.as_bytes(), b"&x=\xff\xfe"].concat()),
            ("coded bytes that are not UTF-8", FORM, format!("{good}&x=%ff").into()),
            ("a cut code", FORM, format!("{good}&x=%f").into()),
            ("no code", FORM, format!("{good}&x=%zz").into()),
            ("an overlong code", FORM, format!("{good}&x=%c0%af").into()),
            ("NUL", FORM, format!("{good}&x=%00").into()),
            ("CR LF", FORM, format!("{good}&x=%0d%0a").into()),
            ("a long value", FORM, format!("{good}&x={long}").into()),
            ("a long name", FORM, format!("{good}&{}=1", "n".repeat(200)).into()),
            ("many parameters", FORM, format!("{good}&{many}").into()),
            ("too much", FORM, format!("{good}&x={huge}").into()),
        ];
        for (what, kind, body) in cases {
            let mut request = party.request(Method::POST, endpoint).body(body);
            if !kind.is_empty() {
                request = request.header(header::CONTENT_TYPE, kind);
            }
            let answer = party.send(request).await;
            assert_eq!(
                (answer.status, answer.error()),
                (400, "invalid_request"),
                "{endpoint}, {what}: {}",
                answer.page.body
            );
            let description = answer.json["error_description"].as_str().unwrap_or_default();
            assert!(description.len() > 10, "{endpoint}, {what}: nothing that helps a developer");
            // RFC 6749 5.2: printable ASCII without quotation mark and backslash.
            let lawful = |c: char| matches!(c, ' ' | '!' | '#'..='[' | ']'..='~');
            assert!(description.chars().all(lawful), "{description}");
            assert!(answer.page.header("content-type").starts_with("application/json"), "{endpoint}, {what}");
            assert_eq!(answer.page.header("pragma"), "no-cache", "{endpoint}, {what}");
            assert!(!answer.page.body.contains(&party.secret), "{endpoint}, {what}");
        }
        // An empty body names no client.
        let answer = party.send(party.request(Method::POST, endpoint).header(header::CONTENT_TYPE, FORM)).await;
        assert!([400, 401].contains(&answer.status) && !answer.error().is_empty(), "{}", answer.page.body);
        // Two Authorization headers.
        let request = party.request(Method::POST, endpoint).header(header::AUTHORIZATION, "Basic YTpi");
        let request = request.header(header::AUTHORIZATION, "Basic Yzpk").form(&[("token", "x")]);
        assert_eq!(party.send(request).await.error(), "invalid_request", "{endpoint}: two Authorization headers");
        // Parameters in the address are not read.
        let query = party.request(Method::POST, &format!("{endpoint}?{good}")).header(header::CONTENT_TYPE, FORM);
        let answer = party.send(query).await;
        assert_ne!(answer.status, 200, "{endpoint}: E8: a secret in an address was taken");
        assert_eq!(party.send(party.request(Method::GET, &format!("{endpoint}?{good}"))).await.status, 405);
    }
    // What a lawful client leaves out.
    party.post("/token", &[]).await.refused("invalid_request");
    party.post("/token", &[("grant_type", "authorization_code")]).await.refused("invalid_request");
    party.post("/token", &[("grant_type", "refresh_token")]).await.refused("invalid_request");
    party.post("/introspect", &[]).await.refused("invalid_request");
    party.post("/revoke", &[]).await.refused("invalid_request");
    party.post("/revoke", &[("token", "x"), ("token_type_hint", "nonsense")]).await.ok();
}

async fn requests_that_are_no_http_are_survived(site: &Site) {
    let port: u16 = site.issuer.rsplit(':').next().unwrap().parse().unwrap();
    let host = site.host();
    let broken = [
        "\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        format!("GET /jwks HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        format!("GET /jwks HTTP/1.1\r\nHost: evil.example\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        "GET /jwks HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
        format!(
            "POST /token HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        ),
        format!("POST /token HTTP/1.1\r\nHost: {host}\r\nContent-Length: -1\r\n\r\n"),
        format!("POST /token HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\naaaaa"),
        format!("GET http://evil.example/jwks HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
        format!("GET http://{host}/jwks HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"),
        format!("GET /jwks HTTP/1.1\r\nHost: {host}\r\nX: {}\r\n\r\n", "a".repeat(500_000)),
        format!("GET /jwks HTTP/1.1\r\nHost: {host}\r\nX : y\r\nConnection: close\r\n\r\n"),
        // A head that never ends: the connection is closed after a while (S5).
        format!("GET /jwks HTTP/1.1\r\nHost: {host}\r\nX: y"),
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello".to_owned(),
    ];
    join_all(broken.iter().map(|raw| async move {
        let text = exchange(port, raw).await;
        assert!(!text.contains("evil.example"), "{raw:.60}: {text:.300}");
        assert!(!text.starts_with("HTTP/1.1 200") && !text.starts_with("HTTP/1.1 5"), "{raw:.60}: {text:.100}");
    }))
    .await;
    let lawful = format!("GET http://{host}/jwks HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert!(exchange(port, &lawful).await.starts_with("HTTP/1.1 200"), "RFC 9112 3.2.2: the absolute form");
    let party = Party::register(site, Shape::Basic, |_| {});
    party.post("/introspect", &[("token", "x")]).await.ok();
}

/// Sends bytes and reads what comes until the server closes.
async fn exchange(port: u16, raw: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    drop(stream.write_all(raw.as_bytes()).await);
    let mut answer = Vec::new();
    let read = tokio::time::timeout(crate::harness::PATIENCE, stream.read_to_end(&mut answer)).await;
    drop(read.unwrap_or_else(|_| panic!("it hangs: {raw:.60}")));
    String::from_utf8_lossy(&answer).into_owned()
}
