//! `bktec verify` with a scripted server.

use crate::bktec::Bktec;
use crate::server::{Reply, Server};
use crate::verify::{json, report};

/// Responds with the accounting of a build of which this many nodes have reported, one more with
/// each request.
fn accounting(earlier_requests: usize) -> Reply {
    let node = |node: usize| {
        let state = if node <= earlier_requests {
            "\"finished\""
        } else {
            "null"
        };
        format!(
            r#"{{"node": {node}, "job_id": "", "planned": 1, "ran": 1, "started_at": "",
               "source": null, "estimated_ms": null, "exit_code": null, "finished_at": null,
               "state": {state}}}"#
        )
    };
    let is_over = earlier_requests >= 2;
    let (verdict, failures) = if is_over {
        ("complete", "")
    } else {
        (
            "incomplete",
            r#"{"kind": "target_not_run", "target": "a.py", "nodes": [2]}"#,
        )
    };
    Reply::ok(&format!(
        r#"{{"accountings": [{{"identifier": "build-1/step-1", "verdict": "{verdict}", "groups": [{{
            "group": "", "verdict": "{verdict}", "parallelism": 3, "targets": 3,
            "complete_targets": 2, "tests": 4, "failed_tests": 0,
            "nodes": [{}, {}, {}], "failures": [{failures}], "warnings": [],
            "excused_tests": []}}]}}]}}"#,
        node(0),
        node(1),
        node(2)
    ))
}

#[test]
fn without_reports_the_server_has_the_verdict() {
    let server = Server::start(|_, _| accounting(2));
    let ended = Bktec::against(&["verify"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let [request] = &server.requests()[..] else {
        panic!("{}", server.lines());
    };
    let suite = "/v2/analytics/organizations/acme/suites/web";
    let build = format!("{suite}/test_plan/accounting?build_id=build-1");
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("GET", build.as_str())
    );
    assert_eq!(request.header("authorization"), Some("Bearer secret-token"));

    let server = Server::start(|_, _| accounting(0));
    let plan = Bktec::against(&["verify", "--plan-identifier", "build-1/a b"], &server).run();
    assert_eq!(plan.code, 1, "{plan}");
    let target = format!("{suite}/test_plan/accounting?identifier=build-1/a%20b");
    assert_eq!(server.requests()[0].target, target);
}

#[test]
fn the_server_also_gets_reports_from_files() {
    let server = Server::start(|request, _| {
        if request.method == "POST" {
            Reply::ok("{}")
        } else {
            accounting(2)
        }
    });
    let ended = Bktec::against(&["verify", "--server", "--reports", "reports"], &server)
        .directory("reports")
        .file("reports/bktec-node-0-0.json", &json(&report(0)))
        .file("reports/bktec-node-1-0.json", &json(&report(1)))
        .run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        server.lines(),
        "POST /test_plan/node_reports\nPOST /test_plan/node_reports\nGET /test_plan/accounting"
    );
}

#[test]
fn waits_until_every_node_has_reported() {
    let server = Server::start(|_, earlier| accounting(earlier));
    let ended = Bktec::against(&["verify", "--wait", "10m"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert_eq!(
        ended.stderr,
        "Waiting: 2 of 3 nodes have not reported their end\n\
         Waiting: 1 of 3 nodes have not reported their end\n"
    );
}

#[test]
fn what_the_server_does_not_know_is_unknown() {
    let replies: [fn() -> Reply; 2] = [
        || Reply::ok(r#"{"accountings": []}"#),
        // It has no such call.
        Reply::not_found,
    ];
    for reply in replies {
        let server = Server::start(move |_, _| reply());
        let ended = Bktec::against(&["verify"], &server).run();
        insta::allow_duplicates! {
            insta::assert_snapshot!(ended.wrapped(), @r#"
            exit code: 16
            ----- stdout -----
            ----- stderr -----
            ❌ the server knows neither a plan nor a node report of build "build-1"
            hint: nodes report to the server at BUILDKITE_TEST_ENGINE_BASE_URL (--base-url); with a
              server that does not store reports, use --reports
            "#);
        }
    }
}

#[test]
fn a_server_that_refuses_leaves_it_unknown() {
    let server = Server::start(|_, _| Reply::message(401, "Token is invalid"));
    let ended = Bktec::against(&["verify"], &server).run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(
        ended
            .stderr
            .contains("failed to verify the build: Token is invalid"),
        "{ended}"
    );
}
