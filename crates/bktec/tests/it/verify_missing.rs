//! `bktec verify` after real runs of `bktec run`, and `--run-missing`.

use std::path::Path;

use crate::bktec::{Bktec, Ended};
use crate::server::{Reply, Request, Server};

/// Appends its targets to `ran.txt` and reports a passed test of each, or a failed one of files
/// that contain "fails".
const RUNNER: &str = r#"
{ echo '<testsuite name="suite">'
for target in "$@"; do
  echo "$target" >> ran.txt
  echo "<testcase classname=\"$target\" name=\"works\" file=\"$target\">"
  if grep -q fails "$target"; then echo '<failure/>' ; failed=1; fi
  echo '</testcase>'
done
echo '</testsuite>'; } > result.xml
exit ${failed:-0}"#;

const PLAN: &str = r#"{"identifier": "build-1/step-1", "parallelism": 2, "tasks": {
    "0": {"node_number": 0, "tests": [{"value": "a.test.js", "format": "selector"},
        {"value": "c.test.js", "format": "selector"}]},
    "1": {"node_number": 1, "tests": [{"value": "b.test.js", "format": "selector"}]}}}"#;

/// `bktec` in a project with the files a, b and c, and a runner for them.
fn in_project(arguments: &[&str], server: &Server) -> Bktec {
    Bktec::against(arguments, server)
        .program("runner", RUNNER)
        .env("BUILDKITE_TEST_ENGINE_TEST_RUNNER", "custom")
        .env("BUILDKITE_TEST_ENGINE_TEST_CMD", "runner {{testExamples}}")
        .env("BUILDKITE_TEST_ENGINE_TEST_FILE_PATTERN", "*.test.js")
        .env("BUILDKITE_TEST_ENGINE_RESULT_PATH", "result.xml")
}

/// Each node splits the tests itself.
fn without_plan() -> Server {
    Server::start(|_, _| Reply::message(422, "not for you"))
}

fn run_node(index: &str, reports: &Path, server: &Server) {
    let bktec = in_project(&["run"], server)
        .argument("--report-dir")
        .argument(reports);
    let ended = bktec.env("BUILDKITE_PARALLEL_JOB", index).run();
    assert_eq!(ended.code, 0, "{ended}");
}

/// Returns the targets that it ran, too.
fn verify(arguments: &[&str], reports: &Path, server: &Server) -> (Ended, String) {
    let arguments = [&["verify"], arguments].concat();
    ended_and_ran(
        in_project(&arguments, server)
            .argument("--reports")
            .argument(reports),
    )
}

fn ended_and_ran(bktec: Bktec) -> (Ended, String) {
    let (ended, bktec) = bktec.file("ran.txt", "").run_and_keep();
    let ran = bktec.read("ran.txt");
    (ended, ran)
}

#[test]
fn two_nodes_without_a_plan_are_a_complete_build() {
    let (server, reports) = (without_plan(), tempfile::tempdir().unwrap());
    for index in ["0", "1"] {
        run_node(index, reports.path(), &server);
    }
    let (ended, _) = verify(&[], reports.path(), &server);
    assert_eq!(ended.code, 0, "{ended}");
    let headline = "✅ Complete: 3 of 3 targets ran to the end on 2 nodes, with 3 tests";
    assert!(ended.stdout.contains(headline), "{ended}");
    let (ended, ran) = verify(&["--run-missing"], reports.path(), &server);
    assert_eq!((ended.code, ran.as_str()), (0, ""), "{ended}");
}

#[test]
fn a_lost_node_without_a_plan_is_found_and_repaired() {
    let (server, reports) = (without_plan(), tempfile::tempdir().unwrap());
    run_node("0", reports.path(), &server);
    let (ended, _) = verify(&[], reports.path(), &server);
    assert_eq!(ended.code, 1, "{ended}");
    assert!(
        ended.stdout.contains("node 1, and its share is unknown"),
        "{ended}"
    );
    assert!(
        ended.stderr.contains("hint: bktec verify --run-missing"),
        "{ended}"
    );
    let (ended, ran) = verify(&["--run-missing"], reports.path(), &server);
    assert_eq!((ended.code, ran.as_str()), (0, "b.test.js\n"), "{ended}");
    let headline = "✅ Complete: 3 of 3 targets ran to the end on 2 nodes, with 3 tests";
    assert!(ended.stdout.contains(headline), "{ended}");
}

#[test]
fn a_lost_node_of_a_plan_file_is_repaired_and_stays_so() {
    let server = Server::start(|_, _| Reply::ok(PLAN));
    let directory = tempfile::tempdir().unwrap();
    run_node("0", directory.path(), &server);
    let plan = directory.path().join("plan.json");
    fs_err::write(&plan, PLAN).unwrap();
    let plan = plan.to_str().unwrap();
    let reports = directory.path().to_str().unwrap();
    let arguments = [
        "--plan-file",
        plan,
        "--report-dir",
        reports,
        "--run-missing",
    ];
    let (ended, ran) = verify(&arguments, directory.path(), &server);
    assert_eq!((ended.code, ran.as_str()), (0, "b.test.js\n"), "{ended}");
    let (ended, ran) = verify(&arguments, directory.path(), &server);
    assert_eq!((ended.code, ran.as_str()), (0, ""), "{ended}");
}

