//! What earlier builds say of a build: tests that vanished, and how many are expected.

use serde_json::{Value, json};
use test_engine_store::AccountingVerdict::{Complete, Incomplete};

use super::TestServer;
use super::accounting::{await_summary, get, kinds, report, run_completely, send};
use crate::support::{SUITE, result};

#[test]
fn vanished_tests_are_named() {
    let server = TestServer::start();
    let upload = |build: &str, tests: &[(&str, &str, &str)]| {
        let results: Vec<Value> = tests
            .iter()
            .map(|(file, name, outcome)| result("T", name, file, 1.0, outcome))
            .collect();
        server.upload(build, "main", &json!(results));
    };
    let all = [
        ("a.py", "one", "passed"),
        ("a.py", "two", "passed"),
        ("a.py", "three", "failed"),
        ("a.py", "optional", "passed"),
        ("b.py", "other", "passed"),
    ];
    for build in ["b1", "b2", "b3"] {
        upload(build, &all);
        run_completely(&server, build, &[("a.py", 4), ("b.py", 1)]);
        await_summary(&server, build, Complete);
    }
    // A run that is not complete proves nothing about its tests.
    upload("b4", &all[..1]);
    send(&server, &report("b4", 0, &[("a.py", 1)]));
    await_summary(&server, "b4", Incomplete);

    // One is skipped, two have no result, and no result of b.py was uploaded.
    upload(
        "b5",
        &[("a.py", "one", "passed"), ("a.py", "optional", "skipped")],
    );
    run_completely(&server, "b5", &[("a.py", 1), ("b.py", 1)]);
    let found = &get(&server, "build_id=b5")[0];
    assert_eq!(found["verdict"], "complete");
    let warnings = found["groups"][0]["warnings"].as_array().unwrap();
    let vanished = warnings
        .iter()
        .find(|one| one["kind"] == "tests_vanished")
        .unwrap();
    assert_eq!(
        (&vanished["target"], &vanished["tests"]),
        (
            &json!("a.py"),
            &json!([
                {"target": "a.py", "scope": "T", "name": "three"},
                {"target": "a.py", "scope": "T", "name": "two"},
            ])
        )
    );
}

/// Uploads results of these tests of `a.py` in one run.
fn upload(server: &TestServer, run: &str, branch: &str, tests: &[&str]) {
    let results: Vec<Value> = tests
        .iter()
        .map(|name| result("T", name, "a.py", 1.0, "passed"))
        .collect();
    server.upload(run, branch, &json!(results));
}

/// A build of one node that runs `a.py`, in which only `conftest.py` changed since this commit.
fn run_since(server: &TestServer, build: &str, branch: &str, base: &str, tests: &[&str]) {
    upload(server, build, branch, tests);
    let body = json!({
        "runner": "pytest", "identifier": format!("{build}/step"), "parallelism": 1,
        "branch": branch, "tests": {"selectors": [{"value": "a.py"}]},
        "metadata": {
            "files_changed": "conftest.py\n", "base_branch": "main",
            "parent_shas": format!("{base} another"),
        },
    });
    server.post(&format!("{SUITE}/test_plan"), &body).ok();
    let mut report = report(build, 0, &[("a.py", u32::try_from(tests.len()).unwrap())]);
    report["parallelism"] = json!(1);
    send(server, &report);
}

#[test]
fn most_tests_of_an_unchanged_file_must_not_vanish() {
    let server = TestServer::start();
    run_since(&server, "b1", "main", "sha-b0", &["one", "two", "three"]);
    await_summary(&server, "b1", Complete);
    // The incomplete build proves nothing, so the next one is incomplete too.
    for build in ["b2", "b3"] {
        run_since(&server, build, "main", "sha-b1", &["one"]);
        await_summary(&server, build, Incomplete);
        let found = &get(&server, &format!("build_id={build}"))[0];
        assert_eq!(kinds(&found["groups"][0]["failures"]), ["tests_vanished"]);
        let expected = server.get(&format!("{SUITE}/test_plan?identifier={build}/step"));
        let case = &expected.ok()["tasks"]["0"]["tests"][0];
        assert_eq!(case["expected_tests"], 3, "{build}");
    }
}

#[test]
fn tests_vanish_with_a_warning_if_other_commits_came_between() {
    let server = TestServer::start();
    let all = ["one", "two", "three"];
    run_since(&server, "b1", "main", "sha-b0", &all);
    await_summary(&server, "b1", Complete);
    let warnings = |build: &str| {
        let found = get(&server, &format!("build_id={build}")).remove(0);
        assert_eq!(found["verdict"], "complete", "{found}");
        let warnings = kinds(&found["groups"][0]["warnings"]);
        assert!(warnings.contains(&"tests_vanished"), "{found}");
    };
    // Branches may run fewer tests than the default branch.
    run_since(&server, "b2", "feature", "sha-b1", &all[..1]);
    warnings("b2");
    // Its diff starts from a commit without a build.
    run_since(&server, "b3", "main", "sha-other", &all[..1]);
    warnings("b3");
}

