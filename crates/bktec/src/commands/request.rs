//! Builds the plan request: which targets are sent whole and which are expanded into examples.
//!
//! No target may be lost: a file whose examples cannot be listed is sent whole.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use test_engine_wire::{
    Case, FilePath, FilterTestsRequest, PlanRequest, PlanTests, Selection, SelectorValue,
    file_of_target,
};

use super::targets::Targets;
use super::{git_metadata, location_prefix};
use crate::runners::{Runner, RunnerError};
use crate::server_api::{ApiError, Client, PlanResponse};
use crate::settings::CommonSettings;
use crate::terminal::Terminal;

const PAYLOAD_TOO_LARGE: u16 = 413;

/// What a plan is made from.
#[derive(Clone, Copy)]
pub(super) struct PlanInputs<'a> {
    pub settings: &'a CommonSettings,
    pub runner: &'a dyn Runner,
    pub targets: &'a Targets<'a>,
    /// Lets the server choose the number of nodes, up to this many.
    pub max_parallelism: Option<i64>,
    /// How long each node should take.
    pub target_time: Option<Duration>,
    pub client: &'a Client<'a>,
    pub terminal: &'a Terminal,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The runner did not list the examples of a file.
    #[error("failed to list examples: {0}")]
    Runner(#[from] RunnerError),
}

pub(super) fn plan_request(
    inputs: &PlanInputs<'_>,
    targets: &[String],
) -> Result<PlanRequest, RequestError> {
    let settings = inputs.settings;
    let prefix = prefix(settings);
    let Split {
        whole,
        mut examples,
    } = split(inputs, targets)?;
    for example in &mut examples {
        example.path = location_prefix::add(prefix, &example.path).into_owned();
    }
    let mut tests = PlanTests {
        examples,
        ..PlanTests::default()
    };
    if settings.runner.selector_splitting {
        tests.selectors = whole
            .into_iter()
            .map(|value| SelectorValue { value })
            .collect();
    } else {
        tests.files = files(prefix, &whole);
    }
    let metadata = git_metadata::metadata(settings, inputs.terminal);
    let metadata = metadata
        .into_iter()
        .map(|(name, value)| (name, value.into()));
    Ok(PlanRequest {
        runner: settings.runner.definition.plan_name.to_owned(),
        identifier: settings.identifier.clone(),
        parallelism: settings.build.parallelism,
        max_parallelism: inputs.max_parallelism,
        target_time: inputs.target_time.map(|time| time.as_secs_f64()),
        branch: settings.build.branch.clone(),
        // A runner's default prefix is only a notation; the hosted client does not send it either.
        location_prefix: settings.runner.location_prefix.clone().unwrap_or_default(),
        tests,
        selection: settings.selection.as_ref().map(|selected| Selection {
            strategy: selected.strategy.clone(),
            params: selected.params.clone(),
        }),
        metadata: Some(metadata.collect()).filter(|values: &BTreeMap<_, _>| !values.is_empty()),
    })
}

/// Creates the plan. If the server rejects the request as too large, sends it again without what
/// makes it large: the patch first, if it has one, then the whole diff, which makes all tests run.
pub(super) fn create(
    inputs: &PlanInputs<'_>,
    mut request: PlanRequest,
) -> Result<PlanResponse, ApiError> {
    loop {
        let error = match inputs.client.create_plan(&request) {
            Err(error) if error.status() == Some(PAYLOAD_TOO_LARGE) => error,
            other => return other,
        };
        let Some(removed) = git_metadata::shorten(&mut request.metadata) else {
            return Err(error);
        };
        // The hosted product decides in its own way without a diff.
        let is_ours = !inputs.settings.engine.is_hosted();
        let has_no_diff = request.selection.is_some() && removed != git_metadata::ONLY_PATCH;
        let result = if is_ours && has_no_diff {
            ", so all tests will run"
        } else {
            ""
        };
        inputs.terminal.warning(&format!(
            "The server rejects the plan request as too large. Sending it again without \
             {removed}{result}."
        ));
    }
}

/// The location prefix of paths: the user's, else the runner's default.
pub(super) fn prefix(settings: &CommonSettings) -> &str {
    settings
        .runner
        .location_prefix
        .as_deref()
        .unwrap_or(settings.runner.definition.location_prefix)
}

