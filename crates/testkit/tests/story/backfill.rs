//! Commit history, end to end: a repository with 50 commits, a suite with a run on each, the real
//! client and the real server. The stored rows must equal git's output.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use test_engine_testkit::{
    Connection, Finished, S3Server, ServerProgram, bktec, clean_command, run_within, start,
    wait_within,
};

const COMMITS: usize = 50;
const LIMIT: Duration = Duration::from_mins(2);

/// A remote with history, and a clone of it.
struct History {
    directory: TempDir,
    commits: Vec<String>,
}

impl History {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be created");
        let origin = directory.path().join("origin");
        fs_err::create_dir(&origin).expect("a directory can be created");
        let history = Self {
            directory,
            commits: Vec::new(),
        };
        history.git("origin", &["init", "--quiet", "--initial-branch=main"]);
        for number in 0..COMMITS {
            let name = format!("src/file {}.txt", number % 7);
            fs_err::create_dir_all(origin.join("src")).expect("a directory can be created");
            let lines = format!("version {number}\n") + &"a line é\n".repeat(number + 1);
            fs_err::write(origin.join(name), lines).expect("a file can be written");
            history.git("origin", &["add", "--all"]);
            let message = format!("Change \"{number}\"\n\nBecause of <reasons>.");
            history.git("origin", &["commit", "--quiet", "--message", &message]);
        }
        history.git(".", &["clone", "--quiet", "origin", "clone"]);
        let listed = history.git("clone", &["rev-list", "HEAD"]);
        let commits: Vec<String> = listed.lines().map(str::to_owned).collect();
        assert_eq!(commits.len(), COMMITS);
        Self { commits, ..history }
    }

    fn home(&self) -> &Path {
        self.directory.path()
    }

    fn git(&self, directory: &str, arguments: &[&str]) -> String {
        let mut command = clean_command("git", self.home());
        command
            .current_dir(self.home().join(directory))
            .args([
                "-c",
                "user.name=Ada \"A\" Author",
                "-c",
                "user.email=ada@example.com",
            ])
            .args(arguments);
        let finished = run_within(command, LIMIT);
        finished.expect_code(0);
        finished.stdout.trim_end_matches('\n').to_owned()
    }

    /// `bktec tools backfill-commit-metadata` in the clone.
    fn backfill(&self, connection: &Connection, arguments: &[&str]) -> Command {
        let mut command = clean_command(bktec(), self.home());
        command
            .current_dir(self.home().join("clone"))
            .args(["tools", "backfill-commit-metadata"])
            .args(arguments)
            .envs([
                ("BUILDKITE_ORGANIZATION_SLUG", &connection.organization),
                ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", &connection.suite),
                ("BUILDKITE_TEST_ENGINE_BASE_URL", &connection.base_url),
                (
                    "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
                    &connection.access_token,
                ),
            ]);
        command
    }

    fn run(&self, connection: &Connection, arguments: &[&str]) -> Finished {
        run_within(self.backfill(connection, arguments), LIMIT)
    }

    /// A wrapper of git that records every call, and waits for the file `go` before it continues.
    fn git_wrapper(&self) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = self.home().join("git-wrapper");
        fs_err::create_dir(&directory).expect("a directory can be created");
        let real = run_within(
            {
                let mut command = clean_command("sh", self.home());
                command.args(["-c", "command -v git"]);
                command
            },
            LIMIT,
        );
        let script = format!(
            "#!/bin/sh\necho \"$@\" >>'{0}/calls'\nwhile [ ! -e '{0}/go' ]; do sleep 0.02; done\n\
             exec {1} \"$@\"\n",
            directory.display(),
            real.stdout.trim()
        );
        let path = directory.join("git");
        fs_err::write(&path, script).expect("a file can be written");
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755))
            .expect("a file can be made executable");
        directory
    }
}

/// A suite with a run on every commit.
fn suite(server: &ServerProgram, history: &History) -> Connection {
    let connection = server.create_suite("shop");
    for (number, commit) in history.commits.iter().enumerate() {
        connection
            .upload_for_commit(&format!("build-{number}"), commit)
            .expect_status(202);
    }
    connection
}

