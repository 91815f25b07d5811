//! The passkey forms that `passkey.js` fills: where it asks for options and where the result goes.

/// A form that signs in with a passkey.
#[derive(Clone, Debug)]
pub struct SignInPasskeyForm {
    /// Where the result is posted, such as `/signin/{f}/passkey`.
    pub action: String,
    /// Where the script asks for options: `POST`, answers `{"publicKey": {…}}`.
    pub options: String,
    /// Whether passkeys are also suggested in the identifier field (`mediation: 'conditional'`).
    pub conditional: bool,
}

impl SignInPasskeyForm {
    /// The sign-in form of flow `flow`.
    pub fn of_flow(flow: &str, conditional: bool) -> Self {
        Self {
            action: format!("/signin/{flow}/passkey"),
            options: format!("/signin/{flow}/passkey/options"),
            conditional,
        }
    }
}

/// A form that makes a passkey.
#[derive(Clone, Debug)]
pub struct CreatePasskeyForm {
    /// Where the result is posted.
    pub action: String,
    /// Where the script asks for options: `POST`, answers `{"publicKey": {…}}`.
    pub options: String,
}

impl CreatePasskeyForm {
    /// A form whose options live below its action.
    pub fn at(action: impl Into<String>) -> Self {
        let action = action.into();
        Self { options: format!("{action}/options"), action }
    }
}
