//! The seam's promises, on both engines.

use super::testing::{NOW, another_node, on_both, on_both_empty, sqlite};
use super::{Db, Error, Json, Pools, Query, Sink, Tx};
use crate::base::{Digest, PersonId, SystemEntropy, Timestamp, sha256};
use std::collections::BTreeSet;
use std::time::Duration;

const INSERT: &str = "INSERT INTO throttle (scope, subject, failures, first_at, last_at, paused_until)
                      VALUES ($1, $2, $3, $4, $5, $6)";

async fn insert(sink: impl Sink<'_>, number: i32) -> Result<u64, Error> {
    inserting(sink, number).execute().await
}

/// As [`insert`], where nothing of the answer is needed.
async fn write(tx: &mut Tx, number: i32) -> Result<(), Error> {
    inserting(tx, number).write().await
}

fn inserting<'c>(sink: impl Sink<'c>, number: i32) -> Query<'c> {
    let query = sink.query(INSERT).bind("test").bind(sha256(&number.to_be_bytes())).bind(number);
    query.bind(NOW).bind(NOW).bind(None::<Timestamp>)
}

async fn numbers(db: &Db) -> Vec<i32> {
    db.query("SELECT failures FROM throttle ORDER BY failures").scalars().await.unwrap()
}

#[tokio::test]
async fn values_come_back_as_they_were_written() {
    on_both(|db| async move {
        let times = [
            Timestamp::from_micros(0),
            Timestamp::from_micros(-1),
            Timestamp::from_micros(1_772_413_200_123_456),
            Timestamp::from_seconds(253_402_300_800),
        ];
        let mut tx = db.begin().await.unwrap();
        for (number, at) in (0..).zip(times) {
            tx.query(INSERT)
                .bind("ghi chú: Nguyễn Văn Đạt")
                .bind(sha256(&[number]))
                .bind(i32::from(number) - 2)
                .bind(at)
                .bind(at)
                .bind(Some(at).filter(|_| number > 1))
                .execute()
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
        for (number, at) in (0..).zip(times) {
            let row: (String, Digest, i32, Timestamp, Option<Timestamp>) = db
                .query("SELECT scope, subject, failures, first_at, paused_until FROM throttle WHERE subject = $1")
                .bind(sha256(&[number]))
                .one()
                .await
                .unwrap();
            assert_eq!(row.0, "ghi chú: Nguyễn Văn Đạt");
            assert_eq!(row.1, sha256(&[number]));
            assert_eq!((row.2, row.3), (i32::from(number) - 2, at));
            assert_eq!(row.4, Some(at).filter(|_| number > 1));
        }
        let sorted: Vec<Timestamp> =
            db.query("SELECT first_at FROM throttle ORDER BY first_at").scalars().await.unwrap();
        assert!(sorted.is_sorted());
    })
    .await;
}

#[tokio::test]
async fn ids_json_and_text_come_back_as_they_were_written() {
    on_both(|db| async move {
        let person = PersonId::new(NOW, &SystemEntropy);
        let detail = Json(serde_json::json!({"a": ["ạ", 1, null], "b": {"c": "\u{0}x"}}));
        let mut tx = db.begin().await.unwrap();
        tx.query("INSERT INTO audit_event (id, at, kind, person_id, detail) VALUES ($1, $2, $3, $4, $5)")
            .bind(person)
            .bind(NOW)
            .bind("test")
            .bind(Some(person))
            .bind(&detail)
            .execute()
            .await
            .unwrap();
        tx.commit().await.unwrap();
        let row: (Option<PersonId>, Json<serde_json::Value>, Option<String>) =
            db.query("SELECT person_id, detail, client_id FROM audit_event").one().await.unwrap();
        assert_eq!(row, (Some(person), detail, None));
    })
    .await;
}

#[tokio::test]
async fn a_statement_with_a_missing_or_extra_value_is_refused() {
    on_both(|db| async move {
        let missing = db.query("SELECT failures FROM throttle WHERE scope = $1 AND failures = $2").bind("x");
        assert!(matches!(missing.execute().await, Err(Error::Binds { placeholders: 2, bound: 1 })));
        let extra = db.query("SELECT 1").bind("x");
        assert!(matches!(extra.execute().await, Err(Error::Binds { placeholders: 0, bound: 1 })));
    })
    .await;
}

#[tokio::test]
async fn a_dropped_transaction_leaves_nothing() {
    on_both(|db| async move {
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, 1).await.unwrap();
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, 2).await.unwrap();
        assert_eq!(tx.query("SELECT COUNT(*) FROM throttle").scalar::<i64>().await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert_eq!(numbers(&db).await, [2]);
    })
    .await;
}

