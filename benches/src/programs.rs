//! The only place that builds and starts programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, bail, ensure};

use crate::timing::timed;

pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(
        clippy::disallowed_methods,
        reason = "the only place that starts programs"
    )]
    Command::new(program)
}

pub(crate) fn workspace() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The release builds of the workspace.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Programs {
    /// Build before measuring.
    pub(crate) build: bool,
}

impl Programs {
    /// Builds a program if necessary and returns its path.
    pub(crate) fn path(self, package: &str) -> anyhow::Result<PathBuf> {
        if self.build {
            cargo(&["--package", package, "--bin", package])?;
        }
        released(package)
    }

    /// Builds an example of a package if necessary and returns its path.
    pub(crate) fn example_path(self, package: &str, name: &str) -> anyhow::Result<PathBuf> {
        if self.build {
            cargo(&["--package", package, "--example", name])?;
        }
        released(&format!("examples/{name}"))
    }

    /// Runs an example of a package and returns its output.
    pub(crate) fn example(self, package: &str, name: &str) -> anyhow::Result<String> {
        self.example_with(package, name, &[])
    }

    /// The same with arguments.
    pub(crate) fn example_with(
        self,
        package: &str,
        name: &str,
        arguments: &[String],
    ) -> anyhow::Result<String> {
        output(command(self.example_path(package, name)?).args(arguments))
    }
}

/// The value of a line `name = value` in the output of an example.
pub(crate) fn read_value(printed: &str, name: &str) -> anyhow::Result<f64> {
    let values = read_values(printed, name)?;
    Ok(values[0])
}

/// The values of all lines with this name, at least one.
pub(crate) fn read_values(printed: &str, name: &str) -> anyhow::Result<Vec<f64>> {
    let lines = printed.lines().filter_map(|line| line.split_once(" = "));
    let values = lines.filter(|(found, _)| *found == name);
    let values: Option<Vec<f64>> = values.map(|(_, value)| value.parse().ok()).collect();
    values
        .filter(|values| !values.is_empty())
        .with_context(|| format!("find {name} in the output of the example"))
}

/// A program in the directory of this one.
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

/// Runs a command and returns its standard output. An error contains its standard error.
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
            "{name} failed ({status}): {}",
            String::from_utf8_lossy(&stderr).trim()
        );
    }
    String::from_utf8(stdout).with_context(|| format!("read the output of {name}"))
}

/// Runs a command without output and returns the milliseconds it took.
pub(crate) fn run_time(command: &mut Command) -> anyhow::Result<f64> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let name = command.get_program().display().to_string();
    let (milliseconds, status) = timed(|| command.status());
    let status = status.with_context(|| format!("start {name}"))?;
    ensure!(status.success(), "{name} failed ({status})");
    Ok(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::{read_value, read_values};

    #[test]
    fn reads_values_by_name() {
        let printed = "# x\na = 1\nb = 2.5\nb = 4\nd = x\n";
        assert!((read_value(printed, "b").unwrap() - 2.5).abs() < f64::EPSILON);
        assert_eq!(read_values(printed, "b").unwrap(), [2.5, 4.0]);
        assert!(read_values(printed, "c").is_err());
        assert!(read_value(printed, "d").is_err());
    }
}
