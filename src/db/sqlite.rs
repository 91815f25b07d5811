//! SQLite: readers beside one writer whose commits are shared.
//!
//! A commit on a disk costs a wait for fsync. Transactions that queue for the writer meanwhile therefore become
//! members of one group: each works inside a savepoint (the first one needs none: to undo it is to undo the group; nor
//! does a single statement, which is kept or left out as a whole), and one COMMIT makes them all durable. A member is
//! answered only after that COMMIT. When the group fails, every member is told so; nobody gets a yes that is not on disk.
//!
//! Every message to the engine is two changes of thread, dearer than most statements. A member therefore says little by
//! itself: what begins it goes in one message with its first statement, and what it only writes down goes with the next
//! statement or with its end.

use super::query::number_from;
use super::readers::{Reader, Readers};
use super::{Error, Pools};
use crate::base::{SystemEntropy, random_token};
use futures_util::TryStreamExt;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, SqlSafeStr, SqlStr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};

/// Members of one group at most: bounds how much one failed COMMIT takes with it.
const GROUP_LIMIT: usize = 256;

/// Statements that wait to be sent at most: bounds how many different messages there are, for each is kept prepared.
const BEHIND_LIMIT: usize = 4;

/// Prepared messages kept by each connection.
const PREPARED: usize = 400;

/// A SQLite file: a pool of readers and the shared writer.
#[derive(Clone, Debug)]
pub struct SqliteDb {
    readers: Arc<Readers>,
    writer: Arc<Writer>,
    wait: Duration,
    _temporary: Option<Arc<TemporaryFolder>>,
}

#[derive(Debug)]
struct Writer {
    line: Arc<Mutex<Line>>,
    flush: mpsc::Sender<()>,
    commits: Arc<AtomicU64>,
    options: SqliteConnectOptions,
}

/// How a member's work is told from that of its group, should it have to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// It began the group: to undo it is to undo the group.
    First,
    /// By a savepoint.
    Savepoint,
    /// It is a single statement, which the engine keeps or leaves out as a whole.
    Statement,
}

/// What is known of a step whose answer may have been lost because its future was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Closed,
    Unsure,
    Open,
}

/// The writer connection and the group that is open on it. Whoever holds the lock works.
#[derive(Debug)]
struct Line {
    connection: Option<SqliteConnection>,
    group: Stage,
    member: Stage,
    mark: Mark,
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
}

impl SqliteDb {
    /// Opens `//PATH` or `:memory:` (a private temporary file).
    pub(super) async fn open(address: &str, pools: Pools) -> Result<Self, Error> {
        let (path, temporary) = match address {
            ":memory:" => {
                let folder = TemporaryFolder::create()?;
                (folder.0.join("dinhdanh.db"), Some(Arc::new(folder)))
            }
            other => (PathBuf::from(other.strip_prefix("//").ok_or(Error::Address)?), None),
        };
        prepare_file(&path)?;
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(PREPARED)
            .busy_timeout(pools.wait);
        // The writer goes first: it creates the file and switches the journal.
        let connection = options.connect().await?;
        let reading = options.clone().read_only(true).create_if_missing(false);
        let readers = Arc::new(Readers::new(reading, pools.sqlite_readers, pools.wait));
        let writer = Arc::new(Writer::start(options, connection));
        Ok(Self { readers, writer, wait: pools.wait, _temporary: temporary })
    }

    /// A connection for one read.
    pub(super) async fn reader(&self) -> Result<Reader, Error> {
        self.readers.lend().await
    }

    /// A connection beside the writer, for migrations.
    pub(super) async fn own_connection(&self) -> Result<SqliteConnection, Error> {
        Ok(self.writer.options.connect().await?)
    }

    /// Gives a connection of [`Self::own_connection`] back.
    pub(super) async fn closed(&self, connection: SqliteConnection) {
        if let Err(error) = connection.close().await {
            tracing::warn!(%error, "a database connection did not close cleanly");
        }
    }