/// Waits until the background job has ingested so many archives.
#[track_caller]
fn wait_until_ingested(connection: &Connection, archives: usize) {
    let began = Instant::now();
    loop {
        let listed = connection.api().get("/commit-metadata-backfill").json();
        let states: Vec<&str> = listed
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|backfill| backfill["state"].as_str())
            .collect();
        assert!(!states.contains(&"rejected"), "{listed}");
        if states.iter().filter(|state| **state == "ingested").count() == archives {
            assert_eq!(listed[0]["commits"], COMMITS, "{listed}");
            return;
        }
        assert!(began.elapsed() < LIMIT, "{listed}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Asserts that the stored rows equal git's output.
#[track_caller]
fn assert_rows_equal_git(server: &ServerProgram, connection: &Connection, history: &History) {
    let stored = server.stored_results();
    for commit in &history.commits {
        let row = stored
            .commit(&connection.organization, &connection.suite, commit)
            .unwrap_or_else(|| panic!("{commit} is not stored"));
        let facts = history.git(
            "clone",
            &[
                "show",
                "--no-patch",
                "--format=%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B",
                commit,
            ],
        );
        let mut fields = vec![
            row.parents.join(" "),
            row.author_name,
            row.author_email,
            row.author_date,
            row.committer_name,
            row.committer_email,
            row.committer_date,
            row.message,
        ];
        assert_eq!(fields.join("\0"), facts, "{commit}");
        // The history is linear: each commit is compared with its parent, the first with the empty
        // tree.
        let base = if fields.remove(0).is_empty() {
            history.git("clone", &["hash-object", "-t", "tree", "/dev/null"])
        } else {
            format!("{commit}^")
        };
        let files = history.git("clone", &["diff", "--name-only", &base, commit]);
        assert_eq!(row.files_changed, files, "{commit}");
        let stat = history.git("clone", &["diff", "--numstat", &base, commit]);
        assert_eq!(row.diff_stat, stat, "{commit}");
    }
}

#[test]
fn uploads_history_to_the_server() {
    let server = ServerProgram::start();
    let history = History::new();
    let connection = suite(&server, &history);
    let finished = history.run(&connection, &[]);
    finished.expect_code(0);
    assert!(
        finished
            .stderr
            .contains("50 commits exported, 0 commits skipped"),
        "{finished}"
    );
    wait_until_ingested(&connection, 1);
    assert_rows_equal_git(&server, &connection, &history);

    // In two steps, as after a failed upload.
    history
        .run(&connection, &["--output", "kept.tar.gz"])
        .expect_code(0);
    history
        .run(&connection, &["--upload", "kept.tar.gz"])
        .expect_code(0);
    wait_until_ingested(&connection, 2);
    assert_rows_equal_git(&server, &connection, &history);
}

#[test]
fn uploads_history_to_a_bucket() {
    let s3 = S3Server::start();
    let server = ServerProgram::start_with(s3.settings("engine"));
    let history = History::new();
    let connection = suite(&server, &history);
    let finished = history.run(&connection, &[]);
    finished.expect_code(0);
    wait_until_ingested(&connection, 1);
    assert_rows_equal_git(&server, &connection, &history);
    let began = Instant::now();
    loop {
        let keys = s3.keys();
        if let [key] = keys.as_slice()
            && key.starts_with("engine/backfills/ingested/")
        {
            break;
        }
        assert!(began.elapsed() < LIMIT, "{keys:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn token_without_write_scope_fails_before_git_starts() {
    let server = ServerProgram::start();
    let history = History::new();
    let mut connection = suite(&server, &history);
    let all = connection.access_token.clone();
    connection.access_token = server.token_with_scope("read_suites");
    let wrapper = history.git_wrapper();
    fs_err::write(wrapper.join("go"), "").expect("a file can be written");
    let with_wrapper = |connection: &Connection| {
        let mut command = history.backfill(connection, &[]);
        command.env("PATH", format!("{}:/usr/bin:/bin", wrapper.display()));
        run_within(command, LIMIT)
    };
    let finished = with_wrapper(&connection);
    finished.expect_code(16);
    assert!(finished.stderr.contains("write_suites"), "{finished}");
    assert!(!wrapper.join("calls").exists(), "git started\n{finished}");

    // With the scope, the wrapper records the calls.
    connection.access_token = all;
    with_wrapper(&connection).expect_code(0);
    assert!(wrapper.join("calls").exists());
}

#[test]
fn replaces_an_expired_upload_form() {
    let server = ServerProgram::start();
    let history = History::new();
    let connection = suite(&server, &history);
    let wrapper = history.git_wrapper();
    let mut command = history.backfill(&connection, &[]);
    command.env("PATH", format!("{}:/usr/bin:/bin", wrapper.display()));
    let running = start(command);
    // Git starts after the form was requested: delete the form while git waits.
    let began = Instant::now();
    while !wrapper.join("calls").exists() {
        assert!(began.elapsed() < LIMIT, "git never starts");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.stored_results().delete_unused_forms(), 1);
    fs_err::write(wrapper.join("go"), "").expect("a file can be written");
    let finished = wait_within(running, LIMIT);
    finished.expect_code(0);
    assert!(
        finished.stderr.contains("Requesting a new upload form"),
        "{finished}"
    );
    wait_until_ingested(&connection, 1);
}
