//! The plan of every statement of this floor on PostgreSQL: none may read a growing table from end to end.
//!
//! The statements are taken from the source text, so that a new one is looked at without anybody thinking of it.

use crate::db::Db;
use crate::store::testing::on_both;
use serde_json::Value;
use sqlx::{AssertSqlSafe, PgConnection, Row};
use std::path::Path;

/// Tables that stay small whatever the years bring. Every other table grows.
const SMALL: [&str; 8] = [
    "client",
    "client_logo",
    "initial_access_token",
    "agreement",
    "signing_key",
    "encryption_key",
    "installation",
    "test_message",
];

/// Statements that pass by little on their way along a range: messages that somebody sends just now, and the few counters
/// that are kept for ever.
const PASS_BY_LITTLE: [&str; 2] = ["UPDATE outbox SET claimed_until", "DELETE FROM throttle"];

/// A statement and the file it stands in.
struct Statement {
    file: String,
    sql: String,
}

/// Every statement of `src/store`, as PostgreSQL would get it. Lists of columns, which a macro makes, become `*`: they
/// decide nothing about the way to the rows.
fn statements() -> Vec<Statement> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "rs") {
            continue;
        }
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&path).unwrap();
        found.extend(texts(&source).into_iter().map(|sql| Statement { file: file.clone(), sql }));
    }
    found.retain(|statement| is_statement(&statement.sql));
    found
}

fn is_statement(text: &str) -> bool {
    // What only adds given values looks for nothing but keys.
    let adds = text.starts_with("INSERT") && !text.contains("SELECT");
    ["SELECT ", "UPDATE ", "DELETE ", "INSERT ", "WITH "].iter().any(|start| text.starts_with(start)) && !adds
}

/// The string literals of a source text, those within one `concat!` joined.
fn texts(source: &str) -> Vec<String> {
    let (mut found, mut rest) = (Vec::new(), source);
    while let Some(at) = rest.find(['"', '/', 'c', '\'']) {
        rest = &rest[at..];
        if rest.starts_with("//") {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
        } else if rest.starts_with("'\"'") {
            rest = &rest[3..];
        } else if let Some(inside) = rest.strip_prefix("concat!(") {
            let (text, after) = joined(inside);
            found.push(text);
            rest = after;
        } else if rest.starts_with('"') {
            let (text, after) = literal(rest);
            found.push(text);
            rest = after;
        } else {
            rest = &rest[1..];
        }
    }
    found
}

/// A string literal and what follows it.
fn literal(source: &str) -> (String, &str) {
    let (mut text, mut characters) = (String::new(), source[1..].char_indices());
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (text, &source[at + 2..]),
            '\\' => match characters.next() {
                Some((_, '\n')) => text.push(' '),
                Some((_, escaped)) => text.push(escaped),
                None => break,
            },
            other => text.push(other),
        }
    }
    panic!("a string without an end")
}

/// The parts of a `concat!`, up to its closing bracket, and what follows.
fn joined(source: &str) -> (String, &str) {
    let (mut text, mut rest) = (String::new(), source);
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        if let Some(inside) = rest.strip_prefix("columns!(") {
            let (table, after) = inside.split_once(')').unwrap();
            text.push_str(table.trim_matches('"'));
            text.push('*');
            rest = after;
        } else if rest.starts_with('"') {
            let (part, after) = literal(rest);
            text.push_str(&part);
            rest = after;
        } else if let Some(after) = rest.strip_prefix(')') {
            return (text, after);
        } else {
            // The macro that makes the columns: no statement.
            return (String::new(), &rest[rest.chars().next().map_or(0, char::len_utf8)..]);
        }
    }
}

/// What a plan does that takes longer with every row of a growing table.
fn scans(plan: &Value, limited: bool, found: &mut Vec<String>) {
    let kind = plan["Node Type"].as_str().unwrap_or_default();
    // The first row is enough for EXISTS, which stands in a plan of its own.
    let limited = limited || kind == "Limit" || plan["Parent Relationship"] == "InitPlan";
    if let Some(table) = plan["Relation Name"].as_str().filter(|table| !SMALL.contains(table)) {
        let by_index = ["Index Scan", "Index Only Scan"].contains(&kind);
        // Along an index from its beginning, taking every row, and only so many: that is a page of a list.
        let page = limited && plan.get("Filter").is_none();
        let whole_index = by_index && plan.get("Index Cond").is_none() && !page;
        if kind == "Seq Scan" || whole_index {
            found.push(format!("{kind} on {table}"));
        }
        // Along a range of an index until enough is found of what the index does not know: where there is little of it,
        // that is the whole range.
        let along = plan["Index Cond"].as_str().is_some_and(|condition| !condition.contains(" = "));
        if limited && by_index && along && plan.get("Filter").is_some() {
            found.push(format!("filtered {kind} on {table}"));
        }
    }
    for child in plan["Plans"].as_array().into_iter().flatten() {
        scans(child, limited, found);
    }
}

