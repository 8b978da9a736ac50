//! Measures how many executions per second the store ingests and how many bytes each takes,
//! compared with inserting single rows on the same disk in the same run.
//!
//! `ingest_rate [--postgres] [--uploads N] [--results N] [--tests N] [--fails N] [--json |
//! --evidence]` prints one line or JSON. One of N results fails. `--postgres` starts a temporary
//! server with its usual durability. `--evidence` compares with a store that keeps nothing to judge
//! tests by, uploads to both taking turns; `bin/bench ingest` reads its lines `name = value`.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, Executor, IntoArguments, PgConnection, SqliteConnection};
use tempfile::TempDir;
use test_engine_duration::Micros;
use test_engine_insights::Fingerprint;
use test_engine_results::{Extra, Format, Outcome, TestResult};
use test_engine_store::{
    Change, FailureCause, NewExecution, NewRun, NewSuite, NewUpload, Store, SuiteId, Timestamp,
};
use test_engine_test_postgres::{Cluster, Durability};
use uuid::Uuid;

/// The size of the measurement.
struct Settings {
    /// Measured uploads; those before them make all tests known.
    uploads: usize,
    /// Results per upload.
    results: usize,
    /// Distinct tests, with 20 per file.
    tests: usize,
    /// One of so many results fails.
    fails: usize,
    postgres: bool,
    json: bool,
    /// Measure what the evidence on tests costs.
    evidence: bool,
}

/// The databases of both.
enum Place {
    Folder(TempDir),
    Cluster(Cluster),
}

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// Measured single rows.
const SINGLE_ROWS: usize = 5_000;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let settings = settings()?;
    if settings.evidence {
        return measure_evidence(&settings).await;
    }
    let place = Place::new(settings.postgres)?;
    let store = place.open().await?;
    let now = NOW;
    let suite = create_suite(&store).await?;

    let rounds = settings.tests.div_ceil(settings.results);
    let mut learning = Duration::ZERO;
    for number in 0..rounds {
        let upload = upload(&settings, suite, number, now);
        let start = Instant::now();
        store.record_upload(upload).await?;
        learning += start.elapsed();
    }
    // Closing reveals the file's true size; reopening empties all caches.
    store.close().await;
    let size_before = place.size()?;
    let store = place.open().await?;
    for number in rounds..2 * rounds {
        store
            .record_upload(upload(&settings, suite, number, now))
            .await?;
    }
    let mut times = Vec::with_capacity(settings.uploads);
    for number in 2 * rounds..2 * rounds + settings.uploads {
        let upload = upload(&settings, suite, number, now);
        let start = Instant::now();
        store.record_upload(upload).await?;
        times.push(start.elapsed());
    }
    let executions = as_float(settings.uploads * settings.results);
    let known_rate = executions / times.iter().sum::<Duration>().as_secs_f64();
    let new_rate = as_float(rounds * settings.results) / learning.as_secs_f64();
    times.sort_unstable();
    let median_ms = times[times.len() / 2].as_secs_f64() * 1000.0;
    store.close().await;
    let grown = place.size()?.saturating_sub(size_before);
    let bytes_each = as_float(grown) / as_float((rounds + settings.uploads) * settings.results);
    let single_rate = place.single_rows().await?;

    let mut out = std::io::stdout().lock();
    if settings.json {
        writeln!(
            out,
            "{{\"executions_per_second\": {known_rate:.0}, \
             \"new_tests_per_second\": {new_rate:.0}, \
             \"upload_ms_p50\": {median_ms:.2}, \"bytes_per_execution\": {bytes_each:.1}, \
             \"single_rows_per_second\": {single_rate:.0}, \"ratio\": {:.1}}}",
            known_rate / single_rate
        )?;
    } else {
        writeln!(
            out,
            "ingest: {known_rate:.0} executions/s of known tests, {new_rate:.0}/s of new ones, \
             {median_ms:.1} ms per upload of {}, {bytes_each:.1} B each on disk; \
             single rows {single_rate:.0}/s, ratio {:.1}",
            settings.results,
            known_rate / single_rate
        )?;
    }
    Ok(())
}

async fn create_suite(store: &Store) -> Result<SuiteId, test_engine_store::StoreError> {
    let organization = store
        .create_organization(Uuid::new_v4(), "acme", &Change::by_server(NOW))
        .await?;
    let suite = NewSuite {
        uuid: Uuid::new_v4(),
        slug: "web".to_owned(),
        default_branch: "main".to_owned(),
        ..NewSuite::default()
    };
    let change = Change::by_server(NOW);
    let suite = store.create_suite(organization.id, suite, &change).await?;
    Ok(suite.id)
}

/// A store with or without evidence, and what its uploads took.
struct Side {
    place: Place,
    store: Store,
    suite: SuiteId,
    keeps_evidence: bool,
    times: Vec<Duration>,
}

