//! Faults on demand.

use serde::{Deserialize, Serialize};
use std::str::FromStr;
use std::time::Duration;

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The right answer, late.
    Slow(Duration),
    /// No answer at all.
    Hang,
    /// The service behind the security server is away (503, not a fault of X-Road's own).
    Down,
    /// An answer about somebody else.
    WrongPerson,
    /// An answer about the right one from which a needed field is missing.
    Partial,
    /// An answer under another `X-Road-Id`.
    WrongId,
    /// Half an answer.
    Malformed,
    /// 200 and not one byte.
    EmptyReply,
    /// More bytes than anybody should read.
    Oversized,
    /// 200 with a body that says there was an error.
    ErrorWithOk,
    /// A fault of X-Road's own as versions up to 7.7 write it.
    ErrorCamelCase(String),
    /// A fault of X-Road's own as versions from 7.8.0 on write it.
    ErrorSnakeCase(String),
    /// A redirect to this address.
    Redirect(String),
}

/// A fault, where it applies and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRule {
    /// The service code; every service when absent.
    pub service: Option<String>,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many more calls; without end when absent.
    pub times: Option<u32>,
}

impl From<FaultKind> for FaultRule {
    fn from(kind: FaultKind) -> Self {
        Self { service: None, kind, times: None }
    }
}

const DEFAULT_CAMEL: &str = "Server.ServerProxy.NetworkError";
const DEFAULT_SNAKE: &str = "server.serverproxy.network_error";
const DEFAULT_REDIRECT: &str = "http://127.0.0.1:9/elsewhere";
const DEFAULT_SLOW_MS: u64 = 3_000;

/// The body of `POST /faults` and one item of `GET /faults`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultBody {
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<u32>,
    /// With `slow`: milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    /// With `error_camel_case` and `error_snake_case`: the type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    /// With `redirect`: the address.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
}

/// A kind that does not exist, or an argument that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown fault; known are slow[:MILLISECONDS], hang, down, wrong_person, partial, wrong_id, malformed, empty_reply, \
     oversized, error_with_ok, error_camel_case[:TYPE], error_snake_case[:TYPE], redirect[:ADDRESS]"
)]
pub struct UnknownFault;

impl FaultKind {
    /// The word of the kind.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Slow(_) => "slow",
            Self::Hang => "hang",
            Self::Down => "down",
            Self::WrongPerson => "wrong_person",
            Self::Partial => "partial",
            Self::WrongId => "wrong_id",
            Self::Malformed => "malformed",
            Self::EmptyReply => "empty_reply",
            Self::Oversized => "oversized",
            Self::ErrorWithOk => "error_with_ok",
            Self::ErrorCamelCase(_) => "error_camel_case",
            Self::ErrorSnakeCase(_) => "error_snake_case",
            Self::Redirect(_) => "redirect",
        }
    }

    fn from_parts(name: &str, argument: Option<&str>) -> Result<Self, UnknownFault> {
        let text = |default: &str| argument.unwrap_or(default).to_owned();
        let header_text = |text: String| {
            if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) { Err(UnknownFault) } else { Ok(text) }
        };
        let plain = |kind: Self| if argument.is_none() { Ok(kind) } else { Err(UnknownFault) };
        match name {
            "slow" => {
                let ms = argument.map_or(Ok(DEFAULT_SLOW_MS), str::parse).map_err(|_| UnknownFault)?;
                Ok(Self::Slow(Duration::from_millis(ms)))
            }
            "hang" => plain(Self::Hang),
            "down" => plain(Self::Down),
            "wrong_person" => plain(Self::WrongPerson),
            "partial" => plain(Self::Partial),
            "wrong_id" => plain(Self::WrongId),
            "malformed" => plain(Self::Malformed),
            "empty_reply" => plain(Self::EmptyReply),
            "oversized" => plain(Self::Oversized),
            "error_with_ok" => plain(Self::ErrorWithOk),
            "error_camel_case" => header_text(text(DEFAULT_CAMEL)).map(Self::ErrorCamelCase),
            "error_snake_case" => header_text(text(DEFAULT_SNAKE)).map(Self::ErrorSnakeCase),
            "redirect" => header_text(text(DEFAULT_REDIRECT)).map(Self::Redirect),
            _ => Err(UnknownFault),
        }
    }
}

