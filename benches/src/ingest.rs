//! Uploads: the time until one is stored durably, and the sustained rate of executions.
//!
//! On SQLite and on PostgreSQL, compared with a simple program that looks up each test and inserts
//! each execution separately, into the same engine on the same disk. `ingest/selection.rs` measures
//! what test selection costs uploads.

pub(crate) mod selection;

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rusqlite::{Connection as Database, OptionalExtension as _, params};

use test_engine_test_postgres::{Cluster, Durability};

use crate::figure::{Figure, bytes, milliseconds, per_second, times};
use crate::http::Connection;
use crate::programs::{Programs, read_value, read_values};
use crate::results::{path, upload_data};
use crate::server::{Server, UPLOAD, upload};
use crate::timing::{Turns, median, timed};

const STORE: &str = "test-engine-store";
const TESTS: usize = 100_000;
const FILES: usize = 5_000;
const SINGLE_UPLOADS: usize = 30;
/// Concurrent connections.
const CLIENTS: usize = 4;
/// Uploads of all connections. Generated before the measurement, since that takes as long as
/// sending.
const LOAD: usize = 120;
/// Few, because each row waits for the disk.
const ROWS: usize = 2_000;
/// Pairs of new databases, with and without evidence. Where rows of a database lie makes a
/// difference of one or two hundredths.
const EVIDENCE_RUNS: usize = 3;

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let server = Server::start(programs)?;
    server.upload_history(1, TESTS, FILES)?;
    let stored = single_uploads(&server)?;
    let rate = sustained(&server)?;
    let rows = row_by_row(&server.directory().join("rows.db")).context("insert row by row")?;
    drop(server);

    let cluster = Cluster::start(Durability::On);
    let server = Server::start_on(programs, Some(cluster.url()))?;
    server.upload_history(1, TESTS, FILES)?;
    let postgres_stored = single_uploads(&server)?;
    let postgres_rate = sustained(&server)?;
    drop(server);
    let postgres_rows = row_by_row_in_postgres(&cluster);
    // It still writes what it was sent.
    drop(cluster);

    let evidence = |arguments: &[&str]| -> anyhow::Result<String> {
        let arguments: Vec<String> = arguments.iter().map(|one| (*one).to_owned()).collect();
        let runs = 0..EVIDENCE_RUNS;
        runs.map(|_| programs.example_with(STORE, "ingest_rate", &arguments))
            .collect()
    };
    // The share of failures in a real suite of 1,150 tests over 60 days.
    let on_file = evidence(&["--evidence", "--fails", "175"])?;
    let on_postgres = evidence(&["--evidence", "--fails", "175", "--postgres"])?;

    let insights = |title: &str, printed: &str| -> anyhow::Result<Figure> {
        let turns = Turns {
            with: read_values(printed, "with_ms")?,
            without: read_values(printed, "without_ms")?,
        };
        Ok(relative_rate(title, &turns).must_goal(0.93, 0.97))
    };

    Ok(vec![
        Figure::of("ingest 5,000 results, p50", milliseconds(median(stored))).must_goal(60.0, 25.0),
        Figure::of("ingest sustained", per_second(rate)).must_goal(80_000.0, 300_000.0),
        Figure::of("ingest beside rows", per_second(rate))
            .beside("SQLite, durable rows", per_second(rows))
            .judged_by_speed()
            .must(15.0),
        Figure::of(
            "ingest 5,000 results, p50, Postgres",
            milliseconds(median(postgres_stored)),
        ),
        Figure::of("ingest sustained, Postgres", per_second(postgres_rate))
            .must_goal(50_000.0, 150_000.0),
        Figure::of("ingest beside rows, Postgres", per_second(postgres_rate))
            .beside("Postgres, durable rows", per_second(postgres_rows))
            .judged_by_speed()
            .must(15.0),
        insights("ingest with insights / without", &on_file)?,
        insights("ingest with insights / without, Postgres", &on_postgres)?,
        evidence_bytes("ingest insights, an execution", &on_file)?,
        evidence_bytes("ingest insights, an execution, Postgres", &on_postgres)?,
    ])
}

/// The rate of uploads with something, as a share of that without.
fn relative_rate(title: &str, turns: &Turns) -> Figure {
    Figure::of(title, times(turns.speed())).higher_is_better()
}

fn evidence_bytes(title: &str, printed: &str) -> anyhow::Result<Figure> {
    let more = bytes(read_value(printed, "evidence_bytes")?);
    Ok(Figure::of(title, more).must_goal(4.0, 1.0))
}

