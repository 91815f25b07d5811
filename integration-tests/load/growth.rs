//! Growth: the cost of a sign-in with few and with many accounts and old rows.

use crate::installation::{Installation, Role, Store};
use crate::measure::{measure, median};
use crate::process::{cpu_of_family, parent_of};
use crate::scenario::Scenario;
use clap::Args;
use dinhdanh::base::{Clock, SystemClock};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::path::Path;
use std::time::{Duration, Instant};

/// How far to grow.
#[derive(Args)]
pub struct Growth {
    /// Accounts at the first measurement
    #[arg(long, default_value_t = 10_000)]
    small: usize,
    /// Accounts at the second measurement
    #[arg(long, default_value_t = 1_000_000)]
    large: usize,
    /// Ended sessions, and as many ended grants, at the second measurement
    #[arg(long, default_value_t = 5_000_000)]
    old: usize,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
}

/// Columns of a table but those named, each from a row of the same table: new rows are copies with other keys.
async fn copy_rows(connection: &mut PgConnection, (table, count): (&str, usize), change: &[(&str, &str)]) {
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT column_name::text FROM information_schema.columns
         WHERE table_name = $1 AND table_schema = current_schema() ORDER BY ordinal_position",
    )
    .bind(table)
    .fetch_all(&mut *connection)
    .await
    .unwrap();
    let values: Vec<String> = columns
        .iter()
        .map(|column| {
            change
                .iter()
                .find(|(name, _)| name == column)
                .map_or_else(|| format!("o.{column}"), |(_, text)| (*text).to_owned())
        })
        .collect();
    // In parts, so that no single statement runs for minutes.
    let part = 200_000;
    for first in (0..count).step_by(part) {
        let last = (first + part).min(count);
        let text = format!(
            "INSERT INTO {table} ({}) SELECT {} FROM generate_series({}, {last}) AS s(n),
               (SELECT * FROM {table} ORDER BY 1 LIMIT 1) AS o",
            columns.join(", "),
            values.join(", "),
            first + 1
        );
        sqlx::query(AssertSqlSafe(text)).execute(&mut *connection).await.unwrap();
    }
}

/// A time-ordered id (UUIDv7) whose time lies in the past by the row's number, from the number and a salt.
fn id(salt: &str) -> String {
    id_at(salt, "1700000000000 + s.n")
}

/// The same of a given time, in milliseconds.
fn id_at(salt: &str, millis: &str) -> String {
    // 48 bits of time, the version, then digest bits: as the program makes them, in the order of the clock.
    let millis = format!("({millis})::bigint");
    format!(
        "(lpad(to_hex({millis}), 12, '0') || '7' || substr(md5('{salt}' || s.n), 1, 3) || '8' || \
         substr(md5('{salt}' || s.n), 4, 15))::uuid"
    )
}

fn digest(salt: &str) -> String {
    format!("sha256(('{salt}' || s.n)::bytea)")
}

/// Copies of the first person, with their own numbers.
async fn add_people(connection: &mut PgConnection, count: usize, salt: &str) {
    let (id, index) = (id(salt), digest(&format!("number{salt}")));
    copy_rows(connection, ("person", count), &[("id", &id), ("number_index", &index)]).await;
}

/// Live sessions of the first person's copies.
pub async fn add_sessions(site: &Installation, count: usize) {
    let mut connection = PgConnection::connect(&site.database).await.unwrap();
    add_people(&mut connection, count, "live").await;
    let now = SystemClock.now().micros() / 1_000;
    let (own, secret, person) = (id_at("session", &format!("{now} - s.n")), digest("cookie"), id("live"));
    let change = [("id", own.as_str()), ("secret_digest", &secret), ("person_id", &person)];
    copy_rows(&mut connection, ("session", count), &change).await;
    sqlx::query("ANALYZE").execute(&mut connection).await.unwrap();
}

