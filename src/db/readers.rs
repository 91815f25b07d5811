//! Connections that read a SQLite file, beside its writer.
//!
//! A pool for servers asks each connection on every way out and in whether it lives, and a message to the engine is two
//! changes of thread: a read would cost three. A file does not hang up, so these are only lent and put back. A read that
//! is cut off leaves nothing behind: the engine ends its statement before it hears the next.

use super::Error;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    /// As many as may read at a time.
    places: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
    wait: Duration,
}

impl Readers {
    /// Readers of a file that exists: `limit` at most, for each of which one waits as long as `wait`.
    pub(super) fn new(options: SqliteConnectOptions, limit: u32, wait: Duration) -> Self {
        let places = Semaphore::new(usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS));
        Self { options, places, idle: Mutex::default(), wait }
    }

    /// Lends one.
    pub(super) async fn lend(&self) -> Result<Reader<'_>, Error> {
        let place = match tokio::time::timeout(self.wait, self.places.acquire()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(sqlx::Error::PoolClosed.into()),
            Err(_) => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Reader { connection: Some(connection), readers: self, _place: place })
    }

    /// Closes those that nobody uses, and lends no more.
    pub(super) async fn close(&self) -> Result<(), Error> {
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            connection.close().await?;
        }
        Ok(())
    }
}

/// A connection on loan.
pub(super) struct Reader<'a> {
    connection: Option<SqliteConnection>,
    readers: &'a Readers,
    _place: SemaphorePermit<'a>,
}

impl Reader<'_> {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // Before the place is free: whoever gets it finds this connection.
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}
