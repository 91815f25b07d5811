//! Faults that X-Road itself reports, told apart by type and never by status (X-Road REST 4.6).
//!
//! Up to version 7.7 types are written `Server.ServerProxy.NetworkError`, from 7.8.0 on
//! `server.serverproxy.network_error`; one name changed as well. Both are read.

use crate::registers::error::{Outage, Refusal, RegisterError};

/// A type as compared here: lower case, without underscores, dots kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultType(String);

impl FaultType {
    /// Reads a type in either spelling. `None` for a text that is no type: those may hold anything.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let allowed = |b: u8| b.is_ascii_alphabetic() || b == b'.' || b == b'_';
        if text.is_empty() || text.len() > 200 || !text.bytes().all(allowed) {
            return None;
        }
        let folded: String = text.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
        Some(Self(folded.replace("outdatedglobalconf", "globalconfoutdated")))
    }

    /// From a body, JSON or XML: where no header tells the type.
    pub fn from_body(body: &[u8]) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct Body {
            r#type: String,
        }
        if let Ok(body) = serde_json::from_slice::<Body>(body) {
            return Self::parse(&body.r#type);
        }
        Self::parse(&xml_element(std::str::from_utf8(body).ok()?, "type")?)
    }

    /// The folded text: letters and dots only, fit for a log.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn has(&self, word: &str) -> bool {
        self.0.split('.').any(|part| part == word)
    }

    /// What the fault means for the one who asked.
    pub fn to_error(&self) -> RegisterError {
        const REFUSED: [(&str, Refusal); 12] = [
            ("accessdenied", Refusal::AccessDenied),
            ("unknownmember", Refusal::UnknownTarget),
            ("unknownservice", Refusal::UnknownTarget),
            ("invalidserviceidentifier", Refusal::UnknownTarget),
            ("invalidclientidentifier", Refusal::BadRequest),
            ("clientidentifier", Refusal::BadRequest),
            ("badrequest", Refusal::BadRequest),
            ("missingheaderfield", Refusal::BadRequest),
            ("duplicateheaderfield", Refusal::BadRequest),
            ("invalidhttpmethod", Refusal::BadRequest),
            ("sslauthenticationfailed", Refusal::Tls),
            ("clientproxyauthenticationfailed", Refusal::Tls),
        ];
        const OUTAGES: [(&str, Outage); 8] = [
            ("maintenancemode", Outage::Maintenance),
            ("servicedisabled", Outage::Maintenance),
            ("servicefailed", Outage::Service),
            ("globalconfoutdated", Outage::ConsumerServer),
            ("loggingfailed", Outage::ConsumerServer),
            ("timestampingfailed", Outage::ConsumerServer),
            ("clientproxy", Outage::ConsumerServer),
            ("serverproxy", Outage::ProviderServer),
        ];
        if let Some((_, refusal)) = REFUSED.iter().find(|(word, _)| self.has(word)) {
            return RegisterError::Refused(*refusal);
        }
        if let Some((_, outage)) = OUTAGES.iter().find(|(word, _)| self.has(word)) {
            return RegisterError::unavailable(*outage);
        }
        if self.0.split('.').next() == Some("client") {
            return RegisterError::Refused(Refusal::BadRequest);
        }
        RegisterError::unavailable(Outage::ConsumerServer)
    }
}