#[test]
fn jobs_that_run_again_under_another_key_belong_to_the_build() {
    let server = TestServer::start();
    let all = ["one", "two", "three"];
    run_since(&server, "b1", "main", "sha-b0", &all);
    await_summary(&server, "b1", Complete);
    let node = |node: u32, run_key: &str, tests: u32| {
        let mut report = report("b2", node, &[(["a.py", "b.py"][node as usize], tests)]);
        report["run_key"] = json!(run_key);
        report
    };
    let selectors = json!([{"value": "a.py"}, {"value": "b.py"}]);
    let body = json!({
        "runner": "pytest", "identifier": "b2/step", "parallelism": 2, "branch": "main",
        "tests": {"selectors": selectors},
    });
    server.post(&format!("{SUITE}/test_plan"), &body).ok();
    upload(&server, "b2", "main", &all);
    send(&server, &node(0, "b2", 3));
    server.upload(
        "b2-2",
        "main",
        &json!([result("T", "b", "b.py", 1.0, "passed")]),
    );
    send(&server, &node(1, "b2-2", 1));
    for run in ["b2", "b2-2"] {
        await_summary(&server, run, Complete);
    }
    let found = &get(&server, "build_id=b2")[0];
    assert!(kinds(&found["groups"][0]["warnings"]).is_empty(), "{found}");
    // A test of the first run is missing, although the newest run of the build lacks it too.
    run_since(&server, "b3", "main", "sha-b2", &["one", "two"]);
    await_summary(&server, "b3", Complete);
    let found = &get(&server, "build_id=b3")[0];
    assert_eq!(
        kinds(&found["groups"][0]["warnings"]),
        ["tests_vanished"],
        "{found}"
    );
}

#[test]
fn results_that_arrive_after_the_last_report_count() {
    let server = TestServer::start();
    run_since(&server, "b1", "main", "sha-b0", &["one", "two", "three"]);
    await_summary(&server, "b1", Complete);
    run_since(&server, "b2", "main", "sha-b1", &["one"]);
    await_summary(&server, "b2", Incomplete);
    upload(&server, "b2", "main", &["two", "three"]);
    // Another step of the build ran them.
    await_summary(&server, "b2", Complete);
}

#[test]
fn targets_of_nodes_without_a_plan_are_found_with_their_location_prefix() {
    let server = TestServer::start();
    let results = json!([
        result("T", "one", "web/a.py", 1.0, "passed"),
        result("T", "two", "other.py", 1.0, "passed"),
    ]);
    server.upload("b0", "main", &results);
    // `other.py` is another project's file; this one's has never had results.
    let mut fallback = report("b", 0, &[("a.py", 0), ("other.py", 0)]);
    fallback["parallelism"] = json!(1);
    fallback["plan_source"] = json!("fallback");
    fallback["location_prefix"] = json!("web");
    send(&server, &fallback);
    let group = &get(&server, "build_id=b")[0]["groups"][0];
    let had_results = |target: &str| {
        let all = ["failures", "warnings"].map(|level| group[level].as_array().unwrap());
        let finding = all
            .into_iter()
            .flatten()
            .find(|one| one["target"] == target);
        finding.unwrap()["had_results"].as_bool()
    };
    assert_eq!(had_results("a.py"), Some(true), "{group}");
    assert_eq!(had_results("other.py"), Some(false), "{group}");
}

#[test]
fn skipped_tests_are_listed_once_for_all_nodes() {
    let server = TestServer::start();
    server.upload(
        "b0",
        "main",
        &json!([result("T", "off", "a.py", 1.0, "passed")]),
    );
    let test = server.get(&format!("{SUITE}/tests")).ok()[0]["id"].clone();
    let skip = format!("{SUITE}/tests/{}/skip", test.as_str().unwrap());
    let answer = server.put(&skip);
    assert!(answer.status < 300, "{}", answer.text());
    run_completely(&server, "b", &[("a.py", 3), ("b.py", 2)]);
    let mut again = report("b", 0, &[("a.py", 3), ("b.py", 2)]);
    again["excused_tests"] = json!([
        {"scope": "T", "name": "off", "reason": "skipped"},
        {"scope": "T", "name": "weak", "reason": "muted"},
    ]);
    send(&server, &again);
    let group = &get(&server, "build_id=b")[0]["groups"][0];
    assert_eq!(
        group["excused_tests"],
        json!([
            {"scope": "T", "name": "off", "reason": "skipped"},
            {"scope": "T", "name": "weak", "reason": "muted"},
        ])
    );
}

