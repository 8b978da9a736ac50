//! Measures on generated histories how well flaky tests are found, how long a judgement takes, and
//! how long the preview of a rule over a large suite takes.
//!
//! `cargo run --release -p test-engine-insights --example quality [HISTORIES [SEED]]`. `bin/bench
//! flaky` reads the lines of the form `name = value`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "prints its results"
)]
#![expect(
    clippy::cast_precision_loss,
    reason = "counts and milliseconds fit an f64"
)]

#[path = "../tests/generated/mod.rs"]
mod generated;
#[path = "../tests/measured/mod.rs"]
mod measured;

use std::process::ExitCode;
use std::time::Instant;

use generated::World;
use measured::Measured;
use test_engine_insights::{Evidence, History, KEPT_DAYS, Monitor, Parameters, judge, preview};

/// Histories of each scenario.
const HISTORIES: u64 = 8;
/// The first seed. The parameters were chosen on seeds below 1,000.
const SEED: u64 = 20_000;
/// Tests of the suite whose preview is timed.
const LARGE_SUITE: usize = 100_000;

const WORLD: World = World {
    tests: 2_000,
    days: 60,
    runs_per_day: 10,
    retries: 2,
    outage_day: None,
    seed: 0,
};

fn main() -> ExitCode {
    let mut numbers = Vec::new();
    for text in std::env::args().skip(1) {
        match text.parse::<u64>() {
            Ok(number) => numbers.push(number),
            Err(error) => {
                eprintln!("invalid number {text:?}: {error}");
                return ExitCode::from(2);
            }
        }
    }
    let [histories, seed] = match numbers[..] {
        [] => [HISTORIES, SEED],
        [histories] => [histories.max(1), SEED],
        [histories, seed] => [histories.max(1), seed],
        _ => {
            eprintln!("too many arguments; expected [HISTORIES [SEED]]");
            return ExitCode::from(2);
        }
    };
    let scenarios = [
        ("10_a_day", WORLD),
        (
            "4_a_day",
            World {
                runs_per_day: 4,
                ..WORLD
            },
        ),
        (
            "no_retries",
            World {
                retries: 0,
                ..WORLD
            },
        ),
        (
            "outage",
            World {
                outage_day: Some(40),
                days: 44,
                ..WORLD
            },
        ),
    ];
    for (name, world) in scenarios {
        let mut measured = Measured::default();
        for history in 0..histories {
            let seed = seed + history;
            measured.add(World { seed, ..world }, Parameters::default());
        }
        print(name, &mut measured);
    }
    time_preview(seed);
    ExitCode::SUCCESS
}

fn print(name: &str, measured: &mut Measured) {
    let histories = f64::from(measured.histories);
    let flaky = f64::from(measured.found + measured.missed);
    println!("# {name}, {histories} histories: flagged at the end, ever, all");
    for (kind, [end, ever, all]) in &measured.kinds {
        println!("# {kind:<20} {end:>5} {ever:>5} {all:>6}");
    }
    measured.days_until_alarm.sort_unstable();
    let median = measured
        .days_until_alarm
        .get(measured.days_until_alarm.len() / 2);
    println!("{name}_f1 = {:.4}", measured.f1());
    println!("{name}_frequent_f1 = {:.4}", measured.frequent_f1());
    println!(
        "{name}_false_alarms = {:.3}",
        f64::from(measured.false_alarms) / histories
    );
    println!(
        "{name}_flaps = {:.3}",
        f64::from(measured.flaps) * 20.0 / flaky
    );
    println!(
        "{name}_days_until_alarm = {}",
        median.copied().unwrap_or_default()
    );
    println!("{name}_flagged_by_outage = {}", measured.flagged_by_outage);
}

/// Times the preview of our rule over all that is kept. The large suite repeats one of 2,000 tests.
fn time_preview(seed: u64) {
    let days = u32::try_from(KEPT_DAYS).unwrap_or_default();
    let generated = World {
        days,
        seed,
        ..WORLD
    }
    .generate();
    let mut suite = test_engine_insights::Suite::new(Parameters::default());
    measured::replay(&generated, &mut suite);
    let now = generated.runs.last().map_or(0, |run| run.at);
    let tests: Vec<History> = suite
        .tests()
        .values()
        .map(|tracked| tracked.evidence.clone().into())
        .collect();
    let histories = || (0..).zip(tests.iter().cycle().take(LARGE_SUITE));
    let parameters = Parameters::default();
    let mut times: Vec<f64> = (0..5)
        .map(|_| {
            let started = Instant::now();
            let found = preview(&Monitor::Flaky, histories(), (now, KEPT_DAYS), &parameters);
            assert!(!found.changes.is_empty(), "the preview found nothing");
            started.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("preview_100000_ms = {:.2}", times[times.len() / 2]);
    let evidence = tests.iter().map(|test| &test.evidence);
    let failed: Vec<&Evidence> = evidence.filter(|test| test.has_failures()).collect();
    let started = Instant::now();
    let flaky: u32 = failed
        .iter()
        .map(|test| judge(test, now, &parameters).score.flaky / 500_000)
        .sum();
    let micros = started.elapsed().as_secs_f64() * 1e6 / failed.len() as f64;
    println!(
        "# {flaky} of {} tests with failures score above one half",
        failed.len()
    );
    println!("judge_us = {micros:.2}");
}
