//! Prints how many milliseconds it takes to parse a result file, and how many results it has.
//!
//! Usage: `parse_time FORMAT FILE [full|outcomes]`. Reading the file is not measured. It is parsed
//! once, as `bktec` does: how a second report reuses the memory of the first one would decide about
//! 5% of the time. `bin/bench parse` reads the lines `name = value`.

use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context, bail};
use test_engine_results::{Detail, Format, parse_with};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map(String::as_str);
    let (Some(format), Some(path)) = (argument(0), argument(1)) else {
        bail!("usage: parse_time FORMAT FILE [full|outcomes]");
    };
    let format = Format::from_name(format).with_context(|| {
        format!(
            "unknown format {format:?}, known are {:?}",
            Format::ALL.map(Format::name)
        )
    })?;
    let detail = match argument(2) {
        None | Some("full") => Detail::Full,
        Some("outcomes") => Detail::Outcomes,
        Some(other) => bail!("unknown detail {other:?}, known are full and outcomes"),
    };
    let bytes = fs_err::read(path)?;
    let start = Instant::now();
    let report = parse_with(format, &bytes, detail)?;
    let time = start.elapsed().as_secs_f64() * 1000.0;
    let mut out = std::io::stdout().lock();
    writeln!(out, "time_ms = {time:.3}")?;
    writeln!(out, "results = {}", report.results.len())?;
    Ok(())
}