    pub(super) async fn begin(&self) -> Result<SqliteTx, Error> {
        self.join(Mark::Savepoint).await
    }

    /// A transaction of exactly one statement. Dropped without commit, the statement may have been kept.
    pub(super) async fn begin_alone(&self) -> Result<SqliteTx, Error> {
        self.join(Mark::Statement).await
    }

    async fn join(&self, mark: Mark) -> Result<SqliteTx, Error> {
        let turn = tokio::time::timeout(self.wait, self.turn()).await;
        let guard = turn.map_err(|_| Error::Sqlx(sqlx::Error::PoolTimedOut))?;
        // From here on a dropped future cleans up through `SqliteTx::drop`.
        let mut tx = SqliteTx { line: Some(guard), writer: Arc::clone(&self.writer), behind: Behind::default() };
        if let Some(line) = tx.line.as_mut() {
            line.enter(&self.writer.options, mark).await?;
        }
        Ok(tx)
    }

    /// Waits in line for the writer.
    async fn turn(&self) -> OwnedMutexGuard<Line> {
        loop {
            let guard = Arc::clone(&self.writer.line).lock_owned().await;
            if guard.waiting.len() < GROUP_LIMIT {
                return guard;
            }
            // The flusher stands in the queue; stepping back behind it lets it close the group.
            drop(guard);
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        let mut line = self.writer.line.lock().await;
        line.flush(&self.writer.commits).await;
        if let Some(connection) = line.connection.take() {
            self.closed(connection).await;
        }
    }

    /// Where the file lies.
    pub fn path(&self) -> &Path {
        self.writer.options.get_filename()
    }

    /// How many COMMITs the writer has made: fewer than transactions when writers queue.
    pub fn commits(&self) -> u64 {
        self.writer.commits.load(Ordering::Relaxed)
    }
}

impl Writer {
    fn start(options: SqliteConnectOptions, connection: SqliteConnection) -> Self {
        let line = Arc::new(Mutex::new(Line {
            connection: Some(connection),
            group: Stage::Closed,
            member: Stage::Closed,
            mark: Mark::Savepoint,
            waiting: Vec::new(),
        }));
        let commits = Arc::new(AtomicU64::new(0));
        let (flush, mut asked) = mpsc::channel(1);
        let (flushed, counter) = (Arc::clone(&line), Arc::clone(&commits));
        // Ends when the last handle is gone. The lock is fair, so this task stands behind every writer that already
        // waits: they all join the group it then closes.
        tokio::spawn(async move {
            while asked.recv().await.is_some() {
                flushed.lock().await.flush(&counter).await;
            }
        });
        Self { line, flush, commits, options }
    }

    fn ask_for_flush(&self) {
        // Full means that the flusher has been asked already and has not begun.
        let _ = self.flush.try_send(());
    }
}

/// Steps taken while the line's lock is held.
impl Line {
    async fn enter(&mut self, options: &SqliteConnectOptions, mark: Mark) -> Result<(), Error> {
        if self.member != Stage::Closed || self.group == Stage::Unsure {
            // A clean-up never ran (its runtime was shut down): nothing of that group can be answered.
            self.fail_group("the writer was interrupted").await;
        }
        if self.connection.is_none() {
            self.connection = Some(options.connect().await?);
        }
        self.mark = if self.group == Stage::Closed { Mark::First } else { mark };
        Ok(())
    }

    /// What has to be said before a member's next statement. From here until [`Self::heard`] it is not sure whether the
    /// member has begun.
    const fn preamble(&mut self) -> &'static str {
        if !matches!(self.member, Stage::Closed) {
            return "";
        }
        match self.mark {
            Mark::First => {
                self.group = Stage::Unsure;
                // IMMEDIATE: the write lock is taken now, so that a read followed by a write cannot fail half-way.
                "BEGIN IMMEDIATE;"
            }
            Mark::Savepoint => {
                self.member = Stage::Unsure;
                "SAVEPOINT member;"
            }
            Mark::Statement => {
                self.member = Stage::Open;
                ""
            }
        }
    }

