//! Three servers on one Postgres under a mixed load: plans, repeated uploads, background jobs, and
//! servers that are killed, stopped and started.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::{Page, Period, TestOrder, TestQuery};
use uuid::Uuid;

use crate::several_servers::{SUITE, Servers, concurrently};
use crate::support::result;
use crate::waiting::until;

const BUILDS: usize = 12;
const NODES: usize = 6;
/// Test files of each build.
const FILES: usize = 60;
/// A job with a long period.
const JOB: &str = "retention";

fn plan_request(identifier: &str, files: usize) -> Value {
    let files: Vec<Value> = (0..files)
        .map(|n| json!({"path": format!("f{n}.py")}))
        .collect();
    json!({
        "runner": "pytest", "identifier": identifier, "parallelism": NODES, "branch": "main",
        "tests": {"files": files},
    })
}

/// The requests of a node in a build, each to another server, or the next if that was killed.
/// Returns the node's plan.
fn build(servers: &Servers, build: usize, node: usize) -> Vec<u8> {
    // Every node requests a different number of files, so plans are not equal by chance.
    let request = plan_request(&format!("build {build}"), FILES + node);
    let first = build + node;
    let created = (first..first + 3)
        .find_map(|server| {
            let path = format!("{SUITE}/test_plan");
            servers.ask(server, "POST", &path).json(&request).try_send()
        })
        .expect("a server responds");
    assert_eq!(created.status, 200, "{}", created.text());
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
    // Repeat it on another server, as if the response had been lost.
    let receipt = servers.upload(first + 1, &body);
    assert_eq!(servers.upload(first + 2, &body), receipt);
    created.body
}

#[test]
fn nothing_is_lost_or_duplicated_while_a_server_is_killed() {
    let servers = Servers::with_limit(0);
    let plans = concurrently(NODES, |node| {
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
    // The sums of the tests agree.
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
            terms: Vec::new(),
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

    // Servers that received different uploads, and one that received none, use the same durations.
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

/// Whether another server could acquire the lease of the job.
fn is_free(servers: &Servers) -> bool {
    servers.with_store(async |store| {
        let (now, other) = (Clock::System.now(), Uuid::new_v4());
        let until = now.plus_millis(60_000);
        let free = store.try_lease(JOB, other, now, until).await.unwrap();
        store.release_leases(other).await.unwrap();
        free
    })
}

#[test]
fn one_server_runs_a_background_job_and_releases_it_on_shutdown() {
    let servers = Servers::with_limit(0);
    let runs = |server: usize| Servers::job_runs(&servers.bases[server], JOB);
    let of_all = || (0..3).map(runs).sum::<u64>();
    until("a run of the job", || of_all() > 0);
    // Enough time for every server to try, which they do at startup.
    for number in 0..3 {
        build(&servers, number, number);
    }
    assert_eq!(of_all(), 1);
    assert!(!is_free(&servers));
    let holder = (0..3).find(|server| runs(*server) == 1).unwrap();

    // A server that shuts down releases the lease, so that another can take over immediately.
    servers.processes.lock().unwrap()[holder].stop();
    assert!(is_free(&servers));

    // The lease of a killed server has to expire.
    let mut next = servers.start_another();
    until("the next server", || {
        Servers::job_runs(&next.base, JOB) == 1
    });
    next.kill();
    assert!(!is_free(&servers));
}
