//! The engine seam: SQLite and PostgreSQL behind one set of calls.
//!
//! Every SQL text is written once, with `$1 …` placeholders, and runs on both engines. Times, ids, digests, JSON and
//! text enums have one codec each. SQL never asks the database for the time.

mod codec;
mod error;
mod migrate;
pub mod partition;
mod query;
mod readers;
mod sqlite;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Encode, FromRow, Type};
use std::str::FromStr;
use std::time::Duration;

pub use codec::Json;
pub(crate) use codec::{codec_by, small_int_codec, text_codec};
pub use error::Error;
pub use query::{Alone, Query, Sink, Source};
pub use sqlite::SqliteDb;

/// A value that can be bound on both engines.
pub trait Bind<'q>: Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres> {}
impl<'q, T> Bind<'q> for T where T: Encode<'q, Sqlite> + Type<Sqlite> + Encode<'q, Postgres> + Type<Postgres> {}

/// A row that can be read from both engines.
pub trait Record: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}
impl<T> Record for T where T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin {}

/// A single column that can be read from both engines.
pub trait Scalar:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin
{
}
impl<T> Scalar for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres> + Send + Unpin
{
}

/// How many connections are kept, and how long one waits for them.
#[derive(Debug, Clone, Copy)]
pub struct Pools {
    /// Connections to PostgreSQL, at most.
    pub postgres: u32,
    /// Read-only connections to the SQLite file, at most; there is always exactly one writer.
    pub sqlite_readers: u32,
    /// How long a request waits for a connection, for its turn to write, or for another process's write lock.
    pub wait: Duration,
}

impl Default for Pools {
    fn default() -> Self {
        Self { postgres: 16, sqlite_readers: 6, wait: Duration::from_secs(5) }
    }
}

/// The durable store. A handle: clones share the same connections.
#[derive(Clone, Debug)]
pub enum Db {
    /// One file, one process (others may read and, in turn, write).
    Sqlite(SqliteDb),
    /// A server shared by every node.
    Postgres(PgPool),
}

impl Db {
    /// Opens the store: `sqlite://data/dinhdanh.db`, `sqlite::memory:` (a private temporary file, gone with the last
    /// handle) or `postgres://user@host/name`. Does not create tables: see [`Db::migrate`].
    ///
    /// # Errors
    /// [`Error::Address`] for another form, otherwise what the engine said.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::connect_with(url, Pools::default()).await
    }

    /// As [`Db::connect`], with the number of connections given.
    ///
    /// # Errors
    /// As [`Db::connect`].
    pub async fn connect_with(url: &str, pools: Pools) -> Result<Self, Error> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return Ok(Self::Sqlite(SqliteDb::open(path, pools).await?));
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(Error::Address);
        }
        // The parser's own error may repeat the password of the address: it is not handed on.
        let options =
            PgConnectOptions::from_str(url).map_err(|_| Error::Address)?.application_name("dinhdanh").options([
                ("statement_timeout", "10s"),
                ("lock_timeout", "5s"),
                ("idle_in_transaction_session_timeout", "30s"),
                // Every statement finds its rows by index whatever the values are (store::tests::plans), so it is planned
                // once. Left to itself, PostgreSQL plans those on divided tables anew each time.
                ("plan_cache_mode", "force_generic_plan"),
            ]);
        let pool = PgPoolOptions::new()
            .max_connections(pools.postgres)
            .acquire_timeout(pools.wait)
            .connect_with(options)
            .await?;
        Ok(Self::Postgres(pool))
    }

    /// A single read, on a read-only connection (SQLite) or any connection (PostgreSQL). Writes need a [`Tx`].
    pub fn query(&self, sql: &'static str) -> Query<'_> {
        Source::query(self, sql)
    }

    /// Begins a transaction that may write. SQLite has one at a time, so what is read stays true until commit;
    /// PostgreSQL runs READ COMMITTED, so every rule that must hold under a race is one conditional statement.
    ///
    /// Hold it briefly, and never across a call to another system: on SQLite all other writers wait. Beginning a second
    /// one while holding the first fails there after [`Pools::wait`].
    ///
    /// # Errors
    /// When the store cannot be reached or stays locked.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let engine = match self {
            Self::Sqlite(db) => Engine::Sqlite(db.begin().await?),
            Self::Postgres(pool) => Engine::Postgres(pool.begin().await?),
        };
        Ok(Tx { engine, broken: false })
    }

    /// Where one statement that writes is a transaction of its own, durable when it answers: a third of the round trips
    /// of a transaction with one statement. Dropped before its answer, or answered by an error, it may have been kept.
    pub const fn alone(&self) -> Alone<'_> {
        Alone(self)
    }

    /// Asks the store for one constant: readiness.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ping(&self) -> Result<(), Error> {
        self.query("SELECT 1").execute().await.map(|_| ())
    }

    /// Closes the connections; later calls fail.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(db) => db.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }

    /// The engine's name, for logs and pages.
    pub const fn engine(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgresql",
        }
    }
}

/// A transaction. Dropped without [`Tx::commit`] it is rolled back, also when the future that holds it is dropped.
/// After any failed statement it only refuses: both engines then behave alike.
#[derive(Debug)]
pub struct Tx {
    engine: Engine,
    broken: bool,
}

#[derive(Debug)]
enum Engine {
    Sqlite(sqlite::SqliteTx),
    Postgres(sqlx::Transaction<'static, Postgres>),
}

impl Tx {
    /// A statement inside this transaction.
    pub fn query(&mut self, sql: &'static str) -> Query<'_> {
        Source::query(self, sql)
    }

    /// Makes the changes durable, and answers only then.
    ///
    /// # Errors
    /// [`Error::Broken`] when a statement had failed before (nothing is kept); [`Error::Commit`] when the engine could
    /// not say that the changes are durable: the outcome is unknown and must be treated as neither yes nor no.
    pub async fn commit(self) -> Result<(), Error> {
        if self.broken {
            return Err(Error::Broken);
        }
        match self.engine {
            Engine::Sqlite(tx) => tx.commit().await,
            Engine::Postgres(tx) => tx.commit().await.map_err(|error| Error::Commit(error.to_string())),
        }
    }

    /// Undoes everything; the same as dropping it.
    pub fn rollback(self) {
        drop(self);
    }
}