    /// The engine has answered the member's statement.
    const fn heard(&mut self) {
        self.group = Stage::Open;
        self.member = Stage::Open;
    }

    /// Undoes what a dropped member left behind. Never cancelled: it runs in a task of its own.
    async fn settle(&mut self) {
        if self.group == Stage::Unsure {
            // The beginning was cut off: nobody else can be in this group. "No transaction" is as good an answer.
            match self.run("ROLLBACK").await {
                Ok(()) => {}
                Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("1") => {}
                Err(_) => self.fail_group("the transaction could not be undone").await,
            }
            self.group = Stage::Closed;
            self.member = Stage::Closed;
            return;
        }
        if self.member == Stage::Closed {
            return;
        }
        if self.mark == Mark::First {
            // Whoever came later would have waited for this one to end: there is nobody else in the group.
            if self.run("ROLLBACK").await.is_err() {
                self.fail_group("the transaction could not be undone").await;
            }
            self.group = Stage::Closed;
            self.member = Stage::Closed;
            return;
        }
        if self.mark == Mark::Statement {
            self.member = Stage::Closed;
            if !self.in_transaction().await {
                self.fail_group("the transaction was rolled back by the engine").await;
            }
            return;
        }
        let unsure = self.member == Stage::Unsure;
        let undone = self.run("ROLLBACK TO member").await.is_ok() && self.run("RELEASE member").await.is_ok();
        self.member = Stage::Closed;
        // An open savepoint that is gone means that the engine itself has rolled the transaction back. An unsure one
        // may just have been released; then the transaction is still open, which a nested BEGIN tells by failing.
        if !undone && (!unsure || !self.in_transaction().await) {
            self.fail_group("the transaction was rolled back by the engine").await;
        }
    }

    async fn in_transaction(&mut self) -> bool {
        match self.run("BEGIN").await {
            Ok(()) => false,
            Err(sqlx::Error::Database(error)) => error.code().as_deref() == Some("1"),
            Err(_) => false,
        }
    }

    /// Makes the open group durable and answers its members.
    async fn flush(&mut self, commits: &AtomicU64) {
        if self.group != Stage::Open {
            return;
        }
        match self.run("COMMIT").await {
            Ok(()) => {
                commits.fetch_add(1, Ordering::Relaxed);
                self.group = Stage::Closed;
                for member in self.waiting.drain(..) {
                    // A member that no longer listens has its work kept all the same.
                    let _ = member.send(Ok(()));
                }
            }
            Err(error) => {
                tracing::error!(%error, members = self.waiting.len(), "commit failed");
                self.fail_group(&error.to_string()).await;
            }
        }
    }

    /// Tells every member that the group failed and drops the connection: the next transaction opens a fresh one.
    async fn fail_group(&mut self, reason: &str) {
        for member in self.waiting.drain(..) {
            let _ = member.send(Err(reason.to_owned()));
        }
        self.group = Stage::Closed;
        self.member = Stage::Closed;
        if let Some(mut connection) = self.connection.take() {
            let _ = sqlx::query("ROLLBACK").execute(&mut connection).await;
            let _ = connection.close().await;
        }
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), sqlx::Error> {
        let connection = self.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        sqlx::query(sql).execute(connection).await.map(|_| ())
    }
}

/// What a member has still to say: statements whose answers nobody waits for.
#[derive(Debug, Default)]
struct Behind {
    /// Each with a semicolon behind it.
    text: String,
    statements: usize,
    /// Theirs, and those of the statement that is being put together.
    values: SqliteArguments,
}

/// A member of the group. Dropped without commit, it is undone before the next one begins.
#[derive(Debug)]
pub(super) struct SqliteTx {
    line: Option<OwnedMutexGuard<Line>>,
    writer: Arc<Writer>,
    behind: Behind,
}

impl SqliteTx {
    /// The values of the statement that is being put together, behind those that wait.
    pub(super) const fn values(&mut self) -> &mut SqliteArguments {
        &mut self.behind.values
    }

