//! Shorthands for cases, keys, settings and commands in tests.

use std::path::Path;

use test_engine_wire::{Case, TestIdentity};

use super::{RUNNERS, Runner, RunnerBase, RunnerSettings, TestKey};

pub(crate) fn case(path: &str) -> Case {
    Case {
        path: path.to_owned(),
        ..Case::default()
    }
}

pub(crate) fn key(scope: &str, name: &str, path: &str) -> TestKey {
    TestKey::new(scope, name, path)
}

pub(crate) fn identity(scope: &str, name: &str, path: &str) -> TestIdentity {
    TestIdentity {
        scope: scope.to_owned(),
        name: name.to_owned(),
        path: path.to_owned(),
    }
}

pub(crate) fn settings(test: Option<&str>, result_path: Option<&str>) -> RunnerSettings {
    RunnerSettings {
        test_command: test.map(str::to_owned),
        result_path: result_path.map(str::to_owned),
        ..RunnerSettings::default()
    }
}

/// For scripted runners: commands run in `directory`, results are in its file `result`.
pub(crate) fn base(directory: &Path) -> RunnerBase {
    let settings = RunnerSettings {
        working_directory: directory.to_owned(),
        ..settings(None, Some("result"))
    };
    RunnerBase::new(RUNNERS[0], settings).unwrap()
}

pub(crate) fn command(runner: &dyn Runner, paths: &[&str]) -> String {
    let cases: Vec<Case> = paths.iter().map(|path| case(path)).collect();
    runner.command(&cases).unwrap().to_string()
}

pub(crate) fn retry(runner: &dyn Runner, failed: &[TestKey], paths: &[&str]) -> String {
    let cases: Vec<Case> = paths.iter().map(|path| case(path)).collect();
    let command = runner.retry_command(failed, &cases).unwrap();
    command.expect("a command").to_string()
}
