//! The time to parse result files of 200,000 tests, compared with Node and Python.
//!
//! Ours builds the complete results from bytes. Node and Python only build their trees (Node from a
//! decoded string), without reading a single test.

use std::path::Path;

use anyhow::{Context as _, ensure};
use test_engine_results::Format;

use crate::figure::{Figure, milliseconds};
use crate::programs::{Programs, command, output, read_value};
use crate::results;
use crate::timing::median;

const RESULTS: &str = "test-engine-results";
const TESTS: usize = 200_000;
const REPEATS: usize = 9;

const NODE: &str = "
const text = require('fs').readFileSync(process.argv[1]).toString();
const times = [];
for (let i = 0; i < 5; i++) {
  const start = process.hrtime.bigint();
  JSON.parse(text);
  times.push(Number(process.hrtime.bigint() - start) / 1e6);
}
console.log(times.sort((a, b) => a - b)[2]);
";

const PYTHON: &str = "
import io, sys, time
import xml.etree.ElementTree as tree
data = open(sys.argv[1], 'rb').read()
times = []
for _ in range(5):
    start = time.perf_counter()
    tree.parse(io.BytesIO(data))
    times.append((time.perf_counter() - start) * 1e3)
print(sorted(times)[2])
";

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("report");
    let mut figures = Vec::new();
    for format in [Format::RspecJson, Format::JestJson, Format::Junit] {
        let (report, must, goal) = match format {
            Format::RspecJson => (results::rspec_json(TESTS), 2.0, 3.0),
            Format::JestJson => (results::jest_json(TESTS), 2.0, 3.0),
            _ => (results::junit(TESTS), 10.0, 20.0),
        };
        fs_err::write(&path, &report)?;
        let (what, theirs) = match format {
            Format::Junit => (
                "Python ElementTree",
                script("python3", "-c", PYTHON, &path)?,
            ),
            _ => ("Node JSON.parse", script("node", "-e", NODE, &path)?),
        };
        for detail in ["outcomes", "full"] {
            let ours = read(programs, format, detail, &path)?;
            let megabytes = report.len() / 1_000_000;
            let name = format!("parse {format} {megabytes} MB, {detail}");
            figures.push(
                Figure::of(name, milliseconds(ours))
                    .beside(what, milliseconds(theirs))
                    .judged_by_speed()
                    .must_goal(must, goal),
            );
        }
    }
    Ok(figures)
}

/// The milliseconds of several processes that each parse the file once.
fn read(programs: Programs, format: Format, detail: &str, path: &Path) -> anyhow::Result<f64> {
    let arguments = [format.name(), &path.display().to_string(), detail].map(str::to_owned);
    let mut times = Vec::new();
    for _ in 0..REPEATS {
        let printed = programs.example_with(RESULTS, "parse_time", &arguments)?;
        let found = read_value(&printed, "results")?;
        #[expect(clippy::cast_precision_loss, reason = "small")]
        let is_complete = (found - TESTS as f64).abs() < 0.5;
        ensure!(
            is_complete,
            "{found} of {TESTS} results of a {format} report were found"
        );
        times.push(read_value(&printed, "time_ms")?);
    }
    Ok(median(times))
}

fn script(program: &str, option: &str, script: &str, file: &Path) -> anyhow::Result<f64> {
    output(command(program).arg(option).arg(script).arg(file))?
        .trim()
        .parse()
        .with_context(|| format!("read the time printed by {program}"))
}
