//! A new database per engine, and helpers to fill it.

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::Connection as _;
use sqlx::migrate::Migrator;
use tempfile::TempDir;
use test_engine_duration::Micros;
use test_engine_results::{Format, Outcome, TestResult};
use test_engine_store::{
    Change, NewExecution, NewRun, NewSuite, NewUpload, Period, Store, Suite, Timestamp,
};
use uuid::Uuid;

/// Noon of an arbitrary day.
pub(crate) const NOON: Timestamp = Timestamp::from_millis(1_800_014_400_000);

/// A database with the organization `acme` and its suite `web`.
pub(crate) struct Database {
    pub(crate) store: Store,
    pub(crate) suite: Suite,
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Database {
    pub(crate) async fn sqlite() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/test.db", directory.path().display());
        Self::at(url, Some(directory)).await
    }

    async fn postgres() -> Self {
        Self::at(test_engine_test_postgres::fresh_database(), None).await
    }

    /// As another server sees it, or this one after a restart.
    pub(crate) async fn reopened(&self) -> Self {
        Self {
            store: Store::open(&self.url).await.unwrap(),
            suite: self.suite.clone(),
            url: self.url.clone(),
            _folder: None,
        }
    }

    async fn at(url: String, directory: Option<TempDir>) -> Self {
        let store = Store::open(&url).await.unwrap();
        let suite = create_suite(&store, "acme", "web").await;
        Self {
            store,
            suite,
            url,
            _folder: directory,
        }
    }
}

pub(crate) async fn on_every_engine(test: impl AsyncFn(Database)) {
    test(Database::sqlite().await).await;
    test(Database::postgres().await).await;
}

/// Upgrades a database that an earlier version has migrated up to `version` and filled with `rows`,
/// SQL in which binary values are written as for SQLite.
pub(crate) async fn on_upgraded_databases(version: i64, rows: &str, test: impl AsyncFn(&Store)) {
    let directory = tempfile::tempdir().unwrap();
    let sqlite = format!("sqlite://{}/test.db", directory.path().display());
    let options = format!("{sqlite}?mode=rwc");
    let mut file = sqlx::SqliteConnection::connect(&options).await.unwrap();
    let migrations = migrations_of("sqlite").await;
    migrations.run_to(version, &mut file).await.unwrap();
    OtherProgram::Sqlite(file).say(rows).await;

    let postgres = test_engine_test_postgres::fresh_database();
    let mut server = sqlx::PgConnection::connect(&postgres).await.unwrap();
    let migrations = migrations_of("postgres").await;
    migrations.run_to(version, &mut server).await.unwrap();
    let rows = rows.replace("X'", "'\\x");
    OtherProgram::Postgres(server).say(&rows).await;

    for url in [sqlite, postgres] {
        let store = Store::open(&url).await.unwrap();
        test(&store).await;
        store.close().await;
    }
}

/// The migrations of an engine, of which a test runs the first ones.
pub(crate) async fn migrations_of(engine: &str) -> Migrator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    Migrator::new(folder.join(engine).as_path()).await.unwrap()
}

/// Another connection to the same database, for raw SQL.
pub(crate) enum OtherProgram {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl OtherProgram {
    pub(crate) async fn new(url: &str) -> Self {
        if url.starts_with("postgres:") {
            return Self::Postgres(sqlx::PgConnection::connect(url).await.unwrap());
        }
        Self::Sqlite(sqlx::SqliteConnection::connect(url).await.unwrap())
    }

    pub(crate) async fn say(&mut self, sql: &str) {
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.map(drop),
            Self::Postgres(connection) => sql.execute(connection).await.map(drop),
        }
        .unwrap();
    }

    /// The number that a query returns.
    pub(crate) async fn number(&mut self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(connection) => {
                let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
                query.fetch_one(connection).await.unwrap()
            }
            Self::Postgres(connection) => {
                let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql));
                query.fetch_one(connection).await.unwrap()
            }
        }
    }

    /// Starts a transaction that blocks every upload.
    pub(crate) async fn block_writers(&mut self) {
        match self {
            Self::Sqlite(_) => self.say("BEGIN IMMEDIATE").await,
            Self::Postgres(_) => self.say("BEGIN; SELECT id FROM suites FOR UPDATE").await,
        }
    }
}

