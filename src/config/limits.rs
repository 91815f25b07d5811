//! `[limits]`: what one caller may ask of this process.

use super::value::Seconds;
use serde::Deserialize;

/// Where the caller's address is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TrustProxy {
    /// From the connection.
    None,
    /// From the last entry of `X-Forwarded-For`.
    XForwardedFor,
    /// From `X-Real-IP`.
    XRealIp,
}

impl TrustProxy {
    /// The header's name in lower case.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::XForwardedFor => Some("x-forwarded-for"),
            Self::XRealIp => Some("x-real-ip"),
        }
    }
}

/// See `config/default.toml` for every key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Largest request body.
    pub body_bytes: usize,
    /// Time to send the request head.
    pub header_timeout_seconds: Seconds,
    /// Time to answer.
    pub request_timeout_seconds: Seconds,
    /// Requests worked on at a time.
    pub concurrency: usize,
    /// Time between a stop signal and the end of the listener, in which readiness says no.
    pub drain_seconds: Seconds,
    /// Time to finish after that.
    pub stop_seconds: Seconds,
    /// Where the caller's address is read.
    pub trust_proxy: TrustProxy,
}
