//! What is asked for: nodes that come for their plan and upload what they ran, and people who look.
//!
//! A build has twenty nodes. Each asks for the plan; who finds none posts the request for it.
//! Every fifth node uploads its results and then reports how its run went. Pages and lists (those of
//! `views`) are looked at a few times a second, each in its turn.

use super::dataset::{Size, slug};
use super::views::{Target, View, Views};
use crate::http::Connection;
use crate::results;
use crate::server::{ORGANIZATION, Server, upload};

/// Nodes of a build.
const NODES: u64 = 20;
/// One plan request in so many is followed by an upload and a report.
const UPLOAD_EVERY: u64 = 5;
/// Results in an upload, when the suite has so many tests.
const RESULTS: usize = 250;
/// One plan request in so many comes with a look at a page, and with a list of tests.
const LOOK_EVERY: u64 = 60;

/// What one request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plan,
    Upload,
    Report,
    Page,
    List,
}

/// In the order of their numbers.
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

/// What is due with the plan request of this number.
pub(super) fn due(number: u64) -> impl Iterator<Item = Kind> {
    let uploads = number % UPLOAD_EVERY == UPLOAD_EVERY - 1;
    let looks = number % LOOK_EVERY;
    [
        (Kind::Plan, true),
        (Kind::Upload, uploads),
        (Kind::Report, uploads),
        (Kind::Page, looks == 10),
        (Kind::List, looks == 40),
    ]
    .into_iter()
    .filter_map(|(kind, due)| due.then_some(kind))
}

/// Everything that is sent, made beforehand.
pub(super) struct Mix {
    size: Size,
    access: String,
    /// One per suite.
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

    /// What is looked at.
    pub(super) fn views(&self) -> &Views {
        &self.views
    }

    /// Asks for something of this kind.
    pub(super) fn ask(
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
                // No run of the data set has such a number, so no execution is there already.
                let run = number + self.size.runs as usize;
                let data = results::upload_data(run, first, results, self.size.files());
                let body = upload(&format!("build-{build}"), &data);
                let headers = [
                    ("Authorization", self.uploads[suite as usize].as_str()),
                    ("Content-Type", "application/json"),
                ];
                connection
                    .ask("POST", "/v1/uploads", &headers, body.as_bytes())?
                    .expect(202)?;
                Ok(())
            }
            Kind::Report => {
                let node = number % NODES;
                let body = format!(
                    r#"{{"version":"3.0.0","env":{{"BUILDKITE_TEST_ENGINE_IDENTIFIER":"{identifier}","BUILDKITE_PARALLEL_JOB":{node}}},"timeline":[{{"timestamp":"2026-01-01T00:00:00.5Z","event":"test_start"}}],"statistics":{{"total":{results}}}}}"#
                );
                let path = format!("{}/test_plan_metadata", api(suite));
                self.api(connection, "POST", &path, &body)?.expect(200)?;
                Ok(())
            }
            Kind::Page => self.look(Target::Page, number, connection),
            Kind::List => self.look(Target::List, number, connection),
        }
    }

    /// Each view of each suite, one after the other.
    fn look(&self, target: Target, number: u64, connection: &mut Connection) -> anyhow::Result<()> {
        let views: Vec<&View> = self.views.of(target).collect();
        let number = usize::try_from(number / LOOK_EVERY)?;
        let view = views[number % views.len()];
        let suite = number / views.len() % self.size.suites as usize;
        self.views.look(view, suite, connection)
    }

    fn plan(
        &self,
        suite: u32,
        identifier: &str,
        connection: &mut Connection,
    ) -> anyhow::Result<()> {
        let path = format!("{}/test_plan", api(suite));
        let there = format!("{path}?identifier={identifier}&job_retry_count=0");
        let found = self.api(connection, "GET", &there, "")?;
        if found.status != 404 {
            found.expect(200)?;
            return Ok(());
        }
        let files = &self.files;
        let body = format!(
            r#"{{"runner":"rspec","identifier":"{identifier}","parallelism":{NODES},"branch":"main","tests":{{"files":[{files}]}}}}"#
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
    ) -> anyhow::Result<crate::http::Answer> {
        let headers = [
            ("Authorization", self.access.as_str()),
            ("Content-Type", "application/json"),
            ("Accept-Encoding", "gzip"),
        ];
        connection.ask(method, path, &headers, body.as_bytes())
    }
}

/// Below which a suite's API lies.
pub(super) fn api(suite: u32) -> String {
    format!(
        "/v2/analytics/organizations/{ORGANIZATION}/suites/{}",
        slug(suite)
    )
}