/// The text of the first element with this local name. Enough for X-Road's flat error message; no entities, no DTD.
fn xml_element(xml: &str, name: &str) -> Option<String> {
    let mut rest = xml;
    while let Some(open) = rest.find('<') {
        rest = rest.get(open + 1..)?;
        let tag = rest.get(..rest.find('>')?)?;
        let local = tag.split_ascii_whitespace().next().unwrap_or("").rsplit(':').next().unwrap_or("");
        rest = rest.get(tag.len() + 1..)?;
        if local == name {
            return rest.get(..rest.find('<')?).map(|text| text.trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(text: &str) -> RegisterError {
        FaultType::parse(text).unwrap().to_error()
    }

    #[test]
    fn both_spellings_mean_the_same() {
        let pairs = [
            ("Server.ServerProxy.NetworkError", "server.serverproxy.network_error"),
            ("Server.ServerProxy.AccessDenied", "server.serverproxy.access_denied"),
            ("Server.ClientProxy.OutdatedGlobalConf", "server.clientproxy.global_conf_outdated"),
            ("Server.ClientProxy.UnknownMember", "server.clientproxy.unknown_member"),
            ("Server.ServerProxy.ServiceDisabled", "server.serverproxy.service_disabled"),
            ("Server.ServerProxy.ServiceFailed.HttpError", "server.serverproxy.service_failed.http_error"),
            ("Server.ClientProxy.SslAuthenticationFailed", "server.clientproxy.ssl_authentication_failed"),
            ("Server.ClientProxy.LoggingFailed", "server.clientproxy.logging_failed"),
            ("Client.BadRequest", "client.bad_request"),
        ];
        for (camel, snake) in pairs {
            assert_eq!(FaultType::parse(camel), FaultType::parse(snake), "{camel}");
        }
    }

    #[test]
    fn types_are_sorted_by_what_can_be_done() {
        let expected = [
            ("Client.BadRequest", RegisterError::Refused(Refusal::BadRequest)),
            ("Client.SomethingNew", RegisterError::Refused(Refusal::BadRequest)),
            ("server.serverproxy.access_denied", RegisterError::Refused(Refusal::AccessDenied)),
            ("Server.ServerProxy.UnknownService", RegisterError::Refused(Refusal::UnknownTarget)),
            ("server.clientproxy.invalid_client_identifier", RegisterError::Refused(Refusal::BadRequest)),
            ("Server.ClientProxy.SslAuthenticationFailed", RegisterError::Refused(Refusal::Tls)),
            ("server.serverproxy.service_disabled", RegisterError::unavailable(Outage::Maintenance)),
            ("server.clientproxy.maintenance_mode", RegisterError::unavailable(Outage::Maintenance)),
            ("Server.ServerProxy.ServiceFailed.InternalError", RegisterError::unavailable(Outage::Service)),
            ("server.clientproxy.global_conf_outdated", RegisterError::unavailable(Outage::ConsumerServer)),
            ("OutdatedGlobalConf", RegisterError::unavailable(Outage::ConsumerServer)),
            ("Server.ClientProxy.TimestampingFailed", RegisterError::unavailable(Outage::ConsumerServer)),
            ("Server.ClientProxy.NetworkError", RegisterError::unavailable(Outage::ConsumerServer)),
            ("server.serverproxy.network_error", RegisterError::unavailable(Outage::ProviderServer)),
            ("Server.ServerProxy.DatabaseError", RegisterError::unavailable(Outage::ProviderServer)),
        ];
        for (text, error) in expected {
            assert_eq!(error_of(text), error, "{text}");
        }
    }

    #[test]
    fn a_body_tells_its_type_in_json_and_in_xml() {
        let json = br#"{"type":"Server.ServerProxy.NetworkError","message":"m","detail":"d"}"#;
        let xml = br#"<?xml version="1.0" encoding="UTF-8"?>
            <xr:error xmlns:xr="http://x-road.eu/xsd/error.xsd"><xr:type a="b"> server.serverproxy.network_error </xr:type>
            <xr:message>m</xr:message></xr:error>"#;
        assert_eq!(FaultType::from_body(json), FaultType::from_body(xml));
        assert!(FaultType::from_body(json).is_some());
    }

    #[test]
    fn what_is_no_type_is_not_kept() {
        for text in ["", " ", "<b>", "Nguyễn Thị Hoa", "a b", "001000999901\n", "x\"y", &"a".repeat(201)] {
            assert_eq!(FaultType::parse(text), None, "{text:?}");
        }
        for body in ["", "{}", "{\"type\":1}", "<type", "<type>x", "<a><b/></a>", "plain", "[[[["] {
            assert_eq!(FaultType::from_body(body.as_bytes()), None, "{body}");
        }
    }
}
