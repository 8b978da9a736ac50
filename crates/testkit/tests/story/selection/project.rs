//! A pytest project of 40 test files with a git history of 120 commits.
//!
//! Test file `n` imports module `n` and the one before it, so a fault in a module fails two files.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use test_engine_testkit::{
    Connection, Finished, bktec, clean_command, run_within, search_path_after, tool,
};

pub(super) const FILES: usize = 40;
pub(super) const COMMITS: usize = 120;
const LIMIT: Duration = Duration::from_mins(2);

/// A commit of the history, which changes one module.
#[derive(Clone, Debug)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) parent: String,
    pub(super) module: usize,
}

/// A remote, and a clone of it in which builds run.
pub(super) struct Project {
    directory: TempDir,
    pub(super) history: Vec<Commit>,
}

pub(super) fn module(number: usize) -> String {
    format!("app/m{:02}.py", number % FILES)
}

pub(super) fn test_file(number: usize) -> String {
    format!("tests/test_m{:02}.py", number % FILES)
}

/// Scope of the only test of a file, as pytest's JUnit results have it.
pub(super) fn scope(file: &str) -> String {
    file.trim_end_matches(".py").replace('/', ".")
}

pub(super) fn all_files() -> Vec<String> {
    (0..FILES).map(test_file).collect()
}

impl Project {
    pub(super) fn new() -> Self {
        let mut project = Self {
            directory: tempfile::tempdir().expect("a temporary directory can be created"),
            history: Vec::new(),
        };
        fs_err::create_dir(project.path("origin")).expect("a directory can be created");
        project.git("origin", &["init", "--quiet", "--initial-branch=main"]);
        project.write("origin", "pytest.ini", "[pytest]\npythonpath = .\n");
        project.write("origin", "requirements.txt", "pytest==8.4.2\n");
        for number in 0..FILES {
            project.write("origin", &module(number), &source(number, 0));
            project.write("origin", &test_file(number), &test(number));
        }
        let mut parent = project.commit("origin", "Add the modules");
        for number in 0..COMMITS {
            let module = number * 7 % FILES;
            let text = source(module, number + 1);
            project.write("origin", &self::module(module), &text);
            let sha = project.commit("origin", &format!("Change module {module}"));
            project.history.push(Commit {
                sha: sha.clone(),
                parent: std::mem::replace(&mut parent, sha),
                module,
            });
        }
        project.git(".", &["clone", "--quiet", "origin", "clone"]);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, repository: &str, file: &str, text: &str) {
        let path = self.path(repository).join(file);
        let parent = path.parent().expect("files are in a directory");
        fs_err::create_dir_all(parent).expect("a directory can be created");
        fs_err::write(path, text).expect("a file can be written");
    }

    fn commit(&self, repository: &str, message: &str) -> String {
        self.git(repository, &["add", "--all"]);
        self.git(repository, &["commit", "--quiet", "--message", message]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    pub(super) fn git(&self, repository: &str, arguments: &[&str]) -> String {
        let mut command = clean_command("git", self.directory.path());
        command
            .current_dir(self.path(repository))
            .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com"])
            .args(arguments);
        let finished = run_within(command, LIMIT);
        finished.expect_code(0);
        finished.stdout.trim_end_matches('\n').to_owned()
    }

    /// Begins a branch in the clone with one commit that changes these files.
    pub(super) fn branch(&self, name: &str, files: &[(&str, &str)]) {
        self.git("clone", &["checkout", "--quiet", "-b", name, "origin/main"]);
        for (file, text) in files {
            self.write("clone", file, text);
        }
        self.commit("clone", &format!("Change {name}"));
    }

    /// `bktec` in the clone with everything that a pipeline sets, on one node.
    pub(super) fn bktec(
        &self,
        connection: &Connection,
        build: &str,
        arguments: &[&str],
    ) -> Finished {
        run_within(self.command(connection, build, arguments), LIMIT)
    }

    fn command(&self, connection: &Connection, build: &str, arguments: &[&str]) -> Command {
        let mut command = clean_command(bktec(), self.directory.path());
        let branch = self.git("clone", &["rev-parse", "--abbrev-ref", "HEAD"]);
        let sha = self.git("clone", &["rev-parse", "HEAD"]);
        command
            .args(arguments)
            .current_dir(self.path("clone"))
            .env("PATH", search_path_after(&tool("pytest/bin")))
            .envs([
                (
                    "BUILDKITE_ORGANIZATION_SLUG",
                    connection.organization.as_str(),
                ),
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
                ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "pytest"),
                ("BUILDKITE_BUILD_ID", build),
                ("BUILDKITE_STEP_ID", "tests"),
                ("BUILDKITE_JOB_ID", build),
                ("BUILDKITE_BRANCH", &branch),
                ("BUILDKITE_COMMIT", &sha),
                ("BUILDKITE_PARALLEL_JOB", "0"),
                ("BUILDKITE_PARALLEL_JOB_COUNT", "1"),
            ]);
        command
    }
}

fn source(number: usize, version: usize) -> String {
    format!("VERSION = {version}\n\n\ndef value_{number}():\n    return {number}\n")
}

/// A module whose function returns a wrong value.
pub(super) fn faulty(number: usize) -> String {
    format!("VERSION = -1\n\n\ndef value_{number}():\n    return -1\n")
}

fn test(number: usize) -> String {
    let before = (number + FILES - 1) % FILES;
    format!(
        "from app.m{number:02} import value_{number}\nfrom app.m{before:02} import value_{before}\n\
         \n\ndef test_values():\n    assert (value_{number}(), value_{before}()) == \
         ({number}, {before})\n"
    )
}