/// What plans add to the names of targets: nothing, unless they are sent as files.
pub(super) fn name_prefix(settings: &CommonSettings) -> &str {
    if settings.runner.selector_splitting {
        ""
    } else {
        prefix(settings)
    }
}

/// Targets, some of which are replaced by their examples.
#[derive(Debug, Default, PartialEq)]
struct Split {
    whole: Vec<String>,
    examples: Vec<Case>,
}

fn split(inputs: &PlanInputs<'_>, targets: &[String]) -> Result<Split, RequestError> {
    let PlanInputs {
        settings, runner, ..
    } = *inputs;
    let choice = &settings.runner;
    if choice.tag_filters.is_some() && !targets.is_empty() {
        // Only the runner knows which tests have the tags; whole files would run the others too.
        return Ok(Split {
            whole: Vec::new(),
            examples: runner.examples(targets)?,
        });
    }
    let features = &choice.definition.features;
    let to_expand = if features.split_by_example && (choice.split_by_example || features.skip) {
        files_to_expand(inputs, targets)?
    } else {
        Vec::new()
    };
    if to_expand.is_empty() {
        return Ok(Split {
            whole: targets.to_vec(),
            examples: Vec::new(),
        });
    }
    let examples = runner.examples(&to_expand)?;
    Ok(replace_with_examples(targets, &to_expand, examples))
}

/// Asks the server which files are worth expanding: slow files and files with skipped tests.
fn files_to_expand(inputs: &PlanInputs<'_>, targets: &[String]) -> Result<Vec<String>, ApiError> {
    if targets.is_empty() {
        return Ok(Vec::new());
    }
    let prefix = prefix(inputs.settings);
    let response = inputs.client.filter_tests(&FilterTestsRequest {
        files: files(prefix, targets),
        max_parallelism: inputs.max_parallelism,
        target_time: inputs.target_time.map(|time| time.as_secs_f64()),
        env: inputs.settings.env_payload(),
    })?;
    let tests = response.tests.iter();
    let requested: HashSet<&str> = tests.map(|test| test.path.as_str()).collect();
    let to_expand: Vec<String> = targets
        .iter()
        .filter(|target| requested.contains(&*location_prefix::add(prefix, target)))
        .cloned()
        .collect();
    inputs.terminal.debug(|| {
        format!(
            "splitting {} of {} files by example",
            to_expand.len(),
            targets.len()
        )
    });
    Ok(to_expand)
}

/// Replaces files by their examples; a file without any stays whole, and so do all other targets.
fn replace_with_examples(targets: &[String], expanded: &[String], examples: Vec<Case>) -> Split {
    // By file name, which keeps the search below short however many examples there are.
    let mut by_name: HashMap<&str, Vec<&str>> = HashMap::new();
    for example in &examples {
        let file = file_of_target(&example.path);
        by_name.entry(file_name(file)).or_default().push(file);
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

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether an example's file is this target. Some runners name files relative to a subdirectory.
fn same_file(target: &str, example: &str) -> bool {
    let target = target.trim_start_matches("./");
    let example = example.trim_start_matches("./");
    target
        .strip_suffix(example)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn files(prefix: &str, paths: &[String]) -> Vec<FilePath> {
    paths
        .iter()
        .map(|path| FilePath {
            path: location_prefix::add(prefix, path).into_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
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
        let split = replace_with_examples(&targets, &expanded, examples);
        assert_eq!(split.whole, ["spec/b_spec.rb", "spec/c_spec.rb"]);
        assert_eq!(split.examples.len(), 2);
    }

    #[test]
    fn equal_names_in_different_directories_are_different_files() {
        let targets = owned(&["a/x_spec.rb", "b/x_spec.rb"]);
        let split = replace_with_examples(&targets, &targets, vec![example("./b/x_spec.rb[1:1]")]);
        assert_eq!(split.whole, ["a/x_spec.rb"]);
    }

    #[test]
    fn brackets_in_a_file_name_are_no_mark_of_an_example() {
        let targets = owned(&["app/[id].spec.ts", "app/[slug].spec.ts"]);
        let examples = vec![example("app/[id].spec.ts:7"), example("app/[id].spec.ts:9")];
        let split = replace_with_examples(&targets, &targets, examples);
        assert_eq!(split.whole, ["app/[slug].spec.ts"]);
    }
}
