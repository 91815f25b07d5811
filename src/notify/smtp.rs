//! E-mail through an SMTP relay.

use super::{MessageSender, OutgoingMessage, SendError};
use crate::base::Secret;
use async_trait::async_trait;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use serde::Deserialize;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);

/// How the connection to the relay is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// TLS from the first byte (port 465, RFC 8314).
    #[default]
    Implicit,
    /// STARTTLS, required: without it nothing is sent (port 587).
    StartTls,
    /// None: only for a relay on loopback.
    None,
}

/// Where the relay is.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmtpSettings {
    /// Host name, as in the relay's certificate.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection of the connection.
    #[serde(default)]
    pub tls: SmtpTls,
    /// User name; none when the relay asks for none.
    pub username: Option<String>,
    /// Password of the user.
    pub password: Option<Secret>,
    /// The sender, such as `Định danh <no-reply@id.example>`.
    pub from: String,
}

/// Hands e-mail to a relay, which then is responsible for it.
pub struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Smtp {
    /// Builds the transport; connects at the first message. Must be called, and the value dropped, inside a tokio
    /// runtime: its connection pool has a task of its own.
    ///
    /// # Errors
    /// A text for the operator.
    pub fn new(settings: &SmtpSettings) -> Result<Self, String> {
        let host = settings.host.as_str();
        let tls = |_| "the mail relay's host is not a name that TLS can check".to_owned();
        let builder = match settings.tls {
            SmtpTls::Implicit => AsyncSmtpTransport::<Tokio1Executor>::relay(host).map_err(tls)?,
            SmtpTls::StartTls => AsyncSmtpTransport::<Tokio1Executor>::starttls_relay(host).map_err(tls)?,
            SmtpTls::None if matches!(host, "localhost" | "127.0.0.1" | "::1") => {
                AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            }
            SmtpTls::None => return Err("mail without TLS is only sent to a relay on loopback".to_owned()),
        };
        let mut builder = builder.port(settings.port).timeout(Some(TIMEOUT));
        builder = match (&settings.username, &settings.password) {
            (Some(name), Some(password)) => {
                builder.credentials(Credentials::new(name.clone(), password.expose().to_owned()))
            }
            (None, None) => builder,
            _ => return Err("the mail relay needs both username and password, or neither".to_owned()),
        };
        let from = settings.from.parse().map_err(|_| "the mail sender is not an address".to_owned())?;
        Ok(Self { transport: builder.build(), from })
    }

    fn compose(&self, message: &OutgoingMessage) -> Result<Message, SendError> {
        let recipient = message.recipient.parse().map_err(|_| SendError::Permanent("not an e-mail address"))?;
        Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, recipient))
            .subject(message.subject.as_deref().unwrap_or_default())
            .message_id(Some(format!("<{}@{}>", message.id, self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.clone())
            .map_err(|_| SendError::Permanent("the message cannot be written"))
    }
}

