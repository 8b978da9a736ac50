//! Plans and metadata: what is requested, which share of a plan runs, what is sent at the end.

use rstest::rstest;

use super::{PLAN, creating_plan, posted_to, with_plan};
use crate::bktec::Bktec;
use crate::server::{Reply, Server};

#[test]
fn runs_its_share_of_an_existing_plan() {
    let server = with_plan(PLAN);
    let ended = Bktec::against(&["run"], &server).run();
    // Longer than a line of source.
    let warning = "⚠️ The runner exited with code 0 but wrote no results to DIRECTORY/result.json. \
                   Did a test end the process? Nothing is retried.";
    let ended = ended.to_string().replace(warning, "(a warning)");
    insta::assert_snapshot!(ended, @r"
    exit code: 0
    ----- stdout -----
    +++ Buildkite Test Engine Client: bktec VERSION

     _     _    _
    | |__ | | _| |_ ___  ___
    | '_ \| |/ / __/ _ \/ __|
    | |_) |   <| ||  __/ (__
    |_.__/|_|\_\\__\___|\___|

    +++ Buildkite Test Engine Client: 📊 Split summary
    3 test files on 2 nodes
      2 (66.7%) estimated from past historical durations
      1 test file without history, assumed to take 1.0s each (the median of the others)
    Estimated time: 4.0s on every node
    echo ran a.test.js c.test.js into result.json
    ran a.test.js c.test.js into result.json
    (a warning)
    ----- stderr -----
    ");
    assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan_metadata");
}

#[test]
fn requests_the_plan_by_identifier() {
    let server = with_plan(PLAN);
    Bktec::against(
        &["run", "--plan-identifier", "b 1/s&2", "--retry-count", "3"],
        &server,
    )
    .run();
    let first = &server.requests()[0];
    assert_eq!(
        first.target,
        "/v2/analytics/organizations/acme/suites/web/test_plan\
         ?identifier=b%201/s%262&job_retry_count=3"
    );
    assert_eq!(first.header("authorization"), Some("Bearer secret-token"));
    assert_eq!(first.header("content-type"), Some("application/json"));
    let agent = first.header("user-agent").unwrap();
    assert!(
        agent.starts_with("Buildkite Test Engine Client/"),
        "{agent}"
    );
}

#[test]
fn creates_a_plan_if_there_is_none() {
    let server = creating_plan(PLAN);
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = posted_to(&server.requests(), "/test_plan").json();
    insta::assert_json_snapshot!(request, @r#"
    {
      "branch": "main",
      "identifier": "build-1/step-1",
      "parallelism": 2,
      "runner": "jest",
      "tests": {
        "selectors": [
          {
            "value": "a.test.js"
          },
          {
            "value": "b.test.js"
          },
          {
            "value": "c.test.js"
          }
        ]
      }
    }
    "#);
}

#[test]
fn sends_files_without_selector_splitting() {
    let server = creating_plan(PLAN);
    Bktec::against(
        &[
            "run",
            "--selector-splitting=false",
            "--location-prefix",
            "web/app",
        ],
        &server,
    )
    .run();
    let request = server.requests()[1].json();
    insta::assert_json_snapshot!(request["tests"], @r#"
    {
      "files": [
        {
          "path": "web/app/a.test.js"
        },
        {
          "path": "web/app/b.test.js"
        },
        {
          "path": "web/app/c.test.js"
        }
      ]
    }
    "#);
}

#[test]
fn sends_selection_and_metadata() {
    let server = creating_plan(PLAN);
    let arguments = [
        "run",
        "--selection-strategy",
        "random",
        "--selection-param",
        "percent=40",
        "--metadata",
        "note=a,b",
    ];
    let ended = Bktec::against(&arguments, &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(
        request["selection"],
        serde_json::json!({"strategy": "random", "params": {"percent": "40"}})
    );
    assert_eq!(request["metadata"]["note"], "a,b", "{request}");
    let server = creating_plan(PLAN);
    let ended = Bktec::against(&["run", "--selection-strategy", "Off"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    let request = posted_to(&server.requests(), "/test_plan").json();
    assert_eq!(request.get("selection"), None, "{request}");
}

#[test]
fn a_node_without_tests_passes_unless_the_option_forbids_it() {
    let plan = r#"{"parallelism":2,"tasks":{
        "0":{"node_number":0,"tests":[]},
        "1":{"node_number":1,"tests":[{"value":"a.test.js","format":"selector"}]}}}"#;
    let server = with_plan(plan);
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stdout.contains("no tests"), "{ended}");
    assert!(!ended.stdout.contains("ran "), "{ended}");
    for must_not in [
        Bktec::against(&["run", "--fail-on-no-tests"], &server),
        Bktec::against(&["run"], &server).env("BUILDKITE_TEST_ENGINE_FAIL_ON_NO_TESTS", "t"),
    ] {
        let ended = must_not.run();
        assert_eq!(ended.code, 16);
        assert_eq!(ended.stderr, "❌ no tests assigned to this node\n");
    }
}

#[rstest]
#[case::no_tasks(r#"{"identifier":"x","parallelism":2,"tasks":{}}"#)]
#[case::null_tasks(r#"{"identifier":"x","parallelism":2,"tasks":null}"#)]
#[case::nothing(r"{}")]
fn falls_back_if_the_plan_has_no_tasks(#[case] plan: &str) {
    for server in [with_plan(plan), creating_plan(plan)] {
        let ended = Bktec::against(&["run"], &server).run();
        assert_eq!(ended.code, 0, "{ended}");
        assert!(
            ended
                .stderr
                .contains("Falling back to non-intelligent splitting"),
            "{ended}"
        );
        assert!(
            ended
                .stdout
                .contains("ran a.test.js c.test.js into result.json\n"),
            "{ended}"
        );
        assert!(!server.lines().contains("metadata"), "{}", server.lines());
    }
}

#[rstest]
#[case::this_node_is_missing(
    r#"{"tasks":{"1":{"tests":[{"value":"a.test.js","format":"selector"}]}}}"#,
    "has no node 0"
)]
#[case::a_node_too_many(
    r#"{"tasks":{"0":{"tests":[]},"1":{"tests":[]},
        "2":{"tests":[{"value":"a.test.js","format":"selector"}]}}}"#,
    "would never run"
)]
#[case::nameless(
    r#"{"tasks":{"0":{"tests":[{"format":"selector"}]},"1":{"tests":[]}}}"#,
    "cannot be run"
)]
fn rejects_a_plan_that_does_not_fit(#[case] plan: &str, #[case] says: &str) {
    let ended = Bktec::against(&["run"], &with_plan(plan)).run();
    assert_eq!(ended.code, 16, "{ended}");
    assert!(ended.stderr.contains(says), "{ended}");
    assert!(!ended.stdout.contains("ran "), "{ended}");
}

