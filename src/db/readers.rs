//! Connections that read a SQLite file, beside its writer.
//!
//! A pool for servers asks each connection on every way out and in whether it lives, and a message to the engine is two
//! changes of thread: a read would cost three. A file does not hang up, so these are only lent and put back. One whose
//! read was cut off keeps its place until the engine has ended with it, for it works on: no more reads run than may.

use super::Error;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    /// As many as may read at a time.
    places: Arc<Semaphore>,
    idle: Mutex<Vec<SqliteConnection>>,
    wait: Duration,
}

impl Readers {
    /// Readers of a file that exists: `limit` at most, for each of which one waits as long as `wait`.
    pub(super) fn new(options: SqliteConnectOptions, limit: u32, wait: Duration) -> Self {
        let places = Arc::new(Semaphore::new(usize::try_from(limit).unwrap_or(Semaphore::MAX_PERMITS)));
        Self { options, places, idle: Mutex::default(), wait }
    }

    /// Lends one for a statement.
    pub(super) async fn lend(self: &Arc<Self>) -> Result<Reader, Error> {
        let place = match tokio::time::timeout(self.wait, Arc::clone(&self.places).acquire_owned()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(sqlx::Error::PoolClosed.into()),
            Err(_) => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        let kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match kept {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        Ok(Reader { connection: Some(connection), readers: Arc::clone(self), place: Some(place), answered: false })
    }

    fn put_back(&self, connection: SqliteConnection) {
        if !self.places.is_closed() {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        }
    }

    /// Closes those that nobody uses, and lends no more.
    pub(super) async fn close(&self) {
        self.places.close();
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for connection in idle {
            if let Err(error) = connection.close().await {
                tracing::warn!(%error, "a database connection did not close cleanly");
            }
        }
    }
}

/// A connection on loan.
pub(super) struct Reader {
    connection: Option<SqliteConnection>,
    readers: Arc<Readers>,
    place: Option<OwnedSemaphorePermit>,
    /// The engine has ended with what it was asked.
    answered: bool,
}

impl Reader {
    pub(super) fn connection(&mut self) -> Result<&mut SqliteConnection, sqlx::Error> {
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// The engine has ended with the statement.
    pub(super) const fn answered(&mut self) {
        self.answered = true;
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let (Some(mut connection), place) = (self.connection.take(), self.place.take()) else { return };
        let readers = Arc::clone(&self.readers);
        if self.answered {
            // Before the place is free: whoever gets it finds this connection.
            readers.put_back(connection);
            return;
        }
        // Without a runtime nobody reads any more.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                // Heard behind what was cut off. A connection that does not answer is not lent again.
                if connection.ping().await.is_ok() {
                    readers.put_back(connection);
                }
                drop(place);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::testing::Folder;
    use std::task::Poll;

    /// Some tenths of a second of the engine's time.
    const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
                        SELECT COUNT(*) FROM n";

    #[tokio::test]
    async fn a_read_that_is_cut_off_keeps_its_place_until_the_engine_has_ended() {
        let folder = Folder::make();
        let options = SqliteConnectOptions::new().filename(folder.0.join("read.db")).create_if_missing(true);
        let readers = Arc::new(Readers::new(options, 1, Duration::from_secs(60)));
        let lent = || 1 - readers.places.available_permits();
        let idle = || readers.idle.lock().unwrap().len();
        let read = async |sql: &'static str| {
            let mut reader = readers.lend().await?;
            sqlx::query(sql).execute(reader.connection()?).await?;
            reader.answered();
            Ok::<_, Error>(())
        };
        let short = async || read("SELECT 1").await;
        short().await.unwrap();
        assert_eq!((lent(), idle()), (0, 1));
        let mut long = Box::pin(read(LONG));
        let pending = std::future::poll_fn(|context| Poll::Ready(long.as_mut().poll(context).is_pending())).await;
        assert!(pending);
        drop(long);
        assert_eq!((lent(), idle()), (1, 0), "its engine still works");
        short().await.unwrap();
        assert_eq!((lent(), idle()), (0, 1), "the same one, once it had ended");
        // One that is lent while they are closed is not kept.
        let mut last = Box::pin(read(LONG));
        std::future::poll_fn(|context| Poll::Ready(last.as_mut().poll(context).is_pending())).await;
        readers.close().await;
        last.await.unwrap();
        assert_eq!(idle(), 0);
        assert!(short().await.is_err());
    }
}
