//! `test-engine` as the program it ships as: started, used through its command line, killed.
//!
//! For the story, and for what only a process has: its output, its signals, its death. Everything
//! else takes the lighter [`TestServer`](crate::TestServer).

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use rustix::process::Signal;

use crate::command::{Finished, Started, clean_command, run_within, start, wait_within};
use crate::{Connection, KeptResults, programs};

/// The organization of every server in a test.
pub(crate) const ORGANIZATION: &str = "acme";
/// The variable that names a database which is no file.
const DATABASE_URL: &str = "TEST_ENGINE_DATABASE_URL";
/// The longest a server may take from its start to its first answer.
const START_LIMIT: Duration = Duration::from_secs(30);
/// The longest a command such as `suite create` may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);
/// How often the output of a server that starts is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A running `test-engine serve`, killed when it goes out of scope.
#[derive(Debug)]
pub struct ServerProgram {
    data: TempDir,
    settings: Vec<(&'static str, String)>,
    process: Option<Started>,
    base_url: String,
}

impl ServerProgram {
    /// Starts a server on an empty data directory and a port the system chooses.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// The same with settings, by the names of their variables.
    #[track_caller]
    pub fn start_with(settings: Vec<(&'static str, String)>) -> Self {
        let mut server = Self::with_nothing();
        server.settings = settings;
        server.start_again();
        server
    }

    /// The same on the PostgreSQL database at this address, which nobody else may use.
    #[track_caller]
    pub fn start_on_database(url: String) -> Self {
        Self::start_with(vec![(DATABASE_URL, url)])
    }

    fn with_nothing() -> Self {
        let data = tempfile::Builder::new()
            .prefix("server-")
            .tempdir()
            .expect("a temporary directory can be made");
        Self {
            data,
            settings: Vec::new(),
            process: None,
            base_url: String::new(),
        }
    }

    /// Starts another server on a backup of this one, made while this one runs.
    #[must_use]
    #[track_caller]
    pub fn start_on_backup(&self) -> Self {
        let mut other = Self::with_nothing();
        let to = other.data_directory();
        self.command(&["backup", "--to", &to.display().to_string()]);
        other.start_again();
        other
    }

    /// A file beside the database, for what a server keeps as files.
    pub fn data_file(&self, name: &str) -> std::path::PathBuf {
        self.data_directory().join(name)
    }

    /// Starts it on the data it had; the address is a new one.
    #[track_caller]
    pub fn start_again(&mut self) {
        let mut process = self.begin();
        self.base_url = wait_until_ready(&mut process);
        self.process = Some(process);
    }

    /// Starts it on the data it had and kills it with SIGKILL that long after; whether that was
    /// before it said that it listens.
    #[track_caller]
    pub fn die_starting(&mut self, life: Duration) -> bool {
        let process = self.begin();
        std::thread::sleep(life);
        let listens = address(&process.said_so_far()).is_some();
        process.kill();
        !listens
    }

    #[track_caller]
    fn begin(&self) -> Started {
        assert!(self.process.is_none(), "the server is running");
        let mut command = clean_command(programs::test_engine(), self.data.path());
        command
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--organization",
                ORGANIZATION,
            ])
            // A test asks more in a minute than any script should.
            .args(["--rest-rate-limit", "0", "--plan-rate-limit", "0"])
            .arg("--data-dir")
            .arg(self.data_directory())
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        start(command)
    }

    /// Such as `http://127.0.0.1:40001`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Makes a suite and tokens for it with the program's own commands, while the server runs.
    #[track_caller]
    pub fn create_suite(&self, slug: &str) -> Connection {
        let suite = self.command(&["suite", "create", &format!("{ORGANIZATION}/{slug}")]);
        let token = self.command(&["token", "create", "--organization", ORGANIZATION]);
        Connection {
            base_url: self.base_url.clone(),
            organization: ORGANIZATION.to_owned(),
            suite: slug.to_owned(),
            access_token: text(&token, "token"),
            suite_token: text(&suite, "suite_token"),
        }
    }

    /// Makes an access token that may do one thing.
    #[track_caller]
    pub fn token_with_scope(&self, scope: &str) -> String {
        let made = self.command(&[
            "token",
            "create",
            "--organization",
            ORGANIZATION,
            "--scope",
            scope,
        ]);
        text(&made, "token")
    }

    /// Gives a suite an OIDC policy.
    #[track_caller]
    pub fn set_oidc_policy(&self, slug: &str, policy: &str) {
        let file = self.data.path().join("policy.yaml");
        fs_err::write(&file, policy).expect("a file can be written");
        let suite = format!("{ORGANIZATION}/{slug}");
        let file = file.display().to_string();
        self.command(&["suite", "set", &suite, "--oidc-policy", &file]);
    }

    /// The same suite at the address the server has now.
    pub fn at_current_address(&self, connection: &Connection) -> Connection {
        Connection {
            base_url: self.base_url.clone(),
            ..connection.clone()
        }
    }

    /// What its database holds. The server may be running or dead.
    pub fn kept_results(&self) -> KeptResults {
        match self.database() {
            Some((_, url)) => KeptResults::at_address(url),
            None => KeptResults::in_database(&self.data_directory().join("test-engine.db")),
        }
    }

    /// Kills it with SIGKILL: nothing is finished, nothing is flushed.
    #[track_caller]
    pub fn kill(&mut self) {
        self.process.take().expect("the server is running").kill();
    }

    /// Sends the running server a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("the server is running");
        process.signal(signal);
    }

    /// Waits until the server has ended by itself.
    #[track_caller]
    pub fn wait(&mut self, limit: Duration) -> Finished {
        let process = self.process.take().expect("the server is running");
        wait_within(process, limit)
    }

    #[track_caller]
    fn command(&self, arguments: &[&str]) -> Value {
        let mut command = clean_command(programs::test_engine(), self.data.path());
        command
            .args(arguments)
            .arg("--json")
            .arg("--data-dir")
            .arg(self.data_directory())
            .envs(self.database());
        let finished = run_within(command, COMMAND_LIMIT);
        finished.expect_code(0);
        serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error})\n{finished}"))
    }

    /// The setting that names its database, when that is no file.
    fn database(&self) -> Option<(&'static str, &str)> {
        self.settings
            .iter()
            .find(|(name, _)| *name == DATABASE_URL)
            .map(|(name, url)| (*name, url.as_str()))
    }

    fn data_directory(&self) -> std::path::PathBuf {
        self.data.path().join("data")
    }
}

impl Drop for ServerProgram {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }
}

/// The address, once the server says that it listens there.
#[track_caller]
fn wait_until_ready(process: &mut Started) -> String {
    let began = Instant::now();
    loop {
        // Asked first: what it said before its end is complete then.
        let has_ended = process.has_ended();
        let said = process.said_so_far();
        if let Some(address) = address(&said) {
            return address.to_owned();
        }
        assert!(
            !has_ended && began.elapsed() < START_LIMIT,
            "the server does not start; it said:\n{said}"
        );
        std::thread::sleep(LOOK_EVERY);
    }
}

/// What follows `listening on ` on a whole line.
fn address(said: &str) -> Option<&str> {
    said.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .find_map(|line| line.strip_prefix("listening on "))
}

#[track_caller]
fn text(made: &Value, key: &str) -> String {
    made[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {made}"))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_address_is_read_from_a_whole_line() {
        let said = "admin token: x\nlistening on http://127.0.0.1:4711\nmore\n";
        assert_eq!(address(said), Some("http://127.0.0.1:4711"));
        assert_eq!(address("listening on http://127.0.0.1:47"), None);
        assert_eq!(address(""), None);
    }
}
