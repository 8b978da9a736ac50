//! Builds that are played over HTTP: a plan request with commit metadata, the results of what the
//! plan has, and the report of the only node.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_engine_testkit::{Connection, ServerProgram};

use super::project::{Commit, all_files, module, scope};

const LIMIT: Duration = Duration::from_mins(1);

/// The change of a build.
#[derive(Clone, Debug, Default)]
pub(super) struct Change {
    pub(super) branch: String,
    pub(super) sha: String,
    pub(super) parent: String,
    /// Changed paths.
    pub(super) files: Vec<String>,
    /// Old and new path of a renamed file.
    pub(super) rename: Option<(String, String)>,
}

impl Change {
    pub(super) fn of(commit: &Commit) -> Self {
        Self {
            branch: format!("change-{}", &commit.sha[..8]),
            sha: commit.sha.clone(),
            parent: commit.parent.clone(),
            files: vec![module(commit.module)],
            rename: None,
        }
    }

    /// The same commit on the default branch.
    pub(super) fn on_main(&self) -> Self {
        Self {
            branch: "main".to_owned(),
            ..self.clone()
        }
    }

    fn metadata(&self) -> Value {
        let mut files = self.files.clone();
        let mut raw: Vec<String> = files
            .iter()
            .map(|file| format!(":100644 100644 1111111 2222222 M\t{file}"))
            .collect();
        let mut stat: Vec<String> = files.iter().map(|file| format!("2\t2\t{file}")).collect();
        if let Some((old, new)) = &self.rename {
            files.push(new.clone());
            raw.push(format!(":100644 100644 1111111 1111111 R100\t{old}\t{new}"));
            stat.push(format!("0\t0\t{old} => {new}"));
        }
        json!({
            "commit_sha": self.sha, "parent_shas": self.parent, "message": "Change a module",
            "author_name": "Ada", "author_email": "ada@example.com",
            "author_date": "2026-11-01T10:00:00+00:00", "committer_name": "Ada",
            "committer_email": "ada@example.com", "committer_date": "2026-11-01T10:00:00+00:00",
            "branch": self.branch, "base_branch": "main", "files_changed": files.join("\n"),
            "diff_stat": stat.join("\n"), "git_diff_raw": raw.join("\n"), "changed_functions": "",
        })
    }
}

/// A plan of a build that has not run yet.
pub(super) struct Planned {
    build: String,
    change: Change,
    pub(super) plan: Value,
}

impl Planned {
    pub(super) fn identifier(&self) -> String {
        identifier(&self.build)
    }

    /// The files of the plan.
    pub(super) fn files(&self) -> BTreeSet<String> {
        self.plan["tasks"]["0"]["tests"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|case| case["value"].as_str())
            .map(str::to_owned)
            .collect()
    }

    pub(super) fn verdict(&self) -> (&str, Option<&str>) {
        let selection = &self.plan["selection"];
        let verdict = selection["verdict"].as_str().unwrap_or_default();
        (verdict, selection["reason"].as_str())
    }
}

fn identifier(build: &str) -> String {
    format!("{build}/tests")
}

/// Plays builds of one suite.
pub(super) struct Player<'s> {
    pub(super) server: &'s ServerProgram,
    pub(super) connection: &'s Connection,
}

impl Player<'_> {
    pub(super) fn plan(&self, build: &str, change: &Change, selection: &Value) -> Planned {
        let selectors: Vec<Value> = all_files()
            .into_iter()
            .map(|file| json!({"value": file}))
            .collect();
        let mut request = json!({
            "runner": "pytest", "identifier": identifier(build), "parallelism": 1,
            "branch": change.branch, "tests": {"selectors": selectors},
            "metadata": change.metadata(),
        });
        if !selection.is_null() {
            request["selection"] = selection.clone();
        }
        let response = self.connection.api().post("/test_plan", &request);
        Planned {
            build: build.to_owned(),
            change: change.clone(),
            plan: response.expect_status(200).json(),
        }
    }

    /// Runs what the plan has: these files fail, the others pass.
    pub(super) fn run(&self, planned: &Planned, failing: &[String]) {
        let files = planned.files();
        let result = |file: &String| {
            let failed = failing.contains(file);
            json!({
                "scope": scope(file), "name": "test_values", "file_name": file,
                "location": format!("{file}:5"), "result": if failed { "failed" } else { "passed" },
                "failure_reason": failed.then_some("assert (1, 2) == (1, 1)"),
                "history": {"duration": 0.5},
            })
        };
        let data: Vec<Value> = files.iter().map(result).collect();
        self.connection
            .upload_of_commit(
                &planned.build,
                &planned.change.branch,
                &planned.change.sha,
                &data,
            )
            .expect_status(202);
        let target = |file: &String| {
            json!({
                "value": file, "planned": true, "tests": 1, "outcome": "complete",
            })
        };
        let targets: Vec<Value> = files.iter().map(target).collect();
        let report = json!({
            "identifier": planned.identifier(), "build_id": planned.build, "node": 0,
            "parallelism": 1, "run_key": planned.build, "job_id": planned.build,
            "state": "finished", "runner": "pytest", "targets": targets,
            "exit_code": i32::from(files.iter().any(|file| failing.contains(file))),
            "started_at": "2026-11-01T10:00:00Z", "finished_at": "2026-11-01T10:01:00Z",
        });
        let stored = self
            .connection
            .api()
            .post("/test_plan/node_reports", &report);
        assert_eq!(stored.expect_status(200).json(), json!({"stored": true}));
    }

    /// A build on the default branch.
    pub(super) fn run_on_main(&self, build: &str, change: &Change, failing: &[String]) {
        let planned = self.plan(build, &change.on_main(), &Value::Null);
        self.run(&planned, failing);
        self.server.wait_until_summarized();
    }

    pub(super) fn overview(&self) -> Value {
        self.connection
            .api()
            .get("/selection")
            .expect_status(200)
            .json()
    }

    /// Waits until the overview is as expected, and returns it.
    #[track_caller]
    pub(super) fn wait_for(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let overview = self.overview();
            if is_so(&overview) {
                return overview;
            }
            assert!(began.elapsed() < LIMIT, "{what}: {overview:#}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The items that a decision left out, or would have, best first.
    pub(super) fn left_out(&self, identifier: &str) -> Vec<String> {
        let query =
            format!("/test_plan/selection?identifier={identifier}&left_out=true&per_page=100");
        let decision = self.connection.api().get(&query).expect_status(200).json();
        decision["items"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|item| item["item"].as_str())
            .map(str::to_owned)
            .collect()
    }
}
