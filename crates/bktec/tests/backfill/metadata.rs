//! The commit metadata of a plan request equals a backfill record, except for the patch: servers
//! other than the hosted one get only the names of the changed functions.

use std::path::Path;
use std::process::Stdio;

use crate::plain_git::PlainGit;
use crate::server::Server;
use crate::support::small;

/// Requests a plan in `directory`. Returns the request's metadata and standard error.
fn plan(directory: &Path, arguments: &[&str]) -> (serde_json::Value, String) {
    let server = Server::start(&[]);
    #[expect(clippy::disallowed_methods, reason = "the program under test")]
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bktec"))
        .args(["plan", "--json"])
        .args(arguments)
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("BUILDKITE_ORGANIZATION_SLUG", "acme")
        .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "web")
        .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "secret-token")
        .env("BUILDKITE_TEST_ENGINE_BASE_URL", &server.base)
        .env("BUILDKITE_BUILD_ID", "build-1")
        .env("BUILDKITE_STEP_ID", "step-1")
        .env("BUILDKITE_BRANCH", "topic")
        .env("BUILDKITE_PIPELINE_SLUG", "pipe")
        .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "jest")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let metadata = server.state().plans[0]["metadata"].clone();
    (metadata, stderr)
}

#[test]
fn plan_with_a_strategy_sends_commit_metadata() {
    let (mut sample, clone, _) = small();
    sample.git_in(&clone, &["checkout", "--quiet", "-b", "topic"]);
    fs_err::write(clone.join("a.test.js"), "function checkout() {}\n").unwrap();
    sample.git_in(&clone, &["add", "."]);
    sample.git_in(
        &clone,
        &[
            "-c",
            "user.name=Bo",
            "-c",
            "user.email=b@c",
            "commit",
            "-qm",
            "topic\n\nwork",
        ],
    );
    let head = sample.git_in(&clone, &["rev-parse", "HEAD"]);
    let plain = PlainGit::new(&clone, "origin/main");
    let expected = plain.record(&head, plain.base(&head).as_deref()).unwrap();
    for arguments in [
        ["--selection-strategy", "random"].as_slice(),
        &["--collect-git-metadata"],
    ] {
        let arguments = [arguments, &["--metadata", "branch=mine"]].concat();
        let (found, _) = plan(&clone, &arguments);
        assert_eq!(
            found,
            serde_json::json!({
                "commit_sha": head, "parent_shas": expected.parents,
                "author_name": expected.author[0], "author_email": expected.author[1],
                "author_date": expected.author[2], "committer_name": expected.committer[0],
                "committer_email": expected.committer[1], "committer_date": expected.committer[2],
                "message": "topic\n\nwork", "files_changed": "a.test.js",
                "diff_stat": expected.diff.numstat, "git_diff_raw": expected.diff.raw,
                "changed_functions": "a.test.js\tcheckout",
                "branch": "mine", "base_branch": "main", "pipeline_slug": "pipe",
                "build_uuid": "build-1"})
        );
    }
}

#[test]
fn plan_without_a_strategy_sends_no_metadata() {
    let (_sample, clone, _) = small();
    fs_err::write(clone.join("a.test.js"), "").unwrap();
    let (found, _) = plan(&clone, &[]);
    assert_eq!(found, serde_json::Value::Null);
}

#[test]
fn plan_outside_a_repository_sends_only_ci_metadata() {
    let directory = tempfile::tempdir().unwrap();
    fs_err::write(directory.path().join("a.test.js"), "").unwrap();
    let (found, stderr) = plan(directory.path(), &["--collect-git-metadata"]);
    assert!(
        stderr.contains("Requesting the plan without it"),
        "{stderr}"
    );
    assert_eq!(
        found,
        serde_json::json!({"branch": "topic", "pipeline_slug": "pipe", "build_uuid": "build-1"})
    );
}

/// A CI often clones only the commit itself: nothing says what changed.
#[test]
fn plan_in_a_shallow_clone_describes_the_commit_without_its_changes() {
    let (mut sample, _, _) = small();
    let shallow = sample.clone_to("shallow", &["--depth=1"]);
    fs_err::write(shallow.join("a.test.js"), "").unwrap();
    let (found, stderr) = plan(&shallow, &["--selection-strategy", "confidence"]);
    let head = sample.git_in(&shallow, &["rev-parse", "HEAD"]);
    assert_eq!(found["commit_sha"], head.as_str());
    for absent in [
        "files_changed",
        "diff_stat",
        "git_diff_raw",
        "changed_functions",
    ] {
        assert_eq!(found.get(absent), None, "{found}");
    }
    assert!(
        stderr.contains("The changes of this commit are not known"),
        "{stderr}"
    );
    assert!(stderr.contains("git fetch --unshallow"), "{stderr}");
}
