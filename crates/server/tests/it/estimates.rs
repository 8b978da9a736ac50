//! Estimates in plans: outliers, changes, branches, files split into examples.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use test_engine::clock::Clock;

use super::TestServer;
use crate::support::{SUITE, result};

const DAY: i64 = 24 * 60 * 60 * 1_000;
/// The day on which plans are requested.
const TODAY: i64 = 20_000;

/// A server with a clock that can be set.
struct History {
    server: TestServer,
    now: Arc<AtomicI64>,
    builds: u32,
}

impl History {
    fn new() -> Self {
        let now = Arc::new(AtomicI64::new(TODAY * DAY + DAY / 2));
        let server = TestServer::with(|_config| {}, Clock::Fixed(Arc::clone(&now)));
        Self {
            server,
            now,
            builds: 0,
        }
    }

    /// Uploads one run in which the only test of `a_spec.rb` took `seconds`.
    fn run(&mut self, days_ago: i64, branch: &str, seconds: f64) {
        let results = json!([result("A", "one", "a_spec.rb", seconds, "passed")]);
        self.results(days_ago, branch, &results);
    }

    fn results(&mut self, days_ago: i64, branch: &str, results: &Value) {
        self.builds += 1;
        let then = (TODAY - days_ago) * DAY + DAY / 2;
        self.now.store(then, Ordering::SeqCst);
        self.server
            .upload(&format!("build {}", self.builds), branch, results);
        self.now.store(TODAY * DAY + DAY / 2, Ordering::SeqCst);
    }

    fn plan(&mut self, branch: &str, parallelism: u32, tests: &Value) -> Value {
        self.builds += 1;
        let body = json!({
            "runner": "rspec",
            "identifier": format!("plan {}", self.builds),
            "parallelism": parallelism,
            "branch": branch,
            "tests": tests,
        });
        self.server.post(&format!("{SUITE}/test_plan"), &body).ok()
    }

    /// Milliseconds and samples of `a_spec.rb` as a selector, as a file and as an example.
    fn estimates(&mut self, branch: &str) -> [(i64, i64); 3] {
        let requests = [
            json!({"selectors": [{"value": "a_spec.rb"}]}),
            json!({"files": [{"path": "a_spec.rb"}]}),
            json!({"examples": [{
                "format": "example", "path": "a_spec.rb:1", "identifier": "a_spec.rb[1:1]",
                "scope": "A", "name": "one",
            }]}),
        ];
        requests.map(|tests| {
            let plan = self.plan(branch, 1, &tests);
            let test = &plan["tasks"]["0"]["tests"][0];
            (
                test["estimated_duration"].as_i64().unwrap(),
                test["timing_sample_size"].as_i64().unwrap(),
            )
        })
    }
}

#[test]
fn one_slow_run_has_little_influence() {
    let mut history = History::new();
    for days_ago in [9, 8, 7, 6, 5, 4, 3, 2, 1, 0] {
        let seconds = if days_ago == 2 { 50.0 } else { 1.0 };
        history.run(days_ago, "main", seconds);
    }
    for (milliseconds, samples) in history.estimates("main") {
        assert!((1_000..1_200).contains(&milliseconds), "{milliseconds}");
        assert_eq!(samples, 10);
    }
}

#[test]
fn one_slow_run_of_a_day_has_little_influence() {
    let mut history = History::new();
    for seconds in [1.0, 1.0, 50.0, 1.0, 1.0, 1.0] {
        history.run(0, "main", seconds);
    }
    for (milliseconds, samples) in history.estimates("main") {
        assert!((1_000..1_250).contains(&milliseconds), "{milliseconds}");
        assert_eq!(samples, 6);
    }
}

#[test]
fn follows_a_change_after_three_runs() {
    let mut history = History::new();
    for days_ago in (0..14).rev() {
        let seconds = if days_ago < 3 { 2.0 } else { 1.0 };
        history.run(days_ago, "main", seconds);
    }
    for estimate in history.estimates("main") {
        assert_eq!(estimate, (2_000, 3));
    }
}