pub(crate) async fn create_suite(store: &Store, organization: &str, slug: &str) -> Suite {
    let organization = match store.organization(organization).await.unwrap() {
        Some(organization) => organization,
        None => store
            .create_organization(Uuid::new_v4(), organization, &Change::by_server(NOON))
            .await
            .unwrap(),
    };
    let suite = NewSuite {
        uuid: Uuid::new_v4(),
        slug: slug.to_owned(),
        name: format!("The {slug} suite"),
        default_branch: "main".to_owned(),
        ..NewSuite::default()
    };
    store
        .create_suite(organization.id, suite, &Change::by_server(NOON))
        .await
        .unwrap()
}

/// An upload at noon, without results, on the branch `main`.
pub(crate) fn upload(suite: &Suite, key: &str) -> NewUpload {
    let uuid = Uuid::new_v4();
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(uuid.as_bytes());
    NewUpload {
        suite: suite.id,
        run: NewRun {
            uuid: Uuid::new_v4(),
            key: key.to_owned(),
            branch: Some("main".to_owned()),
            commit_sha: Some(format!("commit-of-{key}")),
            run_env: format!(r#"{{"key":"{key}"}}"#),
            ..NewRun::default()
        },
        uuid,
        format: Format::Json,
        job_id: None,
        tags: BTreeMap::new(),
        digest,
        skipped: 0,
        errors: Vec::new(),
        errors_outside_tests: Vec::new(),
        received_at: NOON,
        executions: Vec::new(),
    }
}

/// A passed result of a test in the scope `Basket` of `basket.py`.
pub(crate) fn passed(name: &str, seconds: f64) -> NewExecution {
    NewExecution {
        result: TestResult {
            scope: "Basket".into(),
            name: name.to_owned().into(),
            location: Some("basket.py:7".into()),
            file_name: Some("basket.py".into()),
            outcome: Outcome::Passed,
            duration: Some(Micros::from_seconds(seconds)),
            ..TestResult::default()
        },
        selector: Some("basket.py".to_owned()),
        ..NewExecution::default()
    }
}

/// A failed result, see [`passed`].
pub(crate) fn failed(name: &str, seconds: f64) -> NewExecution {
    let mut execution = passed(name, seconds);
    execution.result.outcome = Outcome::Failed;
    execution.result.extras.failure_reason = Some(format!("{name} is broken"));
    execution
}

/// The execution with spans, as the server encodes them.
pub(crate) fn with_spans(mut execution: NewExecution, spans: &[u8]) -> NewExecution {
    execution.spans = Some(spans.to_vec());
    execution
}

/// A skipped result, see [`passed`].
pub(crate) fn skipped(name: &str) -> NewExecution {
    let mut execution = passed(name, 0.0);
    execution.result.outcome = Outcome::Skipped;
    execution
}

/// Sets the producer's id.
pub(crate) fn with_id(id: &str, mut execution: NewExecution) -> NewExecution {
    execution.result.id = Some(id.to_owned().into());
    execution
}

/// Uploads results to a run, at noon.
pub(crate) async fn record(
    database: &Database,
    key: &str,
    executions: Vec<NewExecution>,
) -> test_engine_store::Recorded {
    let upload = NewUpload {
        executions,
        ..upload(&database.suite, key)
    };
    database.store.record_upload(upload).await.unwrap()
}

pub(crate) async fn run(database: &Database, key: &str) -> test_engine_store::Run {
    let page = test_engine_store::Page::new(1, 100);
    let runs = database
        .store
        .runs(database.suite.id, None, page)
        .await
        .unwrap();
    runs.items.into_iter().find(|run| run.key == key).unwrap()
}

/// The day of [`NOON`].
pub(crate) fn that_day() -> Period {
    Period::last_days(1, NOON)
}
