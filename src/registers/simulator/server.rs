//! The consumer side of a security server, as HTTP.

use super::company::{Company, CompanyChange, Representative};
use super::fault::{FaultBody, FaultKind, FaultRule, take};
use super::population::Population;
use super::reply;
use super::{AGENCY_SERVICE, ENTERPRISE_SERVICE, POPULATION_SERVICE};
use crate::base::{Entropy, SystemEntropy};
use crate::identity::PersonalNumber;
use crate::registers::xroad::{ClientId, ServiceId};
use aws_lc_rs::digest::{SHA512, digest};
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// How many requests are remembered for tests.
const REMEMBERED: usize = 1_000;

/// The simulator: shared by its router and by whoever steers it.
#[derive(Clone)]
pub struct Simulator(Arc<Inner>);

struct Inner {
    population: Population,
    faults: Mutex<Vec<FaultRule>>,
    seen: Mutex<VecDeque<SeenRequest>>,
    changes: Mutex<HashMap<String, CompanyChange>>,
}

/// A request as it arrived, without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// Method.
    pub method: String,
    /// Path and query as sent, still encoded.
    pub uri: String,
    /// Headers that begin with `x-road-`, in order.
    pub x_road: Vec<(String, String)>,
}

impl Simulator {
    /// A simulator of these people.
    pub fn new(population: Population) -> Self {
        Self(Arc::new(Inner {
            population,
            faults: Mutex::default(),
            seen: Mutex::default(),
            changes: Mutex::default(),
        }))
    }

    /// Who is known.
    pub fn population(&self) -> &Population {
        &self.0.population
    }

    /// From now on this goes wrong.
    pub fn add_fault(&self, rule: impl Into<FaultRule>) {
        self.faults().push(rule.into());
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.faults().clear();
    }

    /// From now on the register says this of an organization, in place of an earlier change.
    pub fn change_company(&self, change: CompanyChange) {
        let mut changes = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        changes.insert(change.code.clone(), change);
    }

    /// An organization as the register carries it now, under the code it was asked by.
    pub(super) fn changed(&self, code: &str, mut company: Company) -> Company {
        let changes = self.0.changes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(change) = changes.get(code) {
            company.status = change.status.unwrap_or(company.status);
            if let Some(numbers) = &change.representatives {
                let named = |number: &String| {
                    let person = self.0.population.find(&PersonalNumber::from_exact(number).ok()?)?;
                    Some(Representative { number: person.number, full_name: person.full_name, title: "Giám đốc" })
                };
                company.representatives = numbers.iter().filter_map(named).collect();
            }
            company.representatives.retain(|person| !change.without.iter().any(|gone| gone == person.number.as_str()));
        }
        company
    }

    /// The last requests under `/r1/` and `/listClients`, oldest first.
    pub fn seen(&self) -> Vec<SeenRequest> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// The routes, for a listener of its own or for use in process.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/health", get(|| async { StatusCode::OK }))
            .route("/listClients", get(list_clients))
            .route("/companies", post(post_company))
            .route("/faults", get(list_faults).post(post_fault).delete(delete_faults))
            .route("/r1/{*service}", any(exchange))
            .layer(DefaultBodyLimit::max(64 * 1024))
            .with_state(self.clone())
    }

    fn faults(&self) -> MutexGuard<'_, Vec<FaultRule>> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, method: &Method, uri: &Uri, headers: &HeaderMap) {
        let x_road = headers.iter().filter(|(name, _)| name.as_str().starts_with("x-road-"));
        let x_road = x_road
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        let request = SeenRequest { method: method.to_string(), uri: uri.to_string(), x_road: x_road.collect() };
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(request);
    }
}

async fn list_faults(State(simulator): State<Simulator>) -> Json<Vec<FaultBody>> {
    Json(simulator.faults().iter().map(FaultBody::from).collect())
}

async fn post_fault(State(simulator): State<Simulator>, Json(body): Json<FaultBody>) -> Response {
    match FaultRule::try_from(body) {
        Ok(rule) => {
            simulator.add_fault(rule);
            StatusCode::NO_CONTENT.into_response()
        }
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({ "error": error.to_string() }))).into_response(),
    }
}

async fn post_company(State(simulator): State<Simulator>, Json(change): Json<CompanyChange>) -> StatusCode {
    simulator.change_company(change);
    StatusCode::NO_CONTENT
}