    /// Puts a statement behind those that wait; its placeholders begin after `offset` values.
    pub(super) async fn write(&mut self, sql: &str, offset: usize) -> Result<(), sqlx::Error> {
        self.behind.push(sql, offset);
        if self.behind.statements < BEHIND_LIMIT {
            return Ok(());
        }
        self.say("").await
    }

    /// A statement, whose placeholders begin after `offset` values, with all that waits before it, and where to say it.
    /// When it was answered, tell by [`Self::heard`].
    pub(super) fn message(
        &mut self,
        sql: &'static str,
        offset: usize,
    ) -> Result<(&mut SqliteConnection, SqlStr, SqliteArguments), sqlx::Error> {
        let line = self.line.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        let behind = std::mem::take(&mut self.behind);
        let preamble = line.preamble();
        let text = if preamble.is_empty() && behind.statements == 0 && offset == 0 {
            SqlStr::from_static(sql)
        } else {
            let mut text = format!("{preamble}{}", behind.text);
            number_from(&mut text, sql, offset);
            // Put together from the program's own texts.
            AssertSqlSafe(text).into_sql_str()
        };
        let connection = line.connection.as_mut().ok_or(sqlx::Error::WorkerCrashed)?;
        Ok((connection, text, behind.values))
    }

    /// The engine has done what it was told.
    pub(super) fn heard(&mut self) {
        if let Some(line) = self.line.as_mut() {
            line.heard();
        }
    }

    /// Says what waits, and `end` behind it.
    async fn say(&mut self, end: &'static str) -> Result<(), sqlx::Error> {
        let (connection, text, values) = self.message(end, 0)?;
        let mut answers = connection.fetch_many(sqlx::query_with(text, values));
        while answers.try_next().await?.is_some() {}
        drop(answers);
        self.heard();
        Ok(())
    }

    pub(super) async fn commit(mut self) -> Result<(), Error> {
        let line = self.line.as_mut().ok_or(Error::Broken)?;
        let begun = line.member != Stage::Closed;
        if !begun && self.behind.statements == 0 {
            // It has said nothing. Others' work may be in the group, and who waits for it has asked.
            self.line = None;
            return Ok(());
        }
        if line.mark == Mark::Savepoint {
            if begun {
                line.member = Stage::Unsure;
            }
            self.say("RELEASE member").await?;
        } else if self.behind.statements > 0 {
            self.say("").await?;
        }
        let line = self.line.as_mut().ok_or(Error::Broken)?;
        line.member = Stage::Closed;
        let (sender, answer) = oneshot::channel();
        line.waiting.push(sender);
        // Asked first and unlocked second: the flusher then queues behind the writers that wait already.
        self.writer.ask_for_flush();
        self.line = None;
        match answer.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) => Err(Error::Commit(reason)),
            Err(_) => Err(Error::Commit("the writer ended".to_owned())),
        }
    }
}

impl Behind {
    fn push(&mut self, sql: &str, offset: usize) {
        number_from(&mut self.text, sql, offset);
        self.text.push(';');
        self.statements += 1;
    }
}

impl Drop for SqliteTx {
    fn drop(&mut self) {
        let Some(mut line) = self.line.take() else { return };
        let writer = Arc::clone(&self.writer);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            // No runtime to clean up on: without its connection the group is gone, and its members hear so.
            line.connection = None;
            line.waiting.clear();
            line.group = Stage::Closed;
            line.member = Stage::Closed;
            return;
        };
        runtime.spawn(async move {
            line.settle().await;
            // The group may hold nothing else: it must not keep the file's write lock.
            writer.ask_for_flush();
        });
    }
}

/// Makes the folder, and the file readable by its owner only (the journals inherit its mode).
fn prepare_file(path: &Path) -> Result<(), Error> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?;
    Ok(())
}

/// A folder that disappears with its last user.
#[derive(Debug)]
struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    fn create() -> Result<Self, Error> {
        let path = std::env::temp_dir().join(format!("dinhdanh-{}", random_token(&SystemEntropy)));
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // Left-overs in the system's temporary folder do no harm.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
