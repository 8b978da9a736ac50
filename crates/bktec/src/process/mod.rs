//! Starts test runners and their helper commands; no other module does.
//!
//! A runner started here behaves as if the user had started it: it has the same terminal, process
//! group and standard streams, and receives every signal exactly once. `runners` decides what to
//! run, `attempts` what its exit means. Git and the CI agent are not started here.

mod capacity;
mod capture;
mod error;
mod pipe;
mod sentinel;
mod signals;

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

pub use capacity::Capacity;
pub(crate) use capacity::passes_through_shell;
pub use capture::{Captured, capture, capture_within};
pub use error::SpawnError;
use error::StartError;
use rustix::process::Pid;
use sentinel::SENTINELS;

/// A program and its arguments; no shell reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Looked up in `PATH` unless it contains a slash.
    pub program: String,
    pub arguments: Vec<String>,
}

impl CommandLine {
    pub fn new(program: impl Into<String>, arguments: impl IntoIterator<Item = String>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
        }
    }

    pub fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.program.as_str()).chain(self.arguments.iter().map(String::as_str))
    }
}

/// Quoted for a POSIX shell.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}", quoted(word))?;
        }
        Ok(())
    }
}

/// A word, quoted for a POSIX shell unless it is a plain path or option.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

#[derive(Clone, Debug, Default)]
pub struct ExecutionEnv {
    pub directory: PathBuf,
    /// Added to the environment of this process.
    pub environment: Vec<(OsString, OsString)>,
}

impl ExecutionEnv {
    /// A variable as a child sees it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a child inherits this process's environment"
    )]
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        self.environment
            .iter()
            .rev()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value.clone())
            .or_else(|| std::env::var_os(name))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl Exit {
    pub fn is_success(self) -> bool {
        self == Self::Code(0)
    }

    fn of(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, Some(signal)) => Self::Signal(signal),
            (None, None) => Self::Code(1),
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal} ({})", signal_name(*signal)),
        }
    }
}

/// Such as `SIGTERM`; `unknown` for a number without a name.
pub fn signal_name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("unknown")
}

/// Where a child's standard output goes. Standard error is always inherited.
#[derive(Clone, Copy, Debug)]
pub enum Output<'a> {
    /// Inherited: the child sees the terminal, if there is one.
    Own,
    /// Copied, without buffering, to this process's standard output and to a file. A relative path
    /// is relative to the child's directory.
    OwnAndFile(&'a Path),
}

/// The end of a child that ran in the foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub exit: Exit,
    /// The first stop signal that arrived while the child ran. Its results are then incomplete,
    /// whatever its exit code is.
    pub interrupted_by: Option<i32>,
}

/// Runs a command in the foreground until it exits, and forwards signals to it.
pub fn run(
    command: &CommandLine,
    execution_env: &ExecutionEnv,
    output: Output<'_>,
) -> Result<Ended, SpawnError> {
    let mut prepared = prepare(command, execution_env);
    let mut copy = match output {
        Output::Own => None,
        Output::OwnAndFile(path) => {
            prepared.stdout(Stdio::piped());
            let path = execution_env.directory.join(path);
            let file = fs_err::File::create(&path)
                .map_err(|source| SpawnError::Output { path, source })?;
            Some(file)
        }
    };
    let mut forwarder = signals::Forwarder::start_in_foreground();
    let mut child = spawn(&mut prepared, command, execution_env)?;
    forwarder.forward_to(&child);
    let exit = match (copy.as_mut(), child.stdout.take()) {
        (Some(file), Some(stdout)) => {
            let has_ended = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let copying = scope.spawn(|| pipe::copy_to_both(stdout, &has_ended, file));
                let exit = wait(&mut child, &mut forwarder, command);
                has_ended.store(true, Ordering::Release);
                finish(copying, command)?;
                exit
            })?
        }
        _ => wait(&mut child, &mut forwarder, command)?,
    };
    Ok(Ended {
        exit,
        interrupted_by: forwarder.interrupted_by(),
    })
}

#[expect(clippy::disallowed_methods, reason = "this module starts the runners")]
fn prepare(command: &CommandLine, execution_env: &ExecutionEnv) -> Command {
    let mut prepared = Command::new(&command.program);
    prepared
        .args(&command.arguments)
        .current_dir(&execution_env.directory)
        .envs(execution_env.environment.iter().cloned());
    prepared
}

fn spawn(
    prepared: &mut Command,
    command: &CommandLine,
    execution_env: &ExecutionEnv,
) -> Result<Child, SpawnError> {
    prepared.spawn().map_err(|source| SpawnError::Start {
        program: command.program.clone(),
        cause: StartError::explain(command, execution_env, source),
    })
}

fn finish(
    reading: std::thread::ScopedJoinHandle<'_, std::io::Result<()>>,
    command: &CommandLine,
) -> Result<(), SpawnError> {
    match reading.join() {
        Ok(read) => read.map_err(|source| SpawnError::Copy {
            program: command.program.clone(),
            source,
        }),
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Waits until the child has exited, stops forwarding signals, and only then reaps it: afterwards
/// its process id may belong to another process.
fn wait(
    child: &mut Child,
    forwarder: &mut signals::Forwarder,
    command: &CommandLine,
) -> Result<Exit, SpawnError> {
    wait_for_exit(Pid::from_child(child));
    forwarder.stop_forwarding();
    reap(child, command)
}

/// Does not reap the child.
fn wait_for_exit(pid: Pid) {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    while let Err(rustix::io::Errno::INTR) = waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    ) {}
}

fn reap(child: &mut Child, command: &CommandLine) -> Result<Exit, SpawnError> {
    let status = child.wait().map_err(|source| SpawnError::Wait {
        program: command.program.clone(),
        source,
    })?;
    Ok(Exit::of(status))
}

/// Starts what the next [`run`] needs beside its runner, while this thread waits for a server.
pub(crate) fn prepare_helpers() {
    SENTINELS.prepare();
}

/// Ends what this module has started beside runners; called when nothing else is left to do.
pub(crate) fn reap_helpers() {
    if let Some(unused) = SENTINELS.take_prepared() {
        SENTINELS.stop(unused);
    }
    SENTINELS.reap();
}

#[cfg(test)]
mod tests;
