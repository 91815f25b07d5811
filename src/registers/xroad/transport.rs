//! One call over X-Road REST (r1), up to the headers and the bytes of its answer.

use super::fault::FaultType;
use super::identifier::{ClientId, ServiceId};
use super::settings::{SettingsError, XRoadSettings, read};
use crate::registers::error::{Defect, Mismatch, Outage, Refusal, RegisterError};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, Method, Response, StatusCode, redirect, retry};
use std::error::Error;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// Most bytes of an answer that are read.
pub const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Which call this is and for whom: what the other side writes into its log.
#[derive(Debug, Clone)]
pub(super) struct CallContext {
    pub request_id: Uuid,
    pub user_id: Option<HeaderValue>,
    pub issue: Option<HeaderValue>,
}

/// An answer of the provider's own, with what proves the exchange.
pub(super) struct Reply {
    pub body: Vec<u8>,
    /// Whether it says which service it comes from; if so, it was the one asked.
    pub names_service: bool,
    pub request_id: Option<String>,
    pub request_hash: Option<String>,
}

/// The connection to one security server.
#[derive(Clone)]
pub(super) struct Transport {
    client: Client,
    client_id: ClientId,
    client_header: HeaderValue,
    deadline: Duration,
}

impl Transport {
    /// Reads the certificates and builds the client.
    pub fn new(settings: &XRoadSettings) -> Result<Self, SettingsError> {
        let tls = |error: reqwest::Error| SettingsError::Tls(innermost(&error));
        let deadline = settings.deadline();
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            // Well below a server's own limit: a connection it closes just as we send looks like a lost answer.
            .pool_idle_timeout(Duration::from_secs(10))
            .connect_timeout(deadline.min(Duration::from_secs(2)))
            .https_only(settings.base_url.scheme() == "https");
        if let Some(files) = &settings.tls {
            if let Some(ca) = &files.ca {
                let roots = reqwest::Certificate::from_pem_bundle(&read(ca)?).map_err(tls)?;
                if roots.is_empty() {
                    return Err(SettingsError::Tls("no certificate in the CA file".to_owned()));
                }
                builder = builder.tls_certs_only(roots);
            }
            let mut pem = read(&files.certificate)?;
            pem.push(b'\n');
            pem.extend_from_slice(&read(&files.key)?);
            builder = builder.identity(reqwest::Identity::from_pem(&pem).map_err(tls)?);
        }
        let client = builder.build().map_err(tls)?;
        let client_header =
            HeaderValue::from_str(&settings.client.header_value()).map_err(|_| SettingsError::BaseUrl)?;
        Ok(Self { client, client_id: settings.client.clone(), client_header, deadline })
    }

    /// One call, within the deadline.
    pub async fn call(
        &self,
        method: Method,
        url: &Url,
        service: &ServiceId,
        context: &CallContext,
        body: Option<Vec<u8>>,
    ) -> Result<Reply, RegisterError> {
        let exchange = self.exchange(method, url, service, context, body);
        tokio::time::timeout(self.deadline, exchange).await.unwrap_or(Err(RegisterError::TimedOut))
    }