#[tokio::test]
async fn i9_after_a_failed_statement_a_commit_is_never_a_yes() {
    on_both(|db| async move {
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, 1).await.unwrap();
        assert!(insert(&mut tx, 1).await.unwrap_err().is_unique_violation());
        assert!(matches!(insert(&mut tx, 2).await, Err(Error::Broken)));
        assert!(matches!(tx.commit().await, Err(Error::Broken)));
        assert!(numbers(&db).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_row_that_is_not_there_breaks_nothing() {
    on_both(|db| async move {
        let mut tx = db.begin().await.unwrap();
        let none = tx.query("SELECT failures FROM throttle").scalar::<i32>().await;
        assert!(matches!(none, Err(Error::NotFound)));
        insert(&mut tx, 1).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&db).await, [1]);
    })
    .await;
}

#[tokio::test]
async fn x27_migrating_twice_and_from_two_nodes_at_once_is_safe() {
    on_both_empty(|db| async move {
        assert!(!db.is_migrated().await.unwrap());
        let other = another_node(&db).await;
        let (one, two) = tokio::join!(db.migrate(), other.migrate());
        one.unwrap();
        two.unwrap();
        db.migrate().await.unwrap();
        assert!(db.is_migrated().await.unwrap() && other.is_migrated().await.unwrap());
        other.close().await;
    })
    .await;
}

#[tokio::test]
async fn both_engines_have_the_same_tables_columns_and_not_nulls() {
    type Columns = BTreeSet<(String, String, bool)>;
    let columns = std::sync::Mutex::new(Vec::<Columns>::new());
    on_both(|db| {
        let columns = &columns;
        async move {
            let text = match db {
                Db::Sqlite(_) => {
                    "SELECT t.name, c.name, c.\"notnull\" = 1 FROM sqlite_master t, pragma_table_info(t.name) c
                     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name <> '_sqlx_migrations'"
                }
                Db::Postgres(_) => {
                    "SELECT table_name::text, column_name::text, is_nullable = 'NO' FROM information_schema.columns
                     WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'
                       AND table_name NOT IN (SELECT inhrelid::regclass::text FROM pg_inherits)"
                }
            };
            let rows: Vec<(String, String, bool)> = db.query(text).all().await.unwrap();
            columns.lock().unwrap().push(rows.into_iter().collect());
        }
    })
    .await;
    let columns = columns.into_inner().unwrap();
    assert!(columns[0].len() > 150, "{}", columns[0].len());
    let differences: Vec<_> = columns[0].symmetric_difference(&columns[1]).collect();
    assert!(differences.is_empty(), "{differences:?}");
}

#[tokio::test]
async fn both_engines_have_the_same_indexes() {
    let names = std::sync::Mutex::new(Vec::<BTreeSet<(String, String)>>::new());
    on_both(|db| {
        let names = &names;
        async move {
            let text = match db {
                Db::Sqlite(_) => {
                    "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite%'"
                }
                Db::Postgres(_) => {
                    "SELECT tablename::text, indexname::text FROM pg_indexes
                     WHERE schemaname = 'public' AND indexname NOT LIKE '%_pkey'
                       AND tablename NOT IN (SELECT inhrelid::regclass::text FROM pg_inherits)"
                }
            };
            let rows: Vec<(String, String)> = db.query(text).all().await.unwrap();
            names.lock().unwrap().push(rows.into_iter().collect());
        }
    })
    .await;
    let names = names.into_inner().unwrap();
    assert!(names[0].len() > 20);
    assert_eq!(names[0], names[1]);
}

fn commits(db: &Db) -> u64 {
    match db {
        Db::Sqlite(file) => file.commits(),
        Db::Postgres(_) => 0,
    }
}

#[tokio::test]
async fn many_writers_share_few_commits() {
    let db = sqlite().await;
    let writers: Vec<_> = (0..64)
        .map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                insert(&mut tx, number).await.unwrap();
                tx.commit().await.unwrap();
                // The answer came after the commit: another connection sees the row.
                assert!(numbers(&db).await.contains(&number));
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(numbers(&db).await.len(), 64);
    assert!(commits(&db) <= 8, "{} commits for 64 transactions", commits(&db));
}

#[tokio::test]
async fn a_member_that_rolls_back_harms_no_other() {
    let db = sqlite().await;
    let writers: Vec<_> = (0..40)
        .map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                insert(&mut tx, number).await.unwrap();
                match number % 4 {
                    0 => tx.rollback(),
                    1 => {
                        // Fails on the unique key, and is dropped with the error.
                        assert!(insert(&mut tx, number).await.is_err());
                        assert!(tx.commit().await.is_err());
                    }
                    _ => tx.commit().await.unwrap(),
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let expected: Vec<i32> = (0..40).filter(|number| number % 4 > 1).collect();
    assert_eq!(numbers(&db).await, expected);
}

/// What is only written down goes with what comes next, or with the end; nothing of it is there without the rest.
#[tokio::test]
async fn what_is_only_written_down_is_kept_or_undone_with_its_transaction() {
    on_both(|db| async move {
        // Alone, before a statement that answers, and more than are held back.
        let mut tx = db.begin().await.unwrap();
        write(&mut tx, 1).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        write(&mut tx, 2).await.unwrap();
        write(&mut tx, 3).await.unwrap();
        let seen: Vec<i32> = tx
            .query("SELECT failures FROM throttle WHERE failures > $1 ORDER BY failures")
            .bind(1)
            .scalars()
            .await
            .unwrap();
        assert_eq!(seen, [2, 3], "a transaction sees what it wrote");
        write(&mut tx, 4).await.unwrap();
        assert_eq!(insert(&mut tx, 5).await.unwrap(), 1, "the count is that of the statement which asks");
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        for number in 10..20 {
            write(&mut tx, number).await.unwrap();
        }
        // A statement that is put together and not run takes no part.
        drop(tx.query("SELECT failures FROM throttle WHERE failures = $1").bind(7));
        write(&mut tx, 20).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&db).await, (1..6).chain(10..21).collect::<Vec<i32>>());
        // Dropped, refused with the next statement, refused at the end.
        let mut tx = db.begin().await.unwrap();
        write(&mut tx, 30).await.unwrap();
        drop(tx);
        let mut tx = db.begin().await.unwrap();
        write(&mut tx, 31).await.unwrap();
        let _ = write(&mut tx, 1).await;
        assert!(insert(&mut tx, 32).await.is_err());
        assert!(tx.commit().await.is_err());
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, 33).await.unwrap();
        let _ = write(&mut tx, 1).await;
        assert!(tx.commit().await.is_err());
        // Nothing was said: nothing to make durable.
        let before = commits(&db);
        db.begin().await.unwrap().commit().await.unwrap();
        assert_eq!(commits(&db), before);
        assert_eq!(numbers(&db).await, (1..6).chain(10..21).collect::<Vec<i32>>());
    })
    .await;
}

