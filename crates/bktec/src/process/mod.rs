//! The only place that starts test runners and their helpers.
//!
//! A runner started here behaves as if the user had started it: the same terminal, the same process
//! group, the same standard streams, and every signal exactly once. What is run, and what its end
//! means, is decided elsewhere (`runners`, `attempts`). Git and the CI agent are not started here.

mod capacity;
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
pub(crate) use capacity::joins_for_a_shell;
pub use error::SpawnError;

/// A program and its arguments, no shell in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Looked up in `PATH` unless it holds a slash.
    pub program: String,
    /// Handed over as they are.
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// A command line of these words.
    pub fn new(program: impl Into<String>, arguments: impl IntoIterator<Item = String>) -> Self {
        Self {
            program: program.into(),
            arguments: arguments.into_iter().collect(),
        }
    }

    /// All words, the program first.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.program.as_str()).chain(self.arguments.iter().map(String::as_str))
    }
}

/// As a POSIX shell would take it: quoted where needed.
impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{}", quoted(word))?;
        }
        Ok(())
    }
}

/// A word as a POSIX shell would have to read it to get it back. Plain paths and options stay plain.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,+@%".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

/// What a child finds around it.
#[derive(Clone, Debug, Default)]
pub struct ExecutionEnv {
    /// Its working directory.
    pub directory: PathBuf,
    /// Variables it gets beside the ones of this process.
    pub environment: Vec<(OsString, OsString)>,
}

impl ExecutionEnv {
    /// A variable as a child finds it.
    #[expect(
        clippy::disallowed_methods,
        reason = "a child inherits what this process has"
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

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Whether it says that all went well.
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

/// The name of a signal, such as `SIGTERM`; `unknown` for a number that has none.
pub fn signal_name(signal: i32) -> &'static str {
    signal_hook::low_level::signal_name(signal).unwrap_or("unknown")
}

/// Where a child's standard output goes. Standard error always is this process's own.
#[derive(Clone, Copy, Debug)]
pub enum Output<'a> {
    /// To this process's own: the child sees the terminal, if there is one.
    Own,
    /// To this process's own and, byte for byte, to a file, at once. A relative path begins at the
    /// child's directory.
    OwnAndFile(&'a Path),
}

/// The end of a child that ran in the foreground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub exit: Exit,
    /// The first signal that asked this process to stop while the child ran. What the child left
    /// behind is then not the whole story, whatever its exit code says.
    pub interrupted_by: Option<i32>,
}

/// What a helper printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Captured {
    /// How it ended.
    pub exit: Exit,
    /// All of its standard output.
    pub stdout: Vec<u8>,
    /// All of its standard error.
    pub stderr: Vec<u8>,
}

impl Captured {
    /// Both outputs as text, for a person to read.
    pub fn text(&self) -> String {
        let mut text = String::from_utf8_lossy(&self.stdout).into_owned();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&String::from_utf8_lossy(&self.stderr));
        text
    }
}

/// Runs a command in the foreground until it ends, and passes signals on to it.
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
    let mut watch = signals::Watch::begin_in_foreground();
    let mut child = spawn(&mut prepared, command, execution_env)?;
    watch.child_is(&child);
    let exit = match (copy.as_mut(), child.stdout.take()) {
        (Some(file), Some(stdout)) => {
            let has_ended = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let copying = scope.spawn(|| pipe::copy_to_both(stdout, &has_ended, file));
                let exit = wait(&mut child, &mut watch, command);
                has_ended.store(true, Ordering::Release);
                finish(copying, command)?;
                exit
            })?
        }
        _ => wait(&mut child, &mut watch, command)?,
    };
    Ok(Ended {
        exit,
        interrupted_by: watch.interrupted_by(),
    })
}

/// Runs a helper without input and keeps what it prints.
///
/// A helper asked to stop takes this process with it: there is nothing to report yet.
pub fn capture(
    command: &CommandLine,
    execution_env: &ExecutionEnv,
) -> Result<Captured, SpawnError> {
    let mut prepared = prepare(command, execution_env);
    prepared
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut watch = signals::Watch::begin();
    let mut child = spawn(&mut prepared, command, execution_env)?;
    watch.child_is(&child);
    let (stdout_pipe, stderr_pipe) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let has_ended = AtomicBool::new(false);
    let exit = std::thread::scope(|scope| {
        let keep = |kept: &mut Vec<u8>, bytes: &[u8]| {
            kept.extend_from_slice(bytes);
            Ok(())
        };
        let has_ended = &has_ended;
        let out = stdout_pipe.map(|pipe| {
            let kept = &mut stdout;
            scope.spawn(move || pipe::read_all(pipe, has_ended, |bytes| keep(kept, bytes)))
        });
        let err = stderr_pipe.map(|pipe| {
            let kept = &mut stderr;
            scope.spawn(move || pipe::read_all(pipe, has_ended, |bytes| keep(kept, bytes)))
        });
        let exit = wait(&mut child, &mut watch, command);
        has_ended.store(true, Ordering::Release);
        for reading in [out, err].into_iter().flatten() {
            finish(reading, command)?;
        }
        exit
    })?;
    watch.die_if_interrupted();
    Ok(Captured {
        exit,
        stdout,
        stderr,
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is the place that starts runners"
)]
fn prepare(command: &CommandLine, execution_env: &ExecutionEnv) -> Command {
    let mut prepared = Command::new(&command.program);
    prepared
        .args(&command.arguments)
        .current_dir(&execution_env.directory)
        .envs(
            execution_env
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
    prepared
}

fn spawn(
    prepared: &mut Command,
    command: &CommandLine,
    execution_env: &ExecutionEnv,
) -> Result<Child, SpawnError> {
    prepared
        .spawn()
        .map_err(|source| SpawnError::explain(command, execution_env, source))
}

/// What came of reading the child's output in a thread.
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

/// Waits in two steps: until the child is dead, then, when no signal can reach its number any
/// more, until it is gone. Its number may belong to a stranger afterwards.
fn wait(
    child: &mut Child,
    watch: &mut signals::Watch,
    command: &CommandLine,
) -> Result<Exit, SpawnError> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let pid = Pid::from_child(child);
    while let Err(rustix::io::Errno::INTR) = waitid(
        WaitId::Pid(pid),
        WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
    ) {}
    watch.child_ended();
    let status = child.wait().map_err(|source| SpawnError::Wait {
        program: command.program.clone(),
        source,
    })?;
    Ok(Exit::of(status))
}

#[cfg(test)]
mod tests;
