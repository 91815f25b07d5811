//! One codec a type, for both engines.

use crate::base::{
    AgreementId, AuditId, CodeId, ContactId, CredentialId, DecoupledId, Digest, DisclosureId, GrantId, KeyId,
    OrganizationId, OutboxId, PersonId, RowId, SessionId, Timestamp,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueFormat, PgValueRef, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Type};
use time::OffsetDateTime;
use uuid::Uuid;

/// Makes a type storable as another one: `$to` gives the stored value, `$from` reads it back or fails.
macro_rules! codec_by {
    ($type:ty, $stored:ty, $to:expr, $from:expr) => {
        impl sqlx::Type<sqlx::Sqlite> for $type {
            fn type_info() -> sqlx::sqlite::SqliteTypeInfo {
                <$stored as sqlx::Type<sqlx::Sqlite>>::type_info()
            }
            fn compatible(info: &sqlx::sqlite::SqliteTypeInfo) -> bool {
                <$stored as sqlx::Type<sqlx::Sqlite>>::compatible(info)
            }
        }
        impl sqlx::Type<sqlx::Postgres> for $type {
            fn type_info() -> sqlx::postgres::PgTypeInfo {
                <$stored as sqlx::Type<sqlx::Postgres>>::type_info()
            }
            fn compatible(info: &sqlx::postgres::PgTypeInfo) -> bool {
                <$stored as sqlx::Type<sqlx::Postgres>>::compatible(info)
            }
        }
        impl<'q> sqlx::Encode<'q, sqlx::Sqlite> for $type {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::sqlite::SqliteArgumentsBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                let to: fn(&$type) -> Result<$stored, sqlx::error::BoxDynError> = $to;
                <$stored as sqlx::Encode<'_, sqlx::Sqlite>>::encode(to(self)?, buffer)
            }
        }
        impl<'q> sqlx::Encode<'q, sqlx::Postgres> for $type {
            fn encode_by_ref(
                &self,
                buffer: &mut sqlx::postgres::PgArgumentBuffer,
            ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
                let to: fn(&$type) -> Result<$stored, sqlx::error::BoxDynError> = $to;
                <$stored as sqlx::Encode<'_, sqlx::Postgres>>::encode(to(self)?, buffer)
            }
        }
        impl<'r> sqlx::Decode<'r, sqlx::Sqlite> for $type {
            fn decode(value: sqlx::sqlite::SqliteValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                let from: fn($stored) -> Result<$type, sqlx::error::BoxDynError> = $from;
                from(<$stored as sqlx::Decode<'r, sqlx::Sqlite>>::decode(value)?)
            }
        }
        impl<'r> sqlx::Decode<'r, sqlx::Postgres> for $type {
            fn decode(value: sqlx::postgres::PgValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
                let from: fn($stored) -> Result<$type, sqlx::error::BoxDynError> = $from;
                from(<$stored as sqlx::Decode<'r, sqlx::Postgres>>::decode(value)?)
            }
        }
    };
}
pub(crate) use codec_by;

/// A text enum: `text_codec!(Type, Type::as_str, Type::parse)`, where the reader answers an `Option`. An unknown word
/// is a decoding error that does not repeat it.
macro_rules! text_codec {
    ($type:ty, $to:expr, $from:expr) => {
        $crate::db::codec_by!($type, String, |value| Ok(String::from(($to)(value))), |text| ($from)(text.as_str())
            .ok_or_else(|| concat!("unknown word for ", stringify!($type)).into()));
    };
}
pub(crate) use text_codec;

/// A small number such as a level: SMALLINT. `$to` gives an `i16`, `$from` answers an `Option`.
macro_rules! small_int_codec {
    ($type:ty, $to:expr, $from:expr) => {
        $crate::db::codec_by!($type, i16, |value| Ok(($to)(value)), |number| ($from)(number).ok_or_else(|| concat!(
            "number out of range for ",
            stringify!($type)
        )
        .into()));
    };
}
pub(crate) use small_int_codec;

macro_rules! id_codecs {
    ($($id:ident),*) => {$( codec_by!($id, Uuid, |id| Ok(id.0), |uuid| Ok($id(uuid))); )*};
}

id_codecs!(
    PersonId,
    CredentialId,
    ContactId,
    SessionId,
    GrantId,
    OutboxId,
    CodeId,
    AuditId,
    DisclosureId,
    KeyId,
    AgreementId,
    OrganizationId,
    DecoupledId,
    RowId
);

codec_by!(Digest, Vec<u8>, |digest| Ok(digest.as_bytes().to_vec()), |bytes| Digest::from_slice(&bytes)
    .ok_or_else(|| "a digest of another length".into()));

/// 2000-01-01T00:00:00Z, where PostgreSQL begins to count, in microseconds since 1970.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

impl Type<Sqlite> for Timestamp {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
    fn compatible(info: &SqliteTypeInfo) -> bool {
        <i64 as Type<Sqlite>>::compatible(info)
    }
}

impl<'q> Encode<'q, Sqlite> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<'_, Sqlite>>::encode(self.micros(), buffer)
    }
}

