//! The only place that starts git.
//!
//! Pins what would make its output depend on the machine (locale, pager, prompts, terminal), puts
//! every process under the [`Cancel`] switch, and turns a failure into an error that carries the
//! command line and what git said.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::cancel::{Adopted, Cancel};

/// What is kept of git's standard error: enough for the message, however much it says.
const STDERR_KEPT_BYTES: usize = 8 * 1024;
/// A connection that ssh keeps for later holds standard error open after git has ended.
const STDERR_PATIENCE: Duration = Duration::from_secs(1);
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// Why git did not answer. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The program could not be started.
    #[error("start `{command}`: {source}")]
    Start {
        /// As it would be typed.
        command: String,
        /// Most often: not found.
        source: io::Error,
    },
    /// Git ended with an error.
    #[error("run `{command}`: {status}{}", said(stderr))]
    Failed {
        /// As it would be typed.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of its standard error, trimmed.
        stderr: String,
    },
    /// A pipe to or from git broke.
    #[error("talk to `{command}`: {source}")]
    Pipe {
        /// As it would be typed.
        command: String,
        /// What the system said.
        source: io::Error,
    },
    /// Git answered, but not in the form it documents.
    #[error("understand the answer of `{command}`: {what}")]
    Answer {
        /// As it would be typed.
        command: String,
        /// What was expected or seen.
        what: String,
    },
    /// The work was cancelled.
    #[error("finish: cancelled")]
    Cancelled,
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

/// Starts git in one folder. Cheap to clone.
#[derive(Clone)]
pub struct Git {
    program: OsString,
    directory: PathBuf,
    cancel: Cancel,
    started: Arc<AtomicU64>,
}

impl Git {
    /// The `git` on the PATH, in `directory` (anywhere inside a repository).
    pub fn new(directory: impl Into<PathBuf>, cancel: Cancel) -> Self {
        Self {
            program: "git".into(),
            directory: directory.into(),
            cancel,
            started: Arc::default(),
        }
    }

    /// The switch that ends its processes.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Where git is run.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Processes started so far, by this value and its clones.
    pub fn processes_started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Runs to the end with nothing on standard input; gives standard output.
    pub(super) fn run<S: AsRef<str>>(&self, arguments: &[S]) -> Result<Vec<u8>, GitError> {
        self.run_with_input(arguments, Vec::new())
    }

    /// Runs to the end with `input` on standard input; gives standard output.
    pub(super) fn run_with_input<S: AsRef<str>>(
        &self,
        arguments: &[S],
        input: Vec<u8>,
    ) -> Result<Vec<u8>, GitError> {
        let mut process = self.start_with_input(arguments, input)?;
        let mut output = Vec::new();
        process.read_to_end(&mut output)?;
        process.finish()?;
        Ok(output)
    }

    /// Starts git, feeds `input` from a thread, and leaves the output to be read.
    pub(super) fn start_with_input<S: AsRef<str>>(
        &self,
        arguments: &[S],
        input: Vec<u8>,
    ) -> Result<Process, GitError> {
        let mut process = self.start(arguments)?;
        let stdin = process.stdin.take();
        if let Some(mut stdin) = stdin
            && !input.is_empty()
        {
            process.feeder = Some(std::thread::spawn(move || stdin.write_all(&input)));
        }
        Ok(process)
    }

    /// Starts git with its standard input and output open.
    pub(super) fn start<S: AsRef<str>>(&self, arguments: &[S]) -> Result<Process, GitError> {
        let command_line = command_line(arguments);
        if self.cancel.is_cancelled() {
            return Err(GitError::Cancelled);
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that starts git"
        )]
        let mut command = Command::new(&self.program);
        command
            .args(["--no-pager", "--no-optional-locks"])
            // A ref named like a commit must not turn a commit into a ref, nor cost a lookup each.
            .args(["-c", "core.warnAmbiguousRefs=false"])
            .args(arguments.iter().map(AsRef::as_ref))
            .current_dir(&self.directory)
            .env("LC_ALL", "C")
            .env("LANGUAGE", "C")
            .env("TERM", "dumb")
            .env("PAGER", "cat")
            .env("GIT_PAGER", "cat")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GCM_INTERACTIVE", "never")
            .env_remove("GIT_EXTERNAL_DIFF")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| GitError::Start {
            command: command_line.clone(),
            source,
        })?;
        self.started.fetch_add(1, Ordering::Relaxed);
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let adopted = self.cancel.adopt(child);
        let (said, stderr_said) = mpsc::sync_channel(1);
        if let Some(stderr) = stderr {
            // Nobody may be left to hear it, when git was stopped.
            std::thread::spawn(move || said.send(last_bytes(stderr)));
        }
        Ok(Process {
            command_line,
            cancel: self.cancel.clone(),
            stdin,
            stdout: stdout.map(|stdout| BufReader::with_capacity(READ_BUFFER_BYTES, stdout)),
            feeder: None,
            stderr_said,
            adopted,
        })
    }
}

