//! Why a register gave no answer, sorted by what can be done about it. No personal data in any of them.

use std::time::Duration;

/// A register gave no answer that may be used. `Copy`, so that nothing of a message can travel in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// It cannot be reached or says it cannot serve now: waiting helps.
    #[error("the register is unavailable ({})", .cause.as_str())]
    Unavailable {
        /// What is not working, as far as it is known.
        cause: Outage,
        /// When it makes sense to try again, where somebody said so.
        retry_after: Option<Duration>,
    },
    /// The question was sent and no whole answer came in time. Whether the register acted on it is not
    /// known: never repeat it blindly.
    #[error("the register did not answer in time")]
    TimedOut,
    /// It answered that we may not ask, or not like this: an operator must change something.
    #[error("the register refused the question ({})", .0.as_str())]
    Refused(Refusal),
    /// It answered in a form that cannot be read.
    #[error("the register's answer cannot be read ({})", .0.as_str())]
    Malformed(Defect),
    /// It answered another question than ours. Nothing of the answer may be used.
    #[error("the register answered another question ({})", .0.as_str())]
    WrongAnswer(Mismatch),
}

impl RegisterError {
    /// A stable word for logs, metrics and audit rows.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Unavailable { cause, .. } => cause.as_str(),
            Self::TimedOut => "register_timed_out",
            Self::Refused(cause) => cause.as_str(),
            Self::Malformed(cause) => cause.as_str(),
            Self::WrongAnswer(cause) => cause.as_str(),
        }
    }

    /// Whether a later look-up may succeed with nobody changing anything: what a waiting account hopes for.
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::TimedOut)
    }

    /// When to try again, if the other side said so.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Unavailable, without a time to come back.
    pub const fn unavailable(cause: Outage) -> Self {
        Self::Unavailable { cause, retry_after: None }
    }
}

macro_rules! causes {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// The stable word of this cause.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// Every cause.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
        }
    };
}

causes! {
    /// What stands in the way.
    Outage {
        /// No connection to our own security server.
        Unreachable => "register_unreachable",
        /// Our breaker is open: too many failures just now.
        BreakerOpen => "register_breaker_open",
        /// We ask as many questions at once as we allow ourselves.
        Busy => "register_busy",
        /// Our own security server has a fault (`Server.ClientProxy.*`, logging, time-stamping, global configuration).
        ConsumerServer => "register_consumer_server_fault",
        /// The provider's security server or the network to it has a fault (`Server.ServerProxy.*`).
        ProviderServer => "register_provider_server_fault",
        /// The provider's own system failed (`ServiceFailed.*`, or its own 5xx).
        Service => "register_service_failed",
        /// The provider switched the service off, or is in maintenance.
        Maintenance => "register_maintenance",
    }
}

causes! {
    /// What was refused.
    Refusal {
        /// Our subsystem has no access right to the service.
        AccessDenied => "register_access_denied",
        /// The question's form or an identifier in it is wrong.
        BadRequest => "register_bad_request",
        /// No member, subsystem or service has the configured identifier.
        UnknownTarget => "register_unknown_target",
        /// Certificates did not agree, ours or theirs.
        Tls => "register_tls_refused",
    }
}

causes! {
    /// What is wrong with the answer's form.
    Defect {
        /// Not JSON of the agreed shape.
        Body => "register_answer_malformed",
        /// Nothing where an answer should be.
        Empty => "register_answer_empty",
        /// More than the allowed size.
        TooLarge => "register_answer_too_large",
        /// A redirect. It is never followed: the question holds personal data.
        Redirect => "register_answer_redirect",
        /// A status that the service contract does not know.
        Status => "register_answer_status",
        /// The form is right, but one person's fields are not: it says nothing about other people's.
        Record => "register_record_unreadable",
        /// The ids that would prove the exchange are not there.
        NoEvidence => "register_answer_without_evidence",
    }
}

causes! {
    /// What did not come back as it was sent.
    Mismatch {
        /// `X-Road-Id` is absent or not ours.
        RequestId => "register_wrong_request_id",
        /// `X-Road-Service` or `X-Road-Client` names another party.
        Party => "register_wrong_party",
        /// The personal number is not the one asked for.
        Number => "register_wrong_person",
        /// More than one person for one number.
        SeveralPersons => "register_several_persons",
        /// The organization's code is not the one asked for.
        Organization => "register_wrong_organization",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn reasons_are_stable_words_and_all_different() {
        let mut all: Vec<RegisterError> = vec![RegisterError::TimedOut];
        all.extend(Outage::ALL.iter().map(|c| RegisterError::unavailable(*c)));
        all.extend(Refusal::ALL.iter().map(|c| RegisterError::Refused(*c)));
        all.extend(Defect::ALL.iter().map(|c| RegisterError::Malformed(*c)));
        all.extend(Mismatch::ALL.iter().map(|c| RegisterError::WrongAnswer(*c)));
        let words: HashSet<&str> = all.iter().map(RegisterError::reason).collect();
        assert_eq!(words.len(), all.len());
        assert!(words.iter().all(|w| w.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
    }

    #[test]
    fn only_waiting_helps_with_temporary_errors() {
        assert!(RegisterError::unavailable(Outage::Busy).is_temporary());
        assert!(RegisterError::TimedOut.is_temporary());
        assert!(!RegisterError::Refused(Refusal::AccessDenied).is_temporary());
        assert!(!RegisterError::WrongAnswer(Mismatch::Number).is_temporary());
    }
}