#[test]
fn sends_exactly_these_settings_as_metadata() {
    let server = with_plan(PLAN);
    Bktec::against(&["run"], &server)
        .env("BUILDKITE_ANALYTICS_TOKEN", "upload-secret")
        .env("BUILDKITE_TEST_ENGINE_UPLOAD_RESULTS", "true")
        .run();
    let requests = server.requests();
    let metadata = posted_to(&requests, "/test_plan_metadata").json();
    let keys: Vec<_> = metadata["env"].as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 18, "{keys:?}");
    assert!(!metadata.to_string().contains("secret"), "{metadata}");
    let events: Vec<_> = metadata["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event"].as_str().unwrap())
        .collect();
    assert_eq!(events, ["test_start", "test_end"]);
}

#[test]
fn rejected_metadata_is_only_a_warning() {
    let plan = PLAN.to_owned();
    let server = Server::start(move |request, _| match request.method.as_str() {
        "GET" => Reply::ok(&plan),
        _ => Reply::message(404, "Test plan not found"),
    });
    let ended = Bktec::against(&["run"], &server).run();
    assert_eq!(ended.code, 0, "{ended}");
    assert!(ended.stderr.contains("Test plan not found"), "{ended}");
}

#[test]
fn a_node_without_tests_sends_plan_metadata() {
    let plan = r#"{"tasks":{"0":{"tests":[]},"1":{"tests":[]}}}"#;
    for (option, code) in [("--fail-on-no-tests=false", 0), ("--fail-on-no-tests", 16)] {
        let server = with_plan(plan);
        let ended = Bktec::against(&["run", option], &server).run();
        assert_eq!(ended.code, code, "{ended}");
        assert_eq!(server.lines(), "GET /test_plan\nPOST /test_plan_metadata");
        let requests = server.requests();
        let metadata = posted_to(&requests, "/test_plan_metadata").json();
        assert_eq!(metadata["timeline"], serde_json::json!([]));
        assert_eq!(metadata["statistics"]["total"], 0);
        assert_eq!(
            metadata["env"]["BUILDKITE_TEST_ENGINE_IDENTIFIER"],
            "build-1/step-1"
        );
    }
}
