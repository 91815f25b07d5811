//! A statement on its way: text, bound values, and where it runs.

use super::readers::Reader;
use super::sqlite::SqliteTx;
use super::{Bind, Db, Engine, Error, Record, Scalar, SqliteDb, Tx};
use futures_util::TryStreamExt;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, Either, Executor, PgConnection, Row as _, SqlStr};
use std::fmt::Write as _;
use std::ops::Range;

/// Where a statement can run: `&Db` for a single read, `&mut Tx` inside a transaction. Functions that only read take
/// `impl Source<'_>` and so serve both.
pub trait Source<'c>: Send {
    /// Starts a statement. Placeholders are `$1`, `$2` …; the text is the same for both engines.
    fn query(self, sql: &'static str) -> Query<'c>;
}

impl<'c> Source<'c> for &'c Db {
    fn query(self, sql: &'static str) -> Query<'c> {
        match self {
            Db::Sqlite(db) => Query::new(sql, Target::SqliteReader(db), Values::sqlite()),
            Db::Postgres(pool) => Query::new(sql, Target::PostgresPool(pool), Values::postgres()),
        }
    }
}

impl<'c> Source<'c> for &'c mut Tx {
    fn query(self, sql: &'static str) -> Query<'c> {
        let Tx { engine, broken } = self;
        let refused = *broken;
        let mut query = match engine {
            Engine::Sqlite(tx) => {
                let before = tx.values().len();
                Query::new(sql, Target::Sqlite(tx), Values::Behind(before))
            }
            Engine::Postgres(tx) => Query::new(sql, Target::Postgres(tx), Values::postgres()),
        };
        query.broken = Some(broken);
        if refused {
            query.failure = Some(Error::Broken);
        }
        query
    }
}

/// Where a statement that writes can run: `&mut Tx`, or [`Alone`] when it is a transaction by itself.
pub trait Sink<'c>: Source<'c> {}

impl<'c> Sink<'c> for &'c mut Tx {}

/// See [`Db::alone`].
#[derive(Debug, Clone, Copy)]
pub struct Alone<'c>(pub(super) &'c Db);

impl<'c> Source<'c> for Alone<'c> {
    fn query(self, sql: &'static str) -> Query<'c> {
        match self.0 {
            Db::Sqlite(db) => Query::new(sql, Target::SqliteWriter(db), Values::sqlite()),
            Db::Postgres(pool) => Query::new(sql, Target::PostgresPool(pool), Values::postgres()),
        }
    }
}

impl<'c> Sink<'c> for Alone<'c> {}

/// A statement with its values. It has no `Debug`: that would print them.
#[must_use = "a statement does nothing until it is run"]
pub struct Query<'c> {
    sql: &'static str,
    target: Target<'c>,
    values: Values,
    bound: usize,
    /// Set in the transaction when this statement fails.
    broken: Option<&'c mut bool>,
    failure: Option<Error>,
}

enum Target<'c> {
    SqliteReader(&'c SqliteDb),
    Sqlite(&'c mut SqliteTx),
    SqliteWriter(&'c SqliteDb),
    PostgresPool(&'c PgPool),
    Postgres(&'c mut PgConnection),
}

enum Values {
    Sqlite(SqliteArguments),
    /// With the transaction, behind so many others that have still to be sent.
    Behind(usize),
    Postgres(Box<PgArguments>),
}

impl Values {
    fn sqlite() -> Self {
        Self::Sqlite(SqliteArguments::default())
    }

    fn postgres() -> Self {
        Self::Postgres(Box::default())
    }
}

/// What of an answer is wanted.
#[derive(Debug, Clone, Copy)]
enum Wanted {
    FirstRow,
    Rows,
    Count,
}

/// An answer, as far as it was wanted.
struct Told {
    rows: Vec<Row>,
    changed: u64,
}

/// A row of either engine. What is asked of an engine does not depend on what becomes of the row: only reading it does,
/// which keeps the program small.
enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    fn read<T: Record>(&self) -> Result<T, Error> {
        Ok(match self {
            Self::Sqlite(row) => T::from_row(row)?,
            Self::Postgres(row) => T::from_row(row)?,
        })
    }

    fn scalar<T: Scalar>(&self) -> Result<T, Error> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(0)?,
            Self::Postgres(row) => row.try_get(0)?,
        })
    }
}

