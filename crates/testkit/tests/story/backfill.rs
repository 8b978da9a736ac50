//! Commit history, end to end: a repository with 50 commits, a suite that has seen them all, the
//! real client, the real server, and rows that say what git says.

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

/// A remote with history, and a clone of it to work in.
struct History {
    directory: TempDir,
    commits: Vec<String>,
}

impl History {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory can be made");
        let origin = directory.path().join("origin");
        fs_err::create_dir(&origin).expect("a directory can be made");
        let history = Self {
            directory,
            commits: Vec::new(),
        };
        history.git("origin", &["init", "--quiet", "--initial-branch=main"]);
        for number in 0..COMMITS {
            let name = format!("src/file {}.txt", number % 7);
            fs_err::create_dir_all(origin.join("src")).expect("a directory can be made");
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

    /// A stand-in for git that notes every call, and waits for the file `go` before it goes on.
    fn stand_in(&self) -> PathBuf {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = self.home().join("stand-in");
        fs_err::create_dir(&directory).expect("a directory can be made");
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
            .upload_of_commit(&format!("build-{number}"), commit)
            .expect_status(202);
    }
    connection
}

/// Waits for the background, until so many archives have been ingested.
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

/// The rows of the server are git's own words.
#[track_caller]
fn rows_say_what_git_says(server: &ServerProgram, connection: &Connection, history: &History) {
    let kept = server.kept_results();
    for commit in &history.commits {
        let row = kept
            .commit(&connection.organization, &connection.suite, commit)
            .unwrap_or_else(|| panic!("{commit} is not there"));
        let facts = history.git(
            "clone",
            &[
                "show",
                "--no-patch",
                "--format=%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%B",
                commit,
            ],
        );
        let mut told = vec![
            row.parents.join(" "),
            row.author_name,
            row.author_email,
            row.author_date,
            row.committer_name,
            row.committer_email,
            row.committer_date,
            row.message,
        ];
        assert_eq!(told.join("\0"), facts, "{commit}");
        // The history is one line of commits: each is compared with its parent, or with nothing.
        let base = if told.remove(0).is_empty() {
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
fn history_goes_to_the_server_and_says_what_git_says() {
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
    rows_say_what_git_says(&server, &connection, &history);

    // In two steps, as after an upload that failed: nothing is collected again.
    history
        .run(&connection, &["--output", "kept.tar.gz"])
        .expect_code(0);
    history
        .run(&connection, &["--upload", "kept.tar.gz"])
        .expect_code(0);
    wait_until_ingested(&connection, 2);
    rows_say_what_git_says(&server, &connection, &history);
}

#[test]
fn history_goes_to_a_bucket_and_says_what_git_says() {
    let s3 = S3Server::start();
    let server = ServerProgram::start_with(s3.settings("engine"));
    let history = History::new();
    let connection = suite(&server, &history);
    let finished = history.run(&connection, &[]);
    finished.expect_code(0);
    wait_until_ingested(&connection, 1);
    rows_say_what_git_says(&server, &connection, &history);
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
fn a_token_that_may_not_upload_is_told_before_git_is_started() {
    let server = ServerProgram::start();
    let history = History::new();
    let mut connection = suite(&server, &history);
    let all = connection.access_token.clone();
    connection.access_token = server.token_with_scope("read_suites");
    let stand_in = history.stand_in();
    fs_err::write(stand_in.join("go"), "").expect("a file can be written");
    let with_stand_in = |connection: &Connection| {
        let mut command = history.backfill(connection, &[]);
        command.env("PATH", format!("{}:/usr/bin:/bin", stand_in.display()));
        run_within(command, LIMIT)
    };
    let finished = with_stand_in(&connection);
    finished.expect_code(16);
    assert!(finished.stderr.contains("write_suites"), "{finished}");
    assert!(
        !stand_in.join("calls").exists(),
        "git was started\n{finished}"
    );

    // The stand-in would have noticed.
    connection.access_token = all;
    with_stand_in(&connection).expect_code(0);
    assert!(stand_in.join("calls").exists());
}

#[test]
fn a_form_that_is_no_longer_good_is_asked_for_again() {
    let server = ServerProgram::start();
    let history = History::new();
    let connection = suite(&server, &history);
    let stand_in = history.stand_in();
    let mut command = history.backfill(&connection, &[]);
    command.env("PATH", format!("{}:/usr/bin:/bin", stand_in.display()));
    let running = start(command);
    // Git comes after the form: while it waits, the form goes.
    let began = Instant::now();
    while !stand_in.join("calls").exists() {
        assert!(began.elapsed() < LIMIT, "git is never started");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(server.kept_results().forget_forms(), 1);
    fs_err::write(stand_in.join("go"), "").expect("a file can be written");
    let finished = wait_within(running, LIMIT);
    finished.expect_code(0);
    assert!(
        finished.stderr.contains("Requesting a new upload form"),
        "{finished}"
    );
    wait_until_ingested(&connection, 1);
}
