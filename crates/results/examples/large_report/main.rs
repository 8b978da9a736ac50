//! Writes a large result file for benchmarks: `large_report FORMAT TESTS FILE`.

use anyhow::{Context, bail};
use test_engine_results::Format;

mod reports;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [format, tests, path] = arguments.as_slice() else {
        bail!("usage: large_report rspec-json|jest-json|junit TESTS FILE");
    };
    let format = Format::from_name(format).with_context(|| format!("unknown format {format:?}"))?;
    let tests: usize = tests.parse().context("TESTS is not a number")?;
    let mut text = String::new();
    reports::write(format, tests, &mut text)
        .with_context(|| format!("{format} reports cannot be made here"))?;
    fs_err::write(path, text)?;
    Ok(())
}
