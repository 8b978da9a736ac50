//! The memory of single requests that are as large as allowed and built to take much: how far the
//! server's allocated memory rises above what it was before.

use anyhow::Context as _;
use serde_json::Value;
use test_engine_testkit::{HOSTILE_TO_READ, HOSTILE_TO_STORE};

use crate::accounting;
use crate::figure::Figure;
use crate::http::Connection;
use crate::memory::in_megabytes;
use crate::programs::Programs;
use crate::server::{ORGANIZATION, SUITE, Server};

/// 64 MiB, in MB.
const MUST: f64 = 67.1;
const GOAL: f64 = 33.5;

/// Each upload goes to a new server, whose lists and pages are then requested.
pub(super) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let mut views: Vec<(&str, u64)> = Vec::new();
    for (kind, upload) in HOSTILE_TO_STORE.iter().chain(HOSTILE_TO_READ) {
        let server = Server::start(programs)?;
        let upload = upload("hostile");
        let size = upload.body.len() as u64;
        let authorization = format!("Token token=\"{}\"", server.suite_token);
        let headers = [
            ("Authorization", authorization.as_str()),
            ("Content-Type", &upload.content_type),
            ("Content-Encoding", upload.content_encoding),
        ];
        let (growth, response) = server.growth(|| {
            Connection::open(&server.host)?
                .send("POST", "/v1/uploads", &headers, &upload.body)?
                .expect(202)
        });
        figures.push(
            figure(&format!("upload, {kind}"), growth).beside("its body", in_megabytes(size)),
        );
        drop(upload.body);
        let receipt: Value = serde_json::from_slice(&response?.body)?;
        let run = receipt["run_id"]
            .as_str()
            .context("the receipt has no run")?;
        for (number, (name, growth)) in requests(&server, run)?.into_iter().enumerate() {
            match views.get_mut(number) {
                Some((_, largest)) => *largest = growth.max(*largest),
                None => views.push((name, growth)),
            }
        }
    }
    figures.extend(views.into_iter().map(|(name, growth)| figure(name, growth)));
    figures.push(accounting(programs)?);
    Ok(figures)
}

fn figure(name: &str, growth: u64) -> Figure {
    let name = format!("load memory over idle, {name}");
    Figure::of(name, in_megabytes(growth)).must_goal(MUST, GOAL)
}

/// The lists and pages that show results of a run.
fn requests(server: &Server, run: &str) -> anyhow::Result<Vec<(&'static str, u64)>> {
    let lists = Server::suite_path();
    let pages = format!("/organizations/{ORGANIZATION}/analytics/suites/{SUITE}");
    let failed = format!("{lists}/runs/{run}/failed_executions");
    let authorization = format!("Bearer {}", server.access_token);
    let headers = [("Authorization", authorization.as_str())];
    let requests = [
        ("list of runs", format!("{lists}/runs?per_page=100")),
        ("list of tests", format!("{lists}/tests?per_page=100")),
        ("list of uploads", format!("{lists}/uploads?per_page=100")),
        (
            "list of failures",
            format!("{failed}?per_page=100&include_failure_expanded=true"),
        ),
        ("page of a suite", pages.clone()),
        ("page of tests", format!("{pages}/tests")),
        ("page of a run", format!("{pages}/runs/{run}")),
    ];
    let growth_of = |(name, path): (&'static str, String)| {
        let (growth, response) = server.growth(|| {
            Connection::open(&server.host)?
                .send("GET", &path, &headers, b"")?
                .expect(200)
        });
        response?;
        anyhow::Ok((name, growth))
    };
    requests.into_iter().map(growth_of).collect()
}

/// Of a build of 200 nodes with 100,000 targets.
fn accounting(programs: Programs) -> anyhow::Result<Figure> {
    let server = Server::start(programs)?;
    let reports = accounting::report_builds(&server)?;
    let (growth, verdict) = server.growth(|| accounting::account(&server));
    verdict?;
    Ok(figure("accounting", growth).beside("reports of the build", in_megabytes(reports)))
}
