//! Upgrades a database of the first release on each engine: migrations keep every row. The server's
//! tests cover what clients see of an upgrade.

use std::str::FromStr as _;

use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{Column as _, Connection as _, Row as _, TypeInfo as _, ValueRef as _};
use test_engine_store::{NewUpload, Page, Period, Store, Suite, TestOrder, TestQuery};

use crate::reading::query;
use crate::support::{OtherProgram, failed, migrations_of, passed, upload};

/// Written by the first release; the server's tests use it as well.
const FIRST_RELEASE: &str = include_str!("../../../server/tests/fixtures/upgrade/0.1.0.sql");

/// Its tables, ordered by foreign keys.
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

/// The table that a migration replaces.
const DAILY_SUMS: &str = "test_days";

const ALWAYS: Period = Period {
    first_day: 0,
    last_day: 100_000,
};

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

/// Copies the rows to Postgres, into the first release's tables.
async fn copy_to_postgres(source: &mut sqlx::SqliteConnection, url: &str) {
    let mut target = sqlx::PgConnection::connect(url).await.unwrap();
    migrations_of("postgres")
        .await
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

/// Row counts by table, and sums that no migration may change. Daily sums are excluded: they change
/// their form.
async fn rows(url: &str) -> Vec<i64> {
    let mut other = OtherProgram::new(url).await;
    let mut counts = Vec::new();
    for table in TABLES.iter().filter(|table| **table != DAILY_SUMS) {
        counts.push(other.number(&format!("SELECT COUNT(*) FROM {table}")).await);
    }
    let sum = "SELECT CAST(SUM(LENGTH(body)) AS BIGINT) FROM segments";
    counts.push(other.number(sum).await);
    counts
}

/// Totals over all daily sums: executions by outcome, timed executions, their duration, and the
/// sums of the shortest and longest durations per test and suite.
async fn daily_sums(url: &str) -> Vec<i64> {
    let mut other = OtherProgram::new(url).await;
    let mut sums = Vec::new();
    for column in [
        "passed",
        "failed",
        "skipped",
        "unknown",
        "timed",
        "duration_sum_us",
    ] {
        let sum = format!("SELECT CAST(SUM({column}) AS BIGINT) FROM {DAILY_SUMS}");
        sums.push(other.number(&sum).await);
    }
    for end in ["MIN(duration_min_us)", "MAX(duration_max_us)"] {
        let sum = format!(
            "SELECT CAST(SUM(ends) AS BIGINT) FROM \
             (SELECT {end} AS ends FROM {DAILY_SUMS} GROUP BY test_id) AS tests"
        );
        sums.push(other.number(&sum).await);
    }
    sums
}

/// The same totals from [`Store::tests`].
async fn listed_sums(store: &Store, suites: &[Suite]) -> Vec<i64> {
    let mut sums = vec![0; 8];
    for suite in suites {
        let query = TestQuery {
            period: ALWAYS,
            ..query(TestOrder::Executions, true)
        };
        for item in store.tests(suite.id, &query).await.unwrap().items {
            let metrics = item.metrics;
            let told = [
                metrics.counts.passed,
                metrics.counts.failed,
                metrics.counts.skipped,
                metrics.counts.unknown,
                metrics.timed,
                metrics.duration_sum.get(),
                metrics.duration_min.unwrap_or_default().get(),
                metrics.duration_max.unwrap_or_default().get(),
            ];
            for (sum, told) in sums.iter_mut().zip(told) {
                *sum += i64::try_from(told).unwrap();
            }
        }
    }
    sums
}

#[tokio::test]
async fn keeps_rows_of_the_first_release() {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/test.db", directory.path().display());
    // A dump lists tables in any order.
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
        let sums = daily_sums(&url).await;
        assert!(sums[0] > 0 && sums[7] > sums[6], "{sums:?}");
        let store = Store::open(&url).await.unwrap();
        assert_eq!(rows(&url).await, before, "{url}");
        let organization = store.organizations().await.unwrap().remove(0);
        let page = Page::new(1, 100);
        let suites = store.suites(organization.id, page).await.unwrap().items;
        assert_eq!(listed_sums(&store, &suites).await, sums, "{url}");
        let mut runs_of_all = 0;
        for suite in &suites {
            let runs = store.runs(suite.id, None, page).await.unwrap().items;
            runs_of_all += runs.len();
            for run in &runs {
                let failures = store.failed_executions(run, page).await.unwrap();
                assert_eq!(failures.total, run.counts.failed, "{}", run.key);
            }
            let tests = store.count_tests(suite.id).await.unwrap();
            // Uploads still work, with known and new tests.
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
