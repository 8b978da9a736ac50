//! What a node runs without a plan, with a plan file, and when its tests are not those of the plan.

use rstest::rstest;
use serde_json::json;
use test_engine_testkit::NO_SERVER;

use super::node_reports::report_in;
use super::{DIGEST, PLAN, creating_plan, with_plan};
use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Server};

const FALLBACK: &str = "Falling back to non-intelligent splitting";
/// The order in which `echo` prints the targets of a share.
const SHARE_OF_PLAN: &str = "ran a.test.js c.test.js into";
const ALL: &str = "ran a.test.js b.test.js c.test.js into";

fn ran_nothing(ended: &Ended) -> bool {
    ended.code == 16 && !ended.stdout.contains("ran ")
}

#[test]
fn a_retried_job_without_a_server_runs_nothing() {
    let ended = Bktec::configured(&["run", "--retry-count", "1"], NO_SERVER).run();
    assert!(ran_nothing(&ended), "{ended}");
    let stderr = ended
        .stderr
        .lines()
        .skip_while(|line| !line.starts_with('❌'));
    let stderr: Vec<_> = stderr.collect();
    assert!(
        stderr[0].contains("A retried job must run the tests of its first run"),
        "{ended}"
    );
    assert!(
        stderr[1].starts_with("hint: retry this job when"),
        "{ended}"
    );
}

#[test]
fn a_retried_job_gets_no_new_plan() {
    let server = creating_plan(PLAN);
    let ended = Bktec::against(&["run", "--retry-count", "1"], &server).run();
    assert!(ran_nothing(&ended), "{ended}");
    assert_eq!(server.lines(), "GET /test_plan");
    insta::assert_snapshot!(ended.wrapped_stderr(), @r#"
    ❌ This job is a retry, but the server no longer has the plan "build-1/step-1". A
      retried job must run the tests of its first run, which only the plan says.
    hint: retry this job when the server has the plan, or all jobs of the build; --plan-file
      makes jobs independent of the server, and --fallback all runs every test
    "#);
}

#[rstest]
#[case::everything(&["--fallback", "all"], ALL)]
#[case::everything_by_variable(&[], ALL)]
#[case::only_node(&["--parallelism", "1"], ALL)]
fn a_retried_job_can_run_every_test(#[case] options: &[&str], #[case] expected: &str) {
    for retry in ["0", "1"] {
        let arguments = [&["run", "--retry-count", retry], options].concat();
        let mut bktec = Bktec::configured(&arguments, NO_SERVER);
        if options.is_empty() {
            bktec = bktec.env("BUILDKITE_TEST_ENGINE_FALLBACK", "all");
        }
        let ended = bktec.run();
        assert!(ended.stdout.contains(expected), "{ended}");
    }
}

/// Causes that apply to every node and retry.
#[rstest]
#[case::billing(Reply::message(403, "Billing Error: unpaid"))]
#[case::not_planned(Reply::message(422, "not for you"))]
#[case::error_plan(Reply::ok(r#"{"identifier":"x","parallelism":2,"tasks":{}}"#))]
fn a_retried_job_splits_again_if_every_node_did(#[case] reply: Reply) {
    let server = Server::start(move |_, _| reply.clone());
    let ended = Bktec::against(&["run", "--retry-count", "1"], &server).run();
    assert!(ended.stderr.contains(FALLBACK), "{ended}");
    assert!(ended.stdout.contains(SHARE_OF_PLAN), "{ended}");
}

/// There is no other node whose tests could be lost.
#[test]
fn the_only_node_gets_a_new_plan_when_retried() {
    let one = r#"{"identifier":"x","parallelism":1,"tasks":{"0":{"tests":[
        {"value":"b.test.js","format":"selector"}]}}}"#;
    let server = creating_plan(one);
    let ended = Bktec::against(&["run", "--retry-count=1", "--parallelism=1"], &server).run();
    assert!(ended.stdout.contains("ran b.test.js into"), "{ended}");
}

