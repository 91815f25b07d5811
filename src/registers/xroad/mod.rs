//! X-Road REST r1, as a consumer behind its own security server.
//!
//! The rules followed here: five identifier segments, each encoded by itself; `X-Road-Client` once; faults told apart
//! by type, in both spellings, and known by the `X-Road-Error` header; a deadline of our own; no redirects; mutual
//! TLS; the personal number in the body, which a security server's log can leave out, never in the URL; the ids and the
//! hash of the exchange kept as evidence.

mod fault;
mod identifier;
mod message;
mod organization_message;
mod settings;
mod transport;

pub use identifier::{ClientId, ServiceId};
pub use settings::{SettingsError, XRoadSettings, XRoadTls};
#[cfg(test)]
pub use transport::MAX_ANSWER_BYTES;

use crate::base::Clock;
use crate::identity::{ExchangeEvidence, OrganizationKind};
use crate::registers::error::{Defect, Mismatch, Refusal, RegisterError};
use crate::registers::port::{
    Official, OrganizationAnswer, OrganizationQuery, OrganizationRegister, PopulationAnswer, PopulationQuery,
    PopulationRegister,
};
use async_trait::async_trait;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use std::sync::Arc;
use transport::{CallContext, Reply, Transport};
use url::Url;
use uuid::Uuid;

/// One service behind our security server.
struct Connection {
    transport: Transport,
    service: ServiceId,
    service_url: Url,
    methods: ServiceId,
    methods_url: Url,
    user_id_prefix: String,
    clock: Arc<dyn Clock>,
}

/// What every question carries beside its body.
struct Case<'q> {
    request_id: Uuid,
    issue: &'q str,
    official: Option<&'q Official>,
}

impl Connection {
    fn new(settings: &XRoadSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        settings.check()?;
        let methods = settings.service.sibling("allowedMethods")?;
        Ok(Self {
            transport: Transport::new(settings)?,
            service: settings.service.clone(),
            service_url: settings.address_of(&settings.service)?,
            methods_url: settings.address_of(&methods)?,
            methods,
            user_id_prefix: settings.user_id_prefix.clone(),
            clock,
        })
    }

    async fn allowed_methods(&self, request_id: Uuid) -> Result<Vec<ServiceId>, RegisterError> {
        let context = CallContext { request_id, user_id: None, issue: None };
        let reply = self.transport.call(Method::GET, &self.methods_url, &self.methods, &context, None).await?;
        let listed: MethodList =
            serde_json::from_slice(&reply.body).map_err(|_| RegisterError::Malformed(Defect::Body))?;
        Ok(listed.service.iter().filter_map(Listed::id).collect())
    }

    async fn health(&self, request_id: Uuid) -> Result<(), RegisterError> {
        let allowed = self.allowed_methods(request_id).await?;
        if allowed.contains(&self.service) { Ok(()) } else { Err(RegisterError::Refused(Refusal::AccessDenied)) }
    }

    async fn ask(&self, case: &Case<'_>, body: Vec<u8>) -> Result<Reply, RegisterError> {
        let context = self.context(case)?;
        self.transport.call(Method::POST, &self.service_url, &self.service, &context, Some(body)).await
    }

    fn context(&self, case: &Case<'_>) -> Result<CallContext, RegisterError> {
        let bad = |_| RegisterError::Refused(Refusal::BadRequest);
        let user_id = case.official.map(|official| format!("{}{}", self.user_id_prefix, official.as_str()));
        if case.issue.len() > 255 || !case.issue.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
            return Err(RegisterError::Refused(Refusal::BadRequest));
        }
        Ok(CallContext {
            request_id: case.request_id,
            user_id: user_id.map(|text| HeaderValue::from_str(&text)).transpose().map_err(bad)?,
            issue: match case.issue {
                "" => None,
                issue => Some(HeaderValue::from_str(issue).map_err(bad)?),
            },
        })
    }

    fn evidence(&self, case: &Case<'_>, reply: Reply) -> Result<ExchangeEvidence, RegisterError> {
        let absent = RegisterError::Malformed(Defect::NoEvidence);
        if !reply.names_service {
            return Err(RegisterError::WrongAnswer(Mismatch::Party));
        }
        Ok(ExchangeEvidence {
            request_id: reply.request_id.ok_or(absent)?,
            message_id: case.request_id.to_string(),
            request_hash: reply.request_hash.ok_or(absent)?,
            service: self.service.to_string(),
            as_of: self.clock.now(),
        })
    }
}

