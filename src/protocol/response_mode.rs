//! How an authorization answer travels (OAuth 2.0 Multiple Response Types 2.1, Form Post Response Mode, JARM 2.3).

use serde::{Deserialize, Serialize};

/// A response mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseMode {
    /// In the query of the return address.
    #[default]
    Query,
    /// In its fragment.
    Fragment,
    /// As a form that posts itself.
    FormPost,
    /// One signed `response` in the query (JARM 2.3.1).
    QueryJwt,
    /// One signed `response` in the fragment (JARM 2.3.2).
    FragmentJwt,
    /// One signed `response` in a form that posts itself (JARM 2.3.3).
    FormPostJwt,
}

/// Where in the redirect an answer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// The query.
    Query,
    /// The fragment.
    Fragment,
    /// A form.
    FormPost,
}

impl ResponseMode {
    /// Every mode, but for the short name `jwt`.
    pub const ALL: [Self; 6] =
        [Self::Query, Self::Fragment, Self::FormPost, Self::QueryJwt, Self::FragmentJwt, Self::FormPostJwt];

    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Fragment => "fragment",
            Self::FormPost => "form_post",
            Self::QueryJwt => "query.jwt",
            Self::FragmentJwt => "fragment.jwt",
            Self::FormPostJwt => "form_post.jwt",
        }
    }

    /// From its name. `jwt` is the default mode of the response type, signed: for `code`, the only one here, the query
    /// (JARM 2.3.4).
    pub fn parse(name: &str) -> Option<Self> {
        if name == "jwt" {
            return Some(Self::QueryJwt);
        }
        Self::ALL.into_iter().find(|mode| mode.as_str() == name)
    }

    /// Where the answer stands.
    pub const fn carrier(self) -> Carrier {
        match self {
            Self::Query | Self::QueryJwt => Carrier::Query,
            Self::Fragment | Self::FragmentJwt => Carrier::Fragment,
            Self::FormPost | Self::FormPostJwt => Carrier::FormPost,
        }
    }

    /// Whether the answer must be signed before it leaves.
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::QueryJwt | Self::FragmentJwt | Self::FormPostJwt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a10_jarm_2_3_names_are_read_letter_for_letter() {
        for mode in ResponseMode::ALL {
            assert_eq!(ResponseMode::parse(mode.as_str()), Some(mode));
            assert_eq!(mode.is_signed(), mode.as_str().ends_with(".jwt"));
        }
        assert_eq!(ResponseMode::parse("jwt"), Some(ResponseMode::QueryJwt));
        for name in ["", "JWT", "web_message", "query.JWT", "form_post.jwt ", "none"] {
            assert_eq!(ResponseMode::parse(name), None, "{name}");
        }
    }
}
