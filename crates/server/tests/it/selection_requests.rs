//! What plan requests with a selection get: reasons to run everything, errors, and the switch.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use test_engine::clock::Clock;
use test_engine_store::Timestamp;

use super::TestServer;
use crate::selection_scene::{
    FILES, NOW, confident, observed, overview, plan, planned, request, selected, source,
    with_selection,
};
use crate::support::SUITE;

fn start() -> TestServer {
    let clock = Clock::fixed_at(Timestamp::from_millis(NOW));
    TestServer::with(|_config| {}, clock)
}

#[test]
fn everything_runs_with_a_reason_in_case_of_doubt() {
    let server = start();
    observed(&server);
    let mut number = 0;
    let mut decide = |strategy: &str, params: Value, change: &dyn Fn(&mut Value)| {
        number += 1;
        let identifier = format!("doubt{number}/step");
        let mut request = request(&identifier, "feature", 900, &[source(1)]);
        change(&mut request);
        let answer = plan(&server, &with_selection(request, strategy, &params)).ok();
        if answer["selection"]["verdict"] == "full" {
            assert_eq!(planned(&answer).len(), FILES, "{answer}");
            assert_eq!(answer["selection"]["applied"], false);
        }
        answer["selection"].clone()
    };
    let nothing = |_: &mut Value| {};
    let reason = |selection: Value| {
        assert_eq!(selection["verdict"], "full", "{selection}");
        selection["reason"].as_str().unwrap().to_owned()
    };
    let main = |request: &mut Value| request["branch"] = json!("refs/heads/main");
    assert_eq!(
        reason(decide("confidence", confident(), &main)),
        "default_branch"
    );
    let unnamed = |request: &mut Value| request["branch"] = json!("");
    assert_eq!(
        reason(decide("confidence", confident(), &unnamed)),
        "default_branch"
    );
    let tag = |request: &mut Value| request["metadata"]["git_tag"] = json!("v1.2");
    assert_eq!(reason(decide("confidence", confident(), &tag)), "tag");
    let without = |request: &mut Value| {
        request.as_object_mut().unwrap().remove("metadata");
    };
    assert_eq!(
        reason(decide("confidence", confident(), &without)),
        "no_changed_files"
    );
    let many = |request: &mut Value| {
        let files: Vec<String> = (0..10_000).map(|file| format!("src/{file}.py")).collect();
        request["metadata"]["files_changed"] = json!(files.join("\n"));
    };
    assert_eq!(
        reason(decide("confidence", confident(), &many)),
        "many_changed_files"
    );
    let lock = |request: &mut Value| {
        request["metadata"]["files_changed"] = json!("src/module1.py\npoetry.lock");
    };
    let selection = decide("confidence", confident(), &lock);
    assert_eq!(selection["reason_text"], "poetry.lock changed");
    assert_eq!(reason(selection), "configuration_changed");
    let unusual = |request: &mut Value| {
        request["metadata"]["files_changed"] = json!("\"src/\\377\\303.zig\"");
    };
    assert_eq!(
        reason(decide("confidence", confident(), &unusual)),
        "unknown_kind_of_file"
    );
    let message = |request: &mut Value| {
        request["metadata"]["message"] = json!("Change it [all tests]");
    };
    let reasons = ["message", "holdout"];
    assert!(reasons.contains(&&*reason(decide("confidence", confident(), &message))));
    assert_eq!(
        reason(decide("confidence", json!({}), &nothing)),
        "few_holdouts"
    );
    let all = json!({"confidence": "90", "min_holdouts": "9", "exam": "100"});
    assert_eq!(reason(decide("confidence", all, &nothing)), "holdout");
    let files = json!({"files": "a.py"});
    for strategy in ["manual", "rspec_changed_files"] {
        let selection = decide(strategy, files.clone(), &nothing);
        assert_eq!(reason(selection), "unsupported_strategy", "{strategy}");
    }
    // Files that were renamed in a circle.
    let circle = |request: &mut Value| {
        let files = "src/module1.py\nsrc/module2.py";
        request["metadata"]["files_changed"] = json!(files);
        request["metadata"]["git_diff_raw"] = json!(
            ":100644 100644 1 2 R90\tsrc/module1.py\tsrc/module2.py\n\
             :100644 100644 2 1 R90\tsrc/module2.py\tsrc/module1.py"
        );
    };
    let percent = json!({"percent": "40", "min_holdouts": "9", "holdout": "1"});
    for (strategy, params) in [
        ("confidence", confident()),
        ("percent", percent.clone()),
        ("random", percent.clone()),
        (
            "xgboost",
            json!({"min_holdouts": "9", "confidence": "90", "model": "x"}),
        ),
        (
            "time",
            json!({"minutes": "0.2", "min_holdouts": "9", "holdout": "1"}),
        ),
    ] {
        let selection = decide(strategy, params, &circle);
        let is_selected = selection["verdict"] == "selected";
        assert!(
            is_selected || selection["reason"] == "holdout",
            "{strategy}: {selection}"
        );
        if is_selected && strategy != "confidence" && strategy != "xgboost" {
            let (time, part) = (&selection["time"], &selection["selected_time"]);
            let limit = time.as_f64().unwrap() * 0.41;
            assert!(part.as_f64().unwrap() <= limit, "{strategy}: {selection}");
        }
    }
    let seen = overview(&server);
    assert_eq!(seen["full_reasons"]["unsupported_strategy"], 2);
}

