//! Builds the request for a plan: which targets go as they are, which are taken apart first.
//!
//! No target may be lost on the way: a file whose examples cannot be found is sent whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use test_engine_wire::{
    Case, FilePath, FilterTestsRequest, PlanRequest, PlanTests, Selection, SelectorValue,
};

use super::{git_metadata, location_prefix};
use crate::runners::{Runner, RunnerError};
use crate::server_api::{ApiError, Client};
use crate::settings::CommonSettings;
use crate::terminal::Terminal;

/// Why there is no request.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// The server did not filter the tests.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The runner did not list the examples of a file.
    #[error("failed to list examples: {0}")]
    Runner(#[from] RunnerError),
}

/// Lets the server choose the number of nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sizing {
    /// At most this many.
    pub max_parallelism: Option<i64>,
    /// How long each should take.
    pub target_time: Option<Duration>,
}

/// The request for a plan of `targets`.
pub(super) fn plan_request(
    settings: &CommonSettings,
    runner: &dyn Runner,
    targets: &[String],
    sizing: Sizing,
    client: &Client<'_>,
    terminal: &Terminal,
) -> Result<PlanRequest, RequestError> {
    let prefix = prefix(settings);
    let split = split(settings, runner, targets, sizing, client, terminal)?;
    let mut examples = split.examples;
    for example in &mut examples {
        example.path = location_prefix::add(prefix, &example.path).into_owned();
    }
    let mut tests = PlanTests {
        examples,
        ..PlanTests::default()
    };
    if settings.runner.selector_splitting {
        tests.selectors = split
            .whole
            .into_iter()
            .map(|value| SelectorValue { value })
            .collect();
    } else {
        tests.files = split.whole.iter().map(|path| file(prefix, path)).collect();
    }
    Ok(PlanRequest {
        runner: settings.runner.definition.plan_name.to_owned(),
        identifier: settings.identifier.clone(),
        parallelism: settings.build.parallelism,
        max_parallelism: sizing.max_parallelism,
        target_time: sizing.target_time.map(|time| time.as_secs_f64()),
        branch: settings.build.branch.clone(),
        location_prefix: prefix.to_owned(),
        tests,
        selection: settings.selection.as_ref().map(|selected| Selection {
            strategy: selected.strategy.clone(),
            params: selected.params.clone(),
        }),
        metadata: metadata(settings, terminal),
    })
}

/// The location prefix in use.
pub(super) fn prefix(settings: &CommonSettings) -> &str {
    settings
        .runner
        .location_prefix
        .as_deref()
        .unwrap_or(settings.runner.definition.location_prefix)
}

fn metadata(
    settings: &CommonSettings,
    terminal: &Terminal,
) -> Option<BTreeMap<String, serde_json::Value>> {
    let known = git_metadata::metadata(settings, terminal);
    let values = known.into_iter().map(|(name, value)| (name, value.into()));
    Some(values.collect()).filter(|values: &BTreeMap<_, _>| !values.is_empty())
}

/// Targets that go as they are, and examples in place of the others.
#[derive(Debug, Default, PartialEq)]
struct Split {
    whole: Vec<String>,
    examples: Vec<Case>,
}

fn split(
    settings: &CommonSettings,
    runner: &dyn Runner,
    targets: &[String],
    sizing: Sizing,
    client: &Client<'_>,
    terminal: &Terminal,
) -> Result<Split, RequestError> {
    let whole = || Split {
        whole: targets.to_vec(),
        examples: Vec::new(),
    };
    if targets.is_empty() {
        return Ok(whole());
    }
    if settings.runner.tag_filters.is_some() {
        // Only the runner knows which tests have the tags; whole files would run the others too.
        return Ok(Split {
            whole: Vec::new(),
            examples: runner.examples(targets)?,
        });
    }
    let features = &settings.runner.definition.features;
    if !features.split_by_example || !(settings.runner.split_by_example || features.skip) {
        return Ok(whole());
    }
    let prefix = prefix(settings);
    let answer = client.filter_tests(&FilterTestsRequest {
        files: targets.iter().map(|path| file(prefix, path)).collect(),
        max_parallelism: sizing.max_parallelism,
        target_time: sizing.target_time.map(|time| time.as_secs_f64()),
        env: settings.env_payload(),
    })?;
    let wanted: HashSet<&str> = answer.tests.iter().map(|test| test.path.as_str()).collect();
    let to_expand: Vec<String> = targets
        .iter()
        .filter(|target| wanted.contains(&*location_prefix::add(prefix, target)))
        .cloned()
        .collect();
    terminal.debug(|| {
        format!(
            "{} of {} files are split by example",
            to_expand.len(),
            targets.len()
        )
    });
    if to_expand.is_empty() {
        return Ok(whole());
    }
    let examples = runner.examples(&to_expand)?;
    Ok(put_together(targets, &to_expand, examples))
}