impl<'c> Query<'c> {
    fn new(sql: &'static str, target: Target<'c>, values: Values) -> Self {
        Self { sql, target, values, bound: 0, broken: None, failure: None }
    }

    /// Binds the value of the next placeholder. A value that cannot be written makes the run fail.
    pub fn bind<'q, T: Bind<'q>>(mut self, value: T) -> Self {
        self.bound += 1;
        let added = match (&mut self.values, &mut self.target) {
            (Values::Sqlite(values), _) => Arguments::add(values, value),
            (Values::Behind(_), Target::Sqlite(tx)) => Arguments::add(tx.values(), value),
            (Values::Postgres(values), _) => Arguments::add(values.as_mut(), value),
            (Values::Behind(_), _) => Err(Error::Broken.into()),
        };
        if let Err(error) = added {
            self.failure.get_or_insert(Error::Sqlx(sqlx::Error::Encode(error)));
        }
        self
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// What the store said.
    pub async fn optional<T: Record>(self) -> Result<Option<T>, Error> {
        let (told, heard) = self.run(Wanted::FirstRow).await;
        heard.judge(told.and_then(|told| told.rows.first().map(Row::read).transpose()))
    }

    /// The row.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; what the store said.
    pub async fn one<T: Record>(self) -> Result<T, Error> {
        self.optional().await?.ok_or(Error::NotFound)
    }

    /// All rows: for lists that are bounded by the statement.
    ///
    /// # Errors
    /// What the store said.
    pub async fn all<T: Record>(self) -> Result<Vec<T>, Error> {
        let (told, heard) = self.run(Wanted::Rows).await;
        heard.judge(told.and_then(|told| told.rows.iter().map(Row::read).collect()))
    }

    /// The first column of the row.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none; what the store said.
    pub async fn scalar<T: Scalar>(self) -> Result<T, Error> {
        self.optional_scalar().await?.ok_or(Error::NotFound)
    }

    /// The first column of the row, if there is one.
    ///
    /// # Errors
    /// What the store said.
    pub async fn optional_scalar<T: Scalar>(self) -> Result<Option<T>, Error> {
        let (told, heard) = self.run(Wanted::FirstRow).await;
        heard.judge(told.and_then(|told| told.rows.first().map(Row::scalar).transpose()))
    }

    /// The first column of every row.
    ///
    /// # Errors
    /// What the store said.
    pub async fn scalars<T: Scalar>(self) -> Result<Vec<T>, Error> {
        let (told, heard) = self.run(Wanted::Rows).await;
        heard.judge(told.and_then(|told| told.rows.iter().map(Row::scalar).collect()))
    }

    /// Has it run before the transaction ends, where nothing of its answer is needed: PostgreSQL runs it now, SQLite
    /// with the next statement or the commit, which saves a message. When it fails the transaction does, by the error of
    /// whichever call ran it: it must not be one whose failure says something, as a unique key does.
    ///
    /// # Errors
    /// What the store said.
    pub async fn write(self) -> Result<(), Error> {
        debug_assert!(!self.sql.contains("RETURNING"), "its rows would be taken for those of the next statement");
        if !matches!(self.target, Target::Sqlite(_)) {
            return self.execute().await.map(|_| ());
        }
        let (checked, heard) = self.begin();
        heard.judge(match checked {
            Ok((sql, Target::Sqlite(tx), Values::Behind(before))) => tx.write(sql, before).await.map_err(Error::from),
            Ok(_) => Err(Error::Broken),
            Err(error) => Err(error),
        })
    }

    /// Runs it and answers how many rows were changed.
    ///
    /// # Errors
    /// What the store said.
    pub async fn execute(self) -> Result<u64, Error> {
        let (told, heard) = self.run(Wanted::Count).await;
        heard.judge(told.map(|told| told.changed))
    }

    async fn run(self, wanted: Wanted) -> (Result<Told, Error>, Heard<'c>) {
        let (checked, heard) = self.begin();
        let told = match checked {
            Ok((sql, target, values)) => run(sql, target, values, wanted).await,
            Err(error) => Err(error),
        };
        (told, heard)
    }

    /// Until its answer is heard the transaction counts as broken: one that is cut off may have been half done.
    fn begin(mut self) -> (Result<(&'static str, Target<'c>, Values), Error>, Heard<'c>) {
        let mut broken = self.broken.take();
        if let Some(broken) = broken.as_deref_mut() {
            *broken = true;
        }
        (self.checked(), Heard(broken))
    }

    fn checked(self) -> Result<(&'static str, Target<'c>, Values), Error> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let placeholders = count_placeholders(self.sql);
        if placeholders != Some(self.bound) {
            return Err(Error::Binds { placeholders: placeholders.unwrap_or(0), bound: self.bound });
        }
        Ok((self.sql, self.target, self.values))
    }
}

