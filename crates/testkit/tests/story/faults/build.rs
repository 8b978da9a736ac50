//! One build: its jobs, each in a checkout of its own, and what they ran.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use test_engine_testkit::{
    Connection, Finished, TestServer, bktec, clean_command, installed, run_within, tool,
};

use super::gate::Gate;
use super::project::{Runner, TestFault, all_tests};

pub(super) const NODES: usize = 3;
const JOB_TIMEOUT: Duration = Duration::from_mins(2);
/// Ends the attempts to reach a server that is away after a tenth of a second.
const IMPATIENT: &str = "0.001";

pub(super) struct Build {
    pub(super) runner: Runner,
    pub(super) gate: Gate,
    connection: Connection,
    directory: TempDir,
    jobs: Vec<Ended>,
    // Dropped last.
    _server: TestServer,
}

#[derive(Debug)]
struct Ended {
    node: usize,
    finished: Finished,
}

/// A job before its start.
#[derive(Clone, Debug, Default)]
pub(super) struct Job {
    pub(super) node: usize,
    pub(super) retry: usize,
    pub(super) options: Vec<String>,
    pub(super) variables: Vec<(&'static str, String)>,
    /// Units that only this checkout has.
    pub(super) extra_units: Vec<usize>,
    pub(super) has_empty_unit: bool,
    pub(super) has_focus: bool,
}

/// Where `bktec verify` reads what the nodes ran.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reports {
    Files,
    Server,
}

impl Job {
    pub(super) fn of(node: usize) -> Self {
        Self {
            node,
            ..Self::default()
        }
    }

    pub(super) fn retry(node: usize) -> Self {
        Self {
            retry: 1,
            ..Self::of(node)
        }
    }

    pub(super) fn option(mut self, option: &str) -> Self {
        self.options.push(option.to_owned());
        self
    }

    pub(super) fn variable(mut self, name: &'static str, value: &str) -> Self {
        self.variables.push((name, value.to_owned()));
        self
    }

    pub(super) fn fault(mut self, fault: TestFault) -> Self {
        self.variables.push(fault.variable());
        self
    }

    pub(super) fn removing(mut self, file: &Path) -> Self {
        let file = file.to_str().unwrap().to_owned();
        self.variables.push(("REMOVE_FIRST", file));
        self
    }

    /// Gives up on the server early.
    pub(super) fn with_short_timeouts(self) -> Self {
        self.variable("BKTEC_TEST_BUDGET_SCALE", IMPATIENT)
    }

    pub(super) fn extra_unit(mut self, unit: usize) -> Self {
        self.extra_units.push(unit);
        self
    }

    pub(super) fn empty_unit(mut self) -> Self {
        self.has_empty_unit = true;
        self
    }

    /// One test of the checkout has a focus, as if it had been committed.
    pub(super) fn focus(mut self) -> Self {
        self.has_focus = true;
        self
    }
}

