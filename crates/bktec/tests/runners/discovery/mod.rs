//! Runners that decide themselves which files have tests.

mod cucumber;
mod gotest;
mod jest;
mod playwright;
mod pytest;
mod rspec;
mod timeout;
mod vitest;

use bktec::internals::Runner;

use crate::project::Project;
use crate::tools;

/// The discovered files, and the warnings.
#[track_caller]
fn found(runner: &dyn Runner) -> (Vec<String>, Vec<String>) {
    let mut warnings = Vec::new();
    let files = runner.discover(&mut |warning| warnings.push(warning));
    (files.unwrap(), warnings)
}

/// The error of a discovery without warnings.
#[track_caller]
fn strict_error(runner: &dyn Runner) -> Option<String> {
    let found = runner.discover(&mut |warning| panic!("{warning}"));
    found.err().map(|error| error.to_string())
}

/// `npx` on the path, and the packages that `modules` names. Its output is not logged if it has the
/// argument `asking`.
fn node_project(modules: &str, asking: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::new(files).node_modules(modules);
    project.tool_printing_with("npx", &tools::on_path("npx"), asking)
}
