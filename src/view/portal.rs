//! F4: the pages of the sample portals, relying parties on their own ports with a colour of their own.

use super::{DecodedToken, Locale, assets, demo_samples as samples};
use crate::base::Timestamp;
use askama::Template;

/// The look of a portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortalBrand {
    /// Green.
    Green,
    /// Violet.
    Violet,
}

/// What every portal page shares. A portal serves the provider's assets under its own `/assets/`.
#[derive(Clone, Debug)]
pub struct PortalFrame {
    /// The page's language.
    pub locale: Locale,
    /// The portal's name in the page's language.
    pub name: String,
    /// Its colour.
    pub brand: PortalBrand,
    /// Path of this page for GET, for the language link.
    pub path: String,
    /// Token of the portal's own forms.
    pub csrf: String,
    /// The other sample portal: name, address.
    pub neighbour: Option<(String, String)>,
    /// The provider's start page.
    pub provider: String,
}

impl PortalFrame {
    fn t(&self, key: impl AsRef<str>) -> String {
        self.locale.t(key.as_ref())
    }
    fn t1(&self, key: &str, name: &'static str, value: impl Into<super::Arg>) -> String {
        self.locale.t1(key, name, value)
    }
    fn asset(&self, name: &str) -> String {
        assets::url(name)
    }
    fn brand_class(&self) -> &'static str {
        match self.brand {
            PortalBrand::Green => "portal portal-green",
            PortalBrand::Violet => "portal portal-violet",
        }
    }
    fn moment(&self, at: &Timestamp) -> String {
        self.locale.moment(*at)
    }
}

/// What the portal may ask for. Each is a link to `/login?want={value}` at the portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Authentication level 1.
    Level1,
    /// Authentication level 2, essential.
    Level2,
    /// Authentication level 3, essential: cannot be met yet.
    Level3,
    /// A level 2 account, essential.
    Account2,
    /// For an organization, if the person may act for one.
    Organization,
    /// A fresh sign-in (`prompt=login`).
    Fresh,
    /// Without showing a page (`prompt=none`).
    Silent,
}

impl Want {
    /// Every wish.
    pub const ALL: [Self; 7] =
        [Self::Level1, Self::Level2, Self::Level3, Self::Account2, Self::Organization, Self::Fresh, Self::Silent];

    /// The value in `?want=`.
    pub const fn value(self) -> &'static str {
        match self {
            Self::Level1 => "level1",
            Self::Level2 => "level2",
            Self::Level3 => "level3",
            Self::Account2 => "account2",
            Self::Organization => "organization",
            Self::Fresh => "fresh",
            Self::Silent => "silent",
        }
    }

    /// From `?want=`.
    pub fn from_value(value: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|want| want.value() == value)
    }

    fn label(&self) -> String {
        format!("want-{}", self.value())
    }

    fn hint(&self) -> String {
        format!("want-{}-hint", self.value())
    }
}

macro_rules! portal_page {
    ($page:ty, $name:literal, $samples:path) => {
        impl super::Page for $page {
            const NAME: &'static str = $name;
            fn samples() -> Vec<(&'static str, Self)> {
                $samples()
            }
            fn set_locale(&mut self, locale: Locale) {
                self.frame.locale = locale;
            }
            fn frame(&self) -> Option<&super::Frame> {
                None
            }
        }
    };
}

/// `/` of a portal, signed out.
#[derive(Template)]
#[template(path = "portal/home.html")]
pub struct PortalHome {
    /// Shared part.
    pub frame: PortalFrame,
    /// The provider's host, named before the person leaves.
    pub provider_host: String,
}
portal_page!(PortalHome, "portal-home", samples::portal_home);

impl PortalHome {
    fn wants(&self) -> [Want; 7] {
        Want::ALL
    }
}

/// `/` of a portal, signed in. Signing out: POST `/logout`.
#[derive(Template)]
#[template(path = "portal/signed_in.html")]
pub struct PortalSignedIn {
    /// Shared part.
    pub frame: PortalFrame,
    /// The person's name, or the subject when no name was released.
    pub person: String,
    /// For whom the person acts: themself, until acting for others exists.
    pub acting_for: Option<String>,
    /// `acr` as received.
    pub acr: String,
    /// Account level.
    pub identity_level: u8,
    /// Authentication level.
    pub authentication_level: u8,
    /// `amr` joined by commas.
    pub methods: String,
    /// `auth_time`.
    pub authenticated_at: Option<Timestamp>,
    /// Tokens and userinfo, taken apart.
    pub tokens: Vec<DecodedToken>,
    /// The provider's "what just happened" page.
    pub what_happened: Option<String>,
}
portal_page!(PortalSignedIn, "portal-signed-in", samples::portal_signed_in);

impl PortalSignedIn {
    fn wants(&self) -> [Want; 7] {
        Want::ALL
    }
}

/// The answer was an error, or the portal refused it.
#[derive(Template)]
#[template(path = "portal/error.html")]
pub struct PortalError {
    /// Shared part.
    pub frame: PortalFrame,
    /// The OAuth error code, such as `access_denied`.
    pub code: String,
    /// `error_description` as received: shown as text, never trusted.
    pub description: Option<String>,
}
portal_page!(PortalError, "portal-error", samples::portal_error);

/// After signing out.
#[derive(Template)]
#[template(path = "portal/signed_out.html")]
pub struct PortalSignedOut {
    /// Shared part.
    pub frame: PortalFrame,
}
portal_page!(PortalSignedOut, "portal-signed-out", samples::portal_signed_out);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_back() {
        for want in Want::ALL {
            assert_eq!(Want::from_value(want.value()), Some(want));
        }
        assert_eq!(Want::from_value("level4"), None);
    }
}
