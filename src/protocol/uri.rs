//! Addresses that clients register: one clear reading, or none.

use url::{Host, Url};

/// Most bytes of a registered address.
const MAX_BYTES: usize = 2048;

/// Characters that only appear in patterns, or that two parsers read differently (A1, A3).
const REFUSED: &[u8] = br#"*()$^|{}\<>"`"#;

/// Why an address was not accepted. The texts name no part of the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UriFault {
    TooLong,
    Characters,
    NotNormal,
    Fragment,
    UserInfo,
    Host,
    Scheme,
}

impl UriFault {
    pub(super) const fn description(self) -> &'static str {
        match self {
            Self::TooLong => "The address is longer than 2048 bytes.",
            Self::Characters => {
                "The address holds a pattern or a character that is not allowed: write one exact ASCII address."
            }
            Self::NotNormal => {
                "The address is not in normal form: lower-case scheme and host, no default port, no dot segments, no other spelling of an IP address."
            }
            Self::Fragment => "The address must not have a fragment.",
            Self::UserInfo => "The address must not have a user name or password.",
            Self::Host => "The host is not an exact domain name or IP address.",
            Self::Scheme => {
                "The scheme is not allowed: https; for native clients also a private-use scheme with a dot in it, or http on 127.0.0.1 or [::1]."
            }
        }
    }
}

/// Parses an address that is written exactly as it will be compared.
pub(super) fn parse_exact(text: &str) -> Result<Url, UriFault> {
    if text.len() > MAX_BYTES {
        return Err(UriFault::TooLong);
    }
    let beyond_authority =
        text.split_once("//").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    if !text.bytes().all(|b| (0x21..=0x7e).contains(&b) && !REFUSED.contains(&b))
        || text.contains(".+")
        || beyond_authority.contains(['[', ']'])
    {
        return Err(UriFault::Characters);
    }
    let url = Url::parse(text).map_err(|_| UriFault::NotNormal)?;
    if url.fragment().is_some() {
        return Err(UriFault::Fragment);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UriFault::UserInfo);
    }
    // What a parser repairs in silence (an empty user name, another spelling of the host) shows in what it writes.
    // A URL without a path gains a `/` when written again: the only difference that is let through.
    let written = url.as_str();
    if written != text && written.strip_suffix('/') != Some(text) {
        return Err(UriFault::NotNormal);
    }
    if let Some(Host::Domain(domain)) = url.host()
        && url.scheme().starts_with("http")
        && !is_exact_domain(domain)
    {
        return Err(UriFault::Host);
    }
    Ok(url)
}

/// Letters, digits, hyphens and dots; no empty label, so no trailing dot.
fn is_exact_domain(domain: &str) -> bool {
    domain.len() <= 253
        && domain.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        })
}

/// `http` on `127.0.0.1` or `[::1]`, by address and not by how the text begins (A5). `localhost` is a name, not one of
/// the two (RFC 8252 8.3).
pub(super) fn is_loopback_http(url: &Url) -> bool {
    url.scheme() == "http"
        && match url.host() {
            Some(Host::Ipv4(address)) => address == std::net::Ipv4Addr::LOCALHOST,
            Some(Host::Ipv6(address)) => address == std::net::Ipv6Addr::LOCALHOST,
            _ => false,
        }
}

/// `http` on loopback by address, or on the name `localhost` and no other: what a developer's own machine answers to.
pub(super) fn is_local_http(url: &Url) -> bool {
    is_loopback_http(url) || (url.scheme() == "http" && url.host() == Some(Host::Domain("localhost")))
}

/// An `https` address, or `http` on this machine where `allow_loopback_http` says so (demo and sandbox).
pub(super) fn parse_web(text: &str, allow_loopback_http: bool) -> Result<Url, UriFault> {
    let url = parse_exact(text)?;
    if url.scheme() == "https" || (allow_loopback_http && is_local_http(&url)) {
        Ok(url)
    } else {
        Err(UriFault::Scheme)
    }
}

/// RFC 8252 7.1: a scheme made from a domain name the client owns, so with a dot in it. That keeps out every scheme a
/// browser gives a meaning to: `javascript`, `data`, `file`, `blob`, `about` (A8).
pub(super) fn is_private_use(url: &Url) -> bool {
    let scheme = url.scheme();
    scheme.contains('.') && scheme.split('.').all(|label| !label.is_empty()) && (url.has_host() || url.path().len() > 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_exact_spelling_is_accepted() {
        for text in [
            "https://rp.example/cb",
            "https://rp.example",
            "https://rp.example:8443/cb?a=b",
            "http://[::1]:81/",
            "com.example.app:/cb",
        ] {
            assert!(parse_exact(text).is_ok(), "{text}");
        }
        for text in [
            "https://RP.example/cb",
            "HTTPS://rp.example/cb",
            "https://rp.example:443/cb",
            "https://rp.example/a/../cb",
            "https://rp.example/%2e%2e/cb",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[0:0:0:0:0:0:0:1]/",
            "https:rp.example/cb",
            "https:///rp.example/cb",
            "/cb",
            "//rp.example/cb",
            "",
        ] {
            assert!(parse_exact(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a1_user_info_is_refused_in_every_form() {
        for text in [
            "https://rp@evil/cb",
            "https://rp@evil@rp/cb",
            "https://rp:pw@evil/",
            "https://@evil/",
            "https://:@evil/",
            "com.example.app://a@b/",
            "com.example.app://@b/",
        ] {
            assert!(parse_exact(text).is_err(), "{text}");
        }
    }
}