/// What becomes of the transaction that a statement was in.
#[must_use = "the transaction is broken unless it is told that all is well"]
struct Heard<'c>(Option<&'c mut bool>);

impl Heard<'_> {
    fn judge<T>(self, answer: Result<T, Error>) -> Result<T, Error> {
        if let (Some(broken), Ok(_)) = (self.0, &answer) {
            *broken = false;
        }
        answer
    }
}

/// A connection to SQLite for one statement.
enum Loan<'c> {
    Reader(Reader),
    Member(&'c mut SqliteTx),
    /// A transaction of its own.
    Alone(Box<SqliteTx>),
}

/// A connection to PostgreSQL for one statement.
enum ServerLoan<'c> {
    Pool(PoolConnection<Postgres>),
    Tx(&'c mut PgConnection),
}

async fn run(sql: &'static str, target: Target<'_>, values: Values, wanted: Wanted) -> Result<Told, Error> {
    match (target, values) {
        (Target::SqliteReader(db), Values::Sqlite(values)) => {
            on_sqlite(Loan::Reader(db.reader().await?), (sql, 0), values, wanted).await
        }
        (Target::SqliteWriter(db), Values::Sqlite(values)) => {
            on_sqlite(Loan::Alone(Box::new(db.begin_alone().await?)), (sql, 0), values, wanted).await
        }
        (Target::Sqlite(tx), Values::Behind(before)) => {
            on_sqlite(Loan::Member(tx), (sql, before), SqliteArguments::default(), wanted).await
        }
        (Target::PostgresPool(pool), Values::Postgres(values)) => {
            on_postgres(ServerLoan::Pool(pool.acquire().await?), sql, *values, wanted).await
        }
        (Target::Postgres(connection), Values::Postgres(values)) => {
            on_postgres(ServerLoan::Tx(connection), sql, *values, wanted).await
        }
        _ => Err(Error::Broken),
    }
}

