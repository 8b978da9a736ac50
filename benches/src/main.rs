//! Measures both programs, each figure next to what it is compared with, in one run.
//!
//! `bin/bench` runs it. Each benchmark has a file; shared are the output (`figure`), building and
//! running programs (`programs`), starting a server (`server`) and HTTP (`http`). Figures from
//! different machines or days are not comparable; ratios are, roughly.

mod accounting;
mod backfill;
mod binary;
mod builds;
mod discovery;
mod figure;
mod flaky;
mod http;
mod ingest;
mod load;
mod memory;
mod overhead;
mod parse;
mod plan;
mod planner;
mod programs;
mod results;
mod selection;
mod server;
mod split;
mod startup;
mod suite;
mod timing;
mod verify;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use figure::Figure;
use programs::Programs;

/// Measures the release builds of this workspace and prints one line per figure.
#[derive(Parser)]
#[command(
    name = "bench",
    args_conflicts_with_subcommands = true,
    after_help = help()
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Subcommand>,
    /// Benchmarks to run; all by default. After `backfill`, optionally the path of a repository to
    /// measure it on; after `selection`, histories of failing builds (`.jsonl.gz`).
    #[arg(value_name = "NAME", value_parser = name_or_path)]
    names: Vec<String>,
    /// Measure selection on histories in which only about one build in six fails.
    #[arg(long)]
    sparse: bool,
    /// Print the weights that fit the histories best instead of measuring selection.
    #[arg(long)]
    fit: bool,
    /// Also write the figures to this file, as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Exit with 1 if a figure misses its must.
    #[arg(long)]
    check: bool,
    /// Measure the existing release builds.
    #[arg(long)]
    no_build: bool,
}

#[derive(clap::Subcommand)]
enum Subcommand {
    /// Send a realistic mix of requests to a server with a large data set, like `bin/load`.
    Load(load::Arguments),
}

type Measure = fn(Programs) -> anyhow::Result<Vec<Figure>>;

/// A benchmark.
struct Benchmark {
    name: &'static str,
    /// For the help.
    measures: &'static str,
    measure: Measure,
}

impl Benchmark {
    const fn new(name: &'static str, measures: &'static str, measure: Measure) -> Self {
        Self {
            name,
            measures,
            measure,
        }
    }
}

/// All benchmarks, in the order they run.
const BENCHMARKS: [Benchmark; 16] = [
    Benchmark::new("startup", "start of bktec", startup::measure),
    Benchmark::new("overhead", "what bktec adds to a runner", overhead::measure),
    Benchmark::new("binary", "sizes of the programs", binary::measure),
    Benchmark::new("planner", "time and balance of splits", planner::measure),
    Benchmark::new("flaky", "how well flaky tests are found", flaky::measure),
    Benchmark::new(
        "selection",
        "how well failing builds are found; time of a decision",
        selection::measure,
    ),
    Benchmark::new("parse", "parsing of result files", parse::measure),
    Benchmark::new("memory", "memory of bktec run", memory::measure),
    Benchmark::new(
        "plan-100k",
        "a plan of 100,000 selectors, also with selection",
        plan::measure,
    ),
    Benchmark::new("verify", "bktec verify", verify::measure),
    Benchmark::new(
        "accounting",
        "the server's accounting of a build",
        accounting::measure,
    ),
    Benchmark::new(
        "ingest",
        "time and rate of uploads, also with insights",
        ingest::measure,
    ),
    Benchmark::new(
        "ingest-selection",
        "rate of uploads with selection",
        ingest::selection::measure,
    ),
    Benchmark::new("discovery", "search for test files", discovery::measure),
    Benchmark::new("split", "split of one pytest file", split::measure),
    Benchmark::new("backfill", "upload of commits", backfill::measure),
];

/// The end of the help.
fn help() -> String {
    let line = |it: &Benchmark| format!("  {:<17} {}\n", it.name, it.measures);
    let lines: String = BENCHMARKS.iter().map(line).collect();
    format!("Benchmarks:\n{lines}\nA must is the promised value; a goal is the target.")
}

/// Parses the name of a benchmark, or the path of a repository or a history.
fn name_or_path(text: &str) -> Result<String, String> {
    let names = BENCHMARKS.map(|benchmark| benchmark.name);
    let is_path = Path::new(text).is_dir() || selection::is_history(text);
    if names.contains(&text) || is_path {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "neither a directory, a history (.jsonl.gz) nor one of {}",
            names.join(", ")
        ))
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::parse();
    let mut options = selection::Options {
        is_sparse: arguments.sparse,
        fits: arguments.fit,
        ..selection::Options::default()
    };
    arguments.names.retain(|name| {
        if selection::is_history(name) {
            options.histories.push(name.into());
            return false;
        }
        let is_benchmark = BENCHMARKS.iter().any(|benchmark| benchmark.name == name);
        is_benchmark || backfill::REPOSITORY.set(name.into()).is_err()
    });
    // Nothing has set it before.
    let _ = selection::OPTIONS.set(options);
    let mut out = std::io::stdout();
    let mut err = std::io::stderr();
    if let Some(load) = machine_is_busy() {
        writeln!(
            err,
            "warning: the machine is busy (load {load}): the figures are not reliable"
        )?;
    }
    if let Some(Subcommand::Load(arguments)) = &arguments.command {
        return Ok(if load::run(arguments)? {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        });
    }
    let programs = Programs {
        build: !arguments.no_build,
    };
    let mut figures = Vec::new();
    let mut failed = false;
    for Benchmark { name, measure, .. } in BENCHMARKS {
        if !arguments.names.is_empty() && !arguments.names.iter().any(|wanted| wanted == name) {
            continue;
        }
        match measure(programs) {
            Ok(measured) => {
                for figure in measured {
                    writeln!(out, "{figure}")?;
                    figures.push(figure);
                }
            }
            Err(error) => {
                failed = true;
                writeln!(err, "{name} failed: {error:#}")?;
            }
        }
    }
    if let Some(path) = arguments.json {
        let json = serde_json::to_string_pretty(&figures).context("write the figures as JSON")?;
        fs_err::write(path, json + "\n")?;
    }
    let missed = arguments.check && figures.iter().any(Figure::misses_its_must);
    Ok(if failed || missed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The load of the last minute if it exceeds half of the cores; `None` if it is unknown.
fn machine_is_busy() -> Option<f64> {
    let text = fs_err::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split(' ').next()?.parse().ok()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    #[expect(clippy::cast_precision_loss, reason = "no machine has that many cores")]
    let busy = load > cores as f64 / 2.0;
    busy.then_some(load)
}
