//! Reports name targets as the plan does, or as it would.

use serde_json::{Value, json};

use super::node_reports::report_in;
use super::with_plan;
use crate::bktec::Bktec;
use crate::server::{Reply, Server};

const FILES_BELOW_WEB: [&str; 3] = ["--selector-splitting=false", "--location-prefix", "web"];

fn plan() -> String {
    let requested = test_engine_accounting::population(["a.test.js", "b.test.js"]);
    json!({
        "identifier": "build-1/step-1",
        "parallelism": 2,
        "population": requested,
        "tasks": {
            "0": {"node_number": 0, "tests": [{"path": "web/a.test.js", "format": "file"}]},
            "1": {"node_number": 1, "tests": [{"path": "web/b.test.js", "format": "file"}]},
        },
    })
    .to_string()
}

/// The report of node 0, which has the files a, b and c.
fn report(server: &Server, options: &[&str]) -> Value {
    let arguments = [&["run", "--report-dir", "r"], &FILES_BELOW_WEB[..], options].concat();
    let (_, bktec) = Bktec::against(&arguments, server).run_and_keep();
    report_in(&bktec, "r")
}

fn targets(report: &Value) -> Vec<(&str, bool)> {
    let targets = report["targets"].as_array().unwrap().iter();
    let named = targets.map(|target| {
        let is_planned = target["planned"].as_bool().unwrap();
        (target["value"].as_str().unwrap(), is_planned)
    });
    named.collect()
}

#[test]
fn a_target_that_the_plan_lacks_has_one_name() {
    let report = report(&with_plan(&plan()), &["--on-unplanned-targets", "run"]);
    assert_eq!(report["population"]["only_here"], json!(["web/c.test.js"]));
    assert_eq!(report["location_prefix"], "web");
    assert_eq!(
        targets(&report),
        [("web/a.test.js", true), ("web/c.test.js", false)]
    );
}

#[test]
fn a_node_without_the_plan_names_targets_as_the_plan_does() {
    let server = Server::start(|_, _| Reply::message(422, "not for you"));
    let report = report(&server, &[]);
    assert_eq!(report["plan_source"], "fallback");
    assert_eq!(
        targets(&report),
        [("web/a.test.js", true), ("web/c.test.js", true)]
    );
}
