//! The settings of `bktec run`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::common::{self, CommonSettings};
use super::fields::Field;
use super::nodes::CommandKind;
use super::problems::{InvalidConfiguration, Problems};
use super::tokens::TokenSource;
use crate::cli::{CommonArgs, RunArgs, RunnerArgs, Typed};
use crate::env_vars as var;
use crate::runners;

/// What to do with result files.
#[derive(Clone, Debug)]
pub struct UploadSettings {
    /// They are to be uploaded.
    pub wanted: bool,
    /// `None` when none is set and OIDC is off. The runner sees the token too, for its collector.
    pub token: Option<TokenSource>,
    /// Tags of the upload.
    pub tags: BTreeMap<String, String>,
}

/// Everything `bktec run` needs to know.
#[derive(Clone, Debug)]
pub struct RunSettings {
    /// What it shares with `plan`.
    pub common: CommonSettings,
    /// This node's number, from 0, below `nodes`.
    pub node: usize,
    /// How many nodes there are, 1 to 1000.
    pub nodes: usize,
    /// Failed muted tests are retried too.
    pub retry_muted: bool,
    /// A node without tests fails.
    pub fail_on_no_tests: bool,
    /// A target without results fails the node.
    pub fail_on_missing_results: bool,
    /// Tell the CI early about failures.
    pub promise_failure: bool,
    /// Uploads.
    pub upload: UploadSettings,
    /// Where events are written, when they are asked for.
    pub events: Option<EventOutput>,
}

/// Where the events of a run are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventOutput {
    /// Between the other lines there.
    Stderr,
    /// A file of their own, made anew.
    File(PathBuf),
}

impl RunSettings {
    pub fn resolve(typed: &Typed<RunArgs>) -> Result<Self, InvalidConfiguration> {
        const COMMAND: &str = "run";
        let mut problems = Problems::default();
        let args = &typed.own;
        let resolved = common::resolve(
            CommandKind::Node,
            &typed.global,
            &args.common,
            &typed.preview,
            &typed.ci_environment,
            &mut problems,
        );
        let fail_on_no_tests = Field::new(
            var::BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS,
            "--fail-on-no-tests",
            args.fail_on_no_tests.as_ref(),
        )
        .boolean(false, &mut problems);
        let fail_on_missing_results = Field::new(
            var::BUILDKITE_TEST_ENGINE_FAIL_ON_MISSING_RESULTS,
            "--fail-on-missing-results",
            args.fail_on_missing_results.as_ref(),
        )
        .boolean(false, &mut problems);
        let promise_failure = Field::new(
            var::BUILDKITE_TEST_ENGINE_PROMISE_FAILURE,
            "--promise-failure",
            args.promise_failure.as_ref(),
        )
        .boolean(false, &mut problems);
        let UsedByRun {
            disable_retry_muted,
            upload_results: wanted,
            tags,
        } = used_by_run(&args.common, typed.tags_from_variable, &mut problems);
        let events = events(args, &mut problems);
        if let Some(runner) = result_path_is_missing(&args.common.runner) {
            problems.add(
                var::BUILDKITE_TEST_ENGINE_RESULT_PATH,
                format!("must not be blank for the {runner} runner (or give --result-path)"),
            );
        }
        problems.finish(COMMAND)?;

        let Some(settings) = resolved.settings else {
            // Missing only when a problem was noted.
            return Err(InvalidConfiguration::incomplete(COMMAND));
        };
        let number = |number: i64| {
            usize::try_from(number).map_err(|_| InvalidConfiguration::incomplete(COMMAND))
        };
        let (node, nodes) = (
            number(settings.build.parallel_job)?,
            number(settings.build.parallelism)?,
        );
        let given = args.common.engine.upload_token.clone();
        let token = match given.filter(|token| !token.trim().is_empty()) {
            Some(token) => Some(TokenSource::Given(token.into())),
            None => resolved
                .agent_token
                .filter(|_| resolved.oidc)
                .map(TokenSource::Agent),
        };
        Ok(Self {
            common: settings,
            node,
            nodes,
            retry_muted: !disable_retry_muted,
            fail_on_no_tests,
            fail_on_missing_results,
            promise_failure,
            upload: UploadSettings {
                wanted,
                token,
                tags,
            },
            events,
        })
    }
}

/// Options that `plan` takes too, since both are given the same variables, but only `run` uses.
pub(super) struct UsedByRun {
    disable_retry_muted: bool,
    upload_results: bool,
    tags: BTreeMap<String, String>,
}

/// Reads them. `plan` does so for their problems: a wrong value is told before the nodes start.
pub(super) fn used_by_run(
    args: &CommonArgs,
    tags_from_variable: bool,
    problems: &mut Problems,
) -> UsedByRun {
    UsedByRun {
        disable_retry_muted: Field::new(
            var::BUILDKITE_TEST_ENGINE_DISABLE_RETRY_FOR_MUTED_TEST,
            "--disable-retry-muted",
            args.runner.disable_retry_muted.as_ref(),
        )
        .boolean(false, problems),
        upload_results: Field::new(
            var::BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS,
            "--upload-results",
            args.engine.upload_results.as_ref(),
        )
        .boolean(false, problems),
        tags: common::tags(&args.engine.tag, tags_from_variable, problems),
    }
}

fn events(args: &RunArgs, problems: &mut Problems) -> Option<EventOutput> {
    let output = Field::new(
        var::BUILDKITE_TEST_ENGINE_OUTPUT,
        "--output",
        args.output.as_ref(),
    );
    let file = Field::new(
        var::BUILDKITE_TEST_ENGINE_OUTPUT_FILE,
        "--output-file",
        args.output_file.as_ref(),
    );
    let wanted = match output.text.map(str::trim) {
        None | Some("text") => false,
        Some("json") => true,
        Some(_) => {
            output.wrong("text or json", problems);
            return None;
        }
    };
    let file = file.optional();
    if file.is_some() && !wanted {
        problems.add(
            var::BUILDKITE_TEST_ENGINE_OUTPUT_FILE,
            "is for events, which are not asked for (give --output json)",
        );
    }
    wanted.then(|| {
        file.map_or(EventOutput::Stderr, |path| {
            EventOutput::File(PathBuf::from(path))
        })
    })
}

/// The runner's name when it needs a result path and has none.
fn result_path_is_missing(runner: &RunnerArgs) -> Option<&'static str> {
    let definition = runners::find(runner.test_runner.as_deref()?.trim())?;
    let given = runner
        .result_path
        .as_deref()
        .is_some_and(|path| !path.trim().is_empty());
    (definition.requires_result_path && !given).then_some(definition.name)
}