#[async_trait]
impl MessageSender for Smtp {
    async fn send(&self, message: &OutgoingMessage) -> Result<(), SendError> {
        let mail = self.compose(message)?;
        match self.transport.send(mail).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(SendError::Permanent("relay refused the message")),
            Err(error) if error.is_transient() => Err(SendError::Temporary("relay asks to wait")),
            Err(error) if error.is_timeout() => Err(SendError::Temporary("timeout")),
            Err(_) => Err(SendError::Temporary("relay not reachable")),
        }
    }

    fn name(&self) -> &'static str {
        "smtp"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::MessageKind;
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
    use uuid::Uuid;

    /// A relay that answers RCPT as told and hands over what it was told.
    async fn relay(recipient_reply: &'static str) -> (u16, UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, heard) = unbounded_channel();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let (reader, mut writer) = stream.into_split();
            let mut lines = BufReader::new(reader).lines();
            writer.write_all(b"220 relay\r\n").await.unwrap();
            let mut data = false;
            while let Ok(Some(line)) = lines.next_line().await {
                let reply = match line.as_str() {
                    "." if data => Some("250 taken\r\n"),
                    _ if data => None,
                    "DATA" => Some("354 go on\r\n"),
                    "QUIT" => Some("221 bye\r\n"),
                    _ if line.starts_with("RCPT") => Some(recipient_reply),
                    _ => Some("250 relay\r\n"),
                };
                data = line == "DATA" || data && line != ".";
                let _ = sender.send(line);
                if let Some(reply) = reply
                    && writer.write_all(reply.as_bytes()).await.is_err()
                {
                    return;
                }
            }
        });
        (port, heard)
    }

    fn settings(port: u16) -> SmtpSettings {
        SmtpSettings {
            host: "127.0.0.1".to_owned(),
            port,
            tls: SmtpTls::None,
            username: None,
            password: None,
            from: "Định danh <no-reply@id.example>".to_owned(),
        }
    }

    fn message(recipient: &str) -> OutgoingMessage {
        OutgoingMessage {
            id: Uuid::from_u128(7),
            kind: MessageKind::Email,
            recipient: recipient.to_owned(),
            subject: Some("Thông báo\r\nBcc: evil@example.com".to_owned()),
            text: "Một khóa truy cập mới đã được thêm.".to_owned(),
            language: "vi".to_owned(),
        }
    }

    #[tokio::test]
    async fn i4_a_mail_reaches_the_relay_without_forged_headers() {
        let (port, mut heard) = relay("250 ok\r\n").await;
        assert_eq!(Smtp::new(&settings(port)).unwrap().send(&message("a@example.com")).await, Ok(()));
        let mut lines = Vec::new();
        while let Some(line) = heard.recv().await {
            let last = line == ".";
            lines.push(line);
            if last {
                break;
            }
        }
        assert!(lines.iter().any(|line| line == "MAIL FROM:<no-reply@id.example>"), "{lines:?}");
        assert!(lines.iter().any(|line| line == "RCPT TO:<a@example.com>"));
        assert!(lines.iter().any(|line| line == "To: a@example.com"));
        assert!(
            lines.iter().any(|line| line.starts_with("Message-ID: <00000000-0000-0000-0000-000000000007@id.example>"))
        );
        assert!(lines.iter().any(|line| line.starts_with("Content-Transfer-Encoding:")));
        assert!(!lines.iter().any(|line| line.starts_with("Bcc:") || line.contains("RCPT TO:<evil")), "{lines:?}");
    }

    #[tokio::test]
    async fn x22_the_relays_answer_tells_whether_to_try_again() {
        let (port, _heard) = relay("550 no such user a@example.com\r\n").await;
        let refused = Smtp::new(&settings(port)).unwrap().send(&message("a@example.com")).await.unwrap_err();
        assert_eq!(refused, SendError::Permanent("relay refused the message"));
        let (port, _heard) = relay("451 later\r\n").await;
        let later = Smtp::new(&settings(port)).unwrap().send(&message("a@example.com")).await.unwrap_err();
        assert_eq!(later, SendError::Temporary("relay asks to wait"));
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let dead = Smtp::new(&settings(closed)).unwrap().send(&message("a@example.com")).await.unwrap_err();
        assert_eq!(dead, SendError::Temporary("relay not reachable"));
    }

    #[tokio::test]
    async fn i4_addresses_that_carry_more_than_an_address_are_refused() {
        let (port, _heard) = relay("250 ok\r\n").await;
        let smtp = Smtp::new(&settings(port)).unwrap();
        for bad in
            ["", "a", "a@example.com\r\nRCPT TO:<b@example.com>", "a@example.com, b@example.com", "A <a@example.com>"]
        {
            assert_eq!(smtp.send(&message(bad)).await, Err(SendError::Permanent("not an e-mail address")), "{bad}");
        }
    }

    #[tokio::test]
    async fn starttls_is_not_given_up_when_the_relay_does_not_offer_it() {
        let (port, mut heard) = relay("250 ok\r\n").await;
        let smtp = Smtp::new(&SmtpSettings { host: "localhost".to_owned(), tls: SmtpTls::StartTls, ..settings(port) });
        assert!(matches!(smtp.unwrap().send(&message("a@example.com")).await, Err(SendError::Temporary(_))));
        while let Some(line) = heard.recv().await {
            assert!(!line.starts_with("MAIL"), "{line}");
        }
    }

    #[tokio::test]
    async fn settings_that_would_leak_are_refused() {
        let new = |change: fn(&mut SmtpSettings)| {
            let mut settings = settings(25);
            change(&mut settings);
            Smtp::new(&settings).err()
        };
        assert_eq!(new(|_| ()), None);
        assert!(new(|s| s.host = "mail.example".to_owned()).is_some());
        assert!(new(|s| s.username = Some("u".to_owned())).is_some());
        assert!(new(|s| s.from = "nobody".to_owned()).is_some());
        let shown = format!("{:?}", SmtpSettings { password: Some(Secret::new("canary")), ..settings(25) });
        assert!(!shown.contains("canary"));
    }
}
