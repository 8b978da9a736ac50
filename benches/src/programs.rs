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

/// The directory of the workspace.
fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The programs of the workspace as they ship.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Programs {
    /// They are built anew before they are measured, as far as their sources have changed.
    pub(crate) build: bool,
}

impl Programs {
    /// Where a program is, once it is up to date.
    pub(crate) fn path(self, package: &str) -> anyhow::Result<PathBuf> {
        if self.build {
            cargo(&["--package", package, "--bin", package])?;
        }
        released(package)
    }

    /// Runs an example of a package; what it printed.
    pub(crate) fn example(self, package: &str, name: &str) -> anyhow::Result<String> {
        if self.build {
            cargo(&["--package", package, "--example", name])?;
        }
        output(&mut command(released(&format!("examples/{name}"))?))
    }
}

/// A program in the directory that this one lies in.
fn released(name: &str) -> anyhow::Result<PathBuf> {
    let myself = std::env::current_exe().context("find the directory of release programs")?;
    let program = myself.with_file_name(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    ensure!(program.is_file(), "{} was not built", program.display());
    Ok(program)
}

fn cargo(what: &[&str]) -> anyhow::Result<()> {
    let mut cargo = command("cargo");
    cargo
        .args(["build", "--release", "--quiet"])
        .args(what)
        .current_dir(workspace());
    output(&mut cargo)?;
    Ok(())
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
