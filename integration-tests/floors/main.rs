//! Imports run one way, down the floors. The table is the one of `docs/architecture.md`.

mod checker;

use checker::May::{Import, ImportAll};
use checker::{Floor, check};
use std::path::{Path, PathBuf};

/// What each module may import besides `base` and itself.
const FLOORS: &[Floor] = &[
    ("base", Import(&[])),
    ("config", Import(&[])),
    ("protocol", Import(&[])),
    ("identity", Import(&[])),
    ("audit", Import(&[])),
    ("db", Import(&[])),
    ("cache", Import(&[])),
    ("crypto", Import(&["protocol", "identity"])),
    ("store", Import(&["db", "protocol", "identity", "audit"])),
    ("registers", Import(&["identity", "crypto", "config"])),
    ("broker", Import(&["protocol", "identity", "crypto", "config"])),
    ("notify", Import(&["protocol", "identity", "crypto", "config"])),
    (
        "flow",
        Import(&[
            "config",
            "protocol",
            "identity",
            "audit",
            "db",
            "crypto",
            "store",
            "cache",
            "registers",
            "broker",
            "notify",
        ]),
    ),
    ("view", Import(&["protocol", "identity", "config"])),
    ("jobs", Import(&["flow", "notify", "registers", "store"])),
    ("sample_portal", Import(&["view"])),
    ("http", Import(&["flow", "view", "protocol", "identity", "config"])),
    ("app", ImportAll),
    ("cli", ImportAll),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn imports_run_down_the_floors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&root, &mut files).unwrap();
    files.sort();
    assert!(files.len() > 20, "only {} files found under {}", files.len(), root.display());
    let mut findings = Vec::new();
    for path in files {
        let file = path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
        findings.extend(check(FLOORS, &file, &std::fs::read_to_string(&path).unwrap()));
    }
    let lines: Vec<String> = findings.iter().map(|f| format!("src/{}:{}: {}", f.file, f.line, f.what)).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

fn found(file: &str, source: &str) -> Vec<(usize, String)> {
    check(FLOORS, file, source).into_iter().map(|finding| (finding.line, finding.what)).collect()
}

fn refused(file: &str, source: &str, line: usize, what: &str) {
    let found = found(file, source);
    assert!(found.iter().any(|(at, text)| *at == line && text == what), "{file}: {source}\nfound: {found:?}");
}

fn accepted(file: &str, source: &str) {
    assert_eq!(found(file, source), Vec::new(), "{file}: {source}");
}

#[test]
fn an_import_that_goes_up_or_sideways_is_found() {
    refused("protocol/mod.rs", "//! x\nuse crate::identity::Person;\n", 2, "`protocol` may not import `identity`");
    refused("store/client.rs", "fn f() { let _ = crate::flow::go(); }", 1, "`store` may not import `flow`");
    refused("flow/a.rs", "use crate::{\n  base::Id,\n  http::Page,\n};", 3, "`flow` may not import `http`");
    refused("flow/a.rs", "use crate::{store::{a, b}, view};", 1, "`flow` may not import `view`");
    refused("http/mod.rs", "use crate::flow::x; use crate::app::App;", 1, "`http` may not import `app`");
    refused("sample_portal/mod.rs", "use crate::flow::x;", 1, "`sample_portal` may not import `flow`");
    refused("base/id.rs", "use crate::config;", 1, "`base` may not import `config`");
    refused("config/a.rs", "macro_rules! m { () => { $crate::store::f() } }", 1, "`config` may not import `store`");
    accepted("flow/a.rs", "use crate::{base::{Id, Clock}, store::{a, b}, flow::x}; pub(crate) fn f() {}");
    accepted("cli/mod.rs", "use crate::app; use crate::store; use crate::sample_portal;");
}

#[test]
fn super_chains_and_other_ways_round_are_followed() {
    refused("identity/mod.rs", "use super::protocol::Scope;", 1, "`identity` may not import `protocol`");
    refused("identity/name.rs", "use super::super::protocol::Scope;", 1, "`identity` may not import `protocol`");
    refused("identity/name.rs", "mod a { use super::super::super::db; }", 1, "`identity` may not import `db`");
    refused(
        "identity/name.rs",
        "mod a { fn f() {} }\nuse super::super::{db, base};",
        2,
        "`identity` may not import `db`",
    );
    accepted("identity/name.rs", "use super::protocol::Scope; mod a { use super::super::db; }");
    let whole = "the crate's root is imported as a whole: name the module";
    refused("identity/mod.rs", "use crate::*;", 1, whole);
    refused("identity/mod.rs", "use super::*;", 1, whole);
    refused("identity/mod.rs", "use crate as root;", 1, whole);
    refused("identity/mod.rs", "extern crate self as root;", 1, whole);
    refused(
        "identity/mod.rs",
        "macro_rules! m { () => { super::x() } }\nuse super::db;",
        2,
        "`identity` may not import `db`",
    );
    accepted("identity/mod.rs", "macro_rules! m { () => { super::x() } }");
    accepted("identity/name.rs", "use super::*; mod tests { use super::*; }");
}

