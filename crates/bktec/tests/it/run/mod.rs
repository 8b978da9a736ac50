//! `bktec run` with a server that works.

mod discovery;
mod exit_code;
mod names;
mod node_reports;
mod output;
mod plan;
mod sharing;
mod targets;
mod upload;

use crate::server::{Reply, Request, Server};

const PLAN: &str = r#"{"identifier":"build-1/step-1","parallelism":2,"experiment":"",
    "new_field":[1],
    "tasks":{
        "0":{"node_number":0,"tests":[
            {"value":"c.test.js","format":"selector",
                "estimated_duration":3000,"timing_sample_size":7},
            {"value":"a.test.js","format":"selector",
                "estimated_duration":1000,"timing_sample_size":0}]},
        "1":{"node_number":1,"tests":[
            {"value":"b.test.js","format":"selector",
                "estimated_duration":4000,"timing_sample_size":2}]}},
    "muted_tests":[],"skipped_tests":null,"known_timings_ratio":0.66,
    "timing_metadata":{"selector":{"median_duration":1000,"default_duration":1000}}}"#;

/// The digest of the three test files of [`Bktec::configured`].
const DIGEST: &str = "216f043449a22868716172038e6afb7cf0b7c66b6afa90b2f3dff075a2229f26";

/// Writes a Jest report with a passed test and exits with 0.
const PASSING: &str = concat!(
    r#"sh -c 'echo "{\"testResults\":[{\"name\":\"$PWD/a.test.js\",\"status\":\"passed\","#,
    r#"\"assertionResults\":[{\"title\":\"t\",\"ancestorTitles\":[],\"status\":\"passed\"}]}]}""#,
    r#" > result.json; echo "the child sees $BUILDKITE_ANALYTICS_TOKEN"'"#,
    " {{testExamples}} {{resultPath}}"
);

/// Has this plan.
fn with_plan(plan: &str) -> Server {
    let plan = plan.to_owned();
    Server::start(move |request, _| {
        match (
            request.method.as_str(),
            request.target.contains("/test_plan?"),
        ) {
            ("GET", true) => Reply::ok(&plan),
            _ => Reply::ok("{}"),
        }
    })
}

/// Has no plan and creates this one.
fn creating_plan(plan: &str) -> Server {
    let plan = plan.to_owned();
    Server::start(move |request, _| match request.method.as_str() {
        "GET" => Reply::not_found(),
        _ if request.target.ends_with("/test_plan") => Reply::ok(&plan),
        _ => Reply::ok("{}"),
    })
}

fn posted_to<'a>(requests: &'a [Request], end: &str) -> &'a Request {
    requests
        .iter()
        .find(|request| request.method == "POST" && request.target.ends_with(end))
        .unwrap()
}
