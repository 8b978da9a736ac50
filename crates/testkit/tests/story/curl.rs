//! Uploads without a client: `curl` with multipart fields, as in pipelines on Buildkite, CircleCI
//! and GitHub Actions, and as in Buildkite's plugin for result files.
//!
//! Field names and environment variables are those of the public documentation; the values have the
//! formats of these services.

use std::time::Duration;

use serde_json::json;
use test_engine_testkit::{
    Connection, Finished, StoredRun, TestServer, clean_command, installed, run_within,
};

const RESULTS: &str = r#"[
  {"id": "5f0a1c2e-8f5d-4f0a-9d0b-0c6f3f6f7a01", "scope": "Post office", "name": "sends letters",
   "location": "./spec/post_spec.rb:3", "file_name": "./spec/post_spec.rb", "result": "passed",
   "history": {"start_at": 347611.72, "end_at": 347612.45, "duration": 0.73, "children": []}},
  {"id": "5f0a1c2e-8f5d-4f0a-9d0b-0c6f3f6f7a02", "scope": "Post office", "name": "sends parcels",
   "location": "./spec/post_spec.rb:9", "file_name": "./spec/post_spec.rb", "result": "failed",
   "failure_reason": "lost", "failure_expanded": [{"expanded": ["a parcel"], "backtrace": []}],
   "history": {"start_at": 347612.45, "end_at": 347612.5, "duration": 0.05, "children": [
     {"section": "sql", "start_at": 347612.45, "end_at": 347612.46, "duration": 0.01,
      "detail": {"query": "SELECT 1"}}]}}
]"#;

const JUNIT: &str = r#"<testsuite name="post" tests="1"><testcase classname="Post office"
  name="sells stamps" file="spec/post_spec.rb" line="20" time="0.25"/></testsuite>"#;

struct Upload {
    server: TestServer,
    connection: Connection,
    directory: tempfile::TempDir,
}

impl Upload {
    fn new() -> Self {
        let server = TestServer::start();
        let connection = server.create_suite("post");
        let directory = tempfile::tempdir().unwrap();
        fs_err::write(directory.path().join("results.json"), RESULTS).unwrap();
        fs_err::write(directory.path().join("results.xml"), JUNIT).unwrap();
        Self {
            server,
            connection,
            directory,
        }
    }

    /// Runs a shell script in the environment of a CI; `$UPLOADS` and `$TOKEN` are set.
    fn shell(&self, script: &str, environment: &[(&str, &str)]) -> Finished {
        _ = installed("curl");
        let mut command = clean_command("sh", self.directory.path());
        command
            .args(["-eu", "-c", script])
            .current_dir(self.directory.path())
            .env("UPLOADS", format!("{}/v1/uploads", self.server.base_url()))
            .env("TOKEN", &self.connection.suite_token)
            .envs(environment.iter().copied());
        let finished = run_within(command, Duration::from_mins(1));
        finished.expect_code(0);
        finished
    }

    fn run(&self, key: &str) -> StoredRun {
        self.server
            .stored_results()
            .run(&self.connection.organization, &self.connection.suite, key)
            .unwrap_or_else(|| panic!("no run {key}"))
    }

    /// Branch and commit of the only run, from the API.
    fn branch_and_commit(&self) -> (String, String) {
        let runs = self.connection.api().get("/runs").json();
        let [run] = runs.as_array().unwrap().as_slice() else {
            panic!("one run, not {runs}");
        };
        let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
        (text("branch"), text("commit_sha"))
    }
}

const COMMIT: &str = "8f14e45fceea167a5a36dedd4bea2543f14e45fc";

#[test]
fn curl_on_buildkite() {
    let upload = Upload::new();
    let finished = upload.shell(
        r#"curl -sS --fail-with-body -X POST -H "Authorization: Token token=\"$TOKEN\"" \
          -F data=@results.json -F format=json -F "run_env[CI]=buildkite" \
          -F "run_env[key]=$BUILDKITE_BUILD_ID" -F "run_env[url]=$BUILDKITE_BUILD_URL" \
          -F "run_env[branch]=$BUILDKITE_BRANCH" -F "run_env[commit_sha]=$BUILDKITE_COMMIT" \
          -F "run_env[number]=$BUILDKITE_BUILD_NUMBER" -F "run_env[job_id]=$BUILDKITE_JOB_ID" \
          -F "run_env[message]=$BUILDKITE_MESSAGE" "$UPLOADS""#,
        &[
            ("BUILDKITE_BUILD_ID", "0190a3c2-7b1e-4a53-9d2f-5a2d0a6e5b11"),
            (
                "BUILDKITE_BUILD_URL",
                "https://ci.example/acme/post/builds/7",
            ),
            ("BUILDKITE_BRANCH", "main"),
            ("BUILDKITE_COMMIT", COMMIT),
            ("BUILDKITE_BUILD_NUMBER", "7"),
            ("BUILDKITE_JOB_ID", "0190a3c2-7b1e-4a53-9d2f-5a2d0a6e5b12"),
            (
                "BUILDKITE_MESSAGE",
                "Send \"parcels\" & letters\n\nAt once.",
            ),
        ],
    );
    let response: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(response["queued"], 2, "{response}");
    assert_eq!(response["skipped"], 0, "{response}");
    assert_eq!(response["errors"], json!([]), "{response}");
    let run = upload.run("0190a3c2-7b1e-4a53-9d2f-5a2d0a6e5b11");
    assert_eq!((run.result, run.executions, run.failed), ("failed", 2, 1));
    assert_eq!(
        upload.branch_and_commit(),
        ("main".to_owned(), COMMIT.to_owned())
    );
    let runs = upload
        .connection
        .api()
        .get("/runs?build_id=0190a3c2-7b1e-4a53-9d2f-5a2d0a6e5b11")
        .json();
    assert_eq!(runs.as_array().unwrap().len(), 1, "{runs}");
}