#[test]
fn plans_warn_of_silence_and_of_unknown_files() {
    let now = Arc::new(AtomicI64::new(NOW));
    let server = TestServer::with(|_config| {}, Clock::Fixed(Arc::clone(&now)));
    observed(&server);
    let mut number = 0;
    let mut warnings = |module: usize| {
        number += 1;
        let request = request(
            &format!("w{number}/step"),
            "feature",
            900,
            &[source(module)],
        );
        let answer = plan(&server, &with_selection(request, "observe", &json!({}))).ok();
        answer["selection"]["warnings"].clone()
    };
    for _ in 0..12 {
        assert_eq!(warnings(3), Value::Null);
    }
    // No failure is known of these files.
    for _ in 0..50 {
        warnings(25);
    }
    let unknown = warnings(3);
    assert_eq!(unknown.as_array().unwrap().len(), 1, "{unknown}");
    let text = unknown[0].as_str().unwrap();
    assert!(
        text.starts_with("Recent changes touch files with little"),
        "{text}"
    );
    assert_eq!(overview(&server)["warnings"], unknown);
    now.fetch_add(31 * 24 * 60 * 60 * 1_000, Ordering::SeqCst);
    let silent = warnings(3);
    assert_eq!(
        silent[0],
        "No failing build was recorded in the last 30 days, so the confidence rests on older \
         builds.",
        "{silent}"
    );
}

#[test]
fn every_problem_of_a_selection_is_named() {
    let server = start();
    let request = request("b/s", "feature", 1, &[source(1)]);
    let params = json!({"confidence": "200", "holdout": "0", "surprise": "1"});
    let wrong = plan(
        &server,
        &with_selection(request.clone(), "confidence", &params),
    );
    let message = wrong.error(400);
    for part in [
        "confidence=\"200\"",
        "holdout=\"0\"",
        "\"surprise\"",
        "confidence takes",
    ] {
        if part == "confidence takes" {
            assert!(
                message.contains("confidence takes confidence, always"),
                "{message}"
            );
        } else {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
    assert!(!message.contains('\n'), "{message}");
    let unknown = plan(
        &server,
        &with_selection(request.clone(), "fastest", &json!({})),
    );
    assert!(
        unknown
            .error(400)
            .contains("unknown selection strategy \"fastest\"")
    );
    for params in [
        json!({"confidence": 95}),
        json!([]),
        json!("x"),
        json!({"a": null}),
    ] {
        let wrong = plan(
            &server,
            &with_selection(request.clone(), "confidence", &params),
        );
        wrong.error(400);
    }
    let none = server.get(&format!("{SUITE}/test_plan/selection?identifier=b/s"));
    assert!(none.error(404).contains("asks for a selection"));
    let plain = plan(&server, &request).ok();
    assert!(plain.get("selection").is_none(), "{plain}");
    let items = "&item=x".repeat(101);
    let many = server.get(&format!(
        "{SUITE}/test_plan/selection?identifier=b/s{items}"
    ));
    many.error(400);
    server
        .get(&format!("{SUITE}/test_plan/selection"))
        .error(400);
}

#[test]
fn a_person_switches_selection_off_for_every_plan() {
    let server = start();
    observed(&server);
    let path = format!("{SUITE}/selection");
    let off = server.patch(&path, &json!({"off": true, "reason": " too many misses "}));
    let off = off.ok();
    assert_eq!(off["off"]["reason"], "switched_off");
    assert_eq!(
        off["off"]["text"],
        "selection is switched off: too many misses"
    );
    assert_eq!(off["off"]["since"], "2026-11-23T00:00:00.000Z");
    let body = request("off/step", "feature", 1, &[source(1)]);
    let answer = plan(
        &server,
        &with_selection(body.clone(), "confidence", &confident()),
    );
    let answer = answer.ok();
    assert_eq!(answer["selection"]["reason"], "switched_off");
    assert_eq!(planned(&answer).len(), FILES);
    let on = server.patch(&path, &json!({"off": false})).ok();
    assert_eq!(on["off"], Value::Null);
    selected(&server, "on", 2, 1);
    let audit = "/v2/analytics/organizations/acme/audit?per_page=100";
    let entries = server.get(audit).ok();
    let mut switches = entries.as_array().unwrap().iter();
    let last = switches.find(|entry| entry["action"] == "suite.selection");
    let last = last.expect("an entry");
    assert_eq!(last["after"]["selection"], "on");
    assert_eq!(last["before"]["selection_reason"], "too many misses");
    server.patch(&path, &json!({})).error(400);
    let long = json!({"off": true, "reason": "x".repeat(1_001)});
    server.patch(&path, &long).error(422);
}
