//! The only place that starts git.
//!
//! Pins what would make the output depend on the machine (locale, pager, prompts, terminal), ties
//! every process to the [`CancelToken`], and turns failures into errors with the command line and
//! git's message.

use std::collections::VecDeque;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::cancel::{CancelToken, OwnedChild};
use crate::object_id::id_lines;
use crate::{Error, ObjectId};

/// How much of git's standard error is kept for the message.
const MAX_STDERR_BYTES: usize = 8 * 1024;
/// A shared ssh connection keeps standard error open after git has exited.
const STDERR_TIMEOUT: Duration = Duration::from_secs(1);
const READ_BUFFER_BYTES: usize = 128 * 1024;

/// Starts git in one directory. Clones share the counter of started processes.
#[derive(Clone)]
pub(crate) struct Git {
    program: &'static str,
    directory: PathBuf,
    cancel: CancelToken,
    started: Arc<AtomicU64>,
}

impl Git {
    pub(crate) fn new(directory: PathBuf, cancel: CancelToken) -> Self {
        Self {
            program: "git",
            directory,
            cancel,
            started: Arc::default(),
        }
    }

    pub(crate) fn cancel(&self) -> &CancelToken {
        &self.cancel
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn processes_started(&self) -> u64 {
        self.started.load(Ordering::Relaxed)
    }

    /// Returns the standard output of a git without input.
    pub(crate) fn run<S: AsRef<str>>(&self, arguments: &[S]) -> Result<Vec<u8>, Error> {
        self.run_with_input(arguments, Vec::new())
    }

    /// Returns the standard output of a git that reads `input`.
    pub(crate) fn run_with_input<S: AsRef<str>>(
        &self,
        arguments: &[S],
        input: Vec<u8>,
    ) -> Result<Vec<u8>, Error> {
        let mut process = self.start_with_input(arguments, input)?;
        let mut output = Vec::new();
        let read = process.output()?.read_to_end(&mut output);
        read.map_err(|source| process.pipe_error(source))?;
        process.finish()?;
        Ok(output)
    }

    /// Fetches objects by ID, without moving any reference.
    pub(crate) fn fetch(
        &self,
        remote: &str,
        options: &[&str],
        ids: &[ObjectId],
    ) -> Result<(), Error> {
        let mut arguments = vec!["-c", "gc.auto=0", "-c", "maintenance.auto=false", "fetch"];
        arguments.extend(["--quiet", "--no-tags", "--no-prune"]);
        arguments.push("--no-write-fetch-head");
        // The refmap would move remote-tracking branches.
        arguments.extend(["--no-recurse-submodules", "--refmap=", "--stdin"]);
        arguments.extend(options);
        arguments.push(remote);
        self.run_with_input(&arguments, id_lines(ids)).map(drop)
    }

    /// Starts git and writes `input` from a separate thread.
    pub(crate) fn start_with_input<S: AsRef<str>>(
        &self,
        arguments: &[S],
        input: Vec<u8>,
    ) -> Result<Process, Error> {
        let mut process = self.start(arguments)?;
        if let Some(mut stdin) = process.stdin.take()
            && !input.is_empty()
        {
            process.feeder = Some(std::thread::spawn(move || stdin.write_all(&input)));
        }
        Ok(process)
    }

    /// Starts git with open standard input and output.
    pub(crate) fn start<S: AsRef<str>>(&self, arguments: &[S]) -> Result<Process, Error> {
        let command_line = format!("git {}", shell_words::join(arguments));
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        #[expect(clippy::disallowed_methods, reason = "the one place that starts git")]
        let mut command = Command::new(self.program);
        command
            .args(["--no-pager", "--no-optional-locks"])
            // Otherwise git looks for a reference with the name of each commit ID.
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
        let mut child = command
            .spawn()
            .map_err(|source| Error::Start(command_line.clone(), source))?;
        self.started.fetch_add(1, Ordering::Relaxed);
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let stderr = child.stderr.take();
        let child = self.cancel.adopt(child);
        let (sender, stderr_tail) = mpsc::sync_channel(1);
        if let Some(stderr) = stderr {
            // Sending fails when the process was dropped, and the text is not needed then.
            std::thread::spawn(move || sender.send(read_tail(stderr)));
        }
        Ok(Process {
            command_line,
            cancel: self.cancel.clone(),
            stdin,
            stdout: stdout.map(|stdout| BufReader::with_capacity(READ_BUFFER_BYTES, stdout)),
            line: Vec::new(),
            feeder: None,
            stderr_tail,
            child,
        })
    }
}

fn read_tail(mut stderr: impl Read) -> String {
    let mut kept = VecDeque::with_capacity(MAX_STDERR_BYTES);
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer) {
        kept.extend(&buffer[..read]);
        let surplus = kept.len().saturating_sub(MAX_STDERR_BYTES);
        kept.drain(..surplus);
    }
    String::from_utf8_lossy(kept.make_contiguous())
        .trim()
        .to_owned()
}