async fn plan_of(connection: &mut PgConnection, sql: &str) -> Value {
    let count = (1..64).rev().find(|number| sql.contains(&format!("${number}"))).unwrap_or(0);
    let values = vec!["NULL"; count].join(", ");
    let arguments = if count == 0 { String::new() } else { format!("({values})") };
    let text = format!("DEALLOCATE ALL; PREPARE looked_at AS {sql}");
    let prepared = sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut *connection).await;
    prepared.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let text = format!("EXPLAIN (FORMAT JSON) EXECUTE looked_at{arguments}");
    let rows = sqlx::raw_sql(AssertSqlSafe(text)).fetch_one(&mut *connection).await;
    let row = rows.unwrap_or_else(|error| panic!("{error}\n{sql}"));
    let explained: Value = row.try_get(0).unwrap();
    explained[0]["Plan"].clone()
}

#[tokio::test]
async fn no_statement_reads_a_growing_table_from_end_to_end() {
    let statements = statements();
    assert!(statements.len() > 80, "only {} statements were found", statements.len());
    on_both(|db| async move {
        let Db::Postgres(pool) = &db else { return };
        let mut connection = pool.acquire().await.unwrap();
        // Empty tables are read whole because that is cheapest; with this, only where there is no other way. The plan
        // must hold for every value, as a prepared statement's does.
        let settings = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan";
        sqlx::raw_sql(settings).execute(&mut *connection).await.unwrap();
        let mut wrong = Vec::new();
        for statement in self::statements() {
            let mut found = Vec::new();
            scans(&plan_of(&mut connection, &statement.sql).await, false, &mut found);
            if PASS_BY_LITTLE.iter().any(|start| statement.sql.starts_with(start)) {
                found.retain(|one| !one.starts_with("filtered "));
            }
            if !found.is_empty() {
                wrong.push(format!("{}: {}\n{}\n", statement.file, found.join(", "), statement.sql));
            }
        }
        assert!(wrong.is_empty(), "{} of the statements:\n{}", wrong.len(), wrong.join("\n"));
    })
    .await;
}

/// Whoever presents a secret is looked for in one partition, not in each. Other tables that know secrets are whole.
#[tokio::test]
async fn a_secret_is_looked_for_where_it_says() {
    on_both(|db| async move {
        let Db::Postgres(pool) = &db else { return };
        crate::store::partition::keep(&db, crate::store::testing::NOW).await.unwrap();
        let mut connection = pool.acquire().await.unwrap();
        sqlx::raw_sql("SET plan_cache_mode = force_generic_plan").execute(&mut *connection).await.unwrap();
        let mut looked_at = 0;
        for statement in self::statements() {
            let by_secret = ["secret_digest = $1", "code_digest = $1", "WHERE digest = $1"]
                .iter()
                .any(|condition| statement.sql.contains(condition));
            // Tables that are not divided: few rows, or rows that last minutes.
            let whole = ["decoupled_authorization", "initial_access_token"];
            if by_secret && !whole.iter().any(|table| statement.sql.contains(table)) {
                looked_at += 1;
                let plan = plan_of(&mut connection, &statement.sql).await.to_string();
                assert!(plan.contains("Subplans Removed"), "{}: {}", statement.file, statement.sql);
            }
        }
        assert!(looked_at >= 9, "{looked_at}");
    })
    .await;
}

#[test]
fn statements_are_found_in_source_text() {
    let source = r#"
        // not "SELECT 1 FROM comment"
        macro_rules! columns { ($t:literal) => { concat!($t, "id, ", $t, "name") }; }
        const A: &str = "SELECT one
            FROM a";
        query(concat!("SELECT ", columns!("a."), ", b.c FROM a"));
    "#;
    let found: Vec<String> = texts(source).into_iter().filter(|text| is_statement(text)).collect();
    assert_eq!(found, ["SELECT one\n            FROM a", "SELECT a.*, b.c FROM a"]);
}