/// Examples in place of the files that have some; all other targets whole.
fn put_together(targets: &[String], expanded: &[String], examples: Vec<Case>) -> Split {
    // By file name, so that the search below stays short however many examples there are.
    let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
    for example in &examples {
        let path = example.path.as_str();
        by_name
            .entry(file_name(file_part(path)))
            .or_default()
            .push(file_part(path));
    }
    let replaced: HashSet<&String> = expanded
        .iter()
        .filter(|target| {
            by_name
                .get(file_name(target))
                .is_some_and(|files| files.iter().any(|example| same_file(target, example)))
        })
        .collect();
    Split {
        whole: targets
            .iter()
            .filter(|target| !replaced.contains(target))
            .cloned()
            .collect(),
        examples,
    }
}

/// The file of an example's path: `a.rb[1:2]`, `a.py::test`, `a.feature:3` and `a.ts:3` are all in
/// the file before the mark. A mark inside the file's own name makes the file look without
/// examples, which is safe: it is sent whole.
fn file_part(path: &str) -> &str {
    let name_start = path
        .split("::")
        .next()
        .unwrap_or(path)
        .rfind('/')
        .map_or(0, |at| at + 1);
    let end = path[name_start..]
        .find([':', '['])
        .map_or(path.len(), |at| name_start + at);
    &path[..end]
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether an example's file is this target. Some runners name files from a folder further down.
fn same_file(target: &str, example: &str) -> bool {
    let target = target.trim_start_matches("./");
    let example = example.trim_start_matches("./");
    target
        .strip_suffix(example)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn file(prefix: &str, path: &str) -> FilePath {
    FilePath {
        path: location_prefix::add(prefix, path).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn example(path: &str) -> Case {
        Case {
            path: path.to_owned(),
            ..Case::default()
        }
    }

    fn owned(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_file_without_examples_is_sent_whole() {
        let targets = owned(&["spec/a_spec.rb", "spec/b_spec.rb", "spec/c_spec.rb"]);
        let expanded = owned(&["spec/a_spec.rb", "spec/b_spec.rb"]);
        let examples = vec![
            example("./spec/a_spec.rb[1:1]"),
            example("./spec/a_spec.rb[1:2]"),
        ];
        let split = put_together(&targets, &expanded, examples);
        assert_eq!(split.whole, ["spec/b_spec.rb", "spec/c_spec.rb"]);
        assert_eq!(split.examples.len(), 2);
    }

    #[test]
    fn equal_names_in_different_folders_are_different_files() {
        let targets = owned(&["a/x_spec.rb", "b/x_spec.rb"]);
        let split = put_together(&targets, &targets, vec![example("./b/x_spec.rb[1:1]")]);
        assert_eq!(split.whole, ["a/x_spec.rb"]);
    }

    #[rstest]
    #[case("./spec/a_spec.rb[1:2]", "./spec/a_spec.rb")]
    #[case("tests/test_a.py::TestB::test_c[x/y:z]", "tests/test_a.py")]
    #[case("features/a.feature:3", "features/a.feature")]
    #[case("a.spec.ts:12", "a.spec.ts")]
    #[case("plain", "plain")]
    fn file_parts(#[case] path: &str, #[case] file: &str) {
        assert_eq!(file_part(path), file);
    }
}
