//! The only place that starts programs: ours, and those they are compared with.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::timing::timed;

/// A command that has yet to be started.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place here that starts programs"
    )]
    Command::new(program)
}

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Builds a program of the workspace as it ships; its path.
pub(crate) fn built(package: &str) -> anyhow::Result<PathBuf> {
    cargo(&[
        "build",
        "--release",
        "--quiet",
        "--package",
        package,
        "--bin",
        package,
    ])?;
    let myself = std::env::current_exe().context("find the folder of release programs")?;
    let program = myself.with_file_name(format!("{package}{}", std::env::consts::EXE_SUFFIX));
    ensure!(program.is_file(), "{} was not built", program.display());
    Ok(program)
}

/// Builds and runs an example of a package; what it printed.
pub(crate) fn example(package: &str, name: &str) -> anyhow::Result<String> {
    cargo(&[
        "run",
        "--release",
        "--quiet",
        "--package",
        package,
        "--example",
        name,
    ])
}

fn cargo(arguments: &[&str]) -> anyhow::Result<String> {
    output(command("cargo").args(arguments).current_dir(workspace()))
}

/// Runs a command to its end; what it printed. An error when it fails, with what it said.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().display().to_string();
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {name}"))?;
    if !status.success() {
        bail!(
            "{name} ended with {status}: {}",
            String::from_utf8_lossy(&stderr).trim()
        );
    }
    String::from_utf8(stdout).with_context(|| format!("read what {name} printed"))
}

/// Milliseconds from the start of a command to its end. What it prints is thrown away.
pub(crate) fn run_time(command: &mut Command) -> anyhow::Result<f64> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let name = command.get_program().display().to_string();
    let (milliseconds, status) = timed(|| command.status());
    let status = status.with_context(|| format!("start {name}"))?;
    ensure!(status.success(), "{name} ended with {status}");
    Ok(milliseconds)
}