impl Side {
    async fn new(settings: &Settings, keeps_evidence: bool) -> Result<Self, Box<dyn Error>> {
        let place = Place::new(settings.postgres)?;
        place.vacuum_only_when_told();
        let mut store = place.open().await?;
        if !keeps_evidence {
            store = store.without_evidence();
        }
        let suite = create_suite(&store).await?;
        Ok(Self {
            place,
            store,
            suite,
            keeps_evidence,
            times: Vec::new(),
        })
    }

    async fn record(&mut self, settings: &Settings, number: usize) -> Result<(), Box<dyn Error>> {
        let mut upload = upload(settings, self.suite, number, NOW);
        if !self.keeps_evidence {
            for execution in &mut upload.executions {
                execution.cause = None;
            }
        }
        let start = Instant::now();
        self.store.record_upload(upload).await?;
        self.times.push(start.elapsed());
        Ok(())
    }
}

/// Prints what each upload takes with and without evidence, and the bytes that evidence takes for
/// each execution.
async fn measure_evidence(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let mut sides = [
        Side::new(settings, true).await?,
        Side::new(settings, false).await?,
    ];
    let rounds = settings.tests.div_ceil(settings.results);
    for number in 0..rounds + settings.uploads {
        if number == rounds {
            for side in &mut sides {
                side.times.clear();
            }
        }
        if number % rounds == 0 {
            for side in &sides {
                side.place.vacuum();
            }
        }
        // Neither is always the first.
        sides.rotate_left(1);
        for side in &mut sides {
            side.record(settings, number).await?;
        }
    }
    sides.sort_by_key(|side| side.keeps_evidence);
    let mut sizes = [0, 0];
    for (side, size) in sides.iter().zip(&mut sizes) {
        // Closing reveals the file's true size.
        side.store.close().await;
        *size = side.place.size()?;
    }
    let [without, with] = &sides;
    let executions = as_float((rounds + settings.uploads) * settings.results);
    let bytes = as_float(sizes[1].saturating_sub(sizes[0])) / executions;
    let mut out = std::io::stdout().lock();
    for (name, side) in [("without_ms", without), ("with_ms", with)] {
        for time in &side.times {
            writeln!(out, "{name} = {:.4}", time.as_secs_f64() * 1000.0)?;
        }
    }
    writeln!(out, "evidence_bytes = {bytes:.3}")?;
    Ok(())
}

fn settings() -> Result<Settings, String> {
    let mut settings = Settings {
        uploads: 100,
        results: 5_000,
        tests: 100_000,
        fails: 50,
        postgres: false,
        json: false,
        evidence: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().and_then(|value| value.parse().ok());
            value
                .filter(|value| *value > 0)
                .ok_or_else(|| format!("{argument} needs a number above 0"))
        };
        match argument.as_str() {
            "--uploads" => settings.uploads = number()?,
            "--results" => settings.results = number()?,
            "--tests" => settings.tests = number()?,
            "--fails" => settings.fails = number()?,
            "--postgres" => settings.postgres = true,
            "--json" => settings.json = true,
            "--evidence" => settings.evidence = true,
            other => {
                return Err(format!(
                    "{other} is not known; known are --postgres, --uploads, --results, \
                     --tests, --fails, --json, --evidence"
                ));
            }
        }
    }
    Ok(settings)
}

/// The upload of one node. A build has each test once.
fn upload(settings: &Settings, suite: SuiteId, number: usize, now: Timestamp) -> NewUpload {
    let executions = (0..settings.results)
        .map(|index| {
            let test = (number * settings.results + index) % settings.tests;
            let file = format!(
                "spec/models/area_{}/file_{}_spec.rb",
                test / 2000,
                test / 20
            );
            let failed = (test + number).is_multiple_of(settings.fails);
            NewExecution {
                result: TestResult {
                    id: Some(Uuid::new_v4().to_string().into()),
                    scope: format!("Area {} model {}", test / 2000, test / 20).into(),
                    name: format!("does what number {test} says it does").into(),
                    location: Some(format!("{file}:{}", 10 + test % 20 * 7).into()),
                    file_name: Some(file.clone().into()),
                    outcome: if failed {
                        Outcome::Failed
                    } else {
                        Outcome::Passed
                    },
                    duration: Some(Micros::from_milliseconds(
                        (1 + (test * 7919 + number) % 2000) as u64,
                    )),
                    extras: Extra {
                        failure_reason: failed.then(|| "expected 1, got 2".to_owned()),
                        ..Extra::default()
                    }
                    .into(),
                    ..TestResult::default()
                },
                cause: failed.then(|| FailureCause {
                    fingerprint: Fingerprint::of(
                        "expected 1, got 2",
                        [format!("{file}:7: Error").as_str()],
                    ),
                    frame: Some(format!("{file}:7")),
                }),
                selector: Some(file),
                ..NewExecution::default()
            }
        })
        .collect();
    let uuid = Uuid::new_v4();
    let mut digest = [0; 32];
    digest[..16].copy_from_slice(uuid.as_bytes());
    let key = format!("build {}", number * settings.results / settings.tests);
    let branch = Some("main".to_owned());
    NewUpload {
        suite,
        run: NewRun {
            uuid: Uuid::new_v4(),
            key,
            branch,
            run_env: "{}".to_owned(),
            ..NewRun::default()
        },
        uuid,
        format: Format::Json,
        job_id: None,
        tags: std::collections::BTreeMap::new(),
        digest,
        skipped: 0,
        errors: Vec::new(),
        errors_outside_tests: Vec::new(),
        received_at: now,
        executions,
    }
}

