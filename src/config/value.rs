//! Typed values of settings: units, addresses, references to secrets.

use crate::base::Secret;
use serde::{Deserialize, Deserializer};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::{Host, Url};

macro_rules! unit {
    ($($(#[$doc:meta])* $name:ident = $millis:literal ms;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u32);

        impl $name {
            /// As a duration.
            pub const fn duration(self) -> Duration {
                Duration::from_millis(self.0 as u64 * $millis)
            }
        }

        impl From<$name> for Duration {
            fn from(value: $name) -> Self {
                value.duration()
            }
        }
    )*};
}

unit! {
    /// Whole milliseconds.
    Millis = 1 ms;
    /// Whole seconds.
    Seconds = 1_000 ms;
    /// Whole days of 24 hours.
    Days = 86_400_000 ms;
}

/// The issuer: an origin, kept exactly as written, since portals compare it byte by byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// Reads an origin.
    ///
    /// # Errors
    /// A sentence that says what is wrong, without the value.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| format!("this is not a URL: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the scheme must be https, or http on loopback".to_owned());
        }
        if url.host_str().is_none_or(str::is_empty) || !url.username().is_empty() || url.password().is_some() {
            return Err("the issuer has a host and no user name or password".to_owned());
        }
        if text != url.origin().ascii_serialization() {
            return Err(format!(
                "the issuer is an origin in its plain form; this one would be written {:?}",
                url.origin().ascii_serialization()
            ));
        }
        Ok(Self { text: text.to_owned(), url })
    }

    /// The text as it stands in `iss`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The same as a URL (with the root path).
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// The host, without the port.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether TLS protects it.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }

    /// An address under the issuer; `path` begins with a slash.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Issuer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// Whether a URL's host is this machine: `localhost` itself or a loopback address, never a look-alike name.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // Schemes other than http keep an address as a name.
        Some(Host::Domain(name)) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

/// Where a secret is: a file of one line, or an environment variable. Prints as the reference, never as the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretRef {
    /// A file that holds the secret on its only line.
    File(PathBuf),
    /// The name of an environment variable.
    Env(String),
}

/// Why a secret could not be read. Names the reference, never the content.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// The file has no content.
    #[error("the secret file {0} is empty")]
    Empty(PathBuf),
    /// The environment variable is unset or empty.
    #[error("the environment variable {0}, which should hold a secret, is not set")]
    Unset(String),
    /// The address cannot carry a password.
    #[error("a password is set for an address that has no place for one")]
    NoPlace,
}

impl SecretRef {
    /// Reads the secret; the line ending is not part of it.
    ///
    /// # Errors
    /// When the file or variable is missing or empty.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::File(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| SecretError::Unreadable { path: path.clone(), error })?;
                let text = zeroize::Zeroizing::new(text);
                let secret = text.trim_end_matches(['\r', '\n']);
                if secret.is_empty() { Err(SecretError::Empty(path.clone())) } else { Ok(Secret::new(secret)) }
            }
            Self::Env(name) => match std::env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
                _ => Err(SecretError::Unset(name.clone())),
            },
        }
    }

    /// The file, when it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Env(_) => None,
        }
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.strip_prefix("env:") {
            Some(name) => Self::Env(name.to_owned()),
            None => Self::File(PathBuf::from(text)),
        })
    }
}

/// The address of a store or server. May carry a password when it came from the environment: `Debug` and `Display`
/// hide it.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl(String);

impl ConnectionUrl {
    /// Takes an address as written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The address as written, password included.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What stands before the colon.
    pub fn scheme(&self) -> &str {
        self.0.split_once(':').map_or(self.0.as_str(), |(scheme, _)| scheme)
    }

    /// The address with a password put in: what a driver takes.
    ///
    /// # Errors
    /// When the referenced secret cannot be read, or the address has no place for a password.
    pub fn with_password(&self, password: Option<&SecretRef>) -> Result<Secret, SecretError> {
        let Some(reference) = password else { return Ok(Secret::new(self.0.as_str())) };
        let secret = reference.read()?;
        let mut url = Url::parse(&self.0).map_err(|_| SecretError::NoPlace)?;
        url.set_password(Some(secret.expose())).map_err(|()| SecretError::NoPlace)?;
        Ok(Secret::new(String::from(url)))
    }
}

impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for ConnectionUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

/// Whether an address carries a password, in its user part or as a parameter.
pub(super) fn has_password(text: &str) -> bool {
    without_password(text) != text
}

