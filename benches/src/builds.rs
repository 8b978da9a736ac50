//! Builds as clients describe them: plan requests with the metadata of a commit, uploads of its
//! results, and the reports of its nodes.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use test_engine_wire::{
    EnvPayload, NodeReport, NodeState, Plan, PlanMetadataRequest, PlanRequest, PlanTests,
    Selection, SelectorValue, Task,
};

use crate::results::{GeneratedResult, path, upload_data_of};
use crate::verify::ran;

/// The default branch of a suite.
const MAIN: &str = "main";
const PARENT: &str = "0123456789abcdef0123456789abcdef01234567";
const PERSON: &str = "Ada Lovelace";
const EMAIL: &str = "ada@example.com";
const STARTED_AT: &str = "2026-06-20T04:46:13Z";
const FINISHED_AT: &str = "2026-06-20T04:47:13Z";
/// Tests that fail for each changed source, at most.
const FAILURES: usize = 2;

/// A build of one commit of a project in which each test file has a source file.
pub(crate) struct Build {
    number: usize,
    branch: String,
    /// Test files of the project.
    files: usize,
    changed: Vec<usize>,
}

impl Build {
    /// A build of the default branch in which everything passes. Its commit changes nothing.
    pub(crate) fn of_main(number: usize, files: usize) -> Self {
        Self {
            number,
            branch: MAIN.to_owned(),
            files,
            changed: Vec::new(),
        }
    }

    /// A build of a branch of its own. Its commit changes so many sources, and the first tests of
    /// these files fail.
    pub(crate) fn of_branch(number: usize, files: usize, changes: usize) -> Self {
        // Both factors are primes, so the files of a build are distinct.
        let changed = (0..changes).map(|change| (number * 7_919 + change * 97) % files);
        Self {
            number,
            branch: format!("branch-{number}"),
            files,
            changed: changed.collect(),
        }
    }

    /// Its ID, and the key of its run.
    pub(crate) fn key(&self) -> String {
        format!("build-{}", self.number)
    }

    /// Of its plan.
    pub(crate) fn identifier(&self) -> String {
        format!("{}/step", self.key())
    }

    /// The numbers of the test files whose sources it changes.
    pub(crate) fn changed(&self) -> impl Iterator<Item = usize> {
        self.changed.iter().copied()
    }

    /// The request of a plan of these test files. With a selection, everything runs all the same,
    /// and the server learns from the build.
    pub(crate) fn plan_request(
        &self,
        identifier: &str,
        files: impl Iterator<Item = usize>,
        nodes: usize,
        selects: bool,
    ) -> serde_json::Result<Vec<u8>> {
        let selectors = files.map(|file| SelectorValue { value: path(file) });
        serde_json::to_vec(&PlanRequest {
            runner: "rspec".to_owned(),
            identifier: identifier.to_owned(),
            parallelism: i64::try_from(nodes).unwrap_or(i64::MAX),
            branch: self.branch.clone(),
            tests: PlanTests {
                selectors: selectors.collect(),
                ..PlanTests::default()
            },
            selection: selects.then(|| Selection {
                strategy: "observe".to_owned(),
                params: BTreeMap::new(),
            }),
            metadata: Some(self.metadata()),
            ..PlanRequest::default()
        })
    }