    async fn exchange(
        &self,
        method: Method,
        url: &Url,
        service: &ServiceId,
        context: &CallContext,
        body: Option<Vec<u8>>,
    ) -> Result<Reply, RegisterError> {
        let mut request = self
            .client
            .request(method, url.clone())
            .header("X-Road-Client", self.client_header.clone())
            .header("X-Road-Id", context.request_id.to_string())
            .header("Accept", "application/json");
        if let Some(user_id) = &context.user_id {
            request = request.header("X-Road-UserId", user_id.clone());
        }
        if let Some(issue) = &context.issue {
            request = request.header("X-Road-Issue", issue.clone());
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body);
        }
        let mut response = request.send().await.map_err(|error| classify(&error))?;
        let headers = response.headers().clone();
        let status = response.status();
        if let Some(fault) = headers.get("X-Road-Error") {
            return Err(self.fault(fault, &mut response, context).await);
        }
        refuse_by_status(status, &headers)?;
        let body = read_limited(&mut response).await?;
        self.check_echo(&headers, service, context)?;
        Ok(Reply {
            body,
            names_service: headers.contains_key("X-Road-Service"),
            request_id: text(&headers, "X-Road-Request-Id"),
            request_hash: text(&headers, "X-Road-Request-Hash"),
        })
    }

    /// A fault of X-Road's own. Message and detail are left behind: they may repeat what was asked.
    async fn fault(&self, header: &HeaderValue, response: &mut Response, context: &CallContext) -> RegisterError {
        let status = response.status().as_u16();
        let named = header.to_str().ok().and_then(FaultType::parse);
        let fault = match named {
            Some(fault) => Some(fault),
            None => read_limited(response).await.ok().and_then(|body| FaultType::from_body(&body)),
        };
        let error = fault.as_ref().map_or(RegisterError::unavailable(Outage::ConsumerServer), FaultType::to_error);
        tracing::warn!(
            request_id = %context.request_id,
            status,
            fault = fault.as_ref().map_or("unknown", FaultType::as_str),
            reason = error.reason(),
            "X-Road reported a fault"
        );
        error
    }

    /// O10: what was not sent by us, or not to this service, is no answer.
    fn check_echo(&self, headers: &HeaderMap, service: &ServiceId, context: &CallContext) -> Result<(), RegisterError> {
        let echoed = single(headers, "X-Road-Id").and_then(|id| Uuid::parse_str(id).ok());
        if echoed != Some(context.request_id) {
            return Err(RegisterError::WrongAnswer(Mismatch::RequestId));
        }
        let wrong_party = Err(RegisterError::WrongAnswer(Mismatch::Party));
        if headers.contains_key("X-Road-Service") {
            let named = single(headers, "X-Road-Service").and_then(|text| ServiceId::from_encoded(text).ok());
            if named.as_ref() != Some(service) {
                return wrong_party;
            }
        }
        if headers.contains_key("X-Road-Client") {
            let named = single(headers, "X-Road-Client").and_then(|text| ClientId::from_header(text).ok());
            if named.as_ref() != Some(&self.client_id) {
                return wrong_party;
            }
        }
        Ok(())
    }
}

/// A header's value when it is there exactly once and is text.
fn single<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut all = headers.get_all(name).iter();
    let value = all.next()?;
    if all.next().is_some() { None } else { value.to_str().ok() }
}

/// A header kept as evidence: printable text of a sensible length.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    single(headers, name).filter(|value| value.len() <= 500).map(str::to_owned)
}

/// What the provider's own status says. A reply contract knows 200 only: "nobody" is an empty list, not 404.
fn refuse_by_status(status: StatusCode, headers: &HeaderMap) -> Result<(), RegisterError> {
    if status == StatusCode::OK {
        return Ok(());
    }
    let retry_after = single(headers, "Retry-After")
        .and_then(|seconds| seconds.parse::<u32>().ok())
        .map(|seconds| Duration::from_secs(u64::from(seconds.min(3_600))));
    Err(match status.as_u16() {
        300..=399 => RegisterError::Malformed(Defect::Redirect),
        401 | 403 => RegisterError::Refused(Refusal::AccessDenied),
        408 | 429 | 503 => RegisterError::Unavailable { cause: Outage::Service, retry_after },
        400..=499 => RegisterError::Refused(Refusal::BadRequest),
        500..=599 => RegisterError::Unavailable { cause: Outage::Service, retry_after },
        _ => RegisterError::Malformed(Defect::Status),
    })
}

async fn read_limited(response: &mut Response) -> Result<Vec<u8>, RegisterError> {
    let too_large = Err(RegisterError::Malformed(Defect::TooLarge));
    let most = u64::try_from(MAX_ANSWER_BYTES).unwrap_or(u64::MAX);
    if response.content_length().is_some_and(|length| length > most) {
        return too_large;
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| classify(&error))? {
        if body.len().saturating_add(chunk.len()) > MAX_ANSWER_BYTES {
            return too_large;
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a failure below HTTP means. Once a connection stood, the question may have arrived: that is "no answer in
/// time", not "unavailable".
fn classify(error: &reqwest::Error) -> RegisterError {
    let certificates = chain(error).any(speaks_of_tls);
    if certificates {
        RegisterError::Refused(Refusal::Tls)
    } else if error.is_connect() {
        RegisterError::unavailable(Outage::Unreachable)
    } else {
        RegisterError::TimedOut
    }
}

/// Whether TLS said no. An `io::Error` does not show what it wraps as its source, so it is opened by hand.
fn speaks_of_tls(error: &(dyn Error + 'static)) -> bool {
    error.is::<rustls::Error>()
        || error
            .downcast_ref::<std::io::Error>()
            .and_then(std::io::Error::get_ref)
            .is_some_and(|inner| chain(inner).any(speaks_of_tls))
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// The last cause: reqwest's own text names the URL or only says "builder error".
fn innermost(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}
