//! Plans: created once, equal for all nodes, balanced by recorded durations.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::{Answer, SUITE, result};

fn plan_path() -> String {
    format!("{SUITE}/test_plan")
}

fn request(identifier: &str, parallelism: u32, selectors: &[&str]) -> Value {
    let selectors: Vec<Value> = selectors
        .iter()
        .map(|value| json!({"value": value}))
        .collect();
    json!({
        "runner": "rspec", "identifier": identifier, "parallelism": parallelism, "branch": "main",
        "tests": {"selectors": selectors},
    })
}

fn create(server: &TestServer, body: &Value) -> Value {
    server.post(&plan_path(), body).ok()
}

fn fetch(server: &TestServer, query: &str) -> Answer {
    server.get(&format!("{}?{query}", plan_path()))
}

fn node_values(plan: &Value, node: &str) -> BTreeSet<String> {
    let tests = plan["tasks"][node]["tests"].as_array().unwrap();
    tests
        .iter()
        .map(|test| test["value"].as_str().unwrap().to_owned())
        .collect()
}

fn set(values: &[&str]) -> BTreeSet<String> {
    values.iter().map(|value| (*value).to_owned()).collect()
}

#[test]
fn plans_use_durations_from_uploads() {
    let server = TestServer::start();
    for build in ["b1", "b2"] {
        server.upload(
            build,
            "main",
            &json!([
                result("A", "one", "./spec/a_spec.rb", 2.0, "passed"),
                result("A", "two", "./spec/a_spec.rb", 1.0, "passed"),
                result("B", "one", "./spec/b_spec.rb", 1.0, "passed"),
                result("C", "one", "./spec/c_spec.rb", 1.0, "passed"),
            ]),
        );
    }
    let mut body = request(
        "b3/step",
        2,
        &[
            "spec/a_spec.rb",
            "spec/b_spec.rb",
            "spec/c_spec.rb",
            "spec/new_spec.rb",
        ],
    );
    body["location_prefix"] = json!("./");
    let plan = create(&server, &body);
    assert_eq!(plan["identifier"], "b3/step");
    assert_eq!(plan["parallelism"], 2);
    assert_eq!(plan["experiment"], "");
    assert_eq!(plan["known_timings_ratio"], 0.75);
    assert_eq!(
        plan["timing_metadata"],
        json!({"selector": {"median_duration": 1000.0, "default_duration": 1000.0}})
    );
    let nodes: Vec<BTreeSet<String>> = ["0", "1"]
        .iter()
        .map(|node| node_values(&plan, node))
        .collect();
    assert!(nodes.contains(&set(&["spec/a_spec.rb"])), "{nodes:?}");
    let a = plan["tasks"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|task| task["tests"].as_array().unwrap())
        .find(|test| test["value"] == "spec/a_spec.rb")
        .unwrap()
        .clone();
    assert_eq!(
        a,
        json!({
            "value": "spec/a_spec.rb", "format": "selector", "estimated_duration": 3000,
            "timing_sample_size": 2,
        })
    );
}

/// The client adds RSpec's `./` to paths, but does not send it as the location prefix.
#[test]
fn selectors_match_uploads_with_a_leading_dot_slash() {
    let server = TestServer::start();
    let results = json!([result("A", "one", "./spec/a_spec.rb", 2.0, "passed")]);
    server.upload("b1", "main", &results);
    let plan = create(&server, &request("b2/step", 2, &["spec/a_spec.rb"]));
    assert_eq!(plan["known_timings_ratio"], 1.0);
}

#[test]
fn the_first_request_determines_the_plan() {
    let server = TestServer::start();
    fetch(&server, "identifier=b/s").error(404);
    let first = server.post(&plan_path(), &request("b/s", 2, &["a", "b"]));
    let second = server.post(&plan_path(), &request("b/s", 5, &["c"]));
    assert_eq!(first.status, 200);
    assert_eq!(first.body, second.body);
    for query in [
        "identifier=b/s",
        "identifier=b%2Fs&job_retry_count=0",
        "identifier=b/s&job_retry_count=1",
    ] {
        assert_eq!(fetch(&server, query).body, first.body, "{query}");
    }
    fetch(&server, "").error(400);
}