    /// The body of an upload with the results of these tests.
    pub(crate) fn upload(&self, tests: impl Iterator<Item = usize>) -> String {
        let results = tests.map(|test| GeneratedResult {
            failed: self.breaks(test),
            ..GeneratedResult::new(self.number, test, self.files)
        });
        let run_env = json!({
            "CI": "buildkite", "key": self.key(), "branch": self.branch,
            "commit_sha": sha(self.number), "number": self.number.to_string(),
            "url": format!("https://ci.example.com/builds/{}", self.number),
            "message": self.message(),
        });
        let data = upload_data_of(results);
        format!(r#"{{"format":"json","run_env":{run_env},"data":{data}}}"#)
    }

    /// The reports of the nodes of a plan, which have run everything.
    pub(crate) fn reports(&self, plan: &Plan) -> serde_json::Result<Vec<Vec<u8>>> {
        let reports = plan.tasks.values();
        reports
            .map(|task| serde_json::to_vec(&self.report(plan, task)))
            .collect()
    }

    fn report(&self, plan: &Plan, task: &Task) -> NodeReport {
        let population = plan.population.clone().unwrap_or_default();
        NodeReport {
            identifier: plan.identifier.clone(),
            build_id: self.key(),
            node: u32::try_from(task.node_number).unwrap_or(u32::MAX),
            parallelism: u32::try_from(plan.parallelism).unwrap_or(u32::MAX),
            job_id: format!("{}-{}", self.key(), task.node_number),
            state: NodeState::Finished,
            runner: "rspec".to_owned(),
            plan_digest: population.digest.clone(),
            population,
            targets: task
                .tests
                .iter()
                .map(|test| ran(test.value.clone()))
                .collect(),
            exit_code: Some(i32::from(!self.changed.is_empty())),
            started_at: STARTED_AT.to_owned(),
            finished_at: Some(FINISHED_AT.to_owned()),
            metadata: Some(PlanMetadataRequest {
                version: "3.0.0".to_owned(),
                env: EnvPayload {
                    buildkite_build_id: self.key(),
                    buildkite_parallel_job: task.node_number,
                    buildkite_parallel_job_count: plan.parallelism,
                    buildkite_test_engine_identifier: plan.identifier.clone(),
                    buildkite_test_engine_test_runner: "rspec".to_owned(),
                    ..EnvPayload::default()
                },
                ..PlanMetadataRequest::default()
            }),
            ..NodeReport::default()
        }
    }

    /// Whether a test fails because of the change.
    fn breaks(&self, test: usize) -> bool {
        test < FAILURES * self.files && self.changed.contains(&(test % self.files))
    }

    fn message(&self) -> String {
        format!("Change {} files", self.changed.len())
    }

    /// What clients read from git and from the CI.
    fn metadata(&self) -> BTreeMap<String, Value> {
        let lines = |line: &dyn Fn(usize, String) -> String| {
            let lines = self.changed().map(|file| line(file, source(file)));
            lines.collect::<Vec<_>>().join("\n")
        };
        let fields = [
            ("branch", self.branch.clone()),
            ("build_uuid", self.key()),
            ("base_branch", MAIN.to_owned()),
            ("commit_sha", sha(self.number)),
            ("parent_shas", PARENT.to_owned()),
            ("author_name", PERSON.to_owned()),
            ("author_email", EMAIL.to_owned()),
            ("author_date", STARTED_AT.to_owned()),
            ("committer_name", PERSON.to_owned()),
            ("committer_email", EMAIL.to_owned()),
            ("committer_date", STARTED_AT.to_owned()),
            ("message", self.message()),
            ("files_changed", lines(&|_, path| path)),
            ("diff_stat", lines(&|_, path| format!("9\t4\t{path}"))),
            (
                "git_diff_raw",
                lines(&|_, path| format!(":100644 100644 1a2b3c4 5d6e7f8 M\t{path}")),
            ),
            (
                "changed_functions",
                lines(&|file, path| format!("{path}\texpected_total_{file} ThingCase{file}")),
            ),
        ];
        fields
            .map(|(name, value)| (name.to_owned(), Value::from(value)))
            .into()
    }
}

/// The path of the source of a test file.
fn source(file: usize) -> String {
    format!("app/models/area_{}/thing_{file:06}.rb", file / 100)
}

/// The commit of a build.
fn sha(number: usize) -> String {
    format!("c{number:039x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_tests_of_each_changed_file_fail() {
        let build = Build::of_branch(3, 100, 5);
        let failing: Vec<usize> = (0..1_000).filter(|test| build.breaks(*test)).collect();
        assert_eq!(failing.len(), 5 * FAILURES);
        let body: Value = serde_json::from_str(&build.upload(0..1_000)).unwrap();
        let results = body["data"].as_array().unwrap();
        let failed = results.iter().filter(|result| result["result"] == "failed");
        assert_eq!(failed.count(), failing.len());
        assert!((0..1_000).all(|test| !Build::of_main(0, 100).breaks(test)));
    }

    #[test]
    fn a_plan_request_describes_the_change() {
        let build = Build::of_branch(3, 100, 5);
        let request = build.plan_request("plan", 0..100, 2, true).unwrap();
        let request: PlanRequest = serde_json::from_slice(&request).unwrap();
        assert_eq!(request.tests.selectors.len(), 100);
        let metadata = request.metadata.unwrap();
        let names = metadata["files_changed"].as_str().unwrap();
        assert_eq!(names.lines().count(), 5);
        assert!(
            names.starts_with("app/models/area_0/thing_000057.rb\n"),
            "{names}"
        );
    }
}
