//! A suite with a generated history of two months, imported as an operator would import one.

use std::path::Path;

use anyhow::Context as _;

use super::dataset::now;
use crate::figure::{Figure, per_second};
use crate::programs::{Programs, command, output, read_value};
use crate::server::ORGANIZATION;
use crate::timing::timed;

const SUITE: &str = "history";

/// Imports the history into the data directory `data` in this directory. No server may use it.
pub(super) fn import(programs: Programs, directory: &Path) -> anyhow::Result<Figure> {
    let generator = programs.example_path("test-engine-insights", "history")?;
    let program = programs.path("test-engine")?;
    let files = directory.join("history");
    let until = now()?.millis().to_string();
    let written = output(command(generator).arg(&files).arg(until))?;
    let executions = read_value(&written, "executions")?;
    let suite = format!("{ORGANIZATION}/{SUITE}");
    let data = directory.join("data");
    output(
        command(&program)
            .args(["init", &suite, "--data-dir"])
            .arg(&data),
    )
    .context("create the suite")?;
    let mut import = command(&program);
    import.args(["import", &suite]).arg(&files);
    let (milliseconds, imported) = timed(|| output(import.arg("--data-dir").arg(&data)));
    imported?;
    fs_err::remove_dir_all(files)?;
    let rate = per_second(executions / milliseconds * 1e3);
    Ok(Figure::of("load import, executions", rate).higher_is_better())
}
