//! A real server with its own data directory and one suite.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use test_engine_testkit::growth_of_memory;

use crate::http::Connection;
use crate::programs::{Programs, command, output};
use crate::results;

pub(crate) const ORGANIZATION: &str = "bench";
pub(crate) const SUITE: &str = "suite";
const START_TIMEOUT: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(10);
/// The maximum number of results in an upload.
pub(crate) const UPLOAD: usize = 5_000;

/// A running server. On drop, it is stopped and its data is deleted.
pub(crate) struct Server {
    process: Child,
    program: PathBuf,
    directory: TempDir,
    database: Option<String>,
    /// `127.0.0.1:PORT`.
    pub(crate) host: String,
    pub(crate) access_token: String,
    pub(crate) suite_token: String,
}

impl Server {
    /// Starts a server and creates a suite with tokens.
    pub(crate) fn start(programs: Programs) -> anyhow::Result<Self> {
        Self::start_on(programs, None)
    }

    /// Like [`Self::start`], with this PostgreSQL database.
    pub(crate) fn start_on(programs: Programs, database: Option<String>) -> anyhow::Result<Self> {
        let mut server = Self::start_in(programs, tempfile::tempdir()?, database)?;
        let suite = server.command(&["suite", "create", &format!("{ORGANIZATION}/{SUITE}")])?;
        server.suite_token = secret(&suite, "tes_")?;
        Ok(server)
    }

    /// Starts a server with the data directory `data` in this directory, which may contain a
    /// database, or with a PostgreSQL database. Its pages need no sign-in. It has an access token,
    /// but no suite.
    pub(crate) fn start_in(
        programs: Programs,
        directory: TempDir,
        database: Option<String>,
    ) -> anyhow::Result<Self> {
        let program = programs.path("test-engine")?;
        let log = directory.path().join("log");
        let sink = fs_err::File::create(&log)?.into_file();
        let process = command(&program)
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--organization",
                ORGANIZATION,
            ])
            .args([
                "--rest-rate-limit",
                "0",
                "--plan-rate-limit",
                "0",
                "--web-open",
            ])
            .arg("--data-dir")
            .arg(directory.path().join("data"))
            .envs(environment(database.as_deref()))
            .stdin(Stdio::null())
            .stdout(sink.try_clone()?)
            .stderr(sink)
            .spawn()
            .context("start the server")?;
        let mut server = Self {
            process,
            program,
            directory,
            database,
            host: String::new(),
            access_token: String::new(),
            suite_token: String::new(),
        };
        let began = Instant::now();
        while !server.is_ready(&log)? {
            let output = || fs_err::read_to_string(&log).unwrap_or_default();
            ensure!(
                server.process.try_wait()?.is_none(),
                "the server exited: {}",
                output()
            );
            ensure!(
                began.elapsed() < START_TIMEOUT,
                "the server does not start: {}",
                output()
            );
            std::thread::sleep(POLL_INTERVAL);
        }
        let token = server.command(&["token", "create", "--organization", ORGANIZATION])?;
        server.access_token = secret(&token, "tea_")?;
        Ok(server)
    }

    /// A new upload token for a suite.
    pub(crate) fn suite_token_of(&self, slug: &str) -> anyhow::Result<String> {
        let output = self.command(&["init", &format!("{ORGANIZATION}/{slug}")])?;
        secret(&output, "tes_")
    }

    /// Its resident memory, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:")
    }

    /// The maximum of its resident memory so far, in bytes.
    pub(crate) fn peak_memory(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:")
    }

    /// How far its allocated memory rises during some work, in bytes.
    pub(crate) fn growth<T>(&self, work: impl FnOnce() -> T) -> (u64, T) {
        growth_of_memory(self.process.id(), work)
    }

    fn status(&self, field: &str) -> anyhow::Result<u64> {
        let status = fs_err::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.split_whitespace().next())
            .context("read the memory use of the server: it has exited")?;
        Ok(kilobytes.parse::<u64>()? * 1024)
    }

    /// Uploads the results of `runs` runs, each with `tests` tests in `files` files.
    pub(crate) fn upload_history(
        &self,
        runs: usize,
        tests: usize,
        files: usize,
    ) -> anyhow::Result<()> {
        let mut connection = Connection::open(&self.host)?;
        for run in 0..runs {
            for first in (0..tests).step_by(UPLOAD) {
                let data = results::upload_data(run, first, UPLOAD.min(tests - first), files);
                self.upload(&mut connection, &upload(&Self::run_key(run), &data))?;
            }
        }
        Ok(())
    }

    /// The key of a run of [`Self::upload_history`].
    pub(crate) fn run_key(run: usize) -> String {
        format!("history-{run}")
    }

    /// Sends an upload and waits until the server has acknowledged it.
    pub(crate) fn upload(&self, connection: &mut Connection, body: &str) -> anyhow::Result<()> {
        Self::upload_with(connection, &self.suite_token, body)
    }

    /// The same to the suite of this token.
    pub(crate) fn upload_with(
        connection: &mut Connection,
        suite_token: &str,
        body: &str,
    ) -> anyhow::Result<()> {
        let authorization = format!("Token token=\"{suite_token}\"");
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
        ];
        connection
            .send("POST", "/v1/uploads", &headers, body.as_bytes())?
            .expect(202)?;
        Ok(())
    }

    /// The path prefix of the suite's API.
    pub(crate) fn suite_path() -> String {
        Self::path_of_suite(SUITE)
    }

    /// The same of the suite with this slug.
    pub(crate) fn path_of_suite(slug: &str) -> String {
        format!("/v2/analytics/organizations/{ORGANIZATION}/suites/{slug}")
    }

    /// The parent of the data directory, for files that must be on the same disk.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    fn is_ready(&mut self, log: &std::path::Path) -> anyhow::Result<bool> {
        let Some(host) = address(&fs_err::read_to_string(log)?) else {
            return Ok(false);
        };
        let healthy = Connection::open(&host)
            .and_then(|mut connection| connection.send("GET", "/healthz", &[], b""))
            .is_ok_and(|response| response.status == 200);
        self.host = host;
        Ok(healthy)
    }

    fn command(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let data = self.directory.path().join("data");
        output(
            command(&self.program)
                .args(arguments)
                .envs(environment(self.database.as_deref()))
                .arg("--data-dir")
                .arg(data),
        )
    }
}

