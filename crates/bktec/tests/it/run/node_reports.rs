//! Reports of the node: the file of `--report-dir` and what the server receives.

use std::io::Read as _;

use flate2::read::GzDecoder;
use rstest::rstest;
use serde_json::Value;
use test_engine_testkit::NO_SERVER;

use super::{DIGEST, PASSING, PLAN, with_plan};
use crate::bktec::Bktec;
use crate::server::{Reply, Request, Server};

/// Long enough for the first report, which short runs do not send.
const SLOW: &str = "sh -c 'sleep 0.5; exit 0' {{testExamples}} {{resultPath}}";

fn with_reports() -> String {
    PLAN.replacen('{', r#"{"features":["node_reports"],"#, 1)
}

/// The only report in `directory`, whose name begins with `bktec-node-` and the node.
pub(super) fn report_in(bktec: &Bktec, directory: &str) -> Value {
    let entries = fs_err::read_dir(bktec.path().join(directory)).unwrap();
    let files: Vec<_> = entries.map(|entry| entry.unwrap()).collect();
    let [file] = &files[..] else {
        panic!("{files:?}")
    };
    let name = file.file_name().into_string().unwrap();
    let report: Value = serde_json::from_slice(&fs_err::read(file.path()).unwrap()).unwrap();
    let (node, retry) = (&report["node"], &report["job_retry_count"]);
    assert!(
        name.starts_with(&format!("bktec-node-{node}-{retry}-")),
        "{name}"
    );
    report
}

fn is_report(request: &Request) -> bool {
    request.target.ends_with("/test_plan/node_reports")
}

/// The reports that the server received, in the order of their states.
fn reports_of(server: &Server) -> Vec<Value> {
    let requests = server.requests();
    let mut reports: Vec<Value> = requests
        .iter()
        .filter(|request| is_report(request))
        .map(|request| {
            assert_eq!(request.header("content-type"), Some("application/json"));
            assert_eq!(request.header("authorization"), Some("Bearer secret-token"));
            let text = match request.header("content-encoding") {
                None => request.body.clone(),
                Some(encoding) => {
                    assert_eq!(encoding, "gzip");
                    let mut text = Vec::new();
                    let mut decoder = GzDecoder::new(&request.body[..]);
                    decoder.read_to_end(&mut text).unwrap();
                    text
                }
            };
            serde_json::from_slice(&text).unwrap()
        })
        .collect();
    reports.sort_by_key(|report| report["state"] != "started");
    reports
}

#[test]
fn writes_the_report_to_a_directory() {
    let server = with_plan(PLAN);
    let arguments = ["run", "--report-dir", "reports", "--test-command", PASSING];
    let (ended, bktec) = Bktec::against(&arguments, &server).run_and_keep();
    assert_eq!(ended.code, 0, "{ended}");
    let mut report = report_in(&bktec, "reports");
    for time in ["started_at", "finished_at"] {
        assert!(report[time].is_string(), "{report}");
        report[time] = "(time)".into();
    }
    insta::assert_json_snapshot!(report, @r#"
    {
      "build_id": "build-1",
      "excused_tests": [],
      "exit_code": 0,
      "finished_at": "(time)",
      "group": "",
      "has_focus": false,
      "identifier": "build-1/step-1",
      "job_id": "job-1",
      "job_retry_count": 0,
      "node": 0,
      "parallelism": 2,
      "plan_source": "server",
      "population": {
        "count": 3,
        "digest": "216f043449a22868716172038e6afb7cf0b7c66b6afa90b2f3dff075a2229f26"
      },
      "runner": "jest",
      "started_at": "(time)",
      "state": "finished",
      "targets": [
        {
          "failed": 0,
          "outcome": "no_results",
          "planned": true,
          "tests": 0,
          "value": "c.test.js"
        },
        {
          "failed": 0,
          "outcome": "complete",
          "planned": true,
          "tests": 1,
          "value": "a.test.js"
        }
      ]
    }
    "#);
    assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan_metadata");
}

#[test]
fn sends_the_start_and_the_end() {
    let server = with_plan(&with_reports());
    let arguments = ["run", "--allow-missing-results", "--test-command", SLOW];
    let ended = Bktec::against(&arguments, &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let reports = reports_of(&server);
    assert_eq!(reports.len(), 2, "{reports:?}");
    let [start, end] = &reports[..] else { panic!() };
    assert_eq!(
        (&start["state"], &end["state"]),
        (&"started".into(), &"finished".into())
    );
    assert_eq!(start["targets"][0]["outcome"], "not_run");
    assert_eq!(start["exit_code"], Value::Null);
    assert_eq!(end["exit_code"], 0);
    assert_eq!(start["population"]["digest"], DIGEST);
    assert_eq!(
        (&start["job_id"], &start["started_at"]),
        (&end["job_id"], &end["started_at"])
    );
}

#[test]
fn metadata_goes_in_the_last_report_where_the_server_reads_it_there() {
    let features = r#"{"features":["node_reports","node_report_metadata"],"#;
    let server = with_plan(&PLAN.replacen('{', features, 1));
    let arguments = [
        "run",
        "--allow-missing-results",
        "--report-dir",
        "reports",
        "--test-command",
        SLOW,
    ];
    let (ended, bktec) = Bktec::against(&arguments, &server).run_and_keep();
    assert_eq!(ended.code, 0, "{ended}");
    let reports = reports_of(&server);
    let [start, end] = &reports[..] else {
        panic!("{reports:?}")
    };
    assert_eq!(start["metadata"], Value::Null);
    let metadata = &end["metadata"];
    let identifier = &metadata["env"]["BUILDKITE_TEST_ENGINE_IDENTIFIER"];
    assert_eq!(identifier, "build-1/step-1", "{metadata}");
    assert_eq!(metadata["timeline"][0]["event"], "test_start");
    let lines = server.lines();
    assert!(!lines.contains("test_plan_metadata"), "{lines}");
    assert_eq!(report_in(&bktec, "reports")["metadata"], Value::Null);
}

/// A node without a plan reports its end alone, and only where the server may know reports.
#[rstest]
#[case::own_server(None, 1)]
#[case::hosted(Some("https://api.buildkite.com"), 0)]
fn a_node_without_a_plan_reports_its_end(#[case] base: Option<&str>, #[case] count: usize) {
    let server = Server::start(|request, _| {
        if is_report(request) {
            Reply::ok("{}")
        } else {
            Reply::message(422, "not for you")
        }
    });
    let arguments = ["run", "--report-dir", "reports", "--test-command", PASSING];
    let bktec = match base {
        None => Bktec::against(&arguments, &server),
        // Nothing leaves this machine.
        Some(hosted) => Bktec::configured(&arguments, hosted).env("HTTPS_PROXY", server.base()),
    };
    let (ended, bktec) = bktec.run_and_keep();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(reports_of(&server).len(), count);
    let report = report_in(&bktec, "reports");
    assert_eq!(report["plan_source"], "fallback");
    assert_eq!(report["state"], "finished");
    assert_eq!(report["population"]["digest"], DIGEST);
    assert_eq!(report["targets"][0]["value"], "a.test.js");
}

#[rstest]
#[case::signal("sh -c 'kill -TERM $$' {{testExamples}} {{resultPath}}", 143)]
#[case::not_found("no-such-program-here {{testExamples}} {{resultPath}}", 16)]
fn reports_a_run_that_did_not_finish(#[case] command: &str, #[case] code: i32) {
    let server = with_plan(&with_reports());
    let arguments = ["run", "--report-dir", "reports", "--test-command", command];
    let (ended, bktec) = Bktec::against(&arguments, &server).run_and_keep();
    assert_eq!(ended.code, code, "{ended}");
    let sent = reports_of(&server);
    for report in [&report_in(&bktec, "reports"), sent.last().unwrap()] {
        assert_eq!(report["state"], "failed");
        assert_eq!(report["exit_code"], code);
        let targets = report["targets"].as_array().unwrap();
        assert_eq!(targets.len(), 2, "{report}");
        assert!(
            targets.iter().all(|target| target["outcome"] == "not_run"),
            "{report}"
        );
    }
}

#[test]
fn a_node_without_tests_reports_its_end() {
    let plan = with_reports().replace(r#""0":{"node_number":0,"#, r#""0":{"tests":[]},"2":{"#);
    let server = with_plan(&plan);
    let ended = Bktec::against(&["run", "--parallelism", "3"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let sent = reports_of(&server);
    let end = sent.last().unwrap();
    assert_eq!(end["state"], "finished");
    assert_eq!(end["targets"], serde_json::json!([]));
    let ended = Bktec::against(&["run", "--parallelism=3", "--fail-on-no-tests"], &server).run();
    assert_eq!(ended.code, 16, "{ended}");
    let failed = reports_of(&server);
    assert!(
        failed.iter().any(|report| report["state"] == "failed"),
        "{failed:?}"
    );
}

#[rstest]
#[case::server_error(500, "HTTP 500")]
#[case::unknown(404, "gone")]
#[case::refused(401, "who?")]
fn a_report_that_is_not_accepted_is_a_warning(#[case] status: u16, #[case] message: &'static str) {
    let server = Server::start(move |request, _| {
        if is_report(request) {
            Reply::message(status, message)
        } else if request.method == "GET" {
            Reply::ok(&with_reports())
        } else {
            Reply::ok("{}")
        }
    });
    let ended = Bktec::against(&["run", "--test-command", PASSING], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let warning = "⚠️ failed to send the node report: ";
    assert_eq!(ended.stderr.matches(warning).count(), 1, "{ended}");
}

#[test]
fn a_directory_that_cannot_be_written_is_a_warning() {
    let arguments = [
        "run",
        "--report-dir",
        "a.test.js/reports",
        "--test-command",
        PASSING,
    ];
    let ended = Bktec::against(&arguments, &with_plan(PLAN)).run();
    assert_eq!(ended.code, 0, "{ended}");
    let warning = "⚠️ failed to write the node report a.test.js/reports/bktec-node-0-0-";
    assert!(ended.stderr.contains(warning), "{ended}");
}

#[test]
fn jobs_of_a_github_matrix_have_different_ids() {
    let id = |()| {
        let arguments = ["run", "--report-dir", "reports", "--group", "py 3.12"];
        let bktec = Bktec::against(&arguments, &with_plan(PLAN))
            .without("BUILDKITE_JOB_ID")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_RUN_ID", "99")
            .env("GITHUB_JOB", "test")
            .env("GITHUB_RUN_ATTEMPT", "2");
        let (_, bktec) = bktec.without("BUILDKITE_BUILD_ID").run_and_keep();
        let report = report_in(&bktec, "reports");
        assert_eq!(
            (&report["group"], &report["build_id"]),
            (&"py 3.12".into(), &"99".into())
        );
        report["job_id"].as_str().unwrap().to_owned()
    };
    let ids = [(); 2].map(id);
    assert!(ids[0].starts_with("99/test/1/"), "{ids:?}");
    assert_ne!(ids[0], ids[1]);
}

#[test]
fn an_unreachable_server_is_one_warning() {
    let arguments = ["run", "--report-dir", "reports", "--test-command", PASSING];
    let ended = Bktec::configured(&arguments, NO_SERVER).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(ended.stderr.matches("⚠️").count(), 1, "{ended}");
}

#[rstest]
#[case::small(10, None)]
#[case::large(300, Some("gzip"))]
fn only_large_reports_are_compressed(#[case] more: usize, #[case] encoding: Option<&str>) {
    let targets: Vec<_> = (0..more)
        .map(|number| format!(r#"{{"value":"more/{number}.test.js","format":"selector"}},"#))
        .collect();
    let targets = targets.concat();
    let plan = with_reports().replacen(r#""tests":["#, &format!(r#""tests":[{targets}"#), 1);
    let server = with_plan(&plan);
    let ended = Bktec::against(&["run", "--test-command", PASSING], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let requests = server.requests();
    let reports = requests.iter().filter(|request| is_report(request));
    let encodings: Vec<_> = reports
        .map(|request| request.header("content-encoding"))
        .collect();
    assert_eq!(encodings.last(), Some(&encoding));
    let last = reports_of(&server).pop().unwrap();
    assert_eq!(last["targets"].as_array().unwrap().len(), more + 2);
}
