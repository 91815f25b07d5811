//! Tables are made and changed by embedded migrations, one folder an engine, same file names.

use super::{Db, Error};
use sqlx::Connection;
use sqlx::migrate::Migrator;

fn migrator(db: &Db) -> Migrator {
    let mut migrator = match db {
        Db::Sqlite(_) => sqlx::migrate!("./migrations/sqlite"),
        Db::Postgres(_) => sqlx::migrate!("./migrations/postgres"),
    };
    // An older node may meet a store that a newer one has already expanded (N and N-1 run side by side).
    migrator.set_ignore_missing(true);
    migrator
}

impl Db {
    /// Brings the tables up to this program's version. Safe to run twice, and by two nodes at once: PostgreSQL holds an
    /// advisory lock meanwhile; on SQLite each migration is one transaction, and who comes second finds it done.
    ///
    /// # Errors
    /// [`Error::Migrate`] with the reason; what was done before stays whole.
    pub async fn migrate(&self) -> Result<(), Error> {
        const TRIES: usize = 5;
        let migrator = migrator(self);
        let mut tries = 1;
        loop {
            let outcome = match self {
                Self::Sqlite(db) => {
                    let mut connection = db.own_connection().await?;
                    let outcome = migrator.run(&mut connection).await;
                    db.closed(connection).await;
                    outcome
                }
                Self::Postgres(pool) => {
                    // A connection of its own, closed after use: a failed run would keep the lock for its session.
                    let mut connection = pool.acquire().await?.detach();
                    for limit in ["SET statement_timeout = 0", "SET lock_timeout = 0"] {
                        sqlx::query(limit).execute(&mut connection).await?;
                    }
                    let outcome = migrator.run(&mut connection).await;
                    connection.close().await?;
                    outcome
                }
            };
            match outcome {
                Ok(()) => return Ok(()),
                Err(_) if tries < TRIES && matches!(self, Self::Sqlite(_)) => tries += 1,
                Err(error) => return Err(Error::Migrate(error.to_string())),
            }
        }
    }

    /// Whether every migration of this program has been applied.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_migrated(&self) -> Result<bool, Error> {
        let known = match self {
            Self::Sqlite(_) => "SELECT COUNT(*) FROM sqlite_master WHERE name = '_sqlx_migrations'",
            Self::Postgres(_) => "SELECT COUNT(*) FROM pg_tables WHERE tablename = '_sqlx_migrations'",
        };
        if self.query(known).scalar::<i64>().await? == 0 {
            return Ok(false);
        }
        let applied: Vec<i64> = self.query("SELECT version FROM _sqlx_migrations WHERE success").scalars().await?;
        Ok(migrator(self).iter().all(|migration| applied.contains(&migration.version)))
    }
}