#[rstest]
#[case("0")]
#[case("1")]
fn a_node_can_stop_without_a_plan(#[case] retry: &str) {
    let server = Server::start(|_, _| Reply::message(422, "not for you"));
    let arguments = ["run", "--fallback", "fail", "--retry-count", retry];
    let ended = Bktec::against(&arguments, &server).run();
    assert!(ran_nothing(&ended), "{ended}");
    insta::allow_duplicates! {
        insta::assert_snapshot!(ended.wrapped_stderr(), @"
        ❌ failed to fetch the test plan: not for you (status 422). Without a plan, this node
          runs no tests (--fallback fail).
        hint: retry this job when the server is available
        ");
    }
}

#[rstest]
#[case::first_run("0")]
#[case::retry("1")]
fn runs_a_share_of_a_plan_file_without_a_server(#[case] retry: &str) {
    let arguments = ["run", "--plan-file", "plan.json", "--retry-count", retry];
    let ended = Bktec::configured(&arguments, NO_SERVER)
        .file("plan.json", PLAN)
        .run();
    assert!(
        ended.stdout.contains("ran a.test.js c.test.js into"),
        "{ended}"
    );
    assert!(!ended.stderr.contains(FALLBACK), "{ended}");
}

#[test]
fn a_plan_file_replaces_the_plan_request() {
    let server = creating_plan(PLAN);
    let (planned, bktec) =
        Bktec::against(&["plan", "--plan-out", "plan.json"], &server).run_and_keep();
    assert_eq!(planned.code, 0, "{planned}");
    let server = with_plan("{}");
    let ended = Bktec::against(&["run"], &server)
        .env("BUILDKITE_TEST_ENGINE_PLAN_FILE", "plan.json")
        .file("plan.json", &bktec.read("plan.json"))
        .run();
    assert!(ended.stdout.contains(SHARE_OF_PLAN), "{ended}");
    assert_eq!(server.lines(), "POST /test_plan_metadata");
}

#[test]
fn a_plan_file_says_what_the_planner_lacked_even_if_the_server_does_not() {
    let server = creating_plan(PLAN);
    let (_, bktec) = Bktec::against(&["plan", "--plan-out", "plan.json"], &server).run_and_keep();
    let arguments = ["run", "--plan-file", "plan.json", "--report-dir", "r"];
    let (ended, bktec) = Bktec::configured(&arguments, NO_SERVER)
        .file("plan.json", &bktec.read("plan.json"))
        .env("BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN", "*.test.js")
        .file("d.test.js", "")
        .run_and_keep();
    assert!(
        ended.stderr.contains("Not in the plan: d.test.js"),
        "{ended}"
    );
    let report = report_in(&bktec, "r");
    assert_eq!(report["population"]["only_here"], json!(["d.test.js"]));
    assert_eq!(report["plan_digest"], DIGEST);
}

#[test]
fn with_tag_filters_nothing_is_compared() {
    let plan = r#"{"identifier":"build-1/step-1","parallelism":2,"tasks":{
        "0":{"node_number":0,"tests":[
            {"path":"test_a.py::test_x","identifier":"test_a.py::test_x","format":"example"}]},
        "1":{"node_number":1,"tests":[]}},"population":{"digest":"aa","count":1}}"#;
    let runner = "sh -c 'exit 1' {{testExamples}} {{resultPath}}";
    let (ended, bktec) = Bktec::against(&["run", "--report-dir", "r"], &with_plan(plan))
        .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "pytest")
        .env("BUILDKITE_TEST_ENGINE_TAG_FILTERS", "team:x")
        .env("BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN", "test_*.py")
        .env("BUILDKITE_TEST_ENGINE_TEST_CMD", runner)
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "result.xml")
        .program("python", "echo 1.3.0")
        .program("python3", "echo 1.3.0")
        .file("test_a.py", "")
        .file("test_b.py", "")
        .run_and_keep();
    assert!(!ended.stderr.contains("differs from the plan"), "{ended}");
    let report = report_in(&bktec, "r");
    assert_eq!(report["population"], json!({"digest": "", "count": 2}));
    assert_eq!(report["plan_digest"], "aa");
}