fn command_line<S: AsRef<str>>(arguments: &[S]) -> String {
    format!("git {}", shell_words::join(arguments))
}

fn last_bytes(mut stderr: impl Read) -> String {
    let mut kept = VecDeque::with_capacity(STDERR_KEPT_BYTES);
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer) {
        kept.extend(&buffer[..read]);
        let surplus = kept.len().saturating_sub(STDERR_KEPT_BYTES);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(kept.make_contiguous())
        .trim()
        .to_owned()
}

/// A git under way. Dropped before [`Self::finish`], it is killed.
pub(super) struct Process {
    command_line: String,
    cancel: Cancel,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    feeder: Option<JoinHandle<io::Result<()>>>,
    stderr_said: mpsc::Receiver<String>,
    adopted: Adopted,
}

impl Process {
    /// Writes to its standard input.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), GitError> {
        let result = match &mut self.stdin {
            Some(stdin) => stdin.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        result.map_err(|source| self.pipe(source))
    }

    /// Says that nothing more will be written.
    pub(super) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Its standard output.
    pub(super) fn output(&mut self) -> Result<&mut BufReader<ChildStdout>, GitError> {
        match &mut self.stdout {
            Some(stdout) => Ok(stdout),
            None => Err(GitError::Pipe {
                command: self.command_line.clone(),
                source: io::ErrorKind::BrokenPipe.into(),
            }),
        }
    }

    pub(super) fn read_to_end(&mut self, into: &mut Vec<u8>) -> Result<(), GitError> {
        self.output()?
            .read_to_end(into)
            .map(drop)
            .map_err(|source| self.pipe(source))
    }

    /// An error about its pipes; a cancelled process is said to be that.
    pub(super) fn pipe(&self, source: io::Error) -> GitError {
        if self.cancel.is_cancelled() {
            return GitError::Cancelled;
        }
        GitError::Pipe {
            command: self.command_line.clone(),
            source,
        }
    }

    /// An error about what it said.
    pub(super) fn answer(&self, what: impl Into<String>) -> GitError {
        if self.cancel.is_cancelled() {
            return GitError::Cancelled;
        }
        GitError::Answer {
            command: self.command_line.clone(),
            what: what.into(),
        }
    }

    /// Ends it without caring how.
    pub(super) fn stop(self) {
        self.adopted.kill();
    }

    /// Reads what is left, waits for the end, and says whether it went well.
    pub(super) fn finish(mut self) -> Result<(), GitError> {
        self.close_input();
        if let Some(mut stdout) = self.stdout.take() {
            io::copy(&mut stdout, &mut io::sink()).map_err(|source| self.pipe(source))?;
        }
        let status = self.adopted.wait().map_err(|source| self.pipe(source))?;
        if self.cancel.is_cancelled() {
            return Err(GitError::Cancelled);
        }
        if !status.success() {
            return Err(GitError::Failed {
                command: self.command_line.clone(),
                status,
                stderr: self
                    .stderr_said
                    .recv_timeout(STDERR_PATIENCE)
                    .unwrap_or_default(),
            });
        }
        // A git that ended well may have closed its input before all was fed; that is its right.
        if let Some(Err(source)) = self.feeder.take().and_then(|feeder| feeder.join().ok())
            && source.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(self.pipe(source));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_carries_the_command_line_and_what_git_said() {
        let git = Git::new(".", Cancel::new());
        let error = git
            .run(&["cat-file", "-t", "no such name"])
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("run `git cat-file -t 'no such name'`: exit status: 128: fatal:"),
            "{error}"
        );
        assert_eq!(git.processes_started(), 1);
    }

    #[test]
    fn a_git_that_cannot_be_started_is_named() {
        let mut git = Git::new(".", Cancel::new());
        git.program = "git-that-is-not-there".into();
        let error = git.run(&["version"]).unwrap_err();
        assert!(matches!(error, GitError::Start { .. }), "{error}");
    }

    #[test]
    fn nothing_starts_after_the_switch_was_thrown_and_what_runs_ends() {
        let cancel = Cancel::new();
        let git = Git::new(".", cancel.clone());
        // Waits for standard input, which stays open.
        let mut process = git.start(&["cat-file", "--batch-check"]).unwrap();
        cancel.cancel();
        let mut output = Vec::new();
        process.read_to_end(&mut output).unwrap();
        assert!(matches!(process.finish(), Err(GitError::Cancelled)));
        assert!(matches!(git.run(&["version"]), Err(GitError::Cancelled)));
    }
}