/// The form of the command line: `slow:2000`, `down`, `error_snake_case:server.clientproxy.logging_failed`.
impl FromStr for FaultKind {
    type Err = UnknownFault;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once(':') {
            Some((name, argument)) => Self::from_parts(name, Some(argument)),
            None => Self::from_parts(text, None),
        }
    }
}

impl TryFrom<FaultBody> for FaultRule {
    type Error = UnknownFault;
    fn try_from(body: FaultBody) -> Result<Self, Self::Error> {
        let arguments =
            [(body.ms.map(|ms| ms.to_string()), "slow"), (body.error_type, "error_"), (body.to, "redirect")];
        let mut argument = None;
        for (given, of) in arguments {
            if given.is_some() {
                if argument.is_some() || !body.kind.starts_with(of) {
                    return Err(UnknownFault);
                }
                argument = given;
            }
        }
        let kind = FaultKind::from_parts(&body.kind, argument.as_deref())?;
        Ok(Self { service: body.service, kind, times: body.times })
    }
}

impl From<&FaultRule> for FaultBody {
    fn from(rule: &FaultRule) -> Self {
        let (mut ms, mut error_type, mut to) = (None, None, None);
        match &rule.kind {
            FaultKind::Slow(wait) => ms = u64::try_from(wait.as_millis()).ok(),
            FaultKind::ErrorCamelCase(text) | FaultKind::ErrorSnakeCase(text) => error_type = Some(text.clone()),
            FaultKind::Redirect(address) => to = Some(address.clone()),
            _ => {}
        }
        Self { kind: rule.kind.name().to_owned(), service: rule.service.clone(), times: rule.times, ms, error_type, to }
    }
}

/// The fault that hits a call of this service, counted down. Newer rules come first.
pub(super) fn take(rules: &mut Vec<FaultRule>, service_code: &str) -> Option<FaultKind> {
    let applies =
        |rule: &FaultRule| rule.times != Some(0) && rule.service.as_deref().is_none_or(|code| code == service_code);
    let rule = rules.iter_mut().rev().find(|rule| applies(rule))?;
    let kind = rule.kind.clone();
    if let Some(times) = &mut rule.times {
        *times -= 1;
    }
    rules.retain(|rule| rule.times != Some(0));
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_back_from_its_body() {
        let words = [
            "slow:20",
            "hang",
            "down",
            "wrong_person",
            "partial",
            "wrong_id",
            "malformed",
            "empty_reply",
            "oversized",
            "error_with_ok",
            "error_camel_case",
            "error_snake_case:a.b",
            "redirect:http://localhost:1/",
        ];
        for word in words {
            let mut rule = FaultRule::from(word.parse::<FaultKind>().unwrap());
            rule.times = Some(2);
            let body = serde_json::to_string(&FaultBody::from(&rule)).unwrap();
            let back = FaultRule::try_from(serde_json::from_str::<FaultBody>(&body).unwrap()).unwrap();
            assert_eq!(back, rule, "{body}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for word in ["", "fast", "slow:x", "slow:-1", "down:1", "redirect:a b", "error_camel_case:", "hang:"] {
            assert_eq!(word.parse::<FaultKind>(), Err(UnknownFault), "{word}");
        }
        for body in [r#"{"kind":"down","ms":5}"#, r#"{"kind":"slow","type":"x"}"#, r#"{"kind":"slow","ms":1,"to":"x"}"#]
        {
            let body: FaultBody = serde_json::from_str(body).unwrap();
            assert_eq!(FaultRule::try_from(body), Err(UnknownFault));
        }
        assert!(serde_json::from_str::<FaultBody>(r#"{"kind":"down","servise":"x"}"#).is_err());
    }

    #[test]
    fn rules_apply_to_their_service_as_often_as_told() {
        let mut rules = vec![
            FaultRule::from(FaultKind::Down),
            FaultRule { service: Some("a".into()), kind: FaultKind::Hang, times: Some(2) },
        ];
        assert_eq!(take(&mut rules, "b"), Some(FaultKind::Down));
        assert_eq!(take(&mut rules, "a"), Some(FaultKind::Hang));
        assert_eq!(take(&mut rules, "a"), Some(FaultKind::Hang));
        assert_eq!(take(&mut rules, "a"), Some(FaultKind::Down));
        assert_eq!(rules.len(), 1);
    }
}