#[test]
fn only_what_is_missing_runs_again_below_a_location_prefix() {
    let (server, reports) = (without_plan(), tempfile::tempdir().unwrap());
    let below_web = |bktec: Bktec| {
        bktec
            .env("BUILDKITE_TEST_ENGINE_SELECTOR_SPLITTING", "false")
            .env("BUILDKITE_TEST_ENGINE_LOCATION_PREFIX", "web")
    };
    let ended = below_web(in_project(&["run"], &server))
        .argument("--report-dir")
        .argument(reports.path())
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    let verify = in_project(&["verify", "--run-missing"], &server)
        .argument("--reports")
        .argument(reports.path());
    let (ended, ran) = ended_and_ran(below_web(verify));
    assert_eq!((ended.code, ran.as_str()), (0, "b.test.js\n"), "{ended}");
    assert!(
        ended.stdout.contains("✅ Complete: 3 of 3 targets"),
        "{ended}"
    );
}

#[test]
fn missing_tests_that_fail_have_the_code_of_the_runner() {
    let (server, reports) = (without_plan(), tempfile::tempdir().unwrap());
    run_node("0", reports.path(), &server);
    let bktec = in_project(&["verify", "--run-missing"], &server)
        .argument("--reports")
        .argument(reports.path())
        .file("b.test.js", "fails");
    let (ended, ran) = ended_and_ran(bktec);
    assert_eq!((ended.code, ran.as_str()), (1, "b.test.js\n"), "{ended}");
    let failed =
        "These targets were missing, and the job that ran them failed:\n  b.test.js (exit 1)";
    assert!(ended.stdout.contains(failed), "{ended}");
}

#[test]
fn missing_tests_that_failed_are_red_until_they_pass() {
    let (server, reports) = (without_plan(), tempfile::tempdir().unwrap());
    run_node("0", reports.path(), &server);
    let verify = |content: &str| {
        let bktec = in_project(&["verify", "--run-missing"], &server)
            .argument("--reports")
            .argument(reports.path())
            .argument("--report-dir")
            .argument(reports.path());
        ended_and_ran(bktec.file("b.test.js", content))
    };
    for content in ["fails", "fails", ""] {
        let (ended, ran) = verify(content);
        let code = i32::from(!content.is_empty());
        assert_eq!((ended.code, ran.as_str()), (code, "b.test.js\n"), "{ended}");
    }
    let (ended, ran) = verify("");
    assert_eq!((ended.code, ran.as_str()), (0, ""), "{ended}");
}

#[test]
fn reports_of_two_steps_fit_into_one_directory() {
    let (server, reports) = (without_plan(), tempfile::tempdir().unwrap());
    for step in ["unit", "browser"] {
        for index in ["0", "1"] {
            let bktec = in_project(&["run", "--report-dir"], &server).argument(reports.path());
            let bktec = bktec.env("BUILDKITE_PARALLEL_JOB", index);
            let ended = bktec.env("BUILDKITE_STEP_ID", step).run();
            assert_eq!(ended.code, 0, "{ended}");
        }
    }
    let (ended, _) = verify(&["--plans", "2"], reports.path(), &server);
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(ended.stdout.matches("✅ Complete").count(), 2, "{ended}");
}

#[test]
fn run_missing_needs_one_plan() {
    let (server, reports) = (without_plan(), tempfile::tempdir().unwrap());
    for group in ["", "a", "b"] {
        let bktec = in_project(&["run", "--group", group], &server)
            .argument("--report-dir")
            .argument(reports.path());
        let ended = bktec.run();
        assert_eq!(ended.code, 0, "{ended}");
    }
    let (ended, ran) = verify(&["--run-missing"], reports.path(), &server);
    assert_eq!((ended.code, ran.as_str()), (16, ""), "{ended}");
    let message = "❌ failed to run what is missing: it belongs to several plans: build-1/step-1, \
         build-1/step-1 (a), build-1/step-1 (b)\nhint: ";
    assert!(ended.stderr.contains(message), "{ended}");
    let (ended, ran) = verify(&["--run-missing", "--group", "a"], reports.path(), &server);
    assert_eq!((ended.code, ran.as_str()), (1, "b.test.js\n"), "{ended}");
}

#[test]
fn the_server_gets_the_report_of_what_was_missing() {
    let is_report = |request: &Request| request.target.ends_with("/test_plan/node_reports");
    let accounting = |verdict: &str, failures: &str| {
        Reply::ok(&format!(
            r#"{{"accountings": [{{"identifier": "build-1/step-1", "verdict": "{verdict}",
                "groups": [{{"group": "", "verdict": "{verdict}", "parallelism": 2, "targets": 3,
                "complete_targets": 2, "tests": 4, "failed_tests": 0, "nodes": [],
                "failures": [{failures}], "warnings": [], "excused_tests": []}}]}}]}}"#
        ))
    };
    let server = Server::start(move |request, earlier| {
        if is_report(request) {
            Reply::ok("{}")
        } else if request.target.contains("/test_plan/accounting") {
            if earlier == 0 {
                accounting(
                    "incomplete",
                    r#"{"kind": "target_not_run", "target": "b.test.js", "nodes": [1]}"#,
                )
            } else {
                accounting("complete", "")
            }
        } else {
            Reply::ok(PLAN)
        }
    });
    let (ended, ran) = ended_and_ran(in_project(&["verify", "--run-missing"], &server));
    assert_eq!((ended.code, ran.as_str()), (0, "b.test.js\n"), "{ended}");
    let mut lines: Vec<String> = server.lines().lines().map(str::to_owned).collect();
    lines.dedup();
    assert_eq!(
        lines,
        [
            "GET /test_plan/accounting",
            "GET /test_plan",
            "POST /test_plan/node_reports",
            "GET /test_plan/accounting",
        ]
    );
}
