//! What is known of a runner without any settings.
//!
//! Plain data, from which help, validation and the docs are generated. This is the one place where
//! a runner states facts about its program: options, exit codes, formats. Behaviour that needs code
//! is in the runner's implementation of [`Runner`].

use std::time::Duration;

use test_engine_results::Format;

use super::discovery_check::DiscoveryBy;
use super::fail_fast::FailFast;
use super::fail_fast_override::FailFastOverride;
use super::{Result, Runner, RunnerSettings};
use crate::command_template::TEST_EXAMPLES;

#[derive(Debug)]
pub struct Definition {
    pub name: &'static str,
    /// The name in plan requests; another runner's where the server does not distinguish them.
    pub plan_name: &'static str,
    pub features: Features,
    /// A condition on the features, as a sentence for the docs.
    pub remark: Option<&'static str>,
    pub test_command: Option<&'static str>,
    /// Default retry command; `None` when it is the test command.
    pub retry_command: Option<&'static str>,
    pub file_pattern: Option<&'static str>,
    pub(super) discovery_by: DiscoveryBy,
    /// How long the runner may take to list its files.
    pub(super) discovery_timeout: Duration,
    /// Placeholders for the targets. The first one is appended to a command that has none of them.
    pub(super) placeholders: &'static [&'static str],
    pub requires_result_path: bool,
    pub requires_test_command: bool,
    /// Unless there is a list of selectors.
    pub requires_file_pattern: bool,
    /// The runner itself decides what to run: nothing is discovered or sent to the server, and
    /// every node runs the command.
    pub chooses_tests: bool,
    /// A retry runs everything in the target of a failed test, not only that test.
    pub retries_whole_targets: bool,
    /// What a target is, in the singular.
    pub target_noun: &'static str,
    pub location_prefix: &'static str,
    /// Options that make the runner stop at failed tests.
    pub(super) fail_fast: FailFast,
    /// The option that overrides all fail-fast settings but those of the command line.
    pub(super) fail_fast_override: Option<FailFastOverride>,
    /// Exit codes that leave a complete result file; `None` for any.
    pub(super) result_exit_codes: Option<&'static [i32]>,
    /// The variable that names the file which a listing of examples is written to.
    pub(super) list_variable: Option<&'static str>,
    pub naming: Naming,
    /// The formats that its results may be uploaded in. The first is the default.
    pub upload_formats: &'static [Format],
    pub build: fn(RunnerSettings) -> Result<Box<dyn Runner>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Slow files are split into their examples.
    pub split_by_example: bool,
    pub filter_by_pattern: bool,
    pub filter_by_tag: bool,
    pub retry: bool,
    pub mute: bool,
    pub skip: bool,
}

impl Features {
    pub(super) const COMMON: Self = Self {
        split_by_example: false,
        filter_by_pattern: true,
        filter_by_tag: false,
        retry: true,
        mute: true,
        skip: false,
    };
}

/// How results name the files of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// As targets do: relative to the working directory.
    AsTargets,
    /// Not at all: targets are packages, which are independent of packages below them.
    Packages,
    /// Relative to another directory, or not at all.
    RunnerSpecific,
}

impl Definition {
    /// The defaults for all other fields, to be used with `..`.
    pub(super) const fn defaults(
        name: &'static str,
        build: fn(RunnerSettings) -> Result<Box<dyn Runner>>,
    ) -> Self {
        Self {
            name,
            plan_name: name,
            features: Features::COMMON,
            remark: None,
            test_command: None,
            retry_command: None,
            file_pattern: None,
            discovery_by: DiscoveryBy::Pattern,
            discovery_timeout: Duration::from_mins(1),
            placeholders: &[TEST_EXAMPLES],
            requires_result_path: true,
            requires_test_command: false,
            requires_file_pattern: false,
            chooses_tests: false,
            retries_whole_targets: false,
            target_noun: "test file",
            location_prefix: "",
            fail_fast: FailFast::options(&[]),
            fail_fast_override: None,
            result_exit_codes: None,
            list_variable: None,
            naming: Naming::RunnerSpecific,
            upload_formats: &[],
            build,
        }
    }
}
