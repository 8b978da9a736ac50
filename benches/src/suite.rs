//! A suite of a running server, as the clients of its builds use it: uploads, plan requests, node
//! reports, and what selection has learned.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use test_engine_wire::SelectionOverview;

use crate::http::{Connection, Response};
use crate::server::Server;

/// The server checks a build a minute later if it has missed that the build ended.
const LEARNING_TIMEOUT: Duration = Duration::from_mins(3);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

pub(crate) struct Suite<'s> {
    server: &'s Server,
    slug: String,
    path: String,
    upload_token: String,
    authorization: String,
}

impl<'s> Suite<'s> {
    /// Creates the suite if it does not exist.
    pub(crate) fn new(server: &'s Server, slug: &str) -> anyhow::Result<Self> {
        Ok(Self {
            server,
            slug: slug.to_owned(),
            path: Server::path_of_suite(slug),
            upload_token: server.suite_token_of(slug)?,
            authorization: format!("Bearer {}", server.access_token),
        })
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> &str {
        &self.server.host
    }

    pub(crate) fn connect(&self) -> anyhow::Result<Connection> {
        Connection::open(self.host())
    }

    /// Sends an upload and waits until the server has acknowledged it.
    pub(crate) fn upload(&self, connection: &mut Connection, body: &str) -> anyhow::Result<()> {
        Server::upload_with(connection, &self.upload_token, body)
    }

    pub(crate) fn plan(
        &self,
        connection: &mut Connection,
        request: &[u8],
    ) -> anyhow::Result<Response> {
        self.post(connection, "test_plan", request)
    }

    pub(crate) fn report(&self, connection: &mut Connection, report: &[u8]) -> anyhow::Result<()> {
        self.post(connection, "test_plan/node_reports", report)?;
        Ok(())
    }

    /// The number of failing builds that selection has learned from.
    pub(crate) fn learned(&self, connection: &mut Connection) -> anyhow::Result<u64> {
        let path = format!("{}/selection", self.path);
        let headers = [("Authorization", self.authorization.as_str())];
        let response = connection.send("GET", &path, &headers, b"")?.expect(200)?;
        let overview: SelectionOverview =
            serde_json::from_slice(&response.body).context("read the overview of selection")?;
        Ok(overview.holdouts.values().sum())
    }

    /// Waits until selection has learned from this number of failing builds.
    pub(crate) fn wait_until_learned(
        &self,
        connection: &mut Connection,
        builds: u64,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let learned = self.learned(connection)?;
            if learned == builds {
                return Ok(());
            }
            ensure!(
                learned < builds && began.elapsed() < LEARNING_TIMEOUT,
                "selection has learned from {learned} failing builds of the suite {}, not {builds}",
                self.slug
            );
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn post(
        &self,
        connection: &mut Connection,
        path: &str,
        body: &[u8],
    ) -> anyhow::Result<Response> {
        let path = format!("{}/{path}", self.path);
        let headers = [
            ("Authorization", self.authorization.as_str()),
            ("Content-Type", "application/json"),
        ];
        connection.send("POST", &path, &headers, body)?.expect(200)
    }
}
