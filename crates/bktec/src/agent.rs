//! The CI agent's program: tokens, an early word about a failure, pipeline uploads.
//!
//! The only place that starts it. It is another program on the machine and may be missing, slow or
//! broken; each call says how long it may take.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use secrecy::SecretString;

/// How long the agent may take for a token. It retries by itself, so this is generous.
const TOKEN_LIMIT: Duration = Duration::from_mins(1);

/// How long the word about a failure may take.
const PROMISE_LIMIT: Duration = Duration::from_secs(5);

/// How long the end of an ended agent's output may take: a process that it left behind may hold
/// the pipe open.
const PIPE_LIMIT: Duration = Duration::from_secs(2);

/// How often a running agent is looked at.
const POLL: Duration = Duration::from_millis(5);

/// Why the agent did not do what it was asked. Reads after "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// It did not start.
    #[error("{program} cannot be started: {source}")]
    Start {
        /// As configured.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It said no.
    #[error("{program} ended with {status}{}", said(.stderr))]
    Failed {
        /// As configured.
        program: String,
        /// Its exit status.
        status: ExitStatus,
        /// The end of what it said.
        stderr: String,
    },
    /// It was ended for taking too long.
    #[error("{program} did not answer within {} s", .limit.as_secs())]
    TooSlow {
        /// As configured.
        program: String,
        /// How long it was given.
        limit: Duration,
    },
    /// It succeeded without a token.
    #[error("{program} printed no token")]
    NoToken {
        /// As configured.
        program: String,
    },
}

fn said(stderr: &str) -> String {
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
    let output = run_within(agent, command, TOKEN_LIMIT)?;
    let token = output.trim();
    if token.is_empty() {
        return Err(AgentError::NoToken {
            program: agent.to_owned(),
        });
    }
    Ok(token.into())
}

/// Tells the CI that the job will fail with code 1, because of this many tests.
pub fn promise_failure(agent: &str, failed: usize) -> Result<(), AgentError> {
    let mut command = command(agent);
    command
        .args(["job", "promise-failure", "1", "--reason"])
        .arg(format!("test_failure ({failed} failed after retries)"));
    run_within(agent, command, PROMISE_LIMIT).map(drop)
}

/// Uploads a pipeline template with more variables in its environment. The agent speaks to the
/// terminal itself and takes the time it needs.
pub fn upload_pipeline(
    agent: &str,
    template: &str,
    variables: &[(&str, &str)],
) -> Result<ExitStatus, AgentError> {
    command(agent)
        .args(["pipeline", "upload", template])
        .envs(variables.iter().copied())
        // stdout is data of `plan`; what the agent says is not.
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

/// Runs to the end or to the limit, and gives stdout.
fn run_within(agent: &str, mut command: Command, limit: Duration) -> Result<String, AgentError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| start_error(agent, source))?;
    let stdout = drained(child.stdout.take());
    let stderr = drained(child.stderr.take());
    let status = wait_within(&mut child, limit).map_err(|source| start_error(agent, source))?;
    let Some(status) = status else {
        return Err(AgentError::TooSlow {
            program: agent.to_owned(),
            limit,
        });
    };
    if !status.success() {
        return Err(AgentError::Failed {
            program: agent.to_owned(),
            status,
            stderr: stderr.recv_timeout(PIPE_LIMIT).unwrap_or_default(),
        });
    }
    Ok(stdout.recv_timeout(PIPE_LIMIT).unwrap_or_default())
}

/// `None` when the child had to be ended.
fn wait_within(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if started.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(POLL);
    }
}

/// Reads a pipe on its own thread, so that a talkative agent is never blocked by a full one.
fn drained(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth having.
            let _ = pipe.read_to_end(&mut bytes);
        }
        // Nobody listens any more when the agent was given up.
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
        assert!(text("no-such-agent-here").starts_with("no-such-agent-here cannot be started: "));
        assert_eq!(text("false"), "false ended with exit status: 1");
        assert_eq!(text("true"), "true printed no token");
    }

    #[test]
    fn a_hanging_agent_is_ended() {
        let mut command = command("sleep");
        command.arg("30");
        let limit = Duration::from_millis(30);
        let started = Instant::now();
        let error = run_within("sleep", command, limit).unwrap_err();
        assert!(matches!(error, AgentError::TooSlow { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
