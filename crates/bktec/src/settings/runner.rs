//! The test runner and its options.

use std::path::PathBuf;

use super::problems::Problems;
use crate::cli::{Opt, Problem, ResultArgs, RunnerArgs};
use crate::runners::{self, Definition, RUNNERS};

/// Options that are not set fall back to the runner's own defaults.
#[derive(Clone, Debug)]
pub struct RunnerChoice {
    pub definition: &'static Definition,
    pub test_command: Option<String>,
    pub retry_command: Option<String>,
    pub file_pattern: Option<String>,
    pub file_exclude_pattern: Option<String>,
    pub result_path: Option<String>,
    pub files: Option<PathBuf>,
    /// A list of selectors; overrides `files`.
    pub selector_file: Option<PathBuf>,
    pub split_by_example: bool,
    /// Whether targets are sent as selectors, or as files like version 2 of the hosted client did.
    pub selector_splitting: bool,
    pub tag_filters: Option<String>,
    pub strict_discovery: bool,
    /// Path from the repository root to the project.
    pub location_prefix: Option<String>,
    pub retries: u32,
}

/// `None` when there is no such runner.
pub(super) fn runner(
    args: &RunnerArgs,
    results: &ResultArgs,
    problems: &mut Problems,
) -> Option<RunnerChoice> {
    let retries = problems.integer(&args.test_engine_retry_count, 0, 0..=i64::MAX);
    let split_by_example = problems.flag(&args.split_by_example, false);
    let selector_splitting = problems.flag(&args.selector_splitting, true);
    let strict_discovery = problems.flag(&args.strict_discovery, false);
    let Some(name) = args.test_runner.ok() else {
        problems.push(args.test_runner.missing());
        return None;
    };
    let Some(definition) = runners::find(name.trim()) else {
        problems.push(unknown_runner(&args.test_runner, name.trim()));
        return None;
    };
    let runner = definition.name;
    if definition.requires_test_command && !args.test_command.is_set() {
        problems.add(
            args.test_command.name(),
            format_args!("must not be blank for the {runner} runner (or give --test-command)"),
        );
    }
    let has_files = args.test_file_pattern.is_set() || args.selector_file.is_set();
    if definition.requires_file_pattern && !has_files {
        problems.add(
            args.test_file_pattern.name(),
            format_args!(
                "must not be blank for the {runner} runner (or give --test-file-pattern, or a \
                 list with --selector-file)"
            ),
        );
    }
    if args.tag_filters.is_set() && !definition.features.filter_by_tag {
        problems.add(
            args.tag_filters.name(),
            format_args!("is not supported by the {runner} runner, only by pytest"),
        );
    }
    Some(RunnerChoice {
        definition,
        test_command: args.test_command.ok(),
        retry_command: args.retry_command.ok(),
        file_pattern: args.test_file_pattern.ok(),
        file_exclude_pattern: args.test_file_exclude_pattern.ok(),
        result_path: args.result_path.ok(),
        files: args.files.ok(),
        selector_file: args.selector_file.ok(),
        split_by_example,
        selector_splitting,
        tag_filters: args.tag_filters.ok(),
        strict_discovery,
        location_prefix: location_prefix(results),
        retries: u32::try_from(retries).unwrap_or(u32::MAX),
    })
}

pub(super) fn location_prefix(args: &ResultArgs) -> Option<String> {
    let own = args.location_prefix.ok();
    own.or_else(|| args.collector_location_prefix.ok())
}

fn unknown_runner(option: &Opt<String>, name: &str) -> Problem {
    /// Similarity above which a name is suggested, as clap does.
    const MIN_SIMILARITY: f64 = 0.7;

    let names: Vec<&str> = RUNNERS.iter().map(|definition| definition.name).collect();
    let similarity = |other: &str| strsim::jaro_winkler(name, other);
    let nearest = names
        .iter()
        .max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
        .filter(|nearest| similarity(nearest) > MIN_SIMILARITY);
    let hint = nearest.map_or_else(String::new, |name| format!("\nhint: did you mean {name}?"));
    Problem {
        field: option.name().to_owned(),
        text: format!(
            "unsupported value for {} {name:?}, must be one of {} (--test-runner){hint}",
            option.name(),
            names.join(", ")
        ),
    }
}