#[test]
fn words_out_of_place_are_found() {
    let sqlx = "only `db` and `store` name sqlx";
    refused("flow/a.rs", "fn f() -> sqlx::Result<()> {}", 1, sqlx);
    refused("http/a.rs", "use sqlx;", 1, sqlx);
    accepted("db/mod.rs", "use sqlx::Sqlite;");
    accepted("store/a.rs", "use sqlx::Row;");
    refused("flow/a.rs", "\nuse axum::Json;", 2, "this floor does not know axum");
    refused("protocol/a.rs", "use axum::Json;", 1, "this floor does not know axum");
    accepted("http/a.rs", "use axum::Json;");
    let wait = "`protocol` and `identity` never wait";
    refused("identity/a.rs", "fn f() { g().await; }", 1, wait);
    refused("protocol/a.rs", "async fn f() {}", 1, wait);
    let time = "the time is handed in, never asked for";
    refused("identity/a.rs", "fn f(c: &dyn Clock) { c.now(); }", 1, time);
    refused("protocol/a.rs", "let t = Instant::now ();", 1, time);
    accepted("identity/a.rs", "fn f(now: Timestamp) -> bool { now > x && g(now) }");
    refused("http/a.rs", "use crate::flow::store::client;", 1, "`http` never names `store` or `db`");
    refused("http/a.rs", "db::begin();", 1, "`http` never names `store` or `db`");
    accepted("http/a.rs", "let store = x.store; store.get();");
}

#[test]
fn tests_may_wait_and_ask_the_time_but_not_climb() {
    let inside = |code: &str| format!("fn a() {{}}\n#[cfg(test)]\nmod tests {{ fn t() {{ {code} }} }}\n");
    accepted("identity/a.rs", &inside("SystemClock.now(); x.await;"));
    accepted("identity/tests.rs", "fn t() { SystemClock.now(); }");
    refused("identity/a.rs", &inside("crate::store::x()"), 3, "`identity` may not import `store`");
    let after = format!("{}fn late() {{ x.now() }}", inside(""));
    refused("identity/a.rs", &after, 4, "the time is handed in, never asked for");
    let only_use = "#[cfg(test)]\nuse x;\nfn f() { x.now() }";
    refused("identity/a.rs", only_use, 3, "the time is handed in, never asked for");
}

#[test]
fn comments_and_literals_do_not_count_and_do_not_hide() {
    accepted("base/a.rs", "// use crate::flow;\n/* crate::flow /* nested */ crate::flow */\n/// crate::flow\n");
    accepted("base/a.rs", "const A: &str = \"crate::flow \\\" crate::flow\"; const B: char = '\"';");
    accepted("base/a.rs", "const A: &str = r#\"\" crate::flow \"#; const B: &[u8] = b\"crate::flow\"; let c = b'\\'';");
    refused(
        "base/a.rs",
        "const Q: char = '\"'; use crate::flow; const R: char = '\"';",
        1,
        "`base` may not import `flow`",
    );
    refused("base/a.rs", "fn f<'a>(x: &'a str) {}\nuse crate::flow;", 2, "`base` may not import `flow`");
    refused("base/a.rs", "const U: &str = \"https://x\";\n\nuse crate::flow;", 3, "`base` may not import `flow`");
    refused(
        "base/a.rs",
        "let x = r#\"\n\"#;\nlet y = r##\"\"# \"##; crate::flow::f();",
        3,
        "`base` may not import `flow`",
    );
    refused("base/a.rs", "let x = '\\u{41}'; use r#crate::flow; use crate::r#flow;", 1, "`base` may not import `flow`");
}

#[test]
fn a_module_without_a_floor_is_found() {
    let what = "module `attic` has no floor: give it one in integration-tests/floors/main.rs";
    refused("attic/mod.rs", "", 1, what);
    refused("attic.rs", "", 1, what);
    accepted("app.rs", "use crate::http;");
    refused("app.rs", "use crate::cli;", 1, "`app` may not import `cli`");
    accepted("lib.rs", "pub mod attic;");
}
