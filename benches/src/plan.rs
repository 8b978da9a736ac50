//! A plan of 100,000 selectors with history for 100 nodes: creating it, and returning it.
//! `plan/selection.rs` measures what a selection adds.

mod selection;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::figure::{Figure, milliseconds, per_second};
use crate::http::Connection;
use crate::programs::Programs;
use crate::results;
use crate::server::Server;
use crate::timing::{median, timed};

const SELECTORS: usize = 100_000;
const NODES: usize = 100;
/// Past runs of every selector.
const HISTORY: usize = 3;
const PLANS: usize = 15;
const READS: usize = 100;
/// Concurrent connections for the request rate.
const CLIENTS: usize = 8;
const LOAD: Duration = Duration::from_secs(5);

pub(crate) fn measure(programs: Programs) -> anyhow::Result<Vec<Figure>> {
    let server = Server::start(programs)?;
    server.upload_history(HISTORY, SELECTORS, SELECTORS)?;
    let authorization = format!("Bearer {}", server.access_token);
    let post = [
        ("Authorization", authorization.as_str()),
        ("Content-Type", "application/json"),
    ];
    let get = [
        ("Authorization", authorization.as_str()),
        ("Accept-Encoding", "gzip"),
    ];
    let path = format!("{}/test_plan", Server::suite_path());
    let mut connection = Connection::open(&server.host)?;

    let mut created = Vec::new();
    for number in 0..PLANS {
        let body = request(&format!("plan-{number}"), SELECTORS, NODES);
        let (time, response) = timed(|| connection.send("POST", &path, &post, body.as_bytes()));
        let response = response?.expect(200)?;
        if number == 0 {
            check(&response.body)?;
        }
        created.push(time);
    }

    let path = format!("{path}?identifier=plan-0&job_retry_count=0");
    let mut read = Vec::new();
    for _ in 0..READS {
        let (time, response) = timed(|| connection.send("GET", &path, &get, b""));
        let response = response?.expect(200)?;
        ensure!(
            response.encoding.as_deref() == Some("gzip"),
            "the plan is not compressed"
        );
        read.push(time);
    }

    let served = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| -> anyhow::Result<()> {
                    let mut connection = Connection::open(&server.host)?;
                    while began.elapsed() < LOAD {
                        connection.send("GET", &path, &get, b"")?.expect(200)?;
                        served.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(())
                })
            })
            .collect();
        clients.into_iter().try_for_each(|client| {
            client
                .join()
                .map_err(|_| anyhow::anyhow!("a client panicked"))?
        })
    })?;
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    let rate = served.into_inner() as f64 / began.elapsed().as_secs_f64();

    Ok(vec![
        Figure::of("plan-100k POST, p50", milliseconds(median(created))).must_goal(150.0, 60.0),
        Figure::of("plan-100k GET gzip, p50", milliseconds(median(read))).must_goal(1.0, 0.3),
        Figure::of("plan-100k GET gzip", per_second(rate)).must_goal(3_000.0, 10_000.0),
        selection::measure(&server)?,
    ])
}

/// A plan request for the first files.
pub(crate) fn request(identifier: &str, selectors: usize, nodes: usize) -> String {
    let selectors: Vec<String> = (0..selectors)
        .map(|number| format!(r#"{{"value":"{}"}}"#, results::path(number)))
        .collect();
    format!(
        concat!(
            r#"{{"runner":"rspec","identifier":"{identifier}","parallelism":{nodes},"#,
            r#""branch":"main","tests":{{"selectors":[{selectors}]}}}}"#
        ),
        identifier = identifier,
        nodes = nodes,
        selectors = selectors.join(",")
    )
}

/// Checks that the plan contains all tests and uses their history.
fn check(plan: &[u8]) -> anyhow::Result<()> {
    let plan: serde_json::Value = serde_json::from_slice(plan).context("read the plan")?;
    let tasks = plan["tasks"]
        .as_object()
        .context("find the tasks of the plan")?;
    let tests: usize = tasks
        .values()
        .filter_map(|task| task["tests"].as_array())
        .map(Vec::len)
        .sum();
    ensure!(
        tasks.len() == NODES && tests == SELECTORS,
        "the plan has {tests} tests on {} nodes",
        tasks.len()
    );
    let known = plan["known_timings_ratio"].as_f64();
    ensure!(known == Some(1.0), "only a share of {known:?} has history");
    Ok(())
}
