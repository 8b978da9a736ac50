//! The mix of requests: nodes that request plans and upload results, and people who view pages.
//!
//! A build has twenty nodes. Each requests the plan, and creates it if there is none. Every fifth
//! node uploads its results and then its metadata. The pages and lists of `views` are requested in
//! turn, a few times per second.

use super::dataset::{Size, slug};
use super::views::{Target, View, Views};
use crate::http::Connection;
use crate::results;
use crate::server::{Server, upload};

/// Nodes of a build.
const NODES: u64 = 20;
/// One in so many plan requests is followed by an upload and a report.
const UPLOAD_EVERY: u64 = 5;
/// Results in an upload, if the suite has so many tests.
const RESULTS: usize = 250;
/// One in so many plan requests comes with a page view, and one with a list of tests.
const VIEW_EVERY: u64 = 60;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plan,
    Upload,
    Report,
    Page,
    List,
}

/// In the order of their discriminants.
pub(super) const KINDS: [Kind; 5] = [
    Kind::Plan,
    Kind::Upload,
    Kind::Report,
    Kind::Page,
    Kind::List,
];

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Upload => "upload",
            Self::Report => "report",
            Self::Page => "page view",
            Self::List => "test list",
        }
    }
}

/// The requests that are due with this plan request.
pub(super) fn due(number: u64) -> impl Iterator<Item = Kind> {
    let uploads = number % UPLOAD_EVERY == UPLOAD_EVERY - 1;
    let view = number % VIEW_EVERY;
    [
        (Kind::Plan, true),
        (Kind::Upload, uploads),
        (Kind::Report, uploads),
        (Kind::Page, view == 10),
        (Kind::List, view == 40),
    ]
    .into_iter()
    .filter_map(|(kind, due)| due.then_some(kind))
}

/// The parts of requests, prepared before the load.
pub(super) struct Mix {
    size: Size,
    access: String,
    /// The `Authorization` of uploads, by suite.
    uploads: Vec<String>,
    files: String,
    views: Views,
}

impl Mix {
    pub(super) fn new(size: Size, server: &Server) -> anyhow::Result<Self> {
        let mut uploads = Vec::new();
        for suite in 0..size.suites {
            let token = server.suite_token_of(&slug(suite))?;
            uploads.push(format!("Token token=\"{token}\""));
        }
        let files: Vec<String> = (0..size.files())
            .map(|file| format!(r#"{{"path":"{}"}}"#, results::path(file)))
            .collect();
        let access = format!("Bearer {}", server.access_token);
        Ok(Self {
            views: Views::find(size, server, &access)?,
            size,
            access,
            uploads,
            files: files.join(","),
        })
    }

    pub(super) fn views(&self) -> &Views {
        &self.views
    }

    /// Sends a request of this kind.
    pub(super) fn send(
        &self,
        kind: Kind,
        number: u64,
        connection: &mut Connection,
    ) -> anyhow::Result<()> {
        let build = number / NODES;
        let suite = u32::try_from(build % u64::from(self.size.suites))?;
        let results = RESULTS.min(self.size.tests());
        let identifier = format!("build-{build}/step");
        match kind {
            Kind::Plan => self.plan(suite, &identifier, connection),
            Kind::Upload => {
                let number = usize::try_from(number)?;
                let first = number * results % (self.size.tests() - results + 1);
                // Larger than the runs of the data set, so that executions are new.
                let run = number + self.size.runs as usize;
                let data = results::upload_data(run, first, results, self.size.files());
                let body = upload(&format!("build-{build}"), &data);
                let headers = [
                    ("Authorization", self.uploads[suite as usize].as_str()),
                    ("Content-Type", "application/json"),
                ];
                connection
                    .send("POST", "/v1/uploads", &headers, body.as_bytes())?
                    .expect(202)?;
                Ok(())
            }
            Kind::Report => {
                let node = number % NODES;
                let body = format!(
                    concat!(
                        r#"{{"version":"3.0.0","env":{{"BUILDKITE_TEST_ENGINE_IDENTIFIER":"#,
                        r#""{identifier}","BUILDKITE_PARALLEL_JOB":{node}}},"timeline":["#,
                        r#"{{"timestamp":"2026-01-01T00:00:00.5Z","event":"test_start"}}],"#,
                        r#""statistics":{{"total":{results}}}}}"#
                    ),
                    identifier = identifier,
                    node = node,
                    results = results
                );
                let path = format!("{}/test_plan_metadata", api(suite));
                self.api(connection, "POST", &path, &body)?.expect(200)?;
                Ok(())
            }
            Kind::Page => self.view(Target::Page, number, connection),
            Kind::List => self.view(Target::List, number, connection),
        }
    }

    /// Requests each view of each suite in turn.
    fn view(&self, target: Target, number: u64, connection: &mut Connection) -> anyhow::Result<()> {
        let views: Vec<&View> = self.views.of(target).collect();
        let number = usize::try_from(number / VIEW_EVERY)?;
        let view = views[number % views.len()];
        let suite = number / views.len() % self.size.suites as usize;
        self.views.request(view, suite, connection)
    }

    fn plan(
        &self,
        suite: u32,
        identifier: &str,
        connection: &mut Connection,
    ) -> anyhow::Result<()> {
        let path = format!("{}/test_plan", api(suite));
        let existing = format!("{path}?identifier={identifier}&job_retry_count=0");
        let found = self.api(connection, "GET", &existing, "")?;
        if found.status != 404 {
            found.expect(200)?;
            return Ok(());
        }
        let body = format!(
            concat!(
                r#"{{"runner":"rspec","identifier":"{identifier}","parallelism":{nodes},"#,
                r#""branch":"main","tests":{{"files":[{files}]}}}}"#
            ),
            identifier = identifier,
            nodes = NODES,
            files = self.files
        );
        self.api(connection, "POST", &path, &body)?.expect(200)?;
        Ok(())
    }

    fn api(
        &self,
        connection: &mut Connection,
        method: &str,
        path: &str,
        body: &str,
    ) -> anyhow::Result<crate::http::Response> {
        let headers = [
            ("Authorization", self.access.as_str()),
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "gzip"),
        ];
        connection.send(method, path, &headers, body.as_bytes())
    }
}

/// The path prefix of a suite's API.
pub(super) fn api(suite: u32) -> String {
    Server::path_of_suite(&slug(suite))
}
