//! X17: the power goes on SQLite. The files are copied at random moments as the disk would hold them, the log cut at any
//! byte, and opened: nothing is broken, nothing acknowledged is missing up to the cut's last sync.

use super::load::Load;
use crate::harness::{Options, Site, Store, eventually, random};
use dinhdanh::db::Db;
use sqlx::Connection;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const MOMENTS: usize = 4;

fn signal(process: u32, name: &str) {
    assert!(Command::new("kill").args([format!("-{name}"), process.to_string()]).status().unwrap().success());
}

/// SQLite's log: a header of 32 bytes, then frames of a header of 24 and a page of 4096.
const HEADER: u64 = 32;
const FRAME: u64 = 4_120;

/// Bytes of the log that a checkpoint has moved into the database: they reached the disk before it began, so no power loss
/// takes them away (SQLite, "The WAL-Index File Format", 2.2: `nBackfill`).
fn checkpointed(index: &[u8]) -> u64 {
    let frames = u32::from_ne_bytes(index[96..100].try_into().unwrap());
    if frames == 0 { 0 } else { HEADER + u64::from(frames) * FRAME }
}

/// What a log is cut to: all of it, nothing, at frames and at odd bytes, as far as it can be lost.
fn cuts(length: u64, kept: u64) -> Vec<u64> {
    let frames = length.saturating_sub(HEADER) / FRAME;
    let some = |part: u64| HEADER + frames * part / 4 * FRAME;
    let odd = random().bytes().fold(7u64, |sum, byte| sum.wrapping_mul(33).wrapping_add(u64::from(byte)));
    let mut all = vec![length, 0, 17, some(1), some(2), some(3), some(2) + 24, some(3) + 2_000, odd % (length + 1)];
    all.retain(|cut| (kept..=length).contains(cut));
    all
}

async fn opens(folder: &Path, least: i64, what: &str) {
    let url = format!("sqlite://{}", folder.join("dinhdanh.db").display());
    let db = Db::connect(&url).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    let sound: String = db.query("PRAGMA integrity_check").scalar().await.unwrap();
    assert_eq!(sound, "ok", "{what}");
    let told = "SELECT COUNT(*) FROM audit_event WHERE kind = 'grant.exchanged'";
    let told: i64 = db.query(told).scalar().await.unwrap();
    assert!(told >= least, "I3: {what}: {least} were acknowledged, {told} are there");
    let silent = "SELECT COUNT(*) FROM authorization_grant g WHERE code_used_at IS NOT NULL AND NOT EXISTS (SELECT 1
         FROM audit_event a WHERE a.grant_id = g.id AND a.kind IN ('grant.exchanged', 'grant.ended'))";
    let silent: i64 = db.query(silent).scalar().await.unwrap();
    assert_eq!(silent, 0, "I4: {what}: half of a transaction is there");
    db.close().await;
}

/// Has everything moved into the database; `None` while somebody reads.
async fn empty_log(folder: &Path) -> Option<()> {
    let url = format!("sqlite://{}", folder.join("dinhdanh.db").display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    (busy == 0).then_some(())
}

#[test]
fn x17_a_power_loss_on_sqlite_keeps_what_was_acknowledged() {
    crate::harness::in_runtime(async {
        let site = &Site::start(Store::Sqlite, Options::default()).await;
        let process = site.processes()[0];
        let load = &Load::new(site).await;
        eventually("an empty log", || empty_log(&site.data)).await;
        let stop = AtomicBool::new(false);
        let mut copies = Vec::new();
        let director = async {
            for moment in 0..MOMENTS {
                tokio::time::sleep(Duration::from_millis(150)).await;
                // Counted first: whatever is acknowledged by now must be in the copy.
                let least = load.count();
                signal(process, "STOP");
                let copy = site.data.join(format!("copy-{moment}"));
                std::fs::create_dir(&copy).unwrap();
                for file in ["dinhdanh.db", "dinhdanh.db-wal"] {
                    std::fs::copy(site.data.join(file), copy.join(file)).unwrap();
                }
                let kept = checkpointed(&std::fs::read(site.data.join("dinhdanh.db-shm")).unwrap());
                signal(process, "CONT");
                copies.push((copy, least, kept));
            }
            stop.store(true, Ordering::Relaxed);
        };
        tokio::join!(load.run(&stop), director);
        assert!(load.count() > 0);
        let (mut opened, mut early) = (0, 0);
        for (copy, least, kept) in &copies {
            let log = std::fs::read(copy.join("dinhdanh.db-wal")).unwrap();
            for cut in cuts(u64::try_from(log.len()).unwrap(), *kept) {
                let folder = copy.join(format!("cut-{opened}"));
                std::fs::create_dir(&folder).unwrap();
                std::fs::copy(copy.join("dinhdanh.db"), folder.join("dinhdanh.db")).unwrap();
                early += usize::from(cut == 0);
                let kept = usize::try_from(cut).unwrap();
                std::fs::write(folder.join("dinhdanh.db-wal"), &log[..kept]).unwrap();
                let whole = kept == log.len();
                let what = format!("cut at {cut} of {}", log.len());
                opens(&folder, if whole { *least } else { 0 }, &what).await;
                opened += 1;
            }
        }
        // The log was emptied before the load, so most copies are from before any checkpoint.
        assert!(early > 0, "no copy could be cut to nothing");
        println!("{opened} cuts opened, {} sign-ins acknowledged", load.count());
    });
}