impl<'r> Decode<'r, Sqlite> for Timestamp {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        <i64 as Decode<'r, Sqlite>>::decode(value).map(Self::from_micros)
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl<'q> Encode<'q, Postgres> for Timestamp {
    // Written as the wire form itself (microseconds since 2000), which keeps every time PostgreSQL can hold.
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = self.micros().checked_sub(POSTGRES_EPOCH).ok_or("a time before the store's first")?;
        <i64 as Encode<'_, Postgres>>::encode(micros, buffer)
    }
}

impl<'r> Decode<'r, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        if value.format() != PgValueFormat::Binary {
            return <OffsetDateTime as Decode<'r, Postgres>>::decode(value).map(Self::from);
        }
        let micros = <i64 as Decode<'r, Postgres>>::decode(value)?;
        micros.checked_add(POSTGRES_EPOCH).map(Self::from_micros).ok_or_else(|| "a time after the last".into())
    }
}

/// A value kept as JSON text on both engines. Never compared, cast or signed inside SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Type<Sqlite> for Json<T> {
    fn type_info() -> SqliteTypeInfo {
        <String as Type<Sqlite>>::type_info()
    }
    fn compatible(info: &SqliteTypeInfo) -> bool {
        <String as Type<Sqlite>>::compatible(info)
    }
}

impl<T> Type<Postgres> for Json<T> {
    fn type_info() -> PgTypeInfo {
        <String as Type<Postgres>>::type_info()
    }
    fn compatible(info: &PgTypeInfo) -> bool {
        <String as Type<Postgres>>::compatible(info)
    }
}

impl<'q, T: Serialize> Encode<'q, Sqlite> for Json<T> {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<'_, Sqlite>>::encode(serde_json::to_string(&self.0)?, buffer)
    }
}

impl<'q, T: Serialize> Encode<'q, Postgres> for Json<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <String as Encode<'_, Postgres>>::encode(serde_json::to_string(&self.0)?, buffer)
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Sqlite> for Json<T> {
    fn decode(value: SqliteValueRef<'r>) -> Result<Self, BoxDynError> {
        read_json(<&str as Decode<'r, Sqlite>>::decode(value)?)
    }
}

impl<'r, T: DeserializeOwned> Decode<'r, Postgres> for Json<T> {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        read_json(<&str as Decode<'r, Postgres>>::decode(value)?)
    }
}

fn read_json<T: DeserializeOwned>(text: &str) -> Result<Json<T>, BoxDynError> {
    // The parser's own words may repeat what was stored: only the place is told.
    serde_json::from_str(text)
        .map(Json)
        .map_err(|error| format!("stored JSON does not fit at line {} column {}", error.line(), error.column()).into())
}