#[test]
fn curl_on_circleci() {
    let upload = Upload::new();
    upload.shell(
        r#"curl -sS --fail-with-body -X POST -H "Authorization: Token token=\"$TOKEN\"" \
          -F data=@results.json -F format=json -F "run_env[CI]=circleci" \
          -F "run_env[key]=$CIRCLE_WORKFLOW_ID-$CIRCLE_BUILD_NUM" \
          -F "run_env[number]=$CIRCLE_BUILD_NUM" -F "run_env[branch]=$CIRCLE_BRANCH" \
          -F "run_env[commit_sha]=$CIRCLE_SHA1" -F "run_env[url]=$CIRCLE_BUILD_URL" "$UPLOADS""#,
        &[
            ("CIRCLE_WORKFLOW_ID", "b1a2c3d4-1111-4222-8333-444455556666"),
            ("CIRCLE_BUILD_NUM", "91"),
            ("CIRCLE_BRANCH", "feature/stamps"),
            ("CIRCLE_SHA1", COMMIT),
            ("CIRCLE_BUILD_URL", "https://ci.example/gh/acme/post/91"),
        ],
    );
    let run = upload.run("b1a2c3d4-1111-4222-8333-444455556666-91");
    assert_eq!((run.executions, run.failed, run.uploads), (2, 1, 1));
    assert_eq!(
        upload.branch_and_commit(),
        ("feature/stamps".to_owned(), COMMIT.to_owned())
    );
}

#[test]
fn curl_on_github_actions() {
    let upload = Upload::new();
    upload.shell(
        r#"curl -sS --fail-with-body -X POST -H "Authorization: Token token=\"$TOKEN\"" \
          -F data=@results.json -F format=json -F "run_env[CI]=github_actions" \
          -F "run_env[key]=$GITHUB_ACTION-$GITHUB_RUN_NUMBER-$GITHUB_RUN_ATTEMPT" \
          -F "run_env[number]=$GITHUB_RUN_NUMBER" -F "run_env[branch]=$GITHUB_REF" \
          -F "run_env[commit_sha]=$GITHUB_SHA" \
          -F "run_env[url]=https://ci.example/$GITHUB_REPOSITORY/actions/runs/$GITHUB_RUN_ID" \
          "$UPLOADS""#,
        &[
            ("GITHUB_ACTION", "__run"),
            ("GITHUB_RUN_NUMBER", "12"),
            ("GITHUB_RUN_ATTEMPT", "2"),
            ("GITHUB_RUN_ID", "9876543210"),
            ("GITHUB_REF", "refs/heads/feature/stamps"),
            ("GITHUB_SHA", COMMIT),
            ("GITHUB_REPOSITORY", "acme/post"),
        ],
    );
    let run = upload.run("__run-12-2");
    assert_eq!((run.executions, run.failed, run.uploads), (2, 1, 1));
    // A ref is shown as the name of its branch.
    assert_eq!(
        upload.branch_and_commit(),
        ("feature/stamps".to_owned(), COMMIT.to_owned())
    );
}

#[test]
fn plugin_uploads_each_file_separately_and_reads_the_run_url() {
    let upload = Upload::new();
    let finished = upload.shell(
        r#"for file in results.json results.xml; do
          case $file in *.xml) format=junit ;; *) format=json ;; esac
          curl --silent --show-error --fail-with-body --max-time 30 -X POST \
            -H "Authorization: Token token=\"$TOKEN\"" \
            -F "data=@$file" -F "format=$format" -F "run_env[CI]=buildkite" \
            -F "run_env[key]=a-build" -F "run_env[url]=https://ci.example/a-build" \
            -F "run_env[branch]=main" -F "run_env[commit_sha]=$COMMIT" -F "run_env[number]=8" \
            -F "run_env[job_id]=a-job" -F "run_env[message]=Sell stamps" \
            -F "run_env[collector]=test-collector-buildkite-plugin" -F "run_env[version]=v2.1.0" \
            -F "run_env[debug]=true" -F "tags[size]=large" "$UPLOADS"
          echo
        done"#,
        &[("COMMIT", COMMIT)],
    );
    let responses: Vec<serde_json::Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(responses.len(), 2, "{finished}");
    assert_eq!(responses[0]["run_id"], responses[1]["run_id"], "one run");
    let url = responses[0]["run_url"].as_str().unwrap();
    assert!(url.starts_with(upload.server.base_url()), "{url}");
    let run = upload.run("a-build");
    assert_eq!((run.executions, run.failed, run.uploads), (3, 1, 2));
    upload.connection.test_id("Post office", "sells stamps");

    let id = responses[0]["run_id"].as_str().unwrap();
    let failures = upload
        .connection
        .api()
        .get(&format!("/runs/{id}/failed_executions"))
        .json();
    let tags = &failures[0]["tags"];
    assert_eq!(tags["size"], "large", "{failures}");
    assert_eq!(
        tags["collector.name"], "test-collector-buildkite-plugin",
        "{failures}"
    );
    assert_eq!(tags["build.job_id"], "a-job", "{failures}");
}