/// A running git. Dropping it before [`Self::finish`] terminates it.
pub(crate) struct Process {
    command_line: String,
    cancel: CancelToken,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    line: Vec<u8>,
    feeder: Option<JoinHandle<io::Result<()>>>,
    stderr_tail: mpsc::Receiver<String>,
    child: OwnedChild,
}

impl Process {
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let result = match &mut self.stdin {
            Some(stdin) => stdin.write_all(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        result.map_err(|source| self.pipe_error(source))
    }

    pub(crate) fn output(&mut self) -> Result<&mut BufReader<ChildStdout>, Error> {
        match &mut self.stdout {
            Some(stdout) => Ok(stdout),
            None => Err(Error::Pipe(
                self.command_line.clone(),
                io::ErrorKind::BrokenPipe.into(),
            )),
        }
    }

    /// The next line of output without its newline, or `None` at the end.
    pub(crate) fn next_line(&mut self) -> Result<Option<&[u8]>, Error> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let read = self.output()?.read_until(b'\n', &mut line);
        let read = read.map_err(|source| self.pipe_error(source))?;
        self.line = line;
        Ok((read > 0).then(|| self.line.strip_suffix(b"\n").unwrap_or(&self.line)))
    }

    fn pipe_error(&self, source: io::Error) -> Error {
        if self.cancel.is_cancelled() {
            return Error::Cancelled;
        }
        Error::Pipe(self.command_line.clone(), source)
    }

    pub(crate) fn output_error(&self, what: impl Into<String>) -> Error {
        if self.cancel.is_cancelled() {
            return Error::Cancelled;
        }
        Error::Output(self.command_line.clone(), what.into())
    }

    /// Discards the remaining output and waits for a successful exit.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.stdin = None;
        if let Some(mut stdout) = self.stdout.take() {
            io::copy(&mut stdout, &mut io::sink()).map_err(|source| self.pipe_error(source))?;
        }
        let status = self
            .child
            .wait()
            .map_err(|source| self.pipe_error(source))?;
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        if !status.success() {
            let stderr = self.stderr_tail.recv_timeout(STDERR_TIMEOUT);
            return Err(Error::Failed(
                self.command_line,
                status,
                stderr.unwrap_or_default(),
            ));
        }
        // A successful git may close its input without having read all of it.
        if let Some(Err(source)) = self.feeder.take().and_then(|feeder| feeder.join().ok())
            && source.kind() != io::ErrorKind::BrokenPipe
        {
            return Err(self.pipe_error(source));
        }
        Ok(())
    }
}

/// Whether git accepts the text as a remote instead of treating it as an option or a pattern.
pub(crate) fn is_remote_name(remote: &str) -> bool {
    !remote.is_empty()
        && !remote.starts_with('-')
        && !remote
            .chars()
            .any(|c| c.is_control() || " ~^:?*[\\".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn git(cancel: &CancelToken) -> Git {
        Git::new(".".into(), cancel.clone())
    }

    #[test]
    fn failure_contains_command_line_and_stderr() {
        let git = git(&CancelToken::new());
        let error = git.run(&["cat-file", "-t", "no such name"]).unwrap_err();
        let error = error.to_string();
        assert!(
            error.starts_with("`git cat-file -t 'no such name'` failed: exit status: 128: fatal:"),
            "{error}"
        );
        assert_eq!(git.processes_started(), 1);
    }

    #[test]
    fn missing_program_is_a_start_error() {
        let mut git = git(&CancelToken::new());
        git.program = "git-that-does-not-exist";
        let error = git.run(&["version"]).unwrap_err();
        assert!(matches!(error, Error::Start(..)), "{error}");
    }

    #[test]
    fn cancellation_ends_running_processes_and_prevents_new_ones() {
        let cancel = CancelToken::new();
        let git = git(&cancel);
        // Blocks on its open standard input.
        let mut process = git.start(&["cat-file", "--batch-check"]).unwrap();
        cancel.cancel();
        assert!(process.next_line().unwrap().is_none());
        assert!(matches!(process.finish(), Err(Error::Cancelled)));
        assert!(matches!(git.run(&["version"]), Err(Error::Cancelled)));
    }
}