/// A statement whose answer nobody waited for may be half done: nothing of its transaction is kept.
#[tokio::test]
async fn i9_a_statement_that_is_cut_off_breaks_its_transaction() {
    on_both(|db| async move {
        let mut tx = db.begin().await.unwrap();
        write(&mut tx, 1).await.unwrap();
        // So long that it has no answer yet when its future is looked at first.
        const LONG: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
                            SELECT COUNT(*) FROM n";
        assert!(cut_off(0, tx.query(LONG).scalar::<i64>()).await.is_none());
        assert!(matches!(insert(&mut tx, 3).await, Err(Error::Broken)));
        assert!(matches!(tx.commit().await, Err(Error::Broken)));
        let mut tx = db.begin().await.unwrap();
        insert(&mut tx, 4).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&db).await, [4]);
    })
    .await;
}

/// Statements alone share groups with transactions; one that fails takes nothing with it.
#[tokio::test]
async fn a_statement_alone_is_kept_or_left_out_by_itself() {
    on_both(|db| async move {
        insert(db.alone(), -1).await.unwrap();
        let before = commits(&db);
        let writers: Vec<_> = (0..60)
            .map(|number| {
                let db = db.clone();
                tokio::spawn(async move {
                    match number % 3 {
                        0 => {
                            assert_eq!(insert(db.alone(), number).await.unwrap(), 1);
                            // The answer came after the commit: another connection sees the row.
                            assert!(numbers(&db).await.contains(&number));
                        }
                        // Fails on the unique key.
                        1 => assert!(insert(db.alone(), -1).await.is_err()),
                        _ => {
                            let mut tx = db.begin().await.unwrap();
                            insert(&mut tx, number).await.unwrap();
                            if number % 2 == 0 { tx.commit().await.unwrap() } else { tx.rollback() }
                        }
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let kept = |number: &i32| number % 3 == 0 || (number % 3 == 2 && number % 2 == 0);
        assert_eq!(numbers(&db).await, (-1..60).filter(|number| *number == -1 || kept(number)).collect::<Vec<i32>>());
        assert!(commits(&db) - before < 30, "{} commits", commits(&db) - before);
    })
    .await;
}

/// A statement alone that is dropped is there or not; whoever shares its group is answered rightly.
#[tokio::test]
async fn i12_a_statement_alone_that_is_dropped_harms_no_neighbour() {
    on_both(|db| async move {
        let mut finished = 0;
        let mut waits = -1;
        for round in 0..500 {
            let first = 1_000 + round * 10;
            waits += 1;
            let (before, mine, after) = (db.clone(), db.clone(), db.clone());
            let before = tokio::spawn(async move { insert(before.alone(), first).await.unwrap() });
            let work = tokio::spawn(cut_off(waits, async move { insert(mine.alone(), first + 1).await.unwrap() }));
            let after = tokio::spawn(async move {
                let mut tx = after.begin().await.unwrap();
                insert(&mut tx, first + 2).await.unwrap();
                tx.commit().await.unwrap();
            });
            before.await.unwrap();
            let answered = work.await.unwrap();
            after.await.unwrap();
            insert(db.alone(), first + 3).await.unwrap();
            let there = numbers(&db).await;
            assert!(
                [first, first + 2, first + 3].iter().all(|number| there.contains(number)),
                "a neighbour's work is lost"
            );
            assert!(answered.is_none() || there.contains(&(first + 1)), "a yes for work that is not there");
            if answered.is_some() {
                waits = -1;
                finished += 1;
            }
            if finished == 10 {
                break;
            }
        }
        assert_eq!(finished, 10);
    })
    .await;
}

/// Drops `work` at its `waits`-th wait, unless it has finished by then.
async fn cut_off<T>(waits: i32, work: impl Future<Output = T>) -> Option<T> {
    let mut work = Box::pin(work);
    let mut seen = 0;
    std::future::poll_fn(move |context| match work.as_mut().poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending if seen == waits => std::task::Poll::Ready(None),
        std::task::Poll::Pending => {
            seen += 1;
            std::task::Poll::Pending
        }
    })
    .await
}

/// A future dropped at any of its waits is rolled back whole, and the group goes on for the others.
#[tokio::test]
async fn i12_a_future_dropped_at_any_moment_leaves_all_or_nothing_and_nobody_is_answered_wrongly() {
    on_both(|db| async move {
        let (mut undone, mut finished) = (0, 0);
        let mut waits = -1;
        for round in 0..500 {
            let first = 1_000 + round * 10;
            waits += 1;
            let (mine, other) = (db.clone(), db.clone());
            let work = tokio::spawn(cut_off(waits, async move {
                let mut tx = mine.begin().await.unwrap();
                insert(&mut tx, first).await.unwrap();
                insert(&mut tx, first + 1).await.unwrap();
                write(&mut tx, first + 3).await.unwrap();
                tx.commit().await.unwrap();
            }));
            let neighbour = tokio::spawn(async move {
                let mut tx = other.begin().await.unwrap();
                insert(&mut tx, first + 2).await.unwrap();
                tx.commit().await.unwrap();
            });
            let answered = work.await.unwrap();
            neighbour.await.unwrap();
            let mut tx = db.begin().await.unwrap();
            let kept: i64 = tx
                .query("SELECT COUNT(*) FROM throttle WHERE failures IN ($1, $2, $3)")
                .bind(first)
                .bind(first + 1)
                .bind(first + 3)
                .scalar()
                .await
                .unwrap();
            tx.commit().await.unwrap();
            assert!(kept == 0 || kept == 3, "half of a transaction was kept");
            assert!(answered.is_none() || kept == 3, "a yes for work that is not there");
            assert!(numbers(&db).await.contains(&(first + 2)));
            undone += usize::from(kept == 0);
            finished += usize::from(answered.is_some());
            // Finished: cut off from the first wait again, since timing differs every time.
            if answered.is_some() {
                waits = -1;
            }
            if finished == 10 {
                break;
            }
        }
        assert!(undone >= 1 && finished == 10, "{undone} undone, {finished} finished");
    })
    .await;
}

/// A COMMIT that fails is told to every member of its group, and none of their work is there.
#[tokio::test]
async fn i9_a_failed_commit_fails_the_whole_group_and_the_next_one_works() {
    let db = sqlite().await;
    let mut tx = db.begin().await.unwrap();
    for statement in [
        "CREATE TABLE parent (id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
    ] {
        tx.query(statement).execute().await.unwrap();
    }
    tx.commit().await.unwrap();

    let mut tx = db.begin().await.unwrap();
    let others: Vec<_> = (0..5)
        .map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                if number % 2 == 0 {
                    // A statement alone hears it as well.
                    return insert(db.alone(), number).await.map(drop);
                }
                let mut tx = db.begin().await.unwrap();
                insert(&mut tx, number).await.unwrap();
                tx.commit().await
            })
        })
        .collect();
    tokio::task::yield_now().await;
    tx.query("INSERT INTO child (id) VALUES (99)").execute().await.unwrap();
    let refused = tx.commit().await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    for other in others {
        assert!(matches!(other.await.unwrap(), Err(Error::Commit(_))));
    }
    assert!(numbers(&db).await.is_empty());

    let mut tx = db.begin().await.unwrap();
    insert(&mut tx, 7).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(numbers(&db).await, [7]);
}

