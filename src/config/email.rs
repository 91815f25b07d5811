//! `[email]`: notices by e-mail.

use super::value::{ConnectionUrl, SecretError, SecretRef, is_loopback, unless_empty};
use crate::base::Secret;
use serde::Deserialize;
use url::Url;

/// Who carries a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmailSender {
    /// Nobody: no notices by e-mail.
    None,
    /// A mail server.
    Smtp,
    /// The page `/test/inbox`.
    TestInbox,
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Email {
    /// Who carries notices.
    pub sender: EmailSender,
    /// Address of the mail server.
    #[serde(deserialize_with = "unless_empty")]
    pub url: Option<ConnectionUrl>,
    /// Where the mail server's password is.
    #[serde(deserialize_with = "unless_empty")]
    pub password_file: Option<SecretRef>,
    /// Sender of notices.
    #[serde(deserialize_with = "unless_empty")]
    pub from: Option<String>,
}

/// How the connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpProtection {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// STARTTLS, required.
    StartTls,
    /// None: the server is on loopback.
    None,
}

/// A mail server, taken apart for a transport.
#[derive(Debug, Clone)]
pub struct SmtpServer {
    /// Host name.
    pub host: String,
    /// Port: as written, or 465 with TLS and 587 without.
    pub port: u16,
    /// Protection of the connection.
    pub protection: SmtpProtection,
    /// User and password, when the server asks for them.
    pub credentials: Option<(String, Secret)>,
}

impl Email {
    /// The mail server, when one is set.
    ///
    /// # Errors
    /// When the password cannot be read.
    pub fn smtp_server(&self) -> Result<Option<SmtpServer>, SecretError> {
        let Some(url) = self.url.as_ref().and_then(|url| self.smtp_url(url)) else { return Ok(None) };
        let is_tls = url.scheme() == "smtps";
        let password = match &self.password_file {
            Some(reference) => Some(reference.read()?),
            None => url.password().map(|text| Secret::new(percent_decoded(text))),
        };
        Ok(Some(SmtpServer {
            // `localhost` and the loopback addresses reach no wire.
            protection: match (is_tls, is_loopback(&url)) {
                (true, _) => SmtpProtection::Tls,
                (false, true) => SmtpProtection::None,
                (false, false) => SmtpProtection::StartTls,
            },
            port: url.port().unwrap_or(if is_tls { 465 } else { 587 }),
            host: url.host_str().unwrap_or_default().to_owned(),
            credentials: password.map(|password| (percent_decoded(url.username()), password)),
        }))
    }

    /// The address as a URL; `None` for anything but a mail server's.
    pub(super) fn smtp_url(&self, url: &ConnectionUrl) -> Option<Url> {
        let url = Url::parse(url.expose()).ok()?;
        let plain = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        (matches!(url.scheme(), "smtp" | "smtps") && url.has_host() && plain).then_some(url)
    }
}

fn percent_decoded(text: &str) -> String {
    // A pair of the form format has the same escapes, but reads "+" as a space.
    let pair = format!("={}", text.replace('+', "%2B"));
    url::form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}
