//! What can go wrong at the store.

use sqlx::error::ErrorKind;
use std::fmt;

/// A failure of the store. Neither `Display` nor `Debug` shows stored values.
#[derive(thiserror::Error)]
pub enum Error {
    /// What the driver or the engine said.
    #[error("database: {0}")]
    Sqlx(sqlx::Error),
    /// A statement whose placeholders and bound values do not agree; SQLite would read a missing one as NULL.
    #[error("the statement names {placeholders} placeholders, {bound} values were bound")]
    Binds {
        /// The highest `$n` of the statement.
        placeholders: usize,
        /// How many values were bound.
        bound: usize,
    },
    /// `one`, `scalar` or a `get` found no row.
    #[error("no such row")]
    NotFound,
    /// An earlier statement of this transaction failed: nothing of it is kept.
    #[error("the transaction had failed before")]
    Broken,
    /// The engine could not confirm the commit: the outcome is unknown.
    #[error("commit not confirmed: {0}")]
    Commit(String),
    /// The address of the store is of no known form.
    #[error(
        "not an address of a store: expected sqlite://PATH, sqlite::memory: or postgres://USER@HOST/NAME \
         (the address itself is not shown, it may hold a password)"
    )]
    Address,
    /// A migration failed.
    #[error("migration: {0}")]
    Migrate(String),
    /// Something around the database file failed.
    #[error("database file: {0}")]
    File(#[from] std::io::Error),
}

impl fmt::Debug for Error {
    // The derived form would print the server's detail line, which repeats key values.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::RowNotFound => Self::NotFound,
            other => Self::Sqlx(other),
        }
    }
}

impl Error {
    /// Whether a unique index or primary key refused the row.
    pub fn is_unique_violation(&self) -> bool {
        self.kind() == Some(ErrorKind::UniqueViolation)
    }

    /// Whether the row referred to does not exist.
    pub fn is_foreign_key_violation(&self) -> bool {
        self.kind() == Some(ErrorKind::ForeignKeyViolation)
    }

    /// Whether the store is out of reach, overloaded, full or unsure: the caller answers 503 and never a yes or a no.
    pub fn is_unavailable(&self) -> bool {
        match self {
            Self::Commit(_) | Self::File(_) => true,
            Self::Sqlx(sqlx::Error::Database(error)) => error.code().is_some_and(|code| unavailable_code(&code)),
            Self::Sqlx(
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed,
            ) => true,
            _ => false,
        }
    }

    /// Whether the same transaction may succeed when run again from its beginning: deadlock or serialization failure
    /// on PostgreSQL.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Sqlx(sqlx::Error::Database(error)) => {
                matches!(error.code().as_deref(), Some("40001" | "40P01"))
            }
            _ => false,
        }
    }

    fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Sqlx(sqlx::Error::Database(error)) => Some(error.kind()),
            _ => None,
        }
    }
}

/// PostgreSQL: five-character SQLSTATE. SQLite: the decimal extended result code.
fn unavailable_code(code: &str) -> bool {
    const SQLITE: [u32; 11] = [5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 26];
    if code.len() == 5 && !code.starts_with('0') || code.starts_with("08") {
        let class = code.get(..2).unwrap_or_default();
        return matches!(class, "08" | "53" | "57" | "58" | "25")
            || matches!(code, "55P03" | "40001" | "40P01" | "XX000");
    }
    code.parse::<u32>().is_ok_and(|number| SQLITE.contains(&(number & 0xff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i9_an_engine_out_of_reach_full_or_locked_is_unavailable() {
        for code in ["08006", "53300", "57P01", "57014", "55P03", "58030", "5", "13", "10", "778", "261"] {
            assert!(unavailable_code(code), "{code}");
        }
        for code in ["23505", "42P01", "22003", "1", "19", "2067", "1555"] {
            assert!(!unavailable_code(code), "{code}");
        }
    }

    #[test]
    fn i17_an_error_does_not_repeat_the_address() {
        assert!(!format!("{:?} {}", Error::Address, Error::Address).contains("@h"));
    }
}
