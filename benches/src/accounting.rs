//! The time of the server's accounting for a plan of 100,000 targets on 200 nodes whose tests ran
//! in earlier runs too, and the server's peak memory meanwhile.

use anyhow::{Context as _, ensure};
use test_engine_accounting::{Accountings, Verdict};
use test_engine_wire::NodeReport;

use crate::figure::{Figure, milliseconds};
use crate::http::Connection;
use crate::memory::in_megabytes;
use crate::plan;
use crate::programs::Programs;
use crate::server::Server;
use crate::timing::{median, timed};
use crate::verify::{NODES, TARGETS, node_reports};

/// The last one is accounted for. Those before it are complete, so tests that vanished are searched
/// in them.
const BUILDS: usize = 4;

const RUNS: usize = 9;

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let server = Server::start(programs)?;
    let sizes = report_builds(&server)?;
    let account = || {
        let (time, verdict) = timed(|| account(&server));
        verdict?;
        anyhow::Ok(time)
    };
    let times = (0..RUNS).map(|_| account());
    let times: Vec<f64> = times.collect::<anyhow::Result<_>>()?;
    Ok(vec![
        Figure::of("accounting of a plan", milliseconds(median(times))).must_goal(1_000.0, 500.0),
        Figure::of("memory of the server", in_megabytes(server.peak_memory()?))
            .beside("reports of a build", in_megabytes(sizes)),
    ])
}

/// Sends results and node reports of all builds. Returns the bytes of the reports of one.
pub(crate) fn report_builds(server: &Server) -> anyhow::Result<u64> {
    server.upload_history(BUILDS, TARGETS, TARGETS)?;
    let authorization = format!("Bearer {}", server.access_token);
    let headers = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
    ];
    let path = format!("{}/test_plan", Server::suite_path());
    let mut connection = Connection::open(&server.host)?;
    let mut sizes = 0;
    for build in 0..BUILDS {
        let body = plan::request(&identifier(build), TARGETS, NODES as usize);
        let response = connection.send("POST", &path, &headers, body.as_bytes())?;
        response.expect(200)?;
        for report in node_reports() {
            let report = NodeReport {
                identifier: identifier(build),
                build_id: Server::run_key(build),
                started_at: "2026-06-20T04:46:13Z".to_owned(),
                finished_at: Some("2026-06-20T04:47:13Z".to_owned()),
                ..report
            };
            let body = serde_json::to_vec(&report)?;
            if build == 0 {
                sizes += body.len() as u64;
            }
            let path = format!("{path}/node_reports");
            connection
                .send("POST", &path, &headers, &body)?
                .expect(200)?;
        }
    }
    Ok(sizes)
}

/// Requests the accounting of the last build.
pub(crate) fn account(server: &Server) -> anyhow::Result<()> {
    let authorization = format!("Bearer {}", server.access_token);
    let headers = [("Authorization", authorization.as_str())];
    let identifier = identifier(BUILDS - 1);
    let path = format!(
        "{}/test_plan/accounting?identifier={identifier}",
        Server::suite_path()
    );
    let response = Connection::open(&server.host)?.send("GET", &path, &headers, b"")?;
    check(&response.expect(200)?.body)
}

fn identifier(build: usize) -> String {
    format!("build-{build}")
}

/// Checks that the verdict is about all targets.
fn check(body: &[u8]) -> anyhow::Result<()> {
    let accountings: Accountings = serde_json::from_slice(body).context("read the accounting")?;
    let verdict = accountings.verdict();
    let groups = accountings.accountings.iter().flat_map(|one| &one.groups);
    let complete: u64 = groups.map(|group| group.complete_targets).sum();
    ensure!(
        verdict == Verdict::Complete && complete == TARGETS as u64,
        "the verdict is {verdict:?} with {complete} complete targets"
    );
    Ok(())
}
