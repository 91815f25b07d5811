//! The HTTP client for addresses that come from clients: it cannot be turned against our own network (G1, G2).
//!
//! - https only; plain http and loopback only when the policy says so (demo, tests);
//! - a literal address is checked before the request, a name after resolution, on the very addresses the socket is
//!   opened with: a name that answers differently the second time is never asked a second time;
//! - no redirects, no proxy, no cookies; 5 s in all; 64 KiB of reply.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use url::{Host, Url};

/// Time for everything: name, connection, TLS, request, reply.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest reply that is read.
const REPLY_MAX_BYTES: usize = 64 * 1024;
/// Longest address that is looked at.
const URL_MAX_BYTES: usize = 2_048;

/// What the client may reach.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutboundPolicy {
    /// Also loopback, and plain http to it: demo and tests only. Every other rule stays.
    pub allow_loopback: bool,
}

impl OutboundPolicy {
    /// Whether the text of an address may be called at all: for a clear answer when a client is registered. The name
    /// is not resolved here; what it leads to is checked at every call.
    ///
    /// # Errors
    /// [`DeliveryError::Refused`] with the rule it breaks.
    pub fn check(self, url: &str) -> Result<(), DeliveryError> {
        check_url(url, self).map(|_| ())
    }
}

/// Why a request failed. Fixed words: nothing the other side said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// The address is not one we ever call. Trying again will not help.
    #[error("refused: {0}")]
    Refused(&'static str),
    /// No complete reply within 5 s.
    #[error("timeout")]
    Timeout,
    /// No connection: name, network or TLS.
    #[error("unreachable")]
    Unreachable,
    /// Another status than the protocol wants.
    #[error("status {0}")]
    Status(u16),
    /// A reply longer than 64 KiB.
    #[error("reply too long")]
    TooLong,
}

/// A complete reply.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type` without parameters, in lower case; empty when there is none.
    pub media_type: String,
    /// At most 64 KiB.
    pub body: Vec<u8>,
}

/// How names become addresses; the system's resolver, or a table in tests.
type Lookup = Arc<dyn Fn(String) -> LookupFuture + Send + Sync>;
type LookupFuture = std::pin::Pin<Box<dyn Future<Output = std::io::Result<Vec<SocketAddr>>> + Send>>;

/// A client that cannot be turned against our own network.
#[derive(Clone)]
pub struct OutboundClient {
    /// Made at its first use: reading the system's certificates takes longer than the rest of the program's start.
    http: Arc<OnceLock<Option<reqwest::Client>>>,
    lookup: Lookup,
    /// Authorities beside the platform's.
    more: Vec<reqwest::Certificate>,
    policy: OutboundPolicy,
}

fn system_lookup() -> Lookup {
    Arc::new(|name| Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) }))
}

impl std::fmt::Debug for OutboundClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutboundClient").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl OutboundClient {
    /// Trusts the platform's certificate authorities. They are read when the client is first used or
    /// [prepared](Self::prepare).
    pub fn new(policy: OutboundPolicy) -> Self {
        Self::with_lookup(policy, system_lookup(), Vec::new())
    }

    /// The same, and trusts the authorities of a PEM text too: tests only.
    ///
    /// # Errors
    /// A text for the operator, when the text holds no certificate.
    pub fn trusting(policy: OutboundPolicy, more: &[u8]) -> Result<Self, String> {
        let more = reqwest::Certificate::from_pem_bundle(more);
        let more = more.map_err(|_| "the further authority is no PEM certificate".to_owned())?;
        Ok(Self::with_lookup(policy, system_lookup(), more))
    }

    fn with_lookup(policy: OutboundPolicy, lookup: Lookup, more: Vec<reqwest::Certificate>) -> Self {
        Self { http: Arc::default(), lookup, more, policy }
    }

    fn http(&self) -> Option<&reqwest::Client> {
        let make = || {
            reqwest::Client::builder()
                .tls_certs_merge(self.more.clone())
                .dns_resolver(Arc::new(GuardedResolver { lookup: self.lookup.clone(), policy: self.policy }))
                .redirect(Policy::none())
                .no_proxy()
                .timeout(TOTAL_TIMEOUT)
                .https_only(!self.policy.allow_loopback)
                .pool_max_idle_per_host(0)
                .build()
                .ok()
        };
        self.http.get_or_init(make).as_ref()
    }

    /// Does now what the first use would do: some tens of milliseconds of work.
    ///
    /// # Errors
    /// A text for the operator, when TLS cannot be set up; every request then fails as unreachable.
    pub fn prepare(&self) -> Result<(), &'static str> {
        self.http().map(|_| ()).ok_or("the HTTP client could not be set up: check the system's certificate store")
    }

    /// Posts a form.
    ///
    /// # Errors
    /// See [`DeliveryError`]; any status is a reply, not an error.
    pub async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Reply, DeliveryError> {
        let url = check_url(url, self.policy)?;
        self.run(self.http().ok_or(DeliveryError::Unreachable)?.post(url).form(form)).await
    }

    /// Posts JSON with a bearer token of the receiver's own.
    ///
    /// # Errors
    /// See [`DeliveryError`]; any status is a reply, not an error.
    pub async fn post_json(&self, url: &str, bearer: &str, body: String) -> Result<Reply, DeliveryError> {
        let url = check_url(url, self.policy)?;
        let json = (reqwest::header::CONTENT_TYPE, "application/json");
        self.run(
            self.http()
                .ok_or(DeliveryError::Unreachable)?
                .post(url)
                .bearer_auth(bearer)
                .header(json.0, json.1)
                .body(body),
        )
        .await
    }

    /// Gets a document that accepts `accept`.
    ///
    /// # Errors
    /// See [`DeliveryError`]; any status is a reply, not an error.
    pub async fn get(&self, url: &str, accept: &'static str) -> Result<Reply, DeliveryError> {
        let url = check_url(url, self.policy)?;
        let http = self.http().ok_or(DeliveryError::Unreachable)?;
        self.run(http.get(url).header(reqwest::header::ACCEPT, accept)).await
    }

    async fn run(&self, request: reqwest::RequestBuilder) -> Result<Reply, DeliveryError> {
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status().as_u16();
        let media_type = response.headers().get(reqwest::header::CONTENT_TYPE);
        let media_type = media_type.and_then(|value| value.to_str().ok()?.split(';').next());
        let media_type = media_type.unwrap_or_default().trim().to_ascii_lowercase();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len().saturating_add(chunk.len()) > REPLY_MAX_BYTES {
                return Err(DeliveryError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status, media_type, body })
    }
}