/// Ended sessions and grants, spread over the people added before.
async fn add_old(connection: &mut PgConnection, (count, people): (usize, usize), salt: &str) {
    let person = id("large").replace("s.n", &format!("(s.n % {people} + 1)"));
    // As old as the rows: each in the partition of its time.
    let month_ago = SystemClock.now().minus(Duration::from_hours(29 * 24)).micros() / 1_000;
    let millis = format!("{month_ago} + (s.n::bigint % 2400000) * 1000");
    let session = id_at(&format!("old{salt}"), &millis);
    let (secret, code) = (digest(&format!("cookie{salt}")), digest(&format!("code{salt}")));
    // Younger than what is swept: the sweep would be measured too.
    let past = "now() - interval '29 days' + (s.n % 2400000) * interval '1 second'";
    let times = [("created_at", past), ("expires_at", past), ("ended_at", past)];
    let mut change = vec![("id", session.as_str()), ("secret_digest", &secret), ("person_id", &person)];
    change.extend(times);
    change.push(("idle_expires_at", past));
    copy_rows(connection, ("session", count), &change).await;
    let grant = id_at(&format!("grant{salt}"), &millis);
    let mut change =
        vec![("id", grant.as_str()), ("person_id", &person), ("session_id", &session), ("code_digest", &code)];
    change.extend(times);
    change.push(("code_used_at", past));
    copy_rows(connection, ("authorization_grant", count), &change).await;
}

impl Growth {
    /// Measures, grows, measures again.
    pub async fn run(&self, folder: &Path) {
        let site = Installation::start(Store::Postgres, Role::Server, 300, folder).await;
        let mut connection = PgConnection::connect(&site.database).await.unwrap();
        println!("\n## Growth on PostgreSQL + Redis\n");
        println!(
            "| accounts | old sessions and grants | scenario | a second | p50 ms | p99 ms | CPU µs | of PostgreSQL µs |"
        );
        println!("|--:|--:|---|--:|--:|--:|--:|--:|");
        add_people(&mut connection, self.small, "small").await;
        sqlx::query("VACUUM ANALYZE").execute(&mut connection).await.unwrap();
        let small = self.measure(&site, (self.small, 0)).await;
        let started = Instant::now();
        add_people(&mut connection, self.large.saturating_sub(self.small), "large").await;
        let people = self.large.saturating_sub(self.small).max(1);
        add_old(&mut connection, (self.old, people), "a").await;
        sqlx::query("VACUUM ANALYZE").execute(&mut connection).await.unwrap();
        let grown = started.elapsed();
        let large = self.measure(&site, (self.large, self.old)).await;
        let bytes: i64 =
            sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&mut connection).await.unwrap();
        println!("\nfilled in {:.0} s; the database has {:.1} GB", grown.as_secs_f64(), bytes as f64 / 1e9);
        for (place, name) in ["program", "program and PostgreSQL"].iter().enumerate() {
            let ratios: Vec<String> =
                small.iter().zip(&large).map(|(few, many)| format!("{:.2}", many[place] / few[place])).collect();
            println!("CPU time of the {name}, many over few (aim 1.2): {}", ratios.join(", "));
        }
    }

    async fn measure(&self, site: &Installation, (accounts, old): (usize, usize)) -> Vec<[f64; 2]> {
        let mut connection = PgConnection::connect(&site.database).await.unwrap();
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.unwrap();
        let server = parent_of(u32::try_from(backend).unwrap()).unwrap();
        let mut costs = Vec::new();
        for scenario in [Scenario::PasskeySignIn, Scenario::AuthorizeExchange, Scenario::Refresh] {
            let length = Duration::from_secs_f64(self.seconds);
            drop(measure(scenario, site, 4, Duration::from_secs(1)).await);
            let (mut ours, mut both) = (Vec::new(), Vec::new());
            let mut last = None;
            for _ in 0..3 {
                let before = cpu_of_family(server);
                let measured = measure(scenario, site, 4, length).await;
                let postgres = cpu_of_family(server).saturating_sub(before).as_secs_f64() * 1e6 / measured.done as f64;
                ours.push(measured.cpu);
                both.push(measured.cpu + postgres);
                last = Some(measured);
            }
            let (Some(last), ours, both) = (last, median(ours), median(both)) else { continue };
            println!(
                "| {accounts} | {old} | {} | {:.0} | {:.2} | {:.2} | {ours:.0} | {:.0} |",
                scenario.title(),
                last.rate(),
                last.percentile(0.5),
                last.percentile(0.99),
                both - ours
            );
            costs.push([ours, both]);
        }
        costs
    }
}
