//! How often a runner that decides which files have tests is asked for them.

use rstest::rstest;
use test_engine_testkit::NO_SERVER;

use super::{PLAN, creating_plan, with_plan};
use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Server};

/// Lists all files but `c.test.js` as Jest does, and counts how often.
const JEST: &str = r#"
case "$*" in
  *--listTests*)
    echo asked >> asked
    echo "[\"$PWD/a.test.js\",\"$PWD/b.test.js\"]" ;;
  *) echo "ran $*" ;;
esac"#;

fn run(options: &[&str], base: &str) -> (Ended, usize) {
    let arguments = [&["run", "--report-dir", "reports"], options].concat();
    let (ended, bktec) = Bktec::configured(&arguments, base)
        .program("jest", JEST)
        .env(
            "BUILDKITE_TEST_ENGINE_TEST_CMD",
            "jest {{testExamples}} into {{resultPath}}",
        )
        .file("plan.json", PLAN)
        .file("list", "a.test.js\n")
        .file("asked", "")
        .run_and_keep();
    (ended, bktec.read("asked").lines().count())
}

const SHARE: &str = "ran a.test.js c.test.js into";

#[rstest]
#[case::with_a_plan(&[], 1)]
#[case::to_compare_the_pattern(&["--strict-discovery", "--test-file-pattern", "[ab].*"], 1)]
#[case::both(&["--strict-discovery"], 1)]
#[case::by_the_pattern(&["--test-file-pattern", "*.test.js"], 0)]
#[case::by_a_list(&["--files", "list"], 0)]
#[case::with_a_plan_file(&["--plan-file", "plan.json"], 0)]
#[case::in_a_retried_job(&["--retry-count", "1"], 0)]
#[case::to_run_more_than_planned(
    &["--retry-count", "1", "--on-unplanned-targets", "run"],
    1
)]
#[case::to_compare_a_plan_file(&["--plan-file", "plan.json", "--strict-discovery"], 1)]
fn the_runner_is_asked_at_most_once(#[case] options: &[&str], #[case] expected: usize) {
    let (ended, asked) = run(options, &with_plan(PLAN).base());
    assert!(ended.stdout.contains(SHARE), "{ended}");
    assert_eq!(asked, expected, "{ended}");
}

#[test]
fn the_runner_is_asked_once_for_a_new_plan() {
    let (ended, asked) = run(&[], &creating_plan(PLAN).base());
    assert!(ended.stdout.contains(SHARE), "{ended}");
    assert_eq!(asked, 1, "{ended}");
}

/// Only the tests of the fallback plan have to be discovered.
#[test]
fn a_retried_job_asks_if_it_has_to_split_the_tests() {
    let server = Server::start(|_, _| Reply::message(422, "not for you"));
    let (ended, asked) = run(&["--retry-count", "1"], &server.base());
    assert!(ended.stdout.contains("ran a.test.js into"), "{ended}");
    assert_eq!(asked, 1, "{ended}");
    let (ended, asked) = run(&["--retry-count", "1", "--fallback", "all"], NO_SERVER);
    assert!(
        ended.stdout.contains("ran a.test.js b.test.js into"),
        "{ended}"
    );
    assert_eq!(asked, 1, "{ended}");
}

/// A walk through the project costs nothing, so a plan file is still compared.
#[test]
fn tests_that_a_plan_file_lacks_are_named_where_the_pattern_decides() {
    let population = r#"{"population":{"digest":"DIGEST","count":3},"#.replace(
        "DIGEST",
        "216f043449a22868716172038e6afb7cf0b7c66b6afa90b2f3dff075a2229f26",
    );
    let arguments = [
        "run",
        "--plan-file",
        "plan.json",
        "--test-file-pattern",
        "*.test.js",
    ];
    let ended = Bktec::configured(&arguments, NO_SERVER)
        .file("plan.json", &PLAN.replacen('{', &population, 1))
        .file("d.test.js", "")
        .run();
    assert!(
        ended.stderr.contains("Not in the plan: d.test.js"),
        "{ended}"
    );
}
