//! How well selection finds failing builds, and how fast it decides, measured by an example of the
//! selection crate on histories of real projects.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context as _;

use crate::figure::{Figure, count, fraction, megabytes, milliseconds};
use crate::programs::{Programs, read_value};

const PACKAGE: &str = "test-engine-selection";

/// What to measure.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// The given ones if empty.
    pub(crate) histories: Vec<PathBuf>,
    /// Only about one build in six fails.
    pub(crate) is_sparse: bool,
    /// Print fitted weights instead of figures.
    pub(crate) fits: bool,
}

/// Set once, before anything is measured.
pub(crate) static OPTIONS: OnceLock<Options> = OnceLock::new();

/// Whether an argument is the path of a history.
pub(crate) fn is_history(text: &str) -> bool {
    text.ends_with(".jsonl.gz") && Path::new(text).is_file()
}

fn arguments(options: &Options) -> Vec<String> {
    let paths = options
        .histories
        .iter()
        .map(|path| path.display().to_string());
    let flags = [("--sparse", options.is_sparse), ("--fit", options.fits)];
    let flags = flags
        .iter()
        .filter(|(_, is_set)| *is_set)
        .map(|(flag, _)| (*flag).to_owned());
    flags.chain(paths).collect()
}

/// What the example prints with these options.
fn printed(programs: Programs, options: &Options) -> anyhow::Result<String> {
    programs.example_with(PACKAGE, "histories", &arguments(options))
}

/// The details of each project: the comments among the output.
fn details(printed: &str) -> String {
    let comments = printed.lines().filter(|line| line.starts_with('#'));
    comments.flat_map(|line| [line, "\n"]).collect()
}

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let options = OPTIONS.get_or_init(Options::default);
    let printed = printed(programs, options)?;
    let mut out = std::io::stdout();
    if options.fits {
        out.write_all(printed.as_bytes())
            .context("print the fitted weights")?;
        return Ok(Vec::new());
    }
    out.write_all(details(&printed).as_bytes())
        .context("print the projects")?;
    let mut figures = Vec::new();
    // The limits hold for the given histories only.
    let is_given = options.histories.is_empty() && !options.is_sparse;
    let bar = |figure: Figure, must: f64, goal: f64| {
        if is_given {
            figure.must_goal(must, goal)
        } else {
            figure
        }
    };
    let value = |name: &str| read_value(&printed, name);
    for (share, must, goal) in [("10", 88.5, 91.0), ("20", 93.5, 95.0), ("33", 95.5, 97.0)] {
        let found = fraction(value(&format!("builds_{share}"))?);
        let name = format!("selection % builds at {share} % of time");
        figures.push(bar(Figure::of(name, found).higher_is_better(), must, goal));
        let files = fraction(value(&format!("files_{share}"))?);
        let name = format!("selection % files at {share} % of time");
        figures.push(Figure::of(name, files).higher_is_better());
    }
    for promise in ["90", "95", "98"] {
        let of = |what: &str| -> anyhow::Result<Figure> {
            let name = format!("selection loop {promise} %, % {what}");
            Ok(Figure::of(
                name,
                fraction(value(&format!("loop_{promise}_{what}"))?),
            ))
        };
        let [caught, error] = [of("caught")?.higher_is_better(), of("error")?];
        let time = of("selected_time")?;
        figures.extend(match promise {
            "95" => [
                bar(caught, 94.5, 95.0),
                bar(error, 2.0, 1.0),
                bar(time, 23.0, 18.0),
            ],
            "98" => [caught, bar(error, 1.0, 0.5), time],
            _ => [caught, error, time],
        });
    }
    figures.extend([
        Figure::of(
            "decide, 100,000 items, 1 file",
            milliseconds(value("decide_1_files_ms")?),
        ),
        Figure::of(
            "decide, 100,000 items, 50 files",
            milliseconds(value("decide_50_files_ms")?),
        )
        .must_goal(40.0, 15.0),
        Figure::of(
            "selection memory, 100,000 items",
            megabytes(value("memory_mb")?),
        )
        .must_goal(64.0, 32.0),
        Figure::of(
            "selection properties broken",
            count(value("broken_properties")?),
        )
        .must_goal(0.0, 0.0),
    ]);
    Ok(figures)
}