/// An address with its password hidden. Works on text that is no URL too: what stands between `:` and the last `@`
/// before the path is hidden.
pub(super) fn without_password(text: &str) -> String {
    let (address, query) = text.split_once('?').map_or((text, None), |(a, q)| (a, Some(q)));
    let mut shown = match address.split_once("://") {
        Some((scheme, rest)) => match rest.rsplit_once('@') {
            Some((user, host)) => match user.split_once(':') {
                Some((name, _)) => format!("{scheme}://{name}:[secret]@{host}"),
                None => address.to_owned(),
            },
            None => address.to_owned(),
        },
        None => address.to_owned(),
    };
    if let Some(query) = query {
        let parts: Vec<String> = query
            .split('&')
            .map(|part| match part.split_once('=') {
                Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=[secret]"),
                _ => part.to_owned(),
            })
            .collect();
        shown = format!("{shown}?{}", parts.join("&"));
    }
    shown
}

/// An empty text means "not set".
pub(super) fn unless_empty<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    T::deserialize(serde::de::value::StringDeserializer::<D::Error>::new(text)).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_durations() {
        assert_eq!(Millis(5).duration(), Duration::from_millis(5));
        assert_eq!(Seconds(60).duration(), Duration::from_secs(60));
        assert_eq!(Days(u32::MAX).duration(), Duration::from_secs(u64::from(u32::MAX) * 86_400));
    }

    #[test]
    fn an_issuer_is_a_plain_origin() {
        for good in ["https://dinhdanh.gov.vn", "http://localhost:8800", "http://127.0.0.1:1", "https://[::1]:8443"] {
            assert_eq!(Issuer::parse(good).unwrap().as_str(), good);
        }
        for bad in [
            "dinhdanh.gov.vn",
            "https://dinhdanh.gov.vn/",
            "https://dinhdanh.gov.vn/oidc",
            "https://dinhdanh.gov.vn?a=b",
            "https://dinhdanh.gov.vn#x",
            "https://dinhdanh.gov.vn:443",
            "https://DINHDANH.gov.vn",
            "https://user@dinhdanh.gov.vn",
            "ftp://dinhdanh.gov.vn",
            "https://",
            "",
        ] {
            assert!(Issuer::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a5_localhost_lookalikes_are_not_loopback() {
        for (text, expected) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]", true),
            ("http://localhost.evil", false),
            ("http://127.0.0.1.evil", false),
            ("http://notlocalhost", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Issuer::parse(text).unwrap().is_loopback(), expected, "{text}");
        }
    }

    #[test]
    fn i17_passwords_in_addresses_do_not_print() {
        for (text, shown) in [
            ("postgres://u:p@ss/w@h:5432/d", "postgres://u:[secret]@h:5432/d"),
            ("redis://:hunter2@h", "redis://:[secret]@h"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("postgres://h/d?user=u&password=hunter2", "postgres://h/d?user=u&password=[secret]"),
            ("sqlite://data/x.db", "sqlite://data/x.db"),
        ] {
            assert_eq!(format!("{:?}", ConnectionUrl::new(text)), shown);
            assert_eq!(has_password(text), text != shown);
        }
    }

    #[test]
    fn a_secret_file_gives_its_line_without_the_line_ending() {
        let folder = std::env::temp_dir().join(format!("dinhdanh-secret-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("token");
        std::fs::write(&path, "s3cret \r\n").unwrap();
        let read = SecretRef::File(path.clone()).read().unwrap();
        assert_eq!(read.expose(), "s3cret ");
        let url = ConnectionUrl::new("postgres://u@h/d").with_password(Some(&SecretRef::File(path.clone()))).unwrap();
        assert_eq!(url.expose(), "postgres://u:s3cret%20@h/d");
        let socket = ConnectionUrl::new("postgres:///d?host=/run/postgresql");
        assert!(matches!(socket.with_password(Some(&SecretRef::File(path.clone()))), Err(SecretError::NoPlace)));
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(SecretRef::File(path).read(), Err(SecretError::Empty(_))));
        assert!(matches!(SecretRef::File(folder.join("none")).read(), Err(SecretError::Unreadable { .. })));
        assert!(matches!(SecretRef::Env("DINHDANH_TEST_NO_SUCH".into()).read(), Err(SecretError::Unset(_))));
        std::fs::remove_dir_all(folder).unwrap();
    }
}
