//! The accounting of builds: did every test run?

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::AccountingVerdict::{self, Complete, Incomplete, Unknown};
use test_engine_store::{NewJobReport, Timestamp};

use super::TestServer;
use crate::support::{SUITE, result};
use crate::waiting::wait_for;

pub(super) fn plan(server: &TestServer, identifier: &str, selectors: &[&str]) -> Value {
    let selectors: Vec<Value> = selectors
        .iter()
        .map(|value| json!({"value": value}))
        .collect();
    let body = json!({
        "runner": "pytest", "identifier": identifier, "parallelism": 2, "branch": "main",
        "tests": {"selectors": selectors},
    });
    server.post(&format!("{SUITE}/test_plan"), &body).ok()
}

/// The report of a node that ran these targets, with a number of tests each, to their end.
pub(super) fn report(build: &str, node: u32, targets: &[(&str, u32)]) -> Value {
    let targets: Vec<Value> = targets
        .iter()
        .map(|(value, tests)| {
            let outcome = if *tests > 0 { "complete" } else { "no_results" };
            json!({"value": value, "planned": true, "tests": tests, "outcome": outcome})
        })
        .collect();
    json!({
        "identifier": format!("{build}/step"), "build_id": build, "node": node, "parallelism": 2,
        "job_id": format!("job-{node}"), "state": "finished", "runner": "pytest",
        "targets": targets, "exit_code": 0,
        "started_at": "2026-06-20T04:46:13Z", "finished_at": "2026-06-20T04:47:13Z",
    })
}

pub(super) fn send(server: &TestServer, report: &Value) {
    let stored = server.post(&format!("{SUITE}/test_plan/node_reports"), report);
    assert_eq!(stored.ok(), json!({"stored": true}));
}

pub(super) fn get(server: &TestServer, query: &str) -> Vec<Value> {
    let answer = server
        .get(&format!("{SUITE}/test_plan/accounting?{query}"))
        .ok();
    answer["accountings"].as_array().unwrap().clone()
}

/// The targets of each node, as planned.
pub(super) fn shares(plan: &Value) -> [Vec<String>; 2] {
    ["0", "1"].map(|node| {
        let tests = plan["tasks"][node]["tests"].as_array().unwrap();
        let values = tests
            .iter()
            .map(|test| test["value"].as_str().unwrap().to_owned());
        values.collect()
    })
}

/// Runs a plan of both nodes completely.
pub(super) fn run_completely(server: &TestServer, build: &str, targets: &[(&str, u32)]) {
    let names: Vec<&str> = targets.iter().map(|(name, _)| *name).collect();
    let plan = plan(server, &format!("{build}/step"), &names);
    for (node, share) in (0..).zip(shares(&plan)) {
        let own = targets
            .iter()
            .filter(|(name, _)| share.iter().any(|it| it == name));
        let own: Vec<(&str, u32)> = own.copied().collect();
        send(server, &report(build, node, &own));
    }
}

pub(super) fn kinds(findings: &Value) -> Vec<&str> {
    let findings = findings.as_array().unwrap();
    findings
        .iter()
        .map(|one| one["kind"].as_str().unwrap())
        .collect()
}

/// Waits until the summaries of the plans of a run are up to date, and one has this verdict.
pub(super) fn await_summary(server: &TestServer, run_key: &str, verdict: AccountingVerdict) {
    wait_for("an up-to-date summary", || {
        let (is_pending, found) = server.with_store(async |store| {
            let suite = store.suite("acme", "web").await.unwrap().unwrap();
            let far = Timestamp::from_millis(i64::MAX);
            let pending = store.pending_accountings(far, 10).await.unwrap();
            let found = store
                .accountings_of_runs(suite.id, &[run_key])
                .await
                .unwrap();
            (!pending.is_empty(), found)
        });
        let is_there = !is_pending && found.iter().any(|one| one.verdict == verdict);
        is_there.then_some(()).ok_or((is_pending, found))
    });
}

#[test]
fn a_plan_is_complete_once_every_node_ran_its_share() {
    let server = TestServer::start();
    assert!(get(&server, "identifier=b/step").is_empty());
    assert!(get(&server, "build_id=b").is_empty());
    let plan = plan(&server, "b/step", &["a", "b", "c"]);
    // No node has reported: found by the beginning of its identifier.
    let before = get(&server, "build_id=b");
    assert_eq!(before[0]["verdict"], "incomplete");

    let [first, second] = shares(&plan).map(|share| {
        let tests = share.into_iter().map(|value| (value, 2));
        tests.collect::<Vec<(String, u32)>>()
    });
    let share = |share: &[(String, u32)], node| {
        let targets: Vec<(&str, u32)> = share.iter().map(|(it, n)| (it.as_str(), *n)).collect();
        report("b", node, &targets)
    };
    send(&server, &share(&first, 0));
    let partly = &get(&server, "identifier=b/step")[0];
    assert_eq!(partly["verdict"], "incomplete");
    assert!(kinds(&partly["groups"][0]["failures"]).contains(&"target_not_run"));

    send(&server, &share(&second, 1));
    let done = get(&server, "build_id=b");
    assert_eq!(done.len(), 1);
    assert_eq!(done[0]["verdict"], "complete", "{}", done[0]);
    let group = &done[0]["groups"][0];
    assert_eq!(
        (
            &group["targets"],
            &group["complete_targets"],
            &group["tests"]
        ),
        (&json!(3), &json!(3), &json!(6))
    );
    assert_eq!(group["nodes"][0]["source"], "server");
    server
        .get(&format!("{SUITE}/test_plan/accounting"))
        .error(400);
    server
        .get(&format!(
            "{SUITE}/test_plan/accounting?identifier=b/step&build_id=b"
        ))
        .error(400);
}

