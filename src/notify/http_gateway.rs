//! SMS and voice through a gateway that takes JSON over HTTP.

use super::{MessageSender, OutgoingMessage, SendError};
use crate::base::Secret;
use async_trait::async_trait;
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::json;
use std::time::Duration;
use url::{Host, Url};

const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest reply that is read; its content is not used.
const REPLY_MAX_BYTES: usize = 16 * 1024;

/// Where the gateway is and how we prove who we are. The operator chooses the address, so it may be an inner one.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpGatewaySettings {
    /// Takes a POST for each message. https, or http on loopback.
    pub url: Url,
    /// Sent as `Authorization: Bearer`.
    pub token: Secret,
}

/// Posts `{"id", "kind", "to", "text", "language"}` for each message. `id` is the same in every attempt (also in
/// `Idempotency-Key`): the gateway should drop a repetition. Any 2xx means that it has taken the message.
pub struct HttpGateway {
    http: reqwest::Client,
    settings: HttpGatewaySettings,
}

impl HttpGateway {
    /// Builds the client.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn new(settings: HttpGatewaySettings) -> Result<Self, String> {
        let local = match settings.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if settings.url.scheme() != "https" && !(settings.url.scheme() == "http" && local) {
            return Err("the message gateway's url must begin with https:// (http:// only on loopback)".to_owned());
        }
        if settings.token.is_empty() {
            return Err("the message gateway's token is empty".to_owned());
        }
        let http = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|_| "the HTTP client could not be set up: check the system's certificate store".to_owned())?;
        Ok(Self { http, settings })
    }
}

#[async_trait]
impl MessageSender for HttpGateway {
    async fn send(&self, message: &OutgoingMessage) -> Result<(), SendError> {
        let body = json!({
            "id": message.id,
            "kind": message.kind.as_str(),
            "to": message.recipient,
            "text": message.text,
            "language": message.language,
        });
        let request = self
            .http
            .post(self.settings.url.clone())
            .bearer_auth(self.settings.token.expose())
            .header("idempotency-key", message.id.to_string())
            .json(&body);
        let mut response = request.send().await.map_err(|error| {
            SendError::Temporary(if error.is_timeout() { "timeout" } else { "gateway not reachable" })
        })?;
        let mut length = 0usize;
        while let Ok(Some(chunk)) = response.chunk().await {
            length = length.saturating_add(chunk.len());
            if length > REPLY_MAX_BYTES {
                break;
            }
        }
        outcome(response.status().as_u16())
    }

    fn name(&self) -> &'static str {
        "http_gateway"
    }
}

/// What a status means for the message. A refused token or a wrong address is ours to repair: the message waits.
const fn outcome(status: u16) -> Result<(), SendError> {
    match status {
        200..300 => Ok(()),
        401 | 403 => Err(SendError::Temporary("gateway refused our token")),
        408 | 425 | 429 => Err(SendError::Temporary("gateway asks to wait")),
        400 | 413 | 422 => Err(SendError::Permanent("gateway refused the message")),
        300..400 => Err(SendError::Temporary("gateway redirects")),
        404 | 405 | 410 | 415 => Err(SendError::Temporary("gateway does not know the address")),
        400..500 => Err(SendError::Permanent("gateway refused the message")),
        _ => Err(SendError::Temporary("gateway fails")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::MessageKind;
    use crate::notify::outbound::tests::Canary;
    use uuid::Uuid;

    fn gateway(url: &str) -> Result<HttpGateway, String> {
        HttpGateway::new(HttpGatewaySettings { url: Url::parse(url).unwrap(), token: Secret::new("canary-token") })
    }

    fn message() -> OutgoingMessage {
        OutgoingMessage {
            id: Uuid::from_u128(7),
            kind: MessageKind::Sms,
            recipient: "+84900000001".to_owned(),
            subject: None,
            text: "Mã của bạn: 123456".to_owned(),
            language: "vi".to_owned(),
        }
    }

    async fn send(canary: &Canary) -> Result<(), SendError> {
        gateway(&format!("http://127.0.0.1:{}/send", canary.port)).unwrap().send(&message()).await
    }

    #[tokio::test]
    async fn a_message_is_posted_as_json_with_our_token() {
        let mut canary = Canary::answering("202 Accepted", "{}").await;
        assert_eq!(send(&canary).await, Ok(()));
        let request = canary.requests.recv().await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /send HTTP/1.1\r\n"));
        let head = head.to_ascii_lowercase();
        assert!(head.contains("authorization: bearer canary-token"));
        assert!(head.contains("idempotency-key: 00000000-0000-0000-0000-000000000007"));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(
            body,
            json!({"id": Uuid::from_u128(7), "kind": "sms", "to": "+84900000001", "text": "Mã của bạn: 123456", "language": "vi"})
        );
    }

    #[tokio::test]
    async fn x22_statuses_tell_whether_to_try_again() {
        for (status, temporary) in [
            ("500 x", true),
            ("503 x", true),
            ("429 x", true),
            ("401 x", true),
            ("404 x", true),
            ("400 x", false),
            ("422 x", false),
            ("418 x", false),
        ] {
            let canary = Canary::answering(status, "a secret of the gateway").await;
            let error = send(&canary).await.unwrap_err();
            assert_eq!(matches!(error, SendError::Temporary(_)), temporary, "{status}");
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[tokio::test]
    async fn g1_a_redirect_is_not_followed() {
        let target = Canary::answering("200 OK", "").await;
        let reply = format!("HTTP/1.1 307 x\r\nlocation: http://127.0.0.1:{}/\r\n\r\n", target.port);
        let canary = Canary::replying(reply.into_bytes()).await;
        assert!(matches!(send(&canary).await, Err(SendError::Temporary(_))));
        assert_eq!(target.connects(), 0);
    }

    #[tokio::test]
    async fn x22_an_endless_reply_does_not_hold_us_and_a_dead_gateway_is_temporary() {
        let endless = Canary::replying([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'a'; 2_000_000]].concat()).await;
        assert_eq!(send(&endless).await, Ok(()));
        let mute = Canary::replying(Vec::new()).await;
        assert_eq!(send(&mute).await, Err(SendError::Temporary("gateway not reachable")));
    }

    #[test]
    fn plain_http_is_only_for_loopback() {
        assert!(gateway("https://sms.example/send").is_ok());
        assert!(gateway("http://localhost:9/").is_ok());
        for url in ["http://sms.example/", "http://localhost.example/", "ftp://127.0.0.1/"] {
            assert!(gateway(url).is_err(), "{url}");
        }
    }

    #[test]
    fn k5_a_message_does_not_print_its_content() {
        let shown = format!("{:?}", message());
        assert!(!shown.contains("84900000001") && !shown.contains("123456"), "{shown}");
        let settings = HttpGatewaySettings {
            url: Url::parse("https://sms.example/").unwrap(),
            token: Secret::new("canary-token"),
        };
        assert!(!format!("{settings:?}").contains("canary-token"));
    }
}
