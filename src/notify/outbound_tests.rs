use super::*;
use crate::notify::BackchannelLogout;
use DeliveryError as E;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// A listener on loopback that counts connections and gives each the same reply.
pub(in crate::notify) struct Canary {
    pub port: u16,
    connects: Arc<AtomicUsize>,
    pub requests: tokio::sync::mpsc::UnboundedReceiver<String>,
}

impl Canary {
    pub async fn replying(reply: Vec<u8>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let connects = Arc::new(AtomicUsize::new(0));
        let (sender, requests) = tokio::sync::mpsc::unbounded_channel();
        let counter = Arc::clone(&connects);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let request = read_request(&mut stream).await;
                let _ = sender.send(request);
                let _ = stream.write_all(&reply).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { port, connects, requests }
    }

    pub async fn answering(status: &str, body: &str) -> Self {
        let length = body.len();
        let reply = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        Self::replying(reply.into_bytes()).await
    }

    pub fn connects(&self) -> usize {
        self.connects.load(Ordering::SeqCst)
    }
}

/// Head and body of one request, by its content-length.
async fn read_request(stream: &mut tokio::net::TcpStream) -> String {
    let (mut text, mut buffer) = (String::new(), [0u8; 4_096]);
    loop {
        let count = stream.read(&mut buffer).await.unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&buffer[..count]));
        let length = text
            .to_ascii_lowercase()
            .split_once("content-length: ")
            .and_then(|(_, rest)| rest.split("\r\n").next().and_then(|number| number.parse::<usize>().ok()));
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.len());
        if count == 0 || body.is_some_and(|body| body >= length.unwrap_or(0)) {
            return text;
        }
    }
}

fn strict() -> OutboundPolicy {
    OutboundPolicy::default()
}

fn demo() -> OutboundPolicy {
    OutboundPolicy { allow_loopback: true }
}

/// A client whose names are a table; each look-up of a name takes its next answer.
fn client(policy: OutboundPolicy, names: &[(&str, &[&str])]) -> (OutboundClient, Arc<AtomicUsize>) {
    let table: HashMap<String, Vec<SocketAddr>> = names
        .iter()
        .map(|(name, list)| (name.to_string(), list.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect()))
        .collect();
    let lookups = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&lookups);
    let lookup: Lookup = Arc::new(move |name| {
        counter.fetch_add(1, Ordering::SeqCst);
        let found = table.get(&name).cloned().unwrap_or_default();
        Box::pin(async move { Ok(found) })
    });
    (OutboundClient::with_lookup(policy, lookup, Vec::new()), lookups)
}

#[test]
fn g1_special_purpose_addresses_are_not_public() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "192.0.1.1",
        "198.20.0.1",
        "223.255.255.255",
        "2001:4860:4860::8888",
        "2400:cb00::1",
        "2a00:1450::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

/// Every spelling of our own machine and network, over https and http: refused, and the canary hears nothing.
#[tokio::test]
async fn g1_inner_addresses_are_refused_in_every_spelling() {
    let canary = Canary::answering("200 OK", "").await;
    let names: &[(&str, &[&str])] = &[
        ("localhost", &["127.0.0.1"]),
        ("localhost.", &["127.0.0.1"]),
        ("rebind.example", &["127.0.0.1"]),
        ("half.example", &["8.8.8.8", "127.0.0.1"]),
        ("metadata.example", &["169.254.169.254"]),
        ("mapped.example", &["::ffff:127.0.0.1"]),
        ("six.example", &["::1"]),
    ];
    let (client, _) = client(strict(), names);
    let logout = BackchannelLogout::new(client);
    for host in [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "0",
        "0.0.0.0",
        "[::]",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "169.254.169.254",
        "10.0.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "１２７.0.0.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "rebind.example",
        "half.example",
        "metadata.example",
        "mapped.example",
        "six.example",
        "user@rebind.example",
        "8.8.8.8@127.0.0.1",
    ] {
        for scheme in ["https", "http"] {
            let url = format!("{scheme}://{host}:{}/logout", canary.port);
            let outcome = logout.deliver(&url, "token").await;
            assert!(matches!(outcome, Err(E::Refused(_))), "{url} {outcome:?}");
        }
    }
    assert_eq!(canary.connects(), 0);
}

