//! A database as the first release left it, with real rows, on each engine: everything is there
//! after the migrations, and goes on.

use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};
use test_engine_store::{NewUpload, Page, Store};

use crate::support::{OtherProgram, failed, passed, upload};

/// Written by the first release; the server's own tests use it, too.
const FIRST_RELEASE: &str = include_str!("../../../server/tests/fixtures/upgrade/0.1.0.sql");

/// Its tables, each after those it refers to.
const TABLES: [&str; 13] = [
    "organizations",
    "suites",
    "tokens",
    "branches",
    "runs",
    "uploads",
    "segments",
    "selectors",
    "tests",
    "failures",
    "test_days",
    "plans",
    "node_reports",
];

/// A value as SQL for Postgres.
fn literal(row: &SqliteRow, column: usize) -> String {
    let value = row.try_get_raw(column).unwrap();
    if value.is_null() {
        return "NULL".to_owned();
    }
    match value.type_info().name() {
        "INTEGER" if row.column(column).name() == "muted" => {
            (row.get::<i64, _>(column) != 0).to_string().to_uppercase()
        }
        "INTEGER" | "BOOLEAN" => row.get_unchecked::<i64, _>(column).to_string(),
        "TEXT" => format!("'{}'", row.get::<String, _>(column).replace('\'', "''")),
        "BLOB" => {
            let bytes: Vec<u8> = row.get(column);
            bytes
                .iter()
                .fold("'\\x".to_owned(), |text, byte| format!("{text}{byte:02x}"))
                + "'"
        }
        other => panic!("a value of the type {other}"),
    }
}

/// The same rows in Postgres, in tables as the first release made them.
async fn copy_to_postgres(source: &mut sqlx::SqliteConnection, url: &str) {
    let mut target = sqlx::PgConnection::connect(url).await.unwrap();
    sqlx::migrate!("migrations/postgres")
        .run_to(1, &mut target)
        .await
        .unwrap();
    for table in TABLES {
        let all = format!("SELECT * FROM {table}");
        let rows = sqlx::query(sqlx::AssertSqlSafe(all))
            .fetch_all(&mut *source)
            .await
            .unwrap();
        for row in rows {
            let names: Vec<&str> = row.columns().iter().map(sqlx::Column::name).collect();
            let values: Vec<String> = (0..names.len()).map(|at| literal(&row, at)).collect();
            let insert = format!(
                "INSERT INTO {table} ({}) OVERRIDING SYSTEM VALUE VALUES ({})",
                names.join(", "),
                values.join(", ")
            );
            let insert = sqlx::raw_sql(sqlx::AssertSqlSafe(insert));
            insert.execute(&mut target).await.unwrap();
        }
    }
    for table in [
        "organizations",
        "suites",
        "tokens",
        "branches",
        "runs",
        "uploads",
        "selectors",
        "tests",
    ] {
        let next = format!(
            "SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))"
        );
        let next = sqlx::raw_sql(sqlx::AssertSqlSafe(next));
        next.execute(&mut target).await.unwrap();
    }
    target.close().await.unwrap();
}

/// Rows of each table, and a sum over some of them that no migration may change.
async fn rows(url: &str) -> Vec<i64> {
    let mut other = OtherProgram::new(url).await;
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(other.number(&format!("SELECT COUNT(*) FROM {table}")).await);
    }
    for sum in [
        "SUM(LENGTH(body)) FROM segments",
        "SUM(duration_sum_us) FROM test_days",
    ] {
        counts.push(
            other
                .number(&format!("SELECT CAST({sum}").replace(") FROM", ") AS BIGINT) FROM"))
                .await,
        );
    }
    counts
}

#[tokio::test]
async fn what_the_first_release_kept_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/test.db", folder.path().display());
    // A dump has its tables in no order.
    let options = SqliteConnectOptions::from_str(&sqlite)
        .unwrap()
        .create_if_missing(true)
        .foreign_keys(false);
    let mut file = sqlx::SqliteConnection::connect_with(&options)
        .await
        .unwrap();
    sqlx::raw_sql(FIRST_RELEASE)
        .execute(&mut file)
        .await
        .unwrap();
    let postgres = test_engine_test_postgres::fresh_database();
    copy_to_postgres(&mut file, &postgres).await;
    file.close().await.unwrap();

    for url in [sqlite, postgres] {
        let before = rows(&url).await;
        assert!(before.iter().all(|count| *count > 0), "{before:?}");
        let store = Store::open(&url).await.unwrap();
        assert_eq!(rows(&url).await, before, "{url}");
        let organization = store.organizations().await.unwrap().remove(0);
        let page = Page::new(1, 100);
        let suites = store.suites(organization.id, page).await.unwrap().items;
        let mut runs_of_all = 0;
        for suite in &suites {
            let runs = store.runs(suite.id, None, page).await.unwrap().items;
            runs_of_all += runs.len();
            for run in &runs {
                let failures = store.failed_executions(run, page).await.unwrap();
                assert_eq!(failures.total, run.counts.failed, "{}", run.key);
            }
            let tests = store.count_tests(suite.id).await.unwrap();
            // Life goes on, with a test that is known and one that is not.
            let new = NewUpload {
                executions: vec![passed("new", 1.0), failed("newer", 1.0)],
                ..upload(suite, "after the upgrade")
            };
            assert_eq!(store.record_upload(new).await.unwrap().kept, 2);
            assert_eq!(store.count_tests(suite.id).await.unwrap(), tests + 2);
        }
        assert_eq!(i64::try_from(runs_of_all).unwrap(), before[4]);
        store.close().await;
    }
}
