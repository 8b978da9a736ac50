//! Responses of the REST API of Test Engine, this one or the hosted product, saved in files whose
//! names follow the paths of the API:
//!
//! - `runs*.json`: pages of `GET …/suites/{suite}/runs`
//! - `runs/{id}/failed_executions*.json`: pages of `GET …/runs/{id}/failed_executions` of the suite
//! - `builds/{id}/tests*.json`: pages of `GET …/builds/{id}/tests`, with metrics
//!
//! The API lists single executions only if they failed. The others follow from the metrics of the
//! build's tests: how many passed, and in how much time all together.

mod executions;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use axum::body::Bytes;
use serde::de::DeserializeOwned;
use test_engine_results::Format;

use self::model::{FailedExecution, Run, Test};
use super::date::parse_time;
use super::skipped::Skipped;
use super::{Loaded, Settings, files};
use crate::ingest::Submission;

/// A run of the export that can be imported.
#[derive(Clone, Debug)]
pub(super) struct ExportedRun {
    directory: PathBuf,
    run: Run,
    build_id: String,
}

/// The runs of an export, in any order. Problems are sentences with the file.
pub(super) fn runs(
    directory: &Path,
    skipped: &mut Skipped,
    problems: &mut Vec<String>,
) -> Vec<ExportedRun> {
    let pages = match pages::<Run>(directory, "runs") {
        Ok(pages) if pages.is_empty() => {
            problems.push(format!(
                "{}: the export has no runs.json with the runs of the suite",
                directory.display()
            ));
            return Vec::new();
        }
        Ok(pages) => pages,
        Err(problem) => {
            problems.push(problem);
            return Vec::new();
        }
    };
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for run in pages {
        // A run that was added while the pages were requested moves others to the next page.
        if !seen.insert(run.id.clone()) {
            continue;
        }
        match exported_run(directory, run) {
            Ok(run) => found.push(run),
            Err(Left::Skipped(reason, run)) => skipped.add(reason, 1, format!("run {run}")),
            Err(Left::Problem(problem)) => problems.push(problem),
        }
    }
    found
}

enum Left {
    Skipped(&'static str, String),
    Problem(String),
}

fn exported_run(directory: &Path, run: Run) -> Result<ExportedRun, Left> {
    let build_id = run.build_id.clone().filter(|id| !id.is_empty());
    let Some(build_id) = build_id else {
        return Err(Left::Skipped("runs without a build_id", run.id));
    };
    if run.state.as_deref() == Some("running") {
        return Err(Left::Skipped("runs that are still running", run.id));
    }
    for id in [&run.id, &build_id] {
        if !is_name(id) {
            let problem = format!("{}: {id:?} is not an id", directory.display());
            return Err(Left::Problem(problem));
        }
    }
    if !directory.join("builds").join(&build_id).is_dir() {
        let reason = "runs without builds/BUILD/tests.json, which tells which tests passed";
        return Err(Left::Skipped(reason, run.id));
    }
    Ok(ExportedRun {
        directory: directory.to_owned(),
        run,
        build_id,
    })
}

/// Whether an id can be the name of a directory.
fn is_name(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !id.is_empty() && id.bytes().all(is_plain)
}

impl ExportedRun {
    /// For messages.
    pub(super) fn path(&self) -> PathBuf {
        self.directory.join("builds").join(&self.build_id)
    }

    /// The executions of the run as an upload.
    pub(super) fn load(
        &self,
        settings: &Settings,
        skipped: &mut Skipped,
    ) -> Result<Loaded, String> {
        let received_at = parse_time(&self.run.created_at, settings.now)
            .map_err(|problem| format!("created_at of the run {}: {problem}", self.run.id))?;
        let tests: Vec<Test> = pages(&self.path(), "tests")?;
        let of_run = self.directory.join("runs").join(&self.run.id);
        let failed: Vec<FailedExecution> = if of_run.is_dir() {
            pages(&of_run, "failed_executions")?
        } else {
            Vec::new()
        };
        let results = executions::of_run(&self.run, &tests, failed, skipped)?;
        let data = serde_json::to_vec(&results).map_err(|error| error.to_string())?;
        Ok(Loaded {
            received_at,
            submission: Submission {
                format: Format::Json,
                run_env: self.run_env(settings),
                tags: BTreeMap::new(),
                data: Bytes::from(data),
            },
        })
    }

    fn run_env(&self, settings: &Settings) -> BTreeMap<String, String> {
        let known = [
            ("CI", Some("buildkite")),
            ("key", Some(self.build_id.as_str())),
            ("branch", self.run.branch.as_deref()),
            ("commit_sha", self.run.commit_sha.as_deref()),
        ];
        let known = known
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)));
        let mut run_env: BTreeMap<String, String> = known
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect();
        settings.complete(&mut run_env);
        run_env
    }
}

/// The items of all pages of a list, in the order of the files' names.
fn pages<T: DeserializeOwned>(directory: &Path, list: &str) -> Result<Vec<T>, String> {
    let mut paths = Vec::new();
    let entries = fs_err::read_dir(directory).map_err(|error| error.to_string())?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_json = name.ends_with(".json") || name.ends_with(".json.gz");
        if name.starts_with(list) && is_json && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    let mut items = Vec::new();
    for path in paths {
        let bytes = files::read(&path)?;
        let mut source = serde_json::Deserializer::from_slice(&bytes);
        let page: Vec<T> = serde_path_to_error::deserialize(&mut source).map_err(|error| {
            format!(
                "{}: expected a page of {list}: {}: {}",
                path.display(),
                error.path(),
                error.inner()
            )
        })?;
        items.extend(page);
    }
    Ok(items)
}

#[cfg(test)]
mod tests;