#[test]
fn uses_the_default_branch_until_the_own_branch_has_five_runs() {
    let mut history = History::new();
    history.run(4, "main", 1.0);
    for _ in 0..4 {
        history.run(3, "feature", 9.0);
    }
    history.run(1, "other", 5.0);
    assert_eq!(history.estimates("main"), [(1_000, 1); 3]);
    assert_eq!(history.estimates("feature"), [(1_000, 1); 3]);
    history.run(0, "feature", 9.0);
    assert_eq!(history.estimates("feature"), [(9_000, 5); 3]);
    assert_eq!(history.estimates("refs/heads/feature"), [(9_000, 5); 3]);
    assert_eq!(history.estimates("main"), [(1_000, 1); 3]);
    assert_eq!(history.estimates("unknown"), [(1_000, 1); 3]);
}

#[test]
fn combines_a_default_branch_of_one_slow_run_with_other_branches() {
    let mut history = History::new();
    for branch in ["a", "b", "c", "d", "e", "f"] {
        history.run(2, branch, 1.0);
    }
    history.run(1, "main", 50.0);
    for branch in ["main", "new"] {
        let [selector, file, _example] = history.estimates(branch);
        assert!((1_000..1_300).contains(&selector.0), "{selector:?}");
        assert_eq!((file, selector.1), (selector, 7));
    }
}

#[test]
fn assumes_a_second_or_the_median_of_the_kind_without_history() {
    let mut history = History::new();
    assert_eq!(history.estimates("main"), [(1_000, 0); 3]);
    let results = json!([
        result("A", "one", "a_spec.rb", 3.0, "passed"),
        result("B", "one", "b_spec.rb", 5.0, "passed"),
        result("B", "two", "b_spec.rb", 2.0, "passed"),
    ]);
    history.results(0, "main", &results);
    let example = |scope: &str, name: &str| {
        let path = format!("{scope}_spec.rb:{name}");
        json!({"format": "example", "path": path, "identifier": name, "scope": scope, "name": name})
    };
    let tests = json!({
        "selectors": [{"value": "a_spec.rb"}, {"value": "b_spec.rb"}, {"value": "new_spec.rb"}],
        "files": [{"path": "b_spec.rb"}, {"path": "newer_spec.rb"}],
        "examples": [
            example("A", "one"), example("B", "one"), example("B", "two"), example("B", "new"),
        ],
    });
    let plan = history.plan("main", 3, &tests);
    assert_eq!(
        plan["timing_metadata"],
        json!({
            "selector": {"median_duration": 5_000.0, "default_duration": 1_000.0},
            "file": {"median_duration": 7_000.0, "default_duration": 1_000.0},
            "example": {"median_duration": 3_000.0, "default_duration": 1_000.0},
        })
    );
    assert_eq!(plan["known_timings_ratio"], json!(6.0 / 9.0));
    let unknown: BTreeSet<i64> = plan["tasks"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|task| task["tests"].as_array().unwrap())
        .filter(|test| test["timing_sample_size"] == 0)
        .map(|test| test["estimated_duration"].as_i64().unwrap())
        .collect();
    assert_eq!(unknown, BTreeSet::from([3_000, 5_000, 7_000]));
}

#[test]
fn keeps_examples_of_a_file_together_if_that_takes_no_longer() {
    let mut history = History::new();
    let names = |file: &str| -> Vec<String> { (0..20).map(|n| format!("{file} {n}")).collect() };
    let files = ["a_spec.rb", "b_spec.rb", "c_spec.rb", "d_spec.rb"];
    let results: Vec<Value> = files
        .iter()
        .flat_map(|file| {
            names(file)
                .into_iter()
                .map(|name| result("", &name, file, 1.0, "passed"))
        })
        .collect();
    history.results(0, "main", &json!(results));
    let examples: Vec<Value> = files
        .iter()
        .flat_map(|file| {
            names(file)
                .into_iter()
                .enumerate()
                .map(move |(line, name)| {
                    let path = format!("{file}:{line}");
                    json!({
                        "format": "example", "path": path, "identifier": name,
                        "scope": "", "name": name,
                    })
                })
        })
        .collect();
    let plan = history.plan("main", 2, &json!({"examples": examples}));
    let mut planned = 0;
    for task in plan["tasks"].as_object().unwrap().values() {
        let tests = task["tests"].as_array().unwrap();
        planned += tests.len();
        let loaded: BTreeSet<&str> = tests
            .iter()
            .map(|test| test["path"].as_str().unwrap().split(':').next().unwrap())
            .collect();
        assert_eq!((loaded.len(), tests.len()), (2, 40));
    }
    assert_eq!(planned, 80);
}
