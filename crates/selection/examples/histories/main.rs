//! Measures selection on histories of failing builds, checks its properties on many generated
//! cases, and times a decision on a large suite.
//!
//! `cargo run --release -p test-engine-selection --example histories [--sparse] [--fit] [FILE…]`.
//! Without files, those of `tests/histories/`. `bin/bench selection` reads the lines of the form
//! `name = value`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "prints its results"
)]

mod fit;
#[path = "../../tests/generated/mod.rs"]
mod generated;
#[path = "../../tests/histories/mod.rs"]
mod histories;
mod large;

use std::path::PathBuf;
use std::process::ExitCode;

use generated::{case, check};
use histories::closed_loop::ClosedLoop;
use histories::open_loop::{OpenLoop, SHARES};
use histories::{History, given_paths, mean, ratio};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use test_engine_selection::Share;

const PROMISES: [u32; 3] = [90, 95, 98];
/// Failing builds that are observed before the first selection.
const OBSERVED: usize = 40;
const OBSERVED_SPARSE: usize = 20;
/// Cases of each property.
const CASES: u32 = 100_000;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let (mut is_sparse, mut fits, mut paths) = (false, false, Vec::new());
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--sparse" => is_sparse = true,
            "--fit" => fits = true,
            option if option.starts_with('-') => {
                return Err(format!(
                    "unknown option {option}\nhint: --sparse, --fit or files"
                ));
            }
            path => paths.push(PathBuf::from(path)),
        }
    }
    if paths.is_empty() {
        paths = given_paths();
    }
    let histories: Vec<History> = paths
        .iter()
        .map(|path| History::read(path, is_sparse))
        .collect::<Result<_, _>>()?;
    if fits {
        fit::print(&histories);
        return Ok(());
    }
    print_open_loops(&histories);
    let observed = if is_sparse { OBSERVED_SPARSE } else { OBSERVED };
    for promise in PROMISES {
        print_closed_loops(&histories, promise, observed);
    }
    large::print();
    print_properties();
    Ok(())
}

fn percents(values: &[f64]) -> String {
    let percent = |value: &f64| format!("{:5.1}", 100.0 * value);
    values.iter().map(percent).collect::<Vec<_>>().join(" ")
}

fn print_open_loops(histories: &[History]) {
    println!("# failing builds and failing files found at 10, 15, 20, 33 % of the time");
    let mut builds: [Vec<f64>; SHARES.len()] = std::array::from_fn(|_| Vec::new());
    let mut files = builds.clone();
    for history in histories {
        let found = OpenLoop::run(history);
        let of_builds = SHARES.map(|share| found.found_builds(share));
        let of_files = SHARES.map(|share| found.found_files(share));
        println!(
            "# {:<10} {:>4} failing builds {} | files {}",
            history.suite.suite,
            found.builds.len(),
            percents(&of_builds),
            percents(&of_files)
        );
        for (index, (build, file)) in of_builds.into_iter().zip(of_files).enumerate() {
            builds[index].push(build);
            files[index].push(file);
        }
    }
    let names = SHARES.map(|share| format!("{:.0}", 100.0 * share));
    for ((name, builds), files) in names.iter().zip(&builds).zip(&files) {
        println!("builds_{name} = {:.2}", 100.0 * mean(builds));
        println!("files_{name} = {:.2}", 100.0 * mean(files));
    }
}

fn print_closed_loops(histories: &[History], promise: u32, observed: usize) {
    println!("# promise {promise} %: judged, caught, shown, time of all, of selected builds");
    let share = Share::from_percent(promise);
    let loops: Vec<ClosedLoop> = histories
        .iter()
        .map(|history| ClosedLoop::run(history, share, observed))
        .collect();
    for (history, one) in histories.iter().zip(&loops) {
        println!(
            "# {:<10} {:>4} {}",
            history.suite.suite,
            one.judged,
            percents(&[one.seen(), one.shown(), one.time(), one.selected_time()])
        );
    }
    let sum = |count: fn(&ClosedLoop) -> usize| loops.iter().map(count).sum::<usize>();
    let of = |value: fn(&ClosedLoop) -> f64| {
        100.0 * mean(&loops.iter().map(value).collect::<Vec<f64>>())
    };
    let caught = ratio(sum(|one| one.caught), sum(|one| one.judged));
    println!("loop_{promise}_caught = {:.2}", 100.0 * caught);
    println!("loop_{promise}_shown = {:.2}", of(ClosedLoop::shown));
    let error = of(|one| (one.shown() - one.seen()).abs());
    println!("loop_{promise}_error = {error:.2}");
    println!("loop_{promise}_time = {:.2}", of(ClosedLoop::time));
    println!(
        "loop_{promise}_selected_time = {:.2}",
        of(ClosedLoop::selected_time)
    );
}

fn print_properties() {
    println!("# properties that do not hold, of 4 on {CASES} cases each");
    let identifiers = (proptest::num::u128::ANY, ".{0,20}");
    let results = [
        check_all(&case(), |case| check::full_rules(&case)),
        check_all(&case(), |case| check::always_rules(&case)),
        check_all(&case(), |case| check::one_decision(&case)),
        check_all(&identifiers, |(suite, identifier)| {
            check::holdout_hash(suite, &identifier)
        }),
    ];
    println!(
        "broken_properties = {}",
        results.into_iter().filter(|holds| !holds).count()
    );
}

/// Whether a property holds for all cases; prints the case that breaks it.
fn check_all<S: Strategy>(
    cases: &S,
    check: impl Fn(S::Value) -> Result<(), TestCaseError>,
) -> bool {
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        max_shrink_iters: 10_000,
        failure_persistence: None,
        ..Config::default()
    });
    match runner.run(cases, check) {
        Ok(()) => true,
        Err(error) => {
            eprintln!("{error}");
            false
        }
    }
}