/// The resolver found an address that is not public.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not public")]
struct NotPublic;

struct GuardedResolver {
    lookup: Lookup,
    policy: OutboundPolicy,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (lookup, policy) = (Arc::clone(&self.lookup), self.policy);
        Box::pin(async move {
            let found = lookup(name.as_str().to_owned()).await?;
            if found.is_empty() {
                return Err(std::io::Error::from(std::io::ErrorKind::NotFound).into());
            }
            // One bad address refuses the name: an honest one has none.
            if !found.iter().all(|address| is_reachable(address.ip(), policy)) {
                return Err(NotPublic.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

fn failure(error: &reqwest::Error) -> DeliveryError {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(one) = cause {
        if one.is::<NotPublic>() {
            return DeliveryError::Refused("the name leads to an address that is not public");
        }
        cause = one.source();
    }
    if error.is_timeout() { DeliveryError::Timeout } else { DeliveryError::Unreachable }
}

/// Everything that can be told from the text of an address. The URL parser turns odd spellings of IPv4 addresses
/// (`0`, `2130706433`, `0x7f.1`) into plain ones, so they meet the same rule.
fn check_url(text: &str, policy: OutboundPolicy) -> Result<Url, DeliveryError> {
    if text.len() > URL_MAX_BYTES {
        return Err(DeliveryError::Refused("too long"));
    }
    let url = Url::parse(text).map_err(|_| DeliveryError::Refused("not a URL"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(DeliveryError::Refused("has a user name"));
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(Host::Domain(_)) => None,
        None => return Err(DeliveryError::Refused("has no host")),
    };
    if literal.is_some_and(|address| !is_reachable(address, policy)) {
        return Err(DeliveryError::Refused("not a public address"));
    }
    let local = literal.is_some_and(|address| address.is_loopback()) || url.host_str() == Some("localhost");
    match url.scheme() {
        "https" => Ok(url),
        "http" if policy.allow_loopback && local => Ok(url),
        _ => Err(DeliveryError::Refused("not https")),
    }
}

fn is_reachable(address: IpAddr, policy: OutboundPolicy) -> bool {
    is_public(address) || policy.allow_loopback && address.is_loopback()
}

/// Whether an address is one of the public Internet: none of the special-purpose ranges of the IANA registries
/// (RFC 6890 and successors). IPv6 forms that carry an IPv4 address are refused, whatever they carry.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_unspecified()
        || a == 0                                            // this network
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()                           // 169.254/16, cloud metadata
        || (a == 100 && (64..128).contains(&b))              // carrier-grade NAT
        || (a == 192 && b == 0 && (c == 0 || c == 2))        // protocol assignments, documentation
        || (a == 192 && b == 88 && c == 99)                  // 6to4 relays
        || (a == 198 && (b == 18 || b == 19))                // benchmarks
        || address.is_documentation()
        || address.is_multicast()
        || a >= 240; // reserved, broadcast
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.segments();
    let global_unicast = first & 0xe000 == 0x2000; // 2000::/3 leaves out ::1, ULA, link-local, multicast, mapped
    let special = match first {
        0x2001 => second < 0x0200 || second == 0x0db8, // Teredo, ORCHID, protocol assignments; documentation
        0x2002 | 0x3fff => true,                       // 6to4, which carries IPv4; documentation
        _ => false,
    };
    global_unicast && !special
}

#[cfg(test)]
#[path = "outbound_tests.rs"]
pub(super) mod tests;
