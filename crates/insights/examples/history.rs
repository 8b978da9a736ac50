//! Writes a generated history as files for `test-engine import`, one per run: a suite worth looking
//! at, with flaky tests of all kinds, slow ones, some that were broken and fixed, and an outage.
//!
//! `cargo run -p test-engine-insights --example history -- DIRECTORY UNTIL [TESTS [DAYS
//! [RUNS_PER_DAY [SEED]]]]`. `UNTIL` is the end of the history, in milliseconds since 1970. The
//! same arguments write the same files. `docs/design/flaky.md` describes what happens in the
//! history.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "prints its results"
)]

#[expect(
    dead_code,
    unused_imports,
    reason = "the truth about the tests is not written"
)]
#[path = "../tests/generated/mod.rs"]
mod generated;
#[path = "history/names.rs"]
mod names;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use generated::numbers::Numbers;
use generated::{Generated, World};
use names::TestName;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use test_engine_insights::{DAY, Run, TestResult};

const USAGE: &str = "expected DIRECTORY UNTIL [TESTS [DAYS [RUNS_PER_DAY [SEED]]]]";
const DEFAULTS: [u64; 4] = [2_000, 60, 2, 7];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next();
    let numbers: Result<Vec<u64>, _> = arguments.map(|text| text.parse()).collect();
    let (Some(directory), Ok([until, options @ ..])) =
        (directory, numbers.as_ref().map(Vec::as_slice))
    else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if options.len() > DEFAULTS.len() {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    let option = |place: usize| options.get(place).copied().unwrap_or(DEFAULTS[place]);
    let small = |place: usize| u32::try_from(option(place)).unwrap_or(u32::MAX);
    let world = World {
        tests: small(0) as usize,
        days: small(1).max(1),
        runs_per_day: small(2).max(1),
        retries: 1,
        outage_day: Some(small(1) * 3 / 4),
        seed: option(3),
    };
    match write(world, Path::new(&directory), until.cast_signed()) {
        Ok(executions) => {
            println!("executions = {executions}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("failed to write the history to {directory}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Writes all runs and returns the number of executions.
fn write(world: World, directory: &Path, until: i64) -> Result<usize, Box<dyn Error>> {
    let history = world.generate();
    let writer = Writer {
        tests: TestName::all(history.kinds.iter().map(generated::kinds::Kind::name)),
        shift: until - i64::from(world.days) * DAY - history.start,
        world,
    };
    fs_err::create_dir_all(directory)?;
    let Generated { runs, .. } = history;
    let mut executions = 0;
    for run in &runs {
        let (upload, count) = writer.upload(run)?;
        executions += count;
        let path = directory.join(format!("run-{:05}.json", run.number));
        fs_err::write(path, serde_json::to_vec(&upload)?)?;
    }
    Ok(executions)
}

struct Writer {
    tests: Vec<TestName>,
    /// Added to times.
    shift: i64,
    world: World,
}

impl Writer {
    /// The upload of a run, and the number of its executions.
    fn upload(&self, run: &Run) -> Result<(Value, usize), jiff::Error> {
        let mut numbers =
            Numbers::new(self.world.seed ^ u64::from(run.number).wrapping_mul(65_537));
        let mut data = Vec::new();
        for result in run.uploads.iter().flat_map(|upload| &upload.results) {
            self.add(run, result, &mut numbers, &mut data);
        }
        let commit = run.commit.number;
        let branch = run
            .commit
            .main
            .map_or_else(|| names::branch(commit), |_| "main".to_owned());
        let count = data.len();
        let upload = json!({
            "format": "json",
            "received_at": time(run.at + self.shift)?,
            "run_env": {
                "CI": "buildkite",
                "key": format!("history-{:05}", run.number),
                "number": (run.number + 1).to_string(),
                "branch": branch,
                "commit_sha": sha(self.world.seed, commit),
                "message": names::message(commit),
                "test_runner": "pytest",
            },
            "data": data,
        });
        Ok((upload, count))
    }

    /// Failed executions first: the last one is the retry that passed, if one did.
    fn add(&self, run: &Run, result: &TestResult, numbers: &mut Numbers, data: &mut Vec<Value>) {
        let test = &self.tests[result.test as usize];
        let failed = result.counts.failed;
        for attempt in 0..failed + result.counts.passed {
            let is_failed = attempt < failed;
            let mut execution = json!({
                "id": format!("{:05}-{:05}-{attempt}", run.number, result.test),
                "scope": test.scope,
                "name": test.name,
                "location": format!("{}:{}", test.file, test.line),
                "file_name": test.file,
                "result": if is_failed { "failed" } else { "passed" },
                "history": {
                    "section": "top",
                    "duration": test.seconds(self.progress(run), is_failed, numbers),
                },
            });
            if is_failed {
                let reason = test.reason(result.message);
                execution["failure_expanded"] = json!([{
                    "expanded": [reason],
                    "backtrace": [format!("{}:{}: in {}", test.file, test.line + 4, test.name)],
                }]);
                execution["failure_reason"] = json!(reason);
            }
            data.push(execution);
        }
    }

    /// From 0 at the start of the history to 1 at its end.
    fn progress(&self, run: &Run) -> f64 {
        let runs = self.world.days * self.world.runs_per_day;
        f64::from(run.number) / f64::from(runs.max(1))
    }
}

fn sha(seed: u64, commit: u32) -> String {
    let digest = Sha256::digest(format!("{seed}/{commit}"));
    hex::encode(&digest[..20])
}

/// RFC 3339, in UTC.
fn time(millis: i64) -> Result<String, jiff::Error> {
    Ok(jiff::Timestamp::from_millisecond(millis)?.to_string())
}