#[tokio::test]
async fn g1_other_schemes_and_shapes_are_refused() {
    let (client, lookups) = client(strict(), &[("rp.example", &["8.8.8.8"])]);
    for url in [
        "http://rp.example/",
        "ftp://rp.example/",
        "file:///etc/passwd",
        "gopher://rp.example/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "//rp.example/",
        "rp.example",
        "",
        "https://",
        "https://user:pw@rp.example/",
        &format!("https://rp.example/{}", "a".repeat(2_100)),
    ] {
        assert!(matches!(client.post_form(url, &[]).await, Err(E::Refused(_))), "{url}");
    }
    assert_eq!(lookups.load(Ordering::SeqCst), 0);
}

/// G2: the address that was checked is the address of the socket. The name is asked once for a request, so there is no
/// second answer that could differ.
#[tokio::test]
async fn g2_a_name_is_resolved_once_and_its_answer_is_the_one_checked() {
    let canary = Canary::answering("200 OK", "").await;
    let answers = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&answers);
    let rebinding: Lookup = Arc::new(move |_| {
        // First loopback (allowed in demo), afterwards the metadata service.
        let first = counter.fetch_add(1, Ordering::SeqCst) == 0;
        let address = if first { "127.0.0.1" } else { "169.254.169.254" };
        Box::pin(async move { Ok(vec![SocketAddr::new(address.parse().unwrap(), 0)]) })
    });
    let client = OutboundClient::with_lookup(demo(), rebinding, Vec::new());
    let url = format!("http://localhost:{}/", canary.port);
    assert_eq!(client.post_form(&url, &[]).await.map(|reply| reply.status), Ok(200));
    assert_eq!((answers.load(Ordering::SeqCst), canary.connects()), (1, 1));
    assert!(matches!(client.post_form(&url, &[]).await, Err(E::Refused(_))));
    assert_eq!(canary.connects(), 1);
}

#[tokio::test]
async fn g1_redirects_are_not_followed() {
    let target = Canary::answering("200 OK", "").await;
    let reply =
        format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n", target.port);
    let canary = Canary::replying(reply.into_bytes()).await;
    let (client, _) = client(demo(), &[]);
    let outcome = BackchannelLogout::new(client).deliver(&format!("http://127.0.0.1:{}/", canary.port), "t").await;
    assert_eq!(outcome.map(|delivered| delivered.status), Err(E::Status(302)));
    assert_eq!((canary.connects(), target.connects()), (1, 0));
}

#[tokio::test]
async fn g1_demo_reaches_loopback_and_nothing_else_inside() {
    let canary = Canary::answering("200 OK", "").await;
    let (client, _) = client(demo(), &[("inner.example", &["10.0.0.1"]), ("loop.example", &["127.0.0.1"])]);
    let at = |host: &str, scheme: &str| format!("{scheme}://{host}:{}/", canary.port);
    assert!(client.post_form(&at("127.0.0.1", "http"), &[]).await.is_ok());
    for url in [
        at("10.0.0.1", "https"),
        at("inner.example", "https"),
        at("loop.example", "http"),
        at("[::ffff:127.0.0.1]", "http"),
        at("0", "http"),
    ] {
        assert!(matches!(client.post_form(&url, &[]).await, Err(E::Refused(_))), "{url}");
    }
    assert_eq!(canary.connects(), 1);
}

#[tokio::test]
async fn x20_long_replies_and_dead_ends_are_errors() {
    let (client, _) = client(demo(), &[]);
    let post =
        async |port: u16| client.post_form(&format!("http://127.0.0.1:{port}/"), &[]).await.map(|r| r.body.len());
    let long = Canary::answering("200 OK", &"a".repeat(REPLY_MAX_BYTES + 1)).await;
    assert_eq!(post(long.port).await, Err(E::TooLong));
    let full = Canary::answering("200 OK", &"a".repeat(REPLY_MAX_BYTES)).await;
    assert_eq!(post(full.port).await, Ok(REPLY_MAX_BYTES));
    let endless = Canary::replying([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; 1_000_000]].concat()).await;
    assert_eq!(post(endless.port).await, Err(E::TooLong));
    let cut = Canary::replying(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_vec()).await;
    assert_eq!(post(cut.port).await, Err(E::Unreachable));
    let mute = Canary::replying(Vec::new()).await;
    assert_eq!(post(mute.port).await, Err(E::Unreachable));
    assert_eq!(client.post_form("https://unknown.example/", &[]).await.map(|r| r.status), Err(E::Unreachable));
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    assert_eq!(post(closed).await, Err(E::Unreachable));
}

#[test]
fn errors_say_nothing_of_the_other_side() {
    assert_eq!(E::Refused("not https").to_string(), "refused: not https");
    assert_eq!(E::Status(500).to_string(), "status 500");
}
