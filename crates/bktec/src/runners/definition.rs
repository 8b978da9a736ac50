//! What is known of a runner without any settings.
//!
//! Plain data, from which help, validation and the docs are made. How the runner works is in its
//! own file.

use test_engine_results::Format;

use super::fail_fast::Options;
use super::{Runner, RunnerError, RunnerSettings};

/// One runner's row in the table.
#[derive(Debug)]
pub struct Definition {
    /// As the user writes it.
    pub name: &'static str,
    /// As plan requests name it; another runner's name where the server cannot tell them apart.
    pub plan_name: &'static str,
    /// What it can do.
    pub features: Features,
    /// A condition on the above, as a sentence for the docs.
    pub remark: Option<&'static str>,
    /// The test command when the user gives none.
    pub test_command: Option<&'static str>,
    /// The retry command when the user gives neither; `None` when it is the test command.
    pub retry_command: Option<&'static str>,
    /// What discovery looks for when the user does not say.
    pub file_pattern: Option<&'static str>,
    /// `run` needs a result path.
    pub requires_result_path: bool,
    /// The user must give a test command.
    pub requires_test_command: bool,
    /// The user must give a file pattern, unless there is a list of selectors.
    pub requires_file_pattern: bool,
    /// The runner itself decides what to run: nothing is discovered or sent, and every node runs
    /// the command.
    pub chooses_tests: bool,
    /// The location prefix when the user gives none.
    pub location_prefix: &'static str,
    /// How it is told to stop at failed tests.
    pub(super) fail_fast: Options,
    /// The formats that its results may be uploaded in.
    pub upload_formats: &'static [Format],
    /// Makes it ready.
    pub build: fn(RunnerSettings) -> Result<Box<dyn Runner>, RunnerError>,
}

/// What a runner can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Slow files are split into their examples.
    pub split_by_example: bool,
    /// Files are found by a pattern.
    pub filter_by_pattern: bool,
    /// Tests are chosen by tag.
    pub filter_by_tag: bool,
    /// Failed tests are run again.
    pub retry: bool,
    /// Failures of muted tests do not count.
    pub mute: bool,
    /// Skipped tests are left out.
    pub skip: bool,
}

impl Definition {
    /// The blank from which a runner's definition is made with `..`.
    pub(super) const fn blank(
        name: &'static str,
        build: fn(RunnerSettings) -> Result<Box<dyn Runner>, RunnerError>,
    ) -> Self {
        Self {
            name,
            plan_name: name,
            features: Features {
                split_by_example: false,
                filter_by_pattern: true,
                filter_by_tag: false,
                retry: true,
                mute: true,
                skip: false,
            },
            remark: None,
            test_command: None,
            retry_command: None,
            file_pattern: None,
            requires_result_path: true,
            requires_test_command: false,
            requires_file_pattern: false,
            chooses_tests: false,
            location_prefix: "",
            fail_fast: Options::of_command(&[]),
            upload_formats: &[],
            build,
        }
    }
}