/// The variable with the URL of a PostgreSQL database.
fn environment(database: Option<&str>) -> Option<(&'static str, &str)> {
    database.map(|url| ("TEST_ENGINE_DATABASE_URL", url))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails when the server has exited already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of an upload for the run with this key.
pub(crate) fn upload(key: &str, data: &str) -> String {
    format!(
        concat!(
            r#"{{"format":"json","run_env":{{"CI":"generic","key":"{key}","branch":"main","#,
            r#""commit_sha":"0123456789abcdef0123456789abcdef01234567"}},"data":{data}}}"#
        ),
        key = key,
        data = data
    )
}

/// The first loopback address with a port in the output of a server.
fn address(output: &str) -> Option<String> {
    output.split("127.0.0.1:").skip(1).find_map(|rest| {
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let port: u16 = port.parse().ok()?;
        (port > 0).then(|| format!("127.0.0.1:{port}"))
    })
}

/// The first word with this prefix.
fn secret(output: &str, prefix: &str) -> anyhow::Result<String> {
    let start = output
        .find(prefix)
        .with_context(|| format!("find a token in: {output}"))?;
    Ok(output[start..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn address_needs_a_port() {
        assert_eq!(
            address("127.0.0.1:0 then http://127.0.0.1:4711/"),
            Some("127.0.0.1:4711".to_owned())
        );
        assert_eq!(address("127.0.0.1:"), None);
    }

    #[test]
    fn secret_ends_before_other_characters() {
        assert_eq!(
            secret("token: tea_a1B2\nkeep it", "tea_").unwrap(),
            "tea_a1B2"
        );
        assert!(secret("nothing", "tea_").is_err());
    }
}