async fn on_sqlite(
    mut loan: Loan<'_>,
    (sql, before): (&'static str, usize),
    values: SqliteArguments,
    wanted: Wanted,
) -> Result<Told, Error> {
    let (connection, text, values) = match &mut loan {
        Loan::Reader(reader) => (reader.connection()?, SqlStr::from_static(sql), values),
        Loan::Member(tx) => tx.message(sql, before)?,
        Loan::Alone(tx) => {
            *tx.values() = values;
            tx.message(sql, 0)?
        }
    };
    let query = sqlx::query_with::<Sqlite, _>(text, values);
    let told = match wanted {
        Wanted::FirstRow => query.fetch_optional(connection).await.map(|row| told(row.map(Row::Sqlite))),
        Wanted::Rows => query.fetch_all(connection).await.map(|rows| told(rows.into_iter().map(Row::Sqlite))),
        Wanted::Count => changed(connection, query).await.map(|changed| Told { rows: Vec::new(), changed }),
    };
    match loan {
        Loan::Reader(mut reader) if !matches!(told, Err(sqlx::Error::WorkerCrashed)) => reader.answered(),
        Loan::Reader(_) => {}
        Loan::Member(tx) if told.is_ok() => tx.heard(),
        Loan::Member(_) => {}
        Loan::Alone(mut tx) if told.is_ok() => {
            tx.heard();
            tx.commit().await?;
        }
        Loan::Alone(_) => {}
    }
    Ok(told?)
}

async fn on_postgres(
    mut loan: ServerLoan<'_>,
    sql: &'static str,
    values: PgArguments,
    wanted: Wanted,
) -> Result<Told, Error> {
    let connection: &mut PgConnection = match &mut loan {
        ServerLoan::Pool(connection) => connection,
        ServerLoan::Tx(connection) => connection,
    };
    let query = sqlx::query_with::<Postgres, _>(sql, values);
    Ok(match wanted {
        Wanted::FirstRow => told(query.fetch_optional(connection).await?.map(Row::Postgres)),
        Wanted::Rows => told(query.fetch_all(connection).await?.into_iter().map(Row::Postgres)),
        Wanted::Count => Told { rows: Vec::new(), changed: query.execute(connection).await?.rows_affected() },
    })
}

fn told(rows: impl IntoIterator<Item = Row>) -> Told {
    Told { rows: rows.into_iter().collect(), changed: 0 }
}

/// How many rows the last statement of a message has changed.
async fn changed(
    connection: &mut SqliteConnection,
    message: sqlx::query::Query<'_, Sqlite, SqliteArguments>,
) -> Result<u64, sqlx::Error> {
    let mut answers = connection.fetch_many(message);
    let mut changed = 0;
    while let Some(answer) = answers.try_next().await? {
        if let Either::Left(done) = answer {
            changed = done.rows_affected();
        }
    }
    Ok(changed)
}

/// Where the placeholders of a statement stand: `$` and digits. Text in single quotes is skipped; statements hold no
/// comments.
fn placeholders(sql: &str) -> impl Iterator<Item = Range<usize>> {
    let mut quoted = false;
    let mut bytes = sql.bytes().enumerate().peekable();
    std::iter::from_fn(move || {
        while let Some((start, byte)) = bytes.next() {
            if byte == b'\'' {
                quoted = !quoted;
            }
            if byte != b'$' || quoted {
                continue;
            }
            let mut end = start + 1;
            while bytes.next_if(|(_, digit)| digit.is_ascii_digit()).is_some() {
                end += 1;
            }
            return Some(start..end);
        }
        None
    })
}

fn number_of(sql: &str, place: Range<usize>) -> Option<usize> {
    sql.get(place)?.strip_prefix('$')?.parse().ok()
}

/// The highest `$n` of a statement when `$1` … `$n` all occur; `None` when one of them is missing.
fn count_placeholders(sql: &str) -> Option<usize> {
    let mut seen = 0u64;
    for place in placeholders(sql) {
        let number = number_of(sql, place).filter(|number| (1..64).contains(number))?;
        seen |= 1 << (number - 1);
    }
    // All ones from the bottom: no number was left out.
    (seen & seen.wrapping_add(1) == 0).then(|| usize::try_from(seen.trailing_ones()).unwrap_or(0))
}

/// Appends a statement with its placeholders moved: behind two other values, `$1` becomes `$3`.
pub(super) fn number_from(text: &mut String, sql: &str, before: usize) {
    let mut copied = 0;
    if before > 0 {
        for place in placeholders(sql) {
            let (start, end) = (place.start, place.end);
            if let Some(number) = number_of(sql, place) {
                text.push_str(sql.get(copied..start).unwrap_or_default());
                // Writing to a text does not fail.
                let _ = write!(text, "${}", number + before);
                copied = end;
            }
        }
    }
    text.push_str(sql.get(copied..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::{count_placeholders, number_from};

    #[test]
    fn placeholders_move_behind_other_values() {
        let moved = |sql, before| {
            let mut text = "SELECT 1;".to_owned();
            number_from(&mut text, sql, before);
            text
        };
        assert_eq!(moved("SELECT $1, $2, '$1'", 0), "SELECT 1;SELECT $1, $2, '$1'");
        assert_eq!(moved("SELECT $1, $12, '$1', $2 -- ạ", 9), "SELECT 1;SELECT $10, $21, '$1', $11 -- ạ");
        assert_eq!(moved("SELECT 2", 9), "SELECT 1;SELECT 2");
    }

    #[test]
    fn placeholders_are_counted_once_each() {
        assert_eq!(count_placeholders("SELECT 1"), Some(0));
        assert_eq!(count_placeholders("SELECT $1, $2, $1"), Some(2));
        assert_eq!(count_placeholders("SELECT $10, $1, $2, $3, $4, $5, $6, $7, $8, $9"), Some(10));
    }

    #[test]
    fn a_gap_or_a_nought_is_refused() {
        assert_eq!(count_placeholders("SELECT $2"), None);
        assert_eq!(count_placeholders("SELECT $0"), None);
        assert_eq!(count_placeholders("SELECT $"), None);
    }

    #[test]
    fn quoted_text_is_no_placeholder() {
        assert_eq!(count_placeholders("SELECT '$1 it''s $2', $1"), Some(1));
    }
}
