//! What the forms post. Everything is optional text: an empty or absent field is answered with words at the
//! field, never with a bare 400. No form implements `Debug`: all of them may hold personal data or secrets.

use crate::base::Secret;
use serde::Deserialize;

/// C1 `POST /signin/{f}`.
#[derive(Deserialize)]
pub struct SignInForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// Personal number or phone, as typed. Empty with `recognised`.
    #[serde(default)]
    pub identifier: String,
    /// `1` when the page greeted the person of the recognised browser.
    #[serde(default)]
    pub recognised: String,
}

/// The outcome of a passkey ceremony: `POST …/passkey`, `…/offer-passkey`, `/account/passkeys`.
#[derive(Deserialize)]
pub struct PasskeyForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// The credential as JSON (WebAuthn 3 `toJSON()`), empty on failure.
    #[serde(default)]
    pub credential: String,
    /// Name of the `DOMException`, or `JavaScriptNotEnabled` when the page's script did not run.
    #[serde(default)]
    pub error: String,
    /// C10: `yes` or `no`.
    #[serde(default)]
    pub shared: String,
    /// C10: `skip`, `password`, or empty.
    #[serde(default)]
    pub action: String,
}

/// `POST …/options`, sent by `passkey.js`.
#[derive(Deserialize)]
pub struct PasskeyOptionsForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// `1` when the answer is for the suggestions under the field (`mediation: 'conditional'`).
    #[serde(default)]
    pub conditional: String,
}

/// A page with nothing but a token and, sometimes, one of several buttons: C4, C6, C9, C15, C16, C20.
#[derive(Deserialize)]
pub struct ActionForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// The button's value, such as `continue`, `switch`, `cancel`, `send`, `stored`, `all`, `stay`.
    #[serde(default)]
    pub action: String,
    /// `/logout/confirm`: the request it belongs to.
    #[serde(default)]
    pub logout: String,
}

/// C2 `POST /signin/{f}/method`.
#[derive(Deserialize)]
pub struct MethodForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// `sms`, `voice`, `totp`, `recovery` or `password`.
    #[serde(default)]
    pub method: String,
}

/// C3, C20 and TOTP and recovery pages: `POST …/code`, `…/totp`, `…/recovery`.
#[derive(Deserialize)]
pub struct CodeForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// The code as typed.
    #[serde(default)]
    pub code: Secret,
}

/// `POST …/code/resend`.
#[derive(Deserialize)]
pub struct ResendForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// `sms` or `voice`.
    #[serde(default)]
    pub channel: String,
}

/// C3b `POST /signin/{f}/password`.
#[derive(Deserialize)]
pub struct PasswordForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// The password, byte for byte.
    #[serde(default)]
    pub password: Secret,
}

/// `POST /create/{f}/password`, `/account/password`.
#[derive(Deserialize)]
pub struct NewPasswordForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// The password in force (`/account/password` when one is set).
    #[serde(default)]
    pub current_password: Secret,
    /// The new password, byte for byte.
    #[serde(default)]
    pub new_password: Secret,
}

/// C5 `POST /signin/{f}/passkey-failed`.
#[derive(Deserialize)]
pub struct PasskeyFailedForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// `retry` or `other`.
    #[serde(default)]
    pub choice: String,
}

/// C8 `POST /signin/{f}/consent`. `claim` repeats: parse with a form reader that keeps repeated names.
#[derive(Default)]
pub struct ConsentForm {
    /// Form token.
    pub csrf: Secret,
    /// `accept` or `refuse`.
    pub action: String,
    /// The optional claims that were ticked.
    pub claims: Vec<String>,
}

impl ConsentForm {
    /// From the pairs of an `application/x-www-form-urlencoded` body; names it does not know are ignored.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut form = Self::default();
        for (name, value) in pairs {
            match name.as_str() {
                "csrf" => form.csrf = value.into(),
                "action" => form.action = value,
                "claim" => form.claims.push(value),
                _ => {}
            }
        }
        form
    }
}

/// C20 `POST /create/{f}/number`.
#[derive(Deserialize)]
pub struct CreateNumberForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// As typed.
    #[serde(default)]
    pub personal_number: String,
}

/// C20 `POST /create/{f}/name`. Day and month are absent on the variant that asks for the year only.
#[derive(Deserialize)]
pub struct CreateNameForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// As typed.
    #[serde(default)]
    pub full_name: String,
    /// `1` or `01`.
    #[serde(default)]
    pub birth_day: String,
    /// `1` or `01`.
    #[serde(default)]
    pub birth_month: String,
    /// Four digits.
    #[serde(default)]
    pub birth_year: String,
}

/// C20 `POST /create/{f}/phone`.
#[derive(Deserialize)]
pub struct CreatePhoneForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// As typed.
    #[serde(default)]
    pub phone: String,
}

/// `POST /account/passkeys/{id}/rename`.
#[derive(Deserialize)]
pub struct RenameForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// At most 40 characters.
    #[serde(default)]
    pub name: String,
}

/// `POST /account`: `show=number` shows the whole personal number once.
#[derive(Deserialize)]
pub struct ShowForm {
    /// Form token.
    #[serde(default)]
    pub csrf: Secret,
    /// `number`.
    #[serde(default)]
    pub show: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_fields_are_empty_and_values_are_kept_byte_for_byte() {
        let form: CodeForm = serde_json::from_str(r#"{"code":"12 34-56"}"#).unwrap();
        assert_eq!(form.code.expose(), "12 34-56");
        assert!(form.csrf.is_empty());
        let form: NewPasswordForm = serde_json::from_str(r#"{"new_password":" x "}"#).unwrap();
        assert!(form.current_password.is_empty());
        assert_eq!(form.new_password.expose(), " x ");
    }

    #[test]
    fn repeated_claims_are_all_kept() {
        let pairs = [("csrf", "t"), ("claim", "phone_number"), ("x", "y"), ("claim", "address"), ("action", "accept")];
        let form = ConsentForm::from_pairs(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(form.claims, ["phone_number", "address"]);
        assert_eq!(form.action, "accept");
    }
}