#[test]
fn fifty_concurrent_nodes_get_the_same_plan() {
    let server = TestServer::start();
    let selectors: Vec<String> = (0..500).map(|n| format!("spec/{n}_spec.rb")).collect();
    let bodies: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50)
            .map(|node| {
                let (server, selectors) = (&server, &selectors);
                scope.spawn(move || {
                    // Every node sends a different request, so equal responses come from one plan.
                    let own: Vec<&str> = selectors.iter().skip(node).map(String::as_str).collect();
                    let answer = server.post(&plan_path(), &request("b/s", 50, &own));
                    assert_eq!(answer.status, 200, "{}", answer.text());
                    answer.body
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(bodies.iter().all(|body| body == &bodies[0]));
    assert_eq!(fetch(&server, "identifier=b/s").body, bodies[0]);
    let stored = server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        store
            .plans(suite.id, test_engine_store::Page::new(1, 10))
            .await
            .unwrap()
            .total
    });
    assert_eq!(stored, 1);
}

#[test]
fn plans_are_sent_plain_or_compressed_and_survive_a_restart() {
    let mut server = TestServer::start();
    let selectors: Vec<String> = (0..200).map(|n| format!("spec/{n}_spec.rb")).collect();
    let selectors: Vec<&str> = selectors.iter().map(String::as_str).collect();
    let created = server
        .post(&plan_path(), &request("b/s", 3, &selectors))
        .body;
    let ask = |encoding: &str| {
        server
            .ask("GET", &format!("{}?identifier=b/s", plan_path()))
            .bearer(&server.access)
            .header("accept-encoding", encoding)
            .send()
    };
    let plain = ask("identity");
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.body, created);
    assert_eq!(
        plain.header("content-length").unwrap(),
        created.len().to_string()
    );
    // The client decompresses it; the header shows that the server compressed it.
    let packed = ask("gzip");
    assert_eq!(packed.body, created);
    assert_eq!(packed.header("vary"), Some("accept-encoding"));
    server.stop();
    let stored = server.with_store(async |store| {
        let suite = store.suite("acme", "web").await.unwrap().unwrap();
        let now = test_engine_store::Timestamp::from_millis(0);
        store
            .plan(suite.id, "b/s", now)
            .await
            .unwrap()
            .unwrap()
            .body
    });
    assert!(
        stored.len() < created.len() / 4,
        "{} of {}",
        stored.len(),
        created.len()
    );
}

