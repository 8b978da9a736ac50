//! Runs the real binary in a temporary directory with an empty environment, and returns exit code,
//! stdout and stderr as one text.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::server::Server;

/// Scales API budgets: 130 s become 2.6 s.
const BUDGET_SCALE: &str = "0.02";

/// Longer than any scaled budget, shorter than any unscaled one.
const TIMEOUT: Duration = Duration::from_secs(25);

pub(crate) struct Bktec {
    directory: tempfile::TempDir,
    command: std::process::Command,
    base: String,
}

pub(crate) struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Bktec {
    /// `bktec` with these arguments and nothing configured.
    pub(crate) fn bare(arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the program under test")]
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bktec"));
        command
            .args(arguments)
            .env_clear()
            .current_dir(directory.path());
        Self {
            directory,
            command,
            base: String::new(),
        }
    }

    /// Has all settings that `run` and `plan` need: jest as the runner, three test files, and a
    /// command that only prints its arguments, without results.
    pub(crate) fn configured(arguments: &[&str], base: &str) -> Self {
        let mut bktec = Self::bare(arguments)
            .env("PATH", "/usr/bin:/bin")
            .env("BKTEC_TEST_BUDGET_SCALE", BUDGET_SCALE)
            .env("BUILDKITE_ORGANIZATION_SLUG", "acme")
            .env("BUILDKITE_BUILD_ID", "build-1")
            .env("BUILDKITE_STEP_ID", "step-1")
            .env("BUILDKITE_JOB_ID", "job-1")
            .env("BUILDKITE_BRANCH", "main")
            .env("BUILDKITE_PARALLEL_JOB", "0")
            .env("BUILDKITE_PARALLEL_JOB_COUNT", "2")
            .env("BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN", "secret-token")
            .env("BUILDKITE_TEST_ENGINE_OIDC", "false")
            .env("BUILDKITE_TEST_ENGINE_SUITE_SLUG", "web")
            .env("BUILDKITE_TEST_ENGINE_BASE_URL", base)
            .env("BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL", base)
            .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "jest")
            .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "result.json")
            .env("BUILDKITE_TEST_ENGINE_ALLOW_MISSING_RESULTS", "true")
            .env(
                "BUILDKITE_TEST_ENGINE_TEST_CMD",
                "echo ran {{testExamples}} into {{resultPath}}",
            )
            .file("a.test.js", "")
            .file("b.test.js", "")
            .file("c.test.js", "");
        base.clone_into(&mut bktec.base);
        bktec
    }

    /// `upload` with all settings that it needs, outside of a CI.
    pub(crate) fn uploading(arguments: &[&str], base: &str) -> Self {
        let mut bktec = Self::bare(&[&["upload"], arguments].concat())
            .env("PATH", "/usr/bin:/bin")
            .env("BKTEC_TEST_BUDGET_SCALE", BUDGET_SCALE)
            .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
            .env("BUILDKITE_TEST_ENGINE_UPLOAD_BASE_URL", base);
        base.clone_into(&mut bktec.base);
        bktec
    }

    /// [`Self::configured`] with a scripted server.
    pub(crate) fn against(arguments: &[&str], server: &Server) -> Self {
        Self::configured(arguments, &server.base())
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    /// Creates a file in its directory.
    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        fs_err::write(self.directory.path().join(name), content).unwrap();
        self
    }

    pub(crate) fn file_bytes(self, name: &str, content: &[u8]) -> Self {
        fs_err::write(self.directory.path().join(name), content).unwrap();
        self
    }

    /// Creates a subdirectory.
    pub(crate) fn directory(self, name: &str) -> Self {
        fs_err::create_dir(self.directory.path().join(name)).unwrap();
        self
    }

    /// Creates a shell script in its directory, which becomes the first of `PATH`.
    pub(crate) fn program(self, name: &str, script: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.directory.path().join(name);
        fs_err::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs_err::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        let search = format!("{}:/usr/bin:/bin", self.directory.path().display());
        self.env("PATH", search)
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs_err::read_to_string(self.directory.path().join(name)).unwrap()
    }

    pub(crate) fn run(self) -> Ended {
        self.run_and_keep().0
    }

    /// Keeps the directory.
    pub(crate) fn run_and_keep(mut self) -> (Ended, Self) {
        #[expect(
            clippy::disallowed_methods,
            reason = "a placeholder for the command that is taken"
        )]
        let nothing = std::process::Command::new("");
        let command = std::mem::replace(&mut self.command, nothing);
        let started = Instant::now();
        let output = assert_cmd::Command::from_std(command)
            .timeout(TIMEOUT)
            .output()
            .unwrap();
        let ended = self.ended(output, started.elapsed());
        (ended, self)
    }

    /// stdout is a pipe without a reader.
    pub(crate) fn run_with_closed_stdout(mut self) -> Ended {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let started = Instant::now();
        let output = self.command.stdout(writer).output().unwrap();
        self.ended(output, started.elapsed())
    }

    pub(crate) fn run_with_stdin(mut self, input: &[u8]) -> Ended {
        use std::io::Write as _;
        let (reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(input).unwrap();
        drop(writer);
        let started = Instant::now();
        let output = self.command.stdin(reader).output().unwrap();
        self.ended(output, started.elapsed())
    }

    pub(crate) fn run_with_stdout(mut self, stdout: std::fs::File) -> Ended {
        let started = Instant::now();
        let output = self.command.stdout(stdout).output().unwrap();
        self.ended(output, started.elapsed())
    }

    /// Returns stdout and stderr, which share one pipe.
    pub(crate) fn run_with_one_stream(mut self) -> String {
        let (reader, writer) = std::io::pipe().unwrap();
        let twin = writer.try_clone().unwrap();
        let mut child = self.command.stdout(writer).stderr(twin).spawn().unwrap();
        // The command still has the writing ends.
        self.command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let text = std::io::read_to_string(reader).unwrap();
        child.wait().unwrap();
        self.normalized(&text)
    }

    /// Reads only the first line of its stdout, as `head -1` does.
    pub(crate) fn run_until_first_line(self) -> Ended {
        self.run_until_first_line_and_keep().0
    }

    pub(crate) fn run_until_first_line_and_keep(mut self) -> (Ended, Self) {
        use std::io::{BufRead as _, BufReader};
        use std::process::Stdio;
        let started = Instant::now();
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        drop(stdout);
        let mut output = child.wait_with_output().unwrap();
        output.stdout = line.into_bytes();
        let ended = self.ended(output, started.elapsed());
        (ended, self)
    }

    fn ended(&self, output: std::process::Output, took: Duration) -> Ended {
        let text = |bytes: Vec<u8>| self.normalized(&String::from_utf8(bytes).unwrap());
        Ended {
            code: output
                .status
                .code()
                .expect("it was killed after the timeout"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            took,
        }
    }

    /// Replaces what differs from run to run.
    fn normalized(&self, text: &str) -> String {
        let directory = self.directory.path();
        let real = fs_err::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
        let mut text = text.replace(&*real.to_string_lossy(), "DIRECTORY");
        text = text.replace(&*Path::to_string_lossy(directory), "DIRECTORY");
        if !self.base.is_empty() {
            text = text.replace(&self.base, "SERVER");
        }
        text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
    }
}

impl Ended {
    /// For snapshots: breaks lines at 88 columns.
    pub(crate) fn wrapped(&self) -> String {
        wrapped(&self.to_string())
    }

    pub(crate) fn wrapped_stderr(&self) -> String {
        wrapped(&self.stderr)
    }
}

pub(crate) fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut width = 0;
        for word in line.split(' ') {
            if width > 0 && width + word.len() > 88 {
                wrapped.truncate(wrapped.trim_end().len());
                wrapped.push_str("\n  ");
                width = 0;
            }
            wrapped.push_str(word);
            wrapped.push(' ');
            width += word.len() + 1;
        }
        wrapped.truncate(wrapped.trim_end().len());
        wrapped.push('\n');
    }
    wrapped
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = format!("exit code: {}\n", self.code);
        for (name, stream) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            let _ = write!(text, "----- {name} -----\n{stream}");
            if !stream.is_empty() && !stream.ends_with('\n') {
                text.push_str("(no line end)\n");
            }
        }
        f.write_str(text.trim_end())
    }
}
