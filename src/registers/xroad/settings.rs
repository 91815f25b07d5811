//! Where a register is and how it is reached.

use super::identifier::{ClientId, ServiceId};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::{Host, Url};

/// One X-Road service as configured (`[register.population]`).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XRoadSettings {
    /// Address of our own security server, such as `https://security-server.example:8443`. Plain `http` only to
    /// this machine: questions hold personal data.
    pub base_url: Url,
    /// Our subsystem: `instance/class/member[/subsystem]`.
    pub client: ClientId,
    /// The service asked: `instance/class/member/subsystem/service`.
    pub service: ServiceId,
    /// Milliseconds from the question to the last byte of the answer. X-Road itself waits without end.
    #[serde(default = "default_deadline_ms")]
    pub deadline_ms: u64,
    /// Put before an official's number in `X-Road-UserId`.
    #[serde(default = "default_user_id_prefix")]
    pub user_id_prefix: String,
    /// Certificates; absent only for a security server on this machine.
    #[serde(default)]
    pub tls: Option<XRoadTls>,
}

/// Mutual TLS, the default of new X-Road clients. Every file is PEM.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct XRoadTls {
    /// Who may vouch for the security server. With it, nobody else may.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// Our certificate, with the chain.
    pub certificate: PathBuf,
    /// Our private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

const fn default_deadline_ms() -> u64 {
    5_000
}

fn default_user_id_prefix() -> String {
    "VN".to_owned()
}

/// Why a connector cannot be built from its settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The scheme is neither https nor, for this machine, http; or the address holds more than a place.
    #[error("base_url must be https (http only for this machine), without user, query or fragment")]
    BaseUrl,
    /// A prefix that is no header text.
    #[error("user_id_prefix must be at most 16 letters or digits")]
    UserIdPrefix,
    /// A deadline of nothing, or of minutes.
    #[error("deadline_ms must be from 1 to 60000")]
    Deadline,
    /// The service's code cannot stand in an identifier.
    #[error(transparent)]
    Identifier(#[from] super::identifier::IdentifierError),
    /// A file of `tls` cannot be read.
    #[error("cannot read {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of `tls` holds no fitting PEM, or key and certificate do not belong together.
    #[error("the TLS files cannot be used: {0}")]
    Tls(String),
}

impl XRoadSettings {
    /// The wait for a whole answer.
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// [`SettingsError`] names the setting.
    pub fn check(&self) -> Result<(), SettingsError> {
        let url = &self.base_url;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && local);
        let bare =
            url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
        if !scheme_fits || !bare {
            return Err(SettingsError::BaseUrl);
        }
        if self.user_id_prefix.len() > 16 || !self.user_id_prefix.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(SettingsError::UserIdPrefix);
        }
        if self.deadline_ms == 0 || self.deadline_ms > 60_000 {
            return Err(SettingsError::Deadline);
        }
        Ok(())
    }

    /// The address of a service at our security server.
    ///
    /// # Errors
    /// [`SettingsError::BaseUrl`] when address and path make no URL.
    pub fn address_of(&self, service: &ServiceId) -> Result<Url, SettingsError> {
        let text = format!("{}{}", self.base_url.as_str().trim_end_matches('/'), service.path());
        Url::parse(&text).map_err(|_| SettingsError::BaseUrl)
    }
}

/// Reads a file of the settings.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, SettingsError> {
    std::fs::read(path).map_err(|source| SettingsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(base_url: &str) -> XRoadSettings {
        serde_json::from_value(serde_json::json!({
            "base_url": base_url, "client": "VN/GOV/IDP/SSO", "service": "VN/GOV/C06/POP/look-up",
        }))
        .unwrap()
    }

    #[test]
    fn defaults_are_five_seconds_and_vn() {
        let settings = settings("https://ss.example:8443");
        assert_eq!(settings.deadline(), Duration::from_secs(5));
        assert_eq!(settings.user_id_prefix, "VN");
        settings.check().unwrap();
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080/", "https://ss.example/a"] {
            assert!(settings(good).check().is_ok(), "{good}");
        }
        for bad in [
            "http://ss.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "ftp://localhost",
            "https://user@ss.example",
            "https://ss.example/?a=b",
            "https://ss.example/#a",
        ] {
            assert!(matches!(settings(bad).check(), Err(SettingsError::BaseUrl)), "{bad}");
        }
    }

    #[test]
    fn a_service_is_added_after_the_base_path() {
        let settings = settings("https://ss.example/x/");
        let url = settings.address_of(&settings.service).unwrap();
        assert_eq!(url.as_str(), "https://ss.example/x/r1/VN/GOV/C06/POP/look-up");
    }

    #[test]
    fn unknown_or_broken_settings_are_refused() {
        for (field, value) in [
            ("service", "VN/GOV/C06/look-up"),
            ("client", "VN/GOV"),
            ("base_url", "nothing"),
            ("servise", "VN/GOV/C06/POP/look-up"),
        ] {
            let mut json = serde_json::json!({
                "base_url": "https://ss.example", "client": "VN/GOV/IDP", "service": "VN/GOV/C06/POP/look-up",
            });
            json[field] = value.into();
            assert!(serde_json::from_value::<XRoadSettings>(json).is_err(), "{field}");
        }
        let mut settings = settings("https://ss.example");
        settings.deadline_ms = 0;
        assert!(matches!(settings.check(), Err(SettingsError::Deadline)));
        settings.deadline_ms = 1;
        settings.user_id_prefix = "VN\r\n".to_owned();
        assert!(matches!(settings.check(), Err(SettingsError::UserIdPrefix)));
    }
}