#[test]
fn a_build_has_a_verdict_for_each_of_its_plans() {
    let server = TestServer::start();
    run_completely(&server, "b", &[("a", 1), ("b", 1)]);
    plan(&server, "github_actions/b/other/12345678", &["x", "y"]);
    plan(&server, "another/step", &["z"]);
    let mut custom = report("b", 0, &[("q", 1)]);
    custom["identifier"] = json!("custom");
    custom["parallelism"] = json!(1);
    // From `printf 'q\n' | sha256sum`.
    let digest = "4adc33bd9fe74303c344be46e5916d65182fb218e248fe80452ab3f025b06c64";
    custom["population"] = json!({"digest": digest, "count": 1});
    send(&server, &custom);
    let found = get(&server, "build_id=b");
    let verdicts: Vec<(&str, &str)> = found
        .iter()
        .map(|one| {
            (
                one["identifier"].as_str().unwrap(),
                one["verdict"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        verdicts,
        [
            ("b/step", "complete"),
            ("custom", "complete"),
            ("github_actions/b/other/12345678", "incomplete"),
        ]
    );
}

#[test]
fn nodes_without_a_plan_are_accounted_for() {
    let server = TestServer::start();
    // From `printf 'a\nb\n' | sha256sum`.
    let digest = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
    for (node, target) in [(0, "a"), (1, "b")] {
        let mut fallback = report("b", node, &[(target, 3)]);
        fallback["plan_source"] = json!("fallback");
        fallback["population"] = json!({"digest": digest, "count": 2});
        send(&server, &fallback);
        let expected = if node == 0 { "incomplete" } else { "complete" };
        assert_eq!(get(&server, "build_id=b")[0]["verdict"], expected);
    }
    await_summary(&server, "b", Complete);
}

#[test]
fn a_target_that_had_results_must_have_results() {
    let server = TestServer::start();
    server.upload(
        "b0",
        "main",
        &json!([result("A", "one", "./known.py", 1.0, "passed")]),
    );
    let plan = plan(&server, "b/step", &["known.py", "new.py"]);
    for (node, share) in (0..).zip(shares(&plan)) {
        let targets: Vec<(&str, u32)> = share.iter().map(|it| (it.as_str(), 0)).collect();
        send(&server, &report("b", node, &targets));
    }
    let group = &get(&server, "build_id=b")[0]["groups"][0];
    let findings = |severity: &str, target: &str| {
        let all = group[severity].as_array().unwrap();
        all.iter()
            .any(|it| it["kind"] == "target_without_results" && it["target"] == target)
    };
    assert!(findings("failures", "known.py"), "{group}");
    assert!(findings("warnings", "new.py"), "{group}");
}

const SUITE_PAGE: &str = "/organizations/acme/analytics/suites/web";

/// The page of the suite, and that of the run of this build.
fn pages(server: &TestServer, build: &str) -> [String; 2] {
    let runs = server.get(&format!("{SUITE}/runs?build_id={build}")).ok();
    let run = format!("{SUITE_PAGE}/runs/{}", runs[0]["id"].as_str().unwrap());
    [SUITE_PAGE.to_owned(), run].map(|path| {
        let answer = server.ask("GET", &path).send();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text()
    })
}

#[test]
fn pages_show_whether_every_test_ran() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let upload = |build: &str| {
        let results = json!([result("A", "one", "a.py", 1.0, "passed")]);
        server.upload(build, "main", &results);
    };
    upload("old");
    let [suite, run] = pages(&server, "old");
    assert!(!suite.contains("nodes"), "no node reports");
    assert!(!run.contains("Did every test run?"));

    upload("b1");
    run_completely(&server, "b1", &[("a.py", 3), ("b.py", 2)]);
    await_summary(&server, "b1", Complete);
    let [suite, run] = pages(&server, "b1");
    assert!(suite.contains("2 of 2 targets · 2 nodes"), "{suite}");
    for part in [
        "Did every test run?",
        "<b>Yes.</b>",
        "2 of 2 targets ran to the end on 2 nodes",
    ] {
        assert!(run.contains(part), "{part}: {run}");
    }

    upload("b2");
    let evil = "<script>alert(1)</script>.py";
    plan(&server, "b2/step", &["a.py", evil]);
    let mut partly = report("b2", 0, &[("a.py", 3)]);
    partly["plan_source"] = json!("fallback");
    send(&server, &partly);
    let mut failed = report("b2", 1, &[]);
    failed["state"] = json!("failed");
    failed["exit_code"] = json!(16);
    send(&server, &failed);
    await_summary(&server, "b2", Incomplete);
    let [suite, run] = pages(&server, "b2");
    assert!(
        suite.contains("<div class=\"small cut failed\" title=\"1 of 2 targets"),
        "{suite}"
    );
    assert!(suite.contains("✗ 1 target missing"), "{suite}");
    for part in [
        "<b>No.</b>",
        "No node ran these targets",
        "fallback",
        "failed, exit 16",
    ] {
        assert!(run.contains(part), "{part}: {run}");
    }
    for page in [suite, run] {
        assert!(!page.contains("<script>"), "{page}");
    }
}

#[test]
fn running_builds_are_not_red() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    server.upload(
        "b",
        "main",
        &json!([result("A", "one", "a.py", 1.0, "passed")]),
    );
    plan(&server, "b/step", &["a.py", "b.py"]);
    // The other node is waiting for an agent.
    send(&server, &report("b", 0, &[("a.py", 3)]));
    await_summary(&server, "b", Incomplete);
    let [suite, run] = pages(&server, "b");
    assert!(suite.contains("1 of 2 nodes ended"), "{suite}");
    assert!(!suite.contains("missing"), "{suite}");
    assert!(
        run.contains("<b>Not yet.</b>") && run.contains("no report yet"),
        "{run}"
    );
    assert!(!run.contains("<b>No.</b>"), "{run}");
}

#[test]
fn a_damaged_report_spoils_neither_pages_nor_other_summaries() {
    let server = TestServer::with(|config| config.web.open = true, Clock::System);
    let upload = |build: &str| {
        let results = json!([result("A", "one", "a.py", 1.0, "passed")]);
        server.upload(build, "main", &results);
    };
    upload("b1");
    run_completely(&server, "b1", &[("a.py", 3), ("b.py", 2)]);
    await_summary(&server, "b1", Complete);
    let damaged = NewJobReport {
        suite: server.with_store(async |store| {
            let suite = store.suite("acme", "web").await.unwrap().unwrap();
            suite.id
        }),
        identifier: "b1/step".to_owned(),
        build_id: "b1".to_owned(),
        run_key: "b1".to_owned(),
        group: String::new(),
        node: 0,
        job_id: "damaged".to_owned(),
        started_at: None,
        retry_count: 0,
        progress: 0,
        body: b"not gzip".to_vec(),
        size: 8,
        metadata: None,
        // The first of the outdated ones.
        received_at: Timestamp::from_millis(0),
        expires_at: Timestamp::from_millis(i64::MAX),
    };
    server.with_store(async |store| store.insert_job_report(damaged.clone()).await.unwrap());

    upload("b2");
    run_completely(&server, "b2", &[("a.py", 3), ("b.py", 2)]);
    wait_for("the summary", || {
        let found = server.with_store(async |store| {
            let found = store.accountings_of_runs(damaged.suite, &["b2"]).await;
            found.unwrap()
        });
        let is_there = found.iter().any(|one| one.verdict == Complete);
        is_there.then_some(()).ok_or(found)
    });
    let [_, run] = pages(&server, "b1");
    assert!(!run.contains("Did every test run?"), "{run}");
    let [_, run] = pages(&server, "b2");
    assert!(run.contains("Did every test run?"), "{run}");
}

#[test]
fn metrics_count_incomplete_plans_and_nodes_without_a_plan() {
    let mut server = TestServer::with(|config| config.metrics.open = true, Clock::System);
    let mut fallback = report("b", 0, &[("a.py", 3)]);
    fallback["plan_source"] = json!("fallback");
    send(&server, &fallback);
    let mut failed = report("b", 1, &[("b.py", 0)]);
    failed["state"] = json!("failed");
    send(&server, &failed);
    // A runner that names no targets.
    let mut unknown = report("b", 0, &[]);
    unknown["identifier"] = json!("b/without targets");
    unknown["parallelism"] = json!(1);
    // From `printf '' | sha256sum`.
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    unknown["population"] = json!({"digest": digest, "count": 0});
    send(&server, &unknown);
    await_summary(&server, "b", Incomplete);
    await_summary(&server, "b", Unknown);
    let metrics = |server: &TestServer| server.ask("GET", "/metrics").send().text();
    let has = |text: &str, line: &str| text.lines().any(|it| it == line);
    let text = metrics(&server);
    for line in [
        "test_engine_fallback_nodes_total 1",
        "test_engine_node_reports_total{outcome=\"stored\"} 3",
    ] {
        assert!(has(&text, line), "{text}");
    }
    // Counted once a minute, and after the start.
    server.restart(Clock::System);
    wait_for("the count", || {
        let text = metrics(&server);
        let is_there = has(&text, "test_engine_incomplete_plans 1");
        is_there.then_some(()).ok_or(text)
    });
}