#[rstest]
#[case::missing(&[], None)]
#[case::empty(&[], Some(""))]
#[case::truncated(&[], Some(r#"{"tasks":{"0":"#))]
#[case::another_output(&[], Some(r#"{"BUILDKITE_TEST_ENGINE_PARALLELISM":"2"}"#))]
#[case::other_identifier(&["--plan-identifier", "mine"], Some(PLAN))]
#[case::other_parallelism(&["--parallelism", "1"], Some(PLAN))]
fn an_unusable_plan_file_stops_the_node(#[case] options: &[&str], #[case] content: Option<&str>) {
    let arguments = [&["run", "--plan-file", "plan.json"], options].concat();
    let mut bktec = Bktec::configured(&arguments, NO_SERVER);
    if let Some(content) = content {
        bktec = bktec.file("plan.json", content);
    }
    let ended = bktec.run();
    assert!(ran_nothing(&ended), "{ended}");
    assert!(ended.stderr.starts_with('❌'), "{ended}");
}

#[test]
fn an_unreadable_plan_file_has_a_hint() {
    let arguments = ["run", "--plan-file", "plan.json"];
    let ended = Bktec::configured(&arguments, NO_SERVER).run();
    insta::assert_snapshot!(ended.wrapped_stderr(), @"
    ❌ failed to read the plan file: failed to open file `plan.json`: No such file or
      directory (os error 2)
    hint: give this job the file that bktec plan --plan-out wrote in an earlier job of this
      build
    ");
}

#[test]
fn a_plan_file_of_another_build_is_a_warning() {
    let arguments = ["run", "--plan-file", "plan.json"];
    let ended = Bktec::configured(&arguments, NO_SERVER)
        .file("plan.json", &PLAN.replace("build-1", "build-0"))
        .run();
    assert!(
        ended
            .stderr
            .contains("does not contain the build ID \"build-1\""),
        "{ended}"
    );
}

/// A plan made from `a`, `b` and `c`, for a node that also has `d` and `e`.
fn unplanned(options: &[&str]) -> (Ended, Bktec) {
    let population = r#"{"population":{"digest":"DIGEST","count":3},"#.replace("DIGEST", DIGEST);
    let server = with_plan(&PLAN.replacen('{', &population, 1));
    let arguments = [&["run"], options].concat();
    Bktec::against(&arguments, &server)
        .file("e.test.js", "")
        .file("d.test.js", "")
        .run_and_keep()
}

#[test]
fn names_tests_that_the_plan_lacks() {
    let (ended, _) = unplanned(&[]);
    assert!(ended.stdout.contains(SHARE_OF_PLAN), "{ended}");
    insta::assert_snapshot!(ended.wrapped_stderr(), @"
    ⚠️ This node's list of test files differs from the plan's.
    Not in the plan: d.test.js, e.test.js
    hint: no node runs what is not in the plan; with --on-unplanned-targets run, this node
      does
    ");
}

#[test]
fn can_run_tests_that_the_plan_lacks() {
    let (ended, bktec) = unplanned(&["--on-unplanned-targets", "run", "--report-dir", "r"]);
    let ran = "ran a.test.js c.test.js d.test.js e.test.js into";
    assert!(ended.stdout.contains(ran), "{ended}");
    let report = report_in(&bktec, "r");
    let only_here = json!(["d.test.js", "e.test.js"]);
    assert_eq!(report["population"]["only_here"], only_here);
    let targets = report["targets"].as_array().unwrap().iter();
    let planned: Vec<_> = targets
        .map(|target| (target["value"].as_str().unwrap(), &target["planned"]))
        .collect();
    let (yes, no) = (&json!(true), &json!(false));
    assert_eq!(
        planned,
        [
            ("c.test.js", yes),
            ("a.test.js", yes),
            ("d.test.js", no),
            ("e.test.js", no)
        ]
    );
    insta::assert_snapshot!(ended.wrapped_stderr(), @"
    ⚠️ This node's list of test files differs from the plan's.
    Not in the plan: d.test.js, e.test.js
    This node also runs the 2 test files not in the plan.
    ");
}

#[test]
fn can_stop_at_tests_that_the_plan_lacks() {
    let (ended, _) = unplanned(&["--on-unplanned-targets", "fail"]);
    assert!(ran_nothing(&ended), "{ended}");
    insta::assert_snapshot!(ended.wrapped_stderr(), @"
    ❌ This node's list of test files differs from the plan's.
    Not in the plan: d.test.js, e.test.js
    hint: give every node the same files, or run the additional ones on this node with
      --on-unplanned-targets run
    ");
}
