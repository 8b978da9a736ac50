//! Measures both programs, each figure beside the thing it is compared with, in one sitting.
//!
//! `bin/bench` runs it. One file a figure; what they share is how a figure is told (`figure`), how
//! programs are built and run (`programs`), how a server is started (`server`) and spoken to
//! (`http`). Figures from different machines or days cannot be compared; ratios can, roughly.

mod backfill;
mod binary;
mod discovery;
mod figure;
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
mod server;
mod startup;
mod timing;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use figure::Figure;
use programs::Programs;

/// Measures the programs of this workspace, in release, and prints one line a figure.
#[derive(Parser)]
#[command(
    name = "bench",
    args_conflicts_with_subcommands = true,
    after_help = "A goal is where we want to be; a must is promised."
)]
struct Arguments {
    #[command(subcommand)]
    other: Option<Other>,
    /// What to measure; everything when none is named. After `backfill`, the path of a repository
    /// to measure it on.
    #[arg(value_name = "NAME", value_parser = name_or_repository)]
    names: Vec<String>,
    /// Writes the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Ends with status 1 when a figure misses its must.
    #[arg(long)]
    check: bool,
    /// Measures the programs as they were last built.
    #[arg(long)]
    no_build: bool,
}

/// What is no measure of one thing.
#[derive(clap::Subcommand)]
enum Other {
    /// Drives a realistic mix of requests against a server with much data, as `bin/load` does.
    Load(load::Arguments),
}

type Measure = fn(Programs) -> anyhow::Result<Vec<Figure>>;

/// Every measure by its name, in the order they run.
const MEASURES: [(&str, Measure); 10] = [
    ("startup", startup::measure),
    ("overhead", overhead::measure),
    ("binary", binary::measure),
    ("planner", planner::measure),
    ("parse", parse::measure),
    ("memory", memory::measure),
    ("plan-100k", plan::measure),
    ("ingest", ingest::measure),
    ("discovery", discovery::measure),
    ("backfill", backfill::measure),
];

/// The name of a measure, or a directory.
fn name_or_repository(text: &str) -> Result<String, String> {
    let names = MEASURES.map(|measure| measure.0);
    if names.contains(&text) || Path::new(text).is_dir() {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "it is neither a directory nor one of {}",
            names.join(", ")
        ))
    }
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::parse();
    arguments.names.retain(|name| {
        let is_measure = MEASURES.iter().any(|measure| measure.0 == name);
        is_measure || backfill::REPOSITORY.set(name.into()).is_err()
    });
    let mut out = std::io::stdout();
    let mut err = std::io::stderr();
    if let Some(load) = machine_is_busy() {
        writeln!(
            err,
            "warning: the machine is busy (load {load}), so no figure below can be trusted"
        )?;
    }
    if let Some(Other::Load(arguments)) = &arguments.other {
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
    for (name, measure) in MEASURES {
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
                writeln!(err, "{name}: failed to measure: {error:#}")?;
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

/// The load of the last minute, when it leaves us less than half of the machine; `None` also where
/// the system does not say.
fn machine_is_busy() -> Option<f64> {
    let said = fs_err::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = said.split(' ').next()?.parse().ok()?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    #[expect(clippy::cast_precision_loss, reason = "no machine has that many cores")]
    let busy = load > cores as f64 / 2.0;
    busy.then_some(load)
}
