//! Runs a test on both engines: SQLite in a temporary file, PostgreSQL in a database of its own.

use super::{Db, Pools};
use crate::base::{SystemEntropy, Timestamp, random_token, sha256};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};
use std::future::Future;
use std::str::FromStr;
use std::time::Duration;

const VARIABLE: &str = "DINHDANH_TEST_POSTGRES";
const POOLS: Pools = Pools { postgres: 12, sqlite_readers: 4, wait: Duration::from_secs(20) };

/// A fixed moment for tests: 2026-03-02T01:00:00Z.
pub const NOW: Timestamp = Timestamp::from_seconds(1_772_413_200);

/// Runs `test` on a fresh, migrated store of each engine. Fails (never skips) when PostgreSQL is not at hand.
pub async fn on_both<Test, Run>(test: Test)
where
    Test: Fn(Db) -> Run,
    Run: Future<Output = ()>,
{
    test(sqlite().await).await;
    let (db, server, name) = postgres(true).await;
    test(db.clone()).await;
    db.close().await;
    run_on(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// A fresh, migrated SQLite store.
pub async fn sqlite() -> Db {
    let db = Db::connect_with("sqlite::memory:", POOLS).await.unwrap();
    db.migrate().await.unwrap();
    db
}

/// As [`on_both`], but without tables.
pub async fn on_both_empty<Test, Run>(test: Test)
where
    Test: Fn(Db) -> Run,
    Run: Future<Output = ()>,
{
    test(Db::connect_with("sqlite::memory:", POOLS).await.unwrap()).await;
    let (db, server, name) = postgres(false).await;
    test(db.clone()).await;
    db.close().await;
    run_on(&server, format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

/// A second handle to the same store with connections of its own, as another node would have.
pub async fn another_node(db: &Db) -> Db {
    match db {
        Db::Sqlite(file) => Db::connect_with(&format!("sqlite://{}", file.path().display()), POOLS).await.unwrap(),
        Db::Postgres(pool) => {
            let options = pool.connect_options().as_ref().clone();
            let pool = sqlx::postgres::PgPoolOptions::new().max_connections(POOLS.postgres).connect_with(options);
            Db::Postgres(pool.await.unwrap())
        }
    }
}

/// Runs `work` 32 times at once on two nodes and answers how many said yes.
pub async fn race<Work, Run>(db: &Db, work: Work) -> usize
where
    Work: Fn(Db, usize) -> Run,
    Run: Future<Output = bool> + Send + 'static,
{
    let other = another_node(db).await;
    let racers: Vec<_> = (0..32)
        .map(|number| tokio::spawn(work(if number % 2 == 0 { db.clone() } else { other.clone() }, number)))
        .collect();
    let mut winners = 0;
    for racer in racers {
        winners += usize::from(racer.await.unwrap());
    }
    other.close().await;
    winners
}

async fn postgres(migrated: bool) -> (Db, PgConnectOptions, String) {
    let url = std::env::var(VARIABLE).unwrap_or_else(|_| {
        panic!("no PostgreSQL for this test: run ./integration-tests/run, or set {VARIABLE} to an administrator's URL")
    });
    let server = PgConnectOptions::from_str(&url).unwrap();
    let name = format!("test_{}", suffix());
    let template = if migrated { template(&server).await } else { "template1".to_owned() };
    run_on(&server, format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
    let address = server.clone().database(&name).to_url_lossy();
    (Db::connect_with(address.as_str(), POOLS).await.unwrap(), server, name)
}

/// A migrated database that tests copy; its name tells the schema, so that a changed migration makes a new one.
async fn template(server: &PgConnectOptions) -> String {
    static ONCE: tokio::sync::OnceCell<String> = tokio::sync::OnceCell::const_new();
    ONCE.get_or_init(|| async {
        let mut schema = String::new();
        for migration in sqlx::migrate!("./migrations/postgres").iter() {
            schema.push_str(migration.sql.as_str());
        }
        let name = format!("template_{}", hex(&sha256(schema.as_bytes()).as_bytes()[..6]));
        let mut admin = PgConnection::connect_with(server).await.unwrap();
        sqlx::query("SELECT pg_advisory_lock(4711)").execute(&mut admin).await.unwrap();
        let known: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pg_database WHERE datname = $1")
            .bind(&name)
            .fetch_one(&mut admin)
            .await
            .unwrap();
        if known == 0 {
            let new = format!("{name}_new");
            for statement in [format!("DROP DATABASE IF EXISTS {new} WITH (FORCE)"), format!("CREATE DATABASE {new}")] {
                sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
            }
            let db = Db::connect_with(server.clone().database(&new).to_url_lossy().as_str(), POOLS).await.unwrap();
            db.migrate().await.unwrap();
            db.close().await;
            sqlx::query(AssertSqlSafe(format!("ALTER DATABASE {new} RENAME TO {name}")))
                .execute(&mut admin)
                .await
                .unwrap();
        }
        admin.close().await.unwrap();
        name
    })
    .await
    .clone()
}

async fn run_on(server: &PgConnectOptions, statement: String) {
    let mut admin = PgConnection::connect_with(server).await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
}

fn suffix() -> String {
    hex(&sha256(random_token(&SystemEntropy).as_bytes()).as_bytes()[..8])
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
