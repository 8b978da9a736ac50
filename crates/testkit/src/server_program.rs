//! `test-engine` as the shipped program: started, used through its command line, killed.
//!
//! For the story, and for tests of output, signals and crashes. All other tests use the faster
//! [`TestServer`](crate::TestServer).

use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use rustix::process::Signal;

use crate::command::{
    Finished, HANG_TIMEOUT, Started, clean_command, run_within, start, wait_within,
};
use crate::repository::temporary_directory;
use crate::{Connection, StoredResults, programs};

/// The organization of every server in a test.
pub(crate) const ORGANIZATION: &str = "acme";
/// The variable with the URL of a PostgreSQL database.
const DATABASE_URL: &str = "TEST_ENGINE_DATABASE_URL";

/// A running `test-engine serve`, killed on drop.
#[derive(Debug)]
pub struct ServerProgram {
    process: Option<Started>,
    settings: Vec<(&'static str, String)>,
    base_url: String,
    // Dropped last, after the server has ended.
    data: TempDir,
}

impl ServerProgram {
    /// Starts a server with an empty data directory on a free port.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(Vec::new())
    }

    /// Like [`Self::start`], with these environment variables.
    #[track_caller]
    pub fn start_with(settings: Vec<(&'static str, String)>) -> Self {
        let mut server = Self::unstarted();
        server.settings = settings;
        server.restart();
        server
    }

    /// Like [`Self::start`], on a PostgreSQL database that nothing else uses.
    #[track_caller]
    pub fn start_on_database(url: String) -> Self {
        Self::start_with(vec![(DATABASE_URL, url)])
    }

    fn unstarted() -> Self {
        Self {
            process: None,
            settings: Vec::new(),
            base_url: String::new(),
            data: temporary_directory("server-"),
        }
    }

    /// Backs up this server while it runs, and starts another one on the backup.
    #[must_use]
    #[track_caller]
    pub fn start_on_backup(&self) -> Self {
        let mut other = Self::unstarted();
        let to = other.data_directory();
        self.command(&["backup", "--to", &to.display().to_string()]);
        other.restart();
        other
    }

    /// The path of a file in the data directory.
    pub fn data_file(&self, name: &str) -> std::path::PathBuf {
        self.data_directory().join(name)
    }

    /// Starts the server again with its data, on a new port.
    #[track_caller]
    pub fn restart(&mut self) {
        let mut process = self.begin();
        self.base_url = process.wait_for(HANG_TIMEOUT, address);
        self.process = Some(process);
    }

    /// Starts the server again and sends SIGKILL after `life`. Returns whether that was before it
    /// was ready.
    #[track_caller]
    pub fn kill_while_starting(&mut self, life: Duration) -> bool {
        let process = self.begin();
        std::thread::sleep(life);
        address(&process.output_so_far()).is_none()
    }

    #[track_caller]
    fn begin(&self) -> Started {
        assert!(self.process.is_none(), "the server is running");
        let mut command = clean_command(programs::test_engine(), self.data.path());
        command
            .args(["serve", "--listen", "127.0.0.1:0"])
            .args(["--organization", ORGANIZATION])
            // Tests send more requests per minute than the limits allow.
            .args(["--rest-rate-limit", "0", "--plan-rate-limit", "0"])
            .arg("--data-dir")
            .arg(self.data_directory())
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        start(command)
    }

    /// For example `http://127.0.0.1:40001`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Creates a suite and its tokens with the program's commands while the server runs.
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

    /// Creates an access token with a single scope.
    #[track_caller]
    pub fn token_with_scope(&self, scope: &str) -> String {
        let token = self.command(&[
            "token",
            "create",
            "--organization",
            ORGANIZATION,
            "--scope",
            scope,
        ]);
        text(&token, "token")
    }

    /// Sets the OIDC policy (YAML) of a suite.
    #[track_caller]
    pub fn set_oidc_policy(&self, slug: &str, policy: &str) {
        let file = self.data.path().join("policy.yaml");
        fs_err::write(&file, policy).expect("a file can be written");
        let suite = format!("{ORGANIZATION}/{slug}");
        let file = file.display().to_string();
        self.command(&["suite", "set", &suite, "--oidc-policy", &file]);
    }

    /// The connection with the current address of the server.
    pub fn at_current_address(&self, connection: &Connection) -> Connection {
        Connection {
            base_url: self.base_url.clone(),
            ..connection.clone()
        }
    }

    /// The content of its database. The server may be running or stopped.
    pub fn stored_results(&self) -> StoredResults {
        match self.database() {
            Some((_, url)) => StoredResults::at_url(url),
            None => StoredResults::in_database(&self.data_directory().join("test-engine.db")),
        }
    }

    /// Waits until the accountings of all builds are up to date.
    #[track_caller]
    pub fn wait_until_summarized(&self) {
        let stored = self.stored_results();
        let deadline = Instant::now() + HANG_TIMEOUT;
        while stored.has_outdated_accountings() {
            let is_late = Instant::now() > deadline;
            assert!(!is_late, "an accounting is outdated");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sends SIGKILL and waits for the end: nothing is completed or flushed.
    #[track_caller]
    pub fn kill(&mut self) {
        drop(self.process.take().expect("the server is running"));
    }

    /// Sends a signal to the running server.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().expect("the server is running");
        process.signal(signal);
    }

    /// Waits until the server exits.
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
        let finished = run_within(command, HANG_TIMEOUT);
        finished.expect_code(0);
        serde_json::from_str(&finished.stdout)
            .unwrap_or_else(|error| panic!("not JSON ({error})\n{finished}"))
    }

    /// The setting with the URL of its database, unless it uses SQLite.
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

/// The rest of a complete line that starts with `listening on `.
fn address(output: &str) -> Option<String> {
    let mut lines = output.split_inclusive('\n');
    lines.find_map(|line| {
        let address = line.strip_suffix('\n')?.strip_prefix("listening on ")?;
        Some(address.to_owned())
    })
}

#[track_caller]
fn text(json: &Value, key: &str) -> String {
    json[key]
        .as_str()
        .unwrap_or_else(|| panic!("no {key} in {json}"))
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn reads_the_address_from_a_complete_line() {
        let output = "admin token: x\nlistening on http://127.0.0.1:4711\nmore\n";
        assert_eq!(address(output).as_deref(), Some("http://127.0.0.1:4711"));
        assert_eq!(address("listening on http://127.0.0.1:47"), None);
        assert_eq!(address(""), None);
    }
}
