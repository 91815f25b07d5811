//! `[tls]`: listeners of our own with TLS, and certificates of clients.

use super::value::unless_empty;
use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use url::Url;

/// Where a proxy in front tells the certificate of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateHeader {
    /// Nowhere.
    None,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    ClientCert,
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Our certificate with its chain, PEM.
    #[serde(deserialize_with = "unless_empty")]
    pub certificate: Option<PathBuf>,
    /// Its private key, PEM.
    #[serde(deserialize_with = "unless_empty")]
    pub key: Option<PathBuf>,
    /// The authorities whose client certificates count for `tls_client_auth`, PEM.
    #[serde(deserialize_with = "unless_empty")]
    pub client_ca: Option<PathBuf>,
    /// The listener that asks clients for a certificate.
    #[serde(deserialize_with = "unless_empty")]
    pub mtls_listen: Option<SocketAddr>,
    /// How clients reach that listener.
    #[serde(deserialize_with = "unless_empty")]
    pub mtls_url: Option<Url>,
    /// Where a proxy tells the certificate of a client.
    pub client_certificate_header: CertificateHeader,
    /// The proxies that are believed.
    #[serde(rename = "trusted_proxies")]
    pub trusted_proxies_setting: String,
}

impl Tls {
    /// The addresses of the proxies that are believed; `None` when one cannot be read.
    pub fn trusted_proxies(&self) -> Option<Vec<IpAddr>> {
        self.trusted_proxies_setting.split_whitespace().map(|text| text.parse().ok()).collect()
    }

    /// Whether certificates of clients reach us at all.
    pub const fn sees_certificates(&self) -> bool {
        self.mtls_listen.is_some() || matches!(self.client_certificate_header, CertificateHeader::ClientCert)
    }
}
