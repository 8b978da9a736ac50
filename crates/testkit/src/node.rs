//! One node of a build: the real `bktec run` on a sample project, as a CI job calls it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::command::{
    Finished, Started, clean_command, installed, search_path_after, start, wait_within,
};
use crate::repository::{self, tool};
use crate::{Connection, Example, LocalIssuer, Witness, programs};

const NODE_TIMEOUT: Duration = Duration::from_mins(3);

/// A node before its start.
#[derive(Debug)]
pub struct Node {
    command: Command,
    witness: Witness,
}

impl Node {
    /// Node `index` of `count` of a build, with all variables that a pipeline sets. Override them
    /// with [`Node::env`].
    pub fn new(
        example: &Example,
        connection: &Connection,
        build: &str,
        index: usize,
        count: usize,
    ) -> Self {
        Self::of_command("run", example, connection, build, index, count)
    }

    /// `bktec doctor` instead, in the environment of node 0 of two.
    pub fn doctor(example: &Example, connection: &Connection) -> Self {
        Self::of_command("doctor", example, connection, "doctor", 0, 2)
    }

    fn of_command(
        subcommand: &str,
        example: &Example,
        connection: &Connection,
        build: &str,
        index: usize,
        count: usize,
    ) -> Self {
        let mut command = clean_command(programs::bktec(), &example.home());
        command
            .arg(subcommand)
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
                _ = installed("rspec");
                // Debian's RSpec does not include bundler.
                command.env(
                    "BUILDKITE_TEST_ENGINE_TEST_CMD",
                    "rspec --format progress --format json --out {{resultPath}} {{testExamples}}",
                );
            }
            "jest" | "vitest" | "cucumber-js" | "cypress" => _ = installed("node"),
            "cucumber-ruby" => _ = installed("cucumber"),
            "custom-bats" => _ = installed("bats"),
            "custom-junit" => _ = installed("python3"),
            "playwright" => {
                let chromium = installed("chromium");
                command.env("CHROMIUM", chromium);
                command.env("PLAYWRIGHT_JSON_OUTPUT_NAME", &results);
            }
            "gotest" => {
                _ = installed("go");
                command
                    .env("PATH", search_path_after(&tool("go/bin")))
                    // `HOME` is empty, so without this every test would compile Go's library.
                    .env("GOCACHE", repository::root().join("target/go-cache"))
                    .env("GOTOOLCHAIN", "local")
                    .env("GOPROXY", "off");
            }
            other => panic!("unknown sample project {other}"),
        }
        if example.name() != "pytest" {
            command.env("BUILDKITE_TEST_ENGINE_RESULT_PATH", results);
        }
        command.envs(example.environment());
        let witness = Witness::new(example.temporary_path(&format!("witness-{build}-{index}")));
        witness.attach(&mut command);
        Self { command, witness }
    }

    /// Uses a pytest with Buildkite's collector, which uploads the results to the same server.
    #[must_use]
    pub fn with_collector(mut self, connection: &Connection) -> Self {
        use_python(&mut self.command, &tool("pytest-collector/bin"));
        self.command.env(
            "BUILDKITE_ANALYTICS_API_URL",
            format!("{}/v1", connection.base_url),
        );
        self
    }

    /// Adds a stand-in for `buildkite-agent`, which requests its tokens from this issuer.
    #[must_use]
    #[track_caller]
    pub fn with_agent(mut self, issuer: &LocalIssuer, example: &Example) -> Self {
        _ = installed("curl");
        let directory = example.temporary_path("agent");
        fs_err::create_dir_all(&directory).expect("a directory can be created");
        let agent = directory.join("buildkite-agent");
        // A node that has been started may be using it.
        if !agent.exists() {
            let script = directory.join("buildkite-agent.sh");
            fs_err::write(&script, issuer.agent_script()).expect("a file can be written");
            // Copied by another process: a process that another thread starts inherits files that
            // are open for writing here, and a script that is open for writing cannot be run.
            let mut install = clean_command("install", &directory);
            install.args(["-m", "755"]).arg(&script).arg(&agent);
            let installed = wait_within(start(install), NODE_TIMEOUT);
            assert!(installed.status.success(), "{installed:?}");
        }
        self.command.env("PATH", search_path_after(&directory));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts the client in the background.
    #[track_caller]
    pub fn start(self) -> RunningNode {
        RunningNode {
            started: start(self.command),
            witness: self.witness,
        }
    }
}

/// A running node.
#[derive(Debug)]
pub struct RunningNode {
    started: Started,
    witness: Witness,
}

impl RunningNode {
    /// Waits for the end of the node. Returns its output and the record of its tests.
    #[track_caller]
    pub fn wait(self) -> (Finished, Witness) {
        (wait_within(self.started, NODE_TIMEOUT), self.witness)
    }
}

fn use_python(command: &mut Command, directory: &Path) {
    command.env("PATH", search_path_after(directory));
}

/// Nodes share a directory in tests, so each needs its own file.
fn result_path(example: &Example, build: &str, index: usize) -> String {
    let extension = if matches!(example.runner(), "custom" | "pytest-pants") {
        "xml"
    } else {
        "json"
    };
    format!("results-{build}-{index}.{extension}")
}
