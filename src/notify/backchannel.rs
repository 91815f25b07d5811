//! What clients are told at their own addresses: OpenID Connect Back-Channel Logout 1.0 and the pings of CIBA, the
//! sending side.

use super::{DeliveryError, OutboundClient};

/// The client took the logout token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// 200 or 204.
    pub status: u16,
}

/// Sends logout tokens and pings.
#[derive(Debug, Clone)]
pub struct BackchannelLogout {
    client: OutboundClient,
}

impl BackchannelLogout {
    /// Sends through `client`.
    pub const fn new(client: OutboundClient) -> Self {
        Self { client }
    }

    /// See [`OutboundClient::prepare`].
    ///
    /// # Errors
    /// A text for the operator.
    pub fn prepare(&self) -> Result<(), &'static str> {
        self.client.prepare()
    }

    /// Posts `logout_token` as a form (Back-Channel Logout 2.5). Success is 200, or 204 as some frameworks answer
    /// (2.8); the body is not looked at.
    ///
    /// # Errors
    /// See [`DeliveryError`]; a 400 ([`DeliveryError::Status`]) means that the client refused the token, so repeating
    /// the same one is of no use.
    pub async fn deliver(&self, url: &str, logout_token: &str) -> Result<Delivered, DeliveryError> {
        let reply = self.client.post_form(url, &[("logout_token", logout_token)]).await?;
        match reply.status {
            status @ (200 | 204) => Ok(Delivered { status }),
            status => Err(DeliveryError::Status(status)),
        }
    }

    /// Posts the word that there is an answer (CIBA 10.2): JSON with `auth_req_id`, and the client's own bearer token.
    /// Success is 204, or any other 2xx.
    ///
    /// # Errors
    /// See [`DeliveryError`].
    pub async fn ping(&self, url: &str, token: &str, auth_req_id: &str) -> Result<Delivered, DeliveryError> {
        let body = serde_json::json!({ "auth_req_id": auth_req_id }).to_string();
        match self.client.post_json(url, token, body).await?.status {
            status @ 200..300 => Ok(Delivered { status }),
            status => Err(DeliveryError::Status(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::OutboundPolicy;
    use crate::notify::outbound::tests::Canary;

    async fn deliver(canary: &Canary) -> Result<Delivered, DeliveryError> {
        let client = OutboundClient::new(OutboundPolicy { allow_loopback: true });
        let url = format!("http://127.0.0.1:{}/logout?tenant=1", canary.port);
        BackchannelLogout::new(client).deliver(&url, "eyJ.eyJ.sig+/=").await
    }

    #[tokio::test]
    async fn the_token_is_posted_as_a_form() {
        let mut canary = Canary::answering("200 OK", "").await;
        assert_eq!(deliver(&canary).await, Ok(Delivered { status: 200 }));
        let request = canary.requests.recv().await.unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /logout?tenant=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.to_ascii_lowercase().contains("content-type: application/x-www-form-urlencoded"));
        assert_eq!(body, "logout_token=eyJ.eyJ.sig%2B%2F%3D");
    }

    #[tokio::test]
    async fn only_200_and_204_are_success() {
        for (status, expected) in [
            ("204 No Content", Ok(Delivered { status: 204 })),
            ("202 Accepted", Err(DeliveryError::Status(202))),
            ("400 Bad Request", Err(DeliveryError::Status(400))),
            ("501 Not Implemented", Err(DeliveryError::Status(501))),
        ] {
            let canary = Canary::replying(format!("HTTP/1.1 {status}\r\n\r\n").into_bytes()).await;
            assert_eq!(deliver(&canary).await, expected);
            assert_eq!(canary.connects(), 1);
        }
    }
}