/// The milliseconds until each of several single uploads is stored durably.
fn single_uploads(server: &Server) -> anyhow::Result<Vec<f64>> {
    let mut connection = Connection::open(&server.host)?;
    let mut times = Vec::new();
    for number in 0..SINGLE_UPLOADS {
        let body = body(1_000 + number);
        let (time, sent) = timed(|| server.upload(&mut connection, &body));
        sent?;
        times.push(time);
    }
    Ok(times)
}

/// Executions per second from several concurrent clients.
fn sustained(server: &Server) -> anyhow::Result<f64> {
    let bodies: Vec<String> = (0..LOAD).map(|number| body(10_000 + number)).collect();
    let time = upload_all(&bodies, &server.host, |connection, body| {
        server.upload(connection, body)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "millions")]
    Ok((LOAD * UPLOAD) as f64 / time.as_secs_f64())
}

/// Sends uploads from several concurrent clients, and returns what that takes.
fn upload_all(
    bodies: &[String],
    host: &str,
    upload: impl Fn(&mut Connection, &str) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<Duration> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    let mut connection = Connection::open(host)?;
                    while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                        upload(&mut connection, body)?;
                    }
                    Ok(())
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| {
            client
                .join()
                .map_err(|_| anyhow::anyhow!("a client panicked"))?
        })
    })?;
    Ok(began.elapsed())
}

/// An upload of existing tests in a new run.
fn body(run: usize) -> String {
    let first = run * UPLOAD % TESTS;
    upload(
        &format!("run-{run}"),
        &upload_data(run, first, UPLOAD, FILES),
    )
}

/// Executions per second without network and JSON. Each row is on disk before the next one, which
/// gives the same durability as acknowledged uploads.
fn row_by_row(file: &Path) -> anyhow::Result<f64> {
    let database = Database::open(file)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE test (id INTEGER PRIMARY KEY, scope TEXT, name TEXT, UNIQUE (scope, name));
         CREATE TABLE execution (
             id INTEGER PRIMARY KEY, uuid BLOB, test_id INTEGER, run_id INTEGER,
             result INTEGER, duration INTEGER, file TEXT
         );",
    )?;
    let mut find = database.prepare("SELECT id FROM test WHERE scope = ?1 AND name = ?2")?;
    let mut add = database.prepare("INSERT INTO test (scope, name) VALUES (?1, ?2)")?;
    let mut insert = database.prepare(
        "INSERT INTO execution (uuid, test_id, run_id, result, duration, file) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let began = Instant::now();
    for number in 0..ROWS {
        let scope = format!("Area {} thing {}", number % FILES / 100, number % FILES);
        let name = format!("does what is expected in case {}", number % UPLOAD);
        let existing = find
            .query_row(params![scope, name], |row| row.get::<_, i64>(0))
            .optional()?;
        let test = match existing {
            Some(id) => id,
            None => add.insert(params![scope, name])?,
        };
        let uuid = (number as u128).to_be_bytes();
        insert.execute(params![uuid, test, 1, 0, 1_500, path(number % FILES)])?;
    }
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    Ok(ROWS as f64 / began.elapsed().as_secs_f64())
}

/// The same in PostgreSQL, through `psql`: a statement and a commit for each row.
fn row_by_row_in_postgres(cluster: &Cluster) -> f64 {
    cluster.execute(
        "CREATE TABLE row_test (id BIGSERIAL PRIMARY KEY, scope TEXT, name TEXT, \
             UNIQUE (scope, name));
         CREATE TABLE row_execution (id BIGSERIAL PRIMARY KEY, uuid UUID, test_id BIGINT, \
             run_id BIGINT, result BIGINT, duration BIGINT, file TEXT);",
    );
    cluster.execute(&format!(
        "INSERT INTO row_test (scope, name) SELECT 'Area', 'does case ' || number \
         FROM generate_series(1, {ROWS}) AS number",
    ));
    let statements: Vec<String> = (1..=ROWS)
        .map(|number| {
            format!(
                "INSERT INTO row_execution (uuid, test_id, run_id, result, duration, file) \
                 SELECT gen_random_uuid(), id, 1, 0, 1500, '{}' FROM row_test \
                 WHERE scope = 'Area' AND name = 'does case {number}';\n",
                path(number % FILES),
            )
        })
        .collect();
    let began = Instant::now();
    cluster.execute_script(&statements.concat());
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let rows = ROWS as f64;
    rows / began.elapsed().as_secs_f64()
}
