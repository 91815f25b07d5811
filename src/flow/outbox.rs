//! What leaves later: messages and logout tokens, written in the transaction of the act and sent by a job.

use super::{Fault, Outcome, Services};
use crate::base::{OutboxId, SessionId, Timestamp};
use crate::db::Tx;
use crate::store;
use crate::store::outbox::OutboxKind;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const PURPOSE: &str = "outbox";

/// What a message says. The words are chosen when it is sent.
#[derive(Clone, Serialize, Deserialize)]
pub enum Notice {
    /// A code to sign in with.
    SignInCode {
        /// Six digits.
        code: String,
        /// The portal's name, if one asked.
        portal: Option<String>,
    },
    /// A code to create an account with.
    CreateAccountCode {
        /// Six digits.
        code: String,
    },
    /// Somebody who knows the number, name and birth date tried to create an account that exists.
    AccountExists,
    /// A passkey was added.
    PasskeyAdded {
        /// When.
        at: Timestamp,
    },
    /// A passkey was removed.
    PasskeyRemoved {
        /// When.
        at: Timestamp,
    },
    /// The password was set or changed.
    PasswordChanged {
        /// When.
        at: Timestamp,
    },
    /// A new set of printed codes.
    RecoveryCodesRenewed {
        /// When.
        at: Timestamp,
    },
    /// A browser that did not know the person signed in.
    NewDevice {
        /// When.
        at: Timestamp,
    },
    /// A representative asks to open an organization's account: to the others, who must agree.
    OrganizationAsked {
        /// The organization's name.
        name: String,
    },
    /// An organization's account opened: to whoever applied.
    OrganizationOpened {
        /// The organization's name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// A representative did not agree: to whoever applied.
    OrganizationRefused {
        /// The organization's name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// An organization's account was closed: to all its representatives.
    OrganizationClosed {
        /// The organization's name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// A code that confirms a new phone.
    ConfirmPhoneCode {
        /// Six digits.
        code: String,
    },
    /// Another phone was asked for: to the old one, with a way to cancel.
    PhoneChangeAsked {
        /// From when the new one holds.
        effective_at: Timestamp,
    },
    /// A code that confirms an e-mail address.
    ConfirmEmailCode {
        /// Six digits.
        code: String,
    },
    /// The e-mail address was changed or removed: to the phone and to the old address.
    EmailChanged {
        /// When.
        at: Timestamp,
    },
    /// The phone was changed: to the old and to the new one.
    PhoneChanged {
        /// When.
        at: Timestamp,
    },
    /// A waiting change of phone was cancelled.
    PhoneChangeCancelled {
        /// When.
        at: Timestamp,
    },
    /// An authenticator app was added.
    TotpAdded {
        /// When.
        at: Timestamp,
    },
    /// The authenticator app was removed.
    TotpRemoved {
        /// When.
        at: Timestamp,
    },
    /// The account was frozen.
    AccountFrozen {
        /// When.
        at: Timestamp,
    },
    /// A frozen account was opened again.
    AccountUnfrozen {
        /// When.
        at: Timestamp,
    },
    /// The account was closed.
    AccountClosed {
        /// When.
        at: Timestamp,
    },
    /// The waiting account was confirmed by the register.
    AccountConfirmed,
    /// The waiting account does not match the register.
    AccountNotConfirmed,
    /// A portal asks for the person's approval, which they give on their account page.
    RequestWaits {
        /// The portal's name.
        portal: String,
    },
}

impl Notice {
    /// Whether it goes the way its person chose. What is risky goes every way there is.
    pub const fn is_everyday(&self) -> bool {
        matches!(
            self,
            Self::AccountConfirmed
                | Self::PhoneChangeCancelled { .. }
                | Self::AccountUnfrozen { .. }
                | Self::OrganizationAsked { .. }
                | Self::OrganizationRefused { .. }
        )
    }

    /// Whether somebody else may have done it: then it carries a code for "not me" (C29). A closed account has nothing
    /// left to stop, and its number names nobody any more.
    pub const fn may_be_of_another(&self) -> bool {
        match self {
            Self::PasskeyAdded { .. }
            | Self::PasskeyRemoved { .. }
            | Self::PasswordChanged { .. }
            | Self::RecoveryCodesRenewed { .. }
            | Self::NewDevice { .. }
            | Self::OrganizationOpened { .. }
            | Self::OrganizationClosed { .. }
            | Self::PhoneChangeAsked { .. }
            | Self::PhoneChanged { .. }
            | Self::TotpAdded { .. }
            | Self::TotpRemoved { .. }
            | Self::AccountFrozen { .. }
            | Self::EmailChanged { .. }
            | Self::AccountUnfrozen { .. } => true,
            Self::SignInCode { .. }
            | Self::CreateAccountCode { .. }
            | Self::ConfirmPhoneCode { .. }
            | Self::ConfirmEmailCode { .. }
            | Self::AccountExists
            | Self::PhoneChangeCancelled { .. }
            | Self::OrganizationAsked { .. }
            | Self::OrganizationRefused { .. }
            | Self::AccountClosed { .. }
            | Self::AccountConfirmed
            | Self::AccountNotConfirmed
            | Self::RequestWaits { .. } => false,
        }
    }
}

/// What an outbox row holds, sealed.
#[derive(Clone, Serialize, Deserialize)]
pub enum Posting {
    /// A message to a person.
    Message {
        /// Phone in E.164 or e-mail address.
        recipient: String,
        /// What it says.
        notice: Notice,
        /// `vi` or `en`.
        language: String,
        /// With the personal number it says "not me" without signing in (C29).
        #[serde(default)]
        not_me: Option<String>,
    },
    /// A logout token to a portal; the token is made when it is sent.
    Logout {
        /// The portal.
        client_id: String,
        /// The person's subject at that portal.
        subject: String,
        /// The portal's name of the session.
        sid: String,
        /// The session that ended.
        session: SessionId,
    },
    /// Word to a client that the person has decided (CIBA 10.2).
    Ping {
        /// The client.
        client_id: String,
        /// What it asked.
        auth_req_id: String,
        /// Its own bearer token.
        token: String,
    },
    /// Nothing: written where an unknown number would otherwise cost less work than a known one (N2).
    Nothing,
}

/// How a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Text message.
    Sms,
    /// A call that reads it twice.
    Voice,
    /// E-mail: notices only, never codes.
    Email,
    /// To a portal.
    Logout,
    /// To a client that asked by CIBA.
    Ping,
    /// Nowhere.
    Nowhere,
}

impl Way {
    /// The name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sms => "sms",
            Self::Voice => "voice",
            Self::Email => "email",
            Self::Logout => "backchannel_logout",
            Self::Ping => "ciba_ping",
            Self::Nowhere => "none",
        }
    }
}