impl Place {
    fn new(postgres: bool) -> std::io::Result<Self> {
        Ok(if postgres {
            Self::Cluster(Cluster::start(Durability::On))
        } else {
            Self::Folder(tempfile::tempdir()?)
        })
    }

    fn file(folder: &TempDir) -> PathBuf {
        folder.path().join("ingest.db")
    }

    async fn open(&self) -> Result<Store, test_engine_store::StoreError> {
        match self {
            Self::Folder(folder) => Store::open_file(&Self::file(folder)).await,
            Self::Cluster(cluster) => Store::open(&cluster.url()).await,
        }
    }

    /// When Postgres vacuums by itself depends on the clock, and would decide more about the sizes
    /// of both sides than evidence does.
    fn vacuum_only_when_told(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.execute("ALTER SYSTEM SET autovacuum = off");
            cluster.execute("SELECT pg_reload_conf()");
        }
    }

    fn vacuum(&self) {
        if let Self::Cluster(cluster) = self {
            cluster.execute("VACUUM ANALYZE");
        }
    }

    /// On disk.
    fn size(&self) -> Result<usize, Box<dyn Error>> {
        Ok(match self {
            Self::Folder(folder) => fs_err::metadata(Self::file(folder))?.len().try_into()?,
            Self::Cluster(cluster) => cluster
                .execute("SELECT pg_database_size('postgres')")
                .trim()
                .parse()?,
        })
    }

    /// Single rows per second.
    async fn single_rows(&self) -> Result<f64, sqlx::Error> {
        match self {
            Self::Folder(folder) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new()
                    .filename(folder.path().join("rows.db"))
                    .create_if_missing(true)
                    .journal_mode(sqlx::sqlite::SqliteJournalMode::Wal)
                    .synchronous(sqlx::sqlite::SqliteSynchronous::Full);
                let mut connection = SqliteConnection::connect_with(&options).await?;
                single_rows(&mut connection, "INTEGER PRIMARY KEY").await
            }
            Self::Cluster(cluster) => {
                let mut connection = PgConnection::connect(&cluster.url()).await?;
                single_rows(&mut connection, "BIGSERIAL PRIMARY KEY").await
            }
        }
    }
}

/// Looks the test up and inserts a row, in a transaction each, with the same durability.
async fn single_rows<C: sqlx::Connection>(connection: &mut C, key: &str) -> Result<f64, sqlx::Error>
where
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
    <C::Database as sqlx::Database>::Arguments: IntoArguments<C::Database>,
    for<'v> &'v str: sqlx::Type<C::Database> + sqlx::Encode<'v, C::Database>,
    for<'v> String: sqlx::Type<C::Database> + sqlx::Encode<'v, C::Database>,
    for<'v> f64: sqlx::Type<C::Database> + sqlx::Encode<'v, C::Database>,
    for<'v> i64:
        sqlx::Type<C::Database> + sqlx::Encode<'v, C::Database> + sqlx::Decode<'v, C::Database>,
    usize: sqlx::ColumnIndex<<C::Database as sqlx::Database>::Row>,
{
    for table in [
        "row_tests (id KEY, scope TEXT, name TEXT, UNIQUE (scope, name))",
        "row_executions (id KEY, uuid TEXT, run TEXT, test_id BIGINT, outcome TEXT, \
         duration DOUBLE PRECISION)",
    ] {
        let text = format!("CREATE TABLE {}", table.replace("KEY", key));
        sqlx::raw_sql(sqlx::AssertSqlSafe(text))
            .execute(&mut *connection)
            .await?;
    }
    let start = Instant::now();
    for number in 0..SINGLE_ROWS {
        let name = format!("does what number {number} says it does");
        let test: i64 = sqlx::query_scalar(
            "INSERT INTO row_tests (scope, name) VALUES ($1, $2) \
             ON CONFLICT (scope, name) DO UPDATE SET name = excluded.name RETURNING id",
        )
        .bind("Area model")
        .bind(name)
        .fetch_one(&mut *connection)
        .await?;
        sqlx::query(
            "INSERT INTO row_executions (uuid, run, test_id, outcome, duration) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(Uuid::new_v4().to_string())
        .bind("build 1")
        .bind(test)
        .bind("passed")
        .bind(0.5)
        .execute(&mut *connection)
        .await?;
    }
    Ok(as_float(SINGLE_ROWS) / start.elapsed().as_secs_f64())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn as_float(number: usize) -> f64 {
    number as f64
}
