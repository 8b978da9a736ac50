//! Fifty nodes request a plan concurrently and get the same one, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::time::Duration;

use serde_json::{Value, json};
use test_engine_testkit::{Connection, ServerProgram, bktec, clean_command, start, wait_within};

const NODES: usize = 50;
const FILES: usize = 400;

/// Fifty threads send a request at the same moment. Every node sends the files in a different order
/// and one unique file, so two plans cannot be equal by chance.
#[test]
fn fifty_concurrent_requests_create_one_plan() {
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    let barrier = Barrier::new(NODES);
    let responses: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let nodes: Vec<_> = (0..NODES)
            .map(|node| {
                let (connection, barrier) = (&connection, &barrier);
                scope.spawn(move || {
                    let body = request(node);
                    barrier.wait();
                    connection
                        .api()
                        .post("/test_plan", &body)
                        .expect_status(200)
                        .body
                        .clone()
                })
            })
            .collect();
        nodes
            .into_iter()
            .map(|node| node.join().expect("a node got its plan"))
            .collect()
    });

    let different: BTreeSet<&Vec<u8>> = responses.iter().collect();
    assert_eq!(
        different.len(),
        1,
        "all {NODES} responses have the same bytes"
    );
    let later = connection
        .api()
        .get("/test_plan?identifier=build-1/tests&job_retry_count=0");
    assert_eq!(
        later.expect_status(200).body,
        responses[0],
        "a later request gets the same plan"
    );
    assert_eq!(plans(&server, &connection), 1);

    let placed = placed(&serde_json::from_slice(&responses[0]).unwrap());
    let own: Vec<_> = placed
        .keys()
        .filter(|file| file.starts_with("only/"))
        .collect();
    assert_eq!(
        own.len(),
        1,
        "exactly one request determined the files: {own:?}"
    );
    assert_eq!(placed.len(), FILES + 1);
    for (file, times) in placed {
        assert_eq!(times, 1, "{file} is on exactly one node");
    }
}

/// Fifty real clients run concurrently, each with its files in a different order.
#[test]
fn fifty_concurrent_clients_write_the_same_plan() {
    let server = ServerProgram::start();
    let connection = server.create_suite("shop");
    let directory = tempfile::tempdir().unwrap();
    let running: Vec<_> = (0..NODES)
        .map(|node| {
            let list = directory.path().join(format!("files-{node}"));
            fs_err::write(&list, files(node).join("\n")).unwrap();
            let mut command = clean_command(bktec(), directory.path());
            command
                .current_dir(directory.path())
                .args([
                    "plan",
                    "--plan-out",
                    &format!("plan-{node}.json"),
                    "--files",
                ])
                .arg(&list)
                .envs([
                    (
                        "BUILDKITE_ORGANIZATION_SLUG",
                        connection.organization.as_str(),
                    ),
                    ("BUILDKITE_TEST_ENGINE_SUITE_SLUG", &connection.suite),
                    ("BUILDKITE_TEST_ENGINE_BASE_URL", &connection.base_url),
                    (
                        "BUILDKITE_TEST_ENGINE_API_ACCESS_TOKEN",
                        &connection.access_token,
                    ),
                    ("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "jest"),
                    ("BUILDKITE_BUILD_ID", "build-1"),
                    ("BUILDKITE_STEP_ID", "tests"),
                ])
                .env("BUILDKITE_PARALLEL_JOB_COUNT", NODES.to_string());
            start(command)
        })
        .collect();
    for client in running {
        wait_within(client, Duration::from_mins(2)).expect_code(0);
    }

    let written: BTreeSet<Vec<u8>> = (0..NODES)
        .map(|node| fs_err::read(directory.path().join(format!("plan-{node}.json"))).unwrap())
        .collect();
    assert_eq!(written.len(), 1, "all {NODES} clients wrote the same bytes");
    assert_eq!(plans(&server, &connection), 1);
    let plan = serde_json::from_slice(written.first().unwrap()).unwrap();
    let placed = placed(&plan);
    assert_eq!(placed.len(), FILES);
    assert!(placed.values().all(|times| *times == 1), "{placed:?}");
}

fn plans(server: &ServerProgram, connection: &Connection) -> u64 {
    server
        .stored_results()
        .plans(&connection.organization, &connection.suite)
}

fn request(node: usize) -> Value {
    let selectors: Vec<Value> = files(node)
        .into_iter()
        .chain([format!("only/node-{node}.test.js")])
        .map(|value| json!({"value": value}))
        .collect();
    json!({
        "runner": "jest",
        "identifier": "build-1/tests",
        "parallelism": NODES,
        "branch": "main",
        "tests": {"selectors": selectors},
    })
}

/// The same files for every node, each starting with a different one.
fn files(node: usize) -> Vec<String> {
    let mut files: Vec<String> = (0..FILES)
        .map(|number| format!("src/part-{number}.test.js"))
        .collect();
    files.rotate_left(node * 7 % FILES);
    files
}

/// How many nodes have each selector of a plan.
fn placed(plan: &Value) -> BTreeMap<String, usize> {
    let mut placed = BTreeMap::new();
    let tasks = plan["tasks"].as_object().expect("a plan has tasks");
    assert_eq!(tasks.len(), NODES);
    for task in tasks.values() {
        for case in task["tests"].as_array().expect("a task has tests") {
            let value = case["value"].as_str().expect("a selector has a value");
            *placed.entry(value.to_owned()).or_insert(0) += 1;
        }
    }
    placed
}
