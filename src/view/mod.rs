//! Typed page contexts and translations. A handler fills a context with plain values and calls
//! [`Page::render_page`]; nothing here reads a request, a clock or a store.

mod account;
mod account_events;
mod account_samples;
mod account_ways;
pub mod assets;
mod consent;
mod create;
mod create_samples;
mod decoupled;
mod demo;
mod demo_samples;
mod frame;
mod help;
mod locale;
pub mod messages;
mod moment;
mod organization_samples;
mod organizations;
mod own_samples;
mod passkey;
mod portal;
mod problem;
mod qr;
mod samples;
mod signin;
mod signin_samples;
mod signout;
#[cfg(test)]
mod tests;
mod texts;

pub use account::*;
pub use account_events::*;
pub use account_ways::*;
pub use consent::*;
pub use create::*;
pub use decoupled::*;
pub use demo::*;
pub use frame::{ActingBar, ErrorText, FieldError, Frame, Notice, PortalBox};
pub use help::*;
pub use locale::Locale;
pub use organizations::*;
pub use passkey::{CreatePasskeyForm, SignInPasskeyForm};
pub use portal::*;
pub use problem::*;
pub use qr::QrPicture;
pub use signin::*;
pub use signout::*;
pub use texts::{Arg, Markup};

use askama::Template;

/// A page could not be rendered: a fault of the template, never of the person's input.
#[derive(Debug, thiserror::Error)]
#[error("page {page} could not be rendered")]
pub struct RenderError {
    /// The page's name.
    pub page: &'static str,
    /// What the template engine said.
    #[source]
    pub source: askama::Error,
}

/// A page with a name, a frame and one sample for each of its states.
pub trait Page: Template + Sized {
    /// The page's name in tests, the gallery and metrics, such as `sign-in`.
    const NAME: &'static str;

    /// One example for each state the page can be in, the state's name beside it. Synthetic data only.
    fn samples() -> Vec<(&'static str, Self)>;

    /// Puts the example into a language.
    fn set_locale(&mut self, locale: Locale);

    /// What it shares with the provider's other pages; a sample portal's page has a frame of its own.
    fn frame(&self) -> Option<&Frame>;

    /// The whole document.
    ///
    /// # Errors
    /// [`RenderError`] when the template fails; no input of a person can cause it.
    fn render_page(&self) -> Result<String, RenderError> {
        self.render().map_err(|source| RenderError { page: Self::NAME, source })
    }
}

/// A rendered sample.
pub struct Sample {
    /// Page name, such as `sign-in`.
    pub page: &'static str,
    /// State name, such as `wrong-code`.
    pub state: &'static str,
    /// The language it is in.
    pub locale: Locale,
    /// The document.
    pub html: String,
}

macro_rules! pages {
    ($($page:ty),* $(,)?) => {
        /// Every page in every state and language: what the tests judge and the demo's gallery shows.
        ///
        /// # Errors
        /// [`RenderError`] of the first page whose template fails.
        pub fn gallery() -> Result<Vec<Sample>, RenderError> {
            let mut all = Vec::new();
            for locale in Locale::ALL {
                $(
                    for (state, mut page) in <$page as Page>::samples() {
                        page.set_locale(locale);
                        all.push(Sample { page: <$page as Page>::NAME, state, locale, html: page.render_page()? });
                    }
                )*
            }
            Ok(all)
        }

        /// The names of all pages, each with the names of its states.
        pub fn page_states() -> Vec<(&'static str, Vec<&'static str>)> {
            vec![$((<$page as Page>::NAME, <$page as Page>::samples().into_iter().map(|(state, _)| state).collect())),*]
        }

        /// One example of a page; `None` when there is no such page or state.
        ///
        /// # Errors
        /// [`RenderError`] when its template fails.
        pub fn sample(page: &str, state: &str, locale: Locale) -> Result<Option<Sample>, RenderError> {
            match page {
                $(<$page as Page>::NAME => {
                    let found = <$page as Page>::samples().into_iter().find(|(name, _)| *name == state);
                    let Some((state, mut page)) = found else {
                        return Ok(None);
                    };
                    page.set_locale(locale);
                    Ok(Some(Sample { page: <$page as Page>::NAME, state, locale, html: page.render_page()? }))
                })*
                _ => Ok(None),
            }
        }
    };
}
pages![
    SignIn,
    ChooseMethod,
    EnterCode,
    EnterTotp,
    EnterRecoveryCode,
    EnterPassword,
    Paused,
    PasskeyFailed,
    ContinueSession,
    Consent,
    StrongerSignIn,
    ProveIdentity,
    CannotMeet,
    OfferPasskey,
    ReturnToPortal,
    SignedOut,
    ConfirmLogout,
    Problem,
    CreateStart,
    CreateNumber,
    CreateName,
    CreatePhone,
    CreateCheck,
    CreateWaiting,
    CreateNoMatch,
    CreateUnderAge,
    CreateCode,
    CreatePasskey,
    CreatePassword,
    CreateRecoveryCodes,
    CreateDone,
    AccountHome,
    Details,
    Ways,
    StopPage,
    ScamStop,
    SetUpApp,
    AuthenticatorApp,
    RemoveApp,
    ChangeEmail,
    ConfirmEmail,
    ChangePhone,
    ConfirmPhone,
    Activity,
    NotMe,
    NotMeSignedOut,
    Reported,
    Sharing,
    StopSharing,
    Releases,
    FreezePage,
    FrozenNow,
    Frozen,
    CloseAccount,
    AccountClosed,
    Settings,
    Passkeys,
    RenamePasskey,
    RemovePasskey,
    ChangePassword,
    RenewRecoveryCodes,
    NewRecoveryCodes,
    Sessions,
    EnterUserCode,
    Asked,
    Decide,
    DeviceDone,
    Requests,
    ForWhom,
    Organizations,
    AddOrganization,
    OrganizationPage,
    CloseOrganization,
    OrganizationWaiting,
    StartPage,
    TestInbox,
    WhatHappened,
    Components,
    Help,
    LostAccess,
    Privacy,
    Accessibility,
    PortalHome,
    PortalSignedIn,
    PortalError,
    PortalSignedOut,
];

/// Implements [`Page`] for a context with a `frame` field; its samples live in `samples.rs`.
macro_rules! page {
    ($page:ty, $name:literal, $samples:path) => {
        impl $crate::view::Page for $page {
            const NAME: &'static str = $name;
            fn samples() -> Vec<(&'static str, Self)> {
                $samples()
            }
            fn set_locale(&mut self, locale: $crate::view::Locale) {
                self.frame.locale = locale;
                self.frame.service_name = locale.t("service-name");
            }
            fn frame(&self) -> Option<&$crate::view::Frame> {
                Some(&self.frame)
            }
        }
    };
}
use page;