#[test]
fn plans_say_how_many_tests_are_expected() {
    let server = TestServer::start();
    let expected = |identifier: &str, branch: &str| {
        let body = json!({
            "runner": "pytest", "identifier": identifier, "parallelism": 1, "branch": branch,
            "tests": {"selectors": [{"value": "./a.py"}, {"value": "new.py"}]},
        });
        let plan = server.post(&format!("{SUITE}/test_plan"), &body).ok();
        let tests = plan["tasks"]["0"]["tests"].as_array().unwrap().clone();
        let of = |value: &str| {
            let case = tests.iter().find(|test| test["value"] == value).unwrap();
            case.get("expected_tests").cloned()
        };
        assert_eq!(of("new.py"), None);
        of("./a.py").map(|count| count.as_u64().unwrap())
    };
    let run = |build: &str, branch: &str, tests: u32, outcome: &str| {
        expected(&format!("{build}/step"), branch);
        let mut report = report(build, 0, &[("./a.py", tests), ("new.py", 0)]);
        report["parallelism"] = json!(1);
        report["targets"][0]["outcome"] = json!(outcome);
        send(&server, &report);
        let verdict = if outcome == "complete" {
            Complete
        } else {
            Incomplete
        };
        await_summary(&server, build, verdict);
    };
    assert_eq!(expected("1", "main"), None);
    run("b1", "main", 5, "complete");
    assert_eq!(expected("2", "main"), Some(5));
    assert_eq!(expected("3", "feature"), Some(5), "of the default branch");
    // What was incomplete proves nothing.
    run("b2", "main", 2, "incomplete");
    assert_eq!(expected("4", "main"), Some(5));
    run("b3", "feature", 3, "complete");
    assert_eq!(expected("5", "refs/heads/feature"), Some(3));
    assert_eq!(expected("6", "main"), Some(5));
    // The build before it counts too: another step may be about to run fewer tests.
    run("b4", "main", 8, "complete");
    assert_eq!(expected("7", "main"), Some(5));
    run("b5", "main", 8, "complete");
    assert_eq!(expected("8", "main"), Some(8));
    // Another leg of the same build has fewer tests.
    let mut leg = report("b5", 0, &[("./a.py", 6), ("new.py", 0)]);
    leg["parallelism"] = json!(1);
    leg["group"] = json!("python 3.9");
    send(&server, &leg);
    await_summary(&server, "b5", Complete);
    assert_eq!(expected("9", "main"), Some(6));
    // Timings and counts of a selector are independent of each other.
    server.upload(
        "b6",
        "main",
        &json!([result("A", "one", "a.py", 2.0, "passed")]),
    );
    assert_eq!(expected("10", "main"), Some(6));
}

#[test]
fn no_test_is_expected_because_of_another_projects_file() {
    let server = TestServer::start();
    let expected = |identifier: &str, prefix: &str| {
        let body = json!({
            "runner": "pytest", "identifier": identifier, "parallelism": 1, "branch": "main",
            "location_prefix": prefix, "tests": {"selectors": [{"value": "a.py"}]},
        });
        let plan = server.post(&format!("{SUITE}/test_plan"), &body).ok();
        plan["tasks"]["0"]["tests"][0]["expected_tests"].as_u64()
    };
    let run = |build: &str, prefix: &str, tests: u32| {
        expected(&format!("{build}/step"), prefix);
        let mut report = report(build, 0, &[("a.py", tests)]);
        report["parallelism"] = json!(1);
        send(&server, &report);
        await_summary(&server, build, Complete);
    };
    run("b1", "", 5);
    assert_eq!(expected("1", ""), Some(5));
    assert_eq!(expected("2", "web"), None);
    run("b2", "web", 2);
    assert_eq!(expected("3", "web"), Some(2));
    assert_eq!(expected("4", ""), Some(5));
}

#[test]
fn two_steps_that_split_the_tests_of_a_file_expect_the_smaller_number() {
    let server = TestServer::start();
    for build in ["b1", "b2", "b3"] {
        // One after the other: the plan of the second is created when the first has ended.
        for (step, tests) in [("unit", 50), ("slow", 1)] {
            let identifier = format!("{build}/{step}");
            let body = json!({
                "runner": "pytest", "identifier": identifier, "parallelism": 1, "branch": "main",
                "tests": {"selectors": [{"value": "a.py"}]},
            });
            let plan = server.post(&format!("{SUITE}/test_plan"), &body).ok();
            let expected = &plan["tasks"]["0"]["tests"][0]["expected_tests"];
            if build != "b1" {
                assert_eq!(*expected, 1, "{identifier}");
            }
            let mut report = report(build, 0, &[("a.py", tests)]);
            report["identifier"] = json!(identifier);
            report["parallelism"] = json!(1);
            send(&server, &report);
            await_summary(&server, build, Complete);
        }
    }
}
