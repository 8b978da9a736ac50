//! Prints how many milliseconds parsing a result file takes: the fastest of several runs.
//!
//! Usage: `parse_time FORMAT FILE [full|outcomes] [TIMES]`. Reading the file is not measured. The
//! benchmarks compare it with Node and Python on the same file.
#![expect(clippy::print_stdout, reason = "prints its result")]

use std::time::Instant;

use anyhow::{Context, bail};
use test_engine_results::{Detail, Format, parse_with};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let argument = |index: usize| arguments.get(index).map(String::as_str);
    let (Some(format), Some(path)) = (argument(0), argument(1)) else {
        bail!("usage: parse_time FORMAT FILE [full|outcomes] [TIMES]");
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
    let times: usize = argument(3)
        .map_or(Ok(5), str::parse)
        .context("TIMES is not a number")?;
    let bytes = fs_err::read(path)?;
    let mut fastest = f64::INFINITY;
    for _ in 0..times.max(1) {
        let start = Instant::now();
        let report = parse_with(format, &bytes, detail)?;
        fastest = fastest.min(start.elapsed().as_secs_f64() * 1000.0);
        // Do not measure dropping, but prevent the compiler from removing the call.
        std::hint::black_box(report);
    }
    println!("{fastest:.1}");
    Ok(())
}
