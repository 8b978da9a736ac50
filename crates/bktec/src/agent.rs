//! Calls the Buildkite agent: OIDC tokens, failure promises, pipeline uploads.
//!
//! The only place that starts the agent, which may be missing, slow or broken.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use secrecy::SecretString;

/// Generous, because the agent retries by itself.
const TOKEN_TIMEOUT: Duration = Duration::from_mins(1);

const PROMISE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long to wait for the output after the agent has exited: an orphaned process may hold the
/// pipe open.
const PIPE_TIMEOUT: Duration = Duration::from_secs(2);

const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("cannot start {program}: {source}")]
    Start {
        program: String,
        source: std::io::Error,
    },
    #[error("{program} failed ({status}){}", last_line(.stderr))]
    Failed {
        program: String,
        status: ExitStatus,
        stderr: String,
    },
    #[error("{program} timed out after {} s", .timeout.as_secs())]
    TimedOut { program: String, timeout: Duration },
    #[error("{program} printed no token")]
    NoToken { program: String },
}

fn last_line(stderr: &str) -> String {
    stderr
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .map_or_else(String::new, |line| format!(": {}", line.trim()))
}

/// Fetches an OIDC token. `lifetime` is rounded down to whole seconds.
pub fn fetch_token(
    agent: &str,
    audience: &str,
    lifetime: Duration,
) -> Result<SecretString, AgentError> {
    let mut command = command(agent);
    command
        .args(["oidc", "request-token", "--audience", audience])
        .arg("--lifetime")
        .arg(lifetime.as_secs().to_string());
    let output = run_within(agent, command, TOKEN_TIMEOUT)?;
    let token = output.trim();
    if token.is_empty() {
        return Err(AgentError::NoToken {
            program: agent.to_owned(),
        });
    }
    Ok(token.into())
}

/// Reports that the job will fail with exit code 1 because of this many failed tests.
pub fn promise_failure(agent: &str, failed: usize) -> Result<(), AgentError> {
    let mut command = command(agent);
    command
        .args(["job", "promise-failure", "1", "--reason"])
        .arg(format!("test_failure ({failed} failed after retries)"));
    run_within(agent, command, PROMISE_TIMEOUT).map(drop)
}

/// Uploads a pipeline template, with additional variables in the agent's environment. The agent
/// writes to the terminal, without a time limit.
pub fn upload_pipeline(
    agent: &str,
    template: &str,
    variables: &[(&str, &str)],
) -> Result<ExitStatus, AgentError> {
    command(agent)
        .args(["pipeline", "upload", template])
        .envs(variables.iter().copied())
        // The stdout of `plan` is for data.
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .map_err(|source| start_error(agent, source))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the only place that starts the CI agent"
)]
fn command(agent: &str) -> Command {
    Command::new(agent)
}

fn start_error(agent: &str, source: std::io::Error) -> AgentError {
    AgentError::Start {
        program: agent.to_owned(),
        source,
    }
}

/// Returns stdout.
fn run_within(agent: &str, mut command: Command, timeout: Duration) -> Result<String, AgentError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| start_error(agent, source))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = wait_within(&mut child, timeout).map_err(|source| start_error(agent, source))?;
    let Some(status) = status else {
        return Err(AgentError::TimedOut {
            program: agent.to_owned(),
            timeout,
        });
    };
    if !status.success() {
        return Err(AgentError::Failed {
            program: agent.to_owned(),
            status,
            stderr: stderr.recv_timeout(PIPE_TIMEOUT).unwrap_or_default(),
        });
    }
    Ok(stdout.recv_timeout(PIPE_TIMEOUT).unwrap_or_default())
}

/// `None` when the child was killed after the timeout.
fn wait_within(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= timeout {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// Reads a pipe on its own thread, so that the agent never blocks on a full one.
fn drain(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // Output read before an error is still useful.
            let _ = pipe.read_to_end(&mut bytes);
        }
        // The receiver is gone after a timeout.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn fetch(agent: &str) -> Result<SecretString, AgentError> {
        fetch_token(agent, "https://example.com", Duration::from_secs(90))
    }

    #[test]
    fn token_is_the_trimmed_stdout() {
        assert_eq!(
            fetch("echo").unwrap().expose_secret(),
            "oidc request-token --audience https://example.com --lifetime 90"
        );
    }

    #[test]
    fn errors_name_the_program_and_the_cause() {
        let text = |agent: &str| fetch(agent).unwrap_err().to_string();
        assert!(text("no-such-agent-here").starts_with("cannot start no-such-agent-here: "));
        assert_eq!(text("false"), "false failed (exit status: 1)");
        assert_eq!(text("true"), "true printed no token");
    }

    #[test]
    fn kills_a_hanging_agent() {
        let mut command = command("sleep");
        command.arg("30");
        let timeout = Duration::from_millis(30);
        let started = Instant::now();
        let error = run_within("sleep", command, timeout).unwrap_err();
        assert!(matches!(error, AgentError::TimedOut { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