impl Way {
    const fn kind(self) -> OutboxKind {
        match self {
            Self::Sms => OutboxKind::Sms,
            Self::Voice => OutboxKind::Voice,
            Self::Email => OutboxKind::Email,
            Self::Logout => OutboxKind::BackchannelLogout,
            Self::Ping => OutboxKind::CibaPing,
            Self::Nowhere => OutboxKind::None,
        }
    }
}

/// Writes one posting into the outbox.
pub async fn post(
    services: &Services,
    tx: &mut Tx,
    way: Way,
    posting: &Posting,
    reference: Option<String>,
) -> Outcome<OutboxId> {
    let now = services.clock.now();
    let id = OutboxId::new(now, &*services.entropy);
    let payload =
        services.sealer.seal(PURPOSE, id.0.as_bytes(), &serde_json::to_vec(posting)?).map_err(Fault::internal)?;
    // A code is useless after its lifetime; a portal that is down may come back within a day.
    let patience = match way {
        Way::Logout => Duration::from_secs(24 * 3600),
        Way::Email => Duration::from_secs(6 * 3600),
        Way::Sms | Way::Voice | Way::Ping | Way::Nowhere => services.config.sign_in.code_seconds.duration(),
    };
    store::outbox::insert(
        tx,
        &store::outbox::OutboxMessage {
            id,
            kind: way.kind(),
            payload_sealed: payload,
            reference,
            due_at: now,
            attempts: 0,
            claimed_until: None,
            created_at: now,
            give_up_at: now.plus(patience),
            finished_at: None,
            outcome: None,
            last_error: None,
        },
    )
    .await?;
    Ok(id)
}

/// Opens a row's payload.
pub fn open(services: &Services, id: OutboxId, payload: &[u8]) -> Outcome<Posting> {
    let plain = services.sealer.open(PURPOSE, id.0.as_bytes(), payload).map_err(Fault::internal)?;
    Ok(serde_json::from_slice(&plain)?)
}