async fn delete_faults(State(simulator): State<Simulator>) -> StatusCode {
    simulator.clear_faults();
    StatusCode::NO_CONTENT
}

/// The members of the simulated instance (X-Road service metadata: `listClients`).
async fn list_clients(State(simulator): State<Simulator>, method: Method, uri: Uri, headers: HeaderMap) -> Json<Value> {
    simulator.remember(&method, &uri, &headers);
    let member = |service: &str, name: &str| {
        let parts: Vec<&str> = service.split('/').collect();
        json!({
            "id": {
                "object_type": "SUBSYSTEM", "xroad_instance": parts.first(), "member_class": parts.get(1),
                "member_code": parts.get(2), "subsystem_code": parts.get(3),
            },
            "name": name,
        })
    };
    Json(json!({ "member": [
        member(POPULATION_SERVICE, "Simulated population register"),
        member(ENTERPRISE_SERVICE, "Simulated enterprise register"),
        member(AGENCY_SERVICE, "Simulated register of state bodies"),
    ] }))
}

/// One call over the simulated X-Road.
struct Call {
    client: ClientId,
    service: ServiceId,
    message_id: String,
    request_hash: String,
}

async fn exchange(
    State(simulator): State<Simulator>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    simulator.remember(&method, &uri, &headers);
    let Some(call) = Call::read(&uri, &headers, &body) else {
        return xroad_error("client.bad_request");
    };
    let fault = take(&mut simulator.faults(), call.service.service_code());
    match fault {
        Some(FaultKind::Slow(wait)) => tokio::time::sleep(wait).await,
        Some(FaultKind::Hang) => std::future::pending().await,
        Some(FaultKind::ErrorCamelCase(error) | FaultKind::ErrorSnakeCase(error)) => return xroad_error(&error),
        _ => {}
    }
    if let Some(answer) = call.broken_before_the_service(fault.as_ref()) {
        return answer;
    }
    match answer(&simulator, &call.service, &method, &body, fault.as_ref()) {
        Ok(value) => call.reply(&value, fault.as_ref()),
        Err(error) => xroad_error(error),
    }
}

/// What the service behind the security server says, or the type of an X-Road fault.
fn answer(
    simulator: &Simulator,
    service: &ServiceId,
    method: &Method,
    body: &[u8],
    fault: Option<&FaultKind>,
) -> Result<Value, &'static str> {
    let known: Vec<ServiceId> =
        [POPULATION_SERVICE, ENTERPRISE_SERVICE, AGENCY_SERVICE].iter().filter_map(|s| s.parse().ok()).collect();
    let of_subsystem: Vec<&ServiceId> =
        known.iter().filter(|known| known.parts().get(..4) == service.parts().get(..4)).collect();
    if of_subsystem.is_empty() {
        return Err("server.clientproxy.unknown_member");
    }
    if matches!(service.service_code(), "allowedMethods" | "listMethods") && method == Method::GET {
        return Ok(json!({ "service": of_subsystem.into_iter().map(listed).collect::<Vec<_>>() }));
    }
    if !of_subsystem.contains(&service) {
        return Err("server.serverproxy.unknown_service");
    }
    if method != Method::POST {
        return Err("server.serverproxy.access_denied");
    }
    let question: Value = serde_json::from_slice(body).map_err(|_| "server.serverproxy.service_failed")?;
    let population = simulator.population();
    let wrong = fault == Some(&FaultKind::WrongPerson);
    let answer = if service.to_string() == POPULATION_SERVICE {
        reply::population(population, &question, wrong)
    } else {
        reply::organization(simulator, &question, wrong)
    };
    let answer = if fault == Some(&FaultKind::Partial) { answer.map(reply::partial) } else { answer };
    answer.map_err(|()| "server.serverproxy.service_failed")
}

fn listed(service: &ServiceId) -> Value {
    let parts = service.parts();
    json!({
        "object_type": "SERVICE", "service_type": "REST", "xroad_instance": parts.first(), "member_class": parts.get(1),
        "member_code": parts.get(2), "subsystem_code": parts.get(3), "service_code": parts.get(4),
        "endpoint_list": [{ "method": "POST", "path": "/" }],
    })
}

