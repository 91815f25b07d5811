//! How values of `identity` and `audit` lie in their columns.

use crate::audit::Event;
use crate::db::{Json, codec_by, small_int_codec, text_codec};
use crate::identity::{
    AuthenticationLevel, ExchangeEvidence, Gender, IdentityLevel, OrganizationAccount, OrganizationCode,
    OrganizationKind, OrganizationStatus, PersonStatus, RegisterState, RepresentationRole,
};
use crate::protocol::{Confirmation, GrantTerms};

text_codec!(PersonStatus, |value: &PersonStatus| value.as_str(), |word: &str| word.parse().ok());
text_codec!(RegisterState, |value: &RegisterState| value.as_str(), |word: &str| word.parse().ok());
text_codec!(Gender, |value: &Gender| value.as_str(), |word: &str| word.parse().ok());
text_codec!(OrganizationKind, |value: &OrganizationKind| value.as_str(), |word: &str| word.parse().ok());
text_codec!(OrganizationStatus, |value: &OrganizationStatus| value.as_str(), |word: &str| word.parse().ok());
text_codec!(OrganizationAccount, |value: &OrganizationAccount| value.as_str(), |word: &str| word.parse().ok());
text_codec!(RepresentationRole, |value: &RepresentationRole| value.as_str(), |word: &str| word.parse().ok());
codec_by!(OrganizationCode, String, |code| Ok(code.to_string()), |text| OrganizationCode::parse(&text)
    .map_err(|_| "stored code is no code of an organization".into()));
small_int_codec!(IdentityLevel, |level: &IdentityLevel| i16::from(level.as_u8()), |number: i16| {
    u8::try_from(number).ok()?.try_into().ok()
});
small_int_codec!(AuthenticationLevel, |level: &AuthenticationLevel| i16::from(level.as_u8()), |number: i16| {
    u8::try_from(number).ok()?.try_into().ok()
});

/// JSON text. The reader's own words are not handed on: they may repeat what is stored.
macro_rules! json_codec {
    ($($type:ty),*) => {$(
        codec_by!(
            $type,
            String,
            |value| Ok(serde_json::to_string(value)?),
            |text| serde_json::from_str(&text).map_err(|_| concat!("stored JSON is no ", stringify!($type)).into())
        );
    )*};
}
json_codec!(ExchangeEvidence, Event, GrantTerms, Confirmation);

/// Lists read with `#[sqlx(try_from = "Json<Vec<…>>")]`.
impl<T> From<Json<Vec<T>>> for Vec<T> {
    fn from(json: Json<Self>) -> Self {
        json.0
    }
}