/// X15: the file may not grow: the engine fails statements inside a group.
#[tokio::test]
async fn x15_a_full_file_answers_no_and_what_was_answered_yes_is_there() {
    let db = sqlite().await;
    let mut tx = db.begin().await.unwrap();
    let pages: i64 = tx.query("PRAGMA page_count").scalar().await.unwrap();
    // Room for two of the ten that fill it, however many tables there are.
    let limit: &'static str = Box::leak(format!("PRAGMA max_page_count = {}", pages + 308).into_boxed_str());
    tx.query(limit).execute().await.unwrap();
    tx.commit().await.unwrap();
    let writers: Vec<_> = (0..30)
        .map(|number| {
            let db = db.clone();
            tokio::spawn(async move {
                let mut tx = db.begin().await?;
                insert(&mut tx, number).await?;
                let fill = "INSERT INTO installation (name, value) VALUES ($1, hex(zeroblob(300000)))";
                if number % 3 == 0 {
                    tx.query(fill).bind(number.to_string()).execute().await?;
                }
                tx.commit().await
            })
        })
        .collect();
    let mut kept = Vec::new();
    let mut refused = 0;
    for (number, writer) in (0..).zip(writers) {
        match writer.await.unwrap() {
            Ok(()) => kept.push(number),
            Err(error) => {
                assert!(error.is_unavailable(), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused >= 5, "{refused}");
    assert_eq!(numbers(&db).await, kept);
}

#[tokio::test]
async fn reads_on_the_pool_cannot_write() {
    let db = sqlite().await;
    let refused = db.query("DELETE FROM throttle").execute().await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
}

/// A member that was begun and dropped must not keep the file's write lock.
#[tokio::test]
async fn a_dropped_member_frees_the_file_for_other_processes() {
    let db = sqlite().await;
    let other = another_node(&db).await;
    drop(db.begin().await.unwrap());
    let begun = tokio::time::timeout(Duration::from_secs(4), other.begin()).await;
    let mut tx = begun.expect("the write lock was kept").unwrap();
    insert(&mut tx, 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(numbers(&db).await, [1]);
}

#[tokio::test]
async fn the_temporary_file_goes_with_its_last_handle() {
    let db = sqlite().await;
    let Db::Sqlite(file) = &db else { unreachable!() };
    let folder = file.path().parent().unwrap().to_path_buf();
    assert!(folder.exists());
    drop(db);
    assert!(!folder.exists());
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let db = sqlite().await;
    let Db::Sqlite(file) = &db else { unreachable!() };
    // Whoever reads or writes makes the journal.
    db.ping().await.unwrap();
    for name in ["dinhdanh.db", "dinhdanh.db-wal"] {
        let mode = std::fs::metadata(file.path().with_file_name(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name} {mode:o}");
    }
}

#[tokio::test]
async fn an_unknown_address_is_refused_without_repeating_it() {
    for address in ["mysql://root:hunter2@db/x", "", "sqlite:relative", "postgres://u:hunter2@[bad/x"] {
        let error = Db::connect(address).await.unwrap_err();
        assert!(matches!(error, Error::Address), "{address}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

/// X14: whoever waits too long for the writer is told so; nobody waits for ever.
#[tokio::test]
async fn x14_waiting_for_the_writer_is_bounded() {
    let pools = Pools { wait: Duration::from_secs(1), ..Pools::default() };
    let db = Db::connect_with("sqlite::memory:", pools).await.unwrap();
    let held = db.begin().await.unwrap();
    let refused = db.begin().await.unwrap_err();
    assert!(refused.is_unavailable(), "{refused}");
    drop(held);
    db.begin().await.unwrap().commit().await.unwrap();
}