impl Call {
    /// `None` for a request that is no X-Road REST request: fewer than five segments, no client or a wrong one.
    fn read(uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Option<Self> {
        let path = uri.path().strip_prefix("/r1/")?;
        let service: Vec<&str> = path.split('/').take(5).collect();
        let service = ServiceId::from_encoded(&service.join("/")).ok()?;
        // When the header is repeated, X-Road takes the last.
        let client = headers.get_all("X-Road-Client").iter().next_back()?.to_str().ok()?;
        let client = ClientId::from_header(client).ok()?;
        let message_id = headers.get("X-Road-Id").and_then(|id| id.to_str().ok()).map(str::to_owned);
        Some(Self {
            client,
            service,
            message_id: message_id.unwrap_or_else(|| random_id().to_string()),
            request_hash: request_hash(headers, body),
        })
    }

    fn broken_before_the_service(&self, fault: Option<&FaultKind>) -> Option<Response> {
        let error =
            json!({ "type": "Server.ServerProxy.ServiceFailed", "message": "simulated", "detail": "simulated" });
        let (status, body, extra) = match fault? {
            FaultKind::Down => (StatusCode::SERVICE_UNAVAILABLE, Body::empty(), ("Retry-After", "7".to_owned())),
            FaultKind::EmptyReply => (StatusCode::OK, Body::empty(), ("Content-Type", "application/json".to_owned())),
            FaultKind::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, Body::empty(), ("Location", to.clone())),
            FaultKind::ErrorWithOk => {
                (StatusCode::OK, Body::from(error.to_string()), ("Content-Type", "application/json".to_owned()))
            }
            FaultKind::Oversized => {
                let chunks = (0..64).map(|_| Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 8_192])));
                let body = Body::from_stream(futures_util::stream::iter(chunks));
                (StatusCode::OK, body, ("Content-Type", "application/json".to_owned()))
            }
            _ => return None,
        };
        let mut response = (status, body).into_response();
        if let Ok(value) = HeaderValue::from_str(&extra.1) {
            response.headers_mut().insert(extra.0, value);
        }
        self.mark(&mut response, &self.message_id);
        Some(response)
    }

    fn reply(&self, value: &Value, fault: Option<&FaultKind>) -> Response {
        let mut text = value.to_string().into_bytes();
        if fault == Some(&FaultKind::Malformed) {
            text.truncate(text.len() / 2);
        }
        let mut response = ([("Content-Type", "application/json;charset=utf-8")], text).into_response();
        let foreign = random_id().to_string();
        let message_id = if fault == Some(&FaultKind::WrongId) { &foreign } else { &self.message_id };
        self.mark(&mut response, message_id);
        response
    }

    /// The headers that X-Road adds to an answer that passed it.
    fn mark(&self, response: &mut Response, message_id: &str) {
        let headers = [
            ("X-Road-Client", self.client.header_value()),
            ("X-Road-Service", self.service.header_value()),
            ("X-Road-Id", message_id.to_owned()),
            ("X-Road-Request-Id", random_id().to_string()),
            ("X-Road-Request-Hash", self.request_hash.clone()),
        ];
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
}

/// A fault of X-Road's own: 400 for the client's, 500 for every other, refused access too.
fn xroad_error(error: &str) -> Response {
    let client = error.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("client."));
    let status = if client { StatusCode::BAD_REQUEST } else { StatusCode::INTERNAL_SERVER_ERROR };
    let body = json!({ "type": error, "message": "simulated", "detail": random_id().to_string() });
    let mut response = (status, Json(body)).into_response();
    if let Ok(value) = HeaderValue::from_str(error) {
        response.headers_mut().insert("X-Road-Error", value);
    }
    response
}

/// base64 of SHA-512(SHA-512(headers) + SHA-512(body)), as X-Road ties an answer to its request.
fn request_hash(headers: &HeaderMap, body: &[u8]) -> String {
    let mut text = Vec::new();
    for (name, value) in headers {
        text.extend_from_slice(name.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(value.as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    let both = [digest(&SHA512, &text), digest(&SHA512, body)].map(|half| half.as_ref().to_vec()).concat();
    STANDARD.encode(digest(&SHA512, &both))
}

fn random_id() -> Uuid {
    let mut bytes = [0u8; 16];
    SystemEntropy.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