/// The population register behind X-Road.
pub struct XRoadPopulationRegister(Connection);

impl XRoadPopulationRegister {
    /// Checks the settings and reads the certificates; asks nothing yet.
    ///
    /// # Errors
    /// [`SettingsError`] names what is wrong.
    pub fn new(settings: &XRoadSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        Connection::new(settings, clock).map(Self)
    }

    /// The services of the register's subsystem that we may call: the connector's self-test. Sends no personal data.
    ///
    /// # Errors
    /// [`RegisterError`] as for a look-up.
    pub async fn allowed_methods(&self, request_id: Uuid) -> Result<Vec<ServiceId>, RegisterError> {
        self.0.allowed_methods(request_id).await
    }
}

#[async_trait]
impl PopulationRegister for XRoadPopulationRegister {
    async fn look_up(&self, query: &PopulationQuery) -> Result<PopulationAnswer, RegisterError> {
        let case = Case { request_id: query.request_id, issue: &query.issue, official: query.on_behalf_of.as_ref() };
        let reply = self.0.ask(&case, message::question(query)?).await?;
        let record = message::read_answer(&reply.body, &query.number)?;
        let evidence = self.0.evidence(&case, reply)?;
        Ok(match record {
            Some(record) => PopulationAnswer::Found { record, evidence },
            None => PopulationAnswer::NotFound,
        })
    }

    async fn health(&self, request_id: Uuid) -> Result<(), RegisterError> {
        self.0.health(request_id).await
    }
}

/// A register of organizations behind X-Road: of enterprises or of state bodies, which speak alike.
pub struct XRoadOrganizationRegister(Connection);

impl XRoadOrganizationRegister {
    /// Checks the settings and reads the certificates; asks nothing yet.
    ///
    /// # Errors
    /// [`SettingsError`] names what is wrong.
    pub fn new(settings: &XRoadSettings, clock: Arc<dyn Clock>) -> Result<Self, SettingsError> {
        Connection::new(settings, clock).map(Self)
    }
}

#[async_trait]
impl OrganizationRegister for XRoadOrganizationRegister {
    async fn look_up_organization(&self, query: &OrganizationQuery) -> Result<OrganizationAnswer, RegisterError> {
        let case = Case { request_id: query.request_id, issue: &query.issue, official: query.on_behalf_of.as_ref() };
        let reply = self.0.ask(&case, organization_message::question(query)?).await?;
        let record = organization_message::read_answer(&reply.body, query)?;
        let evidence = self.0.evidence(&case, reply)?;
        Ok(match record {
            Some(record) => OrganizationAnswer::Found { record, evidence },
            None => OrganizationAnswer::NotFound,
        })
    }

    async fn health(&self, _kind: OrganizationKind, request_id: Uuid) -> Result<(), RegisterError> {
        self.0.health(request_id).await
    }
}

/// `allowedMethods` (X-Road service metadata for REST, B.2).
#[derive(Deserialize)]
struct MethodList {
    service: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    xroad_instance: String,
    member_class: String,
    member_code: String,
    #[serde(default)]
    subsystem_code: String,
    service_code: String,
}

impl Listed {
    fn id(&self) -> Option<ServiceId> {
        let parts =
            [&self.xroad_instance, &self.member_class, &self.member_code, &self.subsystem_code, &self.service_code];
        parts.map(String::as_str).join("/").parse().ok()
    }
}
