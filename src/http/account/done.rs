//! What the last page did, told on the next one: a word from a closed list in the address.

use crate::view::Notice;

/// The notice of a word.
pub fn notice(word: &str) -> Option<Notice> {
    Some(match word {
        "passkey-added" => Notice::PasskeyAdded,
        "passkey-renamed" => Notice::PasskeyRenamed,
        "passkey-removed" => Notice::PasskeyRemoved,
        "password-changed" => Notice::PasswordChanged,
        "codes-renewed" => Notice::RecoveryCodesRenewed,
        "session-ended" => Notice::SessionEnded,
        "totp-added" => Notice::TotpAdded,
        "totp-removed" => Notice::TotpRemoved,
        "email-changed" => Notice::EmailChanged,
        "email-removed" => Notice::EmailRemoved,
        "phone-changed" => Notice::PhoneChanged,
        "phone-waits" => Notice::PhoneChangeWaits,
        "phone-cancelled" => Notice::PhoneChangeCancelled,
        "sharing-stopped" => Notice::SharingStopped,
        "settings-saved" => Notice::SettingsSaved,
        "request-allowed" => Notice::RequestAllowed,
        "request-denied" => Notice::RequestDenied,
        "request-over" => Notice::RequestOver,
        "account-opened" => Notice::AccountOpened,
        "organization-opened" => Notice::OrganizationOpened,
        "organization-waits" => Notice::OrganizationWaits,
        "organization-register-down" => Notice::OrganizationRegisterDown,
        "organization-closed" => Notice::OrganizationClosed,
        "organization-refused" => Notice::OrganizationRefused,
        other => Notice::OtherSessionsEnded { count: other.strip_prefix("others-")?.parse().ok()? },
    })
}
