//! Three servers on one Postgres while everything happens at once: builds that plan, upload twice
//! and report, work in the background, and servers that die, stop and join.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::{Page, Period, TestOrder, TestQuery};
use uuid::Uuid;

use crate::several_servers::{SUITE, Servers, at_once};
use crate::support::result;

const BUILDS: usize = 12;
const NODES: usize = 6;
/// Test files of each build.
const FILES: usize = 60;
/// A job whose turns are hours apart.
const JOB: &str = "retention";
/// The longest anything here is waited for.
const LIMIT: Duration = Duration::from_mins(1);

fn plan_request(identifier: &str, files: usize) -> Value {
    let files: Vec<Value> = (0..files)
        .map(|n| json!({"path": format!("f{n}.py")}))
        .collect();
    json!({
        "runner": "pytest", "identifier": identifier, "parallelism": NODES, "branch": "main",
        "tests": {"files": files},
    })
}

/// What a node does in a build, each step with another server; when that has gone, with the next.
/// The node's plan, as bytes.
fn build(servers: &Servers, build: usize, node: usize) -> Vec<u8> {
    // Every node knows of one more file than the one before: two plans are never equal by chance.
    let request = plan_request(&format!("build {build}"), FILES + node);
    let first = build + node;
    let made = (first..first + 3)
        .find_map(|server| {
            let path = format!("{SUITE}/test_plan");
            servers.ask(server, "POST", &path).json(&request).try_send()
        })
        .expect("one of the servers answers");
    assert_eq!(made.status, 200, "{}", made.text());
    let results: Vec<Value> = (0..FILES)
        .filter(|n| n % NODES == node)
        .map(|n| {
            let seconds = f64::from(u32::try_from(n + build).unwrap()) / 10.0;
            let mut one = result(
                "Story",
                &format!("test {n}"),
                &format!("f{n}.py"),
                seconds,
                "passed",
            );
            one["id"] = json!(Uuid::new_v4().to_string());
            one
        })
        .chain([result("Story", "common", "common.py", 0.5, "failed")])
        .collect();
    let body = json!({
        "format": "json", "run_env": {"key": format!("build {build}"), "branch": "main"},
        "tags": {"node": node.to_string()}, "data": results,
    });
    // As when an answer was lost: the same once more, to another server.
    let receipt = servers.upload(first + 1, &body);
    assert_eq!(servers.upload(first + 2, &body), receipt);
    made.body
}

#[test]
fn whoever_is_asked_nothing_is_lost_or_doubled_or_done_twice() {
    let servers = Servers::with_limit(0);
    let plans = at_once(NODES, |node| {
        let mut plans = Vec::new();
        for number in 0..BUILDS {
            if node == 0 && number == BUILDS / 2 {
                servers.processes.lock().unwrap()[2].kill();
            }
            plans.push(build(&servers, number, node));
        }
        plans
    });
    for number in 0..BUILDS {
        let different: BTreeSet<&Vec<u8>> = plans.iter().map(|of_node| &of_node[number]).collect();
        assert_eq!(different.len(), 1, "build {number} has one plan");
    }
    let each = (FILES as u64, NODES as u64, NODES as u64);
    let expected: BTreeMap<String, (u64, u64, u64)> = (0..BUILDS)
        .map(|number| (format!("build {number}"), each))
        .collect();
    assert_eq!(servers.counts(), expected);
    // What is summed up for the tests agrees.
    let sums = servers.with_store(async |store| {
        let suite = store.suite("default", "web").await.unwrap().unwrap();
        let today = Clock::System.now().day();
        let query = TestQuery {
            period: Period {
                first_day: today - 1,
                last_day: today,
            },
            branch: None,
            state: None,
            search: None,
            labels: Vec::new(),
            order: TestOrder::Executions,
            descending: true,
            page: Page::new(1, 100),
        };
        store.tests(suite.id, &query).await.unwrap().items
    });
    assert_eq!(sums.len(), FILES + 1);
    for item in sums {
        let counts = item.metrics.counts;
        let expected = match &*item.test.name {
            "common" => (0, (BUILDS * NODES) as u64),
            _ => (BUILDS as u64, 0),
        };
        assert_eq!((counts.passed, counts.failed), expected, "{:?}", item.test);
    }

    // Servers that took other uploads, and one that took none, split by the same durations.
    let late = servers.start_another();
    let tasks: Vec<Value> = [&*servers.bases[0], &servers.bases[1], &late.base]
        .into_iter()
        .map(|base| {
            let request = plan_request(&format!("only {base}"), FILES);
            let path = format!("{SUITE}/test_plan");
            servers
                .ask_at(base, "POST", &path)
                .json(&request)
                .send()
                .ok()["tasks"]
                .clone()
        })
        .collect();
    assert_eq!(tasks[0], tasks[1]);
    assert_eq!(tasks[0], tasks[2]);
    let estimates = tasks[0].to_string();
    assert!(estimates.contains("estimated_duration"), "{estimates}");
}

/// Asks until it is so.
fn until(so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < LIMIT, "this takes too long");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Whether another could do the job now.
fn is_free(servers: &Servers) -> bool {
    servers.with_store(async |store| {
        let (now, somebody) = (Clock::System.now(), Uuid::new_v4());
        let until = now.plus_millis(60_000);
        let free = store.try_lease(JOB, somebody, now, until).await.unwrap();
        store.release_leases(somebody).await.unwrap();
        free
    })
}

#[test]
fn work_in_the_background_has_one_server_and_is_handed_over() {
    let servers = Servers::with_limit(0);
    let runs = |server: usize| Servers::job_runs(&servers.bases[server], JOB);
    let of_all = || (0..3).map(runs).sum::<u64>();
    until(|| of_all() > 0);
    // Enough for every server to have had its turn, which comes at the start.
    for number in 0..3 {
        build(&servers, number, number);
    }
    assert_eq!(of_all(), 1);
    assert!(!is_free(&servers));
    let holder = (0..3).find(|server| runs(*server) == 1).unwrap();

    // One that is told to stop gives its work back. Its successor need not wait for hours.
    servers.processes.lock().unwrap()[holder].stop();
    assert!(is_free(&servers));

    // One that dies does not, or two might do the work.
    let mut next = servers.start_another();
    until(|| Servers::job_runs(&next.base, JOB) == 1);
    next.kill();
    assert!(!is_free(&servers));
}