#[test]
fn reports_all_problems_of_a_request() {
    let server = TestServer::start();
    let invalid = json!({
        "parallelism": 0, "target_time": 100_000.0, "selection": {"strategy": "guess"},
    });
    let message = server.post(&plan_path(), &invalid).error(400);
    for part in [
        "runner",
        "identifier",
        "parallelism",
        "target_time",
        "\"guess\"",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    let malformed = server
        .ask("POST", &plan_path())
        .bearer(&server.access)
        .body("{")
        .send()
        .error(400);
    assert!(malformed.contains("line 1"), "{malformed}");
    server.post(&plan_path(), &json!({"runner": 7})).error(400);
}

#[test]
fn accepts_null_lists_and_unknown_fields() {
    let server = TestServer::start();
    let body = json!({
        "runner": "rspec", "identifier": "b/s", "parallelism": 1, "branch": "", "future": {"a": 1},
        "tests": {"files": null, "selectors": [{"value": "a", "more": 1}], "examples": null},
    });
    assert_eq!(
        create(&server, &body)["tasks"]["0"]["tests"][0]["value"],
        "a"
    );
}

#[test]
fn a_single_node_has_no_timing_metadata_and_every_node_has_a_key() {
    let server = TestServer::start();
    let one = create(&server, &request("b/1", 1, &["a"]));
    assert_eq!(one["timing_metadata"], json!({}));
    assert_eq!(one.get("known_timings_ratio"), None);
    let many = create(&server, &request("b/2", 4, &["a", "a"]));
    let tasks = many["tasks"].as_object().unwrap();
    assert_eq!(tasks.keys().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
    let planned: usize = tasks
        .values()
        .map(|task| task["tests"].as_array().unwrap().len())
        .sum();
    assert_eq!(planned, 1, "a repeated selector is planned once");
}

#[test]
fn an_empty_request_has_a_plan_without_nodes() {
    let server = TestServer::start();
    let plan = create(&server, &request("b/s", 3, &[]));
    assert_eq!(
        (plan["parallelism"].as_u64(), plan["tasks"].clone()),
        (Some(0), json!({}))
    );
}

#[test]
fn chooses_the_node_count() {
    let server = TestServer::start();
    let results: Vec<Value> = (0..8)
        .map(|n| result("", &format!("t{n}"), &format!("f{n}"), 10.0, "passed"))
        .collect();
    server.upload("b1", "main", &json!(results));
    let files: Vec<String> = (0..8).map(|n| format!("f{n}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let choose = |identifier: &str, most: u32, target: Option<f64>| {
        let mut body = request(identifier, 0, &files);
        body["max_parallelism"] = json!(most);
        body["target_time"] = json!(target);
        create(&server, &body)["parallelism"].as_u64().unwrap()
    };
    assert_eq!(choose("1", 10, Some(20.0)), 4);
    assert_eq!(choose("2", 10, Some(40.0)), 2);
    assert_eq!(choose("3", 10, None), 8);
    assert_eq!(choose("4", 3, Some(1.0)), 3);
}

#[test]
fn lists_muted_and_skipped_tests_and_omits_skipped_examples() {
    let server = TestServer::start();
    server.upload(
        "b1",
        "main",
        &json!([
            result("A", "shaky", "spec/a_spec.rb", 1.0, "failed"),
            result("A", "broken", "spec/a_spec.rb", 1.0, "failed"),
            result("A", "fine", "spec/a_spec.rb", 1.0, "passed"),
        ]),
    );
    let id = |name: &str| {
        let found = server
            .post(
                &format!("{SUITE}/tests/find"),
                &json!({"scope": "A", "name": name}),
            )
            .ok();
        found["id"].as_str().unwrap().to_owned()
    };
    server
        .put(&format!("{SUITE}/tests/{}/mute", id("shaky")))
        .ok();
    server
        .put(&format!("{SUITE}/tests/{}/skip", id("broken")))
        .ok();

    let examples = ["shaky", "broken", "fine"].map(|name| {
        let path = format!("spec/a_spec.rb:{name}");
        json!({"format": "example", "path": path, "identifier": name, "scope": "A", "name": name})
    });
    let body = json!({
        "runner": "rspec", "identifier": "b2/s", "parallelism": 1, "branch": "main",
        "tests": {"examples": examples},
    });
    let plan = create(&server, &body);
    assert_eq!(
        plan["muted_tests"],
        json!([{"scope": "A", "name": "shaky", "path": "spec/a_spec.rb:1"}])
    );
    assert_eq!(
        plan["skipped_tests"],
        json!([{"scope": "A", "name": "broken", "path": "spec/a_spec.rb:1"}])
    );
    let names: Vec<&str> = plan["tasks"]["0"]["tests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|test| test["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["fine", "shaky"]);
    let fine = &plan["tasks"]["0"]["tests"][0];
    assert_eq!(
        (fine["format"].as_str(), fine["estimated_duration"].as_i64()),
        (Some("example"), Some(1000))
    );

    // A job may be retried days later: it gets the tests that are muted by then.
    server
        .put(&format!("{SUITE}/tests/{}/mute", id("fine")))
        .ok();
    assert_eq!(
        fetch(&server, "identifier=b2/s&job_retry_count=0").ok()["muted_tests"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let retried = fetch(&server, "identifier=b2/s&job_retry_count=1").ok();
    assert_eq!(retried["muted_tests"].as_array().unwrap().len(), 2);
    assert_eq!(retried["tasks"], plan["tasks"]);
}

#[test]
fn plans_files_of_older_clients_as_files() {
    let server = TestServer::start();
    server.upload(
        "b1",
        "main",
        &json!([result("", "a", "./a_spec.rb", 3.0, "passed")]),
    );
    let body = json!({
        "runner": "rspec", "identifier": "b/s", "parallelism": 2, "branch": "main",
        "tests": {"files": [{"path": "./a_spec.rb"}, {"path": "./b_spec.rb"}]},
    });
    let plan = create(&server, &body);
    let known: Vec<&Value> = plan["tasks"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|task| task["tests"].as_array().unwrap())
        .collect();
    assert!(
        known.contains(&&json!({
            "path": "./a_spec.rb", "format": "file", "estimated_duration": 3000,
            "timing_sample_size": 1,
        })),
        "{known:?}"
    );
    assert_eq!(plan["timing_metadata"]["file"]["median_duration"], 3000.0);
    let timings = server
        .post(
            &format!("{SUITE}/test_files"),
            &json!({"paths": ["./a_spec.rb", "x.rb"]}),
        )
        .ok();
    assert_eq!(timings, json!({"./a_spec.rb": 3000}));
}

#[test]
fn uses_the_default_branch_until_the_own_branch_has_history() {
    let server = TestServer::start();
    server.upload("m1", "main", &json!([result("", "a", "a", 1.0, "passed")]));
    server.upload(
        "f1",
        "feature",
        &json!([result("", "a", "a", 9.0, "passed")]),
    );
    server.upload(
        "f1b",
        "feature",
        &json!([result("", "only here", "b", 4.0, "passed")]),
    );
    let estimate = |identifier: &str, branch: &str, value: &str| {
        let mut body = request(identifier, 1, &[value]);
        body["branch"] = json!(branch);
        create(&server, &body)["tasks"]["0"]["tests"][0]["estimated_duration"]
            .as_i64()
            .unwrap()
    };
    assert_eq!(estimate("1", "feature", "a"), 1_000);
    assert_eq!(
        estimate("2", "main", "b"),
        4_000,
        "uses another branch rather than none"
    );
    for build in ["f2", "f3", "f4", "f5"] {
        server.upload(
            build,
            "refs/heads/feature",
            &json!([result("", "a", "a", 9.0, "passed")]),
        );
    }
    assert_eq!(estimate("3", "feature", "a"), 9_000);
    assert_eq!(estimate("4", "refs/heads/feature", "a"), 9_000);
    assert_eq!(estimate("5", "main", "a"), 1_000);
}

#[test]
fn plans_expire() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    let day = 24 * 60 * 60 * 1_000;
    let time = Arc::new(AtomicI64::new(100 * day));
    let server = TestServer::with(
        |config| config.planning.plan_retention_days = 2,
        Clock::Fixed(Arc::clone(&time)),
    );
    let first = create(&server, &request("b/s", 1, &["a"]));
    time.store(102 * day - 1, Ordering::SeqCst);
    assert_eq!(fetch(&server, "identifier=b/s").ok(), first);
    time.store(102 * day, Ordering::SeqCst);
    fetch(&server, "identifier=b/s").error(404);
    let second = create(&server, &request("b/s", 1, &["b"]));
    assert_eq!(second["tasks"]["0"]["tests"][0]["value"], "b");
}