impl Build {
    /// A server that knows the durations of the tests from an earlier build.
    pub(super) fn after_another(runner: Runner) -> Self {
        let server = TestServer::start();
        let connection = server.create_suite("faults");
        let directory = tempfile::tempdir().unwrap();
        let gate = Gate::before(&connection.base_url, directory.path().join("gate"));
        let build = Self {
            runner,
            gate,
            connection,
            directory,
            jobs: Vec::new(),
            _server: server,
        };
        let first = Job::of(0)
            .variable("BUILDKITE_BUILD_ID", "build-0")
            .variable("BUILDKITE_PARALLEL_JOB_COUNT", "1")
            .variable("BUILDKITE_TEST_ENGINE_REPORT_DIR", "reports");
        build.execute("run", &first).expect_code(0);
        assert_eq!(build.ran(), all_tests());
        fs_err::remove_file(build.file("ran")).unwrap();
        build
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a job to its end. A retry replaces the earlier jobs of the node.
    pub(super) fn run(&mut self, job: &Job) {
        if job.retry > 0 {
            self.jobs.retain(|ended| ended.node != job.node);
        }
        let finished = self.execute("run", job);
        self.jobs.push(Ended {
            node: job.node,
            finished,
        });
    }

    /// Runs another command of the client with the settings of a job.
    pub(super) fn execute(&self, command_name: &str, job: &Job) -> Finished {
        let checkout = tempfile::tempdir_in(self.directory.path()).unwrap();
        self.runner.write_project(checkout.path());
        for &unit in &job.extra_units {
            self.runner.add_unit(checkout.path(), unit);
        }
        if job.has_empty_unit {
            self.runner.add_empty_unit(checkout.path());
        }
        if job.has_focus {
            self.runner.focus_one_test(checkout.path());
        }
        let home = self.directory.path();
        let mut command = clean_command(bktec(), home);
        command.arg(command_name).args(&job.options);
        command.current_dir(checkout.path());
        let connection = &self.connection;
        command
            .env("RAN", self.file("ran"))
            .env("BUILDKITE_ORGANIZATION_SLUG", &connection.organization)
            .env("BUILDKITE_BUILD_ID", "build-1")
            .env("BUILDKITE_STEP_ID", "tests")
            .env("BUILDKITE_BRANCH", "main")
            .env("BUILDKITE_JOB_ID", checkout.path().file_name().unwrap())
            .env("BUILDKITE_RETRY_COUNT", job.retry.to_string())
            .env("BUILDKITE_PARALLEL_JOB", job.node.to_string())
            .env("BUILDKITE_PARALLEL_JOB_COUNT", NODES.to_string())
            .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", &connection.suite)
            .env("BUILDKITE_TEST_ENGINE_BASE_URL", self.gate.base_url())
            .env(
                "BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL",
                self.gate.base_url(),
            )
            .env(
                "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
                &connection.access_token,
            )
            .env("BUILDKITE_ANALYTICS_TOKEN", &connection.suite_token)
            .env("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true")
            .env("BUILDKITE_TEST_ENGINE_REPORT_DIR", self.file("reports"))
            .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", self.runner.name());
        match self.runner {
            Runner::Pytest => {
                let path = search_path_after(&tool("pytest/bin"), &command);
                command.env("PATH", path);
            }
            Runner::Rspec => {
                _ = installed("rspec");
                command.env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "results.json").env(
                    "BUILDKITE_TEST_ENGINE_TEST_CMD",
                    "rspec --format progress --format json --out {{resultPath}} {{testExamples}}",
                );
            }
        }
        for (name, value) in &job.variables {
            command.env(name, value);
        }
        run_within(command, JOB_TIMEOUT)
    }

    /// The tests that ran in any job.
    pub(super) fn ran(&self) -> BTreeSet<String> {
        let text = fs_err::read_to_string(self.file("ran")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Whether a job failed and was not retried.
    pub(super) fn is_red(&self) -> bool {
        self.jobs
            .iter()
            .any(|ended| ended.finished.status.code() != Some(0))
    }

    pub(super) fn verify(&self, reports: Reports) -> Finished {
        self.execute("verify", &self.verifying(reports, Job::of(0)))
    }

    /// `bktec verify --run-missing` in this checkout.
    pub(super) fn run_missing(&self, reports: Reports, checkout: Job) -> Finished {
        let job = self.verifying(reports, checkout).option("--run-missing");
        self.execute("verify", &job)
    }

    fn verifying(&self, reports: Reports, job: Job) -> Job {
        match reports {
            Reports::Files => {
                let directory = self.file("reports");
                job.option("--reports").option(directory.to_str().unwrap())
            }
            Reports::Server => job,
        }
    }

    /// The number of jobs by node, and what they printed.
    pub(super) fn describe(&self) -> String {
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for ended in &self.jobs {
            *counts.entry(ended.node).or_default() += 1;
        }
        let jobs = self.jobs.iter();
        let jobs: Vec<String> = jobs
            .map(|ended| format!("===== node {}: {}", ended.node, ended.finished))
            .collect();
        format!("jobs by node: {counts:?}\n{}", jobs.join("\n"))
    }
}

fn search_path_after(directory: &Path, command: &std::process::Command) -> std::ffi::OsString {
    let rest = command.get_envs().find(|(name, _)| *name == "PATH");
    let rest = rest.and_then(|(_, value)| value).unwrap();
    let rest = std::env::split_paths(rest);
    std::env::join_paths(std::iter::once(directory.to_owned()).chain(rest)).unwrap()
}
