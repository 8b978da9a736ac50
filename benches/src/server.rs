//! A real server on a data directory of its own, with one suite.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use crate::http::Connection;
use crate::programs::{Programs, command, output};
use crate::results;

pub(crate) const ORGANIZATION: &str = "bench";
pub(crate) const SUITE: &str = "suite";
/// The longest it may take to start.
const START_LIMIT: Duration = Duration::from_secs(30);
/// How often it is asked meanwhile.
const ASK_EVERY: Duration = Duration::from_millis(10);
/// As many results as one upload may hold.
pub(crate) const UPLOAD: usize = 5_000;

/// A running server; it is stopped and its data deleted when this goes away.
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
    /// Builds, starts, and makes a suite with tokens.
    pub(crate) fn start(programs: Programs) -> anyhow::Result<Self> {
        Self::start_on(programs, None)
    }

    /// The same, with its data in this database instead of a file.
    pub(crate) fn start_on(programs: Programs, database: Option<String>) -> anyhow::Result<Self> {
        let mut server = Self::start_in(programs, tempfile::tempdir()?, database)?;
        let suite = server.command(&["suite", "create", &format!("{ORGANIZATION}/{SUITE}")])?;
        server.suite_token = secret(&suite, "tes_")?;
        Ok(server)
    }

    /// Builds and starts on the directory `data` in this directory, which may hold a database already,
    /// or on the database named. Its pages are open to all. It has an access token, but neither a
    /// suite of its own nor a suite's token.
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
            let said = || fs_err::read_to_string(&log).unwrap_or_default();
            ensure!(
                server.process.try_wait()?.is_none(),
                "the server ended: {}",
                said()
            );
            ensure!(
                began.elapsed() < START_LIMIT,
                "the server does not start: {}",
                said()
            );
            std::thread::sleep(ASK_EVERY);
        }
        let token = server.command(&["token", "create", "--organization", ORGANIZATION])?;
        server.access_token = secret(&token, "tea_")?;
        Ok(server)
    }

    /// A new token for the uploads of a suite.
    pub(crate) fn suite_token_of(&self, slug: &str) -> anyhow::Result<String> {
        let said = self.command(&["init", &format!("{ORGANIZATION}/{slug}")])?;
        secret(&said, "tes_")
    }

    /// Bytes of memory it has in use.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = fs_err::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let kilobytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next())
            .context("read how much memory the server uses: it has ended")?;
        Ok(kilobytes.parse::<u64>()? * 1024)
    }

    /// Uploads results of `runs` runs, `tests` tests in `files` files each.
    pub(crate) fn learn(&self, runs: usize, tests: usize, files: usize) -> anyhow::Result<()> {
        let mut connection = Connection::open(&self.host)?;
        for run in 0..runs {
            for first in (0..tests).step_by(UPLOAD) {
                let data = results::upload_data(run, first, UPLOAD.min(tests - first), files);
                self.upload(&mut connection, &upload(&format!("learn-{run}"), &data))?;
            }
        }
        Ok(())
    }

    /// Sends an upload and waits until the server has it for good.
    pub(crate) fn upload(&self, connection: &mut Connection, body: &str) -> anyhow::Result<()> {
        let authorization = format!("Token token=\"{}\"", self.suite_token);
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", "application/json"),
        ];
        connection
            .ask("POST", "/v1/uploads", &headers, body.as_bytes())?
            .expect(202)?;
        Ok(())
    }

    /// The path below which the suite's API lies.
    pub(crate) fn suite_path() -> String {
        format!("/v2/analytics/organizations/{ORGANIZATION}/suites/{SUITE}")
    }

    /// The directory its data lies in, for things that must be on the same disk.
    pub(crate) fn directory(&self) -> &std::path::Path {
        self.directory.path()
    }

    fn is_ready(&mut self, log: &std::path::Path) -> anyhow::Result<bool> {
        let Some(host) = address(&fs_err::read_to_string(log)?) else {
            return Ok(false);
        };
        let healthy = Connection::open(&host)
            .and_then(|mut connection| connection.ask("GET", "/healthz", &[], b""))
            .is_ok_and(|answer| answer.status == 200);
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

/// Where the database is, when it is no file.
fn environment(database: Option<&str>) -> Option<(&'static str, &str)> {
    database.map(|url| ("TEST_ENGINE_DATABASE_URL", url))
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing is left to be done when it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The body of an upload, all of whose results belong to the run with this key.
pub(crate) fn upload(key: &str, data: &str) -> String {
    format!(
        r#"{{"format":"json","run_env":{{"CI":"generic","key":"{key}","branch":"main","commit_sha":"0123456789abcdef0123456789abcdef01234567"}},"data":{data}}}"#
    )
}

/// The first loopback address with a port in what a server said.
fn address(said: &str) -> Option<String> {
    said.split("127.0.0.1:").skip(1).find_map(|rest| {
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let port: u16 = port.parse().ok()?;
        (port > 0).then(|| format!("127.0.0.1:{port}"))
    })
}

/// The secret that begins with this prefix.
fn secret(said: &str, prefix: &str) -> anyhow::Result<String> {
    let at = said
        .find(prefix)
        .with_context(|| format!("find a token in: {said}"))?;
    Ok(said[at..]
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_has_a_port() {
        assert_eq!(
            address("127.0.0.1:0 then http://127.0.0.1:4711/"),
            Some("127.0.0.1:4711".to_owned())
        );
        assert_eq!(address("127.0.0.1:"), None);
    }

    #[test]
    fn a_secret_ends_where_it_ends() {
        assert_eq!(
            secret("token: tea_a1B2\nkeep it", "tea_").unwrap(),
            "tea_a1B2"
        );
        assert!(secret("nothing", "tea_").is_err());
    }
}
