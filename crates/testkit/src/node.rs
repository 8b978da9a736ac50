//! One node of a build: the real `bktec run` on a sample project, as a CI machine would call it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command::{
    Finished, Started, clean_command, installed, search_path_after, start, wait_within,
};
use crate::repository::{self, tool};
use crate::{Connection, Example, LocalIssuer, Witness, programs};

/// The longest a node of a sample project may take.
const LIMIT: Duration = Duration::from_mins(3);

/// A node that is to be run.
#[derive(Debug)]
pub struct Node {
    command: Command,
    witness: Witness,
}

impl Node {
    /// Node `index` of `count` of a build. Every value a pipeline sets is set; anything may be
    /// overridden with [`Node::env`].
    pub fn new(
        example: &Example,
        connection: &Connection,
        build: &str,
        index: usize,
        count: usize,
    ) -> Self {
        let mut command = clean_command(programs::bktec(), &example.home());
        command
            .arg("run")
            .current_dir(example.project())
            .envs([
                (
                    "BUILDKITE_ORGANIZATION_SLUG",
                    connection.organization.as_str(),
                ),
                ("BUILDKITE_BUILD_ID", build),
                ("BUILDKITE_STEP_ID", "tests"),
                ("BUILDKITE_BRANCH", "main"),
                ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", &connection.suite),
                ("BUILDKITE_TEST_ENGINE_BASE_URL", &connection.base_url),
                (
                    "BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL",
                    &connection.base_url,
                ),
                (
                    "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
                    &connection.access_token,
                ),
                ("BUILDKITE_ANALYTICS_TOKEN", &connection.suite_token),
                ("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true"),
                ("BUILDKITE_TEST_ENGINE_RETRY_COUNT", "1"),
                ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", example.runner()),
            ])
            .env("BUILDKITE_JOB_ID", format!("{build}-job-{index}"))
            .env("BUILDKITE_PARALLEL_JOB", index.to_string())
            .env("BUILDKITE_PARALLEL_JOB_COUNT", count.to_string())
            .env("EXAMPLE_STATE", example.state());
        let results = result_path(example, build, index);
        match example.name() {
            "pytest" | "pytest-pants" => use_python(&mut command, &tool("pytest/bin")),
            "rspec" => {
                let _there = installed("rspec");
                // Debian's RSpec comes without bundler.
                command.env(
                    "BUILDKITE_TEST_ENGINE_TEST_CMD",
                    "rspec --format progress --format json --out {{resultPath}} {{testExamples}}",
                );
            }
            "jest" | "vitest" | "cucumber-js" | "cypress" => {
                let _there = installed("node");
            }
            "playwright" => {
                let chromium = installed("chromium");
                command.env("CHROMIUM", chromium);
                command.env("PLAYWRIGHT_JSON_OUTPUT_NAME", &results);
            }
            "cucumber-ruby" => {
                let _there = installed("cucumber");
            }
            "gotest" => {
                let _there = installed("go");
                command
                    .env("PATH", search_path_after(&tool("go/bin")))
                    // The home of a test is empty: without this each would compile Go's library.
                    .env("GOCACHE", repository::root().join("target/go-cache"))
                    .env("GOTOOLCHAIN", "local")
                    .env("GOPROXY", "off");
            }
            "custom-bats" => {
                let _there = installed("bats");
            }
            "custom-junit" => {
                let _there = installed("python3");
            }
            other => panic!("nothing is known of the sample project {other}"),
        }
        if example.name() != "pytest" {
            command.env("BUILDKITE_TEST_ENGINE_RESULT_PATH", results);
        }
        command.envs(example.environment());
        let witness = Witness::new(example.beside(&format!("witness-{build}-{index}")));
        witness.attach(&mut command);
        Self { command, witness }
    }

    /// Takes pytest from the environment that has Buildkite's collector, which then does the
    /// uploading, to the same server.
    #[must_use]
    pub fn with_collector(mut self, connection: &Connection) -> Self {
        use_python(&mut self.command, &tool("pytest-collector/bin"));
        self.command.env(
            "BUILDKITE_ANALYTICS_API_URL",
            format!("{}/v1", connection.base_url),
        );
        self
    }

    /// Gives it a stand-in for `buildkite-agent`, which asks this issuer when it is asked for a
    /// token.
    #[must_use]
    #[track_caller]
    pub fn with_agent_of(mut self, issuer: &LocalIssuer, example: &Example) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let _there = installed("curl");
        let directory = example.beside("agent");
        fs_err::create_dir_all(&directory).expect("a directory can be made");
        let agent = directory.join("buildkite-agent");
        fs_err::write(&agent, issuer.agent_script()).expect("a file can be written");
        let may_run = std::fs::Permissions::from_mode(0o755);
        fs_err::set_permissions(&agent, may_run).expect("a file can be made to run");
        self.command.env("PATH", search_path_after(&directory));
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it.
    #[track_caller]
    pub fn start(self) -> RunningNode {
        RunningNode {
            started: start(self.command),
            witness: self.witness,
        }
    }
}

/// A node under way.
#[derive(Debug)]
pub struct RunningNode {
    started: Started,
    witness: Witness,
}

impl RunningNode {
    /// Waits for its end: what it said, and who can tell what it ran.
    #[track_caller]
    pub fn wait(self) -> (Finished, Witness) {
        (wait_within(self.started, LIMIT), self.witness)
    }
}

fn use_python(command: &mut Command, directory: &Path) {
    command.env("PATH", search_path_after(directory));
}

/// Nodes share a directory here, so each needs a file of its own.
fn result_path(example: &Example, build: &str, index: usize) -> String {
    let extension = if matches!(example.runner(), "custom" | "pytest-pants") {
        "xml"
    } else {
        "json"
    };
    format!("results-{build}-{index}.{extension}")
}
